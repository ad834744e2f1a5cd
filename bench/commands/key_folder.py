"""The key folder that a command was given."""

from __future__ import annotations

from pathlib import Path

from protocols.gbcs.key_folder import FolderKeyStore


def open_keystore(folder: Path | None) -> FolderKeyStore | None:
    """The store of test keys in a folder; None if none was given. Raises KeyFolderError, PurposeError."""
    return None if folder is None else FolderKeyStore.open(folder)
