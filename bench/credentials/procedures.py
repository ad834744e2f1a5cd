"""Whose keys a device trusts, and its own: hand-over, change of supplier, renewal (Smart Energy Code S3 206, S15).

Each procedure raises DeviceFinding where the device does not do what it should. What it has confirmed up to then is
believed: the head end goes on with the keys that the device holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import eui64_text
from protocols.gbcs.asn1_credentials import (
    DeviceCertificateResult,
    IssueCredentialsCommand,
    ReadDeviceCertificateCommand,
    ReplacementMode,
    TrustAnchorCell,
    UpdateDeviceCertificateCommand,
)
from protocols.gbcs.asn1_device import JoinDeviceCommand, JoinMethod, JoinResult
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, check_request

from ..head_end import BROKER
from ..pki import AGREEMENT, Party
from ..requests import Request, asn1
from ..target import Target
from .cells import OPERATOR, SUPPLIER, USAGES, cells_of, check_cells
from .update import AUTHORISERS, BY_ITSELF, Update, check_results, floor, rows_for, update_request

if TYPE_CHECKING:
    from ..home import Home

COS = RemotePartyRole.TRANSITIONAL_COS


def hand_over(home: Home, target: Target, *parties: Party) -> None:
    """Have the access control broker hand a device over to its supplier and network operator.

    Their cells hold the broker's certificates up to then. ``parties``: whom to hand it over to; usually the rig's own.
    """
    broker = home.head_end.holder(BROKER, target.eui64)
    with home.recorder.procedure("Hand-over from the access control broker", target.name) as say:
        for party in parties or [home.head_end.holder(role, target.eui64) for role in (SUPPLIER, OPERATOR)]:
            if cells_of(target.type, party.role):
                _replace(home, target, BY_ITSELF[party.role], party, broker, f"Hand over to the {_words(party.role)}")
                say(f"cells of the {_words(party.role)}: now {eui64_text(party.eui64)}, read back from the device")
    home.awaiting_hand_over.discard(target.eui64)


def change_supplier(home: Home, target: Target, incoming: Party) -> None:
    """An incoming supplier takes a device over: the change-of-supplier party signs, the supplier does not have to."""
    signer = home.head_end.holder(COS, target.eui64)
    _replace(home, target, ReplacementMode.SUPPLIER_BY_TRANSITIONAL_COS, incoming, signer, "Change of supplier")


def replace_by_itself(home: Home, target: Target, new: Party) -> None:
    """The holder of a role replaces its own credentials: by new ones, or as a network operator by its successor's."""
    signer = home.head_end.holder(new.role, target.eui64)
    title = f"Replace credentials of the {_words(new.role)}"
    _replace(home, target, BY_ITSELF[new.role], new, signer, title)


def replacement(home: Home, target: Target, mode: ReplacementMode, new: Party, title: str) -> tuple[Request, Update]:
    """The command that puts a party's certificates into the cells of its role, and what it replaces."""
    uses = cells_of(target.type, new.role)
    start, own = floor(home.head_end, new, uses), mode is BY_ITSELF.get(new.role)
    update = Update(
        mode,
        rows_for(new, uses),
        (home.pki.authority(new.root).organisation_authority.certificate.octets,),
        own=start if own else None,
        party=new.eui64,
        others=() if own else (start,),
        authoriser=authoriser(mode, target.type),
    )
    return update_request(update, title), update


def authoriser(mode: ReplacementMode, kind: DeviceType) -> TrustAnchorCell | None:
    """The cell to be named: none where the broker's MAC alone authorises, as everywhere but at a hub."""
    by_mac = mode is BY_ITSELF[BROKER] and kind is not DeviceType.CHF
    return None if by_mac else AUTHORISERS[mode]


def _replace(home: Home, target: Target, mode: ReplacementMode, new: Party, signer: Party, title: str) -> None:
    request, update = replacement(home, target, mode, new, title)
    reply = target.ask(request, party=signer)
    check_results(reply, update.rows)
    home.head_end.install(target.eui64, new)
    check_cells(target, new, f"{title}: read trust anchor details back")


# the device's own keys


def renew_device_keys(home: Home, target: Target, use: KeyUse) -> Certificate:
    """Have a device make a new key pair, certify it, and have the device put it into use.

    Everybody who has to do with the device gets the new certificate: the remote parties, and for a key agreement key
    the devices that it is joined to by certificate.
    """
    usage, _ = USAGES[use]
    request = _request_of(home, target, use)
    certificate = home.pki.certify(request)
    name = KeyName(target.eui64, use)
    with home.head_end.expecting(target.eui64, _holding(name, certificate)):
        command = UpdateDeviceCertificateCommand(certificate.octets)
        reply = target.ask(asn1("CS02d", command, title=f"Store the certificate of the new {_words(usage)} key"))
        reply.expect("result", DeviceCertificateResult.SUCCESS.name, DeviceCertificateResult(reply.value.result).name)
    home.learn(name, certificate.octets)
    if use is AGREEMENT:
        _tell_partners(home, target, certificate)
    reply = target.ask(
        asn1("CS02e", ReadDeviceCertificateCommand(usage), title=f"Read the {_words(usage)} certificate")
    )
    reply.expect("certificate", certificate.octets.hex(), (reply.value.certificate or b"").hex())
    return certificate


def _request_of(home: Home, target: Target, use: KeyUse) -> CertificationRequest:
    """A request for a new key pair, with its proof of possession (CS02c)."""
    usage, _ = USAGES[use]
    reply = target.ask(asn1("CS02c", IssueCredentialsCommand(usage), title=f"Make a new {_words(usage)} key"))
    reply.that("certification request", "one", reply.value.error or "one", good=reply.value.certification_request)
    try:
        request = CertificationRequest.decode(reply.value.certification_request)
    except DecodeError as error:
        reply.that("certification request", "one that can be read", error, good=False)
        raise
    findings = check_request(request, target.eui64, usage)
    reply.that("certification request", "in order", "; ".join(map(str, findings)) or "in order", good=not findings)
    before = home.observer_of(target.eui64).public_point(KeyName(target.eui64, use))
    reply.that("key in the request", "a new one", "the present one", good=request.public_point != before)
    return request


def _holding(name: KeyName, certificate: Certificate) -> MemoryKeyStore:
    store = MemoryKeyStore()
    store.put_certificate(name, certificate.octets)
    return store


_METHOD_C = {DeviceType.GSME: DeviceType.PPMID, DeviceType.PPMID: DeviceType.GSME}
"""Devices that exchange GBCS messages with each other, and hold each other's certificates for that."""


def _tell_partners(home: Home, target: Target, certificate: Certificate) -> None:
    """Join the devices anew that trust a device by its key agreement certificate (CS03C)."""
    for partner in home.targets:
        if partner.type is _METHOD_C.get(target.type):
            command = JoinDeviceCommand(JoinMethod.METHOD_C, target.eui64, target.type, certificate.octets)
            reply = partner.ask(asn1("CS03C", command, title=f"Join with the new certificate of the {target.name}"))
            reply.expect("result", JoinResult.SUCCESS.name, JoinResult(reply.value.result).name)


def _words(named: RemotePartyRole | KeyUsage) -> str:
    return (named.name or "").lower().replace("_", " ")
