"""Key stores and key derivation."""

from __future__ import annotations

import copy
import os
import pickle
import stat
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import CertificateError, LocalProtocolError, MissingKeyError
from protocols.eui64 import eui64
from protocols.gbcs.elliptic_curve import fingerprint
from protocols.gbcs.key_derivation import Mode, derive_key, initialisation_vector, other_info
from protocols.gbcs.key_folder import FolderKeyStore, KeyFolderError
from protocols.gbcs.keys import KeyName, KeyStore, KeyUse, MemoryKeyStore, Purpose, PurposeError

from ..reference import KEYSTORE

SUPPLIER, METER, BROKER = eui64("90B3D51F30010000"), eui64("00DB1234567890A0"), eui64("90B3D51F30000002")
SUPPLIER_KA = KeyName(SUPPLIER, KeyUse.KEY_AGREEMENT)
SUPPLIER_DS = KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING)
METER_KA = KeyName(METER, KeyUse.KEY_AGREEMENT)
INFO = other_info(METER, Mode.RESPONSE, 1000, SUPPLIER)

BROKER_SECRET = bytes.fromhex("ED342441DF01551A6BEAFF3B54ADC981F4C6A7E71DFF4C3E1CC80B3C9F4E5AC0")
SUPPLIER_SECRET = bytes.fromhex("42DA8FAD4C8C9D613976F39F1E79CCC88571EFA43933D57146B533BC6D253E0F")


def randomness(label: str) -> bytes:
    """48 octets that are the same in every run."""
    return (sha256(label.encode()).digest() * 2)[:48]


def two_stores() -> tuple[MemoryKeyStore, MemoryKeyStore]:
    """A supplier's store and a meter's, each with its own private keys and the other's public ones."""
    supplier, meter = MemoryKeyStore(), MemoryKeyStore()
    for mine, theirs, party in ((supplier, meter, SUPPLIER), (meter, supplier, METER)):
        for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
            name = KeyName(party, use)
            theirs.put_point(name, mine.generate(name, randomness(str(name))))
    return supplier, meter


# Derivation


@pytest.mark.parametrize(
    ("secret", "originator", "mode", "counter", "recipient", "key"),
    [
        (BROKER_SECRET, SUPPLIER, Mode.COMMAND, 0x3E8, METER, "EC1D51BD8F8BF0CDD2314CF396CC12C0"),
        (SUPPLIER_SECRET, METER, Mode.RESPONSE, 0x3E8, SUPPLIER, "D288091F13F120DA8D2649C3AA543058"),
        (SUPPLIER_SECRET, METER, Mode.ENCRYPTION, 0x3E8, SUPPLIER, "12CB821C471EC2144C68E12A5657F9FD"),
        (SUPPLIER_SECRET, METER, Mode.ALERT, 0x7D0, SUPPLIER, "73761D0B43493DBBAABFE474CAC5974B"),
        (SUPPLIER_SECRET, METER, Mode.ENCRYPTION, 0x7D2, SUPPLIER, "61685F7F7BDDAA7E251C2A4A1FD4085D"),
        (BROKER_SECRET, SUPPLIER, Mode.COMMAND, 1 << 32, METER, "6A93E360717394015DF93E031218C9A6"),
        (SUPPLIER_SECRET, METER, Mode.RESPONSE, 1 << 32, SUPPLIER, "03FD30815577C49EB7E3834B63EF8302"),
        (SUPPLIER_SECRET, METER, Mode.ALERT, 0x7D1, SUPPLIER, "558FB1FA6660AF0D9E8365C47804B8FA"),
        (BROKER_SECRET, METER, Mode.RESPONSE, 0x516, BROKER, "151ABCA3BE2346FEE4FFAF25D0759A17"),
    ],
)
def test_message_keys_of_the_worked_examples(
    secret: bytes, originator: bytes, mode: Mode, counter: int, recipient: bytes, key: str
) -> None:
    info = other_info(eui64(originator.hex()), mode, counter, eui64(recipient.hex()))
    assert derive_key(secret, info).hex().upper() == key


