"""Bills, snapshots and daily logs: taken at their times, read back encrypted, sent to the supplier."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_emu import PowerCut
from firmware_emu.parts.electricity.billing import executions, is_times
from protocols.dlms.access import access_request, action, get, get_selected, set_to
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, array, int8, octet_string, structure, uint8, uint16, uint32
from protocols.dlms.data_protection import ProtectedObject, ProtectedRead, ProtectionParameters
from protocols.dlms.obis import obis
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.sensitive import decrypt_payload
from protocols.instant import DAY, HALF_HOUR, Instant, instant

from .metering import UNUSED, Metering, Wobbly, days, price_matrix, set_tariff, told
from .tiny import BROKER, METER, OPERATOR, START, SUPPLIER, messages

MIDNIGHT = START - START % DAY + DAY
BILL = instant(2026, 4, 1)
NOON = b"\x0c\x00\x00\x00"


def every(time: bytes, *dates: bytes) -> Data:
    return array(*[structure(octet_string(time), octet_string(date)) for date in dates])


def protected(home: Metering, use_case: str, number: int, *names: str, whole: bool = False) -> tuple[Any, ...]:
    """A protected read as the supplier sends and opens it: the value of each object."""
    start, end = CosemDateTime.at(START - DAY).encode(), CosemDateTime.at(START + 400 * DAY).encode()
    objects = [
        ProtectedObject(1, obis(name), 2) if whole else ProtectedObject.between(7, obis(name), 2, start, end)
        for name in names
    ]
    argument = ProtectedRead(tuple(objects), ProtectionParameters.of(home.rig.counter + 1, SUPPLIER, METER))
    request = access_request(0, action(30, obis(f"0-0:43.2.{number}"), 1, argument.to_data()))
    response = home.rig.ask(use_case, request)
    (part,) = decrypt_payload(response, decode_payload(response), home.rig.keys)
    assert isinstance(part.value, Data)
    return tuple(part.value.value)


def used(load: Wobbly, start: Instant, end: Instant) -> int:
    return sum(load.amount(slot) for slot in range(start // HALF_HOUR, end // HALF_HOUR))


def test_the_calendar_is_written_and_read() -> None:
    home = Metering()
    monthly = every(NOON, b"\xff\xff\xff\x0f\xff")
    answer = home.ask("ECS30", access_request(0, set_to(22, obis("0-0:15.0.0"), 4, monthly)))
    assert [result.code for result in answer.results] == [0]
    assert home.ask("ECS26d", access_request(0, get(22, obis("0-0:15.0.0"), 4))).data == (monthly,)


def test_a_bill_is_logged_sent_and_resets_the_block_counters() -> None:
    load = Wobbly()
    home = Metering(load)
    home.ask("ECS01a", set_tariff(days((0, 101)), price_matrix({}), thresholds=[(5000,), *[UNUSED] * 7]))
    home.ask("ECS30", access_request(0, set_to(22, obis("0-0:15.0.0"), 4, every(NOON, b"\xff\xff\x04\x01\xff"))))
    outputs = home.run(BILL + DAY // 2)
    import_until = used(load, START, BILL + DAY // 2)
    (alert,) = [message for message in messages(outputs) if message.other.message_code == 0x0061]
    assert alert.recipient == SUPPLIER
    assert alert.signature
    (part,) = decrypt_payload(alert, decode_payload(alert), home.rig.keys)
    assert isinstance(part.value, Data)
    (sent,) = part.value.value
    ((at, total, _tou, *blocks),) = sent.value.rows
    assert (at, total) == (BILL + DAY // 2, import_until)
    assert (blocks[0][0], blocks[1][0]) == (5000, import_until - 5000)
    registers, money = protected(home, "ECS20c", 2, "0-0:98.1.0", "0-0:98.1.1")
    assert registers == sent
    assert money.value.rows == ((BILL + DAY // 2, 0, 0, 0, 0, 0, 0),)
    counters = [item.value for item in home.read(1, "0-0:94.44.34.2", 2).value[0].value]
    assert counters[8] == counters[24] == 0


def test_a_new_meter_bills_on_the_first_and_keeps_twelve() -> None:
    home = Metering()
    alerts = told(home.run(START + 500 * DAY), 0x0061)
    entries = home.log("0-0:98.1.0")
    assert len(alerts) == 16
    assert len(entries) == 12
    assert [row[0] for row in entries][-1] == instant(2027, 7, 1)


def test_bills_missed_in_an_outage_are_cut_once_each_with_their_time() -> None:
    home = Metering(Wobbly())
    home.restart(START + DAY, instant(2026, 5, 15))
    home.run(instant(2026, 6, 2))
    assert [row[0] for row in home.log("0-0:98.1.0")] == [BILL, instant(2026, 5, 1), instant(2026, 6, 1)]
    daily = [row[0] for row in home.log("0-0:98.1.9")]
    assert daily == [instant(2026, 6, 2) - DAY * back for back in range(30, -1, -1)]


def test_daily_reset_is_switched_on_by_its_schedule() -> None:
    home = Metering(Wobbly())
    home.ask("ECS01a", set_tariff(days((0, 101)), price_matrix({})))
    home.ask("ECS48", access_request(0, set_to(22, obis("0-0:15.1.0"), 4, every(bytes(4), b"\xff" * 5))))
    home.run(MIDNIGHT + HALF_HOUR)
    counters = home.metrology.state.primary.counters
    assert counters[0][0] == Wobbly().amount(MIDNIGHT // HALF_HOUR)
    home.ask("ECS48", access_request(0, set_to(22, obis("0-0:15.1.0"), 4, every(b"\xff" * 4, b"\xff" * 5))))
    home.run(MIDNIGHT + DAY + HALF_HOUR)
    home.metrology.settle()
    assert home.metrology.state.primary.counters[0][0] == used(Wobbly(), MIDNIGHT, MIDNIGHT + DAY + HALF_HOUR)


def test_switching_the_daily_reset_on_resets_nothing_before_midnight() -> None:
    home = Metering(Wobbly())
    home.ask("ECS01a", set_tariff(days((0, 101)), price_matrix({})))
    home.run(START + 3 * HALF_HOUR)
    home.ask("ECS48", access_request(0, set_to(22, obis("0-0:15.1.0"), 4, every(bytes(4), b"\xff" * 5))))
    home.run(START + 5 * HALF_HOUR)
    assert home.metrology.state.primary.counters[0][0] == used(Wobbly(), START, START + 5 * HALF_HOUR)


@pytest.mark.parametrize("variant", ["A", "B"])
def test_daily_logs(variant: str) -> None:
    load = Wobbly()
    home = Metering(load, variant=variant)
    home.run(START + 40 * DAY)
    (rows,) = protected(home, "ECS21a", 5, "0-0:98.1.9")
    assert len(rows.value.rows) == 31
    last = rows.value.rows[-1]
    midnight = MIDNIGHT + 39 * DAY
    assert last[:2] == (midnight, used(load, START, midnight))
    assert [len(column) for column in last if isinstance(column, tuple)] == [
        48,
        *([4] if variant == "B" else []),
        *[8] * 4,
    ]
    (days_used,) = protected(home, "ECS66", 4, "0-0:99.1.3")
    second = sum(slot % 11 for slot in range((midnight - DAY) // HALF_HOUR, midnight // HALF_HOUR))
    expected = used(load, midnight - DAY, midnight) + (second if variant == "B" else 0)
    assert days_used.value.rows[-1] == (midnight, expected)
    (profile,) = protected(home, "ECS22b", 7, "0-0:99.1.0")
    assert len(profile.value.rows) == 40 * 48
    assert {len(row) for row in profile.value.rows} == {3 if variant == "B" else 2}


def test_export_is_read_in_clear() -> None:
    home = Metering(Wobbly())
    home.run(MIDNIGHT)
    clock = structure(uint16(1), octet_string(obis("0-0:94.44.100")), int8(2), uint16(0))
    selection = structure(clock, uint32(MIDNIGHT), uint32(MIDNIGHT), array())
    made = (MIDNIGHT // HALF_HOUR - 1) % 5
    half_hours = access_request(0, get_selected(7, obis("0-0:99.1.1"), 2, 1, selection))
    assert home.ask("ECS22a", half_hours, sender=OPERATOR).data[0].value.rows == ((MIDNIGHT, made, made),)
    exported = sum(slot % 5 for slot in range(START // HALF_HOUR, MIDNIGHT // HALF_HOUR))
    daily = access_request(0, get_selected(7, obis("0-0:98.1.10"), 2, 1, selection))
    assert home.ask("ECS21c", daily, sender=BROKER).data[0].value.rows == ((MIDNIGHT, exported),)


def test_registers_are_read_encrypted() -> None:
    load = Wobbly()
    home = Metering(load)
    home.run(START + DAY)
    (collection,) = protected(home, "ECS17b", 8, "0-0:94.44.34.10", whole=True)
    assert collection.value[0] == uint32(used(load, START, START + DAY))
    (rates,) = protected(home, "ECS17d", 9, "0-0:94.44.34.1", whole=True)
    assert rates.value[0].value[0] == collection.value[0]


def test_prepayment_entries_come_only_in_prepayment_mode() -> None:
    home = Metering(Wobbly())
    home.run(MIDNIGHT)
    assert home.log("0-0:98.1.8") == []
    home.profiles.prepayment = lambda: (1, 2, 3, 4, 5, -6)
    home.run(MIDNIGHT + DAY)
    assert home.log("0-0:98.1.8") == [(MIDNIGHT + DAY, 1, 2, 3, 4, 5, -6)]


@pytest.mark.parametrize(
    "value",
    [
        uint8(1),
        array(uint8(1)),
        array(structure(octet_string(bytes(3)), octet_string(bytes(5)))),
        every(NOON, *[b"\xff" * 5] * 5),
    ],
)
def test_calendars_of_another_shape_are_refused(value: Data) -> None:
    assert not is_times(value)
    answer = Metering().ask("ECS30", access_request(0, set_to(22, obis("0-0:15.0.0"), 4, value)))
    assert [result.code for result in answer.results] == [250]


def test_several_dates_make_a_quarter() -> None:
    quarterly = every(NOON, *[bytes((0xFF, 0xFF, month, 1, 0xFF)) for month in (1, 4, 7, 10)])
    assert len(executions(quarterly)) == 4
    home = Metering()
    home.ask("ECS30a", access_request(0, set_to(22, obis("0-0:15.0.0"), 4, quarterly)))
    home.run(START + 365 * DAY)
    months = [(2026, 4), (2026, 7), (2026, 10), (2027, 1)]
    assert [row[0] for row in home.log("0-0:98.1.0")] == [instant(*month, 1, 12) for month in months]


def test_a_power_cut_at_any_write_leaves_whole_bills() -> None:
    """The cut comes somewhere in a month; energy, entries and counters are those of a moment that was committed."""
    load = Wobbly()
    uncut = Metering(load)
    before = uncut.medium.writes
    uncut.run(BILL + DAY)
    for cut in range(1, uncut.medium.writes - before, 41):
        home = Metering(load)
        home.medium.cut_power_before(cut)
        with pytest.raises(PowerCut):
            home.run(BILL + DAY)
        home.restart_from_memory(BILL + 2 * DAY)
        home.run(BILL + 3 * DAY)
        state = home.metrology.state
        profile = home.log("0-0:99.1.0")
        recorded = sum(row[1] for row in profile if isinstance(row[1], int))
        assert recorded == state.primary.total == sum(state.primary.tou)
        assert len(profile) == (BILL + 3 * DAY - START) // HALF_HOUR
        assert [row[0] for row in home.log("0-0:98.1.0")] == [BILL]
