"""A gas meter's tariff: calendars, prices, blocks, conversion to energy, future dates, billing periods."""

from __future__ import annotations

import pytest

from firmware_emu.engines.gas_periods import add_months, next_period
from firmware_emu.engines.tariff import gas_pricing
from protocols.gbcs.gbz import Component, ExecutionOutcome
from protocols.gbcs.message import Cra
from protocols.gbcs.sensitive import decrypt_payload
from protocols.instant import DAY, HALF_HOUR, instant
from protocols.zigbee.smart_energy_calendar import ScheduleEntry, SpecialDay
from protocols.zigbee.smart_energy_price import BlockThresholds
from protocols.zigbee.zcl_types import ZclDate

from .gas_rig import (
    KEYS,
    MIDNIGHT,
    EvenLoad,
    GasRig,
    UnevenLoad,
    calendar,
    fields,
    litres_in,
    prices,
    published,
    read,
    statuses,
    tariff_information,
    values,
)
from .tiny import messages

PRICE, METERING, CALENDAR = 0x0700, 0x0702, 0x0707
CANCEL_CALENDAR, CANCEL_TARIFF = 0xFFFFFFFE, 0xFFFFFFFF
CURRENT = 0xFFFFFFFF
WEEKDAYS = [1, 1, 1, 1, 1, 2, 2]
WORKDAY, WEEKEND = (ScheduleEntry(0, 1),), (ScheduleEntry(0, 2),)
CELLS = [3000, 5000, 7000, 9000]


def tariff(start: int = 0, standing: int = 0) -> list[Component]:
    """Tier 1 on workdays, tier 2 at weekends."""
    return [
        *calendar([WORKDAY, WEEKEND], WEEKDAYS, start),
        tariff_information(start, standing=standing),
        prices(CELLS, start),
    ]


def cost_of(litres: int, price: int) -> int:
    weight, divisor = gas_pricing(400, 102264)
    return litres * price * weight // divisor


def test_registers_and_bill_follow_the_tariff_of_each_day() -> None:
    load = UnevenLoad()
    rig = GasRig(load)  # a Sunday
    assert statuses(rig.ask("GCS01a", *tariff(standing=12000))) == [0] * 8
    rig.run(8 * DAY)
    weekend = litres_in(load, MIDNIGHT, MIDNIGHT + DAY) + litres_in(load, MIDNIGHT + 6 * DAY, MIDNIGHT + 8 * DAY)
    workdays = litres_in(load, MIDNIGHT + DAY, MIDNIGHT + 6 * DAY)
    (answer,) = rig.ask("GCS13c", read(METERING, 0x0302, 0x0301, 0x0300, 0x0100, 0x0102, 0x0104, 0x0106))
    assert values(answer) == [1000, 1, 1, workdays, weekend, 0, 0]
    (total,) = rig.ask("GCS13a", read(METERING, 0x0000))
    assert values(total) == [workdays + weekend]
    bill, _ = rig.ask("GCS60", read(METERING, 0x0A00), read(0x0705, 0x0001))
    assert abs(values(bill)[0] - cost_of(workdays, 3000) - cost_of(weekend, 5000) - 8 * 12000) <= 1


def test_tariff_is_read_back_as_it_was_sent() -> None:
    rig = GasRig()
    rig.ask("GCS01a", *tariff())
    everything = rig.ask(
        "GCS21f",
        read(PRICE, 0x0410, 0x0420, 0x0430, 0x0440),
        published("Get Day Profiles", issuer_calendar_id=CURRENT),
        published("Get Week Profiles", issuer_calendar_id=CURRENT),
        published("Get Seasons", issuer_calendar_id=CURRENT),
        published("Get Special Days", calendar_type=0, issuer_calendar_id=CURRENT),
        published("Get Current Price"),
    )
    assert values(everything[0]) == CELLS
    assert [fields(day)["entries"] for day in everything[1:3]] == [WORKDAY, WEEKEND]
    assert fields(everything[3])["day_ids"] == tuple(WEEKDAYS)
    assert fields(everything[5])["total_number_of_special_days"] == 0
    price = fields(everything[6])
    assert (price["price"], price["trailing_digit_and_price_tier"] & 15, price["duration"]) == (5000, 2, 1440)


def test_an_unknown_tariff_is_not_found() -> None:
    rig = GasRig()
    asked = [published("Get Day Profiles", issuer_calendar_id=CURRENT), published("Get Current Price")]
    assert statuses(rig.ask("GCS21f", *asked)) == [0x8B, 0x8B]


