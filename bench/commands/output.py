"""What a command says on standard output."""

from __future__ import annotations

import os
import sys

from protocols.errors import LocalProtocolError


def say(text: str) -> None:
    """Print. A reader that has gone, such as ``head``, changes nothing about how the command ends.

    Raises LocalProtocolError when the output cannot be written for another reason.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the rest is tried again at exit
        if not isinstance(error, BrokenPipeError):
            raise LocalProtocolError(f"standard output cannot be written: {error.strerror}") from None
