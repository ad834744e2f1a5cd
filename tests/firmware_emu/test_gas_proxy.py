"""The gas proxy: it mirrors the sleeping meter, reads along, answers in its place, fills gaps; all in one home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from firmware_emu import Device, MemoryNvm, Personality, SendHan
from firmware_emu.devices import gpf, gsme
from firmware_emu.home import Home, to_wan
from firmware_emu.load_model import LoadModel
from firmware_emu.parts.gas.radio import TIME
from firmware_emu.zcl_frames import decode_frame, encode_frame, report
from protocols.dlms.cosem_time import ClockStatus, CosemDateTime
from protocols.gbcs.gbz import Component, ExecutionOutcome, GbzAlert, GbzPayload
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_events import Event
from protocols.zigbee.zcl import AttributeRecord, DefaultResponse, ReadAttributesResponse

from .gas_rig import (
    MIDNIGHT,
    EvenLoad,
    GasRig,
    UnevenLoad,
    contents,
    fields,
    litres_in,
    prices,
    published,
    read,
    statuses,
    tariff_information,
    values,
)
from .homes import GAS, IN_HOME_DISPLAY, PROXY, Parties, install_anchors, make_hub, own_keys
from .test_gas_prepayment import adjust, configuration, set_mode
from .test_gas_tariff import CURRENT, billing_period, tariff
from .tiny import OPERATOR, SUPPLIER

METERING, PREPAYMENT, PRICE = 0x0702, 0x0705, 0x0700
OFFSET = 60
"""Seconds after a half-hour at which things are asked: the meter sleeps."""


class GasHome:
    """A hub, a gas meter and a gas proxy."""

    def __init__(
        self, load: LoadModel | None = None, meter_defects: Sequence[str] = (), proxy_defects: Sequence[str] = ()
    ) -> None:
        meter = Personality(device=DeviceType.GSME, defects=frozenset(meter_defects))
        proxy = Personality(device=DeviceType.GPF, defects=frozenset(proxy_defects))
        self.meter = gsme.make_device(GAS, meter, MemoryNvm(), own_keys(GAS), load)
        self.proxy = gpf.make_device(PROXY, proxy, MemoryNvm(), own_keys(PROXY))
        for device in (self.meter, self.proxy):
            install_anchors(device)
        self.home = Home(make_hub(PROXY), [self.meter, self.proxy])
        self.now = MIDNIGHT
        self.wan: list[Message] = []
        self._keep(self.home.power_on(self.now))
        self.parties = Parties()

    def run(self, seconds: int) -> None:
        self.now += seconds
        self._keep(self.home.advance(self.now))

    def send(self, device: Device, use_case: str, *components: Component, sender: Any = SUPPLIER) -> int:
        """Send a command from the WAN; gives its counter."""
        numbered = (each._replace(frame=each.frame._replace(sequence=n)) for n, each in enumerate(components))
        octets = self.parties.command(use_case, GbzPayload(tuple(numbered)).encode(), device.identity, sender)
        self._keep(self.home.receive_wan(octets, self.now))
        return self.parties.counter

    def answer(self, counter: int) -> Message:
        """The response to a command, which has come."""
        return next(each for each in self.wan if each.cra is Cra.RESPONSE and each.counter == counter)

    def ask(self, use_case: str, *components: Component, sender: Any = SUPPLIER) -> list[Any]:
        """Ask the proxy, which answers at once."""
        return contents(self.answer(self.send(self.proxy, use_case, *components, sender=sender)))

    def tell(self, use_case: str, *components: Component) -> list[Any]:
        """Tell the meter, and wait until it has woken."""
        counter = self.send(self.meter, use_case, *components)
        assert not any(each.counter == counter and each.cra is Cra.RESPONSE for each in self.wan)
        self.run(HALF_HOUR)
        return contents(self.answer(counter))

    def _keep(self, done: Any) -> None:
        self.wan += [Message.decode(octets) for octets in to_wan(done)]


def test_proxy_answers_with_the_registers_and_the_time_of_the_last_report() -> None:
    home = GasHome(EvenLoad(100))
    home.run(3 * HOUR + 17 * 60)
    counter = home.send(home.proxy, "GCS13a", read(METERING, 0x0302, 0x0301, 0x0300, 0x0000), sender=OPERATOR)
    response = home.answer(counter)
    assert values(contents(response)[0]) == [1000, 1, 1, 600]
    told = CosemDateTime.decode(response.date_time)
    assert told.to_instant() == MIDNIGHT + 3 * HOUR
    assert told.status == ClockStatus.DIFFERENT_CLOCK_BASE


def test_new_proxy_answers_with_its_own_time() -> None:
    rig = GasRig(kind=DeviceType.GPF)
    (message,) = rig.send(rig.command("GCS13a", read(METERING, 0x0000)))
    assert CosemDateTime.decode(message.date_time).status == 0


def test_command_waits_for_the_meter_to_wake() -> None:
    home = GasHome()
    home.run(OFFSET)
    assert statuses(home.tell("GCS44", details())) == [0]
    assert home.proxy.part("gas management").state.supplier_name == b"Gas & Co"


def details() -> Component:
    return published(
        "Publish Change of Supplier", proposed_provider_name=b"Gas & Co", proposed_provider_contact_details=b"0123"
    )


def profile(home: GasHome, start: Instant = 0, number: int = 19056) -> list[int]:
    asked = published("Get Sampled Data", sample_id=0, earliest_sample_time=start, number_of_samples=number)
    return list(fields(home.ask("GCS17", asked)[0])["samples"])


def test_half_hours_and_days_follow_from_the_reports() -> None:
    load = UnevenLoad()
    home = GasHome(load)
    home.run(3 * DAY + OFFSET)
    expected = [litres_in(load, at, at + HALF_HOUR) for at in range(MIDNIGHT, MIDNIGHT + 3 * DAY, HALF_HOUR)]
    assert profile(home) == expected
    asked = published("Get Sampled Data", sample_id=1, earliest_sample_time=0, number_of_samples=731)
    (days,) = home.ask("GCS61", asked)
    assert list(fields(days)["samples"]) == [sum(expected[48 * n : 48 * n + 48]) for n in range(3)]


def test_gap_is_filled_when_the_proxy_is_back() -> None:
    load = UnevenLoad()
    home = GasHome(load)
    home.run(DAY + OFFSET)
    home._keep(home.home.power_cut(home.now))
    home.run(2 * DAY + 5 * HOUR)
    home._keep(home.home.power_on(home.now))
    home.run(HOUR)
    end = home.now // HALF_HOUR * HALF_HOUR
    assert profile(home) == [litres_in(load, at, at + HALF_HOUR) for at in range(MIDNIGHT, end, HALF_HOUR)]
    asked = {"earliest_start_time": 0, "latest_end_time": 0xFFFFFFFE, "snapshot_cause": 1}
    answers = home.ask("GCS16a", *(published("Get Snapshot", snapshot_offset=n, **asked) for n in range(31)))
    assert [fields(each)["snapshot_time"] for each in answers[:3]] == [MIDNIGHT + n * DAY for n in (1, 2, 3)]
    assert statuses(answers[3:]) == [0x8B] * 28


def test_snapshots_are_pushed_as_they_are_taken() -> None:
    home = GasHome(EvenLoad(100))
    home.run(OFFSET)
    home.tell("GCS25a", *billing_period(MIDNIGHT + DAY + 3 * HOUR))
    home.run(2 * DAY)
    asked = {"earliest_start_time": 0, "latest_end_time": 0xFFFFFFFE}
    daily, billing = home.ask(
        "GCS15c",
        published("Get Snapshot", snapshot_cause=1, **asked),
        published("Get Snapshot", snapshot_cause=2, **asked),
    )
    assert (fields(daily)["snapshot_time"], fields(daily)["current_summation_delivered"]) == (MIDNIGHT + DAY, 4800)
    assert fields(billing)["snapshot_time"] == MIDNIGHT + DAY + 3 * HOUR
    (period,) = home.ask("GCS21k", published("Get Billing Period"))
    assert fields(period)["billing_period_start_time"] == MIDNIGHT + DAY + 3 * HOUR


def test_tariff_is_read_along() -> None:
    home = GasHome()
    home.run(OFFSET)
    home.tell("GCS01a", *tariff())
    answers = home.ask(
        "GCS21f",
        read(PRICE, 0x0410, 0x0420),
        published("Get Day Profiles", issuer_calendar_id=CURRENT),
        published("Get Current Price"),
    )
    assert values(answers[0]) == [3000, 5000]
    assert statuses(answers[1:]) == [0, 0, 0]
    assert [(e.code, e.other) for e in home.proxy.logs.events()] == [(0x8154, b"\x00\x6b")]


@pytest.mark.parametrize(("defects", "expected"), [((), 5000), (("proxy-forgets-dated",), 0)])
def test_dated_tariff_is_taken_when_the_meter_says_that_it_was(defects: tuple[str, ...], expected: int) -> None:
    home = GasHome(proxy_defects=defects)
    home.run(OFFSET)
    home.tell("GCS01a", *tariff(MIDNIGHT + DAY))
    assert values(home.ask("GCS21f", read(PRICE, 0x0420))[0]) == [0]
    home.run(DAY)
    assert values(home.ask("GCS21f", read(PRICE, 0x0420))[0]) == [expected]
    found = statuses(home.ask("GCS21f", published("Get Day Profiles", issuer_calendar_id=CURRENT)))
    assert found == ([0, 0] if expected else [0x8B])


@pytest.mark.parametrize(("defects", "expected"), [((), [0, 0]), (("proxy-takes-refused",), [3000, 0])])
def test_only_what_the_meter_took_is_taken(defects: tuple[str, ...], expected: list[int]) -> None:
    home = GasHome(proxy_defects=defects)
    home.meter.zcl.faults[PRICE, True, 0x05] = 0xC0
    home.run(OFFSET)
    assert statuses(home.tell("GCS01b", tariff_information(standing=7), prices([3000] * 4))) == [0, 0xC0]
    found = values(home.ask("GCS21f", read(PRICE, 0x0410, 0x0301))[0])
    assert found == [expected[0], 7]


def test_command_without_an_answer_is_given_up() -> None:
    home = GasHome()
    home.run(OFFSET)
    home.home.han.nodes.pop(GAS)  # the meter is out of reach
    home.send(home.meter, "GCS44", details())
    home.run(2 * DAY)
    assert home.proxy.part("gas management").state.supplier_name == b""
    assert (0x8155, b"\x00\x88") in [(entry.code, entry.other) for entry in home.proxy.logs.events()]


def test_account_is_mirrored() -> None:
    home = GasHome(EvenLoad(0))
    home.run(OFFSET)
    home.tell("GCS05", *configuration())
    home.tell("GCS40a", adjust(0, 900_000))
    home.tell("GCS03", set_mode())
    home.run(HALF_HOUR)
    found = home.ask(
        "GCS21b",
        read(PREPAYMENT, 0x0010, 0x0011, 0x0031, 0x0006),
        published("Get Seasons", issuer_calendar_id=0xFFFFFFFE),
    )
    assert values(found[0]) == [500_000, 100_000, 200_000, 10_000_000]
    assert statuses(found[1:]) == [0x8B]
    (_, balances) = home.ask("GCS60", read(METERING, 0x0A00), read(PREPAYMENT, 0x0001))
    assert values(balances) == [900_000]
    (_, account) = home.ask("GCS14", read(PRICE, 0x0616), read(PREPAYMENT, 0x0001, 0x0002))
    assert values(account) == [900_000, 500_000]


def test_proxy_has_copies_of_the_meter_s_logs() -> None:
    home = GasHome()
    home.run(OFFSET)
    home._keep(home.home.sense(GAS, "meter cover", True, home.now))
    home._keep(home.home.sense(GAS, "meter cover", False, home.now))
    home.run(HALF_HOUR)
    asked = {"start_time": 0, "end_time": 0xFFFFFFFE}
    (log,) = home.ask("CS10a", published("Get Event Log", event_control_and_log_id=0x16, **asked))
    assert [(event.log_id, event.event_id) for event in fields(log)["events"]] == [(6, 0x81B9)]
    (log,) = home.ask("CS10b", published("Get Event Log", event_control_and_log_id=0x07, **asked))
    assert [event.event_id for event in fields(log)["events"]] == [0x8F74]
    home.tell("CS11", published("Clear Event Log Request"))
    home.run(HALF_HOUR)
    asked_again = published("Get Event Log", event_control_and_log_id=0x16, **asked)
    assert statuses(home.ask("CS10a", asked_again)) == [0x8B]


def test_defects_of_reporting_can_be_seen() -> None:
    silent = GasHome(EvenLoad(100), meter_defects=["stops-reporting"])
    silent.run(DAY)
    assert values(silent.ask("GCS13a", read(METERING, 0x0000))[0]) == [0]


# one message or frame at a time


class LoneProxy(GasRig):
    """A proxy that is handed what passes the hub, and what the meter sends."""

    def __init__(self) -> None:
        super().__init__(kind=DeviceType.GPF)

    def pass_command(self, use_case: str, *components: Component) -> Message:
        numbered = (each._replace(frame=each.frame._replace(sequence=n)) for n, each in enumerate(components))
        octets = self.parties.command(use_case, GbzPayload(tuple(numbered)).encode(), GAS)
        assert self.send(octets) == []
        return Message.decode(octets)

    def pass_response(self, command: Message, *answers: Component) -> None:
        payload = GbzPayload(answers).encode()
        self.send(
            Message(
                Cra.RESPONSE, command.counter, GAS, SUPPLIER, OtherInformation(command.message_code), payload
            ).encode()
        )

    def pass_alert(self, command: Message, code: int, cluster: int, number: int) -> None:
        body = ExecutionOutcome(command.message_code, command.counter, cluster, 9, number)
        payload = GbzAlert(code, self.now, body, 1).encode()
        self.send(Message(Cra.ALERT, 1, GAS, SUPPLIER, OtherInformation(0x00CD), payload).encode())

    def hear(self, cluster: int, octets: bytes) -> list[SendHan]:
        outputs = self.device.receive_han(GAS, cluster, octets, self.now)
        return [each for each in outputs if isinstance(each, SendHan)]

    def hear_report(self, total: int, at: Instant) -> list[SendHan]:
        """A whole report of the register; what the proxy asks then."""
        self.hear(METERING, report(METERING, [AttributeRecord(0x0000, 0, 0x25, total)], 1))
        self.hear(TIME, report(TIME, [AttributeRecord(0x0000, 0, 0xE2, at)], 2))
        return self.hear(METERING, report(METERING, [AttributeRecord(0xFFFE, 0, 0x30, 1)], 3))

    def hear_samples(self, start: Instant, *litres: int) -> None:
        """The meter's answer to a question for half-hours."""
        answer = command_named("Get Sampled Data Response").make(
            sample_id=0, sample_start_time=start, sample_request_interval=HALF_HOUR, samples=litres
        )
        self.hear(METERING, encode_frame(Component.of(answer)))


