"""What is not established, and therefore an option; keys that outlive a power cut; certificates that come along."""

from __future__ import annotations

import pytest

from firmware_emu import Personality, defects
from firmware_emu.credentials import Cell, PartyChange
from firmware_emu.parts.credentials.update import anchor_of
from firmware_emu.parts.electricity.consumer_information import ConsumerInformation
from firmware_emu.parts.gas.management import GasManagement
from protocols.dlms.access import AccessRequest, access_request, get
from protocols.dlms.data import uint32
from protocols.dlms.obis import obis
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import IssueCredentialsCommand, UpdateDeviceCertificateCommand
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.protection import add_mac
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.infrastructure import key_pair
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, issue_requested_device

from .asn1_home import KA, SMKI, Asn1Rig, device_keys
from .gas_rig import GasRig
from .tiny import BROKER, METER, OPERATOR, START, STRANGER, SUPPLIER, messages
from .whole_meter import WholeMeter, moment, set_to

LIMIT = obis("0-0:94.44.128.7")


def restarted(rig: Asn1Rig) -> Asn1Rig:
    """The device anew from its memory, and the keys that its maker gave it."""
    rig.device_keys = device_keys(rig.identity)
    rig.start()
    return rig


def request(rig: Asn1Rig) -> CertificationRequest:
    answer = rig.ask(0x000A, IssueCredentialsCommand(KeyUsage.KEY_AGREEMENT))
    return CertificationRequest.decode(answer.certification_request)


def test_a_pair_that_waits_survives_an_outage() -> None:
    rig = Asn1Rig()
    made = request(rig)
    restarted(rig)
    assert rig.device_keys.next_point(KeyName(rig.identity, KA)) == made.public_point


def test_a_pair_in_use_survives_an_outage() -> None:
    rig = Asn1Rig()
    made = request(rig)
    certificate = issue_requested_device(SMKI.device_authority, made, 77, START)
    rig.send(rig.command(0x000B, UpdateDeviceCertificateCommand(certificate.octets)))
    restarted(rig)
    assert rig.device_keys.public_point(KeyName(rig.identity, KA)) == made.public_point
    assert rig.device_keys.next_point(KeyName(rig.identity, KA)) is None
    assert request(rig_with(rig, certificate.octets)).public_point != made.public_point


def rig_with(rig: Asn1Rig, certificate: bytes) -> Asn1Rig:
    rig.keys.put_certificate(KeyName(rig.identity, KA), certificate)
    return rig


# pending commands at a change of supplier


@pytest.mark.parametrize("drops", [False, True])
def test_a_change_of_supplier_keeps_or_drops_what_is_dated(drops: bool) -> None:
    meter = WholeMeter(Personality(drops_pending=drops))
    meter.tell("ECS28a", set_to(9000, LIMIT, 4, uint32(5000)), set_to(9000, LIMIT, 6, moment(START + 60)))
    change = PartyChange(RemotePartyRole.SUPPLIER, SUPPLIER, OPERATOR, None, None)
    for listener in meter.meter.credentials.listeners:
        listener(change)
    assert meter.run(START + 60) == ([] if drops else [0x8F66])
    assert (meter.read(71, "0-0:17.0.0.255", 4) == uint32(5000)) != drops


# keys and tampering


@pytest.mark.parametrize("zeroises", [False, True])
def test_a_meter_may_destroy_its_keys_when_it_is_opened(zeroises: bool) -> None:
    meter = WholeMeter(Personality(zeroises=zeroises))
    assert meter.sense("meter cover") == [0x8F74] * 2  # told before
    read = get(70, obis("0-0:96.3.10.255"), 3)
    assert bool(meter.tell("ECS45", read).results) != zeroises
    meter.meter.power_off(meter.now)
    meter.start()
    assert bool(meter.tell("ECS45", read).results) != zeroises


# certificates of parties that are not known


def introduction(meter: WholeMeter, subject: Eui64, usage: KeyUsage, seed: bytes, number: int) -> Message:
    """A read by a stranger through the broker, with a certificate."""
    brought = SMKI.organisation(subject, RemotePartyRole.OTHER, usage, key_pair(seed).point).octets
    other = OtherInformation(0x0052, STRANGER, 5, certificate=brought)
    request = access_request(0x2000_0000 | number, get(70, obis("0-0:96.3.10.255"), 3))
    payload = AccessRequest(request.invoke_id, request.specifications, request.data).encode()
    return add_mac(Message(Cra.COMMAND, number, BROKER, METER, other, payload), meter.keys, BROKER)


@pytest.mark.parametrize(
    ("subject", "usage", "good"),
    [
        (STRANGER, KeyUsage.KEY_AGREEMENT, True),
        (SUPPLIER, KeyUsage.KEY_AGREEMENT, False),
        (STRANGER, KeyUsage.DIGITAL_SIGNATURE, False),
    ],
)
def test_a_certificate_must_be_the_partys_own(subject: Eui64, usage: KeyUsage, good: bool) -> None:
    for defect in (None, defects.TAKES_ANY_PARTY_KEY):
        meter = WholeMeter(Personality(defects=frozenset({defect} if defect else ())))
        meter.meter.keys.remove(KeyName(STRANGER, KeyUse.KEY_AGREEMENT))
        answers = messages(meter.send(introduction(meter, subject, usage, b"first", 9000)))
        assert any(each.cra is Cra.RESPONSE for each in answers) == (good or defect is not None)


def test_a_party_may_come_back_with_another_key() -> None:
    meter = WholeMeter()
    name = KeyName(STRANGER, KeyUse.KEY_AGREEMENT)
    for number, seed in ((9000, b"first"), (9001, b"second")):
        meter.send(introduction(meter, STRANGER, KeyUsage.KEY_AGREEMENT, seed, number))
        assert meter.meter.keys.public_point(name) == key_pair(seed).point


# a change of supplier brings the new one's name


@pytest.mark.parametrize("role", [RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR])
def test_a_new_suppliers_name_is_shown(role: RemotePartyRole) -> None:
    meter, rig = WholeMeter(), GasRig()
    brought = SMKI.organisation(STRANGER, role, KeyUsage.DIGITAL_SIGNATURE, key_pair(b"new").point)
    cell = Cell(role, KeyUse.DIGITAL_SIGNING)
    named = b"TEST SUPPLIER 90-B3-D5"[:15] if role is RemotePartyRole.SUPPLIER else b""
    for device, part in ((meter.meter, ConsumerInformation), (rig.device, GasManagement)):
        device.credentials.fill(cell, anchor_of(cell, brought))
        for listener in device.credentials.listeners:
            listener(PartyChange(role, SUPPLIER, STRANGER, None, None))
        assert device.find(part).state.supplier_name == named
