"""The device's own keys and certificates: new pairs, their certificates, reports (CS02c, CS02d, CS02e; GBCS 13.4-13.6).

A new pair waits beside the one in use until its certificate arrives; then the two change places, and every secret
agreed with the old pair is forgotten. A device that had shared the old certificate must be joined anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from protocols.errors import CertificateError, DecodeError, MissingKeyError
from protocols.gbcs.asn1_credentials import (
    DeviceCertificateResult,
    IssueCredentialsCommand,
    IssueCredentialsError,
    IssueCredentialsResponse,
    ReadDeviceCertificateCommand,
    ReadDeviceCertificateError,
    ReadDeviceCertificateResponse,
    UpdateDeviceCertificateCommand,
    UpdateDeviceCertificateResponse,
)
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH
from protocols.gbcs.keys import KeyName, KeyUse, Purpose
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from ...defects import register_defect
from ...part import Part

if TYPE_CHECKING:
    from ...device import Device

TAKES_ANY_OWN_CERTIFICATE = register_defect(
    "takes-any-own-certificate", "stores a certificate of its own without comparing it with the key it made"
)

_USES = {KeyUsage.DIGITAL_SIGNATURE: KeyUse.DIGITAL_SIGNING, KeyUsage.KEY_AGREEMENT: KeyUse.KEY_AGREEMENT}
_REFUSED = {KeyUse.DIGITAL_SIGNING: 0x8F4C, KeyUse.KEY_AGREEMENT: 0x8F4E}
_REPLACED = {KeyUse.DIGITAL_SIGNING: 0x8F4D, KeyUse.KEY_AGREEMENT: 0x8F4F}
_Result = DeviceCertificateResult
TAMPERS = frozenset({0x8F3F, *range(0x8F73, 0x8F79)})
"""Codes of tampers, after which a device may destroy its keys. Whether it must is not established."""


@dataclass(slots=True)
class OwnKeyState:
    """By use: ``certificates`` in DER, where they are not those of the key store.

    ``awaited`` are public keys of waiting pairs that the maker put there without their private halves, ``requests``
    certification requests made beforehand. ``made`` counts the pairs that this device has made; ``waiting`` and
    ``in_use`` are the numbers of those of its own that wait, or serve. ``faults`` are numbers of errors, by the
    operation and use that fail: "request ds", "store ka", "read ka". ``erased``: it has destroyed its keys.
    """

    certificates: dict[str, bytes] = field(default_factory=dict)
    awaited: dict[str, bytes] = field(default_factory=dict)
    requests: dict[str, bytes] = field(default_factory=dict)
    made: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    in_use: dict[str, int] = field(default_factory=dict)
    erased: bool = False
    faults: dict[str, int] = field(default_factory=dict)


class OwnKeys(Part):
    """``seed`` decides which keys the device makes, so that a run can be repeated; they are for tests only."""

    name = "own keys"
    State = OwnKeyState
    state: OwnKeyState

    def __init__(self, seed: bytes = b"") -> None:
        super().__init__()
        self._seed = seed

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.alerts.listeners.append(self._heard)
        asn1 = device.asn1
        asn1.handler(0x000A, self._issue)
        asn1.handler(0x000B, self._update)
        asn1.handler(0x000C, self._read)
        asn1.on_preset(0x000A, self._preset_issue)
        asn1.on_preset(0x000B, self._preset_update)
        asn1.on_preset(0x000C, self._preset_read)

    def started(self) -> None:
        """Keys that this device has made are made again from the seed, which is all that it keeps of them."""
        if self.state.erased:
            self._remove_keys()
            return
        for use, number in self.state.in_use.items():
            self._restore(KeyUse(use), number, self.state.certificates[use])
        for use, number in self.state.waiting.items():
            if self.device.keys.next_point(self._own(KeyUse(use))) is None:
                self.device.keys.generate_next(self._own(KeyUse(use)), self._entropy(KeyUse(use), number))

    def _heard(self, code: int, _shared: bool) -> None:
        if code in TAMPERS and self.device.personality.zeroises:
            self.erase()

    def erase(self) -> None:
        """Destroy the private keys, as a device may do that was tampered with. It answers nothing any more."""
        self.state.erased = True
        self.touch()
        self._remove_keys()

    def _remove_keys(self) -> None:
        for use in _USES.values():
            self.device.keys.remove(self._own(use))

    def _restore(self, use: KeyUse, number: int, certificate: bytes) -> None:
        name, keys = self._own(use), self.device.keys
        if keys.public_point(name) != Certificate.decode(certificate).public_point:
            keys.generate_next(name, self._entropy(use, number))
            keys.install_next(name, certificate)

    # CS02c

    def _issue(self, command: IssueCredentialsCommand) -> IssueCredentialsResponse:
        use = _USES.get(command.key_usage)
        if use is None:
            return IssueCredentialsResponse(error=IssueCredentialsError.INVALID_KEY_USAGE)
        fault = self.state.faults.get(f"request {use}")
        if fault is not None or self.device.keys.purpose is Purpose.LIVE:  # a seeded key is none to rely on
            return IssueCredentialsResponse(error=IssueCredentialsError(fault or _NO_PAIR))
        return IssueCredentialsResponse(self.state.requests.pop(use, b"") or self._request(use, command.key_usage))

    def _request(self, use: KeyUse, usage: KeyUsage) -> bytes:
        """Make a pair that waits, and ask for its certificate."""
        name, keys = self._own(use), self.device.keys
        self.state.made += 1
        self.state.awaited.pop(use, None)
        self.touch()
        self.state.waiting[use] = self.state.made
        point = keys.generate_next(name, self._entropy(use, self.state.made))
        request = CertificationRequest.make(
            self.device.identity, usage, point, lambda octets: keys.prove_possession(name, octets)
        )
        return request.encode()

    def _entropy(self, use: KeyUse, number: int) -> bytes:
        material = b"\n".join((self._seed, bytes(self.device.identity), use.encode(), str(number).encode()))
        return b"".join(sha256(bytes((half,)) + material).digest() for half in range(2))[:ENTROPY_LENGTH]

    # CS02d

    def _update(self, command: UpdateDeviceCertificateCommand) -> UpdateDeviceCertificateResponse:
        try:
            certificate = Certificate.decode(command.certificate)
        except DecodeError:
            self.device.alerts.event(_REFUSED[KeyUse.DIGITAL_SIGNING])  # which of the two it was is unknown
            return UpdateDeviceCertificateResponse(_Result.INVALID_CERTIFICATE)
        use = _USES.get(certificate.key_usage or KeyUsage(0))
        result = self._judge(certificate, use)
        if result is _Result.SUCCESS and use is not None:
            result = self._swap(certificate, use)
        codes = _REPLACED if result is _Result.SUCCESS else _REFUSED
        self.device.alerts.event(codes[use or KeyUse.DIGITAL_SIGNING])
        return UpdateDeviceCertificateResponse(result)

    def _judge(self, certificate: Certificate, use: KeyUse | None) -> DeviceCertificateResult:
        """Who it names, for which use, whether it has the right form, and whose key is in it - in this order."""
        if certificate.entity != self.device.identity:
            return _Result.WRONG_DEVICE_IDENTITY
        if use is None:
            return _Result.INVALID_KEY_USAGE
        if check(as_devices_read(certificate), kind=CertificateKind.DEVICE):
            return _Result.INVALID_CERTIFICATE
        fault = self.state.faults.get(f"store {use}")
        if fault is not None:
            return _Result(fault)
        point = self.state.awaited.get(use) or self.device.keys.next_point(self._own(use))
        if point is None:
            return _Result.NO_CORRESPONDING_KEY_PAIR
        if point != certificate.public_point and not self.device.defective(TAKES_ANY_OWN_CERTIFICATE):
            return _Result.WRONG_PUBLIC_KEY
        return _Result.SUCCESS

    def _swap(self, certificate: Certificate, use: KeyUse) -> DeviceCertificateResult:
        """Put the waiting pair into use. One whose private half is not here changes the certificate only."""
        known_only = self.state.awaited.pop(use, None) is not None
        if not known_only and not self.device.defective(TAKES_ANY_OWN_CERTIFICATE):
            try:
                self.device.keys.install_next(self._own(use), certificate.octets)
            except (CertificateError, MissingKeyError):
                return _Result.PRIVATE_KEY_CHANGE_FAILED
            if use in self.state.waiting:
                self.state.in_use[use] = self.state.waiting.pop(use)
        self.state.certificates[use] = certificate.octets
        self.touch()
        return _Result.SUCCESS

    # CS02e

    def _read(self, command: ReadDeviceCertificateCommand) -> ReadDeviceCertificateResponse:
        use = _USES.get(command.key_usage)
        if use is None:
            return ReadDeviceCertificateResponse(error=ReadDeviceCertificateError.INVALID_KEY_USAGE)
        fault = self.state.faults.get(f"read {use}")
        if fault is not None:
            return ReadDeviceCertificateResponse(error=ReadDeviceCertificateError(fault))
        held = self.state.certificates.get(use) or self.device.keys.certificate(self._own(use))
        if held is None:
            return ReadDeviceCertificateResponse(error=ReadDeviceCertificateError.NO_CERTIFICATE_HELD)
        return ReadDeviceCertificateResponse(held)

    def _own(self, use: KeyUse) -> KeyName:
        return KeyName(self.device.identity, use)

    # the maker's way in

    def _preset_issue(self, answer: IssueCredentialsResponse, command: IssueCredentialsCommand | None) -> None:
        use = _USES.get(command.key_usage) if command else _use_of(answer.certification_request)
        if use is None:
            return
        if answer.certification_request is not None:
            self.state.requests[use] = answer.certification_request
        else:
            self._preset_fault(f"request {use}", answer.error)
        self.touch()

    def _preset_update(
        self, answer: UpdateDeviceCertificateResponse, command: UpdateDeviceCertificateCommand | None
    ) -> None:
        if command is None:
            return
        certificate = Certificate.decode(command.certificate)
        use = _USES.get(certificate.key_usage or KeyUsage(0))
        if use is None:
            return
        if answer.result is _Result.SUCCESS:
            self.state.awaited[use] = certificate.public_point
        elif answer.result is _Result.WRONG_PUBLIC_KEY:
            self.state.awaited[use] = self.device.keys.public_point(self._own(use)) or b"\4"
        elif answer.result in (_Result.CERTIFICATE_STORAGE_FAILED, _Result.PRIVATE_KEY_CHANGE_FAILED):
            self.state.faults[f"store {use}"] = answer.result
        self.touch()

    def _preset_read(self, answer: ReadDeviceCertificateResponse, command: ReadDeviceCertificateCommand | None) -> None:
        held = answer.certificate
        usage = Certificate.decode(held).key_usage if held else command.key_usage if command else None
        use = _USES.get(usage or KeyUsage(0))
        if use is None:
            return
        if held is not None:
            self.state.certificates[use] = held
        else:
            self._preset_fault(f"read {use}", answer.error)
        self.touch()

    def _preset_fault(self, operation: str, error: int | None) -> None:
        if error is not None:
            self.state.faults[operation] = int(error)


_NO_PAIR = IssueCredentialsError.KEY_PAIR_GENERATION_FAILED


def as_devices_read(certificate: Certificate) -> Certificate:
    """Issued device certificates have superfluous zeros in their signatures; devices take them (inferred)."""
    return replace(certificate, signature_is_der=True)


def _use_of(request: bytes | None) -> KeyUse | None:
    return _USES.get(CertificationRequest.decode(request).key_usage or KeyUsage(0)) if request else None
