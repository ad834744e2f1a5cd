"""Lists of revoked certificates (X.509 version 2, RFC 5280 5): of organisations', and of authorities' certificates.

An organisations' issuing authority signs the list of the organisations' certificates that it has revoked (CRL); a root
signs the list of the issuing authorities that it has (ARL). The two have one form, and a list speaks for every
certificate of its issuer's key. Devices' certificates are never revoked. Lists of changes (delta lists) and lists on
behalf of others are not used; a list that says by a critical extension that it is such a one is no list to rely on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from ..asn1 import enumeration_text
from ..der import (
    CONSTRUCTED,
    CONTEXT,
    ENUMERATED,
    INTEGER,
    SEQUENCE,
    Walk,
    oid_text,
    put_integer,
    shortened,
    take_integer,
    tlv,
)
from ..enumerations import plain_members
from ..errors import DecodeError, EncodeError
from ..instant import Instant
from ..instant import text as instant_text
from .building import ALGORITHM, authority_key_extension, put_extension, put_moment, put_signed
from .certificate import Certificate, CertificateKind, TrustAnchor
from .finding import Aspect, Finding, Findings
from .issuer import Issuer, refuse_unmarked
from .names import AUTHORITY_KEY_IDENTIFIER, CRL_NUMBER, REASON_CODE, KeyUsage
from .reading import (
    Name,
    ReadExtensions,
    each_extension,
    read_authority_key_identifier,
    take_algorithm,
    take_moment,
    take_name,
    take_signed,
)
from .signature import Verifier, verifies

MAX_REVOCATION_LIST = 1 << 20
"""The longest list read, in octets: room for over 20,000 certificates; there are a few hundred organisations."""

MAX_NUMBER = 1 << 159
"""Serial numbers and the numbers of lists have at most 20 octets (RFC 5280 4.1.2.2 and 5.2.3)."""


@plain_members
class RevocationReason(IntEnum):
    """Why a certificate was revoked (RFC 5280 5.3.1). Removal from a list (8) is for lists of changes alone."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    AUTHORITY_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    PRIVILEGE_WITHDRAWN = 9
    ATTRIBUTE_AUTHORITY_COMPROMISE = 10


class RevokedCertificate(NamedTuple):
    """One entry: whose serial number, since when, why."""

    serial: int
    revoked_at: Instant
    reason: RevocationReason = RevocationReason.UNSPECIFIED


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One list. Equal where the octets are equal.

    ``number`` grows from list to list of an issuer. ``unknown_critical`` are the identifiers of critical extensions
    that are not known here, in dotted decimal. What the list lacks is None.
    """

    octets: bytes = field(repr=False)
    tbs: bytes = field(compare=False, repr=False)
    issuer: Name = field(compare=False)
    this_update: Instant = field(compare=False)
    next_update: Instant = field(compare=False)
    number: int | None = field(compare=False)
    authority_key_identifier: bytes | None = field(compare=False)
    entries: tuple[RevokedCertificate, ...] = field(compare=False, repr=False)
    unknown_critical: tuple[str, ...] = field(compare=False, repr=False)
    algorithms_agree: bool = field(compare=False, repr=False)
    signature: tuple[int, int] = field(compare=False, repr=False)
    signature_is_der: bool = field(compare=False, repr=False)
    _by_serial: Mapping[int, RevokedCertificate] = field(compare=False, repr=False)

    @classmethod
    def decode(cls, der: bytes) -> RevocationList:
        """Read a list that fills ``der``. Raises DecodeError naming field and octet."""
        return _take_list(bytes(der))

    def encode(self) -> bytes:
        """The octets of the list."""
        return self.octets

    def entry(self, serial: int) -> RevokedCertificate | None:
        """The entry of a serial number of the list's issuer, or None."""
        return self._by_serial.get(serial)

    def is_revoked(self, serial: int) -> bool:
        """Whether the list's issuer has revoked its certificate of this serial number."""
        return serial in self._by_serial

    def speaks_for(self, certificate: Certificate) -> bool:
        """Whether the certificate is of the name and key that the list is of."""
        held = self.authority_key_identifier
        return self.issuer == certificate.issuer and held is not None and held == certificate.authority_key_identifier

    def __str__(self) -> str:
        """Issuer, number, number of entries and dates, on one line."""
        number = shortened(self.number) if self.number is not None else "without number"
        dates = f"from {instant_text(self.this_update)}, next {instant_text(self.next_update)}"
        return f"revocation list {number} of {self.issuer}, {len(self.entries)} revoked, {dates}"


