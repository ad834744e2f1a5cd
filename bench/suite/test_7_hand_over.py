"""Devices change hands: hand-over, change of supplier and back, recovery, and who is refused from then on."""

from __future__ import annotations

from functools import partial

import pytest

from bench.clock_setting import NOT_ADJUSTED, set_clock
from bench.credentials import Recovery, change_supplier, check_cells, hand_over, replace_by_itself
from bench.credentials.cells import OPERATOR, SUPPLIER, USAGES, cell, cells_of
from bench.credentials.guard import why_not_for_good, why_not_for_now
from bench.credentials.procedures import COS, replacement
from bench.credentials.update import BY_ITSELF, Row, results_of, rows_for, update_request
from bench.findings import afterwards
from bench.head_end import BROKER, party_text
from bench.home import Home
from bench.inventory import Inventory, Status
from bench.pki import SIGNING, Party
from bench.requests import Request, dlms, gbz
from bench.spoiling import with_foreign_mac, with_foreign_signature
from bench.target import Target
from bench.tokens import electricity_top_up, gas_top_up
from protocols.eui64 import eui64_text
from protocols.gbcs.asn1_credentials import CredentialStatus, ReplacementMode
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY
from protocols.smki.certificate import Certificate
from protocols.smki.infrastructure import BEGINS, Infrastructure, make_infrastructure
from protocols.smki.issue import Validity

NO_AUTHORITY, AUTHENTICATION_FAILURE, UNKNOWN_ORIGINATOR, OTHER_FAILURE = 0x8F30, 0x8F3D, 0x8F3E, 0x8F53
HAND_OVER = pytest.mark.requirement("KEY-13: the broker's credentials in a device's supplier cells are replaced")
CHANGE = pytest.mark.requirement("KEY-14: an incoming supplier takes over by the change-of-supplier party")
RECOVERY = pytest.mark.requirement("KEY-11: the recovery key replaces compromised credentials and is then renewed")
CHECKED = pytest.mark.requirement("GBCS 13.3: credentials are replaced only by certificates that fit and chain")
SUPPLIED = ["esme", "gsme", "gpf", "hcalcs", "sapc"]


@pytest.fixture(params=SUPPLIED)
def device(request: pytest.FixtureRequest, home: Home) -> Target:
    """Each device of the rig that knows a supplier and trusts the root of the rig's keys."""
    found: Target = request.getfixturevalue(request.param)
    _skip_if(why_not_for_now(home, found))
    return found


@pytest.fixture(params=["esme", "gsme"])
def meter(request: pytest.FixtureRequest, home: Home) -> Target:
    """Each meter of the rig that trusts the root of the rig's keys."""
    found: Target = request.getfixturevalue(request.param)
    _skip_if(why_not_for_now(home, found))
    return found


def _skip_if(reason: str) -> None:
    if reason:
        pytest.skip(reason)


def critical(target: Target) -> Request:
    """A supplier's signed command that changes nothing."""
    if target.type is DeviceType.ESME:
        return dlms("ECS42", title="Close the load switch, which is closed")
    return gbz("GCS40a", {"credit_adjustment_value": 0}, title="Adjust the balance by nothing")


def refused(meter: Target, party: Party, reason: int, title: str) -> None:
    """A party that the device does not know any more cannot make it do anything."""
    meter.refuses(meter.command(critical(meter), party=party), reason, title)


@HAND_OVER
@pytest.mark.use_case("CS02b")
def test_hand_over(home: Home, device: Target) -> None:
    """A device with the broker's certificates in its cells of supplier and operator is handed over to these."""
    home.buy(device)
    hand_over(home, device)


@HAND_OVER
@pytest.mark.use_case("CS02b")
def test_broker_is_no_supplier_after_the_hand_over(home: Home, meter: Target) -> None:
    """The broker stands in for the supplier up to the hand-over, and not a command longer."""
    home.buy(meter)
    broker = home.head_end.holder(BROKER, meter.eui64)
    meter.ask(critical(meter), party=broker)
    hand_over(home, meter)
    refused(meter, broker, NO_AUTHORITY, "A supplier's command from the broker after the hand-over")
    meter.ask(critical(meter))


@CHANGE
@pytest.mark.use_case("CS02b")
def test_change_of_supplier_and_back(home: Home, device: Target) -> None:
    """An incoming supplier takes the device over, and the one before takes it back."""
    before = home.head_end.holder(SUPPLIER, device.eui64)
    with home.recorder.procedure("Change of supplier and back", device.name) as say:
        for party in (home.pki.newcomer(SUPPLIER, before.root), before):
            change_supplier(home, device, party)
            say(f"cells of the supplier: now {eui64_text(party.eui64)}, read back from the device")


