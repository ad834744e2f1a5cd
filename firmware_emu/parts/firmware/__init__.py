"""Images, their storage, transfer and activation."""
