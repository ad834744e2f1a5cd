"""The parts that certificates and certification requests share: names, keys, signatures, extensions (RFC 5280)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..asn1 import NamedBits
from ..der import (
    BIT_STRING,
    BOOLEAN,
    CONSTRUCTED,
    CONTEXT,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    UTC_TIME,
    UTF8_STRING,
    Walk,
    oid_text,
    put_integer,
    take_time,
)
from ..errors import DecodeError
from ..eui64 import Eui64
from ..instant import Instant
from .names import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EC_PUBLIC_KEY,
    ECDSA_WITH_SHA256,
    HARDWARE_MODULE_NAME,
    HARDWARE_TYPE,
    KEY_USAGE,
    NAMES,
    P_256,
    SUBJECT_ALTERNATIVE_NAME,
    SUBJECT_KEY_IDENTIFIER,
    KeyUsage,
)

POINT_LENGTH = 65
_TEXTS = (UTF8_STRING, PRINTABLE_STRING)
KEY_USAGE_FORMAT = NamedBits(KeyUsage)


class NameAttribute(NamedTuple):
    """One attribute of a name: the OBJECT IDENTIFIER's content octets, the value's tag, its text (else its octets in
    hexadecimal digits). Characters that a terminal would act on are shown as ``?``.
    """

    kind: bytes
    tag: int
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name. ``octets`` (DER) decide whether two are equal."""

    octets: bytes
    attributes: tuple[NameAttribute, ...] = field(compare=False)

    def get(self, kind: bytes, *tags: int) -> str | None:
        """The text of the first attribute of this kind, if its value has one of ``tags`` (default: text), or None."""
        first = next((attribute for attribute in self.attributes if attribute.kind == kind), None)
        return first.text if first is not None and first.tag in (tags or _TEXTS) else None

    def __str__(self) -> str:
        parts = (f"{NAMES.get(kind) or oid_text(kind)}={text}" for kind, _, text in self.attributes)
        return ", ".join(parts) or "empty name"


class Extension(NamedTuple):
    """One extension: the OBJECT IDENTIFIER's content octets, criticality, and the octets inside."""

    kind: bytes
    critical: bool
    octets: bytes


class Signed(NamedTuple):
    """SEQUENCE { what is signed, algorithm, signature }: ``inner`` walks the first, whose octets are ``octets``.

    ``signature_is_der`` is False where an integer of the signature has superfluous octets.
    """

    inner: Walk
    octets: bytes
    algorithm: bytes
    signature: tuple[int, int]
    signature_is_der: bool


def take_signed(der: bytes, name: str, inner_name: str, longest: int) -> Signed:
    """The frame that certificates, requests and lists share, filling ``der``: at most ``longest`` octets.

    Raises DecodeError naming field and octet.
    """
    if len(der) > longest:
        raise DecodeError(longest, f"at most {longest} octets", f"{len(der)}", (name,))
    whole = Walk(der, 0, len(der))
    outer = whole.enter(SEQUENCE, name)
    whole.finish(name)
    start = outer.at
    inner = outer.enter(SEQUENCE, inner_name)
    octets = der[start : outer.at]
    algorithm = take_algorithm(outer, "signature_algorithm")
    signature, is_der = take_signature(outer)
    outer.finish(name)
    return Signed(inner, octets, algorithm, signature, is_der)


def take_algorithm(walk: Walk, name: str) -> bytes:
    """An AlgorithmIdentifier that must be ecdsa-with-SHA256; its octets. Raises DecodeError."""
    at = walk.at
    inner = walk.enter(SEQUENCE, name)
    found = inner.content(OBJECT_IDENTIFIER, name)
    if found != ECDSA_WITH_SHA256:
        raise DecodeError(at, "ecdsa-with-SHA256", oid_text(found), (name,))
    return walk.data[at : walk.at]


def take_signature(walk: Walk) -> tuple[tuple[int, int], bool]:
    """An ECDSA signature in a BIT STRING: (r, s), and whether its integers have the fewest octets.

    Certificates with a superfluous leading zero octet are about, so that is not an error here. Raises DecodeError.
    """
    bits = walk.enter(BIT_STRING, "signature_value")
    _take_unused_bits(bits, "signature_value")
    return _take_pair(bits)