def test_other_info_and_iv_octet_by_octet() -> None:
    info = other_info(SUPPLIER, Mode.COMMAND, 1000, METER)
    assert info.hex().upper() == "6085740608030090B3D51F30010000090100000000000003E800DB1234567890A0"
    assert len(info) == 33
    assert initialisation_vector(SUPPLIER).hex().upper() == "90B3D51F3001000000000000"


# In memory


def test_a_key_follows_from_its_randomness_alone() -> None:
    one, other = MemoryKeyStore(), MemoryKeyStore()
    assert one.generate(SUPPLIER_DS, randomness("a")) == other.generate(SUPPLIER_DS, randomness("a"))
    assert one.sign(SUPPLIER, b"octets") == other.sign(SUPPLIER, b"octets")
    assert one.generate(SUPPLIER_DS, randomness("b")) != other.public_point(SUPPLIER_DS)


@pytest.mark.parametrize("scalar", [1, 2, 3])
def test_the_scalar_is_the_randomness_modulo_the_order(scalar: int) -> None:
    points = {
        1: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        2: "7cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
        3: "5ecbe4d1a6330a44c8f7ef951d4bf165e6c6b721efada985fb41661bc6e7fd6c",
    }  # x of 1, 2 and 3 times the base point
    point = MemoryKeyStore().generate(SUPPLIER_DS, (scalar - 1).to_bytes(48, "big"))
    assert point[1:33].hex() == points[scalar]


def test_signatures_are_those_of_rfc_6979() -> None:
    # RFC 6979 A.2.5, P-256 with SHA-256, message "sample"
    scalar = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    store = MemoryKeyStore()
    store.generate(SUPPLIER_DS, (scalar - 1).to_bytes(48, "big"))
    assert store.sign(SUPPLIER, b"sample").hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


def test_both_ends_derive_the_same_key_in_either_order() -> None:
    supplier, meter = two_stores()
    key = supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    assert len(key) == 16
    assert meter.derive(SUPPLIER_KA, METER_KA, INFO) == meter.derive(METER_KA, SUPPLIER_KA, INFO) == key
    assert meter.derive(METER_KA, SUPPLIER_KA, other_info(METER, Mode.RESPONSE, 1001, SUPPLIER)) != key


@pytest.mark.parametrize("change", ["own key", "their key", "removed"])
def test_a_kept_secret_is_dropped_when_a_key_changes(change: str) -> None:
    supplier, meter = two_stores()
    before = supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    assert supplier.derive(SUPPLIER_KA, METER_KA, INFO) == before
    if change == "removed":
        supplier.remove(METER_KA)
        with pytest.raises(MissingKeyError):
            supplier.derive(SUPPLIER_KA, METER_KA, INFO)
        return
    if change == "own key":
        meter.put_point(SUPPLIER_KA, supplier.generate(SUPPLIER_KA, randomness("new")))
    else:
        supplier.put_point(METER_KA, meter.generate(METER_KA, randomness("new")))
    after = supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    assert after != before
    assert after == meter.derive(SUPPLIER_KA, METER_KA, INFO)


def test_the_secret_of_another_pair_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    supplier, _ = two_stores()
    supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    agreed: list[KeyName] = []

    def agree(_one: KeyName, other: KeyName) -> bytes:
        agreed.append(other)
        return bytes(32)

    monkeypatch.setattr(supplier, "_agree", agree)
    supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    supplier.put_point(SUPPLIER_DS, supplier.public_point(SUPPLIER_DS) or b"")
    supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    assert agreed == []
    supplier.put_point(METER_KA, supplier.public_point(METER_KA) or b"")
    supplier.derive(SUPPLIER_KA, METER_KA, INFO)
    assert agreed == [METER_KA]


def test_a_signing_key_agrees_nothing() -> None:
    supplier, _ = two_stores()
    with pytest.raises(LocalProtocolError, match="signing key"):
        supplier.derive(SUPPLIER_DS, METER_KA, INFO)


