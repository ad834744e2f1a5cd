"""Emulated devices under one virtual clock, and remote parties that command them by real, protected messages.

``Wire`` is one device at the end of a wire, whose memory can be cut off and started again; ``House`` is a whole home
behind its hub. Both are asked in the same way, every answer is checked in every way that the bench knows, and every
alert is verified and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bench.answers import Answer, check_answer, check_success
from bench.devices import make_device
from bench.head_end import Command, HeadEnd
from bench.observer import Observer
from bench.pki import CELLS, TestPki
from bench.requests import Period, Request, dlms
from bench.rig import Rig, kind_name, parse_rig
from bench.security_log import entries, log_request
from firmware_emu import Device, MemoryNvm, Output, SendMessage
from firmware_emu.credentials import Cell
from firmware_emu.han import Done
from firmware_emu.home import Home, to_wan
from firmware_emu.load_model import DayLoad, LoadModel
from firmware_emu.nvm import Medium
from firmware_emu.parts.credentials.update import anchor_of
from firmware_emu.parts.electricity.metrology import Metrology
from firmware_emu.parts.gas.metrology import GasMetrology
from protocols.dlms.access import DataNotification
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import CompactArray, Data, octet_string
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import GbzAlert
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.instant import Instant, instant

SUPPLIER, OPERATOR = RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR
ESME, GSME, GPF, CHF = DeviceType.ESME, DeviceType.GSME, DeviceType.GPF, DeviceType.CHF
HUB, ELECTRICITY, GAS, PROXY, DISPLAY, SWITCH, CONTROLLER, IN_HOME_DISPLAY = (
    eui64(f"00-DB-12-34-56-78-90-A{number}") for number in (2, 0, 1, 3, 4, 5, 6, 8)
)
IDENTITIES = {
    CHF: HUB,
    ESME: ELECTRICITY,
    GSME: GAS,
    GPF: PROXY,
    DeviceType.PPMID: DISPLAY,
    DeviceType.HCALCS: SWITCH,
    DeviceType.SAPC: CONTROLLER,
    DeviceType.TYPE_2: IN_HOME_DISPLAY,
}
START = instant(2026, 1, 1)
POUND = 100_000
"""Millipence."""

_SECTION = '[[device]]\nname = "{0}"\ntype = "{0}"\neui64 = "{1}"\n'
RIG: Rig = parse_rig(
    (
        'name = "life"\n' + "".join(_SECTION.format(kind_name(kind), each.hex()) for kind, each in IDENTITIES.items())
    ).encode(),
    "life.toml",
)


class Steady:
    """The same use in every half-hour: Wh and litres of gas."""

    def __init__(self, energy: int = 0, gas: int = 0) -> None:
        none = (0,) * 48
        self._day = DayLoad((energy,) * 48, none, none, none, (gas,) * 48, none)

    def day(self, day: int) -> DayLoad:  # noqa: ARG002 - always the same
        """48 half-hours."""
        return self._day


class Heard(NamedTuple):
    """An alert: its code, when by the device's clock, the message and its payload."""

    code: int
    at: Instant
    message: Message
    payload: Any


