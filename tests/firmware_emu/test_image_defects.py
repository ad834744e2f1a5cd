"""A new image changes what a running device does: its planned defects begin when it is activated."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_emu import Device
from firmware_emu.engines.credit_state import CreditDefect
from firmware_emu.firmware_content import FirmwareContent
from firmware_emu.parts.gas.metrology import REGISTERS_LOST
from firmware_emu.parts.gas.radio import STOPS_REPORTING
from protocols.instant import DAY, HALF_HOUR

from .gas_rig import EvenLoad, GasRig
from .whole_meter import WholeMeter


def update(device: Device, now: int, *defects: str) -> None:
    """Firmware with these defects begins to run."""

    def begin() -> None:
        content = FirmwareContent(None, frozenset(defects))
        device.personality = content.personality(device.personality, bytes((0, 0, 0, 2)))
        for listener in device.on_new_firmware:
            listener()

    device.through(begin, now)


@pytest.mark.parametrize("name", ["top-up-to-balance-first", "cap-per-calendar-week"])
def test_the_account_of_an_electricity_meter_reckons_as_the_new_image_does(name: str) -> None:
    meter = WholeMeter()
    account: Any = meter.meter.part("account")
    assert account.reckoning.defects == frozenset()
    update(meter.meter, meter.now, name)
    assert [defect.name for defect in account.reckoning.defects] == [name.upper().replace("-", "_")]
    update(meter.meter, meter.now)
    assert account.reckoning.defects == frozenset()


def test_the_account_of_a_gas_meter_reckons_as_the_new_image_does() -> None:
    rig = GasRig()
    account = rig.part("gas prepayment").account
    update(rig.device, rig.now, "bill-adjusted-with-wrong-sign")
    assert account.defects == {CreditDefect.BILL_ADJUSTED_WITH_WRONG_SIGN}
    account.adjust_balance(rig.now, 500)
    assert account.state.bill_to_date == 500


@pytest.mark.parametrize("bad", [False, True], ids=["sound", "defective"])
def test_gas_registers_are_lost_when_the_new_image_starts(bad: bool) -> None:
    rig = GasRig(EvenLoad(10))
    rig.run(DAY)
    registers = rig.part("gas registers").registers
    assert registers.total == 480
    update(rig.device, rig.now, *([REGISTERS_LOST] if bad else []))
    assert registers.total == (0 if bad else 480)
    rig.run(HALF_HOUR)
    assert registers.total == (10 if bad else 490)


@pytest.mark.parametrize("bad", [False, True], ids=["sound", "defective"])
def test_a_gas_meter_falls_silent_with_the_new_image(bad: bool) -> None:
    rig = GasRig(EvenLoad(10))
    rig.run(DAY)
    update(rig.device, rig.now, *([STOPS_REPORTING] if bad else []))
    rig.outputs.clear()
    rig.run(2 * HALF_HOUR)
    assert (len(rig.outputs) > 2) != bad
