"""Hand-over, change of supplier, own keys, recovery: what the head end believes, and when; what the suite finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.credentials import (
    ContingencyRecovery,
    Outcome,
    Recovery,
    change_supplier,
    check_cells,
    hand_over,
    renew_device_keys,
    replace_by_itself,
)
from bench.credentials.cells import OPERATOR, SUPPLIER, can_be_handed_over
from bench.credentials.procedures import COS, replacement
from bench.credentials.update import update_request
from bench.evidence import RunRecord, Verdict
from bench.findings import DeviceFinding
from bench.head_end import BROKER
from bench.home import Home
from bench.inventory import Inventory, Status
from bench.pki import AGREEMENT, SIGNING, TOP_UP, Party
from bench.requests import dlms
from bench.rig import Rig, SupplierCells, load_rig, parse_rig
from bench.rig_text import rig_text
from bench.runner import run_suite, suite_folder
from bench.target import Target
from firmware_emu.parts.credentials.trust_anchors import TrustAnchors
from protocols.errors import LocalProtocolError
from protocols.gbcs.asn1_credentials import CredentialStatus, ReplacementMode
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.certificate import Certificate

ELECTRICITY, GAS = "electricity-meter", "gas-meter"
RECOVERY = RemotePartyRole.RECOVERY
UNKNOWN, FORGED = 0x8F3E, 0x8F3D
SUPPLIED = ("electricity-meter", "gas-meter", "gas-proxy", "load-switch", "load-controller")


@pytest.fixture
def home() -> Iterator[Home]:
    with Home(load_rig()) as made:
        yield made


@pytest.fixture
def meter(home: Home) -> Target:
    return home.target(ELECTRICITY)


def bought(*names: str) -> Rig:
    """The usual home, with devices that a meter operator bought."""
    rig = load_rig()
    changed = [
        each.model_copy(update={"supplier_cells": SupplierCells.BROKER}) if each.name in names else each
        for each in rig.device
    ]
    return rig.model_copy(update={"device": tuple(changed)})


def fail_cell(home: Home, name: str, cell: str, status: CredentialStatus | None) -> None:
    """Break a cell's memory, or mend it."""
    emulated = home.emulated(name)
    assert emulated is not None
    faults = emulated.device.find(TrustAnchors).state.faults
    if status is None:
        faults.pop(cell)
    else:
        faults[cell] = status


# -- hand-over and change of supplier ---------------------------------------------------------------------------------


def test_a_device_that_was_bought_knows_only_the_broker_until_it_is_handed_over() -> None:
    with Home(bought(ELECTRICITY)) as home:
        meter = home.target(ELECTRICITY)
        assert meter.may_answer(dlms("ECS42"), home.pki.parties[SUPPLIER]) is None
        assert [alert.code for alert in meter.alerts] == [UNKNOWN]
        hand_over(home, meter)
        assert meter.eui64 not in home.awaiting_hand_over
        meter.ask(dlms("ECS42"))
        meter.ask(dlms("ECS17b"), sender=OPERATOR)


@pytest.mark.parametrize("name", SUPPLIED)
def test_every_device_with_supplier_cells_is_handed_over_when_a_test_asks_for_it(tmp_path: Path, name: str) -> None:
    record = run_suite(
        bought(name),
        tmp_path / "evidence",
        tests=[str(suite_folder() / "test_7_credentials.py") + "::test_trust_anchors"],
    )
    assert record.verdict is Verdict.PASS
    titles = [exchange.title for exchange in record.exchanges if exchange.device == name]
    assert titles[0] == "Hand over to the supplier"


def test_who_is_handed_over() -> None:
    kinds = {device.type for device in load_rig().devices if can_be_handed_over(device.type)}
    assert {kind.name for kind in kinds} == {"ESME", "GSME", "GPF", "HCALCS", "SAPC"}


def test_a_rig_file_says_what_is_to_be_handed_over() -> None:
    text = 'name = "x"\n[[device]]\nname = "m"\ntype = "ESME"\neui64 = "00DB1234567890A0"\nsupplier_cells = "broker"\n'
    rig = parse_rig(text.encode(), "x.toml")
    assert rig.devices[0].supplier_cells is SupplierCells.BROKER
    again = rig_text(rig, {"m": rig.devices[0].reach}, "counters.json")
    assert 'supplier_cells = "broker"' in again


def test_the_head_end_goes_on_with_the_old_supplier_when_the_device_has_not_taken_the_new_one(
    home: Home, meter: Target
) -> None:
    before = home.head_end.holder(SUPPLIER, meter.eui64)
    fail_cell(home, ELECTRICITY, "2 ka", CredentialStatus.INSUFFICIENT_MEMORY)
    with pytest.raises(DeviceFinding, match=r"supplier key agreement.*INSUFFICIENT_MEMORY"):
        change_supplier(home, meter, home.pki.newcomer(SUPPLIER))
    assert home.head_end.holder(SUPPLIER, meter.eui64) is before


