"""Parts of electricity meters and of the stand-alone controller."""
