"""Credentials: whose keys a device holds, as it says itself, and new keys of its own."""

from __future__ import annotations

import pytest

from bench.credentials import check_cells, renew_device_keys
from bench.credentials.cells import USAGES, can_be_handed_over
from bench.credentials.guard import why_not_for_good
from bench.head_end import BROKER
from bench.home import Home
from bench.pki import AGREEMENT, SIGNING
from bench.requests import asn1
from bench.target import Target
from protocols.gbcs.asn1_credentials import (
    DeviceCertificateResult,
    ReadDeviceCertificateCommand,
    UpdateDeviceCertificateCommand,
)
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import RemotePartyRole

AUTHENTICATION_FAILURE = 0x8F3D
RENEWAL = pytest.mark.requirement("KEY-3: a device proves that it holds the new key before it is certified")
OLD_KEY = pytest.mark.requirement("GBCS 13.5: a key that was replaced is used no more")


@pytest.fixture(params=["chf", "esme", "gsme", "gpf", "ppmid", "hcalcs", "sapc"])
def device(request: pytest.FixtureRequest, home: Home) -> Target:  # noqa: ARG001 - the plugin looks for it
    """Each device of the rig."""
    found: Target = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["chf", "esme", "gsme", "gpf", "ppmid", "hcalcs", "sapc"])
def changeable(request: pytest.FixtureRequest, home: Home) -> Target:
    """Each device of the rig whose keys may be changed."""
    return _changeable(home, request.getfixturevalue(request.param))


@pytest.fixture(params=["esme", "gsme"])
def meter(request: pytest.FixtureRequest, home: Home) -> Target:
    """Each meter of the rig whose keys may be changed."""
    return _changeable(home, request.getfixturevalue(request.param))


def _changeable(home: Home, target: Target) -> Target:
    reason = why_not_for_good(home, target)
    if reason:
        pytest.skip(reason)
    return target


@pytest.mark.use_case("CS02a")
def test_trust_anchors(home: Home, device: Target) -> None:
    """The cells of the party that asks hold the certificates that the rig gave the device."""
    role = RemotePartyRole.SUPPLIER if can_be_handed_over(device.type) else BROKER
    check_cells(device, home.head_end.holder(role, device.eui64))


@RENEWAL
@pytest.mark.use_case("CS02c")
@pytest.mark.parametrize("use", [SIGNING, AGREEMENT])
def test_own_keys_are_renewed(home: Home, changeable: Target, use: KeyUse) -> None:
    """A new pair is made inside the device, certified on its request, put into use, and the certificate read back."""
    renew_device_keys(home, changeable, use)
    role = RemotePartyRole.SUPPLIER if can_be_handed_over(changeable.type) else BROKER
    check_cells(changeable, home.head_end.holder(role, changeable.eui64), "Read trust anchor details with the new keys")


@OLD_KEY
@pytest.mark.use_case("CS02d")
def test_command_under_the_old_key_is_refused(home: Home, meter: Target) -> None:
    """A MAC that was agreed with the device's old key authenticates nothing any more."""
    command = meter.command(asn1("CS02e", ReadDeviceCertificateCommand(USAGES[SIGNING][0]), title="Read certificate"))
    renew_device_keys(home, meter, AGREEMENT)
    meter.refuses(command, AUTHENTICATION_FAILURE, "A command whose MAC was agreed with the device's old key")


@RENEWAL
@pytest.mark.use_case("CS02d")
def test_certificate_of_another_key_is_not_stored(home: Home, meter: Target) -> None:
    """The certificate of a key that the device did not make, and that of another device, are refused."""
    present = home.pki.certificates[KeyName(meter.eui64, SIGNING)]
    others = home.pki.certificates[KeyName(home.pki.parties[BROKER].eui64, SIGNING)]
    for what, certificate, expected in (
        ("of a key that does not wait", present, DeviceCertificateResult.NO_CORRESPONDING_KEY_PAIR),
        ("of somebody else", others, DeviceCertificateResult.WRONG_DEVICE_IDENTITY),
    ):
        reply = meter.ask(
            asn1("CS02d", UpdateDeviceCertificateCommand(certificate), title=f"Store a certificate {what}")
        )
        reply.expect("result", expected.name, DeviceCertificateResult(reply.value.result).name)
    reply = meter.ask(asn1("CS02e", ReadDeviceCertificateCommand(USAGES[SIGNING][0]), title="Read the certificate"))
    reply.expect("certificate", present.hex(), (reply.value.certificate or b"").hex())
