"""What goes in and out of a laboratory: exports that OpenSSL and others read, imports that refuse what is live."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from bench.authority.authorities import Hierarchy, Level
from bench.authority.exporting import Form, export, export_key_store
from bench.authority.files import pem
from bench.authority.importing import import_folder
from bench.authority.laboratory import Laboratory
from bench.authority.lists import revoke
from bench.authority.repository import Origin, Search
from bench.authority.sealing import LabError, RuleError
from bench.authority.upkeep import Upkeep
from protocols.errors import LocalProtocolError
from protocols.eui64 import eui64
from protocols.gbcs.elliptic_curve import point_of, private_from
from protocols.gbcs.key_folder import FolderKeyStore, KeyFolderError
from protocols.gbcs.keys import KeyName, KeyUse, Purpose, PurposeError
from protocols.smki import building, mark
from protocols.smki.certificate import CertificateKind
from protocols.smki.infrastructure import key_pair, make_infrastructure
from protocols.smki.issue import ORGANISATION, Issuer, Validity, issue_device, issue_organisation, issue_root
from protocols.smki.names import KeyUsage
from protocols.smki.revocation import RevocationReason

from ..reference import KEYSTORE
from .laboratories import METER, NOW, SUPPLIER, for_meter, for_supplier, issued, make

SIGNING = KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING)


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    lab = make(tmp_path / "lab")
    for use in KeyUse:
        issued(lab, for_supplier(use))
    issued(lab, for_meter())
    Upkeep(lab).advance(NOW)
    return lab


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)


# Out


def test_pem_and_der_are_what_openssl_reads(lab: Laboratory, tmp_path: Path) -> None:
    assert export(lab, lab.repository.find(), Form.PEM, tmp_path / "all.pem") == 8
    assert (tmp_path / "all.pem").read_text().count("# For testing only: ") == 8
    read = openssl("x509", "-in", tmp_path / "all.pem", "-noout", "-issuer")
    assert "TEST ZA" in read.stdout
    assert export(lab, lab.repository.find(Search(entity=SUPPLIER)), Form.DER, tmp_path / "der") == 3
    names = {path.name for path in (tmp_path / "der").iterdir()}
    assert names == {f"{SUPPLIER.hex()}-{use}.der" for use in KeyUse} | {"README"}
    for path in (tmp_path / "der").glob("*.der"):
        assert openssl("x509", "-inform", "DER", "-in", path, "-noout").returncode == 0
    with pytest.raises(LabError, match="no certificate fits"):
        export(lab, [], Form.PEM, tmp_path / "none.pem")
    with pytest.raises(LabError, match="cannot be written"):
        export(lab, lab.repository.find(), Form.PEM, tmp_path / "absent" / "all.pem")


def test_a_zip_file_has_certificates_lists_and_the_note(lab: Laboratory, tmp_path: Path) -> None:
    issued(lab, for_supplier())  # a second one for the same use
    assert export(lab, lab.repository.find(), Form.ZIP, tmp_path / "all.zip") == 9
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = archive.namelist()
        assert "testing only" in archive.read("README").decode()
        assert archive.testzip() is None
    assert len(names) == len(set(names)) == 9 + 3 + 1
    assert sum(name.startswith(f"{SUPPLIER.hex()}-ds") for name in names) == 2
    assert sum(name.startswith("authority-") for name in names) == 4
    assert "lists/organisation-crl.der" in names
    first = (tmp_path / "all.zip").read_bytes()
    export(lab, lab.repository.find(), Form.ZIP, tmp_path / "all.zip")
    assert (tmp_path / "all.zip").read_bytes() == first


@pytest.mark.parametrize("phrase", [None, b"another"], ids=["plain", "encrypted"])
def test_a_key_folder_serves_other_commands(lab: Laboratory, tmp_path: Path, phrase: bytes | None) -> None:
    folder = tmp_path / "keys"
    assert export_key_store(lab, lab.repository.find(), folder, phrase) == (4, 4)
    store = FolderKeyStore.open(folder, phrase)
    assert store.check() == ()
    assert store.purpose is Purpose.TEST
    assert set(store.names()) == {*(KeyName(SUPPLIER, use) for use in KeyUse), KeyName(METER, KeyUse.DIGITAL_SIGNING)}
    assert store.verify(SUPPLIER, b"octets", store.sign(SUPPLIER, b"octets"))
    assert (b"ENCRYPTED" in (folder / f"{SUPPLIER.hex()}-ds.key").read_bytes()) is (phrase is not None)
    with pytest.raises(PurposeError, match="keys for test use, refused for live use"):
        FolderKeyStore.open(folder, phrase, live=True)
    with pytest.raises(KeyFolderError, match="is there already"):
        export_key_store(lab, lab.repository.find(), folder, phrase)
    if phrase is not None:
        with pytest.raises(LocalProtocolError):
            FolderKeyStore.open(folder, b"wrong").sign(SUPPLIER, b"octets")


# In


def test_what_one_laboratory_exports_another_imports(lab: Laboratory, tmp_path: Path) -> None:
    export_key_store(lab, lab.repository.find(), tmp_path / "keys", b"another")
    with make(tmp_path / "other", label="other") as other:
        wrong = import_folder(other, tmp_path / "keys", NOW, b"wrong")
        assert (wrong.private_keys, len(wrong.problems)) == (0, 4)
        assert all("pass phrase is wrong" in str(problem) for problem in wrong.problems)
        done = import_folder(other, tmp_path / "keys", NOW, b"another")
        assert (len(done.certificates), done.private_keys, done.known, done.problems) == (0, 4, 4, [])
        record = other.repository.newest(SIGNING)
        assert record is not None
        assert record.origin is Origin.IMPORTED
        assert len(wrong.recovered) == 2  # the issuing authorities were not in the folder
        held = {lab.authorities.current(each).certificate.public_point for each in Hierarchy}
        assert set(wrong.recovered.values()) == held
        store = FolderKeyStore.create(tmp_path / "again", b"x")
        assert other.lend(store, record)
        with pytest.raises(RuleError, match="only its issuer can revoke it"):
            revoke(other, record, RevocationReason.SUPERSEDED, NOW)
        again = import_folder(other, tmp_path / "keys", NOW, b"another")
        assert (len(again.certificates), again.private_keys, again.known) == (0, 0, 4)


def live_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root and an organisation as the live infrastructure would name them: without the mark."""
    with monkeypatch.context() as patched:
        patched.setattr(building, "TEST_MARK", "ZZ")
        patched.setattr(mark, "TEST_MARK", "ZZ")
        pair, own = key_pair(b"live root"), key_pair(b"live organisation")
        validity = Validity(NOW, NOW + 1000)
        root = issue_root(ORGANISATION, "ZZ", pair.point, pair.sign, 77, validity)
        usage = KeyUsage.DIGITAL_SIGNATURE
        below = issue_organisation(Issuer(root, pair.sign), SUPPLIER, 2, usage, own.point, 78, validity)
    folder = tmp_path / "live"
    folder.mkdir()
    (folder / "root.pem").write_bytes(pem("CERTIFICATE", root.octets))
    (folder / f"{SUPPLIER.hex()}-ds.pem").write_bytes(pem("CERTIFICATE", below.octets))
    return folder