def success(sequence: int, cluster: int, command: int, status: int = 0) -> Component:
    return Component.general(cluster, DefaultResponse(command, status), sequence)


@pytest.mark.parametrize(
    ("answers", "taken"),
    [
        ([success(0, 0x0708, 1)], True),
        ([success(0, 0x0708, 1, 0xC0)], False),
        ([success(0, 0x0700, 1)], False),
        ([success(1, 0x0708, 1)], False),
        ([success(0, 0x0708, 1), success(1, 0x0708, 1)], False),
    ],
)
def test_answer_must_fit_its_command(answers: list[Component], taken: bool) -> None:
    rig = LoneProxy()
    rig.pass_response(rig.pass_command("GCS44", details()), *answers)
    assert (rig.part("gas management").state.supplier_name != b"") == taken
    assert [entry.code for entry in rig.device.logs.events()] == [0x8154 if taken else 0x8155]


@pytest.mark.parametrize(("code", "price"), [(0x8F66, 3000), (0x8F67, 0)])
def test_alert_tells_whether_a_dated_command_was_executed(code: int, price: int) -> None:
    rig = LoneProxy()
    command = rig.pass_command("GCS01b", tariff_information(MIDNIGHT + DAY), prices([3000] * 4, MIDNIGHT + DAY))
    rig.pass_response(command, success(0, PRICE, 4), success(1, PRICE, 5))
    rig.pass_alert(command, code, PRICE, 5)
    (answer,) = rig.ask("GCS21f", read(PRICE, 0x0410))
    assert values(answer) == [price]


