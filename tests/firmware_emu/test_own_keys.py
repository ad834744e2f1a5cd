"""A device renews its own keys: request, certificate, report."""

from __future__ import annotations

import pytest

from firmware_emu.parts.credentials.own_keys import TAKES_ANY_OWN_CERTIFICATE
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
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import key_pair
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, check_request, issue_requested_device

from .asn1_home import DEVICES, DS, KA, SMKI, START, Asn1Rig, party_keys

SIGNING, AGREEING = KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT
RESULT = DeviceCertificateResult


def request(rig: Asn1Rig, usage: KeyUsage) -> CertificationRequest:
    answer = rig.ask(0x000A, IssueCredentialsCommand(usage))
    made = CertificationRequest.decode(answer.certification_request)
    assert check_request(made, rig.identity, usage) == ()
    return made


def issued(made: CertificationRequest) -> Certificate:
    return issue_requested_device(SMKI.device_authority, made, 77, START)


def store(rig: Asn1Rig, certificate: Certificate | bytes) -> DeviceCertificateResult:
    octets = certificate if isinstance(certificate, bytes) else certificate.octets
    answer = rig.ask(0x000B, UpdateDeviceCertificateCommand(octets))
    assert isinstance(answer, UpdateDeviceCertificateResponse)
    return answer.result


@pytest.mark.parametrize(("usage", "use", "log"), [(SIGNING, DS, 0x8F4D), (AGREEING, KA, 0x8F4F)])
def test_the_old_pair_serves_until_the_new_certificate_is_stored(usage: KeyUsage, use: KeyUse, log: int) -> None:
    rig = Asn1Rig()
    name = KeyName(rig.identity, use)
    before = rig.device_keys.public_point(name)
    made = request(rig, usage)
    assert rig.device_keys.public_point(name) == before != made.public_point
    certificate = issued(made)
    rig.keys.put_certificate(name, certificate.octets)  # the answer is signed with the new key
    if use is KA:  # but the command's MAC is made with the old one
        rig.keys = party_keys(rig.identity)
    assert store(rig, certificate) is RESULT.SUCCESS
    assert rig.device_keys.public_point(name) == made.public_point
    assert rig.security_log() == [log]
    rig.keys.put_certificate(name, certificate.octets)
    answer = rig.ask(0x000C, ReadDeviceCertificateCommand(usage))
    assert answer == ReadDeviceCertificateResponse(certificate.octets)


def test_each_request_is_for_another_key_and_the_last_one_counts() -> None:
    rig = Asn1Rig()
    first, second = request(rig, AGREEING), request(rig, AGREEING)
    assert first.public_point != second.public_point
    assert store(rig, issued(first)) is RESULT.WRONG_PUBLIC_KEY
    assert store(rig, issued(second)) is RESULT.SUCCESS
    rig.keys.put_certificate(KeyName(rig.identity, KA), issued(second).octets)  # the old pair's secret is gone
    assert store(rig, issued(second)) is RESULT.NO_CORRESPONDING_KEY_PAIR
    assert rig.security_log() == [0x8F4E, 0x8F4F, 0x8F4E]


def test_a_certificate_that_is_not_for_this_device_and_use_is_refused() -> None:
    rig = Asn1Rig()
    made = request(rig, SIGNING)
    other = SMKI.device(DEVICES[DeviceType.GSME], SIGNING, made.public_point)
    both = SMKI.device(rig.identity, SIGNING | AGREEING, made.public_point)
    assert store(rig, other) is RESULT.WRONG_DEVICE_IDENTITY
    assert store(rig, both) is RESULT.INVALID_KEY_USAGE
    assert store(rig, b"\x30\x00") is RESULT.INVALID_CERTIFICATE
    assert store(rig, SMKI.device(rig.identity, SIGNING, key_pair(b"x").point)) is RESULT.WRONG_PUBLIC_KEY
    assert rig.security_log() == [0x8F4C] * 4


def test_a_usage_that_is_neither_of_the_two_is_refused() -> None:
    rig = Asn1Rig()
    for usage in (SIGNING | AGREEING, KeyUsage.KEY_CERT_SIGN, KeyUsage(0)):
        issue = rig.ask(0x000A, IssueCredentialsCommand(usage))
        read = rig.ask(0x000C, ReadDeviceCertificateCommand(usage))
        assert issue == IssueCredentialsResponse(error=IssueCredentialsError.INVALID_KEY_USAGE)
        assert read == ReadDeviceCertificateResponse(error=ReadDeviceCertificateError.INVALID_KEY_USAGE)


def test_the_same_seed_makes_the_same_keys_and_requests_differ_between_devices() -> None:
    points = [request(Asn1Rig(kind), AGREEING).public_point for kind in (DeviceType.ESME, DeviceType.ESME)]
    assert points[0] == points[1] != request(Asn1Rig(DeviceType.GSME), AGREEING).public_point


def test_presets_set_what_an_answer_speaks_of() -> None:
    rig = Asn1Rig()
    asn1 = rig.device.asn1
    held = SMKI.device(rig.identity, AGREEING, key_pair(b"before").point).octets
    asn1.preset(0x000C, ReadDeviceCertificateResponse(held))
    assert rig.ask(0x000C, ReadDeviceCertificateCommand(AGREEING)).certificate == held
    failed = ReadDeviceCertificateResponse(error=ReadDeviceCertificateError.RETRIEVAL_FAILED)
    asn1.preset(0x000C, failed, ReadDeviceCertificateCommand(SIGNING))
    assert rig.ask(0x000C, ReadDeviceCertificateCommand(SIGNING)) == failed
    for error in list(IssueCredentialsError)[1:]:
        asn1.preset(0x000A, IssueCredentialsResponse(error=error), IssueCredentialsCommand(SIGNING))
        assert rig.ask(0x000A, IssueCredentialsCommand(SIGNING)).error is error
    prepared = request(Asn1Rig(), AGREEING).octets
    asn1.preset(0x000A, IssueCredentialsResponse(prepared))
    assert rig.ask(0x000A, IssueCredentialsCommand(AGREEING)).certification_request == prepared


@pytest.mark.parametrize("result", [each for each in RESULT if each not in (1, 2, 3)])
def test_every_result_of_storing_can_be_preset(result: DeviceCertificateResult) -> None:
    rig = Asn1Rig()
    command = UpdateDeviceCertificateCommand(SMKI.device(rig.identity, AGREEING, key_pair(b"new").point).octets)
    rig.device.asn1.preset(0x000B, UpdateDeviceCertificateResponse(result), command)
    assert rig.ask(0x000B, command).result is result


def test_a_device_that_compares_nothing_takes_another_key() -> None:
    rig = Asn1Rig(defects=frozenset({TAKES_ANY_OWN_CERTIFICATE}))
    request(rig, AGREEING)
    other = SMKI.device(rig.identity, AGREEING, key_pair(b"x").point)
    assert store(rig, other) is RESULT.SUCCESS
    assert rig.ask(0x000C, ReadDeviceCertificateCommand(AGREEING)).certificate == other.octets
