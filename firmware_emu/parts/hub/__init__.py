"""Parts of the communications hub function."""