def test_one_device_changes_its_supplier_and_no_other_does(home: Home, meter: Target) -> None:
    incoming, gas = home.pki.newcomer(SUPPLIER), home.target(GAS)
    change_supplier(home, meter, incoming)
    assert home.head_end.holder(SUPPLIER, meter.eui64) is incoming
    assert home.head_end.holder(SUPPLIER, gas.eui64) is home.pki.parties[SUPPLIER]
    check_cells(gas, home.pki.parties[SUPPLIER])
    sent = meter.command(dlms("ECS42"))
    assert sent.message.originator == incoming.eui64
    meter.ask(dlms("ECS42"))
    assert home.head_end.role_of(incoming.eui64) is SUPPLIER


def test_a_network_operator_puts_its_successor_into_its_place(home: Home, meter: Target) -> None:
    successor = home.pki.newcomer(OPERATOR)
    replace_by_itself(home, meter, successor)
    meter.ask(dlms("ECS17b"), sender=OPERATOR)
    assert home.head_end.sent[-1].message.originator == successor.eui64


@pytest.mark.parametrize(
    ("name", "role"),
    [
        (ELECTRICITY, SUPPLIER),
        (ELECTRICITY, OPERATOR),
        (ELECTRICITY, BROKER),
        (ELECTRICITY, COS),
        (ELECTRICITY, RemotePartyRole.LOAD_CONTROLLER),
        ("hub", BROKER),
        ("hub", RemotePartyRole.WAN_PROVIDER),
        (GAS, SUPPLIER),
    ],
)
def test_each_party_replaces_its_own_keys(home: Home, name: str, role: RemotePartyRole) -> None:
    target = home.target(name)
    old = home.head_end.holder(role, target.eui64)
    replace_by_itself(home, target, home.pki.renewed(old))
    new = home.head_end.holder(role, target.eui64)
    assert (new.eui64, new.generation) == (old.eui64, 1)
    check_cells(target, new)


def test_keys_of_a_generation_follow_from_the_seed_alone(home: Home) -> None:
    def points(made: Home) -> list[bytes | None]:
        party = made.pki.renewed(made.pki.parties[SUPPLIER])
        return [party.store.public_point(KeyName(party.eui64, use)) for use in (SIGNING, AGREEMENT, TOP_UP)]

    first = points(home)
    with Home(load_rig()) as again, Home(load_rig().with_seed(2)) as other:
        assert points(again) == first
        assert not set(points(other)) & set(first)
    assert first[0] != home.pki.parties[SUPPLIER].store.public_point(KeyName(home.rig.party(SUPPLIER), SIGNING))


# -- the device's own keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [SIGNING, AGREEMENT])
def test_everybody_learns_a_device_key_and_the_old_one_is_forgotten(home: Home, meter: Target, use: KeyUse) -> None:
    name = KeyName(meter.eui64, use)
    before = home.observer.public_point(name)
    late = home.pki.newcomer(SUPPLIER)
    certificate = renew_device_keys(home, meter, use)
    assert certificate.public_point != before
    for party in (*home.pki.parties.values(), late):
        assert party.store.public_point(name) == certificate.public_point
    assert home.head_end.witness(meter.eui64) is None
    change_supplier(home, meter, late)


def test_keys_may_be_renewed_again_and_again(home: Home, meter: Target) -> None:
    made = {renew_device_keys(home, meter, AGREEMENT).public_point for _ in range(3)}
    assert len(made) == 3
    meter.ask(dlms("ECS42"))


def test_a_certificate_says_test_and_names_the_device(home: Home, meter: Target) -> None:
    certificate = renew_device_keys(home, meter, SIGNING)
    assert certificate.entity == meter.eui64
    assert "TEST" in str(certificate.issuer)


# -- recovery ---------------------------------------------------------------------------------------------------------


def listed(home: Home) -> Inventory:
    inventory = Inventory()
    for target in home.targets:
        inventory.add(target.eui64, target.type, home.clock.now())
        inventory.set_status(target.eui64, Status.INSTALLED, home.clock.now(), "installed")
    return inventory


def statuses(inventory: Inventory, *targets: Target) -> list[Status]:
    return [inventory.device(target.eui64).status for target in targets]


