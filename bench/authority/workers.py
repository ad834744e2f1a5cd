"""Processes that answer requests side by side. What they hold they got over a pipe, and it ends with them.

A worker ends when its pipe does, also when the process that started it was killed: none is left behind.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple, Self

from protocols.gbcs.elliptic_curve import load_private, sign
from protocols.smki.certificate import Certificate
from protocols.smki.issue import Issuer

from .answering import Answer, Clerk, Task
from .authorities import Authority, Hierarchy
from .laboratory import Laboratory
from .sealing import LabError, Seal

LEAST = 64
"""Fewer requests than that for each are answered here: a worker takes longer to begin."""


class _Begin(NamedTuple):
    """For whom the worker answers from now on. The private key is sealed, as it lies on the disk."""

    seal: bytes
    certificate: bytes
    key_identifier: bytes
    private: bytes

    def __repr__(self) -> str:
        return "<begin>"


class Workers:
    """Answers like ``Registration.answer_here``, in several processes. Use it as a context."""

    def __init__(self, lab: Laboratory, number: int) -> None:
        self._lab = lab
        context = get_context("spawn")  # a child made by fork would hold its siblings' pipes open
        self._pipes: list[Connection] = []
        self._processes = []
        self._authority: bytes | None = None
        for _ in range(number):
            mine, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(mine)
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join()

    def answer(self, hierarchy: Hierarchy, tasks: Sequence[Task]) -> list[Answer]:
        """Answer in the workers; in the order of the tasks. Raises LabError when one of them has ended."""
        lab = self._lab
        if len(tasks) < LEAST * len(self._pipes):
            issuer = lab.authorities.issuer(lab.authorities.current(hierarchy))
            return Clerk(issuer, lab.seal, lab.entropy).answer_all(tasks)
        try:
            self._begin(lab.authorities.current(hierarchy))
            share = -(-len(tasks) // len(self._pipes))
            for number, pipe in enumerate(self._pipes):
                pipe.send(list(tasks[number * share : (number + 1) * share]))
            return [answer for pipe in self._pipes for answer in pipe.recv()]
        except (EOFError, OSError):
            raise LabError("a process that answers requests has ended; give the same command again to go on") from None

    def _begin(self, authority: Authority) -> None:
        if authority.key_identifier == self._authority:
            return
        lab = self._lab
        lab.authorities.private(authority)  # or it would be found wanting in each worker
        sealed = lab.authorities.sealed(authority)
        begin = _Begin(lab.seal.hand_over(), authority.certificate.octets, authority.key_identifier, sealed)
        for pipe in self._pipes:
            pipe.send(begin)
        self._authority = authority.key_identifier


def _work(pipe: Connection) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started it
    clerk: Clerk | None = None
    while True:
        try:
            given = pipe.recv()
            if isinstance(given, _Begin):
                clerk = _clerk(given)
            elif clerk is not None:
                pipe.send(clerk.answer_all(given))
        except (EOFError, OSError):  # who asked has ended
            return


def _clerk(begin: _Begin) -> Clerk:
    import os

    seal = Seal(begin.seal)
    private = load_private(seal.open(begin.private, begin.key_identifier))
    issuer = Issuer(Certificate.decode(begin.certificate), lambda octets: sign(private, octets))
    return Clerk(issuer, seal, os.urandom)
