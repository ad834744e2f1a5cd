"""The right way of a firmware update, for each kind of device, and what survives it."""

from __future__ import annotations

import pytest

from bench.answers import Answer
from bench.delivery import NO_IMAGES_OF_THEIR_OWN
from bench.products.refusals import NotInInventoryError
from bench.requests import cancel_activation
from firmware_emu.defects import IGNORES_ROLE
from protocols.firmware_container import Behaviour
from protocols.gbcs.asn1_device import ActivationOutcome, ActivationResult, FirmwareTransferResult, ReadResult
from protocols.gbcs.roles import DeviceType
from protocols.image_delivery import Status
from protocols.instant import DAY

from .firmware import (
    ACTIVATION,
    BY_THEMSELVES,
    GOOD_RECEIPT,
    KINDS,
    NEW,
    NEWER,
    OLD,
    VERSION_REPORT,
    Estate,
)
from .world import CHF, GPF, GSME, IDENTITIES, START

SUCCESS = ActivationResult.SUCCESS
ON_COMMAND = [kind for kind in KINDS if kind not in BY_THEMSELVES]
ids = [kind.value for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=ids)
def test_the_right_way(kind: DeviceType) -> None:
    """Cleared, delivered, received, activated: the device runs it and says so."""
    estate = Estate(kind)
    assert estate.version == OLD
    cleared = estate.clear(estate.file())
    result = estate.put(cleared.file)
    assert result is (None if kind is CHF else FirmwareTransferResult.SUCCESS)
    if kind in BY_THEMSELVES:
        (report,) = estate.alerts_of(VERSION_REPORT)
        assert (report.payload.value.version, report.payload.value.result) == (NEW, ReadResult.SUCCESS)
    else:
        assert estate.receipt == (None if kind is CHF else (GOOD_RECEIPT, cleared.digest))
        assert estate.version == OLD
        assert estate.activate(cleared) == ActivationOutcome(SUCCESS, NEW)
    assert estate.version == NEW
    newer = estate.cleared(estate.file(NEWER))
    estate.put(newer.file)
    assert kind in BY_THEMSELVES or estate.activate(newer) == ActivationOutcome(SUCCESS, NEWER)
    assert estate.version == NEWER


@pytest.mark.parametrize("kind", ON_COMMAND, ids=[kind.value for kind in ON_COMMAND])
def test_a_dated_activation_is_done_at_its_time_and_told(kind: DeviceType) -> None:
    estate = Estate(kind)
    cleared = estate.clear(estate.file())
    estate.put(cleared.file)
    assert estate.activate(cleared, START + DAY) is None
    number = estate.head_end.sent[-1].message.counter
    estate.run(START + DAY - 1)
    assert estate.alerts_of(ACTIVATION) == []
    estate.run(START + DAY)
    (told,) = [heard.payload.value for heard in estate.alerts_of(ACTIVATION)]
    assert (told.alert_code, told.originator_counter) == (0x8F66, number)
    assert told.outcome == ActivationOutcome(SUCCESS, NEW)
    assert estate.version == NEW


@pytest.mark.parametrize("kind", ON_COMMAND, ids=[kind.value for kind in ON_COMMAND])
def test_a_dated_activation_is_cancelled_and_another_takes_its_place(kind: DeviceType) -> None:
    estate = Estate(kind)
    cleared = estate.clear(estate.file())
    estate.put(cleared.file)
    assert estate.activate(cleared, START + DAY) is None
    cancelled: Answer = estate.exchange(estate.command(cancel_activation(cleared), estate.identity))
    assert cancelled.value.outcome is None
    estate.run(START + 2 * DAY)
    assert (estate.alerts_of(ACTIVATION), estate.version) == ([], OLD)
    assert estate.activate(cleared, START + 4 * DAY) is None
    assert estate.activate(cleared, START + 3 * DAY) is None
    estate.run(START + 5 * DAY)
    (told,) = [heard.payload.value for heard in estate.alerts_of(ACTIVATION)]
    assert (told.at, told.outcome.version) == (START + 3 * DAY, NEW)


def test_what_a_new_image_says_decides_how_the_device_behaves() -> None:
    estate = Estate()
    faulty = estate.cleared(estate.file(behaviour=Behaviour(defects=frozenset({IGNORES_ROLE}))))
    estate.put(faulty.file)
    estate.activate(faulty)
    assert estate.device.defective(IGNORES_ROLE)
    good = estate.cleared(estate.file(NEWER))
    estate.put(good.file)
    estate.activate(good)
    assert not estate.device.defective(IGNORES_ROLE)


@pytest.mark.parametrize("kind", [GPF, DeviceType.TYPE_2], ids=lambda kind: kind.value)
def test_some_devices_have_no_firmware_of_their_own(kind: DeviceType) -> None:
    """That of the gas proxy is the hub's; in-home displays get none from the head end."""
    estate = Estate(GSME)
    assert estate.bring(estate.file(), target=IDENTITIES[kind]) is Status.UNKNOWN_TARGET
    assert kind in NO_IMAGES_OF_THEIR_OWN
    with pytest.raises(NotInInventoryError):
        estate.gate.clear(estate.file().encode(), IDENTITIES[kind], START)
