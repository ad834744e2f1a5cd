"""What ends a test early, and whose fault it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hal.channel import ChannelTimeout, TransientChannelError
from protocols.errors import MeterbenchError, RemoteProtocolError

from .evidence import Verdict

T = TypeVar("T")


class DeviceFinding(MeterbenchError, AssertionError):  # noqa: N818 - it is no error of the program
    """The device does not do what the specification says. The text says what was expected and what was found.

    ``recorded``: the exchange that it is about is closed already, with its verdict.
    """

    def __init__(self, text: str, *, recorded: bool = False) -> None:
        super().__init__(text)
        self.recorded = recorded


class Inconclusive(MeterbenchError):  # noqa: N818 - it is no error of the program
    """Nobody can tell: something that the test needs cannot be had here. The text says what."""


@contextmanager
def afterwards(work: Callable[[], object]) -> Iterator[None]:
    """Whatever is found inside, ``work`` follows, on which later tests rely; the finding stays where it was made."""
    try:
        yield
    except DeviceFinding as finding:
        finding.recorded = True  # with its exchange, which ends as others follow
        raise
    finally:
        work()


def only(found: Sequence[T], what: str) -> T:
    """The one thing that an answer must hold. Raises DeviceFinding when there are more, or none."""
    if len(found) != 1:
        raise DeviceFinding(f"{what}: expected 1, found {len(found)}")
    return found[0]


def verdict_of(error: BaseException, test_file: Path | None, raised_in: Path | None) -> Verdict:
    """The verdict that an exception stands for.

    A finding, a breach of the protocol by the far side, and an assertion in the test's own text speak of the device;
    an assertion anywhere else is a fault of the bench, like every other exception.
    """
    if isinstance(error, DeviceFinding | RemoteProtocolError | ChannelTimeout):
        return Verdict.FAIL
    if isinstance(error, Inconclusive | TransientChannelError):
        return Verdict.INCONCLUSIVE
    if isinstance(error, AssertionError) and test_file is not None and test_file == raised_in:
        return Verdict.FAIL
    return Verdict.ERROR
