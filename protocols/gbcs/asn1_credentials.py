"""ASN.1 payloads about credentials: use cases CS02a to CS02g (ASN.1 module of the GBCS).

Certificates and requests stay DER octets. Counters are unsigned, 64 bits; times are Instants, NEVER meaning *cancel*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ..asn1 import (
    EntityIdentifier,
    Enumerated,
    GeneralizedTime,
    Integer,
    NamedBits,
    Null,
    OctetString,
    OpaqueSequence,
)
from ..asn1_structure import Default, OneOf, Optional, Sequence, SequenceOf, Wrapped
from ..eui64 import Eui64
from ..instant import Instant
from ..smki.certificate import certificate_text
from ..smki.names import KeyUsage
from ..smki.request import request_text
from .roles import RemotePartyRole


class CellUsage(IntEnum):
    """What a trust anchor cell's key-agreement key serves."""

    MANAGEMENT = 0
    PREPAYMENT_TOP_UP = 1


class CredentialStatus(IntEnum):
    """How one replacement, or one report of a party's cells, went."""

    SUCCESS = 0
    BAD_CERTIFICATE = 5
    NO_TRUST_ANCHOR = 10
    INSUFFICIENT_MEMORY = 17
    TRUST_ANCHOR_NOT_FOUND = 25
    RESOURCES_BUSY = 30
    OTHER = 127


class ReplacementMode(IntEnum):
    """Whose credentials are replaced, and who authorises it."""

    ROOT_BY_SUPPLIER = 0
    ROOT_BY_WAN_PROVIDER = 1
    SUPPLIER_BY_SUPPLIER = 2
    NETWORK_OPERATOR_BY_NETWORK_OPERATOR = 3
    ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER = 4
    WAN_PROVIDER_BY_WAN_PROVIDER = 5
    TRANSITIONAL_COS_BY_TRANSITIONAL_COS = 6
    SUPPLIER_BY_TRANSITIONAL_COS = 7
    ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY = 8
    ANY_BY_CONTINGENCY = 9
    LOAD_CONTROLLER_BY_LOAD_CONTROLLER = 10
    LOAD_CONTROLLER_BY_SUPPLIER = 11


class TimeChecks(IntEnum):
    """Whether validity periods count when a certification path is checked."""

    APPLY = 0
    DISAPPLY = 1


class SpecialistPurpose(IntEnum):
    """What a specialist sequence number counts."""

    PREPAYMENT_TOP_UP = 0


class IssueCredentialsError(IntEnum):
    """Why no certification request could be made."""

    INVALID_KEY_USAGE = 1
    KEY_PAIR_GENERATION_FAILED = 2
    REQUEST_PRODUCTION_FAILED = 3


class DeviceCertificateResult(IntEnum):
    """How the storing of a device's own certificate went."""

    SUCCESS = 0
    INVALID_CERTIFICATE = 1
    WRONG_DEVICE_IDENTITY = 2
    INVALID_KEY_USAGE = 3
    NO_CORRESPONDING_KEY_PAIR = 4
    WRONG_PUBLIC_KEY = 5
    CERTIFICATE_STORAGE_FAILED = 6
    PRIVATE_KEY_CHANGE_FAILED = 7


class ReadDeviceCertificateError(IntEnum):
    """Why a device's own certificate could not be read."""

    INVALID_KEY_USAGE = 1
    NO_CERTIFICATE_HELD = 2
    RETRIEVAL_FAILED = 3


@dataclass(frozen=True, slots=True)
class TrustAnchorCell:
    """Names one cell. ``role`` is a RemotePartyRole, or a plain number from 0 to 255 that has no name.

    ``explicit_default`` is True where the octets hold ``cell_usage`` though it has its default; it does not make
    two cells different.
    """

    role: int
    key_usage: KeyUsage
    cell_usage: CellUsage = CellUsage.MANAGEMENT
    explicit_default: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CellContents:
    """What one cell holds: the subject of its certificate and the identifier of its key (8 octets)."""

    key_usage: KeyUsage
    cell_usage: CellUsage
    subject: Eui64
    key_identifier: bytes
    explicit_default: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PartyDetails:
    """The report on one role: its counter and cells, where ``status`` is success."""

    role: int
    status: CredentialStatus
    current_sequence_number: int | None = None
    cells: tuple[CellContents, ...] | None = None


@dataclass(frozen=True, slots=True)
class CredentialDetailsCommand:
    """CS02a, CS02f: which parties' credentials do you hold?"""

    authorised_by: TrustAnchorCell
    roles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CredentialDetailsResponse:
    """One report per role asked for."""

    parties: tuple[PartyDetails, ...]


