"""Who a gas meter answers, and who must ask the proxy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.eui64 import Eui64
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.protection import add_mac
from protocols.gbcs.roles import DeviceType
from protocols.zigbee.smart_energy_common import METERING

from .gas_rig import BROKER, KEYS, SUPPLIER, GasRig, published, read
from .tiny import OPERATOR

WHENEVER = {"earliest_start_time": 0, "latest_end_time": 0xFFFFFFFE, "snapshot_offset": 0}
ASKED = {
    "GCS15c": lambda: published("Get Snapshot", **WHENEVER, snapshot_cause=2),
    "GCS16a": lambda: published("Get Snapshot", **WHENEVER, snapshot_cause=1),
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


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("party", [SUPPLIER, OPERATOR])
def test_the_supplier_may_ask_through_the_broker(name: str, party: Eui64) -> None:
    rig = GasRig()
    message = Message.decode(rig.command(name, ASKED[name](), sender=BROKER))
    other = replace(message.other, supplementary_party=party, supplementary_counter=7)
    sent = rig.send(add_mac(replace(message, other=other), KEYS, BROKER).encode())
    assert any(each.cra is Cra.RESPONSE for each in sent) == (party == SUPPLIER)


def test_the_register_is_for_the_supplier() -> None:
    rig = GasRig()
    assert rig.send(rig.command("GCS13a", read(METERING, 0x0000), sender=SUPPLIER))[0].cra is Cra.RESPONSE