def test_half_hours_behind_a_gap_wait_until_it_is_filled() -> None:
    rig = LoneProxy()
    rig.hear_report(0, MIDNIGHT)
    rig.hear_samples(MIDNIGHT - HALF_HOUR, 0)
    rig.hear_report(100, MIDNIGHT + HALF_HOUR)
    rig.hear_report(700, MIDNIGHT + 4 * HALF_HOUR)
    asked = rig.hear_report(800, MIDNIGHT + 5 * HALF_HOUR)
    questions = [fields(decode_frame(each.cluster, each.octets).content) for each in asked if each.cluster == METERING]
    assert (MIDNIGHT + HALF_HOUR, 4) in [
        (each["earliest_sample_time"], each["number_of_samples"]) for each in questions if "sample_id" in each
    ]
    rig.hear_samples(MIDNIGHT + HALF_HOUR, 150, 200, 250, 100)
    rig.hear_report(950, MIDNIGHT + 6 * HALF_HOUR)
    question = published("Get Sampled Data", sample_id=0, earliest_sample_time=MIDNIGHT, number_of_samples=99)
    assert fields(rig.ask("GCS17", question)[0])["samples"] == (100, 150, 200, 250, 100, 150)


def test_limits_are_taken_before_what_is_counted_from_them() -> None:
    rig = LoneProxy()
    records = [AttributeRecord(0x0002, 0, 0x2B, 300), AttributeRecord(0x0010, 0, 0x23, 500)]
    rig.hear(PREPAYMENT, report(PREPAYMENT, records, 1))
    (answer,) = rig.ask("GCS14", read(PREPAYMENT, 0x0002))
    assert values(answer) == [300]