def test_recovery_end_to_end(home: Home, meter: Target) -> None:
    """Declared, replaced on the devices concerned, the recovery key renewed; old keys are worth nothing afterwards."""
    inventory, old = listed(home), home.pki.parties[SUPPLIER]
    hub, gas = home.target("hub"), home.target(GAS)
    recovery = Recovery(home, [old], inventory)
    recovery.declare(home.targets)
    assert statuses(inventory, meter, gas, hub) == [Status.RECOVERY, Status.RECOVERY, Status.INSTALLED]
    report = recovery.run(home.targets)
    assert report.complete
    outcomes = {each.name: each.outcome for each in report.devices}
    assert outcomes == {
        target.name: Outcome.RECOVERED if target.name in SUPPLIED else Outcome.NOT_CONCERNED for target in home.targets
    }
    assert statuses(inventory, meter, gas, hub) == [Status.RECOVERED, Status.RECOVERED, Status.INSTALLED]
    assert home.head_end.holder(SUPPLIER, meter.eui64).generation == 1
    meter.ask(dlms("ECS42"))
    meter.refuses(meter.command(dlms("ECS42"), party=old), FORGED, "signed with the compromised key")
    used, new = home.pki.parties[RECOVERY], home.head_end.holder(RECOVERY, meter.eui64)
    assert new is not used
    assert {each.outcome for each in report.renewal} == {Outcome.RECOVERED, Outcome.NOT_CONCERNED}
    mode = ReplacementMode.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY
    request, _ = replacement(home, meter, mode, home.head_end.holder(SUPPLIER, meter.eui64), "again")
    meter.refuses(meter.command(request, party=used), FORGED, "signed with the used recovery key")
    meter.ask(request, party=new)


def test_recovery_goes_on_where_it_broke_off(home: Home, meter: Target) -> None:
    """A cell that cannot be written and a device that does not answer stop no other, and are done the next time."""
    inventory, old, gas = listed(home), home.pki.parties[SUPPLIER], home.target(GAS)
    recovery = Recovery(home, [old], inventory)
    fail_cell(home, ELECTRICITY, "2 ka", CredentialStatus.INSUFFICIENT_MEMORY)
    deaf = home.emulated(GAS)
    assert deaf is not None
    home.run(home.installation.look(gas.eui64, lambda: None))
    deaf.device.power_off(home.clock.now())
    report = recovery.run([gas, meter, home.target("gas-proxy")])
    outcomes = {each.name: each.outcome for each in report.left}
    assert outcomes == {GAS: Outcome.NO_ANSWER, ELECTRICITY: Outcome.PARTLY}
    assert "supplier key agreement: INSUFFICIENT_MEMORY" in "\n".join(report.lines())
    assert not report.renewal, "the recovery key is still needed"
    assert statuses(inventory, gas, meter, home.target("gas-proxy")) == [
        Status.RECOVERY,
        Status.RECOVERY,
        Status.RECOVERED,
    ]
    fail_cell(home, ELECTRICITY, "2 ka", None)
    deaf.device.power_on(home.clock.now())
    report = recovery.run([gas, meter, home.target("gas-proxy")])
    assert report.complete
    assert [each.reason for each in report.devices] == ["", "", "done before"]
    assert len(report.renewal) == 3
    meter.ask(dlms("ECS42"))


def test_recovery_is_taken_up_by_a_head_end_that_has_forgotten_it(home: Home, meter: Target) -> None:
    """The device has done its part and nobody noted it: it is asked, and nothing is done twice."""
    old = home.pki.parties[SUPPLIER]
    Recovery(home, [old]).replace([meter])
    home.head_end._holders.clear()
    sent = len(home.head_end.sent)
    again = Recovery(home, [old], listed(home))
    again.declare([meter])
    (done,) = again.replace([meter]).devices
    assert (done.outcome, done.reason) == (Outcome.RECOVERED, "done before")
    assert len(home.head_end.sent) == sent + 1
    meter.ask(dlms("ECS42"))


def test_a_second_compromise_is_recovered_from_with_the_renewed_key(home: Home, meter: Target) -> None:
    Recovery(home, [home.pki.parties[SUPPLIER]]).run([meter])
    again = Recovery(home, [home.head_end.holder(SUPPLIER, meter.eui64)]).run([meter])
    assert again.complete
    assert [home.head_end.holder(role, meter.eui64).generation for role in (SUPPLIER, RECOVERY)] == [2, 2]
    meter.ask(dlms("ECS42"))


def test_a_compromised_load_controller_is_replaced(home: Home, meter: Target) -> None:
    controller = RemotePartyRole.LOAD_CONTROLLER
    report = Recovery(home, [home.pki.parties[controller]]).run([meter, home.target(GAS)])
    assert [each.outcome for each in report.devices] == [Outcome.RECOVERED, Outcome.NOT_CONCERNED]
    check_cells(meter, home.head_end.holder(controller, meter.eui64))


