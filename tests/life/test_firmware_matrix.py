"""Every way a firmware update can be wrong, on every kind of device that it concerns.

Before the gate nothing is built and nothing sent. Behind it - on the way to the hub, at the hub, on the radio, in the
device, at the activation - nothing is activated. Each row shows the reason given, and that the device works on its old
version: it tells that version when it is asked by a command, and the next good update goes through.

Devices without rows: the gas proxy's firmware is the hub's, and in-home displays get none (``test_firmware_updates``).
"""

from __future__ import annotations

import pytest

from protocols.gbcs.asn1_device import ActivationOutcome, ActivationResult
from protocols.gbcs.roles import DeviceType

from . import firmware_activation_rows, firmware_gate_rows, firmware_way_rows
from .firmware import BY_THEMSELVES, KINDS, OLD, Estate
from .firmware_rows import ROWS, Row

NEXT = bytes((0, 0, 0, 9))
MODULES = (firmware_gate_rows, firmware_way_rows, firmware_activation_rows)
"""In which rows are; they register when they are imported."""


@pytest.mark.parametrize(
    ("each", "kind"),
    [pytest.param(each, kind, id=f"{kind.value}: {each.what}") for each in ROWS for kind in each.kinds],
)
def test_what_is_wrong_is_refused_and_the_old_version_runs_on(each: Row, kind: DeviceType) -> None:
    estate = Estate(kind, **each.settings)
    each.play(estate)
    assert estate.version == OLD
    assert estate.store.state.running is None
    if each.goes_on:
        update(estate)


def update(estate: Estate) -> None:
    """The next good image, from the gate to its activation."""
    cleared = estate.cleared(estate.file(NEXT))
    estate.put(cleared.file)
    if estate.kind not in BY_THEMSELVES:
        assert estate.activate(cleared) == ActivationOutcome(ActivationResult.SUCCESS, NEXT)
    assert estate.version == NEXT


def test_no_row_twice_and_every_kind_with_most_of_them() -> None:
    assert MODULES
    assert len({each.what for each in ROWS}) == len(ROWS) >= 50
    assert all(sum(kind in each.kinds for each in ROWS) >= 30 for kind in KINDS)