def test_log_entries_that_come_twice_are_kept_once() -> None:
    rig = LoneProxy()
    events = [Event(3, 0x81A0 + n, MIDNIGHT + n, b"") for n in range(4)]
    for part in (events[:3], events[2:]):
        log = command_named("Publish Event Log").make(total_number_of_matching_events=2, events=tuple(part))
        rig.hear(0x0709, encode_frame(Component.of(log)))
    asked = published("Get Event Log", event_control_and_log_id=0x16, start_time=0, end_time=0xFFFFFFFE)
    assert [each.event_id for each in fields(rig.ask("CS10a", asked)[0])["events"]] == [0x81A0, 0x81A1, 0x81A2, 0x81A3]


# the consumer's devices


def han_read(proxy: Device, component: Component, now: Instant) -> Component:
    outputs = proxy.receive_han(IN_HOME_DISPLAY, component.cluster, encode_frame(component), now)
    (sent,) = [each for each in outputs if isinstance(each, SendHan)]
    assert sent.recipient == IN_HOME_DISPLAY
    return decode_frame(sent.cluster, sent.octets)


def test_display_reads_the_mirror_in_clear() -> None:
    home = GasHome(EvenLoad(100))
    home.run(HOUR + OFFSET)
    answer = han_read(home.proxy, read(METERING, 0x0000, 0x0014), home.now).content
    assert isinstance(answer, ReadAttributesResponse)
    assert values(answer) == [200, 2]