def test_missing_keys_are_named() -> None:
    supplier, meter = two_stores()
    with pytest.raises(MissingKeyError, match="00-DB-12-34-56-78-90-A0 ds"):
        supplier.sign(METER, b"")
    with pytest.raises(MissingKeyError, match="90-B3-D5-1F-30-00-00-02 ds"):
        meter.verify(BROKER, b"", bytes(64))
    with pytest.raises(MissingKeyError, match="no private key"):
        meter.derive(SUPPLIER_KA, SUPPLIER_KA, INFO)


@given(octets=st.binary(max_size=200), at=st.integers(0, 511))
def test_a_signature_with_one_bit_changed_is_refused(octets: bytes, at: int) -> None:
    supplier, meter = two_stores()
    signature = bytearray(supplier.sign(SUPPLIER, octets))
    assert meter.verify(SUPPLIER, octets, bytes(signature))
    assert not meter.verify(METER, octets, bytes(signature))
    signature[at // 8] ^= 1 << at % 8
    assert not meter.verify(SUPPLIER, octets, bytes(signature))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_a_signature_that_is_none_is_refused(signature: bytes) -> None:
    assert not two_stores()[1].verify(SUPPLIER, b"octets", signature)


@pytest.mark.parametrize("point", [b"", bytes(65), b"\x04" + bytes(64), b"\x02" + bytes(32), b"\x04" + b"\xff" * 64])
def test_what_is_no_point_of_the_curve_is_refused(point: bytes) -> None:
    with pytest.raises(CertificateError):
        MemoryKeyStore().put_point(METER_KA, point)


def test_a_public_key_that_is_not_of_the_private_key_held_is_refused() -> None:
    supplier, _ = two_stores()
    with pytest.raises(CertificateError, match="not the public key"):
        supplier.put_point(SUPPLIER_KA, supplier.public_point(METER_KA) or b"")


def test_the_present_key_stays_in_use_until_the_next_one_is_installed() -> None:
    supplier, _ = two_stores()
    present = supplier.public_point(SUPPLIER_DS)
    waiting = supplier.generate_next(SUPPLIER_DS, randomness("next"))
    assert supplier.public_point(SUPPLIER_DS) == present
    assert supplier.next_point(SUPPLIER_DS) == waiting != present
    proof = supplier.prove_possession(SUPPLIER_DS, b"request")
    reader = MemoryKeyStore()
    reader.put_point(SUPPLIER_DS, waiting)
    assert reader.verify(SUPPLIER, b"request", proof)
    assert supplier.verify(SUPPLIER, b"octets", supplier.sign(SUPPLIER, b"octets"))
    with pytest.raises(CertificateError):
        supplier.install_next(SUPPLIER_DS, b"no certificate")
    with pytest.raises(MissingKeyError):
        supplier.install_next(SUPPLIER_KA, b"no certificate")


def test_a_store_shows_and_gives_away_no_private_key() -> None:
    scalar = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    store = MemoryKeyStore()
    point = store.generate(SUPPLIER_KA, (scalar - 1).to_bytes(48, "big"))
    shown = repr(store) + repr(store._entries) + repr(vars(store))
    assert fingerprint(point) in shown
    for secret in (str(scalar), f"{scalar:x}", f"{scalar:X}"):
        assert secret not in shown
    with pytest.raises(LocalProtocolError):
        pickle.dumps(store)
    with pytest.raises(LocalProtocolError):
        copy.deepcopy(store)


def test_randomness_of_another_length_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="48 octets"):
        MemoryKeyStore().generate(SUPPLIER_KA, bytes(32))


# In a folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a supplier's key agreement pair, written by a store of its own."""
    store = FolderKeyStore.create(tmp_path / "keys", b"pass phrase")
    store.generate(SUPPLIER_KA, randomness("supplier"))
    store.put_point(METER_KA, MemoryKeyStore().generate(METER_KA, randomness("meter")))
    return tmp_path / "keys"


