"""A device of a rig is taken out of service while the others live on."""

from __future__ import annotations

import pytest

from bench.findings import DeviceFinding
from bench.home import Home
from bench.requests import dlms
from bench.rig import load_rig
from firmware_emu.parts.credentials.sealed_keys import RECORDS

METER, HUB = "electricity-meter", "hub"


def test_a_device_out_of_service_answers_nothing_any_more() -> None:
    with Home(load_rig()) as home:
        assert home.target(METER).ask(dlms("ECS52")).data
        emulated = home.emulated(METER)
        assert emulated is not None
        assert emulated.device.nvm.keys(RECORDS) == ["key/ds in use", "key/ka in use"]
        home.decommission(METER)
        assert emulated.device.nvm.keys(RECORDS) == []
        assert emulated.device.retired
        with pytest.raises(DeviceFinding):
            home.target(METER).ask(dlms("ECS52"))
        assert home.target(HUB).ask(dlms("ECS52")).data
        home.pass_time(3600)
        assert emulated.device.on
