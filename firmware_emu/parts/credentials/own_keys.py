"""The device's own keys and certificates: new pairs, their certificates, reports (CS02c, CS02d, CS02e; GBCS 13.4-13.6).

A new pair waits beside the one in use until its certificate arrives; then the two change places, and every secret
agreed with the old pair is forgotten. A device that had shared the old certificate must be joined anew.

The private keys are made here, or in the device's key store at the maker's, and lie in non-volatile memory sealed
(``protocols.gbcs.sealing``), a record for each; they are opened when the device is switched on. One that does not open
is not used: the security log says so, and the device answers nothing that needs it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
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
from protocols.gbcs.keys import KeyName, KeyUse, Purpose
from protocols.gbcs.sealing import Place
from protocols.secret import Secret
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from ...defects import register_defect
from ...part import DECOMMISSION, Part
from .sealed_keys import SealedKeys, SealedState

if TYPE_CHECKING:
    from ...device import Device
    from ...nvm import Nvm

TAKES_ANY_OWN_CERTIFICATE = register_defect(
    "takes-any-own-certificate", "stores a certificate of its own without comparing it with the key it made"
)

ERASES_NOTHING = register_defect(
    "erases-nothing", "falls silent when it is to destroy its keys, but leaves them in its memory"
)

_USES = {KeyUsage.DIGITAL_SIGNATURE: KeyUse.DIGITAL_SIGNING, KeyUsage.KEY_AGREEMENT: KeyUse.KEY_AGREEMENT}
_USAGES = {use: usage for usage, use in _USES.items()}
_REFUSED = {KeyUse.DIGITAL_SIGNING: 0x8F4C, KeyUse.KEY_AGREEMENT: 0x8F4E}
_REPLACED = {KeyUse.DIGITAL_SIGNING: 0x8F4D, KeyUse.KEY_AGREEMENT: 0x8F4F}
_Result = DeviceCertificateResult
KEY_REFUSED = 0x8F53
"""Logged when a sealed key does not open; that it is this code is inferred, no rule is published."""


@dataclass(slots=True)
class OwnKeyState:
    """By use: ``certificates`` of the keys in use, in DER.

    ``awaited`` are public keys of waiting pairs that the maker put there without their private halves, ``requests``
    certification requests made beforehand. ``made`` counts the pairs that this device has made and never goes back.
    ``faults`` are numbers of errors, by the operation and use that fail: "request ds", "store ka", "read ka".
    ``erased``: it has destroyed its keys; ``decommissioned``: and all else that it knew of others.
    """

    certificates: dict[str, bytes] = field(default_factory=dict)
    awaited: dict[str, bytes] = field(default_factory=dict)
    requests: dict[str, bytes] = field(default_factory=dict)
    made: int = 0
    sealed: SealedState = field(default_factory=SealedState)
    erased: bool = False
    decommissioned: bool = False
    faults: dict[str, int] = field(default_factory=dict)


class OwnKeys(Part):
    """``secret`` is in the chip of this device alone: it seals the keys, and decides which keys the device makes.

    So a run can be repeated, and what it makes is for tests only.
    """

    name = "own keys"
    State = OwnKeyState
    state: OwnKeyState

    def __init__(self, secret: bytes = b"") -> None:
        super().__init__()
        self._secret = Secret(secret)
        self._to_erase = False
        self.refused: list[str] = []
        """Which sealed keys did not open when the memory was read, and why."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        self._sealed = SealedKeys(device, self._secret)
        device.alerts.listeners.append(self._heard)
        asn1 = device.asn1
        asn1.handler(0x000A, self._issue)
        asn1.handler(0x000B, self._update)
        asn1.handler(0x000C, self._read)
        asn1.on_preset(0x000A, self._preset_issue)
        asn1.on_preset(0x000B, self._preset_update)
        asn1.on_preset(0x000C, self._preset_read)

    # at rest

    def load(self, nvm: Nvm) -> None:
        """Open the sealed keys, before anything is signed. Raises CorruptRecord for the rest of the state."""
        super().load(nvm)
        self._to_erase = False
        self.refused = self._sealed.open(nvm, self.state.sealed)
        if self.state.erased:
            self._forget_keys()
        else:
            self._take_certificates()
        self.device.keyless = bool(self.refused) or self.state.erased
        self.device.retired = self.state.decommissioned

    def _take_certificates(self) -> None:
        keys = self.device.keys
        for use, certificate in self.state.certificates.items():
            name = self._own(KeyUse(use))
            if keys.holds_private(name) and keys.certificate(name) is None:
                with suppress(CertificateError):  # one that is not of the key in use is only reported, as CS02e asks
                    keys.put_certificate(name, certificate)

    def started(self) -> None:
        """What did not open is told; pairs that the maker has left in the key store are sealed at the next commit."""
        for _ in self.refused:
            self.device.alerts.event(KEY_REFUSED)
        self.adopt()

    def adopt(self) -> None:
        """Seal the pairs in the key store that are not sealed yet, as the maker does last."""
        if self.state.erased:
            return
        for use in _USES.values():
            name, label = self._own(use), f"{use} {Place.IN_USE}"
            if label not in self.state.sealed.held and self.device.keys.holds_private(name):
                self._seal_later(use, Place.IN_USE)
                certificate = self.device.keys.certificate(name)
                if certificate is not None:
                    self.state.certificates[use] = certificate

    def _seal_later(self, use: KeyUse, place: Place) -> None:
        self._sealed.seal_later(use, place)
        self.touch()

    def save(self, nvm: Nvm) -> None:
        """Stage the state and what of the keys has changed: one commit holds them all."""
        if self._to_erase:
            self._destroy()
        self._sealed.save(nvm, self.state.sealed)
        super().save(nvm)

    # the end of keys

    def _heard(self, code: int, _shared: bool) -> None:
        if self.device.personality.destroys_keys_on(code):
            self.erase()

    def sensed(self, signal: str, active: bool) -> None:
        if signal == DECOMMISSION and active:
            self.decommission()

    def erase(self) -> None:
        """Destroy the private keys, as a device may do that was tampered with. It answers nothing any more.

        It is done with the next commit, after everything that is due at this moment: the alert that tells of the
        tamper is signed still.
        """
        self._to_erase = True
        self.touch()

    def decommission(self) -> None:
        """Take the device out of service: destroy keys, trust anchors and partners. Only its maker makes it anew."""
        self.state.decommissioned = True
        self.erase()

    def _destroy(self) -> None:
        state, device = self.state, self.device
        self._to_erase, state.erased, device.keyless = False, True, True
        if not device.defective(ERASES_NOTHING):
            self._sealed.wipe_all(state.sealed)
        self._forget_keys()
        if state.decommissioned:
            state.certificates.clear()
            state.requests.clear()
            state.awaited.clear()
            device.retired = True
            device.credentials.clear()
            device.future.clear()  # what was asked for by parties that it does not know any more

    def _forget_keys(self) -> None:
        for use in _USES.values():
            self.device.keys.remove(self._own(use))  # and every secret that it has a part in

    # the maker's way in

    def make_anew(self) -> dict[KeyUse, bytes]:
        """Make new pairs in the place of those that were destroyed; the certification requests, by use.

        ``put_certificate`` takes what is issued for them.
        """
        self.state.erased = self.state.decommissioned = self.device.keyless = self.device.retired = False
        self.refused = []
        requests = {}
        for use, usage in _USAGES.items():
            self.state.made += 1
            point = self.device.keys.generate(self._own(use), self._entropy(use, self.state.made))
            self._seal_later(use, Place.IN_USE)
            requests[use] = self._request_for(use, usage, point)
        return requests

    def put_certificate(self, certificate: bytes) -> None:
        """Take a certificate (DER) of a key that is in use. Raises CertificateError, DecodeError."""
        use = _USES.get(Certificate.decode(certificate).key_usage or KeyUsage(0))
        if use is None:
            raise CertificateError("a certificate for another key usage")
        self.device.keys.put_certificate(self._own(use), certificate)
        self.state.certificates[use] = certificate
        self.touch()

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
        self.state.made += 1
        self.state.awaited.pop(use, None)
        point = self.device.keys.generate_next(self._own(use), self._entropy(use, self.state.made))
        self._seal_later(use, Place.WAITING)
        return self._request_for(use, usage, point)

    def _request_for(self, use: KeyUse, usage: KeyUsage, point: bytes) -> bytes:
        name, keys = self._own(use), self.device.keys
        request = CertificationRequest.make(
            self.device.identity, usage, point, lambda octets: keys.prove_possession(name, octets)
        )
        return request.encode()

    def _entropy(self, use: KeyUse, number: int) -> Secret:
        return self._sealed.entropy(f"{use} {number}")

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
            self._sealed.take_into_use(self.state.sealed, use)
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
