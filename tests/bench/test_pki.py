"""The test keys of a rig."""

from __future__ import annotations

from bench.pki import CELLS, USES, TestPki
from bench.rig import load_rig
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.certificate import Certificate
from protocols.smki.check import check_chain

RIG = load_rig()
PKI = TestPki(RIG)
DISPLAY = next(device.eui64 for device in RIG.devices if device.type is DeviceType.TYPE_2)
"""It takes no GBCS messages and has no keys."""


def test_the_seed_decides_every_key() -> None:
    assert TestPki(RIG).certificates == PKI.certificates
    other = TestPki(RIG.with_seed(2)).certificates
    assert other.keys() == PKI.certificates.keys()
    assert not set(other.values()) & set(PKI.certificates.values())


def test_nobody_holds_the_private_key_of_somebody_else() -> None:
    stores = {party.eui64: party.store for party in PKI.parties.values()} | PKI.devices
    for owner, store in stores.items():
        private = {name for name in store.names() if store.holds_private(name)}
        assert {name.party for name in private} == ({owner} if owner != DISPLAY else set())


def test_every_device_knows_the_parties_of_its_trust_anchor_cells() -> None:
    for section in RIG.devices:
        store = PKI.devices[section.eui64]
        for role, use, name in PKI.cells(section.eui64):
            assert name == KeyName(PKI.parties[role].eui64, use)
            assert store.certificate(name) == PKI.certificates[name]
            assert store.party_of_role(role) == name.party
    assert all(use in USES[role] for cells in CELLS.values() for role, use in cells)


def test_every_certificate_chains_to_a_test_root() -> None:
    for name, der in PKI.certificates.items():
        certificate = Certificate.decode(der)
        assert certificate.entity == name.party
        found = check_chain(
            certificate, PKI.infrastructure.authorities, PKI.infrastructure.trust_anchors, at=RIG.started
        )
        assert not found, f"{name}: {found}"


def test_a_stranger_has_other_keys_under_the_same_names() -> None:
    stranger = PKI.stranger("wrong key")
    supplier = PKI.parties[RemotePartyRole.SUPPLIER]
    name = KeyName(supplier.eui64, KeyUse.DIGITAL_SIGNING)
    signature = stranger.sign(supplier.eui64, b"octets")
    assert stranger.public_point(name) != supplier.store.public_point(name)
    assert not supplier.store.verify(supplier.eui64, b"octets", signature)
