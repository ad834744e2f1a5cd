"""Kinds of devices: thin lists of parts."""
