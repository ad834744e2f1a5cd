"""The sub-GHz radio of a dual-band hub: its configuration, its channel and the share of time that it may send.

Objects 0-0:94.44.10.0 to .3 (GBCS DBCH01 to DBCH05), alerts DBCH06 to DBCH11. The law allows a radio in this band to
send for a small share of every hour; near that share the hub suspends its busiest device, then all of them. The
duration of messages on the air and the scan are inferred, and so is what DBCH06 to DBCH08 look like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from protocols.dlms.data import Data, DataType, bit_string, described_structure, octet_string, uint8
from protocols.eui64 import Eui64
from protocols.gbcs.message import Cra, Message
from protocols.instant import DAY, HOUR, Instant

from ...alert_forms import Facts, written
from ...cosem import expect
from ...outputs import SendHan
from ...part import NEVER, Part
from ...profile_generic import serve_log
from ...refusals import AccessFailed
from ...ring_log import RingLog
from .message_identification import identification
from .sub_ghz_configuration import REGULATED_SHARE, channels, check, encoded, members, usual_masks, usual_numbers

if TYPE_CHECKING:
    from ...device import Device

CLUSTER, SUSPEND = 0x070B, 0x00
CONFIGURATION, SCAN, CHANNEL = "0-0:94.44.10.0", "0-0:94.44.10.1", "0-0:94.44.10.2"
CHANNEL_LOG, LOG_ENTRIES = "0-0:94.44.10.3", 100

MOST_DEVICES = 4
"""Devices that the radio can serve. Inferred."""
BITS_PER_SECOND = 100_000
OVERHEAD = 2
"""What frames, acknowledgements and repetitions add to a message, as a factor. Inferred."""
SUSPENDED_FOR = 60
"""Minutes that the suspension tells a device; it is lifted when the share has fallen. Inferred."""
LOOK_AGAIN: Instant = 60
HAND_HELD_TERMINAL = "hand-held terminal"
"""The sensor signal of an installer's terminal in the network, which a change of channel would cut off."""
SCAN_LASTS: Instant = 60
"""Seconds. Inferred."""

TRIGGER_FOLLOWS = b"\x09\x01"
"""Stands in the channel log between channel and trigger: the head of an octet string of one octet."""
_LOG_ROW = described_structure(DataType.UINT32, DataType.UINT16, DataType.OCTET_STRING)


class DutyCycle(IntEnum):
    """How much of the last hour was spent sending, against the thresholds."""

    NORMAL = 0
    LIMITED = 1
    CRITICAL = 2
    REGULATED = 3


_ENTERED = {DutyCycle.LIMITED: 0x8F20, DutyCycle.CRITICAL: 0x8F22, DutyCycle.REGULATED: 0x8F24}
_LEFT = {DutyCycle.LIMITED: 0x8F21, DutyCycle.CRITICAL: 0x8F23, DutyCycle.REGULATED: 0x8F25}


class Trigger(IntEnum):
    """Why a scan was made, as the channel log has it."""

    REMOTE_COMMAND = 0
    GSME_REQUEST = 1
    GSME_MISSED_CURFEW = 2
    GSME_MISSING_A_DAY = 3
    MESSAGE_FAILURES = 4
    MESSAGE_RETRIES = 5
    OTHER_DEVICE = 6
    NETWORK_FORMED = 7


class Assessment(IntEnum):
    """Whether a scan can be made. Inferred but for the names."""

    ACCEPTED = 0
    HAND_HELD_TERMINAL_CONNECTED = 1
    DUTY_CYCLE_TOO_HIGH = 2


class Sub(NamedTuple):
    """An alert of the radio with a message code of its own."""

    code: int
    message_code: int


LIMITED_ACTION, CHANNEL_CHANGED, SCAN_ASSESSED = Sub(0x8F20, 0x0110), Sub(0x8F26, 0x0111), Sub(0x8F28, 0x0112)
CONFIGURATION_CHANGED, MESSAGE_DROPPED, NO_ROOM = Sub(0x8F2A, 0x0113), Sub(0x8F2C, 0x0114), Sub(0x8F2D, 0x0115)
SCAN_BEGUN, CHANNEL_KEPT, SEARCHES_FAILED = 0x8F27, 0x8F2B, 0x8F29
SEARCHES = 3
"""Scans for a gas meter that is not heard of, one a day, after which the hub says that it is lost."""


@dataclass(slots=True)
class SubGhzState:
    """``masks`` and ``numbers`` are the configuration; ``sent`` is air time by minute: minute, device, microseconds.

    ``heard`` is when each device joined or was heard last, ``searches`` how often a silent gas meter was looked for.
    """

    masks: list[str] = field(default_factory=usual_masks)
    numbers: list[int] = field(default_factory=usual_numbers)
    channel: str = "11100000000000000000000000000001"
    devices: list[bytes] = field(default_factory=list)
    suspended: list[bytes] = field(default_factory=list)
    sent: list[tuple[int, bytes, int]] = field(default_factory=list)
    duty: DutyCycle = DutyCycle.NORMAL
    changes: list[Instant] = field(default_factory=list)
    scanning_until: Instant = 0
    trigger: Trigger = Trigger.REMOTE_COMMAND
    heard: dict[str, Instant] = field(default_factory=dict)
    searches: int = 0


