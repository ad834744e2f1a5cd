"""Counters against replay, and the device's own (GBCS 4.3.1.6 originator counters and protection against replay)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.gbcs.roles import RemotePartyRole

from .defects import ONE_COUNTER_FOR_ALL_ROLES
from .part import Part

TOP_UP = -1
"""The execution counter of top-up commands, which is apart from that of the supplier's other commands."""
_SHARED = -2


@dataclass(slots=True)
class CounterState:
    """``executed``: the highest counter accepted, by role. The others were used last by this device itself."""

    executed: dict[int, int] = field(default_factory=dict)
    originator: int | None = None
    supplementary: int | None = None


class Counters(Part):
    """Unsigned counters of 64 bits."""

    name = "counters"
    State = CounterState
    state: CounterState

    def __init__(self) -> None:
        super().__init__()
        self.floor_listeners: list[Callable[[int, int, bool], None]] = []
        """Told of a floor: role, counter, and whether it is that of a new key."""

    def executed(self, role: RemotePartyRole | int) -> int:
        """The highest counter accepted from a role; 0 when there was none."""
        return self.state.executed.get(self._key(role), 0)

    def is_new(self, role: RemotePartyRole | int, counter: int) -> bool:
        """True if ``counter`` is above the last one of that role."""
        return counter > self.executed(role)

    def store(self, role: RemotePartyRole | int, counter: int) -> None:
        """Set the highest counter accepted, also to a lower one, as an update of credentials may."""
        self.state.executed[self._key(role)] = counter
        self.touch()

    def set_floor(self, role: RemotePartyRole | int, counter: int, *, anew: bool = True) -> None:
        """Set the counter from which a party begins with new credentials; who keeps counters of its own is told.

        Not ``anew``, with the keys that it had, its counter does not go back: what it has sent could be repeated.
        """
        self.store(role, counter if anew else max(counter, self.executed(role)))
        for listener in self.floor_listeners:
            listener(int(role), counter, anew)

    def next_originator(self) -> int:
        """The counter of the next message that this device sends of itself."""
        last = self.state.originator
        self.state.originator = (self.device.personality.counter_start if last is None else last) + 1
        self.touch()
        return self.state.originator

    def next_supplementary(self) -> int:
        """The device's own counter for the next answer to a party that it does not know."""
        last = self.state.supplementary
        self.state.supplementary = (self.device.personality.counter_start if last is None else last) + 1
        self.touch()
        return self.state.supplementary

    def _key(self, role: int) -> int:
        return _SHARED if self.device.defective(ONE_COUNTER_FOR_ALL_ROLES) else int(role)
