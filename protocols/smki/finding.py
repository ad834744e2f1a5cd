"""What a check of a certificate, request or revocation list finds wrong."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ..eui64 import eui64_text
from .certificate import Certificate


class Aspect(StrEnum):
    """What a finding is about."""

    PROFILE = "profile"
    KIND = "kind"
    ROLE = "role"
    ENTITY = "entity identifier"
    KEY_USAGE = "key usage"
    VALIDITY = "validity"
    ISSUER = "issuer"
    AUTHORITY_KEY = "authority key identifier"
    AUTHORITY = "issuing authority"
    PATH_LENGTH = "path length"
    SIGNATURE = "signature"
    TRUST_ANCHOR = "trust anchor"
    REVOCATION = "revocation"
    NUMBER = "number"


class Finding(NamedTuple):
    """One thing that is wrong with ``subject`` (a short text)."""

    subject: str
    aspect: Aspect
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.aspect}: expected {self.expected}, found {self.found}"


class Findings:
    """Findings about one certificate."""

    def __init__(self, certificate: Certificate) -> None:
        entity = certificate.entity
        named = eui64_text(entity) if entity is not None else str(certificate.subject)
        self.subject = f"{certificate.kind} {named}"
        self.findings: list[Finding] = []

    def add(self, aspect: Aspect, expected: str, found: str) -> None:
        """Note one that is wrong."""
        self.findings.append(Finding(self.subject, aspect, expected, found))
