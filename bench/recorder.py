"""Keeps the record of what a suite does: exchanges with their messages and checks, each closed with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from protocols.instant import Instant

from .evidence import Check, Exchange, Procedure, SeenMessage, Verdict
from .findings import DeviceFinding


@dataclass(slots=True)
class OpenExchange:
    """An exchange that goes on: messages and checks are added until it is closed."""

    device: str
    use_case: str
    title: str
    at: Instant
    requirements: tuple[str, ...] = ()
    sent: SeenMessage | None = None
    received: list[SeenMessage] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def add(self, *checks: Check) -> None:
        """Keep checks; the first that did not pass is raised as a DeviceFinding."""
        self.checks += checks
        failed = next((made for made in checks if made.verdict is Verdict.FAIL), None)
        if failed is not None:
            raise DeviceFinding(finding_text(failed))

    def closed(self, at: Instant, verdict: Verdict | None, reason: str) -> Exchange:
        """The finished record; without a verdict of its own it is that of its checks."""
        if verdict is None:
            verdict = Verdict.of(made.verdict for made in self.checks)
            decisive = next((made for made in self.checks if made.verdict is verdict is not Verdict.PASS), None)
            reason = finding_text(decisive) if decisive else _passed(len(self.checks))
        return Exchange(
            device=self.device,
            use_case=self.use_case,
            title=self.title,
            verdict=verdict,
            reason=reason,
            at=self.at,
            seconds=at - self.at,
            requirements=self.requirements,
            sent=self.sent,
            received=tuple(self.received),
            checks=tuple(self.checks),
        )


def _passed(checks: int) -> str:
    return f"{checks} check{'' if checks == 1 else 's'} passed"


def finding_text(failed: Check) -> str:
    """A check that did not pass, in one line."""
    return f"{failed.name}: expected {failed.expected}, found {failed.found}"


class Recorder:
    """One exchange is open at a time; opening the next one closes it. ``sink`` takes what is closed."""

    def __init__(self, now: Callable[[], Instant], sink: Callable[[Exchange], None]) -> None:
        self._now, self._sink = now, sink
        self.current: OpenExchange | None = None
        self.exchanges: list[Exchange] = []
        self.procedures: list[Procedure] = []
        self.test_title = ""
        self.requirements: tuple[str, ...] = ()

    def open(self, device: str, use_case: str, title: str) -> OpenExchange:
        """Begin an exchange; the one before ends with the verdict of its checks."""
        self.close()
        requirements = self.requirements or ((f"GBCS use case {use_case}",) if use_case else ())
        self.current = OpenExchange(device, use_case, title, self._now(), requirements)
        return self.current

    def close(self, verdict: Verdict | None = None, reason: str = "") -> Exchange | None:
        """End the open exchange, if there is one."""
        if self.current is None:
            return None
        return self._keep(self.current.closed(self._now(), verdict, reason))

    def end_test(self, device: str, name: str, verdict: Verdict | None, reason: str, *, recorded: bool = False) -> None:
        """A test is over. Its verdict, if it broke off, goes to the open exchange or to one made for it.

        Not if the finding is ``recorded`` already, with the exchange that it is about.
        """
        if recorded:
            verdict, reason = None, ""
        elif self.current is None and verdict is not None:
            self.current = OpenExchange(device, name, self.test_title or name, self._now())
        self.close(verdict, reason)

    @contextmanager
    def procedure(self, title: str, device: str) -> Iterator[Callable[[str], None]]:
        """The exchanges inside belong together; what is given takes lines that say what came of them.

        What breaks them off becomes the last line.
        """
        self.close()
        place, first = len(self.procedures), len(self.exchanges) + 1
        steps, breaks_off = list[str](), False
        self.procedures.append(Procedure(title, device, (), first, first))
        try:
            yield steps.append
        except BaseException as error:
            breaks_off = not getattr(error, "recorded", False)  # and an exchange will hold the reason: see ``end_test``
            steps.append(str(error) or type(error).__name__)
            raise
        finally:
            last = len(self.exchanges) + (self.current is not None or breaks_off)
            self.procedures[place] = Procedure(title, device, tuple(steps), first, last)

    def whole_procedures(self) -> tuple[Procedure, ...]:
        """In the order in which they began; none goes beyond the exchanges that there are."""
        there = len(self.exchanges)
        return tuple(each._replace(last=min(each.last, there)) for each in self.procedures)

    def verdicts(self) -> Sequence[Verdict]:
        """Of all exchanges so far."""
        return [exchange.verdict for exchange in self.exchanges]

    def _keep(self, exchange: Exchange) -> Exchange:
        self.current = None
        self.exchanges.append(exchange)
        self._sink(exchange)
        return exchange
