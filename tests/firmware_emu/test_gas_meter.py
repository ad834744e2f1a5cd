"""A gas meter's valve, sensors, battery, logs, settings, samples; and a power cut at every write of its memory."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from firmware_emu import MemoryNvm, PowerCut, SendHan, Show, SwitchMoved
from firmware_emu.nvm import Medium
from firmware_emu.tunnel import COORDINATOR, GET, TUNNELLING
from protocols.gbcs.gbz import GbzAlert, Reason
from protocols.gbcs.message import Cra
from protocols.gbcs.payload import decode_payload
from protocols.instant import DAY, HALF_HOUR, HOUR
from protocols.zigbee.smart_energy_management import EventConfiguration, EventSelection

from .gas_rig import (
    BROKER,
    MIDNIGHT,
    EvenLoad,
    GasRig,
    UnevenLoad,
    fields,
    litres_in,
    prices,
    published,
    read,
    statuses,
    tariff_information,
    values,
)
from .test_gas_prepayment import adjust, configuration, set_mode
from .tiny import messages

BASIC, METERING, PREPAYMENT = 0x0000, 0x0702, 0x0705
OFF, ARMED, ON = 0, 1, 2
CLOSE = published("Change Supply", proposed_supply_status=OFF)
ARM = published("Change Supply", proposed_supply_status=ARMED)
OPEN = published("Change Supply", proposed_supply_status=ON)
LOCKED, UNCHANGED = 0, 3
STRIDE = 3
"""Every third write is cut: the sums hold at each of them."""


def supply(tamper: int = UNCHANGED, depletion: int = UNCHANGED) -> list:  # type: ignore[type-arg]  # components
    return [
        published(
            "Set Uncontrolled Flow Threshold",
            uncontrolled_flow_threshold=300,
            stabilisation_period=25,
            measurement_period=10,
        ),
        published("Set Supply Status", supply_tamper_state=tamper, supply_depletion_state=depletion),
    ]


def state_of(rig: GasRig) -> int:
    (answer,) = rig.ask("GCS33", read(METERING, 0x0014))
    found: int = values(answer)[0]
    return found


# the valve


def test_valve_is_closed_and_armed_from_afar_and_opened_at_the_meter() -> None:
    rig = GasRig(EvenLoad(100))
    assert [fields(each)["supply_status_after_implementation"] for each in rig.ask("GCS32", CLOSE)] == [OFF]
    rig.run(HOUR)
    assert rig.part("gas registers").registers.total == 0
    rig.press("open valve")
    assert state_of(rig) == OFF
    assert [fields(each)["supply_status_after_implementation"] for each in rig.ask("GCS39", ARM)] == [ARMED]
    rig.press("open valve")
    assert state_of(rig) == ON
    moved = [output.level for output in rig.outputs if isinstance(output, SwitchMoved)]
    assert moved == [0, 100]
    rig.run(HOUR)
    assert rig.part("gas registers").registers.total == 200


def test_nobody_opens_the_valve_from_afar_or_arms_an_open_one() -> None:
    rig = GasRig()
    assert statuses(rig.ask("GCS39", ARM)) == [1]
    assert statuses(rig.ask("GCS39", OPEN)) == [0x85]
    assert state_of(rig) == ON


@pytest.mark.parametrize(("leak", "expected"), [(False, ON), (True, ARMED)])
def test_flow_is_tested_after_the_valve_was_opened(leak: bool, expected: int) -> None:
    rig = GasRig()
    rig.ask("GCS24a", *supply())
    rig.ask("GCS32", CLOSE)
    rig.ask("GCS39", ARM)
    rig.sense("uncontrolled flow", leak)
    rig.press("open valve")
    rig.run(12)
    assert state_of(rig) == ON
    rig.run(1)  # 2.5 s and 10 s are over
    assert state_of(rig) == expected
    assert rig.codes() == [0x81BF] * leak


def test_gas_used_in_part_of_a_half_hour_is_counted_in_part() -> None:
    rig = GasRig(EvenLoad(900))
    rig.run(600)
    rig.ask("GCS32", CLOSE)
    rig.run(HOUR)
    (answer,) = rig.ask("GCS13a", read(METERING, 0x0000))
    assert values(answer) == [300]


def test_reasons_for_a_closed_valve_are_apart() -> None:
    rig = GasRig()
    rig.ask("GCS24a", *supply(tamper=LOCKED))
    rig.ask("GCS05", *configuration())
    rig.ask("GCS03", set_mode())  # no credit
    rig.sense("meter cover")
    rig.ask("GCS40a", adjust(0, 1000))
    assert state_of(rig) == OFF  # credit is back, the tamper is not dealt with
    assert statuses(rig.ask("GCS39", ARM)) == [0]
    rig.ask("GCS40a", adjust(0, -1000))
    assert state_of(rig) == OFF
    assert statuses(rig.ask("GCS39", ARM)) == [1]


def test_valve_that_does_not_close_is_told() -> None:
    rig = GasRig(EvenLoad(100))
    rig.sense("fault: valve stuck open")
    assert statuses(rig.ask("GCS32", CLOSE)) == [1]
    assert rig.codes() == [0x81C0]
    rig.run(HALF_HOUR)
    assert rig.part("gas registers").registers.total == 100


# sensors and battery


@pytest.mark.parametrize(("signal", "codes"), [("meter cover", [0x8F74, 0x81B9]), ("tilt", [0x81C3, 0x81C2])])
def test_a_tamper_is_told_at_its_edges(signal: str, codes: list[int]) -> None:
    rig = GasRig()
    for active in (True, True, False, False):
        rig.sense(signal, active)
    told = dict.fromkeys(rig.codes())
    assert list(told) == codes


def test_supply_is_locked_on_tamper_if_the_supplier_wants_it() -> None:
    rig = GasRig()
    rig.ask("GCS24a", *supply(tamper=LOCKED))
    rig.sense("other tamper")
    assert state_of(rig) == OFF
    assert 0x81BE in rig.codes()
    free = GasRig()
    free.sense("other tamper")
    assert state_of(free) == ON


def test_battery_lasts_and_its_end_closes_the_valve() -> None:
    rig = GasRig()
    rig.ask("GCS24a", *supply(depletion=LOCKED))
    rig.device.zcl.preset_attribute(METERING, 0x0205, 182)
    rig.run(2 * DAY)
    (answer,) = rig.ask("GCS33", read(METERING, 0x0205, 0x0014))
    assert values(answer) == [180, ON]
    assert 0x8F1F in rig.codes()
    rig.run(180 * DAY)
    (answer,) = rig.ask("GCS33", read(METERING, 0x0205, 0x0014))
    assert values(answer) == [0, OFF]
    rig.sense("battery replaced")
    (answer,) = rig.ask("GCS33", read(METERING, 0x0205))
    assert values(answer) == [3650]
    assert 0x8F82 in [entry.code for entry in rig.device.logs.security()]


def test_integrity_warning_has_its_reason() -> None:
    rig = GasRig()
    rig.sense("integrity: watchdog")
    (alert,) = rig.alerts()
    assert (alert.alert_code, alert.body) == (0x81A0, Reason(6))


# logs and settings


def test_event_log_is_read_by_time_and_cleared() -> None:
    rig = GasRig()
    asked = {"event_control_and_log_id": 0x13, "start_time": 0, "end_time": 0xFFFFFFFE}
    assert statuses(rig.ask("CS10a", published("Get Event Log", **asked))) == [0x8B]
    for signal in ("battery cover", "meter cover"):
        rig.run(60)
        rig.sense(signal)
        rig.sense(signal, False)
    (log,) = rig.ask("CS10a", published("Get Event Log", **asked))
    assert [event.event_id for event in fields(log)["events"]] == [0x81A1, 0x81B9]
    (log,) = rig.ask("CS10a", published("Get Event Log", **{**asked, "start_time": MIDNIGHT + 120}))
    assert [(event.event_id, event.time) for event in fields(log)["events"]] == [(0x81B9, MIDNIGHT + 120)]
    (cleared,) = rig.ask("CS11", published("Clear Event Log Request"))
    assert fields(cleared)["cleared_event_logs"] == 8
    assert statuses(rig.ask("CS10a", published("Get Event Log", **asked))) == [0x8B]
    (log,) = rig.ask("CS10b", published("Get Event Log", **{**asked, "event_control_and_log_id": 4}))
    assert fields(log)["events"][-1].event_id == 0x8F52


def test_only_the_general_log_can_be_cleared() -> None:
    (cleared,) = GasRig().ask("CS11", published("Clear Event Log Request", log_id=4))
    assert fields(cleared)["cleared_event_logs"] == 0


def test_event_settings_are_obeyed_and_told() -> None:
    rig = GasRig()
    setting = published("Set Event Configuration", event_configuration=0x03, selection=EventSelection(0, (0x81C3,)))
    quiet = published("Set Event Configuration", event_configuration=0x08, selection=EventSelection(0, (0x81C2,)))
    assert statuses(rig.ask("GCS20", setting, quiet)) == [0, 0]
    rig.sense("tilt")
    rig.sense("tilt", False)
    assert rig.codes() == [0x81C2]
    assert [entry.code for entry in rig.device.logs.events()] == [0x8154, 0x81C3]
    (told,) = rig.ask("GCS20r", published("Get Event Configuration"))
    listed = fields(told)["configurations"]
    assert EventConfiguration(0x81C3, 0x03) in listed
    assert EventConfiguration(0x81C2, 0x08) in listed
    assert len(listed) > 20


def test_critical_events_cannot_be_set() -> None:
    wanted = published("Set Event Configuration", event_configuration=0, selection=EventSelection(0, (0x8F0F,)))
    assert statuses(GasRig().ask("GCS20", wanted)) == [0x85]


# texts


def test_texts_reach_the_display() -> None:
    rig = GasRig()
    message = published("Display Message", message_id=1, message=b"Hello")
    assert statuses(rig.ask("GCS07", message)) == [0]
    number = published("Update CIN", customer_id_number=b"1234")
    assert statuses(rig.ask("GCS36", number, sender=BROKER)) == [0]
    shown = [(output.item, output.text) for output in rig.outputs if isinstance(output, Show)]
    assert shown == [("message", "Hello"), ("identification", "1234")]
    assert statuses(rig.ask("GCS36", published("Update CIN", customer_id_number=b"12a4"), sender=BROKER)) == [0x85]


def test_meter_point_and_pin_and_supplier() -> None:
    rig = GasRig()
    rig.ask("GCS41", published("Update SiteID", site_id=b"1234567890"))
    (answer,) = rig.ask("GCS46", read(METERING, 0x0307))
    assert values(answer) == [b"1234567890"]
    management = rig.part("gas management")
    assert management.set_pin("4711")
    assert not management.unlocks("0000")
    assert statuses(rig.ask("GCS11", published("Request New Password Response", password_type=1))) == [0x85]
    assert not management.unlocks("0000")
    assert not management.set_pin("0815")  # while protection is on
    assert not management.unlocks("0815")
    for kind in (2, 3):
        assert statuses(rig.ask("GCS11", published("Request New Password Response", password_type=kind))) == [0]
        assert management.unlocks("0000")
        assert management.set_pin("4711")
        assert not management.unlocks("0000")
    details = published(
        "Publish Change of Supplier", proposed_provider_name=b"X", proposed_provider_contact_details=b"0123"
    )
    assert statuses(rig.ask("GCS44", details)) == [0]
    assert management.state.supplier_name == b"X"


# samples


def test_profile_adds_up_to_the_register() -> None:
    load = UnevenLoad()
    rig = GasRig(load)
    rig.run(5 * DAY)
    (profile,) = rig.ask(
        "GCS17", published("Get Sampled Data", sample_id=0, earliest_sample_time=0, number_of_samples=300)
    )
    samples = fields(profile)
    assert (samples["sample_start_time"], samples["sample_request_interval"]) == (MIDNIGHT, HALF_HOUR)
    assert samples["samples"] == tuple(
        litres_in(load, at, at + HALF_HOUR) for at in range(MIDNIGHT, MIDNIGHT + 5 * DAY, HALF_HOUR)
    )
    (total,) = rig.ask("GCS13a", read(METERING, 0x0000))
    assert sum(samples["samples"]) == values(total)[0]


def test_profile_from_a_time_on() -> None:
    rig = GasRig(UnevenLoad())
    rig.run(DAY)
    first = MIDNIGHT + 10 * HALF_HOUR
    asked = published("Get Sampled Data", sample_id=0, earliest_sample_time=first, number_of_samples=3)
    assert fields(rig.ask("GCS17", asked)[0])["sample_start_time"] == first
    assert len(fields(rig.ask("GCS17", asked)[0])["samples"]) == 3
    late = published("Get Sampled Data", sample_id=0, earliest_sample_time=rig.now, number_of_samples=3)
    assert statuses(rig.ask("GCS17", late)) == [0x8B]


def test_no_power_leaves_invalid_samples() -> None:
    rig = GasRig(EvenLoad(60))
    rig.run(HOUR)
    rig.device.power_off(rig.now + 60)
    rig.now += 3 * HOUR
    rig.outputs += rig.device.power_on(rig.now)
    rig.run(HOUR)
    assert 0x8F1D in rig.codes()
    (profile,) = rig.ask(
        "GCS17", published("Get Sampled Data", sample_id=0, earliest_sample_time=0, number_of_samples=99)
    )
    assert fields(profile)["samples"] == (60, 60, 2, *[0xFFFFFF] * 5, 60, 60)
    assert rig.part("gas registers").registers.total == 242


def test_network_data_log_takes_samples_of_six_minutes() -> None:
    rig = GasRig(EvenLoad(300))
    start = published("Start Sampling")
    assert [fields(each)["sample_id"] for each in rig.ask("GCS31", start, sender=BROKER)] == [2]
    assert [fields(each)["sample_id"] for each in rig.ask("GCS31", start, sender=BROKER)] == [0xFFFF]
    rig.run(5 * HOUR)
    (log,) = rig.ask("GCS18", published("Get Sampled Data", sample_id=2, earliest_sample_time=1, number_of_samples=41))
    assert fields(log)["samples"] == (60,) * 41
    assert [fields(each)["sample_id"] for each in rig.ask("GCS31", start, sender=BROKER)] == [2]


# radio


def test_meter_wakes_every_half_hour_and_asks_for_messages() -> None:
    rig = GasRig()
    rig.run(2 * HOUR)
    asked = [output for output in rig.outputs if isinstance(output, SendHan) and output.cluster == TUNNELLING]
    assert [(output.recipient, output.octets) for output in asked] == [(COORDINATOR, GET)] * 4


def test_meter_that_stops_reporting_still_asks_for_messages() -> None:
    rig = GasRig(defects=["stops-reporting"])
    rig.run(HOUR)
    assert {output.cluster for output in rig.outputs if isinstance(output, SendHan)} == {TUNNELLING}


# power cuts


def snapshot(rig: GasRig) -> Mapping[str, object]:
    registers, account = rig.part("gas registers").registers, rig.part("gas account").credit
    return {
        "total": registers.total,
        "tiers": sum(registers.tou),
        "balance": account.balance,
        "bill": account.bill_to_date,
        "supply": rig.part("gas valve").supply,
    }


def live(rig: GasRig) -> None:
    """A day with a tariff, credit, a closed valve, a snapshot."""
    rig.send(rig.command("GCS01b", tariff_information(), prices([1000, 2000, 3000, 4000])))
    rig.send(rig.command("GCS40a", adjust(0, 500_000)))
    rig.send(rig.command("GCS03", set_mode()))
    rig.run(13 * HOUR)
    rig.send(rig.command("GCS32", CLOSE))
    rig.run(12 * HOUR)


def test_power_cut_at_any_write_leaves_a_meter_that_starts_and_adds_up() -> None:
    whole = GasRig(UnevenLoad(), nvm=MemoryNvm())
    begun = medium(whole).writes
    live(whole)
    expected = snapshot(whole)
    assert expected["tiers"] == expected["total"] != 0
    writes = medium(whole).writes - begun
    for nth in range(1, writes + 1, STRIDE):
        rig = GasRig(UnevenLoad(), nvm=MemoryNvm())
        held = medium(rig)
        held.cut_power_before(nth)
        with pytest.raises(PowerCut):
            live(rig)
        cut = GasRig(UnevenLoad(), at=rig.now + HOUR, nvm=MemoryNvm(held))
        found = snapshot(cut)
        assert found["tiers"] == found["total"]
        cut.run(HOUR)
        assert snapshot(cut)["tiers"] == snapshot(cut)["total"]


def medium(rig: GasRig) -> Medium:
    assert isinstance(rig.nvm, MemoryNvm)
    return rig.nvm.medium


def test_commands_for_the_proxy_are_not_for_the_meter() -> None:
    rig = GasRig()
    assert (
        rig.send(
            rig.command(
                "GCS61", published("Get Sampled Data", sample_id=1, earliest_sample_time=0, number_of_samples=1)
            )
        )
        == []
    )


def test_alerts_are_protected_messages() -> None:
    rig = GasRig()
    rig.sense("meter cover")
    told = [message for message in messages(rig.outputs) if message.cra is Cra.ALERT]
    assert {message.message_code for message in told} == {0x1000}
    assert all(isinstance(decode_payload(message), GbzAlert) and message.signature for message in told)