@CHANGE
@pytest.mark.use_case("CS02b")
def test_incoming_supplier_commands_and_the_other_does_not(home: Home, meter: Target) -> None:
    """The incoming supplier's commands and tokens count from its own floors; the outgoing one is a stranger."""
    before = home.head_end.holder(SUPPLIER, meter.eui64)
    incoming = home.pki.newcomer(SUPPLIER, before.root)
    floor = home.head_end.counter(SUPPLIER, incoming)
    change_supplier(home, meter, incoming)
    with afterwards(lambda: change_supplier(home, meter, before)):
        meter.ask(critical(meter))
        below = meter.command(critical(meter), counter=floor)
        meter.refuses(below, OTHER_FAILURE, "A command of the incoming supplier that is not above its floor")
        top_up = electricity_top_up if meter.type is DeviceType.ESME else gas_top_up
        meter.ask(top_up(meter.head_end, pounds=1))
        _tells(meter, incoming)
        refused(meter, before, UNKNOWN_ORIGINATOR, "A command of the supplier that the device was taken from")
    refused(meter, incoming, UNKNOWN_ORIGINATOR, "A command of the supplier that has lost the device again")


def _tells(meter: Target, supplier: Party) -> None:
    """What concerns the supplier is told to this one and to nobody else."""
    title = "Set the clock in an interval that is over, which is told to the supplier"
    with afterwards(lambda: _set_rightly(meter)):
        reply = meter.ask(set_clock(meter.type, meter.now - 100, meter.now - 50, title))
        told = [party_text(meter.head_end, alert.recipient) for alert in reply.alerts if alert.code == NOT_ADJUSTED]
        reply.expect("recipients of alert 8F0C", [party_text(meter.head_end, supplier.eui64)], told)


def _set_rightly(meter: Target) -> None:
    meter.ask(set_clock(meter.type, meter.now - 10, meter.now + 20, "Set the clock rightly"))


@CHANGE
@pytest.mark.use_case("CS02b")
def test_supplier_cannot_take_a_device_by_itself(home: Home, meter: Target) -> None:
    """A supplier's own signature is not enough, nor one in the change-of-supplier party's name by somebody else.

    The commands name the supplier that the meter has, so that they would change nothing.
    """
    own = home.head_end.holder(SUPPLIER, meter.eui64)
    request, _ = replacement(home, meter, ReplacementMode.SUPPLIER_BY_TRANSITIONAL_COS, own, "Take a meter over")
    meter.refuses(meter.command(request, party=own), NO_AUTHORITY, "A change of supplier signed by the supplier")
    stranger = home.pki.stranger("change of supplier")
    forged = with_foreign_signature(home.head_end, meter.command(request, sender=COS), stranger)
    meter.refuses(forged, AUTHENTICATION_FAILURE, "A change of supplier with a forged signature")
    check_cells(meter, own, "Read trust anchor details after what was refused")


@CHECKED
@pytest.mark.use_case("CS02b")
def test_wrong_certificates_are_refused_row_by_row(home: Home, device: Target) -> None:
    """Certificates of another role, out of date, or under a foreign root leave their cells alone; others do not."""
    present = home.head_end.holder(SUPPLIER, device.eui64)
    operator = home.pki.renewed(home.pki.newcomer(OPERATOR), present.root)
    foreign = make_infrastructure(home.pki.entropy("foreign infrastructure"))
    ours, over = home.pki.authority(present.root), Validity(BEGINS, BEGINS + DAY)
    uses = [use for use in cells_of(device.type, SUPPLIER) if use is not SIGNING]
    for what, certificate, status in (
        ("of another role", operator.certificate(SIGNING), CredentialStatus.BAD_CERTIFICATE),
        ("that has expired", _certified(present, ours, over), CredentialStatus.BAD_CERTIFICATE),
        ("under a foreign root", _certified(present, foreign), CredentialStatus.NO_TRUST_ANCHOR),
    ):
        rows = (Row(cell(SUPPLIER, SIGNING), certificate), *rows_for(present, uses))
        title = f"Replace credentials, the first by a certificate {what}"
        _, update = replacement(home, device, BY_ITSELF[SUPPLIER], present, title)
        reply = device.ask(update_request(update._replace(rows=rows), title))
        found = {each: CredentialStatus(result.status).name for each, result in results_of(reply).items()}
        expected = dict.fromkeys((row.cell for row in rows), CredentialStatus.SUCCESS.name)
        expected[rows[0].cell] = status.name
        reply.expect("results", list(expected.values()), [found.get(each, "not reported") for each in expected])
    check_cells(device, present, "Read trust anchor details after what was refused")