def test_another_suppliers_devices_are_not_concerned(home: Home, meter: Target) -> None:
    change_supplier(home, meter, home.pki.newcomer(SUPPLIER))
    (done,) = Recovery(home, [home.pki.parties[SUPPLIER]]).replace([meter]).devices
    assert done.outcome is Outcome.NOT_CONCERNED


def test_a_compromised_recovery_key_does_not_replace_itself(home: Home) -> None:
    with pytest.raises(LocalProtocolError, match="contingency"):
        Recovery(home, [home.pki.parties[RECOVERY]])


def test_contingency_replaces_the_root_and_all_that_hangs_on_it(home: Home, meter: Target) -> None:
    inventory = listed(home)
    report = ContingencyRecovery(home, inventory).run(home.targets)
    assert report.complete
    concerned = [target for target in home.targets if target.name != "in-home-display"]
    assert set(statuses(inventory, *concerned)) == {Status.RECOVERED}
    meter.ask(dlms("ECS42"))
    with pytest.raises(DeviceFinding, match="NO_TRUST_ANCHOR"):
        change_supplier(home, meter, home.pki.newcomer(SUPPLIER))
    change_supplier(home, meter, home.pki.newcomer(SUPPLIER, root=1))
    again = ContingencyRecovery(home, inventory).run(concerned)
    assert {each.reason for each in again.devices} == {"done before"}


def test_the_wrong_symmetric_key_opens_no_contingency_key(home: Home, meter: Target) -> None:
    key = home.pki.contingency()
    new = home.pki.renewed(home.pki.parties[SUPPLIER], 1)
    _, update = replacement(home, meter, ReplacementMode.ANY_BY_CONTINGENCY, new, "by contingency")
    guess = update_request(update._replace(symmetric_key=bytes(32)), "guess")
    meter.refuses(meter.command(guess, party=key.party), UNKNOWN, "a wrong symmetric key")
    assert "contingency" in repr(key)
    assert key.symmetric_key.hex() not in repr(key)


# -- the suite --------------------------------------------------------------------------------------------------------


def suite(tmp_path: Path, *defects: str, device: str = ELECTRICITY) -> RunRecord:
    rig = load_rig().with_defects(device, *defects)
    return run_suite(rig, tmp_path / "evidence", tests=[str(path) for path in suite_folder().glob("test_7_*.py")])


REPLACE = "Replace credentials, the first by a certificate"
WRONG_ROLE = f"{REPLACE} of another role"


@pytest.mark.parametrize(
    ("defect", "title", "reason"),
    [
        ("accepts-wrong-certificate-role", WRONG_ROLE, "results: expected [BAD_CERTIFICATE"),
        ("stops-at-bad-credential", WRONG_ROLE, "not reported"),
        ("skips-certificate-path", f"{REPLACE} under a foreign root", "results: expected [NO_TRUST_ANCHOR"),
        ("ignores-certificate-validity", f"{REPLACE} that has expired", "results: expected [BAD_CERTIFICATE"),
        ("ignores-counter-floors", "Close the load switch, which is closed", "answer: expected a response, found none"),
        ("accepts-wrong-signature", "A change of supplier with a forged signature", "answer to what must be refused"),
        ("ignores-role", "A supplier's command from the broker after the hand-over", "alert: expected 8F30"),
    ],
)
def test_planned_faults_with_credentials_are_found(tmp_path: Path, defect: str, title: str, reason: str) -> None:
    record = suite(tmp_path, defect)
    found = {exchange.title: exchange for exchange in record.exchanges if exchange.verdict is not Verdict.PASS}
    assert title in found
    assert reason in found[title].reason
    assert found[title].verdict is Verdict.FAIL
    assert {exchange.device for exchange in found.values()} == {ELECTRICITY}


def test_the_report_names_certificates_old_and_new(tmp_path: Path) -> None:
    record = suite(tmp_path)
    assert record.verdict is Verdict.PASS
    supplier = load_rig().party(SUPPLIER).hex().upper()
    held = [each for each in record.certificates if each.owner == supplier and each.use == "ds"]
    assert len({each.fingerprint for each in held}) == len(held) >= 3
    requirements = {text.split(":")[0] for exchange in record.exchanges for text in exchange.requirements}
    assert {"KEY-11", "KEY-13", "KEY-14"} <= requirements


def test_certificates_of_newcomers_are_those_of_their_roles(home: Home) -> None:
    for role in (SUPPLIER, OPERATOR):
        party: Party = home.pki.newcomer(role)
        assert {Certificate.decode(party.certificate(use)).role for use in party.uses} == {role}
        assert party.eui64 not in {each.eui64 for each in home.pki.parties.values()}