@dataclass(frozen=True, slots=True)
class SpecialistSequenceNumber:
    """The counter of a purpose beside commands, such as prepayment top-ups."""

    purpose: SpecialistPurpose
    sequence_number: int


@dataclass(frozen=True, slots=True)
class SequenceNumberChange:
    """New counter floors for the role whose credentials are replaced."""

    role: int
    floor: int
    specialist: tuple[SpecialistSequenceNumber, ...] | None = None


@dataclass(frozen=True, slots=True)
class AuthorisingControl:
    """By what right credentials are replaced, and what happens to counters.

    ``symmetric_key`` travels in clear (replacement by contingency). ``sequence_number`` equals the message's counter.
    """

    mode: ReplacementMode
    symmetric_key: bytes | None = field(repr=False)
    time_checks: TimeChecks
    authorising_cell: TrustAnchorCell | None
    sequence_number: int
    new_floor: int | None = None
    new_specialist_floors: tuple[SpecialistSequenceNumber, ...] | None = None
    other_changes: tuple[SequenceNumberChange, ...] | None = None
    explicit_default: bool = field(default=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CredentialReplacement:
    """A certificate (DER) and the cell it goes to."""

    certificate: bytes
    cell: TrustAnchorCell


@dataclass(frozen=True, slots=True)
class UpdateCredentialsCommand:
    """CS02b, CS02g. ``certification_path`` holds the issuing authorities' certificates (DER), never the root's."""

    control: AuthorisingControl
    replacements: tuple[CredentialReplacement, ...]
    certification_path: tuple[bytes, ...]
    execute_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class ReplacementResult:
    """What a cell held before and after; alike where ``status`` is not success."""

    cell: TrustAnchorCell
    status: CredentialStatus
    old_subject: Eui64
    old_key_identifier: bytes
    new_subject: Eui64
    new_key_identifier: bytes


@dataclass(frozen=True, slots=True)
class UpdateCredentialsOutcome:
    """What was done, cell by cell."""

    sequence_number: int
    mode: ReplacementMode
    changes: tuple[SequenceNumberChange, ...]
    results: tuple[ReplacementResult, ...]


@dataclass(frozen=True, slots=True)
class UpdateCredentialsResponse:
    """The command was accepted; the outcome is absent when it is to be executed later, or was a cancellation."""

    outcome: UpdateCredentialsOutcome | None = None


@dataclass(frozen=True, slots=True)
class UpdateCredentialsAlert:
    """The outcome of a command that was executed later."""

    alert_code: int
    at: Instant
    outcome: UpdateCredentialsOutcome


@dataclass(frozen=True, slots=True)
class IssueCredentialsCommand:
    """CS02c: make a new key pair for this use, and request a certificate."""

    key_usage: KeyUsage


@dataclass(frozen=True, slots=True)
class IssueCredentialsResponse:
    """A certification request (DER, PKCS #10), or why there is none; exactly one of the two."""

    certification_request: bytes | None = None
    error: IssueCredentialsError | None = None


@dataclass(frozen=True, slots=True)
class UpdateDeviceCertificateCommand:
    """CS02d: store this certificate of yours (DER)."""

    certificate: bytes


@dataclass(frozen=True, slots=True)
class UpdateDeviceCertificateResponse:
    """How it went."""

    result: DeviceCertificateResult


@dataclass(frozen=True, slots=True)
class ReadDeviceCertificateCommand:
    """CS02e: hand over your certificate for this use."""

    key_usage: KeyUsage


@dataclass(frozen=True, slots=True)
class ReadDeviceCertificateResponse:
    """A device certificate (DER), or why there is none; exactly one of the two."""

    certificate: bytes | None = None
    error: ReadDeviceCertificateError | None = None


COUNTER = Integer(0, 2**64 - 1)
ALERT_CODE = Integer(0, 0xFFFF, hexadecimal=4)
ENTITY = EntityIdentifier()
TIME = GeneralizedTime()
CERTIFICATE = OpaqueSequence(certificate_text)
_KEY_IDENTIFIER = OctetString(8)
_ROLE = Integer(0, 0xFF, RemotePartyRole, open_range=True)  # certificates have roles beyond the named ones
_KEY_USAGE = NamedBits(KeyUsage)
_CELL_USAGE = Integer(members=CellUsage)
_STATUS = Enumerated(CredentialStatus)
_MODE = Integer(members=ReplacementMode)
MAX_SYMMETRIC_KEY = 0xFFFF  # octets; no limit is published for the contingency key

_CELL = Sequence(
    TrustAnchorCell,
    "role" / _ROLE,
    "key_usage" / _KEY_USAGE,
    "cell_usage" / Default(_CELL_USAGE, CellUsage.MANAGEMENT),
)
_CELL_CONTENTS = Sequence(
    CellContents,
    "key_usage" / _KEY_USAGE,
    "cell_usage" / Default(_CELL_USAGE, CellUsage.MANAGEMENT),
    "subject" / ENTITY,
    "key_identifier" / _KEY_IDENTIFIER,
)
_PARTY_DETAILS = Sequence(
    PartyDetails,
    "role" / _ROLE,
    "status" / _STATUS,
    "current_sequence_number" / Optional(COUNTER),
    "cells" / Optional(SequenceOf(_CELL_CONTENTS)),
)
_SPECIALIST = SequenceOf(
    Sequence(
        SpecialistSequenceNumber,
        "purpose" / Integer(members=SpecialistPurpose),
        "sequence_number" / COUNTER,
    )
)
_CHANGES = SequenceOf(
    Sequence(
        SequenceNumberChange,
        "role" / _ROLE,
        "floor" / COUNTER,
        "specialist" / Optional(_SPECIALIST),
    )
)
_CONTROL = Sequence(
    AuthorisingControl,
    "mode" / _MODE,
    "symmetric_key" / Optional(OctetString(0, MAX_SYMMETRIC_KEY).implicit(0)),
    "time_checks" / Default(Integer(members=TimeChecks).implicit(1), TimeChecks.APPLY),
    "authorising_cell" / Optional(_CELL.implicit(2)),
    "sequence_number" / COUNTER.implicit(3),
    "new_floor" / Optional(COUNTER.implicit(4)),
    "new_specialist_floors" / Optional(_SPECIALIST.implicit(5)),
    "other_changes" / Optional(_CHANGES.implicit(6)),
)
_REPLACEMENT = Sequence(CredentialReplacement, "certificate" / CERTIFICATE, "cell" / _CELL)
_RESULT = Sequence(
    ReplacementResult,
    "cell" / _CELL,
    "status" / _STATUS,
    "old_subject" / ENTITY,
    "old_key_identifier" / _KEY_IDENTIFIER,
    "new_subject" / ENTITY,
    "new_key_identifier" / _KEY_IDENTIFIER,
)
_OUTCOME = Sequence(
    UpdateCredentialsOutcome,
    "sequence_number" / COUNTER,
    "mode" / _MODE,
    "changes" / _CHANGES,
    "results" / SequenceOf(_RESULT),
)
FORMATS = {
    CredentialDetailsCommand: Sequence(CredentialDetailsCommand, "authorised_by" / _CELL, "roles" / SequenceOf(_ROLE)),
    CredentialDetailsResponse: Wrapped(CredentialDetailsResponse, "parties" / SequenceOf(_PARTY_DETAILS)),
    UpdateCredentialsCommand: Sequence(
        UpdateCredentialsCommand,
        "control" / _CONTROL,
        "replacements" / SequenceOf(_REPLACEMENT),
        "certification_path" / SequenceOf(CERTIFICATE),
        "execute_at" / Optional(TIME),
    ),
    UpdateCredentialsResponse: Sequence(UpdateCredentialsResponse, "accepted" / Null(), "outcome" / Optional(_OUTCOME)),
    UpdateCredentialsAlert: Sequence(
        UpdateCredentialsAlert, "alert_code" / ALERT_CODE, "at" / TIME, "outcome" / _OUTCOME
    ),
    IssueCredentialsCommand: Sequence(IssueCredentialsCommand, "key_usage" / _KEY_USAGE),
    IssueCredentialsResponse: OneOf(
        IssueCredentialsResponse,
        "certification_request" / OpaqueSequence(request_text),
        "error" / Integer(members=IssueCredentialsError),
    ),
    UpdateDeviceCertificateCommand: Wrapped(UpdateDeviceCertificateCommand, "certificate" / CERTIFICATE),
    UpdateDeviceCertificateResponse: Wrapped(
        UpdateDeviceCertificateResponse, "result" / Integer(members=DeviceCertificateResult)
    ),
    ReadDeviceCertificateCommand: Sequence(ReadDeviceCertificateCommand, "key_usage" / _KEY_USAGE),
    ReadDeviceCertificateResponse: OneOf(
        ReadDeviceCertificateResponse,
        "certificate" / CERTIFICATE,
        "error" / Integer(members=ReadDeviceCertificateError),
    ),
}
"""The format of every payload in this module, by its class."""