class World:
    """What one device on a wire and a whole home have in common. ``alerts`` are all that were heard.

    ``model`` is that of the electricity meter, ``defects`` are planned faults of it.
    """

    def __init__(self, start: Instant, model: str = "", defects: Sequence[str] = ()) -> None:
        self.now = start
        self.sections = {section.type: section for section in RIG.devices}
        changed = {"model": model, "defects": tuple(defects)}
        self.sections[ESME] = self.sections[ESME].model_copy(update=changed)
        self.clock_error = 0
        """How far ahead the devices' clocks are known to be, seconds."""
        self.pki = TestPki(RIG)
        self.head_end = HeadEnd(self.pki.parties, {identity: kind for kind, identity in IDENTITIES.items()})
        self.observer = Observer([party.store for party in self.pki.parties.values()])
        self.alerts: list[Heard] = []

    def make(self, kind: DeviceType, load: LoadModel | None = None, nvm: MemoryNvm | None = None) -> Device:
        """A device, off. With a memory that holds something it is the device that it was, else the maker fills it."""
        memory = nvm or MemoryNvm()
        new = not memory.keys()
        device = make_device(self.sections[kind], self.pki, memory, PROXY)
        if kind is ESME and load is not None:
            device.find(Metrology).source = load
        elif kind is GSME and load is not None:
            device.find(GasMetrology).model = load
        if new and CELLS[kind]:
            root = Cell(RemotePartyRole.ROOT, None)
            device.credentials.fill(root, anchor_of(root, self.pki.infrastructure.organisation_root.certificate))
            device.commit()
        return device

    # commands

    def send(self, octets: bytes, device: Eui64) -> list[Message]:
        """Hand a message to a device, or to the hub of its home; what is no alert of what came back."""
        raise NotImplementedError

    def command(self, request: Request, device: Eui64 = ELECTRICITY, **how: Any) -> Command:
        """A command that is not sent; ``how`` as in ``HeadEnd.command``."""
        self.head_end.now = self.now
        made = self.head_end.command(device, request, **how)
        self.head_end.keep(made)
        return made

    def ask(self, request: Request, device: Eui64 = ELECTRICITY, *, success: bool = True, **how: Any) -> Answer:
        """Send a command; its one answer, which is in order, and with ``success`` tells of nothing that failed."""
        command = self.command(request, device, **how)
        answers = self.send(command.octets, device)
        assert len(answers) == 1, f"{request.title}: {len(answers)} answers, {[hex(a.code) for a in self.alerts[-3:]]}"
        return self.judge(command, answers[0], success=success)

    def judge(self, command: Command, message: Message, *, success: bool = True) -> Answer:
        """Check an answer in every way."""
        answer = check_answer(self.head_end, command, message.encode(), self.now + self.clock_error)
        found = [*answer.checks, *(check_success(answer) if success else ())]
        wrong = [check for check in found if check.verdict.value != "PASS"]
        assert not wrong, f"{command.request.title}: {wrong[0]}"
        return answer

    def refused(self, command: Command) -> list[int]:
        """Send what must not be answered; the codes of the alerts that it raised."""
        before = len(self.alerts)
        assert self.send(command.octets, command.device) == []
        return [heard.code for heard in self.alerts[before:]]

    # reading

    def value(self, name: str, device: Eui64 = ELECTRICITY, **how: Any) -> Any:
        """The one value of a read, plain."""
        (data,) = self.ask(dlms(name), device, **how).data
        return plain(data)

    def log(self, name: str, period: Period | None = None, device: Eui64 = ELECTRICITY) -> list[tuple[Any, ...]]:
        """The rows of the one log that a use case reads."""
        (data,) = self.ask(dlms(name, period=period), device).data
        return rows_of(data)

    def security_log(self, since: Instant, device: Eui64 = ELECTRICITY) -> list[int]:
        """The codes in the security log from then on."""
        kind = self.head_end.devices[device]
        answer = self.ask(log_request(kind, Period(since)), device, success=False)
        return [code for _, code, _ in entries(answer)]

    def since(self, number: int) -> list[int]:
        """The codes of the alerts after the first ``number``."""
        return [heard.code for heard in self.alerts[number:]]

    # top-ups

    def utrn(self, counter: int, amount: int, device: Eui64 = ELECTRICITY, *, pence: bool = False) -> str:
        """A token of the supplier."""
        supplier = self.head_end.parties[SUPPLIER]
        kind = ValueClass.PENCE if pence else ValueClass.POUNDS
        return make_utrn(supplier.store, supplier.eui64, device, counter, amount, kind)

    # inside

    def hear(self, octets: Iterable[bytes]) -> list[Message]:
        """Sort messages: alerts are verified and kept, the rest is given back."""
        others = []
        for each in octets:
            message = Message.decode(each)
            if message.cra is Cra.ALERT:
                self.alerts.append(self._heard(message))
            else:
                others.append(message)
        return others

    def _heard(self, message: Message) -> Heard:
        found = verify(message, self.observer)
        assert Verdict.INVALID not in found, f"alert {message.message_code:04X}: {found}"
        payload = decode_payload(message)
        if isinstance(payload, DataNotification):
            code, at = payload.body.value[0].value, CosemDateTime.decode(payload.body.value[1].value).to_instant()
        elif isinstance(payload, GbzAlert):
            code, at = payload.alert_code, payload.time
        else:
            assert isinstance(payload, Asn1Payload)
            code, at = payload.value.alert_code, self.now
        return Heard(code, self.now if at is None else at, message, payload)


