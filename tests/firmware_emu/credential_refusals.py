"""What is wrong with an update of credentials, as tables: commands that are not answered, and rows with a status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware_emu.credentials import Cell
from firmware_emu.parts.credentials.rules import CELLS
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.asn1_credentials import (
    CredentialReplacement,
    CredentialStatus,
    ReplacementMode,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Message
from protocols.gbcs.protection import add_mac
from protocols.gbcs.use_cases import Protection
from protocols.instant import DAY
from protocols.smki.infrastructure import key_pair, make_infrastructure
from protocols.smki.issue import ORGANISATION, Issuer, Validity, issue_authority, issue_link, issue_organisation

from .asn1_home import BROKER, DS, KA, PARTIES, RECOVERY, SMKI, START, entropy
from .credential_desk import (
    LATER,
    LATER_PATH,
    LONG,
    MODE,
    PATH,
    ROLE,
    ROOT,
    STATUS,
    SYMMETRIC_KEY,
    Desk,
    Parcel,
    keys_of,
    name_of,
    new_certificate,
    parcel,
    row,
)

ROOTS = frozenset({MODE.ROOT_BY_SUPPLIER, MODE.ROOT_BY_WAN_PROVIDER})
WIDE = frozenset({MODE.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY, MODE.ANY_BY_CONTINGENCY})
FOREIGN = make_infrastructure(b"somebody else's")
STRANGER = eui64("90-B3-D5-1F-30-0E-00-00")
FORMAT, NO_AUTHORITY, NOT_AUTHENTIC, UNKNOWN, OTHER_FAILURE, UPDATED = 0x8F1E, 0x8F30, 0x8F3D, 0x8F3E, 0x8F53, 0x8F70


class Silent(NamedTuple):
    """A command that is not answered: how it is made, and the event that tells of it."""

    make: Callable[[Desk], Message]
    event: int
    not_for: frozenset[ReplacementMode] = frozenset()


def good(desk: Desk) -> Parcel:
    return parcel(desk.kind, desk.mode)


def controlled(desk: Desk, **control: object) -> Message:
    what = good(desk)
    return desk.message(what._replace(control={**what.control, **control}))


def another_mode(desk: Desk) -> Message:
    other = next(mode for mode in ReplacementMode if mode is not desk.mode)
    return controlled(desk, mode=other)


def unknown_mode(desk: Desk) -> Message:
    """A mode that no device knows, in octets that are right otherwise."""
    command, counter = desk.command(good(desk))
    octets = Asn1Payload(command).encode()
    at = octets.index(bytes((2, 1, desk.mode)))
    return desk.protected(octets[: at + 2] + bytes((12,)) + octets[at + 3 :], counter, desk.mode)


def other_signer(desk: Desk) -> Message:
    """Signed by somebody else; the MAC is right."""
    made = desk.message(good(desk))
    wrong = desk.message(good(desk), keys=keys_of([desk.sender], 9), number=made.counter, protection=SIGNED)
    assert wrong.signature
    return with_mac(desk, replace(made, signature=wrong.signature))


SIGNED, MACED = Protection.SIGNATURE, Protection.MAC


def with_mac(desk: Desk, message: Message) -> Message:
    """The message with a MAC that fits what it is now, if it had one."""
    if message.mac is None:
        return message
    return add_mac(replace(message, mac=None), desk.rig.keys, BROKER)


def wrong_mac(desk: Desk) -> Message:
    made = desk.message(good(desk))
    assert made.mac
    return replace(made, mac=made.mac[:-1] + bytes((made.mac[-1] ^ 1,)))


def protected_otherwise(desk: Desk) -> Message:
    """With a MAC where there is none, without one where there is."""
    usual = desk.message(good(desk))
    signed = Protection.SIGNATURE if usual.signature else Protection.NONE
    mac = Protection.NONE if usual.mac else Protection.MAC
    return desk.message(good(desk), protection=signed | mac)


def unsigned(desk: Desk) -> Message:
    made = desk.message(good(desk))
    return with_mac(desk, replace(made, signature=b""))


def replayed(desk: Desk) -> Message:
    message = desk.message(Parcel(()))
    desk.send(message)
    return message


def by_other_party(desk: Desk) -> Message:
    """Somebody else whom the device knows, with its own keys, names the cell that is needed."""
    return desk.message(good(desk), sender=RECOVERY if desk.sender != RECOVERY else PARTIES[ROLE.TRANSITIONAL_COS])


def by_stranger(desk: Desk) -> Message:
    for use in KeyUse:
        desk.rig.keys.generate(KeyName(STRANGER, use), entropy(STRANGER, use))
    return desk.message(good(desk), sender=STRANGER)


def by_the_new_root(desk: Desk) -> Message:
    """An update by contingency, but signed with the key of the root that it brings."""
    what = Parcel((row(LATER.organisation_root.certificate, ROOT),), LATER_PATH, {"symmetric_key": bytes(32)})
    made = replace(desk.message(what), signature=b"")
    pair = decode_dss_signature(LATER.organisation_root.sign(made.signed_octets()))
    return replace(made, signature=b"".join(number.to_bytes(32, "big") for number in pair))


BY_NOBODY = frozenset({MODE.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER})
CONTINGENT = frozenset({MODE.ANY_BY_CONTINGENCY})
WITHOUT_MAC = WIDE

SILENT: dict[str, Silent] = {
    "mode of another code": Silent(another_mode, FORMAT),
    "mode that nobody knows": Silent(unknown_mode, FORMAT, CONTINGENT),
    "mode that nobody knows, by nobody": Silent(unknown_mode, UNKNOWN, frozenset(MODE) - CONTINGENT),
    "another counter inside": Silent(lambda desk: controlled(desk, sequence_number=desk.rig.counter + 9), FORMAT),
    "symmetric key": Silent(lambda desk: controlled(desk, symmetric_key=SYMMETRIC_KEY), FORMAT, CONTINGENT),
    "cell of another": Silent(
        lambda desk: controlled(desk, authorising_cell=name_of(Cell(ROLE.NETWORK_OPERATOR, KA))), NO_AUTHORITY
    ),
    "no authorising cell": Silent(
        lambda desk: controlled(desk, authorising_cell=None), NO_AUTHORITY, BY_NOBODY | CONTINGENT
    ),
    "wrong signature": Silent(other_signer, NOT_AUTHENTIC, BY_NOBODY),
    "no signature": Silent(unsigned, NOT_AUTHENTIC, BY_NOBODY),
    "wrong MAC": Silent(wrong_mac, NOT_AUTHENTIC, WITHOUT_MAC),
    "MAC or none": Silent(protected_otherwise, NOT_AUTHENTIC),
    "seen before": Silent(replayed, OTHER_FAILURE),
    "known party in another role": Silent(by_other_party, NO_AUTHORITY),
    "stranger": Silent(by_stranger, UNKNOWN, CONTINGENT),
    "no symmetric key": Silent(
        lambda desk: controlled(desk, symmetric_key=None), UNKNOWN, frozenset(MODE) - CONTINGENT
    ),
    "wrong symmetric key": Silent(
        lambda desk: controlled(desk, symmetric_key=bytes(32)), UNKNOWN, frozenset(MODE) - CONTINGENT
    ),
    "signed by the new root": Silent(by_the_new_root, UNKNOWN, frozenset(MODE) - CONTINGENT),
    "symmetric key too short": Silent(
        lambda desk: controlled(desk, symmetric_key=SYMMETRIC_KEY[:15]), UNKNOWN, frozenset(MODE) - CONTINGENT
    ),
}


class BadRow(NamedTuple):
    """A row that is refused: what is sent in place of the first good one, and its status."""

    make: Callable[[Desk], Parcel]
    status: CredentialStatus
    only_for: frozenset[ReplacementMode] = frozenset(MODE)


def cell_of(desk: Desk) -> Cell:
    return desk.cells[0] if desk.cells else ROOT


def organisation(
    desk: Desk,
    role: int | None = None,
    use: KeyUse | None = None,
    entity: Eui64 | None = None,
    validity: Validity | None = None,
    issuer: Issuer | None = None,
) -> bytes:
    """A certificate for the first cell of a mode that is wrong in one thing."""
    cell = cell_of(desk)
    right = new_certificate(Cell(ROLE.SUPPLIER, DS) if cell == ROOT else cell, desk.mode)
    usage = right.key_usage if use is None else name_of(Cell(ROLE.SUPPLIER, use)).key_usage
    assert usage is not None
    assert right.entity is not None
    assert right.role is not None
    return issue_organisation(
        issuer or SMKI.organisation_authority,
        right.entity if entity is None else entity,
        right.role if role is None else role,
        usage,
        right.public_point,
        4711,
        validity or LONG,
        "TEST",
    ).octets


def first(desk: Desk, certificate: bytes, path: tuple[bytes, ...] = PATH) -> Parcel:
    return Parcel((CredentialReplacement(certificate, name_of(cell_of(desk))),), path)


def an_organisation_that_issues() -> tuple[Issuer, tuple[bytes, ...]]:
    """A supplier that signs a certificate as if it were an authority, and the path by way of it."""
    pair = key_pair(b"a supplier's key")
    supplier = SMKI.organisation(
        PARTIES[ROLE.SUPPLIER], ROLE.SUPPLIER, name_of(Cell(ROLE.SUPPLIER, DS)).key_usage, pair.point
    )
    return Issuer(supplier, pair.sign), (supplier.octets, *PATH)


def below_an_organisation(desk: Desk) -> Parcel:
    issuer, path = an_organisation_that_issues()
    return first(desk, organisation(desk, issuer=issuer), path)


def elsewhere(desk: Desk) -> Parcel:
    """A cell that this kind of device does not have."""
    cell = next(cell for kind in CELLS for cell in sorted(CELLS[kind], key=str) if cell not in CELLS[desk.kind])
    return Parcel((row(new_certificate(cell, desk.mode), cell),))


def beyond_the_mode(desk: Desk) -> Parcel:
    cell = Cell(ROLE.RECOVERY, DS)
    return Parcel((row(new_certificate(cell, desk.mode), cell),))


PAST, FUTURE = Validity(START - 2 * DAY, START - DAY), Validity(START + DAY, START + 2 * DAY)
PARTY_MODES = frozenset(MODE) - ROOTS
NORMAL_ROOTS = ROOTS | {MODE.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY}


def root_row(certificate: bytes, path: tuple[bytes, ...] = ()) -> Parcel:
    return Parcel((CredentialReplacement(certificate, name_of(ROOT)),), path)


def dead_end_root() -> bytes:
    """Signed by the root that is held, but not to have authorities below itself."""
    return issue_authority(SMKI.organisation_root, ORGANISATION, "TEST DEAD END", key_pair(b"x").point, 5, LONG).octets


def by_authority() -> Parcel:
    """A new root for which an issuing authority vouches, not the root itself."""
    link = issue_link(SMKI.organisation_authority, LATER.organisation_root.certificate, 6, LONG)
    return root_row(link.octets, PATH)


BAD_ROWS: dict[str, BadRow] = {
    "no certificate": BadRow(lambda desk: first(desk, b"\x30\x00"), STATUS.BAD_CERTIFICATE),
    "an authority's": BadRow(
        lambda desk: first(desk, SMKI.organisation_authority.certificate.octets), STATUS.BAD_CERTIFICATE
    ),
    "another role": BadRow(lambda desk: first(desk, organisation(desk, role=0x7F)), STATUS.BAD_CERTIFICATE),
    "another use": BadRow(
        lambda desk: first(desk, organisation(desk, use=KA if cell_of(desk).use is DS else DS)), STATUS.BAD_CERTIFICATE
    ),
    "a device's": BadRow(
        lambda desk: first(desk, desk.rig.device_keys.certificate(KeyName(desk.rig.identity, DS)) or b""),
        STATUS.BAD_CERTIFICATE,
    ),
    "expired": BadRow(lambda desk: first(desk, organisation(desk, validity=PAST)), STATUS.BAD_CERTIFICATE, PARTY_MODES),
    "not valid yet": BadRow(
        lambda desk: first(desk, organisation(desk, validity=FUTURE)), STATUS.BAD_CERTIFICATE, PARTY_MODES
    ),
    "of nobody": BadRow(
        lambda desk: first(desk, organisation(desk, entity=Eui64(bytes(8)))), STATUS.BAD_CERTIFICATE, PARTY_MODES
    ),
    "of the device itself": BadRow(
        lambda desk: first(desk, organisation(desk, entity=desk.rig.identity)), STATUS.BAD_CERTIFICATE, PARTY_MODES
    ),
    "another infrastructure": BadRow(
        lambda desk: first(
            desk,
            organisation(desk, issuer=FOREIGN.organisation_authority),
            (FOREIGN.organisation_authority.certificate.octets, FOREIGN.organisation_root.certificate.octets),
        ),
        STATUS.NO_TRUST_ANCHOR,
        PARTY_MODES,
    ),
    "no path": BadRow(lambda desk: first(desk, organisation(desk), ()), STATUS.NO_TRUST_ANCHOR, PARTY_MODES),
    "spoilt path": BadRow(
        lambda desk: first(desk, organisation(desk), (PATH[0][:-1] + bytes((PATH[0][-1] ^ 1,)),)),
        STATUS.NO_TRUST_ANCHOR,
        PARTY_MODES,
    ),
    "signed by an organisation": BadRow(below_an_organisation, STATUS.NO_TRUST_ANCHOR, PARTY_MODES),
    "cell of other devices": BadRow(elsewhere, STATUS.TRUST_ANCHOR_NOT_FOUND),
    "cell of another mode": BadRow(beyond_the_mode, STATUS.OTHER, frozenset(MODE) - WIDE),
    "root that nobody vouches for": BadRow(
        lambda _desk: root_row(LATER.organisation_root.certificate.octets), STATUS.NO_TRUST_ANCHOR, NORMAL_ROOTS
    ),
    "root that another vouches for": BadRow(
        lambda _desk: root_row(
            issue_link(FOREIGN.organisation_root, LATER.organisation_root.certificate, 1, LONG).octets,
            (FOREIGN.organisation_root.certificate.octets,),
        ),
        STATUS.NO_TRUST_ANCHOR,
        NORMAL_ROOTS,
    ),
    "root by an issuing authority": BadRow(lambda _desk: by_authority(), STATUS.NO_TRUST_ANCHOR, NORMAL_ROOTS),
    "root without authorities": BadRow(lambda _desk: root_row(dead_end_root()), STATUS.BAD_CERTIFICATE, NORMAL_ROOTS),
    "root that has expired": BadRow(
        lambda _desk: root_row(issue_link(SMKI.organisation_root, LATER.organisation_root.certificate, 2, PAST).octets),
        STATUS.BAD_CERTIFICATE,
        NORMAL_ROOTS,
    ),
    "root that does not sign itself": BadRow(
        lambda _desk: root_row(
            issue_link(FOREIGN.organisation_root, LATER.organisation_root.certificate, 3, LONG).octets
        ),
        STATUS.NO_TRUST_ANCHOR,
        CONTINGENT,
    ),
    "under the root that goes": BadRow(
        lambda desk: Parcel(
            (
                CredentialReplacement(organisation(desk), name_of(cell_of(desk))),
                row(LATER.organisation_root.certificate, ROOT),
            ),
            (*PATH, *LATER_PATH),
        ),
        STATUS.NO_TRUST_ANCHOR,
        CONTINGENT,
    ),
}
