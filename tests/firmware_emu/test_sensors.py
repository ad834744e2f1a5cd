"""What meters notice: voltmeters, currents, faults of their own, ports, joining; what the consumer asks of them."""

from __future__ import annotations

import pytest

from firmware_emu import Personality, SwitchMoved
from firmware_emu.devices import esme
from firmware_emu.nvm import MemoryNvm
from firmware_emu.parts.sensors import ERRORS, PORTS
from protocols.dlms.data import uint16, uint32
from protocols.gbcs.alert_codes import Log, by_code
from protocols.gbcs.roles import DeviceType
from protocols.instant import HOUR

from .gas_rig import GasRig
from .homes import ELECTRICITY, Parties, home_of, install_anchors, own_keys
from .test_hub import add_device
from .tiny import START
from .whole_meter import WholeMeter, action, obis


def codes(meter: WholeMeter) -> list[tuple[int, bytes]]:
    return [(entry.code, entry.other) for entry in meter.meter.logs.events()]


@pytest.mark.parametrize("signal", sorted({**ERRORS, **PORTS}))
def test_errors_and_ports_of_both_meters(signal: str) -> None:
    meter, rig = WholeMeter(), GasRig()
    code = {**ERRORS, **PORTS}[signal]
    assert meter.sense(signal) == [code]
    assert (meter.sense(signal), meter.sense(signal, False), meter.sense(signal)) == ([], [], [code])
    assert meter.events() == [code, code]
    rig.sense(signal)
    assert rig.codes() == [code]


@pytest.mark.parametrize(
    ("variant", "signal", "begin", "end"),
    [
        ("A", "over-current", [0x8010], []),
        ("A", "over-current phase 1", [], []),
        ("C", "over-current phase 2", [0x8016], []),
        ("C", "over-current", [], []),
        ("C", "phase sequence", [0x81B7], []),
        ("A", "power factor", [0x8014], [0x8015]),
        ("B", "hub detached", [0x81A3], [0x81A2]),
        ("A", "reverse current", [0x81BB], []),
    ],
)
def test_what_is_told_of_currents(variant: str, signal: str, begin: list[int], end: list[int]) -> None:
    meter = WholeMeter(Personality(variant=variant))
    assert meter.sense(signal) == begin
    assert meter.sense(signal, False) == end
    row = by_code((*begin, 0x8010)[0])
    assert row is not None
    logged = len(meter.meter.logs.power()) + len(meter.events())
    assert logged == len(begin) + len(end)
    assert row.log_on(DeviceType.ESME) in (Log.POWER, Log.EVENT)


def test_a_voltmeter_is_believed() -> None:
    meter = WholeMeter()
    meter.preset(1, "1-0:32.35.0.4", 2, uint32(250))
    assert meter.sense("voltage 255") == []
    found = meter.run(START + 1200)
    assert found == [0x8002]
    assert meter.sense("voltage 231 231 231") == []  # a single-phase meter has one
    meter.sense("voltage 240")
    assert meter.run(START + HOUR) == [0x8085]
    poly = WholeMeter(Personality(variant="C"))
    poly.preset(1, "1-0:52.35.0.4", 2, uint32(250))
    poly.sense("voltage 240 255 240")
    assert poly.run(START + 1200) == [0x8004]


# the user interface


def test_tokens_at_the_keypad_are_logged() -> None:
    meter = WholeMeter()
    meter.press("token " + meter.token(1, 2))
    meter.press("token 12345678901234567890")
    assert [entry for entry in codes(meter) if entry[0] in (0x8161, 0x8162)] == [
        (0x8161, b"\x00\x02"),
        (0x8162, b"\x00\x02"),
    ]


def test_the_supply_key_is_logged() -> None:
    meter = WholeMeter()
    meter.press("enable supply")
    for script, use_case in ((52, "ECS43"), (54, "ECS44")):
        meter.tell(use_case, action(9, obis("0-0:10.0.106.255"), 1, uint16(script)))
    assert SwitchMoved("load switch", 100) in meter.press("enable supply")
    assert [entry for entry in codes(meter) if entry[0] >= 0x8161] == [(0x8162, b"\x00\x05"), (0x8161, b"\x00\x05")]


def test_emergency_credit_is_activated_at_the_meter() -> None:
    meter = WholeMeter()
    meter.press("emergency credit")
    assert codes(meter) == [(0x8162, b"\x00\x01")]  # credit mode has none
    rig = GasRig()
    rig.press("emergency credit")
    assert [(entry.code, entry.other) for entry in rig.device.logs.events()] == [(0x8162, b"\x00\x01")]


def test_a_meter_that_joins_says_so() -> None:
    personality = Personality(device=DeviceType.ESME)
    meter = esme.make_device(ELECTRICITY, personality, MemoryNvm(), own_keys(ELECTRICITY))
    install_anchors(meter)
    home, parties = home_of(meter, assembled=False), Parties()
    home.receive_wan(parties.command("CCS01", add_device(ELECTRICITY, 0)), START + 1)
    home.join(ELECTRICITY, START + 2)
    joined = [entry.code for entry in meter.logs.events()]
    assert joined == [0x8183]