def test_a_live_root_and_a_live_certificate_are_refused(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = live_folder(tmp_path, monkeypatch)
    before = lab.repository.count()
    done = import_folder(lab, folder, NOW)
    assert done.certificates == []
    assert [problem.file for problem in done.problems] == [f"{SUPPLIER.hex()}-ds.pem", "root.pem"]
    assert all("for live use, refused for test use" in problem.reason for problem in done.problems)
    assert lab.repository.count() == before


def test_what_its_issuer_has_not_signed_and_what_is_no_certificate_is_refused(lab: Laboratory, tmp_path: Path) -> None:
    other = make_infrastructure(bytes(48))
    point = point_of(private_from(bytes(48)).public_key())
    good = other.device(METER, KeyUsage.DIGITAL_SIGNATURE, point).encode()
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "bad.pem").write_bytes(pem("CERTIFICATE", good[:-1] + bytes((good[-1] ^ 1,))))
    (ours,) = (record.der for record in lab.repository.find(Search(entity=METER)))  # whose issuer is known here
    forged = ours.replace(METER, METER[:-1] + b"\xff")
    assert forged != ours
    (folder / "forged.pem").write_bytes(pem("CERTIFICATE", forged))
    (folder / "cut.pem").write_bytes(pem("CERTIFICATE", good[:-9]))
    (folder / "text.pem").write_text("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----")
    (folder / "long.pem").write_bytes(b"x" * 70_000)
    (folder / "good.der").write_bytes(good)
    (folder / "notes").write_text("not read")
    private = private_from(bytes(47) + b"\1")
    form = serialization.PrivateFormat.PKCS8
    octets = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "alone.key").write_bytes(octets)
    done = import_folder(lab, folder, NOW)
    assert done.certificates == [KeyName(METER, KeyUse.DIGITAL_SIGNING)]
    said = {problem.file: problem.reason for problem in done.problems}
    assert said.keys() == {"bad.pem", "forged.pem", "cut.pem", "text.pem", "long.pem"}
    assert "is not signed by the issuer that it names" in said["bad.pem"]
    assert "is not signed by the issuer that it names" in said["forged.pem"]
    assert done.left_out == 1
    for name in ("absent", "empty"):
        if name == "empty":
            (tmp_path / name).mkdir()
        with pytest.raises(LabError, match=rf"{name}.*a folder of PEM files is needed"):
            import_folder(lab, tmp_path / name, NOW)


