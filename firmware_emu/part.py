"""A part of a device: what it serves, what it does when time passes, what it keeps.

A part is constructed from the parts it works with, attached to one device, and from then on called by it. Its
non-volatile data is one dataclass, ``state``; after changing it a part calls ``touch``, and the device writes it at
the next commit. Anything else is volatile and must be rebuilt in ``started``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from protocols.instant import Instant

from .state import decode_state, encode_state

if TYPE_CHECKING:
    from .device import Device
    from .nvm import Nvm

NEVER: Instant = 1 << 62
"""Later than everything: the ``due`` of a part that waits for nothing."""
DECOMMISSION = "decommission"
"""The sensor signal by which a device is taken out of service."""


class Part:
    """The base of all parts. Every hook may stay as it is; ``attach`` and ``clock_stepped`` call the base.

    ``name`` is the key of its record, unique in a device. ``State`` is the dataclass of what it keeps; every field
    has a default, the state of a new device. ``due`` is when, by the device's clock, ``advance`` is to be called.
    """

    name: ClassVar[str] = ""
    State: ClassVar[type[Any] | None] = None

    device: Device
    state: Any

    def __init__(self) -> None:
        self.due: Instant = NEVER
        self.state = self.State() if self.State else None
        self._dirty = False

    def attach(self, device: Device) -> None:
        """Called once, when the device is built: register objects, clusters, message handlers."""
        self.device = device

    def started(self) -> None:
        """Called at every power-on, after ``load``: set ``due`` and everything volatile from ``state``."""

    def advance(self, at: Instant) -> None:
        """Called when ``due`` has come; ``at`` is ``due``. Must set a new ``due``.

        A part with much to do may go on by itself up to and including ``device.horizon``, which it reads anew after
        every step, since what it does may make another part due sooner.
        """
        raise NotImplementedError(f"{self.name} set a due time but does not advance")

    def power_lost(self, at: Instant) -> None:
        """The supply fails; what is touched here is still saved."""

    def power_restored(self, lost: Instant, at: Instant) -> None:
        """The supply is back after ``started``; ``lost`` is when it failed, or the last commit before a crash.

        Both by the device's clock.
        """

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        """The device's clock was set from ``before`` to ``after``. What counts durations must move its ``due``."""

    def pressed(self, key: str) -> bool:  # noqa: ARG002 - parts with keys use it
        """A key of the device was pressed; True if this part has dealt with it."""
        return False

    def sensed(self, signal: str, active: bool) -> None:
        """A sensor changed: a cover opened, a magnet is near, ... ``active`` False is the end of it."""

    def schedule(self, at: Instant) -> None:
        """Set ``due``, also while another part is advancing."""
        self.due = at
        self.device.horizon = min(self.device.horizon, at)

    def touch(self) -> None:
        """``state`` has changed: have it written at the next commit."""
        if not self._dirty:
            self._dirty = True
            self.device.dirty.append(self)

    def load(self, nvm: Nvm) -> None:
        """Read ``state``. Raises CorruptRecord."""
        self._dirty = False
        self.due = NEVER
        if self.State is not None:
            key = f"part/{self.name}"
            record = nvm.get(key)
            self.state = self.State() if record is None else decode_state(self.State, key, record)

    def save(self, nvm: Nvm) -> None:
        """Stage ``state``; called by the device for touched parts."""
        self._dirty = False
        if self.State is not None:
            nvm.put(f"part/{self.name}", encode_state(self.state))

    def is_saved(self, nvm: Nvm) -> bool:
        """True if a power cut now would lose nothing of ``state`` that was not touched."""
        if self.State is None or self._dirty:
            return True
        record = nvm.get(f"part/{self.name}")
        return encode_state(self.state) == (encode_state(self.State()) if record is None else record)