class Wire(World):
    """One device. Its memory outlives it: ``restart`` builds it anew from what was committed."""

    def __init__(
        self, kind: DeviceType = ESME, load: LoadModel | None = None, start: Instant = START, model: str = ""
    ) -> None:
        super().__init__(start, model)
        self.kind, self.load = kind, load
        self.device = self.make(kind, load)
        assert isinstance(self.device.nvm, MemoryNvm)
        self.medium: Medium = self.device.nvm.medium
        self._take(self.device.power_on(start))

    def send(self, octets: bytes, device: Eui64 = ELECTRICITY) -> list[Message]:  # noqa: ARG002 - there is one
        return self._take(self.device.receive(octets, self.now))

    def run(self, until: Instant) -> None:
        """Let time pass."""
        self.now = max(until, self.now)
        self._take(self.device.advance(until))

    def press(self, key: str) -> list[Output]:
        """The consumer presses a key."""
        outputs = self.device.press(key, self.now)
        self._take(outputs)
        return outputs

    def hub_says(self, time: Instant | None, *, reliable: bool = True) -> None:
        """The device reads the hub's clock."""
        self._take(self.device.hear_hub_time(time, reliable, self.now))

    def switch_off(self) -> None:
        """The supply fails, and the device has time to notice."""
        self._take(self.device.power_off(self.now))

    def restart(self, back: Instant | None = None) -> None:
        """The supply is back; the device is built anew from its memory, whether it was switched off or killed."""
        self.now = self.now if back is None else back
        cut_before = self.medium.cut_before
        nvm = MemoryNvm(self.medium)
        self.medium.cut_before = cut_before  # a cut that is still to come may come now
        self.device = self.make(self.kind, self.load, nvm)
        self._take(self.device.power_on(self.now))

    def _take(self, outputs: Sequence[Output]) -> list[Message]:
        return self.hear(output.octets for output in outputs if isinstance(output, SendMessage))


class House(World):
    """A home: a hub, and devices of these kinds; messages go through the hub."""

    def __init__(
        self,
        load: LoadModel | None = None,
        start: Instant = START,
        kinds: Sequence[DeviceType] = (GPF, ESME, GSME),
        model: str = "",
        defects: Sequence[str] = (),
    ) -> None:
        super().__init__(start, model, defects)
        self.home = Home(self.make(CHF), [self.make(kind, load) for kind in kinds])
        self.late: list[Message] = []
        """Answers that came while time passed."""
        self.done: list[Done] = []
        """What the devices did besides speaking to remote parties."""
        self._take(self.home.power_on(start))

    def send(self, octets: bytes, device: Eui64 = HUB) -> list[Message]:  # noqa: ARG002 - the hub finds it
        return self._take(self.home.receive_wan(octets, self.now))

    def run(self, until: Instant) -> None:
        """Let time pass."""
        self.now = max(until, self.now)
        self.late += self._take(self.home.advance(until))

    def press(self, device: Eui64, key: str) -> None:
        """The consumer presses a key of a device."""
        self.late += self._take(self.home.press(device, key, self.now))

    def switch_off(self) -> None:
        """The supply of the home fails."""
        self.late += self._take(self.home.power_cut(self.now))

    def switch_on(self) -> None:
        """It is back."""
        self.late += self._take(self.home.power_on(self.now))

    def restarted(self, device: Device) -> None:
        """A device that was killed is there again."""
        self.late += self._take(self.home.replace(device, self.now))

    def wait_for(self, command: Command, within: int, *, success: bool = True) -> Answer:
        """Let time pass until the answer to a command has come, that was sent and waits at the hub."""
        end = self.now + within
        while True:
            for message in self.late:
                if message.counter == command.message.counter and message.message_code == command.message.message_code:
                    self.late.remove(message)
                    return self.judge(command, message, success=success)
            due = self.home.next_wake()
            assert due is not None
            assert due <= end, f"{command.request.title}: no answer within {within} s"
            self.run(due)

    def _take(self, done: Sequence[Done]) -> list[Message]:
        self.done += [each for each in done if not isinstance(each.output, SendMessage)]
        return self.hear(to_wan(done))


def plain(data: Any) -> Any:
    """The values of structures and arrays as lists, without their types."""
    if isinstance(data, Data):
        return plain(data.value)
    if isinstance(data, CompactArray):
        return list(data.rows)
    return [plain(each) for each in data] if isinstance(data, list | tuple) else data


def rows_of(data: Data) -> list[tuple[Any, ...]]:
    """The rows of a log: of a compact array, alone or in the structure that a protected read gives back."""
    if isinstance(data.value, CompactArray):
        return list(data.value.rows)
    (inner,) = data.value
    return rows_of(inner)


def top_up(digits: str) -> Request:
    """CS01a with these digits."""
    made = dlms("CS01a", octet_string(digits.encode()))
    return replace(made, top_up=True, title="top up")
