"""Alerts whose layout is not published, in the forms that a personality may choose; outages told after a while."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_emu import Personality
from firmware_emu.alert_forms import FACTS, REASONS, TEXT, USUAL, is_form, readings, written
from firmware_emu.personality import load_personality
from firmware_emu.settings import PersonalityError
from protocols.dlms.access import AccessRequest, access_request, set_to
from protocols.dlms.data import Data, DataType, bit_string, enum, octet_string, structure, uint8
from protocols.dlms.obis import obis
from protocols.instant import HOUR

from .metering import Metering
from .test_auxiliary import limit, set_state
from .test_hub import Bench, body, codes
from .tiny import START, SUPPLIER
from .whole_meter import LOAD_CONTROLLER, WholeMeter, alerts

CHANNEL, SCAN, UPDATE = 0x0111, 0x0112, 0x0123
MASK = 0xE0000002


@pytest.mark.parametrize(
    ("code", "form", "members"),
    [
        (CHANNEL, "channel:bits trigger:octets", [bit_string(f"{MASK:032b}"), octet_string(b"\3")]),
        (CHANNEL, "trigger:enum channel:octets", [enum(3), octet_string(MASK.to_bytes(4, "big"))]),
        (CHANNEL, "change:octets", [octet_string(bytes.fromhex("e0000002090103"))]),
        (CHANNEL, "", []),
        (UPDATE, "number:u8 text:visible", [uint8(2), Data(DataType.VISIBLE_STRING, "warm")]),
        (UPDATE, "text:octets", [octet_string(b"warm")]),
    ],
)
def test_facts_in_a_form(code: int, form: str, members: list[Data]) -> None:
    facts: dict[str, int | str] = {"channel": MASK, "trigger": 3, "change": MASK << 24 | 0x090103}
    facts |= {"number": 2, "text": "warm"}
    assert written(code, form, facts) == members
    told = dict(readings(code, members))
    assert told[form] == {part.split(":")[0]: facts[part.split(":")[0]] for part in form.split()}


@given(st.sampled_from([*USUAL]), st.data())
def test_what_is_written_in_a_form_is_read_in_it(code: int, data: st.DataObject) -> None:
    if code not in FACTS:
        return
    facts: dict[str, int | str] = {
        name: data.draw(st.text(max_size=9)) if width == TEXT else data.draw(st.integers(0, 256**width - 1))
        for name, width in FACTS[code].items()
    }
    members = written(code, USUAL[code], facts)
    found = dict(readings(code, members))[USUAL[code]]
    assert {name: facts[name] for name in found} == found
    assert len(found) == len(members)


def test_what_is_no_form() -> None:
    assert all(is_form(code, form) for code, form in USUAL.items())
    for form in ("channel:u8", "channel:utf8", "trigger:bits trigger:u8", "level:u8", "channel", "channel:"):
        assert not is_form(CHANNEL, form), form
    assert not is_form(0x0113, "channel:bits")
    assert not is_form(0x00F2, "channel:bits")
    assert [*readings(CHANNEL, [structure()])] == []
    assert [*readings(0x0113, [])] == []
    assert [*readings(CHANNEL, [bit_string("1110")])] == []


def test_a_form_that_is_none_is_named() -> None:
    for row in ("0111 channel:u8", "channel:bits", "x111 channel:bits", "00F2 reason:bits"):
        with pytest.raises(PersonalityError, match="alert_forms"):
            load_personality(f'alert_forms = ["{row}"]')
    made = load_personality('alert_forms = ["0112 assessment:enum"]')
    assert (made.alert_form(SCAN), made.alert_form(CHANNEL)) == ("assessment:enum", USUAL[CHANNEL])


def test_every_form_of_a_reason_is_one_that_is_read() -> None:
    assert all(is_form(0x00F2, form) for form in REASONS)


def test_a_scan_is_refused_while_an_installer_is_in_the_network() -> None:
    bench = Bench()
    for there, told in ((True, [0x8F28]), (False, [0x8F28, 0x8F27])):
        bench.hub.sense("hand-held terminal", there, bench.now)
        _, found = bench.ask("DBCH05", scan())
        assert codes(found) == told
        assert body(found[0])[2] == octet_string(bytes([there]))


def scan() -> AccessRequest:
    return access_request(0, set_to(1, obis("0-0:94.44.10.1"), 2, uint8(0)))


@pytest.mark.parametrize("named", [False, True])
def test_the_load_controller_may_be_named(named: bool) -> None:
    meter = WholeMeter(Personality(auxiliary=("proportional",) * 5, names_load_controller=named))
    set_state(meter, 3, 80, START, START + 3 * HOUR)
    found = alerts(limit(meter, 3, 30, START, START + HOUR).outputs)
    (message,) = [message for code, message, _ in found if code == 0x8F86]
    assert (message.recipient, message.other.supplementary_party) == (SUPPLIER, LOAD_CONTROLLER if named else None)
    assert message.other.supplementary_counter is None


def test_an_outage_is_told_when_the_meter_has_started() -> None:
    metering = Metering(personality=Personality(start_up=60))
    lost, back = START + 100, START + 700
    assert not alerts(metering.restart(lost, back))
    assert not alerts(metering.run(back + 59))
    ((code, _, members),) = alerts(metering.run(back + 60))
    assert (code, len(members)) == (0x8F36, 2)
    assert not alerts(metering.run(back + HOUR))


def test_an_outage_is_told_though_another_comes_first() -> None:
    metering = Metering(personality=Personality(start_up=60))
    metering.restart(START + 100, START + 700)
    metering.restart(START + 730, START + 740)
    found = alerts(metering.run(START + 800))
    assert [code for code, _, _ in found] == [0x8F36, 0x8F35]