def take_signature_pair(der: bytes) -> tuple[int, int]:
    """(r, s) of an ECDSA signature in DER. Raises DecodeError."""
    return _take_pair(Walk(der, 0, len(der)))[0]


def _take_pair(walk: Walk) -> tuple[tuple[int, int], bool]:
    pair = walk.enter(SEQUENCE, "signature_value")
    walk.finish("signature_value")
    r, s = pair.content(INTEGER, "r"), pair.content(INTEGER, "s")
    pair.finish("signature_value")
    values = int.from_bytes(r, "big", signed=True), int.from_bytes(s, "big", signed=True)
    return values, (put_integer(values[0]), put_integer(values[1])) == (r, s)


def _take_unused_bits(bits: Walk, name: str) -> None:
    if bits.at >= bits.end or bits.data[bits.at] != 0:
        raise DecodeError(bits.at, "a BIT STRING of whole octets", "", (name,))
    bits.at += 1


def take_moment(walk: Walk, name: str) -> Instant:
    """A UTCTime or GeneralizedTime. Raises DecodeError."""
    tag = walk.tag if walk.tag == UTC_TIME else GENERALIZED_TIME
    inner = walk.enter(tag, name)
    try:
        return take_time(tag, walk.data, inner.at, inner.end)
    except DecodeError as error:
        raise error.inside(name) from None


def take_name(walk: Walk, name: str) -> Name:
    """A distinguished name. Raises DecodeError."""
    at = walk.at
    names = walk.enter(SEQUENCE, name)
    attributes = []
    while names.tag is not None:
        relative = names.enter(SET, name)
        while relative.tag is not None:
            pair = relative.enter(SEQUENCE, name)
            kind = pair.content(OBJECT_IDENTIFIER, name)
            tag = pair.tag or 0
            octets = pair.content(tag, name)
            pair.finish(name)
            text = _printable(octets) if tag in _TEXTS else octets.hex()
            attributes.append(NameAttribute(kind, tag, text))
    return Name(walk.data[at : walk.at], tuple(attributes))


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def take_public_key(walk: Walk) -> bytes:
    """A SubjectPublicKeyInfo: the uncompressed point of a key on P-256, 65 octets. Raises DecodeError."""
    at = walk.at
    info = walk.enter(SEQUENCE, "public_key")
    algorithm = info.enter(SEQUENCE, "public_key")
    kind = algorithm.content(OBJECT_IDENTIFIER, "public_key")
    if kind != EC_PUBLIC_KEY or algorithm.tag != OBJECT_IDENTIFIER:
        raise DecodeError(at, "an elliptic curve key on P-256", oid_text(kind), ("public_key",))
    curve = algorithm.content(OBJECT_IDENTIFIER, "public_key")
    if curve != P_256:
        raise DecodeError(at, "an elliptic curve key on P-256", oid_text(curve), ("public_key",))
    algorithm.finish("public_key")
    bits = info.enter(BIT_STRING, "public_key")
    info.finish("public_key")
    _take_unused_bits(bits, "public_key")
    if bits.end - bits.at != POINT_LENGTH or walk.data[bits.at] != 4:
        raise DecodeError(bits.at, f"an uncompressed point of {POINT_LENGTH} octets", "", ("public_key",))
    return walk.data[bits.at : bits.end]


@dataclass(slots=True)
class ReadExtensions:
    """What the extensions of a certificate or request say."""

    key_usage: KeyUsage | None = None
    subject_key_identifier: bytes | None = None
    authority_key_identifier: bytes | None = None
    policies: tuple[str, ...] = ()
    is_authority: bool = False
    path_length: int | None = None
    device: Eui64 | None = None


def each_extension(walk: Walk) -> Iterator[tuple[Extension, Walk]]:
    """A SEQUENCE OF extensions: each, and a walk through the octets inside. Raises DecodeError, also for one that
    occurs twice.
    """
    listed = walk.enter(SEQUENCE, "extensions")
    seen = set()
    while listed.tag is not None:
        at = listed.at
        inner = listed.enter(SEQUENCE, "extensions")
        kind = inner.content(OBJECT_IDENTIFIER, "extensions")
        critical = inner.tag == BOOLEAN and inner.content(BOOLEAN, "critical") != b"\0"
        value = inner.enter(OCTET_STRING, "extensions")
        inner.finish("extensions")
        if kind in seen:
            raise DecodeError(at, "each extension once", NAMES.get(kind) or oid_text(kind), ("extensions",))
        seen.add(kind)
        yield Extension(kind, critical, walk.data[value.at : value.end]), value


