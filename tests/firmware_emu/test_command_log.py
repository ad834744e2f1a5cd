"""What the event log says of commands: done or not done, with the message code (GBCS 16.2)."""

from __future__ import annotations

from firmware_emu import Personality
from firmware_emu.han_commands import only_reads
from protocols.dlms.data import bit_string, int8, uint16, uint32
from protocols.gbcs.alert_codes import Wan, by_code
from protocols.gbcs.use_cases import by_name

from .gas_rig import GasRig, published, statuses
from .tiny import START
from .whole_meter import AT_ONCE, WholeMeter, action, get, moment, obis, set_to

SCRIPTS = obis("0-0:10.0.106.255")


def logged(meter: WholeMeter) -> list[tuple[int, bytes]]:
    return [(entry.code, entry.other) for entry in meter.meter.logs.events()]


def test_a_command_is_logged_as_done_and_nobody_is_told() -> None:
    meter = WholeMeter()
    told = meter.tell("ECS43", action(9, SCRIPTS, 1, uint16(52)))
    assert (told.results, told.alerts) == ([0], [])
    assert logged(meter) == [(0x8154, b"\x00\x50")]


def test_one_that_fails_is_logged_as_not_done() -> None:
    meter = WholeMeter()
    assert meter.tell("ECS44", action(9, SCRIPTS, 1, uint16(54))).results == [250]
    assert logged(meter) == [(0x8155, b"\x00\x51")]


def test_reads_and_refused_commands_are_not_logged() -> None:
    meter = WholeMeter()
    meter.tell("ECS45", get(70, obis("0-0:96.3.10.255"), 3))
    meter.tell("ECS43", action(9, SCRIPTS, 1, uint16(52)), counter=0)
    assert logged(meter) == []


def test_a_log_that_was_cleared_is_empty() -> None:
    meter = WholeMeter()
    meter.tell("ECS43", action(9, SCRIPTS, 1, uint16(52)))
    assert meter.tell("ECS15a", action(7, obis("0-0:99.98.0.255"), 1, int8(0))).results == [0]
    assert (logged(meter), meter.security()) == ([], [0x8F52])


def test_what_waits_is_logged_when_it_is_carried_out() -> None:
    meter = WholeMeter()
    threshold = set_to(9000, obis("0-0:94.44.128.7"), 4, uint32(5000))
    later = set_to(9000, obis("0-0:94.44.128.7"), 6, moment(START + 60))
    assert meter.tell("ECS28a", threshold, later).results == [0, 0]
    assert logged(meter) == []
    meter.run(START + 60)
    assert logged(meter) == [(0x8F66, b"")]
    meter.tell("ECS28a", threshold, set_to(9000, obis("0-0:94.44.128.7"), 6, AT_ONCE))
    assert logged(meter)[1:] == [(0x8154, b"\x00\x43")]


def test_a_gas_meter_logs_what_it_was_told() -> None:
    rig = GasRig()
    assert statuses(rig.ask("GCS39", published("Change Supply", proposed_supply_status=1))) == [1]
    assert [(entry.code, entry.other) for entry in rig.device.logs.events()] == [(0x8155, b"\x00\x85")]


def test_the_supplier_may_switch_the_entries_off() -> None:
    meter = WholeMeter(Personality())
    bits = format(1 << 0x54 << 256, "0512b")
    meter.tell("ECS25a3", set_to(1, obis("0-30:97.98.14.255"), 2, bit_string(bits)))
    meter.tell("ECS43", action(9, SCRIPTS, 1, uint16(52)))
    assert logged(meter) == []


def test_codes_of_commands_are_for_the_event_log_only() -> None:
    for code in (0x8154, 0x8155, 0x8161, 0x8162):
        row = by_code(code)
        assert row is not None
        assert (row.wan, row.recipients) == (Wan.NONE, frozenset())


def test_which_commands_only_read() -> None:
    for name, reads in (("ECS17b", True), ("CS02a", True), ("GCS16a", True), ("ECS70", False), ("CS06", False)):
        row = by_name(name)
        assert row is not None
        assert only_reads(row.message_code) == reads, name
