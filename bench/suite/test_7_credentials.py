"""Trust anchors: whose keys a device holds, as it says itself."""

from __future__ import annotations

import pytest

from bench.findings import only
from bench.head_end import BROKER
from bench.home import Home
from bench.pki import CELLS
from bench.requests import asn1
from bench.target import Target
from protocols.gbcs.asn1_credentials import CellUsage, CredentialDetailsCommand, CredentialStatus, TrustAnchorCell
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage

USES = {
    (KeyUsage.DIGITAL_SIGNATURE, CellUsage.MANAGEMENT): KeyUse.DIGITAL_SIGNING,
    (KeyUsage.KEY_AGREEMENT, CellUsage.MANAGEMENT): KeyUse.KEY_AGREEMENT,
    (KeyUsage.KEY_AGREEMENT, CellUsage.PREPAYMENT_TOP_UP): KeyUse.PREPAYMENT_KEY_AGREEMENT,
}

KNOW_NO_SUPPLIER = (DeviceType.CHF, DeviceType.PPMID)


@pytest.fixture(params=["chf", "esme", "gsme", "gpf", "ppmid", "hcalcs", "sapc"])
def device(request: pytest.FixtureRequest, home: Home) -> Target:  # noqa: ARG001 - the plugin looks for it
    """Each device of the rig."""
    found: Target = request.getfixturevalue(request.param)
    return found


@pytest.mark.use_case("CS02a")
def test_trust_anchors(home: Home, device: Target) -> None:
    """The cells of the party that asks hold the certificates that the rig gave the device."""
    asks = BROKER if device.type in KNOW_NO_SUPPLIER else RemotePartyRole.SUPPLIER
    usage = KeyUsage.KEY_AGREEMENT if asks is BROKER else KeyUsage.DIGITAL_SIGNATURE
    command = CredentialDetailsCommand(TrustAnchorCell(asks, usage), (asks,))
    reply = device.ask(asn1("CS02a", command, title="Read trust anchor details"), sender=asks)
    party = only(reply.value.parties, "parties")
    reply.expect("role", int(asks), party.role)
    reply.expect("status", CredentialStatus.SUCCESS.name, CredentialStatus(party.status).name)
    cells = party.cells or ()
    known = [(USES.get((cell.key_usage, cell.cell_usage)), cell) for cell in cells]
    reply.that("uses of the cells", "known ones", cells, good=all(use is not None for use, _ in known))
    found = {use: (cell.subject, cell.key_identifier) for use, cell in known if use is not None}
    reply.expect("cells", described(expected(home, device, asks)), described(found))


def expected(home: Home, device: Target, role: RemotePartyRole) -> dict[KeyUse, tuple[bytes, bytes]]:
    """What the cells of a role hold: subject and key identifier, by use."""
    party = home.head_end.identity(role)
    names = [KeyName(party, use) for held, use in CELLS[device.type] if held is role]
    certificates = {name.use: home.observer.certificate(name) for name in names}
    return {
        use: (bytes(party), Certificate.decode(der).subject_key_identifier or b"")
        for use, der in certificates.items()
        if der is not None
    }


def described(cells: dict[KeyUse, tuple[bytes, bytes]]) -> str:
    """Cells in words, in the order of their uses."""
    return ", ".join(f"{use} {cells[use][0].hex()} {cells[use][1].hex()}" for use in sorted(cells))