def test_a_folder_gives_back_what_it_was_given(folder: Path) -> None:
    memory = MemoryKeyStore()
    memory.generate(SUPPLIER_KA, randomness("supplier"))
    memory.put_point(METER_KA, MemoryKeyStore().generate(METER_KA, randomness("meter")))
    store = FolderKeyStore.open(folder, b"pass phrase")
    assert list(store.names()) == [METER_KA, SUPPLIER_KA]
    assert store.holds_private(SUPPLIER_KA)
    assert not store.holds_private(METER_KA)
    assert store.derive(SUPPLIER_KA, METER_KA, INFO) == memory.derive(SUPPLIER_KA, METER_KA, INFO)
    assert store.check() == ()


def test_private_keys_are_written_encrypted_and_for_their_owner_alone(folder: Path) -> None:
    file = folder / "90b3d51f30010000-ka.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not [name for name in os.listdir(folder) if name.endswith(".new")]
    shown = repr(FolderKeyStore.open(folder, b"pass phrase"))
    assert "pass phrase" not in shown


@pytest.mark.parametrize("pass_phrase", [None, b"wrong"])
def test_without_the_pass_phrase_there_is_no_key_and_a_reason(folder: Path, pass_phrase: bytes | None) -> None:
    store = FolderKeyStore.open(folder, pass_phrase)
    with pytest.raises(MissingKeyError, match=r"90b3d51f30010000-ka\.key: private key: .*pass phrase"):
        store.derive(SUPPLIER_KA, METER_KA, INFO)
    assert [problem.file for problem in store.problems] == ["90b3d51f30010000-ka.key"]
    if pass_phrase is None:
        with pytest.raises(LocalProtocolError, match="pass phrase is needed"):
            store.generate(SUPPLIER_KA, randomness("other"))


def test_replacing_a_key_in_a_folder_drops_the_secret(folder: Path) -> None:
    store = FolderKeyStore.open(folder, b"pass phrase")
    before = store.derive(SUPPLIER_KA, METER_KA, INFO)
    store.generate(SUPPLIER_KA, randomness("other"))
    after = store.derive(SUPPLIER_KA, METER_KA, INFO)
    assert after != before
    assert FolderKeyStore.open(folder, b"pass phrase").derive(SUPPLIER_KA, METER_KA, INFO) == after


def test_removing_a_key_deletes_its_files(folder: Path) -> None:
    FolderKeyStore.open(folder, b"pass phrase").remove(SUPPLIER_KA)
    assert sorted(os.listdir(folder)) == ["00db1234567890a0-ka.pem", "purpose"]


def test_test_keys_are_refused_as_live_and_live_keys_in_a_test(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PurposeError, match="for test use, refused for live use"):
        FolderKeyStore.open(folder, b"pass phrase", live=True)
    live = FolderKeyStore.create(tmp_path / "live", b"pass phrase", Purpose.LIVE)
    assert live.purpose is Purpose.LIVE
    live.generate(SUPPLIER_KA, randomness("live"))
    assert FolderKeyStore.open(tmp_path / "live", b"pass phrase", live=True).holds_private(SUPPLIER_KA)
    with pytest.raises(PurposeError, match="for live use, refused for test use"):
        FolderKeyStore.open(tmp_path / "live", b"pass phrase")


def test_a_live_private_key_that_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    FolderKeyStore.create(tmp_path / "live", b"pass phrase", Purpose.LIVE)
    key = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        check=True,
        capture_output=True,
    ).stdout
    (tmp_path / "live" / "90b3d51f30010000-ds.key").write_bytes(key)
    with pytest.raises(PurposeError, match=r"90b3d51f30010000-ds\.key.*not encrypted"):
        FolderKeyStore.open(tmp_path / "live", b"pass phrase", live=True)
    (tmp_path / "live" / "purpose").write_text("test")
    assert FolderKeyStore.open(tmp_path / "live").holds_private(SUPPLIER_DS)