def issue_revocation_list(
    issuer: Issuer, entries: Iterable[RevokedCertificate], this_update: Instant, next_update: Instant, number: int
) -> RevocationList:
    """The list of all that ``issuer`` has revoked, in the order given.

    ``number`` must be greater than that of its list before. Raises EncodeError for an authority that may not sign lists
    or is not for tests, and for what no list can hold.
    """
    refuse_unmarked(issuer)
    if not (issuer.certificate.key_usage or 0) & KeyUsage.CRL_SIGN:
        raise EncodeError("an authority that may sign revocation lists needed", ("issuer",))
    revoked = tuple(entries)
    if len({entry.serial for entry in revoked}) != len(revoked):
        raise EncodeError("each serial number once", ("entries",))
    if next_update <= this_update:
        raise EncodeError("must be later than this update", ("next_update",))
    _require_number(number, 0, "number")
    extensions = authority_key_extension(issuer.key_identifier), _number_extension(number)
    tbs = tlv(
        SEQUENCE,
        tlv(INTEGER, b"\x01"),
        ALGORITHM,
        issuer.certificate.subject.octets,
        put_moment(this_update),
        put_moment(next_update),
        tlv(SEQUENCE, *map(_put_entry, revoked)) if revoked else b"",  # an empty one is left out (RFC 5280 5.1.2.6)
        tlv(CONTEXT | CONSTRUCTED, tlv(SEQUENCE, *extensions)),
    )
    return RevocationList.decode(put_signed(tbs, issuer.sign, Verifier(issuer.certificate.public_point)))


def check_revocation_list(
    revocations: RevocationList,
    issuer: Certificate | TrustAnchor,
    at: Instant | None = None,
    *,
    previous: RevocationList | None = None,
) -> tuple[Finding, ...]:
    """What is wrong with a list: its form, its issuer, its signature, its dates, its number.

    ``at`` None leaves the dates out; ``previous`` is the latest list of the same issuer that was known before.
    """
    found: list[Finding] = []

    def add(aspect: Aspect, expected: str, what: str) -> None:
        found.append(Finding(f"revocation list of {revocations.issuer}", aspect, expected, what))

    for aspect, expected, what in (
        *_wrong_form(revocations),
        *_wrong_issuer(revocations, issuer),
        *_wrong_dates(revocations, at),
        *_wrong_number(revocations, previous),
    ):
        add(aspect, expected, what)
    return tuple(found)


def check_status(
    certificate: Certificate,
    issuer: Certificate | TrustAnchor,
    lists: Iterable[RevocationList],
    at: Instant | None,
    found: Findings,
) -> None:
    """Note if the certificate is revoked, or if no list that counts says that it is not.

    Of the lists of its issuer, the latest that is right at ``at`` counts. Devices' certificates need none.
    """
    speaking = sorted((each for each in lists if each.speaks_for(certificate)), key=_age)
    wrong: tuple[Finding, ...] = ()
    for latest in reversed(speaking):
        problems = check_revocation_list(latest, issuer, at)
        if not problems:
            entry = latest.entry(certificate.serial)
            if entry is not None:
                found.add(Aspect.REVOCATION, "a certificate that is not revoked", _entry_text(entry))
            return
        wrong = wrong or problems
    if wrong or certificate.kind is not CertificateKind.DEVICE:
        what = "; ".join(map(str, wrong)) or "none"
        found.add(Aspect.REVOCATION, f"a revocation list in force of {certificate.issuer}", what)


_Wrong = Iterator[tuple[Aspect, str, str]]


def _wrong_form(revocations: RevocationList) -> _Wrong:
    if not revocations.algorithms_agree:
        yield Aspect.PROFILE, "one signature algorithm", "two that differ"
    if not revocations.signature_is_der:
        yield Aspect.PROFILE, "signature integers of the fewest octets", "a superfluous leading octet"
    if revocations.authority_key_identifier is None:
        yield Aspect.PROFILE, "authority key identifier", "none"
    for kind in revocations.unknown_critical:
        yield Aspect.PROFILE, "only critical extensions that are known", kind


def _wrong_issuer(revocations: RevocationList, issuer: Certificate | TrustAnchor) -> _Wrong:
    if issuer.subject is not None and issuer.subject != revocations.issuer:
        yield Aspect.ISSUER, str(issuer.subject), str(revocations.issuer)
    held, named = revocations.authority_key_identifier, issuer.subject_key_identifier
    if named is not None and held is not None and held != named:
        yield Aspect.AUTHORITY_KEY, named.hex().upper(), held.hex().upper()
    if isinstance(issuer, Certificate) and not (issuer.key_usage or 0) & KeyUsage.CRL_SIGN:
        yield Aspect.KEY_USAGE, enumeration_text(KeyUsage.CRL_SIGN), enumeration_text(issuer.key_usage or KeyUsage(0))
    if not verifies(issuer.public_point, revocations.tbs, revocations.signature):
        made_by = str(issuer.subject) if issuer.subject is not None else f"key {(named or b'').hex().upper()}"
        yield Aspect.SIGNATURE, f"made by {made_by}", "one that does not verify"


def _wrong_dates(revocations: RevocationList, at: Instant | None) -> _Wrong:
    first, last = revocations.this_update, revocations.next_update
    if last < first:
        yield Aspect.PROFILE, "a next update after this one", instant_text(last)
    if at is not None and at < first:
        yield Aspect.VALIDITY, f"in force at {instant_text(at)}", f"not yet, begins {instant_text(first)}"
    if at is not None and at > last:
        yield Aspect.VALIDITY, f"in force at {instant_text(at)}", f"overdue, next was due {instant_text(last)}"


