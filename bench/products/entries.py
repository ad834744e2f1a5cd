"""What stands on the list of certified products, and what has happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from protocols.instant import Instant
from protocols.instant import text as instant_text
from protocols.smki.certificate import key_identifier

from ..device_model import DeviceModel
from .assurance import Assurance, AssuranceKind, first_expiry, lacking
from .hashes import Hashes


class Standing(StrEnum):
    """Whether an entry is on the list."""

    LISTED = "listed"
    LAPSED = "lapsed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model of device. ``maker_key`` is its maker's public key, 65 octets; ``maker`` and ``name`` are for people.

    ``hardware`` are hardware versions, 0 to FFFF, in order. Versions of firmware are entries of their own.
    """

    model: DeviceModel
    maker_key: bytes
    hardware: tuple[int, ...]
    certificates: tuple[Assurance, ...]
    maker: str = ""
    name: str = ""
    standing: Standing = Standing.LISTED

    def lacking(self, now: Instant) -> tuple[AssuranceKind, ...]:
        """The certificates that it needs and that do not hold."""
        return lacking(self.model.type, self.certificates, now)

    @property
    def expires(self) -> Instant | None:
        """When it loses the first certificate that it needs; None for never."""
        return first_expiry(self.model.type, self.certificates)


@dataclass(frozen=True, slots=True)
class ListedFirmware:
    """A version of firmware for a model: 4 octets, and the hashes of its image. ``evidence`` is why no new
    certification was needed; empty for what was listed with its model."""

    model: DeviceModel
    version: bytes
    hashes: Hashes
    evidence: str = ""
    standing: Standing = Standing.LISTED


class ListChange(NamedTuple):
    """One line of the list's history, which is what is announced. ``number`` counts from 1."""

    number: int
    at: Instant
    by: str
    what: str
    model: DeviceModel
    detail: str = ""
    evidence: str = ""


class Notice(NamedTuple):
    """Something that one party was told. ``to`` says who: a role, and its identifier where it is known."""

    at: Instant
    to: str
    text: str


def model_text(entry: ListedModel) -> str:
    """A model in a line of the history."""
    words = [" ".join(each for each in (entry.maker, entry.name) if each)]
    words.append(f"maker's key {key_identifier(entry.maker_key).hex().upper()}")
    words.append("hardware " + ", ".join(f"{version:04X}" for version in entry.hardware))
    return "; ".join(word for word in [*words, *map(certificate_text, entry.certificates)] if word)


def certificate_text(certificate: Assurance) -> str:
    """A certificate in a line."""
    until = "" if certificate.expires is None else f" until {instant_text(certificate.expires)}"
    return f"{certificate.kind} {certificate.number}{until}"
