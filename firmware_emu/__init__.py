"""Emulated smart metering devices: deterministic, without input or output of their own, made of parts.

A ``Device`` is a personality, a non-volatile memory, a key store and a list of ``Part``s. It takes frames, time,
power, keys and sensors, and gives outputs; only ``runtime`` connects it to anything. Around the parts of a device
kind stand those of every device: ``clock``, ``logs``, ``alerts``, ``credentials``, ``counters``, ``future`` (dated
work), ``passive`` (values written now and activated later), and three servers - ``cosem``, ``zcl``, ``asn1`` - on
which parts register what they serve. All are attributes of the device.

A part in twenty lines::

    @dataclass(slots=True)
    class ValveState:
        open: bool = True

    class Valve(Part):
        name = "valve"                      # key of its record in memory, unique in a device
        State = ValveState                  # what survives a power cut
        state: ValveState

        def attach(self, device: Device) -> None:
            super().attach(device)
            device.cosem.attribute(70, "0-0:96.3.10.255", 2, get=lambda: boolean(self.state.open))
            device.cosem.method(70, "0-0:96.3.10.255", 1, self.close)

        def close(self, argument: Data) -> None:
            if not self.state.open:
                raise AccessFailed          # result 250; AccessFailed(1) is a hardware fault
            self.state.open = False
            self.touch()                    # save at the next commit
            self.device.emit(SwitchMoved("valve", 0))
            self.device.alerts.event(0x81C0)  # log and alert as the table of codes says
            self.schedule(self.device.now + 60)   # call advance() then, by the device's clock

Rules for parts: change ``state`` only together with ``touch`` (``device.unsaved()`` finds who forgot); set ``due`` (or
``schedule``) again in ``started``, since it is not kept - what comes periodically counts on from ``device.last_ran``;
read time from ``device.now`` (the device's clock) and only what measures the physical world from ``device.true_now``;
never read a clock, random numbers or the environment. Logs and profiles are ``RingLog``s. Two things are reached
through ``device.commands.current`` while a command is carried out: who sent it, and the header of the response.
"""

from __future__ import annotations

from .device import Device
from .nvm import CorruptRecord, MemoryNvm, Nvm, PowerCut
from .outputs import Output, SendHan, SendMessage, Show, SwitchMoved, WanSignal
from .part import NEVER, Part
from .personality import Personality, load_personality
from .settings import PersonalityError

__all__ = [
    "NEVER",
    "CorruptRecord",
    "Device",
    "MemoryNvm",
    "Nvm",
    "Output",
    "Part",
    "Personality",
    "PersonalityError",
    "PowerCut",
    "SendHan",
    "SendMessage",
    "Show",
    "SwitchMoved",
    "WanSignal",
    "load_personality",
]
