"""What an electricity meter does when it is told to: settings, clock, load switch."""

from __future__ import annotations

import pytest

from bench.clock_setting import set_clock
from bench.requests import all_texts, dlms
from bench.target import Target
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import array, octet_string, uint32

DISABLED, ENABLED, ARMED = 0, 1, 2


@pytest.mark.use_case("ECS34")
def test_power_thresholds(esme: Target) -> None:
    """Power thresholds that are written are read back."""
    esme.ask(dlms("ECS34", array(uint32(1500), uint32(5200)), title="Set power thresholds"))
    reply = esme.ask(dlms("ECS26f", title="Read power thresholds back"))
    reply.expect("thresholds", (1500, 5200), tuple(value.value for value in reply.data[0].value))


@pytest.mark.use_case("ECS16")
def test_supplier_contact_details(esme: Target) -> None:
    """The supplier's name and telephone number can be set."""
    esme.ask(dlms("ECS16", *all_texts(("0800 123 4567", "Meterbench Ltd")), title="Set supplier contact details"))


@pytest.mark.use_case("ECS39a")
def test_import_mpan(esme: Target) -> None:
    """The import MPAN that is written is read back."""
    esme.ask(dlms("ECS39a", octet_string(b"1200023305967"), title="Write import MPAN"))
    reply = esme.ask(dlms("ECS40", title="Read MPAN back"))
    reply.expect("import MPAN", b"1200023305967", reply.data[0].value)


@pytest.mark.use_case("ECS70")
def test_clock_is_set(esme: Target) -> None:
    """Inside the interval of the command the meter takes the hub's time, which is reliable."""
    reply = esme.ask(set_clock(esme.type, esme.now - 10, esme.now + 20, "Set the clock"))
    shown = CosemDateTime.decode(reply.data[3].value).to_instant()
    reply.within("time of the meter", esme.now, shown or 0, 10, "s")
    reply.expect("status of the clock", 0, reply.data[4].value)


def supply_state(esme: Target, expected: int) -> None:
    """Read the state of the load switch and compare."""
    reply = esme.ask(dlms("ECS45", title="Read state of the load switch"))
    reply.expect("state of the supply", expected, reply.data[0].value)


@pytest.mark.use_case("ECS45")
def test_supply_is_on(esme: Target) -> None:
    """A meter in good order supplies."""
    supply_state(esme, ENABLED)


@pytest.mark.use_case("ECS43")
def test_load_switch_opens_arms_and_closes(esme: Target) -> None:
    """The load switch opens, is armed and closes again when the supplier says so."""
    esme.ask(dlms("ECS43", title="Open the load switch"))
    supply_state(esme, DISABLED)
    esme.ask(dlms("ECS44", title="Arm the load switch"))
    supply_state(esme, ARMED)
    esme.ask(dlms("ECS42", title="Close the load switch"))
    supply_state(esme, ENABLED)


@pytest.mark.use_case("ECS44")
def test_closed_load_switch_cannot_be_armed(esme: Target) -> None:
    """Arming a switch that is closed is answered with a failure and changes nothing."""
    reply = esme.ask(dlms("ECS44", title="Arm the load switch although it is closed"), success=False)
    reply.that("result", "a failure", reply.results, good=reply.results[0] != 0)
    supply_state(esme, ENABLED)
