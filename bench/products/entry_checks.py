"""What an entry of the list of certified products must be."""

from __future__ import annotations

from protocols.errors import MeterbenchError
from protocols.gbcs.elliptic_curve import load_point
from protocols.instant import Instant
from protocols.instant import text as instant_text

from ..rig import kind_name
from .assurance import NEEDED, Assurance, AssuranceKind, six_years_after
from .entries import ListedFirmware, ListedModel, Standing
from .hashes import HASH_LENGTH, VERSION_LENGTH


class ListError(MeterbenchError, ValueError):
    """A change that the list does not take. The text says why."""


def check_model(entry: ListedModel, now: Instant) -> None:
    """Raises ListError unless a model can be listed today."""
    model = entry.model
    for what, number in (("manufacturer", model.manufacturer), ("model", model.model)):
        if not 0 <= number <= 0xFFFF:
            raise ListError(f"{what}: 0 to FFFF expected, found {number:X}")
    if entry.standing is Standing.REMOVED:
        raise ListError(f"{model}: what was removed is not on a list")
    if not entry.hardware:
        raise ListError(f"{model}: a model has one hardware version at least")
    if len(set(entry.hardware)) != len(entry.hardware):
        raise ListError(f"{model}: a hardware version is given twice")
    for version in entry.hardware:
        check_hardware(version)
    try:
        load_point(entry.maker_key)
    except MeterbenchError as error:
        raise ListError(f"{model}: the maker's public key: {error}") from None
    _check_certificates(entry, now)


def _check_certificates(entry: ListedModel, now: Instant) -> None:
    names = [(each.kind, each.number) for each in entry.certificates]
    if len(set(names)) != len(names):
        raise ListError(f"{entry.model}: a certificate is given twice")
    for certificate in entry.certificates:
        check_certificate(certificate, now)
    lacking = entry.lacking(now)
    if lacking and entry.standing is Standing.LISTED:
        needed = ", ".join(NEEDED[entry.model.type])
        raise ListError(
            f"{entry.model}: without a valid certificate: {', '.join(lacking)}; an entry for "
            f"{kind_name(entry.model.type)} needs {needed}"
        )


def check_certificate(certificate: Assurance, now: Instant) -> None:
    """Raises ListError for a certificate that no scheme would give today."""
    if not certificate.number.strip():
        raise ListError(f"a {certificate.kind} certificate has a number")
    if certificate.kind is AssuranceKind.CPA and certificate.expires is None:
        raise ListError(f"CPA certificate {certificate.number} expires within six years; say when")
    longest = six_years_after(now)
    if certificate.kind is AssuranceKind.CPA and (certificate.expires or 0) > longest:
        raise ListError(f"CPA certificate {certificate.number} holds at most six years, until {instant_text(longest)}")


def check_hardware(version: int) -> None:
    """Raises ListError unless it is a hardware version."""
    if not 0 <= version <= 0xFFFF:
        raise ListError(f"hardware version: 0 to FFFF expected, found {version:X}")


def check_firmware(entry: ListedFirmware) -> None:
    """Raises ListError unless a version of firmware can be listed."""
    if len(entry.version) != VERSION_LENGTH:
        raise ListError(f"firmware version: {VERSION_LENGTH} octets expected, found {len(entry.version)}")
    if not entry.hashes:
        raise ListError(f"{entry.model}: firmware {entry.version.hex().upper()} has no hash")
    for form, digest in entry.hashes.items():
        if len(digest) != HASH_LENGTH:
            raise ListError(f"hash {form}: {HASH_LENGTH} octets expected, found {len(digest)}")
