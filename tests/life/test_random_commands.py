"""Two hundred random commands of all roles to all devices of a home, against a model of what they must hold.

Valid ones are answered, in order in every way, and what was set is read back, also by other roles, after outages, and
at the gas proxy. Forbidden, repeated and damaged ones are not answered by anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest

from bench.answers import Answer
from bench.head_end import BROKER, Command
from bench.pki import CELLS
from bench.requests import Header, Request, asn1, dlms, gbz
from bench.tokens import electricity_top_up, gas_top_up
from firmware_emu import Device
from firmware_emu.state import encode_state
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import enum, int32, octet_string, structure, uint16
from protocols.errors import MeterbenchError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_credentials import CellUsage, CredentialDetailsCommand, TrustAnchorCell
from protocols.gbcs.asn1_device import ReadDeviceLogCommand, ReadFirmwareVersionCommand, SetTimeCommand
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import Kind, Payload, UseCase, all_use_cases
from protocols.gbcs.use_cases_instructions import Operation
from protocols.instant import HALF_HOUR, Instant
from protocols.smki.names import KeyUsage
from protocols.zigbee.smart_energy_common import METERING, PREPAYMENT

from .settings import AT_ONCE, AT_THE_PROXY, SETTINGS, Setting, of_dlms, of_gbz
from .world import (
    CONTROLLER,
    DISPLAY,
    ELECTRICITY,
    ESME,
    GAS,
    GPF,
    GSME,
    HUB,
    IDENTITIES,
    POUND,
    PROXY,
    SUPPLIER,
    SWITCH,
    House,
    plain,
)

COMMANDS = 200
STRANGER = RemotePartyRole.WAN_PROVIDER
"""Whom no meter knows."""
KINDS = (GPF, ESME, GSME, DeviceType.PPMID, DeviceType.HCALCS, DeviceType.SAPC)
NO_AUTHORITY, UNKNOWN = 0x8F30, 0x8F3E
OFF, ON, ARMED = 0, 1, 2
VALVE_OFF, VALVE_ARMED, VALVE_ON = 0, 1, 2
MOST_NEWCOMERS = 5
_HUB_TIME = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")


class Walk:
    """A home, and what its devices must hold: ``held`` by name, ``pending`` with the time at which it will be."""

    def __init__(self, seed: int, defects: Sequence[str] = ()) -> None:
        self.chance = Random(seed)
        self.house = House(kinds=KINDS, model="esme-auxiliary", defects=defects)
        self.house.run(self.house.now + 60)
        self.held: dict[str, Any] = {"switch": ON, "valve": VALVE_ON, "balance": 0, "gas balance": 0}
        self.pending: dict[str, tuple[Instant, Any]] = {}
        self.newcomers: list[bytes] = []
        self.past: list[Command] = []
        self.outages: list[tuple[Instant, Instant]] = []
        self.known = {name: setting for setting in SETTINGS if (name := setting.name)}
        for name in ("ECS25a", "ECS25a1", "ECS25a2", "ECS25a3", "ECS25b", "ECS25b3"):
            self.held[f"{name} bits"] = self.known[f"{name} bits"].read(self)
        self.held["sub-GHz radio"] = self.known["sub-GHz radio"].read(self)
        self.made_anew = self.unsaved()
        self.supply_money()

    def supply_money(self) -> None:
        """So much that no random amount uses it up."""
        for device, name in ((ELECTRICITY, "balance"), (GAS, "gas balance")):
            make = electricity_top_up if device == ELECTRICITY else gas_top_up
            self.speak(make(self.house.head_end, 500), device, SUPPLIER)
            self.held[name] += 500 * POUND

    # speaking

    def roles(self, case: UseCase, device: Eui64) -> list[RemotePartyRole]:
        """Who may send it to a device that knows them."""
        known = {role for role, _ in CELLS[self.house.head_end.devices[device]]}
        return sorted(case.roles & known)

    def speak(
        self, request: Request, device: Eui64, role: RemotePartyRole | None = None, *, success: bool = True
    ) -> Answer:
        """A command of a random role that may send it; its one answer, however long that takes."""
        sender = role or self.chance.choice(self.roles(request.use_case, device))
        command = self.house.command(request, device, sender=sender)
        self.past.append(command)
        return self.carry(command, success=success)

    def carry(self, command: Command, *, success: bool) -> Answer:
        """Send a command, and check its one answer."""
        device = command.device
        answers = self.house.send(command.octets)
        if device == GAS:
            assert answers == []
            answer = self.house.wait_for(command, HALF_HOUR, success=success)
        else:
            (message,) = answers
            answer = self.house.judge(command, message, success=success)
        self.tick()
        return answer

    def read(self, request: Request, device: Eui64, *, success: bool = True) -> Answer:
        """A read by a random role; what the proxy says is as old as the last wake."""
        if device == PROXY:
            self.house.clock_error = self.last_report() - self.house.now
        try:
            return self.speak(request, device, success=success)
        finally:
            self.house.clock_error = 0

    def last_report(self) -> Instant:
        """When the gas meter woke last and the hub was there to hear."""
        wake = self.house.now - self.house.now % HALF_HOUR
        while any(lost < wake < back for lost, back in self.outages):
            wake -= HALF_HOUR
        return wake

    def silence(self, octets: bytes, device: Eui64) -> list[int]:
        """What must not be answered is not, at once or later; the codes of the alerts it raised."""
        number = len(self.house.alerts)
        assert self.house.send(octets) == []
        if device == GAS:
            self.house.run(self.house.now - self.house.now % HALF_HOUR + HALF_HOUR)
            self.tick()
            assert self.house.late == []
        return self.house.since(number)

    def tick(self) -> None:
        """What was to come into force by now has."""
        for name, (at, value) in list(self.pending.items()):
            if at <= self.house.now:
                self.held[name] = value
                del self.pending[name]

    # what may happen

    def step(self) -> str:
        """One random thing."""
        steps: list[tuple[int, Callable[[], None]]] = [
            (30, self.write),
            (20, self.check_one),
            (10, self.ask_anything),
            (9, self.move_switch),
            (5, self.move_valve),
            (5, self.move_money),
            (4, self.change_device_log),
            (4, self.set_clock),
            (5, self.say_something),
            (5, self.forbidden),
            (5, self.repeated),
            (5, self.damaged),
            (3, self.let_time_pass),
            (2, self.outage),
            (3, self.ask_the_proxy),
        ]
        work = self.chance.choices([work for _, work in steps], [weight for weight, _ in steps])[0]
        work()
        return work.__name__

    def write(self) -> None:
        """Set something, now or later."""
        setting = self.chance.choice(SETTINGS)
        written = setting.write(self.chance, self.held.get(setting.name), self.house.now)
        if written is None:
            return
        self.speak(written.request, setting.device)
        self.pending.pop(setting.name, None)
        if written.at == AT_ONCE or written.at <= self.house.now:
            self.held[setting.name] = written.value
        else:
            self.pending[setting.name] = (written.at, written.value)

    def check_one(self) -> None:
        """Read something back."""
        setting = self.chance.choice([setting for setting in SETTINGS if setting.name in self.held] or SETTINGS)
        self.check(setting)

    def check(self, setting: Setting) -> None:
        """What is read is what was set, as far as the model knows. A read of the gas meter waits for its wake."""
        found = setting.read(self)
        assert found == self.held.setdefault(setting.name, found), setting.name

    def ask_anything(self) -> None:
        """Any read of the catalogue, by any role that may; it is answered, with whatever there is.

        The broker also asks for a party that the meter does not know.
        """
        device = self.chance.choice(list(reads()))
        case = self.chance.choice(reads()[device])
        if BROKER in case.roles and device == ELECTRICITY and self.chance.random() < 0.3:
            stranger = self.house.command(plain_read(case), device, on_behalf_of=STRANGER)
            self.carry(stranger, success=False)
            return
        self.read(plain_read(case), device, success=False)

    def move_switch(self) -> None:
        """Open, close or arm."""
        name = self.chance.choice(["ECS42", "ECS43", "ECS44", "ECS44"])
        possible = name != "ECS44" or self.held["switch"] != ON
        answer = self.speak(dlms(name), ELECTRICITY, success=possible)
        assert (answer.results == (0,)) == possible
        if possible:
            self.held["switch"] = {"ECS42": ON, "ECS43": OFF, "ECS44": ARMED}[name]
        assert of_dlms("ECS45", 0)(self) == self.held["switch"]
        if self.chance.random() < 0.5:
            self.house.press(ELECTRICITY, "enable supply")
            self.held["switch"] = ON if self.held["switch"] == ARMED else self.held["switch"]
            assert of_dlms("ECS45", 0)(self) == self.held["switch"]

    def move_valve(self) -> None:
        """Close or arm; the consumer opens."""
        name = self.chance.choice(["GCS32", "GCS39"])
        possible = name != "GCS39" or self.held["valve"] != VALVE_ON
        answer = self.speak(gbz(name), GAS, success=possible)
        assert (set(answer.statuses) == {0}) == possible
        if possible:
            self.held["valve"] = {"GCS32": VALVE_OFF, "GCS39": VALVE_ARMED}[name]
        if self.chance.random() < 0.5:
            self.house.press(GAS, "open valve")
            self.held["valve"] = VALVE_ON if self.held["valve"] == VALVE_ARMED else self.held["valve"]
        assert of_gbz("GCS33", (METERING, 0x0014))(self) == [self.held["valve"]]

    def move_money(self) -> None:
        """Pay in, or adjust."""
        amount, pounds = self.chance.randrange(-2 * POUND, 2 * POUND), self.chance.randrange(1, 9)
        if self.chance.random() < 0.5:
            if self.chance.random() < 0.5:
                self.speak(electricity_top_up(self.house.head_end, pounds), ELECTRICITY)
                self.held["balance"] += pounds * POUND
            else:
                self.speak(dlms("ECS04a", int32(amount)), ELECTRICITY)
                self.held["balance"] += amount
            assert of_dlms("ECS82", 0)(self) == self.held["balance"]
            return
        if self.chance.random() < 0.5:
            self.speak(gas_top_up(self.house.head_end, pounds), GAS)
            self.held["gas balance"] += pounds * POUND
        else:
            self.speak(gbz("GCS40a", {"credit_adjustment_value": amount}), GAS)
            self.held["gas balance"] += amount
        assert of_gbz("GCS60", (PREPAYMENT, 0x0001))(self) == [self.held["gas balance"]]

    def change_device_log(self) -> None:
        """Add a device that never comes, or remove one."""
        if len(self.newcomers) < MOST_NEWCOMERS and self.chance.random() < 0.6:
            new = eui64(f"00DB12345678{self.chance.randrange(0x9100, 0xFFFF):04X}")
            code = structure(octet_string(new), enum(1), octet_string(self.chance.randbytes(16)), enum(132))
            self.speak(dlms("CCS01", code, uint16(self.chance.randrange(30, 3000))), HUB)
            self.newcomers += [bytes(new)] if bytes(new) not in self.newcomers else []
        elif self.newcomers:
            gone = self.newcomers.pop(self.chance.randrange(len(self.newcomers)))
            self.speak(dlms("CCS02", octet_string(gone)), HUB)
        listed = {each.value[0].value for each in self.read(dlms("CCS06"), HUB).data[0].value}
        at_home = {bytes(IDENTITIES[kind]) for kind in KINDS if kind is not GPF}
        assert listed - {bytes(PROXY)} == at_home | set(self.newcomers)

    def set_clock(self) -> None:
        """All clocks are right, so that nothing changes."""
        device = self.chance.choice([ELECTRICITY, CONTROLLER, GAS])
        now = self.house.now
        if device == GAS:
            self.speak(asn1("GCS28", SetTimeCommand(now - 10, now + HALF_HOUR + 10)), GAS)
            return
        bounds = [octet_string(CosemDateTime.at(now + seconds).encode()) for seconds in (-10, 10)]
        answer = self.speak(dlms("ECS70", structure(octet_string(_HUB_TIME), *bounds)), device)
        assert CosemDateTime.decode(answer.data[3].value).to_instant() == now

    def say_something(self) -> None:
        """Texts, resets and the like, which nobody reads back."""
        now = octet_string(CosemDateTime.at(self.house.now).encode())
        texts = [octet_string(text) for text in (b"0800 111", b"A supplier")]
        names = {"proposed_provider_name": b"A supplier", "proposed_provider_contact_details": b"0800 111"}
        request, device = self.chance.choice(
            [
                (dlms("ECS10", octet_string(b"Good morning")), ELECTRICITY),
                (dlms("ECS12", now), ELECTRICITY),
                (dlms("ECS14", octet_string(b"")), ELECTRICITY),
                (dlms("ECS15a"), ELECTRICITY),
                (dlms("ECS15a"), CONTROLLER),
                (dlms("ECS15c"), ELECTRICITY),
                (dlms("ECS16", *texts), ELECTRICITY),
                (dlms("ECS50", octet_string(b"1234")), ELECTRICITY),
                (dlms("ECS05"), ELECTRICITY),
                (dlms("ECS28b"), ELECTRICITY),
                (dlms("ECS29e"), ELECTRICITY),
                (dlms("ECS57"), ELECTRICITY),
                (dlms("DBCH05"), HUB),
                (gbz("GCS44", names), GAS),
                (gbz("GCS07", {"message_id": 5, "start_time": 0, "message": b"Good morning"}), GAS),
                (gbz("GCS09", {"implementation_date_time": self.house.now}), PROXY),
                (gbz("GCS11"), GAS),
                (gbz("CS11"), GAS),
            ]
        )
        self.speak(request, device)

    def forbidden(self) -> None:
        """A good command of a role without the right, or of somebody the device does not know."""
        command = self.chance.choice(self.past)
        case, device = command.use_case, command.device
        if command.request.top_up:
            return
        strangers = [role for role in self.house.head_end.parties if role not in case.roles]
        role = self.chance.choice(strangers)
        wrong = self.house.command(command.request, device, sender=role)
        codes = self.silence(wrong.octets, device)
        known = {role for role, _ in CELLS[self.house.head_end.devices[device]]}
        if device in (ELECTRICITY, GAS, HUB, PROXY, CONTROLLER):
            assert (NO_AUTHORITY if role in known else UNKNOWN) in codes

    def repeated(self) -> None:
        """The very same octets again, where that is protected against."""
        protected = [command for command in self.past if command.use_case.replay_protection]
        if protected:
            command = self.chance.choice(protected)
            self.silence(command.octets, command.device)

    def damaged(self) -> None:
        """One bit of a good command is another."""
        command = self.chance.choice(self.past)
        if command.request.top_up:
            return
        fresh = self.house.command(command.request, command.device, sender=command.sender)
        octets = bytearray(fresh.octets)
        octets[self.chance.randrange(len(octets))] ^= 1 << self.chance.randrange(8)
        self.silence(bytes(octets), GAS)  # whom it may reach now

    def let_time_pass(self) -> None:
        """Up to two hours."""
        self.house.run(self.house.now + self.chance.randrange(7_200))
        self.tick()

    def outage(self) -> None:
        """The whole home is without supply for up to an hour."""
        lost, back = self.house.now, self.house.now + self.chance.randrange(3_600)
        self.house.switch_off()
        self.house.run(back)
        self.house.switch_on()
        self.outages.append((lost, back))
        self.tick()

    def ask_the_proxy(self) -> None:
        """After the next wake of the gas meter it says what the meter would say."""
        self.house.run(self.house.now - self.house.now % HALF_HOUR + HALF_HOUR + 1)
        self.tick()
        for name, read in AT_THE_PROXY.items():
            if name in self.held:
                held = self.held[name]
                assert read(self) == (held if isinstance(held, list) else [held]), name

    # the end

    def check_all(self) -> None:
        """Everything that was ever set, and that no part forgot to save."""
        for setting in SETTINGS:
            self.check(setting)
        assert self.unsaved().items() <= self.made_anew.items()

    def unsaved(self) -> dict[tuple[Eui64, str], bytes]:
        """Parts whose state is not in memory. That of some follows from the model, and is made anew at every start."""
        parts = [(device, device.part(name)) for device in self.devices() for name in device.unsaved()]
        return {(device.identity, part.name): encode_state(part.state) for device, part in parts}

    def devices(self) -> Iterator[Device]:
        """Every device of the home."""
        return (node.device for node in self.house.home.nodes)


@cache
def reads() -> dict[Eui64, list[UseCase]]:
    """By device, the use cases that only read and need nothing else to be said."""
    found: dict[Eui64, list[UseCase]] = {}
    for kind in (*KINDS, DeviceType.CHF):
        known = {role for role, _ in CELLS[kind]}
        found[IDENTITIES[kind]] = [
            case
            for case in all_use_cases()
            if case.kind is Kind.COMMAND and kind in case.devices and case.roles & known and _is_read(case)
        ]
    return {device: cases for device, cases in found.items() if cases}


def _is_read(case: UseCase) -> bool:
    if case.payload is Payload.ASN1:
        return case.name in ("CS02a", "CS07", "CS08")
    changes = [each for each in case.instructions if each.op is Operation.SET]
    acts = [each for each in case.instructions if each.op is Operation.ACTION and not each.reads]
    if changes or (acts and case.name != "CCS07") or not (case.instructions or case.components):
        return False
    if case.components and not all(each.attributes for each in case.components):
        return False
    header = Header(1, HUB, HUB, HUB, 0)
    try:
        plain_read(case).payload(header)
    except MeterbenchError:
        return False
    return True


def plain_read(case: UseCase) -> Request:
    """The request of a use case that only reads."""
    if case.payload is Payload.DLMS:
        return dlms(case.name) if case.name != "CCS07" else dlms(case.name, *[octet_string(b"")] * 2)
    if case.payload is Payload.GBZ:
        return gbz(case.name)
    anchor = TrustAnchorCell(BROKER, KeyUsage.KEY_AGREEMENT, CellUsage.MANAGEMENT)
    values: dict[str, Any] = {
        "CS02a": CredentialDetailsCommand(anchor, (BROKER, SUPPLIER)),
        "CS07": ReadDeviceLogCommand(),
        "CS08": ReadFirmwareVersionCommand(),
    }
    return asn1(case.name, values[case.name])


def walk(seed: int, *defects: str) -> Walk:
    """Two hundred commands, and then a look at everything."""
    made = Walk(seed, defects)
    while len(made.house.head_end.sent) < COMMANDS:
        made.step()
    made.check_all()
    return made


@pytest.mark.parametrize("seed", range(3))
def test_random_commands(seed: int) -> None:
    done = walk(seed)
    assert len(done.past) > COMMANDS * 3 // 4


@pytest.mark.parametrize("defect", ["answers-refused-commands", "ignores-role", "enables-supply-unasked"])
def test_a_planned_defect_is_seen(defect: str) -> None:
    with pytest.raises(AssertionError):
        walk(1, defect)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_random_commands(seed: int) -> None:
    walk(seed)


def test_reads_are_found_for_every_kind_of_device() -> None:
    assert {GAS, PROXY, HUB, ELECTRICITY, CONTROLLER, DISPLAY, SWITCH} == set(reads())
    assert len(reads()[ELECTRICITY]) > 30
    assert plain([1, (2,)]) == [1, [2]]
    assert GSME in KINDS