def _wrong_number(revocations: RevocationList, previous: RevocationList | None) -> _Wrong:
    number, before = revocations.number, previous.number if previous is not None else None
    if number is None:
        yield Aspect.NUMBER, "the number of the list", "none"
    elif before is not None and revocations != previous and number <= before:
        yield Aspect.NUMBER, f"a number greater than {shortened(before)}", shortened(number)


def _age(revocations: RevocationList) -> tuple[int, Instant]:
    return revocations.number if revocations.number is not None else -1, revocations.this_update


def _entry_text(entry: RevokedCertificate) -> str:
    return f"serial {entry.serial:X} revoked {instant_text(entry.revoked_at)}, {enumeration_text(entry.reason)}"


# Writing


def _put_entry(entry: RevokedCertificate) -> bytes:
    _require_number(entry.serial, 1, "serial")
    extensions = b""
    if entry.reason is not RevocationReason.UNSPECIFIED:  # left out rather than said (RFC 5280 5.3.1)
        value = tlv(ENUMERATED, bytes((RevocationReason(entry.reason),)))
        extensions = tlv(SEQUENCE, put_extension(REASON_CODE, value, critical=False))
    return tlv(SEQUENCE, tlv(INTEGER, put_integer(entry.serial)), put_moment(entry.revoked_at), extensions)


def _number_extension(number: int) -> bytes:
    return put_extension(CRL_NUMBER, tlv(INTEGER, put_integer(number)), critical=False)


def _require_number(number: int, least: int, name: str) -> None:
    if not least <= number < MAX_NUMBER:
        raise EncodeError(f"a number from {least}, of at most 20 octets, needed", (name,))


# Reading


def _take_list(der: bytes) -> RevocationList:
    tbs, signed, algorithm, signature, is_der = take_signed(der, "list", "tbs_list", MAX_REVOCATION_LIST)
    at, version = tbs.at, tbs.integer("version")
    if version != 1:
        raise DecodeError(at, "version 2", "another", ("version",))
    agree = take_algorithm(tbs, "signature") == algorithm
    issuer = take_name(tbs, "issuer")
    this_update, next_update = take_moment(tbs, "this_update"), take_moment(tbs, "next_update")
    unknown: list[str] = []
    entries = tuple(_take_entries(tbs, unknown)) if tbs.tag == SEQUENCE else ()
    number, authority = _take_list_extensions(tbs.enter(CONTEXT | CONSTRUCTED, "extensions"), unknown)
    tbs.finish("tbs_list")
    return RevocationList(
        octets=der,
        tbs=signed,
        issuer=issuer,
        this_update=this_update,
        next_update=next_update,
        number=number,
        authority_key_identifier=authority,
        entries=entries,
        unknown_critical=tuple(unknown),
        algorithms_agree=agree,
        signature=signature,
        signature_is_der=is_der,
        _by_serial={entry.serial: entry for entry in entries},
    )


def _take_entries(tbs: Walk, unknown: list[str]) -> Iterator[RevokedCertificate]:
    listed = tbs.enter(SEQUENCE, "entries")
    while listed.tag is not None:
        inner = listed.enter(SEQUENCE, "entries")
        serial, revoked_at = _take_number(inner, 1, "serial"), take_moment(inner, "revoked_at")
        reason = RevocationReason.UNSPECIFIED
        if inner.tag is not None:
            reason = _take_reason(inner, unknown)
        inner.finish("entries")
        yield RevokedCertificate(serial, revoked_at, reason)


def _take_reason(walk: Walk, unknown: list[str]) -> RevocationReason:
    reason = RevocationReason.UNSPECIFIED
    for extension, value in each_extension(walk):
        if extension.kind == REASON_CODE:
            inner = value.enter(ENUMERATED, "reason")
            number = take_integer(value.data, inner.at, inner.end)
            if number not in _REASONS:
                raise DecodeError(inner.at, "a reason of a complete list", shortened(number), ("reason",))
            reason = _REASONS[number]
            value.finish("reason")
        elif extension.critical:
            unknown.append(oid_text(extension.kind))
    return reason


def _take_list_extensions(walk: Walk, unknown: list[str]) -> tuple[int | None, bytes | None]:
    """The list's number, and the identifier of its issuer's key."""
    number, read = None, ReadExtensions()
    for extension, value in each_extension(walk):
        if extension.kind == CRL_NUMBER:
            number = _take_number(value, 0, "number")
            value.finish("number")
        elif extension.kind == AUTHORITY_KEY_IDENTIFIER:
            read_authority_key_identifier(value, read)
            value.finish("authority_key_identifier")
        elif extension.critical:
            unknown.append(oid_text(extension.kind))
    walk.finish("extensions")
    return number, read.authority_key_identifier


def _take_number(walk: Walk, least: int, name: str) -> int:
    at, number = walk.at, walk.integer(name)
    if not least <= number < MAX_NUMBER:
        raise DecodeError(at, f"a number from {least}, of at most 20 octets", shortened(number), (name,))
    return number


_REASONS = {reason.value: reason for reason in RevocationReason}