def test_special_day_overrules_the_week() -> None:
    rig = GasRig(EvenLoad(100))
    special = (SpecialDay(ZclDate(2026, 3, 3), 2),)
    rig.ask(
        "GCS01a",
        *calendar([WORKDAY, WEEKEND], WEEKDAYS, special=special),
        tariff_information(),
        prices(CELLS),
    )
    rig.run(4 * DAY)  # Sunday to Wednesday, Tuesday special
    (answer,) = rig.ask("GCS13c", read(METERING, 0x0100, 0x0102))
    assert values(answer) == [9600, 9600]


def test_dated_tariff_comes_into_force_at_midnight_and_is_told() -> None:
    rig = GasRig(EvenLoad(100))
    at = MIDNIGHT + 2 * DAY
    assert statuses(rig.ask("GCS01a", *tariff(at))) == [0] * 8
    counter = rig.parties.counter
    rig.run(2 * DAY - 1)
    assert rig.alerts() == []
    assert statuses(rig.ask("GCS21f", published("Get Current Price"))) == [0x8B]
    rig.outputs.clear()
    rig.run(DAY)
    told = [alert for alert in rig.alerts() if isinstance(alert.body, ExecutionOutcome)]
    assert [(alert.alert_code, alert.time) for alert in told] == [(0x8F66, at)] * 4
    assert [alert.body for alert in told] == [
        ExecutionOutcome(0x006B, counter, CALENDAR, 9, 0),
        ExecutionOutcome(0x006B, counter, CALENDAR, 9, 4),
        ExecutionOutcome(0x006B, counter, PRICE, 9, 4),
        ExecutionOutcome(0x006B, counter, PRICE, 9, 5),
    ]
    (answer,) = rig.ask("GCS13c", read(METERING, 0x0100, 0x0102))
    assert values(answer)[0] == 4800 * 2 + 4700 + 99  # up to the second; before there was no tariff: tier 1


def test_cancelling_drops_all_that_waits_without_an_alert() -> None:
    rig = GasRig()
    rig.ask("GCS01a", *tariff(MIDNIGHT + DAY))
    cancel = [
        *calendar([WORKDAY, WEEKEND], WEEKDAYS, CANCEL_CALENDAR),
        tariff_information(CANCEL_TARIFF),
        prices(CELLS, CANCEL_CALENDAR),
    ]
    assert statuses(rig.ask("GCS01a", *cancel)) == [0] * 8
    rig.run(2 * DAY)
    assert 0x8F66 not in rig.codes()
    assert statuses(rig.ask("GCS21f", published("Get Current Price"))) == [0x8B]


def test_wrong_cancelling_time_is_a_date_like_any_other() -> None:
    rig = GasRig()
    rig.ask("GCS01b", tariff_information(MIDNIGHT + DAY), prices(CELLS, MIDNIGHT + DAY))
    rig.ask("GCS01b", tariff_information(CANCEL_CALENDAR), prices(CELLS, CANCEL_CALENDAR))
    rig.run(2 * DAY)
    assert rig.codes() == []  # the price matrix was cancelled, the tariff waits for the year 2136


def test_newer_tariff_replaces_the_one_that_waits() -> None:
    rig = GasRig()
    rig.ask("GCS01b", tariff_information(MIDNIGHT + DAY), prices([1, 1, 1, 1], MIDNIGHT + DAY))
    rig.ask("GCS01b", tariff_information(MIDNIGHT + 2 * DAY), prices([2, 2, 2, 2], MIDNIGHT + 2 * DAY))
    rig.run(DAY + 1)
    assert rig.codes() == []
    rig.run(DAY)
    assert rig.codes() == [0x8F66, 0x8F66]
    (answer,) = rig.ask("GCS21f", read(PRICE, 0x0410))
    assert values(answer) == [2]


@pytest.mark.parametrize("defect", [(), ("applies-part-of-calendar",)])
def test_calendar_stands_or_falls_as_a_whole(defect: tuple[str, ...]) -> None:
    rig = GasRig(defects=defect)
    rig.device.zcl.faults[CALENDAR, True, 0x03] = 0xC0
    answers = statuses(rig.ask("GCS01a", *tariff()))
    assert answers == [0, 0, 0, 0, 0xC0, 1, 1, 1]
    found = statuses(rig.ask("GCS21f", published("Get Day Profiles", issuer_calendar_id=CURRENT)))
    assert found == ([0, 0] if defect else [0x8B])


