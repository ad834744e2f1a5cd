"""Parts of devices; each module is one part, and says what it serves, does and keeps."""