def test_one_serial_number_is_taken_in_once_of_each_issuer(lab: Laboratory, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir()
    point = point_of(private_from(bytes(48)).public_key())
    for name, entropy, owner in (("1", b"one", METER), ("2", b"one", SUPPLIER), ("3", b"other", METER)):
        issuer = make_infrastructure(entropy).device_authority
        made = issue_device(issuer, owner, KeyUsage.DIGITAL_SIGNATURE, point, 77, NOW)
        (folder / f"{name}.pem").write_bytes(pem("CERTIFICATE", made.octets))
    done = import_folder(lab, folder, NOW)
    assert len(done.certificates) == 2
    (problem,) = done.problems
    assert str(problem) == "2.pem: another certificate of its issuer has its serial number, 4D"


@pytest.mark.shared
def test_the_published_test_keys_are_taken_in(lab: Laboratory) -> None:
    done = import_folder(lab, KEYSTORE, NOW)
    assert done.problems == []
    assert done.private_keys >= 15
    assert len(done.certificates) >= 410
    authority = bytes.fromhex("4F5688D7EC933BE2")  # Z1, whose certificate is not among them
    assert done.recovered[authority][:4].hex() == "041a2b92"
    roles = {record.role for record in lab.repository.find(Search(origin=Origin.IMPORTED)) if record.role is not None}
    assert {1, 2, 3, 4, 5, 6, 8} <= roles
    supplier = KeyName(eui64("90B3D51F30010000"), KeyUse.PREPAYMENT_KEY_AGREEMENT)
    found = lab.repository.newest(supplier)
    assert found is not None
    assert found.origin is Origin.IMPORTED
    assert lab.holds_pair(found.key_identifier)


# OpenSSL


def test_openssl_accepts_every_chain_and_list(lab: Laboratory, tmp_path: Path) -> None:
    revoked = lab.repository.newest(SIGNING)
    assert revoked is not None
    revoke(lab, revoked, RevocationReason.KEY_COMPROMISE, NOW)
    Upkeep(lab).advance(NOW)
    with zipfile.ZipFile(io.BytesIO(_zip(lab, tmp_path))) as archive:
        archive.extractall(tmp_path)
    seconds = str(NOW + 946_684_800 + 1)
    for hierarchy in Hierarchy:
        root, authority = (lab.authorities.current(hierarchy, level) for level in (Level.ROOT, Level.ISSUING))
        anchor, above = (tmp_path / f"authority-{one.key_identifier.hex()}.pem" for one in (root, authority))
        lists = [tmp_path / "lists" / f"{hierarchy}-arl.der"]
        kind = CertificateKind.DEVICE if hierarchy is Hierarchy.DEVICE else CertificateKind.ORGANISATION
        crl = tmp_path / "lists" / "organisation-crl.der"
        if hierarchy is Hierarchy.ORGANISATION:
            lists.append(crl)
            said = openssl("crl", "-inform", "DER", "-in", crl, "-CAfile", above, "-noout")
            assert "verify OK" in said.stderr, said
        said = openssl("crl", "-inform", "DER", "-in", lists[0], "-CAfile", anchor, "-noout")
        assert "verify OK" in said.stderr, said
        chain: list[str | Path] = ["verify", "-attime", seconds, "-CAfile", anchor, "-untrusted", above]
        files = [tmp_path / f"{(r.entity or b'').hex()}-{r.use}.pem" for r in lab.repository.find(Search(kind=kind))]
        assert files
        assert [openssl(*chain, file).returncode for file in files] == [0] * len(files)
        if hierarchy is Hierarchy.ORGANISATION:
            pems = b"".join(pem("X509 CRL", path.read_bytes()) for path in lists)
            (tmp_path / "lists.pem").write_bytes(pems)
            checked = [*chain, "-crl_check_all", "-CRLfile", tmp_path / "lists.pem"]
            found = {file.name: openssl(*checked, file) for file in files}
            bad = found.pop(f"{SUPPLIER.hex()}-ds.pem")
            assert bad.returncode != 0
            assert "certificate revoked" in bad.stdout + bad.stderr
            assert [one.returncode for one in found.values()] == [0, 0], found


def _zip(lab: Laboratory, tmp_path: Path) -> bytes:
    export(lab, lab.repository.find(), Form.ZIP, tmp_path / "all.zip")
    return (tmp_path / "all.zip").read_bytes()
