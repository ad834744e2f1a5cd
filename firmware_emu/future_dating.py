"""Work with a date: stored, surviving outages, done at its time, reported by an alert, cancelled, replaced.

Each thing that can be activated has a key; at most one activation is pending for a key, and a later command for the
same key replaces it. Nothing is done by time while the clock is not reliable; when it is again, what is overdue is
done at once, in the order of its times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant

from .clock import ClockStatus
from .defects import CANCEL_MEANS_NOW
from .part import NEVER, Part
from .refusals import Refused

if TYPE_CHECKING:
    from .command import Command
    from .credentials import PartyChange
    from .device import Device

DONE, NOT_DONE = 0x8F66, 0x8F67
"""Alert codes of a future-dated command that was, or was not, carried out."""
AT_ONCE: Instant = 0
CANCEL: Instant = NEVER
"""As a time asked for: drop what is pending. Dropping raises no alert."""


@dataclass(slots=True)
class Pending:
    """An activation that waits. ``reference`` names the instruction in the alert, ``data`` is the action's own."""

    at: Instant
    message_code: int
    counter: int
    role: int
    reference: bytes
    data: bytes


@dataclass(slots=True)
class FutureState:
    """``pending`` by key."""

    pending: dict[str, Pending] = field(default_factory=dict)


class Action(NamedTuple):
    """What an activation does (it may raise ``Refused``), and how its outcome is told."""

    run: Callable[[Pending], None]
    report: Callable[[Pending, int], None]


class FutureDating(Part):
    """The list of pending activations."""

    name = "future"
    State = FutureState
    state: FutureState

    def __init__(self) -> None:
        super().__init__()
        self._actions: dict[str, Action] = {}

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.credentials.listeners.append(self._party_changed)

    def register(self, key: str, run: Callable[[Pending], None], report: Callable[[Pending, int], None]) -> None:
        """Say what an activation of ``key`` does; ``report`` is given 8F66 or 8F67."""
        self._actions[key] = Action(run, report)

    def request(self, key: str, when: Instant, command: Command, reference: bytes, data: bytes = b"") -> bool:
        """Do it at ``when``: AT_ONCE or in the past, later, or CANCEL. True if it was done in this call.

        What is done in this call raises ``Refused`` when it fails and is not reported by an alert.
        """
        if when == CANCEL and self.device.defective(CANCEL_MEANS_NOW):
            when = AT_ONCE
        if self.state.pending.pop(key, None) is not None:
            self.touch()
        if when == CANCEL:
            self._rearm()
            return False
        counter, role = command.message.counter, int(command.role or 0)
        pending = Pending(when, command.use_case.message_code, counter, role, reference, data)
        if when <= self.device.now:
            self._actions[key].run(pending)
            return True
        self.state.pending[key] = pending
        self.device.commands.deferred = True
        self.touch()
        self._rearm()
        return False

    def run_at_once(self, key: str, when: Instant, data: bytes) -> None:
        """Carry out what no command of a remote party asked for; CANCEL does nothing. Raises Refused."""
        if when != CANCEL:
            self._actions[key].run(Pending(when, 0, 0, 0, b"", data))

    def pending(self, key: str) -> Pending | None:
        """What waits under a key, or None."""
        return self.state.pending.get(key)

    def drop(self, key: str) -> None:
        """Forget what waits under a key, without an alert."""
        if self.state.pending.pop(key, None) is not None:
            self.touch()
            self._rearm()

    def clear(self) -> None:
        """Forget all that waits, without an alert."""
        self.state.pending.clear()
        self.touch()
        self._rearm()

    def _party_changed(self, change: PartyChange) -> None:
        """Whether what an old supplier has dated still holds is not established; the personality says so."""
        if self.device.personality.drops_pending and change.role is RemotePartyRole.SUPPLIER:
            kept = {key: each for key, each in self.state.pending.items() if each.role != change.role}
            if len(kept) < len(self.state.pending):
                self.state.pending = kept
                self.touch()
                self._rearm()

    def clock_status_changed(self) -> None:
        """Time may do its work again, or may no longer."""
        self._rearm()

    def started(self) -> None:
        self._rearm()

    def clock_stepped(self, before: Instant, after: Instant) -> None:  # noqa: ARG002 - the list holds the times
        self._rearm()

    def advance(self, at: Instant) -> None:
        if self.device.clock.status is not ClockStatus.RELIABLE:
            self.due = NEVER
            return
        due = [(key, pending.at) for key, pending in self.state.pending.items() if pending.at <= at]
        due.sort(key=lambda each: each[1])  # at the same time, in the order in which they were asked for
        for key, _ in due:
            self._run(key, self.state.pending.pop(key))
            self.touch()
        self._rearm()

    def _run(self, key: str, pending: Pending) -> None:
        action = self._actions.get(key)
        if action is None:  # this firmware no longer has it
            return
        try:
            action.run(pending)
        except Refused:
            action.report(pending, NOT_DONE)
        else:
            action.report(pending, DONE)

    def _rearm(self) -> None:
        times = [pending.at for pending in self.state.pending.values()]
        reliable = self.device.clock.status is ClockStatus.RELIABLE
        self.schedule(min(times) if times and reliable else NEVER)
