"""What a device must refuse, each time for one reason only, and how it says so.

Every command here would change nothing if it were carried out, so that a device which accepts one is found at that
exchange and nowhere else.
"""

from __future__ import annotations

import pytest

from bench.home import Home
from bench.requests import Request, dlms, gbz
from bench.spoiling import as_if_from, cut_short, with_altered_octet, with_foreign_mac, with_foreign_signature
from bench.target import Target
from protocols.dlms.data import octet_string
from protocols.gbcs.roles import DeviceType, RemotePartyRole

FORMAT_FAILURE, NO_AUTHORITY, AUTHENTICATION_FAILURE = 0x8F1E, 0x8F30, 0x8F3D
UNKNOWN_ORIGINATOR, OTHER_FAILURE = 0x8F3E, 0x8F53
AUTHENTIC = pytest.mark.requirement("GBCS 6.2.4: a command is carried out only if MAC and signature verify")
WELL_FORMED = pytest.mark.requirement("GBCS 6.2.4: a command that is not well formed is not carried out")
AUTHORISED = pytest.mark.requirement("GBCS 6.2.4: a command is carried out only for a party whose role may send it")
ONCE = pytest.mark.requirement("GBCS 4.3.1.6: a protected command is carried out once, by its originator counter")
SUPPLIER, OPERATOR = RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR


def harmless(target: Target) -> Request:
    """A command that is protected against replay and changes nothing when it is carried out once more."""
    if target.type is DeviceType.ESME:
        return dlms("ECS39a", octet_string(b"1200023305967"), title="Write import MPAN")
    return gbz("GCS41", {"site_id": b"1234567890"}, title="Write MPRN")


def critical(target: Target) -> Request:
    """The same, and signed."""
    if target.type is DeviceType.ESME:
        return dlms("ECS42", title="Close the load switch, which is closed")
    return gbz("GCS40a", {"credit_adjustment_value": 0}, title="Adjust the balance by nothing")


@pytest.fixture(params=["esme", "gsme"])
def meter(request: pytest.FixtureRequest, home: Home) -> Target:  # noqa: ARG001 - the plugin looks for it
    """Each meter of the rig."""
    found: Target = request.getfixturevalue(request.param)
    return found


@AUTHENTIC
@pytest.mark.use_case("wrong key")
def test_wrong_key(home: Home, meter: Target) -> None:
    """A MAC made with a key that is not the broker's."""
    command = meter.command(harmless(meter))
    spoiled = with_foreign_mac(home.head_end, command, home.pki.stranger("wrong key"))
    meter.refuses(spoiled, AUTHENTICATION_FAILURE, "MAC made with a wrong key")


@AUTHENTIC
@pytest.mark.use_case("wrong signature")
def test_wrong_signature(home: Home, meter: Target) -> None:
    """A signature made with a key that is not the supplier's, under a right MAC."""
    command = meter.command(critical(meter))
    spoiled = with_foreign_signature(home.head_end, command, home.pki.stranger("wrong signature"))
    meter.refuses(spoiled, AUTHENTICATION_FAILURE, "Signature made with a wrong key, MAC right")


@AUTHENTIC
@pytest.mark.use_case("altered octet")
def test_altered_octet(meter: Target) -> None:
    """One octet changed on the way."""
    spoiled = with_altered_octet(meter.command(harmless(meter)))
    meter.refuses(spoiled, AUTHENTICATION_FAILURE, "One octet of the payload altered on the way")


@WELL_FORMED
@pytest.mark.use_case("cut short")
def test_cut_short(meter: Target) -> None:
    """The end of a message missing."""
    meter.refuses(cut_short(meter.command(harmless(meter))), FORMAT_FAILURE, "Last octet of the message missing")


@ONCE
@pytest.mark.use_case("replayed counter")
def test_replayed_counter(meter: Target) -> None:
    """A command that was carried out before, octet for octet."""
    meter.ask(harmless(meter))
    meter.refuses(meter.head_end.sent[-1], OTHER_FAILURE, "The same command once more, octet for octet")


@ONCE
@pytest.mark.use_case("replayed counter")
def test_replayed_critical_command(meter: Target) -> None:
    """A signed command that was carried out before, octet for octet."""
    meter.ask(critical(meter))
    meter.refuses(meter.head_end.sent[-1], OTHER_FAILURE, "The same critical command once more, octet for octet")


@AUTHORISED
@pytest.mark.use_case("wrong role")
def test_wrong_role(home: Home, esme: Target) -> None:
    """A supplier's command sent by the network operator, rightly signed and MACed."""
    command = as_if_from(home.head_end, esme.command(critical(esme)), OPERATOR)
    esme.refuses(command, NO_AUTHORITY, "A supplier's command from the network operator")


@AUTHORISED
@pytest.mark.use_case("wrong role")
def test_unknown_party(home: Home, gsme: Target) -> None:
    """A gas meter knows no network operator at all."""
    command = as_if_from(home.head_end, gsme.command(critical(gsme)), OPERATOR)
    gsme.refuses(command, UNKNOWN_ORIGINATOR, "A supplier's command from a party without a trust anchor cell")


@AUTHENTIC
@pytest.mark.use_case("wrong key")
def test_hub_refuses_wrong_key(home: Home, chf: Target) -> None:
    """The hub too refuses a MAC made with a wrong key, on a mere read."""
    command = chf.command(dlms("ECS26n"))
    spoiled = with_foreign_mac(home.head_end, command, home.pki.stranger("wrong key"))
    chf.refuses(spoiled, AUTHENTICATION_FAILURE, "MAC made with a wrong key")


@AUTHORISED
@pytest.mark.use_case("wrong role")
def test_hub_refuses_supplier(home: Home, chf: Target) -> None:
    """Suppliers never speak to the hub, which knows none."""
    command = as_if_from(home.head_end, chf.command(dlms("ECS26n")), SUPPLIER)
    chf.refuses(command, UNKNOWN_ORIGINATOR, "A read from a party without a trust anchor cell")