def test_change_of_tenancy_hides_what_is_older() -> None:
    home = GasHome(EvenLoad(100))
    home.run(3 * DAY + OFFSET)
    change = published(
        "Publish Change of Tenancy", implementation_date_time=MIDNIGHT + 2 * DAY, proposed_tenancy_change_control=0x200
    )
    assert statuses(home.ask("GCS09", change)) == [0]
    asked = published("Get Sampled Data", sample_id=0, earliest_sample_time=0, number_of_samples=999)
    shown = han_read(home.proxy, asked, home.now).content
    assert fields(shown)["sample_start_time"] == MIDNIGHT + 2 * DAY
    assert len(profile(home)) == 144  # remote parties read on


def test_displays_may_not_give_commands_or_read_logs() -> None:
    home = GasHome()
    home.run(OFFSET)
    for component in (published("Change Supply", proposed_supply_status=0), adjust(0, 5)):
        refused = han_read(home.proxy, component, home.now).content
        assert statuses([refused]) == [0x81]
    log = published("Get Event Log", event_control_and_log_id=0x07, start_time=0, end_time=0xFFFFFFFE)
    assert statuses([han_read(home.proxy, log, home.now).content]) == [0x81]


def test_sleeping_meter_does_not_hear() -> None:
    home = GasHome()
    home.run(OFFSET)
    frame = encode_frame(read(METERING, 0x0000))
    assert home.meter.receive_han(PROXY, METERING, frame, home.now) == []
    home.run(HALF_HOUR - OFFSET)
    assert len(home.meter.receive_han(PROXY, METERING, frame, home.now)) == 1