def test_files_that_cannot_be_used_are_problems_and_nothing_more(folder: Path) -> None:
    (folder / "notes.pem").write_text("x")
    (folder / "readme.txt").write_text("x")
    (folder / "00db1234567890a1-ds.pem").write_bytes(b"\xff\x00 no certificate")
    (folder / "00db1234567890a2-ds.pem").write_text("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----")
    (folder / "00db1234567890a3-ds.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    (folder / "00db1234567890a4-ds.pem").mkdir()
    os.mkfifo(folder / "00db1234567890a5-ds.pem")
    (folder / "00db1234567890a6-ds.pem").write_bytes(bytes(1 << 20))
    (folder / "00DB1234567890A0-KA.PEM").write_text("x")
    (folder / "00db1234567890a7-ds.pem").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
    (folder / "00db1234567890a8-ds.pem").symlink_to(folder / "absent")
    store = FolderKeyStore.open(folder, b"pass phrase")
    found = {problem.file: problem.reason for problem in store.check()}
    assert found == {
        "notes.pem": "not named <16 hexadecimal digits>-ds, -ka or -pp-ka",
        "00db1234567890a0-ka.pem": "the same name as 00DB1234567890A0-KA.PEM, which is used",
        "00DB1234567890A0-KA.PEM": "neither a certificate nor a public key",
        "00db1234567890a1-ds.pem": "neither a certificate nor a public key",
        "00db1234567890a2-ds.pem": "a certificate that is not base 64",
        "00db1234567890a3-ds.key": "private key: cannot be read, or the pass phrase is wrong",
        "00db1234567890a4-ds.pem": "not a file",
        "00db1234567890a5-ds.pem": "not a file",
        "00db1234567890a6-ds.pem": "longer than 65536 octets",
        "00db1234567890a7-ds.pem": "a public key that cannot be read",
        "00db1234567890a8-ds.pem": "No such file or directory",
    }
    with pytest.raises(MissingKeyError, match="not a file"):
        store.verify(eui64("00db1234567890a5"), b"", bytes(64))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFolderError, match="absent"):
        FolderKeyStore.open(tmp_path / "absent")
    FolderKeyStore.create(tmp_path / "keys", b"p")
    with pytest.raises(KeyFolderError, match="keys"):
        FolderKeyStore.create(tmp_path / "keys", b"p")


def test_a_purpose_that_is_neither_is_refused(folder: Path) -> None:
    (folder / "purpose").write_bytes(b"\xff production")
    with pytest.raises(KeyFolderError, match="neither test nor live"):
        FolderKeyStore.open(folder)


# The reference keys


@pytest.fixture(scope="module")
def reference_store() -> KeyStore:
    return FolderKeyStore.open(KEYSTORE)


@pytest.mark.shared
def test_every_reference_file_is_usable_but_one() -> None:
    store = FolderKeyStore.open(KEYSTORE)
    assert [str(problem) for problem in store.check()] == [
        "90b3d51f30000007-ka.pem: a certificate of 90-B3-D5-1F-30-03-00-00"
    ]
    assert sum(store.holds_private(name) for name in store.names()) == 18


@pytest.mark.shared
def test_opening_a_folder_reads_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def note(path: Path) -> bytes:
        read.append(path)
        return b""

    monkeypatch.setattr("protocols.gbcs.key_folder._read", note)
    FolderKeyStore.open(KEYSTORE)
    assert read == []


@pytest.mark.shared
@pytest.mark.parametrize(
    ("role", "party"),
    [
        (1, "90B3D51F30000001"),
        (2, "90B3D51F30010000"),
        (3, "90B3D51F30020000"),
        (4, "90B3D51F30000002"),
        (5, "90B3D51F30000004"),
        (6, "90B3D51F30000007"),
        (8, "90B3D51F30010008"),
        (0, None),
    ],
)
def test_parties_are_found_by_their_role(reference_store: KeyStore, role: int, party: str | None) -> None:
    assert reference_store.party_of_role(role) == (eui64(party) if party else None)


@pytest.mark.shared
def test_the_broker_is_found_without_reading_device_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderKeyStore.open(KEYSTORE)
    store.party_of_role(4)
    assert len(store._entries) < 20


def test_a_role_that_was_set_stays_set() -> None:
    store = MemoryKeyStore()
    assert store.party_of_role(4) is None
    store.set_party_of_role(4, BROKER)
    store.generate(SUPPLIER_KA, randomness("x"))
    assert store.party_of_role(4) == BROKER