def _certified(party: Party, by: Infrastructure, validity: Validity | None = None) -> bytes:
    """A certificate that names the party and its own signing key, from another authority or for another time."""
    point = Certificate.decode(party.certificate(SIGNING)).public_point
    return by.organisation(party.eui64, party.role, USAGES[SIGNING][0], point, validity).octets


@CHECKED
@pytest.mark.use_case("CS02b")
def test_replacement_is_carried_out_once(home: Home, meter: Target) -> None:
    """A replacement of credentials that is sent again, octet for octet, is not carried out again."""
    _skip_if(why_not_for_good(home, meter))
    present = home.head_end.holder(SUPPLIER, meter.eui64)
    replace_by_itself(home, meter, home.pki.renewed(present))
    command = next(each for each in reversed(home.head_end.sent) if each.use_case.message_code == 0x0102)
    refused(meter, present, AUTHENTICATION_FAILURE, "A command under the supplier's key that was replaced")
    again = home.head_end.command(meter.eui64, command.request, counter=command.message.counter)
    meter.refuses(again, OTHER_FAILURE, "A replacement of credentials under a counter that was used")
    check_cells(meter, home.head_end.holder(SUPPLIER, meter.eui64))


@RECOVERY
@pytest.mark.use_case("CS02b")
def test_recovery(home: Home) -> None:
    """A compromise of supplier and broker is undone on every device; then the used keys are worth nothing any more."""
    targets = [target for target in home.targets if target.type is not DeviceType.TYPE_2]
    for target in targets:
        _skip_if(why_not_for_good(home, target))
        if target.eui64 in home.awaiting_hand_over:
            hand_over(home, target)
    inventory = _inventory(home, targets)
    old = {target.name: _parties(home, target) for target in targets}
    with home.recorder.procedure("Recovery after a compromise", "all devices") as say:
        report = Recovery(home, [party for name in old for party in old[name][:2] if party], inventory).run(targets)
        seen = targets[0].observe("CS02b", "The devices after recovery")
        statuses = {target.name: str(inventory.device(target.eui64).status) for target in targets}
        for name, status in statuses.items():
            say(f"{name}: {status}")
        seen.expect("left", [], [f"{each.name}: {each.outcome}, {each.reason}" for each in report.left])
        seen.expect("statuses", dict.fromkeys(statuses, str(Status.RECOVERED)), statuses)
    for target in targets:
        if target.type in (DeviceType.ESME, DeviceType.GSME):
            _refuses_used_keys(home, target, *old[target.name])


def _inventory(home: Home, targets: list[Target]) -> Inventory:
    inventory, now = Inventory(), home.clock.now()
    for target in targets:
        inventory.add(target.eui64, target.type, now)
        inventory.set_status(target.eui64, Status.INSTALLED, now, "installed")
    return inventory


def _parties(home: Home, target: Target) -> tuple[Party, Party | None, Party]:
    """The broker, the supplier if the device knows one, and the recovery key."""
    supplied = cells_of(target.type, SUPPLIER)
    holder = partial(home.head_end.holder, device=target.eui64)
    return holder(BROKER), holder(SUPPLIER) if supplied else None, holder(RemotePartyRole.RECOVERY)


def _refuses_used_keys(home: Home, meter: Target, broker: Party, supplier: Party | None, recovery: Party) -> None:
    command = meter.command(critical(meter))
    stale = with_foreign_mac(home.head_end, command, broker.store)
    meter.refuses(stale, AUTHENTICATION_FAILURE, "A MAC under the broker's key from before the recovery")
    if supplier is not None:
        refused(meter, supplier, AUTHENTICATION_FAILURE, "A command under the supplier's key from before the recovery")
    mode = ReplacementMode.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY
    present = home.head_end.holder(SUPPLIER, meter.eui64)
    request, _ = replacement(home, meter, mode, present, "Replace credentials with the used recovery key")
    meter.refuses(meter.command(request, party=recovery), AUTHENTICATION_FAILURE, request.title)
    meter.ask(critical(meter))
