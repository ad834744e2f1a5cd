"""Parts of the gas meter and the gas proxy."""
