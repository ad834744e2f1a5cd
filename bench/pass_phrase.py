"""The pass phrase that the environment gives for encrypted private keys, whichever command opens them."""

from __future__ import annotations

import os

from protocols.secret import Secret

PASS_PHRASE_VARIABLE = "METERBENCH_PASS_PHRASE"  # noqa: S105 - the name of a variable


def environment_pass_phrase() -> Secret | None:
    """That of the environment, for key folders whose private keys are encrypted."""
    given = os.environ.get(PASS_PHRASE_VARIABLE, "")
    return Secret(given.encode()) if given else None