class SubGhz(Part):
    """The radio. ``noise`` is what it would hear on a channel (dB), by channel mask; set by whoever plays the air."""

    name = "sub-GHz"
    State = SubGhzState
    state: SubGhzState

    def __init__(self) -> None:
        super().__init__()
        self.noise: dict[str, int] = {}
        self._hand_held = False
        self.is_gas_meter: Callable[[Eui64], bool] = lambda _device: False
        self.channel_ring = RingLog("log/channel", "IH7s", LOG_ENTRIES)

    def attach(self, device: Device) -> None:
        super().attach(device)
        self.channel_ring.attach(device)
        cosem = device.cosem
        cosem.attribute(1, CONFIGURATION, 2, self._configuration, self._configure, preset=self._preset)
        cosem.attribute(1, SCAN, 2, set=self._request_scan)
        cosem.attribute(1, CHANNEL, 2, lambda: bit_string(self.state.channel), preset=self._preset_channel)
        serve_log(cosem, CHANNEL_LOG, self.channel_ring, _LOG_ROW)

    def started(self) -> None:
        self._wait()

    def advance(self, at: Instant) -> None:
        if at >= self._search_due():
            self._search()
        if self.state.scanning_until and at >= self.state.scanning_until:
            self._end_scan()
        self._assess_duty()
        self._wait()

    def sensed(self, signal: str, active: bool) -> None:
        if signal == HAND_HELD_TERMINAL:
            self._hand_held = active

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        step = after - before
        state = self.state
        state.sent = [(minute + step // 60, device, time) for minute, device, time in state.sent]
        state.changes = [at + step for at in state.changes]
        state.heard = {key: at + step for key, at in state.heard.items()}
        state.scanning_until += step if state.scanning_until else 0
        self.touch()
        self._wait()

    # for joining and forwarding

    def admit(self, device: Eui64) -> bool:
        """A device wants to join in this band; False if there is no room for it."""
        devices = self.state.devices
        if device in devices:
            return True
        if len(devices) >= MOST_DEVICES:
            self._alert(NO_ROOM, octet_string(device))
            return False
        devices.append(bytes(device))
        self.state.heard[device.hex()] = self.device.now
        self.touch()
        self._wait()
        return True

    def heard(self, device: Eui64) -> None:
        """A device has sent something."""
        if device in self.state.devices:
            self.state.heard[device.hex()] = self.device.now
            if self.is_gas_meter(device):
                self.state.searches = 0
            self.touch()
            self._wait()

    def forget(self, device: Eui64) -> None:
        """A device has left the network."""
        for devices in (self.state.devices, self.state.suspended):
            if device in devices:
                devices.remove(device)
                self.touch()
        self.state.heard.pop(device.hex(), None)

    def suspend(self, device: Eui64) -> None:
        """Tell a device to be silent; messages for it are dropped."""
        if device not in self.state.suspended:
            self.state.suspended.append(bytes(device))
            self.touch()
            self.device.emit(SendHan(device, CLUSTER, bytes([0x19, 0x00, SUSPEND, SUSPENDED_FOR])))

    def may_send(self, message: Message, length: int) -> bool:
        """True if a message may go out, whose time on the air is then counted; else it is dropped and reported."""
        device = bytes(message.recipient)
        if device in self.state.suspended:
            if message.cra is Cra.COMMAND:
                self._alert(MESSAGE_DROPPED, octet_string(identification(message)))
            return False
        self._spend(device, length)
        return True

    def may_send_block(self, device: Eui64, length: int) -> bool:
        """True if a block of an image may go out, whose time on the air is then counted."""
        if device in self.state.suspended:
            return False
        self._spend(bytes(device), length)
        return True

    def _spend(self, device: bytes, length: int) -> None:
        if device in self.state.devices:
            self._count(device, length * 8 * OVERHEAD * 1_000_000 // BITS_PER_SECOND)
            self._assess_duty()
            self._wait()

    # configuration

    def _configuration(self) -> Data:
        return encoded(self.state.masks, self.state.numbers)

    def _configure(self, value: Data) -> None:
        masks, numbers = members(value)
        check(masks, numbers)
        self.state.masks, self.state.numbers = masks, numbers
        self.touch()
        self._alert(CONFIGURATION_CHANGED, self._configuration())

    def _preset(self, value: Data) -> None:
        self.state.masks, self.state.numbers = members(value)
        self.touch()

    def _preset_channel(self, value: Data) -> None:
        self.state.channel = expect(value, DataType.BIT_STRING)
        self.touch()

    # scan

    def _request_scan(self, value: Data) -> None:
        if value != uint8(0):
            raise AccessFailed
        self.request_scan(Trigger.REMOTE_COMMAND)

    def request_scan(self, trigger: Trigger) -> None:
        """Look for a quieter channel, if that is possible now."""
        assessment = Assessment.ACCEPTED
        if self.state.duty is not DutyCycle.NORMAL:
            assessment = Assessment.DUTY_CYCLE_TOO_HIGH
        elif self._hand_held:
            assessment = Assessment.HAND_HELD_TERMINAL_CONNECTED
        self._tell(SCAN_ASSESSED, {"assessment": int(assessment)})
        if assessment is not Assessment.ACCEPTED:
            return
        self.device.alerts.event(SCAN_BEGUN)
        self.state.scanning_until, self.state.trigger = self.device.now + SCAN_LASTS, trigger
        self.touch()
        self._wait()

    def _end_scan(self) -> None:
        state = self.state
        state.scanning_until = 0
        self.touch()
        quietest = min(self.channels(), key=lambda channel: self.noise.get(channel, 0), default=state.channel)
        gain = self.noise.get(state.channel, 0) - self.noise.get(quietest, 0)
        _normal, _limited, most_changes, _curfew, quieter, *_rest = state.numbers
        state.changes = [at for at in state.changes if at > self.device.now - 7 * DAY]
        if gain < quieter or len(state.changes) >= most_changes:
            self.device.alerts.event(CHANNEL_KEPT)
            return
        state.channel = quietest
        state.changes.append(self.device.now)
        self._log_change()

    def _log_change(self) -> None:
        state = self.state
        other = int(state.channel, 2).to_bytes(4, "big") + TRIGGER_FOLLOWS + bytes([state.trigger])
        self.channel_ring.append(self.device.now, CHANNEL_CHANGED.code, other)
        channel, change = int(state.channel, 2), int.from_bytes(other, "big")
        self._tell(CHANNEL_CHANGED, {"channel": channel, "trigger": int(state.trigger), "change": change})

    def channels(self) -> list[str]:
        """The channels that may be used, each as a mask with one channel."""
        return channels(self.state.masks)

    # lost gas meter

    def _search_due(self) -> Instant:
        """When a gas meter will have been silent for another day."""
        state = self.state
        silent = [at for key, at in state.heard.items() if self.is_gas_meter(Eui64(bytes.fromhex(key)))]
        return min(silent) + (state.searches + 1) * DAY if silent and state.searches < SEARCHES else NEVER

    def _search(self) -> None:
        self.state.searches += 1
        self.touch()
        self.request_scan(Trigger.GSME_MISSING_A_DAY)
        if self.state.searches == SEARCHES:
            self.device.alerts.event(SEARCHES_FAILED)

    # duty cycle

    def share(self) -> int:
        """The share of the last hour spent sending, in 0.01 %."""
        return sum(time for _minute, _device, time in self.state.sent) * 10_000 // (HOUR * 1_000_000)

    def _count(self, device: bytes, microseconds: int) -> None:
        minute = self.device.now // 60
        sent = self.state.sent
        if sent and sent[-1][:2] == (minute, device):
            microseconds += sent.pop()[2]
        sent.append((minute, device, microseconds))
        self.touch()

    def _assess_duty(self) -> None:
        state = self.state
        first = self.device.now // 60 - 60
        kept = [row for row in state.sent if row[0] > first]
        if len(kept) < len(state.sent):
            state.sent = kept
            self.touch()
        thresholds = (*state.numbers[:2], REGULATED_SHARE)
        share = self.share()
        found = DutyCycle(sum(share >= threshold for threshold in thresholds))
        while state.duty < found:
            self._enter(DutyCycle(state.duty + 1))
        while state.duty > found:
            self._leave(DutyCycle(state.duty - 1))

    def _enter(self, duty: DutyCycle) -> None:
        self.state.duty = duty
        self.touch()
        if duty is DutyCycle.LIMITED:
            busiest = self._busiest()
            self.suspend(busiest)
            self._tell(LIMITED_ACTION, {"device": int.from_bytes(busiest, "big")})
            return
        for device in tuple(self.state.devices):
            self.suspend(Eui64(device))
        self.device.alerts.event(_ENTERED[duty])

    def _leave(self, duty: DutyCycle) -> None:
        self.device.alerts.event(_LEFT[self.state.duty])
        self.state.duty = duty
        if duty is DutyCycle.NORMAL:
            self.state.suspended.clear()
        self.touch()

    def _busiest(self) -> Eui64:
        times: dict[bytes, int] = {}
        for _minute, device, time in self.state.sent:
            times[device] = times.get(device, 0) + time
        return Eui64(max(sorted(times), key=lambda device: times[device]))

    # inside

    def _wait(self) -> None:
        due = min(self.state.scanning_until or NEVER, self._search_due())
        if self.state.sent:
            due = min(due, self.device.now // LOOK_AGAIN * LOOK_AGAIN + LOOK_AGAIN)
        self.schedule(due)

    def _tell(self, alert: Sub, facts: Facts) -> None:
        """An alert whose layout is not published."""
        form = self.device.personality.alert_form(alert.message_code)
        self._alert(alert, *written(alert.message_code, form, facts))

    def _alert(self, alert: Sub, *body: Data) -> None:
        alerts = self.device.alerts
        alerts.event(alert.code)
        alerts.send_dlms(alert.code, alert.message_code, alerts.recipients(alert.code), body)