def take_extensions(walk: Walk) -> tuple[tuple[Extension, ...], ReadExtensions]:
    """A SEQUENCE OF extensions, with nothing after it, and what the known ones say. Raises DecodeError."""
    extensions: list[Extension] = []
    read = ReadExtensions()
    for extension, value in each_extension(walk):
        extensions.append(extension)
        if extension.kind in _READERS:
            _READERS[extension.kind](value, read)
            value.finish(NAMES[extension.kind])
    walk.finish("extensions")
    return tuple(extensions), read


def _read_key_usage(walk: Walk, read: ReadExtensions) -> None:
    inner = walk.enter(BIT_STRING, "key_usage")
    try:
        read.key_usage = KeyUsage(KEY_USAGE_FORMAT.take_content(walk.data, inner.at, inner.end))
    except DecodeError as error:
        raise error.inside("key_usage") from None


def _read_subject_key_identifier(walk: Walk, read: ReadExtensions) -> None:
    read.subject_key_identifier = walk.content(OCTET_STRING, "subject_key_identifier")


def read_authority_key_identifier(walk: Walk, read: ReadExtensions) -> None:
    """The identifier of the issuer's key. Raises DecodeError."""
    inner = walk.enter(SEQUENCE, "authority_key_identifier")
    if inner.tag == CONTEXT:  # issuer name and serial number may follow in general certificates
        read.authority_key_identifier = inner.content(CONTEXT, "authority_key_identifier")


def _read_policies(walk: Walk, read: ReadExtensions) -> None:
    inner = walk.enter(SEQUENCE, "certificate_policies")
    policies = []
    while inner.tag is not None:
        policies.append(oid_text(inner.enter(SEQUENCE, "policy").content(OBJECT_IDENTIFIER, "policy")))
    read.policies = tuple(policies)


def _read_basic_constraints(walk: Walk, read: ReadExtensions) -> None:
    inner = walk.enter(SEQUENCE, "basic_constraints")
    read.is_authority = inner.tag == BOOLEAN and inner.content(BOOLEAN, "authority") != b"\0"
    if inner.tag is not None:
        at, read.path_length = inner.at, inner.integer("path_length")
        if not 0 <= read.path_length <= 0xFF:
            raise DecodeError(at, "a path length of 0 to 255", "another", ("path_length",))
    inner.finish("basic_constraints")


def _read_alternative_name(walk: Walk, read: ReadExtensions) -> None:
    """GeneralNames with one otherName: a hardware module name whose serial number is the EUI-64 (RFC 4108)."""
    names = walk.enter(SEQUENCE, "subject_alternative_name")
    other = names.enter(CONTEXT | CONSTRUCTED, "subject_alternative_name")
    names.finish("subject_alternative_name")
    at, kind = other.at, other.content(OBJECT_IDENTIFIER, "subject_alternative_name")
    if kind != HARDWARE_MODULE_NAME:
        raise DecodeError(at, "a hardware module name", oid_text(kind), ("subject_alternative_name",))
    module = other.enter(CONTEXT | CONSTRUCTED, "hardware_module_name").enter(SEQUENCE, "hardware_module_name")
    at, hardware = module.at, module.content(OBJECT_IDENTIFIER, "hardware_type")
    if hardware != HARDWARE_TYPE:
        raise DecodeError(at, "a smart metering device", oid_text(hardware), ("hardware_type",))
    at, serial = module.at, module.content(OCTET_STRING, "hardware_serial_number")
    if len(serial) != 8:
        raise DecodeError(at, "an EUI-64", f"{len(serial)} octets", ("hardware_serial_number",))
    read.device = Eui64(serial)


_READERS = {
    KEY_USAGE: _read_key_usage,
    SUBJECT_KEY_IDENTIFIER: _read_subject_key_identifier,
    AUTHORITY_KEY_IDENTIFIER: read_authority_key_identifier,
    CERTIFICATE_POLICIES: _read_policies,
    BASIC_CONSTRAINTS: _read_basic_constraints,
    SUBJECT_ALTERNATIVE_NAME: _read_alternative_name,
}
