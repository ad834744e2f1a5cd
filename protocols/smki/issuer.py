"""Who issues certificates: an authority's certificate and what signs for it, and the same made ready for many.

Whatever is issued is for testing only (``mark``): an authority whose name does not say so issues nothing here. Private
keys stay where they are. No certificate leaves whose signature does not verify under the authority's certificate; its
key is loaded once, and what its certificates have in common is put together once.
"""

from __future__ import annotations

from typing import NamedTuple

from ..der import CONSTRUCTED, CONTEXT, INTEGER, SEQUENCE, put_header, tlv
from ..errors import EncodeError
from ..eui64 import Eui64
from .building import (
    ALGORITHM,
    DEVICE,
    EMPTY_NAME,
    ORGANISATION,
    Policy,
    Signer,
    Validity,
    authority_key_extension,
    checked_point,
    device_name_extension,
    eight_octets,
    key_usage_extension,
    organisation_name,
    policies_extension,
    public_key_info,
    put_signed,
    put_validity,
    serial_octets,
    subject_key_extension,
)
from .certificate import Certificate, TrustAnchor, key_identifier
from .mark import TEST_MARK, name_says_test
from .names import KeyUsage
from .reading import POINT_LENGTH
from .signature import Verifier

VERSION_3 = tlv(CONTEXT | CONSTRUCTED, tlv(INTEGER, b"\x02"))

_EXTENSIONS = CONTEXT | CONSTRUCTED | 3
_SOME_POINT = b"\x04" + bytes(POINT_LENGTH - 1)
_BEFORE_POINT = public_key_info(_SOME_POINT)[:-POINT_LENGTH]
_BEFORE_KEY_IDENTIFIER = subject_key_extension(_SOME_POINT)[:-8]
_BEFORE_DEVICE = device_name_extension(Eui64(bytes(8)))[:-8]


class Issuer(NamedTuple):
    """Who signs: its certificate and its signer."""

    certificate: Certificate
    sign: Signer

    @property
    def trust_anchor(self) -> TrustAnchor:
        """The anchor for certification paths that end here."""
        return TrustAnchor.of_certificate(self.certificate)

    @property
    def key_identifier(self) -> bytes:
        """What names its key in the certificates and lists that it signs."""
        return self.certificate.subject_key_identifier or key_identifier(self.certificate.public_point)

    @property
    def policy(self) -> Policy:
        """The hierarchy that it belongs to."""
        return DEVICE if DEVICE.identifier in self.certificate.policies else ORGANISATION


def refuse_unmarked(issuer: Issuer) -> None:
    """Refuse an authority whose name does not say that it is for tests. Raises EncodeError."""
    if not name_says_test(issuer.certificate.subject):
        raise EncodeError(f"a name that contains {TEST_MARK} needed, found {issuer.certificate.subject}", ("issuer",))


class BulkIssuer:
    """An issuing authority made ready for many certificates of one validity.

    It gives the same octets as ``issue_device`` and ``issue_organisation``, which use it. Raises EncodeError for an
    authority that is not for tests.
    """

    def __init__(self, issuer: Issuer, validity: Validity) -> None:
        refuse_unmarked(issuer)
        self._issuer, self._policy = issuer, issuer.policy
        self._verifier = Verifier(issuer.certificate.public_point)
        self._before_subject = ALGORITHM + issuer.certificate.subject.octets + put_validity(validity)
        self._last = policies_extension(self._policy) + authority_key_extension(issuer.key_identifier)
        self._first: dict[tuple[KeyUsage, int], bytes] = {}

    def device(self, entity: Eui64, key_usage: KeyUsage, point: bytes, serial: int) -> bytes:
        """The certificate (DER) of a device for one key of 65 octets. Raises EncodeError."""
        self._require(DEVICE)
        return self._issue(EMPTY_NAME, _BEFORE_DEVICE + eight_octets(entity), key_usage, point, serial)

    def organisation(
        self, entity: Eui64, role: int, key_usage: KeyUsage, point: bytes, serial: int, common_name: str = ""
    ) -> bytes:
        """The certificate (DER) of an organisation in one role for one key of 65 octets. Raises EncodeError."""
        self._require(ORGANISATION)
        return self._issue(organisation_name(entity, role, common_name), b"", key_usage, point, serial)

    def _require(self, policy: Policy) -> None:
        if self._policy is not policy:
            held, wanted = self._policy.identifier, policy.identifier
            raise EncodeError(f"an authority of policy {wanted} needed, it has {held}", ("issuer",))

    def _issue(self, subject: bytes, device: bytes, key_usage: KeyUsage, point: bytes, serial: int) -> bytes:
        number = serial_octets(serial)
        content = b"".join(
            (
                VERSION_3,
                bytes((INTEGER, len(number))),
                number,
                self._before_subject,
                subject,
                _BEFORE_POINT,
                checked_point(point),
                self._before_key_identifier(key_usage, len(device)),
                key_identifier(point),
                device,
                self._last,
            )
        )
        return put_signed(put_header(SEQUENCE, len(content)) + content, self._issuer.sign, self._verifier)

    def _before_key_identifier(self, key_usage: KeyUsage, device: int) -> bytes:
        """The start of the extensions, of which those that follow have a known length."""
        start = self._first.get((key_usage, device))
        if start is None:
            first = key_usage_extension(key_usage) + _BEFORE_KEY_IDENTIFIER
            header = put_header(SEQUENCE, len(first) + 8 + device + len(self._last))
            whole = put_header(_EXTENSIONS, len(header) + len(first) + 8 + device + len(self._last))
            start = self._first[key_usage, device] = whole + header + first
        return start