@pytest.mark.parametrize("octets", [b"", b"\x01", b"\x18\x00\x0a\x00", b"\x18\x00\x0a\xfe\xff\x99\x00", b"\xff" * 40])
def test_bad_frames_are_ignored(octets: bytes) -> None:
    home = GasHome()
    home.run(OFFSET)
    for cluster in list(home.proxy.han):
        home.proxy.receive_han(IN_HOME_DISPLAY, cluster, octets, home.now)
    assert values(home.ask("GCS33", read(METERING, 0x0014))[0]) == [2]


def test_a_report_whose_register_was_lost_tells_nothing_of_what_was_used() -> None:
    rig = LoneProxy()
    rig.hear_report(0, MIDNIGHT)
    rig.hear_samples(MIDNIGHT - HALF_HOUR, 0)
    rig.hear_report(100, MIDNIGHT + HALF_HOUR)
    rig.hear(TIME, report(TIME, [AttributeRecord(0x0000, 0, 0xE2, MIDNIGHT + 2 * HALF_HOUR)], 2))
    asked = rig.hear(METERING, report(METERING, [AttributeRecord(0xFFFE, 0, 0x30, 1)], 3))
    assert [each.cluster for each in asked][:1] == [METERING]  # for the half-hour that is missing
    question = published("Get Sampled Data", sample_id=0, earliest_sample_time=MIDNIGHT, number_of_samples=99)
    assert fields(rig.ask("GCS17", question)[0])["samples"] == (100,)


def test_the_first_half_hours_are_asked_for_until_they_have_come() -> None:
    rig = LoneProxy()
    rig.hear_report(70, MIDNIGHT)
    asked = rig.hear_report(170, MIDNIGHT + HALF_HOUR)  # nothing was answered: the half-hours before are not given up
    questions = [fields(decode_frame(each.cluster, each.octets).content) for each in asked if each.cluster == METERING]
    assert questions[0]["earliest_sample_time"] == 0
    rig.hear_samples(MIDNIGHT - HALF_HOUR, 70, 100)
    question = published("Get Sampled Data", sample_id=0, earliest_sample_time=0, number_of_samples=99)
    assert fields(rig.ask("GCS17", question)[0])["samples"] == (70, 100)
