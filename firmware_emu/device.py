"""A device: a personality, a memory, and a list of parts; deterministic, without input or output of its own.

``(state, input, now) -> outputs``. Inputs are frames, time, power, keys and sensors; each input method runs first
what is due before ``now``, then the input, commits to non-volatile memory, and gives the outputs. ``now`` is true
time (UTC) and never goes back; parts see the device's own clock, which may differ from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.instant import DAY, Instant

from .alerts import Alerts
from .asn1_server import Asn1Server
from .clock import Clock
from .command_handler import CommandHandler
from .cosem import CosemServer
from .counters import Counters
from .credentials import Credentials
from .defects import LOG_END_EXCLUDED
from .dispatcher import Dispatcher
from .future_dating import FutureDating
from .logs import Logs
from .outputs import Output, SendHan, SendMessage
from .part import DECOMMISSION, NEVER, Part
from .passive_values import PassiveValues
from .zcl_server import ZclServer

if TYPE_CHECKING:
    from protocols.gbcs.keys import MemoryKeyStore

    from .nvm import Nvm
    from .personality import Personality
    from .ring_log import RingLog

PartKind = TypeVar("PartKind", bound=Part)

LAST_SEEN_GRAIN: Instant = 60
"""How exactly a killed device that had nothing to save knows when it last ran (seconds)."""
COMMIT_EVERY: Instant = DAY
"""While much time passes in one call, commit at least this often (seconds of the device's clock)."""


class Saved(Protocol):
    """Something that stages its changes."""

    def save(self, nvm: Nvm) -> None: ...


@dataclass(slots=True)
class PowerState:
    """When the device was last known to run, by true time, and whether it is off on purpose."""

    last_seen: Instant = 0
    started: bool = False


class PowerRecord(Part):
    """Remembers when the supply failed, also when the process was killed."""

    name = "power"
    State = PowerState
    state: PowerState

    def note(self, now: Instant, grain: Instant = 1) -> None:
        """The device has done everything due up to and including ``now``, a true time."""
        if now - self.state.last_seen >= grain:
            self.state.last_seen = now
            self.touch()


class Device:
    """One emulated device. Construct it, then ``power_on``; every input method returns the outputs in order."""

    def __init__(
        self, identity: Eui64, personality: Personality, nvm: Nvm, keys: MemoryKeyStore, parts: Sequence[Part] = ()
    ) -> None:
        self.identity, self.personality, self.nvm, self.keys = identity, personality, nvm, keys
        self.now: Instant = 0
        """The device's own clock while a part works."""
        self.true_now: Instant = 0
        self.horizon: Instant = NEVER
        self.on = False
        self.keyless = False
        """A private key of its own was destroyed, or did not open: what needs it is not answered."""
        self.retired = False
        """Taken out of service: it takes nothing from outside and sends nothing."""
        self.last_ran: Instant = 0
        """At power-on, by the device's clock: everything due up to and including this was done before."""
        self.dirty: list[Saved] = []
        self.rings: list[RingLog] = []
        self.han: dict[int, Callable[[Eui64, bytes], None]] = {}
        """Handlers of ZigBee Smart Energy frames by cluster: (source, ZCL frame)."""
        self.on_new_firmware: list[Callable[[], None]] = []
        """Told when another firmware has begun to run; ``personality`` is that of the new one."""
        self._outputs: list[Output] = []
        self.cosem = CosemServer()
        self.zcl = ZclServer()
        self.asn1 = Asn1Server(long_lengths=personality.long_asn1_lengths)
        self.power = PowerRecord()
        self.clock = Clock(personality.clock)
        self.logs = Logs(personality.logs)
        self.credentials = Credentials(keys)
        self.counters = Counters()
        self.alerts = Alerts()
        self.future = FutureDating()
        self.passive = PassiveValues()
        self.commands = CommandHandler(self)
        self.dispatcher = Dispatcher(self)
        core = (self.power, self.clock, self.logs, self.credentials, self.counters, self.alerts)
        self.parts: tuple[Part, ...] = (*core, self.passive, *parts, self.future)
        self.cosem.leaves_end_out = lambda: self.defective(LOG_END_EXCLUDED)
        self._attach()

    def part(self, name: str) -> Part:
        """The part of that name. Raises KeyError."""
        return self._by_name[name]

    def find(self, kind: type[PartKind]) -> PartKind:
        """The one part of that class. Raises LookupError if there is none, or more than one."""
        found = [part for part in self.parts if isinstance(part, kind)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} parts are a {kind.__name__}")
        return found[0]

    # inputs

    def power_on(self, now: Instant) -> list[Output]:
        """The supply is there: load all state from non-volatile memory, run what was missed."""
        if self.on:
            raise LocalProtocolError("the device is on already")
        self.nvm.abandon()
        self.dirty.clear()
        self._outputs = []
        for ring in self.rings:
            ring.load(self.nvm)
        for part in self.parts:
            part.load(self.nvm)
        self.on = True
        self._set_time(now)
        self.last_ran = self.clock.local(self.power.state.last_seen) if self.power.state.started else self.now
        for part in self.parts:
            part.started()
        self._announce_outage()
        self._run_until(now)
        return self._finish(now)

    def power_off(self, now: Instant) -> list[Output]:
        """The supply fails at ``now``: a last gasp, then nothing until ``power_on``."""
        if not self.on:
            raise LocalProtocolError("the device is off already")
        self._begin(now)
        for part in self.parts:
            part.power_lost(self.now)
        self.power.note(now)
        outputs = self._finish(now)
        self.on = False
        return outputs

    def advance(self, now: Instant) -> list[Output]:
        """Let time pass until ``now``: everything due up to and including it happens, in time order."""
        self._begin(now)
        return self._finish(now)

    def receive(self, frame: bytes, now: Instant) -> list[Output]:
        """A GBCS message arrives. Octets that are no message are logged by the device, never an exception."""
        self._begin(now)
        if self.on and not self.retired:
            self.dispatcher.receive(frame)
        return self._finish(now)

    def receive_han(self, source: Eui64, cluster: int, octets: bytes, now: Instant) -> list[Output]:
        """A ZigBee Smart Energy frame arrives from another device of the home; unknown clusters are ignored."""
        self._begin(now)
        handler = self.han.get(cluster)
        if self.on and not self.retired and handler is not None:
            handler(source, octets)
        return self._finish(now)

    def press(self, key: str, now: Instant) -> list[Output]:
        """The consumer presses a key; the first part that knows it takes it."""
        self._begin(now)
        if self.on:
            any(part.pressed(key) for part in self.parts)
        return self._finish(now)

    def sense(self, signal: str, active: bool, now: Instant) -> list[Output]:
        """A sensor changes: ``meter cover``, ``magnet``, ``fault: ...``; every part hears of it."""
        self._begin(now)
        if self.on:
            self.hear(signal, active)
        return self._finish(now)

    def decommission(self, now: Instant) -> list[Output]:
        """Take the device out of service: it destroys its keys and what it knows of others, and falls silent."""
        return self.sense(DECOMMISSION, True, now)

    def through(self, work: Callable[[], object], now: Instant) -> list[Output]:
        """A port of the device, such as its radio, calls a part."""
        self._begin(now)
        if self.on:
            work()
        return self._finish(now)

    def hear_hub_time(self, hub_time: Instant | None, reliable: bool, now: Instant) -> list[Output]:
        """The hub's time cluster as just read; None when the hub does not answer."""
        self._begin(now)
        if self.on:
            self.clock.hear_hub(hub_time, reliable)
        return self._finish(now)

    def next_wake(self) -> Instant | None:
        """True time of the next thing that is due, or None when the device waits for input only."""
        due = min(part.due for part in self.parts)
        return self.clock.true(due) if self.on and due < NEVER else None

    # for parts

    def hear(self, signal: str, active: bool = True) -> None:
        """Every part hears of a sensor. From outside, call ``sense``."""
        for part in self.parts:
            part.sensed(signal, active)

    def emit(self, output: Output) -> None:
        """Give an output; it leaves the device after the next commit. A device out of service sends no frames."""
        if not (self.retired and isinstance(output, SendMessage | SendHan)):
            self._outputs.append(output)

    def defective(self, defect: str) -> bool:
        """True if the running firmware has this planned defect."""
        return defect in self.personality.defects

    def commit(self) -> None:
        """Make everything touched so far permanent."""
        if self.dirty:
            self.power.note(self.true_now)
            for saved in self.dirty:
                saved.save(self.nvm)
            self.dirty.clear()
        self.nvm.commit()

    def clock_set(self, before: Instant, after: Instant) -> None:
        """The clock part has set the device's clock: tell all parts."""
        self.now = after
        for part in self.parts:
            part.clock_stepped(before, after)
        self.horizon = min(self.horizon, after)

    def unsaved(self) -> list[str]:
        """Parts whose state is not what memory holds, though they did not ``touch``: for tests of parts."""
        return [part.name for part in self.parts if not part.is_saved(self.nvm)]

    # inside

    def _attach(self) -> None:
        self._by_name: dict[str, Part] = {}
        for part in self.parts:
            if not part.name or part.name in self._by_name:
                raise LocalProtocolError(f"two parts of this device are named {part.name!r}")
            self._by_name[part.name] = part
            part.attach(self)

    def _set_time(self, now: Instant) -> None:
        if now < self.true_now:
            raise LocalProtocolError(f"time goes back from {self.true_now} to {now}")
        self.true_now = now
        self.now = self.clock.local(now)

    def _begin(self, now: Instant) -> None:
        if self.on:
            self._run_until(now)

    def _finish(self, now: Instant) -> list[Output]:
        if self.on:
            self.power.note(now, LAST_SEEN_GRAIN)
            self.commit()
        outputs, self._outputs = self._outputs, []
        return outputs

    def _announce_outage(self) -> None:
        state = self.power.state
        if state.started:
            for part in self.parts:
                part.power_restored(self.last_ran, self.now)
        else:
            state.started = True
            self.power.touch()

    def _run_until(self, now: Instant) -> None:
        """Run the parts whose time has come, earliest first, in the order of the parts list at the same instant."""
        if now < self.true_now:
            raise LocalProtocolError(f"time goes back from {self.true_now} to {now}")
        commit_at = self.now + COMMIT_EVERY
        while True:
            part = self._next_part(self.clock.local(now))
            if part is None:
                break
            at = part.due
            if at >= commit_at and at > self.now:  # all that was due before is done
                self.commit()
                commit_at = at + COMMIT_EVERY
            self.now = at
            self.true_now = max(self.true_now, min(now, self.clock.true(at)))
            part.advance(at)
        self._set_time(now)

    def _next_part(self, limit: Instant) -> Part | None:
        """The part that is due first, and into ``horizon`` how far it may go on alone."""
        found: Part | None = None
        earliest, horizon = limit + 1, limit
        for part in self.parts:
            due = part.due
            if due < earliest:
                found, horizon, earliest = part, earliest - 1, due
            elif due < horizon:
                horizon = due
        self.horizon = horizon
        return found
