"""Another tenant, another supplier, another tariff at midnight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.head_end import BROKER
from bench.requests import Period, dlms, gbz
from bench.tokens import electricity_top_up
from firmware_emu.load_model import Household
from firmware_emu.outputs import SendHan
from firmware_emu.zcl_frames import decode_frame, encode_frame
from protocols.dlms.cosem_time import NEVER, NOW, CosemDateTime
from protocols.dlms.data import Data, octet_string
from protocols.gbcs.asn1_credentials import CredentialStatus, UpdateCredentialsAlert, UpdateCredentialsResponse
from protocols.gbcs.gbz import Component
from protocols.instant import DAY, HALF_HOUR, HOUR, Instant
from protocols.smki.infrastructure import make_infrastructure
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse

from .suppliers import COS, FLOOR, NEWCOMER, TOP_UP_FLOOR, change_of_supplier, newcomer
from .tariffs import Ledger, PlainTariff, set_prices, set_tariff
from .world import ELECTRICITY, GAS, IN_HOME_DISPLAY, POUND, PROXY, START, SUPPLIER, House, Steady, Wire, plain

METERING, NOT_FOUND = 0x0702, 0x8B
CARRIED_OUT, NOT_CARRIED_OUT, UNKNOWN, NO_AUTHENTICITY = 0x8F66, 0x8F67, 0x8F3E, 0x8F3D
CREDENTIALS_UPDATED, TOKEN_NOT_AUTHENTIC, TOKEN_REPEATED = 0x8F70, 0x8F63, 0x8F51
AT_ONCE, NOT_AT_ALL = octet_string(NOW.encode()), octet_string(NEVER.encode())
HOME = Household(seed=3)
TARIFF = PlainTariff(
    seasons=[(1, 1, "all")],
    weeks={"all": (1,) * 7},
    days={1: [(0, 1), (7 * HOUR, 2)]},
    prices={1: 10_000, 2: 30_000},
    standing=20_000,
)
OTHER = replace(TARIFF, days={1: [(0, 5), (6 * HOUR, 6), (20 * HOUR, 5)]}, prices={5: 12_345, 6: 23_456}, standing=1)
DEAR = replace(TARIFF, prices={1: 32_000, 2: 32_001})


def moment(at: Instant) -> Data:
    return octet_string(CosemDateTime.at(at).encode())


# tenancy


def asked_in_the_home(house: House, content: ClusterCommand) -> list[object]:
    """What the proxy answers to a display."""
    frame = encode_frame(Component.of(content, 1))
    outputs = house.home.device(PROXY).receive_han(IN_HOME_DISPLAY, content.row.cluster, frame, house.now)
    frames = [output for output in outputs if isinstance(output, SendHan) and output.recipient == IN_HOME_DISPLAY]
    return [decode_frame(output.cluster, output.octets).content for output in frames]


def samples_at_display(house: House, since: Instant) -> list[int]:
    """Half-hours that a display gets from the proxy."""
    wanted = command_named("Get Sampled Data").make(sample_id=0, earliest_sample_time=since, number_of_samples=1000)
    (answer,) = asked_in_the_home(house, wanted)
    if isinstance(answer, DefaultResponse):
        assert answer.status == NOT_FOUND
        return []
    assert isinstance(answer, ClusterCommand)
    assert answer["sample_start_time"] >= since
    return list(answer["samples"])


def samples_from_afar(house: House, since: Instant) -> list[int]:
    """Half-hours that the supplier gets."""
    wanted = {"earliest_sample_time": since, "number_of_samples": 1000}
    (answer,) = house.ask(gbz("GCS17", wanted), PROXY).command_fields(METERING, 0x07)
    return list(answer["samples"])


def test_a_new_tenant_sees_nothing_older_and_the_supplier_everything() -> None:
    house = House(Steady(energy=300, gas=77))
    house.run(START + 3 * DAY + 60)
    before = samples_at_display(house, START)
    assert set(before) == {77}
    moved = START + 2 * DAY
    house.ask(gbz("GCS09", {"implementation_date_time": moved}), PROXY)
    shown = samples_at_display(house, START)
    assert shown == before[-len(shown) :]
    assert len(shown) == DAY // HALF_HOUR
    assert samples_from_afar(house, START) == before
    house.ask(dlms("ECS12", moment(moved)))
    kept = house.log("ECS22b", Period(START + 1, moved))
    assert [row[1] for row in kept] == [300] * (2 * DAY // HALF_HOUR)


# supplier


def meter_of(supplier_of: Wire) -> Wire:
    """Give a meter a tariff."""
    supplier_of.ask(set_tariff(TARIFF, AT_ONCE))
    return supplier_of


def rows_done(answer: object) -> list[CredentialStatus]:
    """How the replacements ended."""
    assert isinstance(answer, UpdateCredentialsResponse | UpdateCredentialsAlert)
    assert answer.outcome is not None
    return [result.status for result in answer.outcome.results]


def test_change_of_supplier() -> None:
    """The newcomer begins from its own counters; the old supplier is a stranger, and so are its tokens."""
    meter = meter_of(Wire(load=HOME))
    meter.ask(electricity_top_up(meter.head_end, 10))
    meter.run(START + 2 * DAY + 5 * HOUR)
    ledger = Ledger(HOME, START, TARIFF)
    ledger.run(meter.now)
    party, old = newcomer(meter), meter.head_end.parties[SUPPLIER]
    answer = meter.ask(change_of_supplier(meter, party), sender=COS)
    assert rows_done(answer.value) == [CredentialStatus.SUCCESS] * 3
    old_read = meter.command(dlms("ECS17b"))
    old_write = meter.command(dlms("ECS43"))
    old_token = meter.utrn(50, 5)
    meter.run(meter.now + 60)
    assert [meter.refused(each) for each in (old_read, old_write)] == [[UNKNOWN]] * 2
    assert {heard.message.recipient for heard in meter.alerts[-2:]} <= {NEWCOMER, meter.head_end.identity(BROKER)}
    meter.head_end.parties[SUPPLIER] = party
    number = iter(range(FLOOR + 1, FLOOR + 100))
    assert meter.refused(meter.command(dlms("ECS43"), counter=FLOOR)) == []
    assert plain(meter.ask(dlms("ECS45"), counter=1).data[0]) == 1
    meter.ask(dlms("ECS43"), counter=next(number))
    meter.ask(dlms("ECS42"), counter=next(number))
    codes = meter.security_log(START)
    assert codes.count(CREDENTIALS_UPDATED) == 1
    assert codes.count(UNKNOWN) == 2
    check_books(meter, ledger)
    check_tokens(meter, old_token)
    assert old.eui64 != NEWCOMER


def check_books(meter: Wire, ledger: Ledger) -> None:
    """Registers and money were written down at the change."""
    rows = meter.log("ECS20b")
    at, total, *_, emergency, balance, _, _, _, _ = rows[-1]
    assert (at, total, emergency, balance) == (ledger.now, ledger.total, 0, 10 * POUND - ledger.cost())


def check_tokens(meter: Wire, of_the_old: str) -> None:
    """Tokens count from the newcomer's floor."""
    request = electricity_top_up(meter.head_end, 5)
    answer = meter.ask(request, counter=(TOP_UP_FLOOR + 1) << 32)
    assert answer.results == (0,)
    meter.run(meter.now + 60)
    meter.press(f"token {of_the_old}")
    assert meter.security_log(meter.now) == [TOKEN_NOT_AUTHENTIC]
    meter.run(meter.now + 60)
    meter.press(f"token {meter.utrn(TOP_UP_FLOOR, 5)}")
    assert meter.security_log(meter.now) == [TOKEN_REPEATED]


