"""The key folder that a command was given."""

from __future__ import annotations

import sys
from pathlib import Path

from protocols.gbcs.key_folder import FolderKeyStore, KeyFolderError
from protocols.gbcs.keys import PurposeError

from ..reading import InputError


def open_keystore(folder: Path | None) -> FolderKeyStore | None:
    """The store of test keys in a folder; None if none was given. Raises InputError.

    METERBENCH_PASS_PHRASE in the environment opens private keys that are encrypted.
    """
    if folder is None:
        return None
    from ..pass_phrase import environment_pass_phrase

    try:
        return FolderKeyStore.open(folder, environment_pass_phrase())
    except (KeyFolderError, PurposeError) as error:
        raise InputError(f"{error}; a folder of test keys in PEM files is needed", "--keystore") from None


def warn_of_problems(store: FolderKeyStore | None) -> None:
    """Tell people, on standard error, which files of the folder could not be used, as far as they were needed."""
    for problem in store.problems if store else ():
        print(f"meterbench: --keystore: {problem}", file=sys.stderr)
