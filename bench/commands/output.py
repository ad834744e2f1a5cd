"""What a command says on standard output, and how far it is on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

from protocols.errors import LocalProtocolError

T = TypeVar("T")


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


def watched(work: list[T], doing: str) -> Iterable[T]:
    """The work, item by item, with a progress bar when a person watches."""
    if not sys.stderr.isatty():
        return work
    from rich.console import Console
    from rich.progress import track

    return track(work, doing, console=Console(stderr=True), transient=True)