@pytest.mark.parametrize(
    "components",
    [
        calendar([WORKDAY] * 5, [1] * 7),
        calendar([(ScheduleEntry(30, 1),)], [1] * 7),
        calendar([(ScheduleEntry(0, 1), ScheduleEntry(600, 2))], [1] * 7),
        calendar([()], [1] * 7),
    ],
)
def test_calendar_that_a_gas_meter_cannot_have_is_refused(components: list[Component]) -> None:
    assert 0x85 in statuses(GasRig().ask("GCS01a", *components))


def test_part_without_its_calendar_is_refused() -> None:
    rig = GasRig()
    assert statuses(rig.ask("GCS01a", calendar([WORKDAY], [1] * 7)[1])) == [0x85]


def test_calendar_needs_all_its_parts_in_one_command() -> None:
    rig = GasRig()
    whole = calendar([WORKDAY, WEEKEND], WEEKDAYS)
    assert statuses(rig.ask("GCS01a", whole[0], whole[1], whole[3], whole[4])) == [0, 0, 0, 0x85]
    assert statuses(rig.ask("GCS01a", whole[0])) == [0]
    assert statuses(rig.ask("GCS01a", *whole[1:])) == [0x85, 1, 1, 1, 1]


def test_blocks_fill_one_after_the_other_by_energy() -> None:
    rig = GasRig(EvenLoad(1000))  # 48 m3 a day
    blocks = [1000, 2000, 3000, 4000]
    rig.ask(
        "GCS01a",
        *calendar([(ScheduleEntry(0, 0),)], [1] * 7),
        tariff_information(block=True),
        published(
            "Publish Block Thresholds",
            start_time=0,
            block_thresholds=(BlockThresholds(0, (100_000, 200_000, 400_000)),),  # kWh x 1000
        ),
        prices(blocks, block=True),
    )
    rig.run(DAY)
    (answer,) = rig.ask("GCS13b", read(METERING, 0x0700, 0x0701, 0x0702, 0x0703))
    limits = [-(-kwh * 36 * 10**8 // (400 * 102264)) for kwh in (100, 200, 400)]  # whole litres that reach so many kWh
    assert limits[0] == 8801
    assert values(answer) == [limits[0], limits[1] - limits[0], limits[2] - limits[1], 48000 - limits[2]]
    (price,) = rig.ask("GCS21f", published("Get Current Price"))
    assert fields(price)["price"] == 4000


def test_conversion_counts_from_the_moment_it_changes() -> None:
    rig = GasRig(EvenLoad(2000))
    rig.ask("GCS01b", tariff_information(), prices([10000] * 4))
    rig.run(DAY)
    before = rig.part("gas account").credit.bill_to_date
    rig.ask(
        "GCS23",
        published("Publish Conversion Factor", conversion_factor=204528),
        published("Publish Calorific Value", calorific_value=400),
    )
    rig.run(DAY)
    assert before == cost_of(96000, 10000)
    assert abs(rig.part("gas account").credit.bill_to_date - 3 * before) <= 2


def billing_period(start: int, duration: int = 1, kind: int = 0x21) -> list[Component]:
    return [
        published(
            "Publish Billing Period",
            billing_period_start_time=start,
            billing_period_duration=duration,
            billing_period_duration_type=kind,
        ),
        published(
            "Publish Block Period",
            block_period_start_time=start,
            block_period_duration=duration,
            block_period_duration_type=kind,
        ),
    ]


@pytest.mark.parametrize("causes", [0x02, 0xAA])
def test_end_of_a_billing_period_is_told_with_an_encrypted_snapshot(causes: int) -> None:
    rig = GasRig(EvenLoad(100), billing_causes=causes)
    rig.ask("GCS25a", *billing_period(MIDNIGHT + 3600))
    rig.run(2 * 3600)
    told = [message for message in messages(rig.outputs) if message.cra is Cra.ALERT]
    assert [message.message_code for message in told] == [0x008B]
    payload = next(alert for alert in rig.alerts())
    (opened,) = decrypt_payload(told[0], payload, KEYS)
    assert isinstance(opened.value, Component)
    snapshot = fields(opened.value.content)
    told_of = (payload.alert_code, snapshot["snapshot_cause"], snapshot["snapshot_time"])
    assert told_of == (0x8F0A, causes, MIDNIGHT + 3600)
    assert snapshot["current_summation_delivered"] == 200


def test_billing_log_always_answers_twelve_times_of_each() -> None:
    rig = GasRig(EvenLoad(100))
    rig.ask("GCS25a", *billing_period(MIDNIGHT + 3600))
    rig.run(3 * DAY)
    asked = [
        published(name, earliest_start_time=0, latest_end_time=0xFFFFFFFE, snapshot_offset=n, snapshot_cause=2)
        for name in ("Get Snapshot", "Get Prepay Snapshot")
        for n in range(12)
    ]
    answers = rig.ask("GCS15c", *asked)
    assert statuses(answers) == [0, 0, 0, *[0x8B] * 9] * 2
    assert [fields(each)["snapshot_time"] for each in answers[:3]] == [MIDNIGHT + 3600 + n * DAY for n in range(3)]
    assert fields(answers[0])["total_snapshots_found"] == 3


def test_billing_period_is_read_back_and_block_counters_begin_anew() -> None:
    rig = GasRig(EvenLoad(100))
    rig.ask(
        "GCS01a",
        *calendar([(ScheduleEntry(0, 0),)], [1] * 7),
        tariff_information(block=True, thresholds=0),
        prices([1] * 4, block=True),
    )
    assert statuses(rig.ask("GCS21k", published("Get Billing Period"))) == [0x8B]
    rig.ask("GCS25a", *billing_period(MIDNIGHT + DAY, 1, 0x22))
    (period,) = rig.ask("GCS21k", published("Get Billing Period"))
    assert fields(period)["billing_period_start_time"] == MIDNIGHT + DAY
    rig.run(DAY + HALF_HOUR)
    (answer,) = rig.ask("GCS13b", read(METERING, 0x0700))
    assert values(answer) == [100]


def test_billing_period_of_minutes_is_refused() -> None:
    assert statuses(GasRig().ask("GCS25a", *billing_period(MIDNIGHT, 5, 0x20))) == [0x85, 1]


def test_snapshot_before_the_tariff_changes() -> None:
    rig = GasRig(EvenLoad(100))
    rig.run(3600)
    rig.ask("GCS01b", tariff_information(), prices(CELLS))
    (snapshot,) = rig.ask(
        "GCS15b", published("Get Snapshot", earliest_start_time=0, latest_end_time=0xFFFFFFFE, snapshot_cause=0x6008)
    )
    assert (fields(snapshot)["snapshot_cause"], fields(snapshot)["current_summation_delivered"]) == (8, 200)


@pytest.mark.parametrize(
    ("start", "duration", "kind", "after", "expected"),
    [
        (instant(2026, 1, 1), 1, 1, instant(2026, 3, 1), instant(2026, 3, 2)),
        (instant(2026, 1, 1), 1, 2, instant(2026, 1, 1), instant(2026, 1, 8)),
        (instant(2026, 1, 28), 1, 3, instant(2026, 2, 27), instant(2026, 2, 28)),
        (instant(2026, 1, 28), 1, 3, instant(2026, 2, 28), instant(2026, 3, 28)),
        (instant(2026, 1, 31), 1, 3, instant(2026, 2, 1), instant(2026, 2, 28)),
        (instant(2025, 6, 15, 3), 6, 3, instant(2026, 1, 1), instant(2026, 6, 15, 3)),
        (instant(2027, 1, 1), 12, 3, instant(2026, 1, 1), instant(2027, 1, 1)),
        (instant(2026, 1, 1), 0, 1, instant(2026, 3, 1), None),
    ],
)
def test_periods(start: int, duration: int, kind: int, after: int, expected: int | None) -> None:
    assert next_period(start, duration, kind | 0x20, after) == expected


def test_months_end_with_the_month() -> None:
    assert add_months(instant(2024, 1, 31), 1) == instant(2024, 2, 29)
    assert add_months(instant(2025, 11, 30), 15) == instant(2027, 2, 28)


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("start", [0, MIDNIGHT, 0xFFFFFFFF])
def test_a_period_that_ends_after_all_time_never_does(kind: int, start: int) -> None:
    assert next_period(start, 0xFFFFFF, kind, start) is None
    assert next_period(start, 1, kind, start) == (None if start == 0xFFFFFFFF else pytest.approx(start, abs=32 * DAY))
    rig = GasRig()
    period = {"billing_period_start_time": start, "billing_period_duration": 0xFFFFFF}
    answers = rig.ask(
        "GCS25a",
        published("Publish Billing Period", **period, billing_period_duration_type=0x20 | kind),
        published(
            "Publish Block Period",
            block_period_start_time=start,
            block_period_duration=0xFFFFFF,
            block_period_duration_type=0x20 | kind,
        ),
    )
    assert statuses(answers) == [0, 0]
