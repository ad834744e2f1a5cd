"""Whether a firmware file is what it should be: each check by its name, with its outcome and the reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from protocols.gbcs.firmware_image import AUTHORISERS
from protocols.smki.certificate import key_identifier
from protocols.smki.check import verifies

from .reading import FirmwareFile, Kind


class Outcome(StrEnum):
    """How a check ended."""

    PASS = "PASS"  # noqa: S105 - an outcome, no pass phrase
    FAIL = "FAIL"
    NOT_CHECKED = "NOT CHECKED"


class Check(NamedTuple):
    """A check: what, how it ended, and why."""

    name: str
    outcome: Outcome
    reason: str


LAYERS, MAKER, AUTHORISER = "layers agree", "maker's signature", "authoriser's signature"


def verify_firmware(
    file: FirmwareFile,
    maker_point: bytes | None = None,
    authoriser_point: bytes | None = None,
    detached_signature: bytes | None = None,
) -> tuple[Check, ...]:
    """Every check of a file. Points are public keys of 65 octets; ``detached_signature`` is the maker's r || s.

    A signature whose key is not given is not checked; one that should be there and is not is a failure.
    """
    return (
        _layers(file),
        _maker(file, maker_point, detached_signature),
        _authoriser(file, authoriser_point),
    )


def _layers(file: FirmwareFile) -> Check:
    if file.findings:
        return Check(LAYERS, Outcome.FAIL, "; ".join(file.findings))
    if file.header is None or file.container is None:
        return Check(LAYERS, Outcome.NOT_CHECKED, "there is no manifest inside a header to compare")
    return Check(LAYERS, Outcome.PASS, "manifest and header name the same maker, model, hardware and version")


def _maker(file: FirmwareFile, point: bytes | None, detached: bytes | None) -> Check:
    if point is None:
        return Check(MAKER, Outcome.NOT_CHECKED, "no key or certificate of the maker was given")
    if detached is not None:
        return _verified(MAKER, point, file.manufacturer_image, detached, "the detached signature")
    if file.container is None:
        return Check(MAKER, Outcome.FAIL, "the image is opaque and there is no detached signature")
    named, given = file.container.maker_key_identifier, key_identifier(point)
    if named != given:
        return Check(
            MAKER, Outcome.FAIL, f"the image names the key {named.hex().upper()}, given is {given.hex().upper()}"
        )
    return _verified(MAKER, point, file.container.signed_octets, file.container.signature, "the signature in the image")


def _authoriser(file: FirmwareFile, point: bytes | None) -> Check:
    signature = file.authoriser_signature
    device = None if file.container is None else file.container.manifest.device_type
    if file.kind is not Kind.WRAPPED:
        return Check(
            AUTHORISER,
            Outcome.NOT_CHECKED if point is None else Outcome.FAIL,
            f"there is none in this file: {file.kind}",
        )
    if device is not None and (signature is None) is (device in AUTHORISERS):
        has = "needs a signature, and there is none" if signature is None else "takes no signature, and there is one"
        return Check(AUTHORISER, Outcome.FAIL, f"a file for {device.value} {has}")
    if signature is None:
        reason = "an unsigned file, as PPMID and HCALCS take it"
        return Check(AUTHORISER, Outcome.NOT_CHECKED if point is None else Outcome.FAIL, reason)
    if point is None:
        return Check(AUTHORISER, Outcome.NOT_CHECKED, "no certificate of the supplier (hub: WAN provider) was given")
    return _verified(AUTHORISER, point, file.manufacturer_image, signature, "the signature behind the image")


def _verified(name: str, point: bytes, octets: bytes, signature: bytes, what: str) -> Check:
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    if verifies(point, octets, (r, s)):
        return Check(name, Outcome.PASS, f"{what} verifies")
    return Check(name, Outcome.FAIL, f"{what} does not verify under key {key_identifier(point).hex().upper()}")