def test_change_of_supplier_at_midnight() -> None:
    """Until midnight the old supplier commands, from then on the new one; the alert tells who sent the command."""
    meter = meter_of(Wire(load=HOME))
    meter.run(START + 3 * HOUR)
    party, midnight = newcomer(meter), START + DAY
    answer = meter.ask(change_of_supplier(meter, party, midnight), sender=COS)
    assert answer.value == UpdateCredentialsResponse(None)
    meter.run(midnight - 1)
    meter.ask(dlms("ECS43"))
    meter.run(midnight)
    (told,) = [heard for heard in meter.alerts if heard.code == CARRIED_OUT]
    assert (told.message.recipient, told.message.message_code) == (meter.head_end.identity(COS), 0x00CB)
    assert rows_done(told.payload.value) == [CredentialStatus.SUCCESS] * 3
    assert told.payload.value.at == midnight
    assert meter.refused(meter.command(dlms("ECS42"))) == [UNKNOWN]
    meter.head_end.parties[SUPPLIER] = party
    meter.ask(dlms("ECS42"), counter=FLOOR + 1)
    (row,) = [row for row in meter.log("ECS20b") if row[0] == midnight]
    *others, last = HOME.day(START // DAY).imported
    assert row[1] == sum(others) + last * (HALF_HOUR - 1) // HALF_HOUR


def test_the_gas_side_changes_hands_too() -> None:
    """Proxy at once, the sleeping meter at its next wake; the newcomer then writes, the old one may not even read."""
    house = House(Steady(gas=10))
    house.run(START + HOUR + 60)
    party = newcomer(house)
    for_proxy = house.ask(change_of_supplier(house, party), PROXY, sender=COS)
    assert rows_done(for_proxy.value) == [CredentialStatus.SUCCESS] * 3
    for_meter = house.command(change_of_supplier(house, party), GAS, sender=COS)
    assert house.send(for_meter.octets) == []
    assert rows_done(house.wait_for(for_meter, HALF_HOUR).value) == [CredentialStatus.SUCCESS] * 3
    old_read, old_write = house.command(gbz("GCS13a"), PROXY), house.command(gbz("GCS32"), GAS)
    assert house.refused(old_read) == [UNKNOWN]
    house.refused(old_write)
    house.run(house.now + HOUR)
    assert house.late == []
    house.head_end.parties[SUPPLIER] = party
    house.ask(gbz("GCS13a"), PROXY, counter=9)
    closes = house.command(gbz("GCS32"), GAS, counter=FLOOR + 1)
    house.send(closes.octets)
    house.wait_for(closes, HALF_HOUR)


@pytest.mark.parametrize("wrong", ["signature", "chain", "role"])
def test_a_false_change_of_supplier_changes_nothing(wrong: str) -> None:
    """Signed by another key, certified by another root, or sent by the supplier itself."""
    meter = Wire()
    party = newcomer(meter)
    request, sender = change_of_supplier(meter, party), COS
    if wrong == "signature":
        true = meter.head_end.parties[COS]
        meter.head_end.parties[COS] = replace(true, store=meter.pki.stranger("thief"))
        command = meter.command(request, sender=COS)
        meter.head_end.parties[COS] = true
        assert meter.refused(command) == [NO_AUTHENTICITY]
    elif wrong == "role":
        command = meter.command(request, sender=SUPPLIER)
        assert meter.refused(command) == [0x8F30]
    else:
        other = Wire()
        other.pki.infrastructure = make_infrastructure(b"somebody else" * 4)
        foreign = change_of_supplier(other, newcomer(other))
        answer = meter.ask(foreign, sender=sender)
        assert rows_done(answer.value) == [CredentialStatus.NO_TRUST_ANCHOR] * 3
    assert plain(meter.ask(dlms("ECS45")).data[0]) == 1


# tariff


def instructions_told(meter: Wire, number: int) -> list[tuple[int, Instant, bytes]]:
    """Code, time and reference of the alerts after the first ``number``: message code, counter, object, attribute."""
    return [
        (heard.code, heard.at, bytes(heard.payload.body.value[2].value))
        for heard in meter.alerts[number:]
        if heard.message.message_code == 0x00CC
    ]


def prices_in_force(meter: Wire) -> list[int]:
    """The 48 prices of time of use, read."""
    matrix = meter.ask(dlms("ECS24")).data[-1]
    return [cell.value[1].value for cell in matrix.value[2].value][:48]


def test_a_tariff_for_midnight_cancelled_once() -> None:
    """Asked for, cancelled, asked for again, replaced, and then in force from midnight on, to the unit."""
    meter = meter_of(Wire(load=HOME))
    ledger = Ledger(HOME, START, TARIFF)
    first, second = START + DAY, START + 2 * DAY
    running = prices_in_force(meter)
    meter.ask(set_tariff(OTHER, moment(first)))
    assert prices_in_force(meter) == running
    meter.run(START + 5 * HOUR)
    meter.ask(set_tariff(OTHER, NOT_AT_ALL))
    meter.run(first + HOUR)
    assert instructions_told(meter, 0) == []
    assert prices_in_force(meter) == running
    meter.ask(set_tariff(DEAR, moment(second)))
    dated = meter.command(set_tariff(OTHER, moment(second)))
    meter.judge(dated, meter.send(dated.octets, ELECTRICITY)[0])
    meter.run(second)
    told = instructions_told(meter, 0)
    assert [(code, at) for code, at, _ in told] == [(CARRIED_OUT, second)] * 6
    named = (dated.message.message_code.to_bytes(2, "big") + dated.message.counter.to_bytes(8, "big")).hex()
    assert {reference[:10].hex() for _, _, reference in told} == {named}
    assert [reference[10:].hex() for _, _, reference in told] == [
        specification.class_id.to_bytes(2, "big").hex() + specification.obis.hex() + f"{specification.index:02x}"
        for specification in dated.use_case.instructions[-6:]
    ]
    ledger.run(second)
    ledger.tariff = OTHER
    ledger.run(START + 5 * DAY)
    meter.run(START + 5 * DAY)
    assert len(instructions_told(meter, 0)) == 6
    assert prices_in_force(meter)[4:6] == [12_345, 23_456]
    assert meter.value("ECS17d")[0][0] == [ledger.rates.get(rate, 0) for rate in range(1, 49)]
    assert meter.value("ECS82") == -ledger.cost()


def test_a_price_for_midnight_survives_a_change_of_supplier_and_an_outage() -> None:
    """What was asked for stays asked for; power is off at midnight, so it happens when it is back."""
    meter = meter_of(Wire(load=HOME))
    midnight = START + DAY
    meter.ask(set_prices(DEAR, moment(midnight)))
    meter.ask(change_of_supplier(meter, newcomer(meter)), sender=COS)
    meter.run(midnight - HOUR)
    meter.switch_off()
    meter.restart(midnight + 2 * HOUR)
    told = instructions_told(meter, 0)
    assert [(code, at) for code, at, _ in told] == [(CARRIED_OUT, midnight)] * 2
    assert {heard.message.recipient for heard in meter.alerts if heard.code == CARRIED_OUT} == {NEWCOMER}
    read = meter.ask(dlms("ECS24"), sender=BROKER)
    assert [cell.value[1].value for cell in read.data[-1].value[2].value][:2] == [32_000, 32_001]


def test_a_time_that_is_no_time_is_refused() -> None:
    """A date-time with open parts activates nothing."""
    meter = meter_of(Wire())
    answer = meter.ask(set_prices(DEAR, octet_string(bytes.fromhex("07EAFF01FF000000008000FF"))), success=False)
    assert set(answer.results[2:]) == {250}
    assert prices_in_force(meter)[:2] == [10_000, 30_000]
