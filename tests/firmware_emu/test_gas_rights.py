"""Who a gas meter answers, and who must ask the proxy."""

from __future__ import annotations

import pytest

from protocols.gbcs.message import Cra
from protocols.gbcs.roles import DeviceType
from protocols.zigbee.smart_energy_common import METERING

from .gas_rig import BROKER, SUPPLIER, GasRig, published, read

ASKED = {
    "GCS15c": lambda: published("Get Snapshot", snapshot_cause=2),
    "GCS16a": lambda: published("Get Snapshot", snapshot_cause=1),
    "GCS17": lambda: published("Get Sampled Data", sample_id=0, earliest_sample_time=0, number_of_samples=1),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("kind", [DeviceType.GSME, DeviceType.GPF])
def test_histories_of_gas_are_for_others_with_the_proxy(name: str, kind: DeviceType) -> None:
    rig = GasRig(kind=kind)
    for sender in (SUPPLIER, BROKER):
        sent = rig.send(rig.command(name, ASKED[name](), sender=sender))
        answered = any(message.cra is Cra.RESPONSE for message in sent)
        assert answered == (sender == SUPPLIER or kind is DeviceType.GPF)


def test_the_register_is_for_the_supplier() -> None:
    rig = GasRig()
    assert rig.send(rig.command("GCS13a", read(METERING, 0x0000), sender=SUPPLIER))[0].cra is Cra.RESPONSE
