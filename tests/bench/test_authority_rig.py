"""Rigs whose parties, devices and roots come from a laboratory."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from bench.authority.applicants import Applicant
from bench.authority.lists import revoke
from bench.authority.registration import Application, Registration
from bench.authority.repository import Origin, Search, Status
from bench.authority.sealing import PASS_PHRASE_FILE
from bench.authority.tables import DATABASE
from bench.commands.keys_issue import rig_applications
from bench.evidence import RunRecord, Verdict
from bench.home import Home
from bench.pki import USES, TestPki
from bench.rig import Rig, RigError, load_rig, parse_rig
from bench.rig_text import rig_text
from bench.runner import run_suite, suite_folder
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.smki.certificate import Certificate, CertificateKind
from protocols.smki.check import check_chain
from protocols.smki.revocation import RevocationReason

from ..reference import KEYSTORE
from .laboratories import METER, NOW, PHRASE, device_request, issued, make, reopened
from .test_authority_exchange import live_folder
from .test_emulate import ROOT

TESTS = ("test_4_electricity_prepayment.py", "test_7_credentials.py", "test_7_hand_over.py", "test_8_gas_proxy.py")


def rig_of(folder: Path, lab: str = "lab") -> Rig:
    """The embedded rig with a laboratory, which lies beside its file."""
    text = (ROOT / "bench" / "data" / "dual-fuel-home.toml").read_text()
    file = folder / "rig.toml"
    file.write_text(text.replace("[head_end.parties]", f'[head_end]\nlab = "{lab}"\n\n[head_end.parties]', 1))
    return load_rig(file)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """The rig and a laboratory that has issued for all of its parties and devices."""
    top = tmp_path_factory.mktemp("rig")
    with make(top / "lab") as lab:
        for application in rig_applications(lab, load_rig()):
            issued(lab, application)
        assert list(rig_applications(lab, load_rig())) == []
    (top / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    return rig_of(top)


def suite(rig: Rig, out: Path) -> RunRecord:
    return run_suite(rig, out, tests=[str(suite_folder() / name) for name in TESTS])


def test_everything_of_the_rig_comes_from_the_laboratory(rig: Rig) -> None:
    pki = TestPki(rig)
    assert rig.head_end.lab is not None
    with reopened(rig.head_end.lab, write=False) as lab:
        for name, der in pki.certificates.items():
            record = lab.repository.newest(name)
            assert record is not None, name
            assert record.der == der
            assert (
                check_chain(Certificate.decode(der), pki.infrastructure.authorities, pki.infrastructure.trust_anchors)
                == ()
            )
        root = lab.infrastructure().organisation_root.certificate
    assert pki.infrastructure.organisation_root.certificate == root
    for party in pki.parties.values():
        held = {name for name in party.store.names() if party.store.holds_private(name)}
        assert held == {KeyName(party.eui64, use) for use in USES[party.role]}


def test_a_run_passes_with_keys_that_were_issued(rig: Rig, tmp_path: Path) -> None:
    assert rig.head_end.lab is not None
    before = {path: path.read_bytes() for path in rig.head_end.lab.rglob("*") if path.is_file()}
    record = suite(rig, tmp_path)
    assert [e.reason for e in record.exchanges if e.verdict is not Verdict.PASS] == []
    assert sum(e.verdict is Verdict.PASS for e in record.exchanges) > 50
    assert {path: path.read_bytes() for path in before} == before  # a rig reads a laboratory and leaves it alone


@pytest.mark.shared
def test_a_run_passes_with_the_published_test_keys(tmp_path: Path) -> None:
    from bench.authority.importing import import_folder

    with make(tmp_path / "lab") as lab:
        assert import_folder(lab, KEYSTORE, NOW).problems == []
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    rig = rig_of(tmp_path)
    record = suite(rig, tmp_path / "evidence")
    assert record.verdict is Verdict.PASS
    assert [e.reason for e in record.exchanges if e.verdict not in (Verdict.PASS, Verdict.SKIPPED)] == []
    published = FolderKeyStore(KEYSTORE)
    with Home(rig) as home:
        supplier = KeyName(home.head_end.identity(RemotePartyRole.SUPPLIER), KeyUse.DIGITAL_SIGNING)
        assert home.pki.certificates[supplier] == published.certificate(supplier)


def test_a_device_that_the_laboratory_does_not_know_gets_a_key_from_the_seed(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    with make(tmp_path / "lab") as lab:
        for application in rig_applications(lab, load_rig()):
            if application.role is not None:
                issued(lab, application)
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    pki = TestPki(rig)
    name = KeyName(rig.devices[0].eui64, KeyUse.KEY_AGREEMENT)
    certificate = Certificate.decode(pki.certificates[name])
    assert check_chain(certificate, pki.infrastructure.authorities, pki.infrastructure.trust_anchors) == ()
    with reopened(tmp_path / "lab", write=False) as lab:
        assert lab.repository.newest(name) is None


# What is refused


def test_missing_keys_are_named_with_what_makes_them(tmp_path: Path) -> None:
    with make(tmp_path / "lab"):
        pass
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    rig = rig_of(tmp_path)
    with pytest.raises(RigError) as raised:
        TestPki(rig)
    said = str(raised.value)
    assert "no key pair of recovery 90-B3-D5-1F-30-00-00-01 ds, supplier 90-B3-D5-1F-30-01-00-00 ds" in said
    assert f"meterbench keys issue {tmp_path / 'lab'} --rig {tmp_path / 'rig.toml'}" in said


def test_a_revoked_key_is_missing(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        for application in rig_applications(lab, load_rig()):
            issued(lab, application)
        record = next(lab.repository.find(Search(role=2, use=KeyUse.KEY_AGREEMENT)))
        revoke(lab, record, RevocationReason.KEY_COMPROMISE, NOW)
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    with pytest.raises(RigError, match=r"no key pair of supplier 90-B3-D5-1F-30-01-00-00 ka;"):
        TestPki(rig_of(tmp_path))


def test_what_a_revoked_authority_has_issued_is_missing_and_made_again(tmp_path: Path) -> None:
    rig = rig_of(tmp_path)
    with make(tmp_path / "lab") as lab:
        wanted = [issued(lab, application).name for application in rig_applications(lab, load_rig())]
        record = next(
            lab.repository.find(Search(kind=CertificateKind.AUTHORITY, role=RemotePartyRole.ISSUING_AUTHORITY))
        )
        revoke(lab, record, RevocationReason.AUTHORITY_COMPROMISE, NOW)
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    with pytest.raises(RigError, match=r"no key pair of recovery .* ds, supplier .*make what is missing"):
        TestPki(rig)
    with reopened(tmp_path / "lab") as lab:
        missing = [issued(lab, application).name for application in rig_applications(lab, load_rig())]
        assert missing == [name for name in wanted if name is not None and name.party in rig.head_end.parties.values()]
    assert TestPki(rig).infrastructure.organisation_authority.key_identifier != record.key_identifier


def test_a_certificate_whose_key_its_owner_keeps_hides_no_pair_that_the_laboratory_has(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        for application in rig_applications(lab, load_rig()):
            issued(lab, application)
        held = lab.repository.newest(KeyName(METER, KeyUse.DIGITAL_SIGNING))
        own = Application(Applicant.ELECTRICITY_SUPPLIER, device_request(1), DeviceType.ESME)
        assert issued(lab, own).name == KeyName(METER, KeyUse.DIGITAL_SIGNING)
        assert list(rig_applications(lab, load_rig())) == []
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    assert held is not None
    assert TestPki(rig_of(tmp_path)).certificates[KeyName(METER, KeyUse.DIGITAL_SIGNING)] == held.der


def test_of_several_certificates_a_rig_takes_the_last_that_is_valid_when_it_begins(tmp_path: Path) -> None:
    rig, name = rig_of(tmp_path), KeyName(METER, KeyUse.KEY_AGREEMENT)
    applications = []
    with make(tmp_path / "lab") as lab:
        for application in rig_applications(lab, load_rig()):
            issued(lab, application)
            applications += [application] if (application.entity, application.use) == name else []
        second = issued(lab, applications[0])
        Registration(lab).apply(applications[0], NOW, not_before=rig.started + 1)
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    assert TestPki(rig).certificates[name] == second.der


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("absent", "no laboratory"),
        ("phrase", "the pass phrase is wrong"),
        ("no phrase", "METERBENCH_PASS_PHRASE"),
        ("database", "laboratory.sqlite"),
    ],
)
def test_a_laboratory_that_cannot_be_used_is_a_fault_of_the_rig(
    tmp_path: Path, spoil: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("METERBENCH_PASS_PHRASE", raising=False)
    if spoil != "absent":
        with make(tmp_path / "lab"):
            pass
    if spoil == "phrase":
        (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(b"wrong")
    if spoil == "database":
        (tmp_path / "lab" / DATABASE).write_bytes(b"spoiled" * 1000)
    with pytest.raises(RigError, match=rf"rig\.toml: head_end\.lab: .*{said}"):
        TestPki(rig_of(tmp_path))


def test_keys_come_from_one_place(tmp_path: Path) -> None:
    device = '[[device]]\nname = "m"\ntype = "ESME"\neui64 = "00DB1234567890A0"'
    text = f'name = "x"\n[head_end]\nlab = "a"\nkeystore = "b"\n{device}'
    with pytest.raises(RigError, match=r"x\.toml: head_end: keys come from a keystore or from a lab, not from both"):
        parse_rig(text.encode(), "x.toml")
    rig = rig_of(tmp_path)
    assert rig.head_end.lab == tmp_path / "lab"
    assert f'lab = "{tmp_path / "lab"}"' in rig_text(rig, {}, "counters.json")


def test_a_live_certificate_that_has_got_into_a_laboratory_is_refused_in_a_rig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = next(live_folder(tmp_path, monkeypatch).glob("*-ds.pem"))
    live = Certificate.decode(load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER))
    with make(tmp_path / "lab") as lab:
        for application in rig_applications(lab, load_rig()):
            if (application.entity, application.use) != (live.entity, KeyUse.DIGITAL_SIGNING):
                issued(lab, application)
        with lab.change(NOW):
            lab.repository.put(live.octets, KeyUse.DIGITAL_SIGNING, Origin.IMPORTED, Status.LODGED, NOW)
            lab.put_pair(live.subject_key_identifier or b"", b"a private key")
    (tmp_path / "lab" / PASS_PHRASE_FILE).write_bytes(PHRASE)
    with pytest.raises(RigError, match=r"head_end\.lab: .*supplier.*for live use, refused for test use"):
        TestPki(rig_of(tmp_path))


def test_live_certificates_in_a_key_folder_of_a_rig_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = live_folder(tmp_path, monkeypatch)
    (folder / "root.pem").unlink()
    text = (ROOT / "bench" / "data" / "dual-fuel-home.toml").read_text()
    file = tmp_path / "rig.toml"
    file.write_text(text.replace("[head_end.parties]", '[head_end]\nkeystore = "live"\n\n[head_end.parties]', 1))
    with pytest.raises(RigError, match=r"head_end\.keystore: .*for live use, refused for test use"):
        Home(load_rig(file))
    (folder / "purpose").write_text("test\n")  # its owner says so
    Home(load_rig(file))
    (folder / "purpose").unlink()
    file.write_text(text.replace('reach = "pty:"', 'reach = "tcp:127.0.0.1:1"\nkeystore = "live"', 1))
    (folder / f"{load_rig().devices[1].eui64.hex()}-ds.pem").write_bytes(next(folder.glob("*.pem")).read_bytes())
    with pytest.raises(RigError, match=r"device\[1\]\.keystore: .*for live use, refused for test use"):
        Home(load_rig(file))
