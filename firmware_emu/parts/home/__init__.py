"""Parts of displays and load switches in the home."""
