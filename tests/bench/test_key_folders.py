"""Rigs whose keys lie in folders, as those of real parties and devices do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from bench.evidence import RunRecord, Verdict
from bench.home import Home
from bench.pki import TestPki
from bench.rig import Rig, RigError, load_rig, parse_rig
from bench.runner import run_suite, suite_folder
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import RemotePartyRole

from .test_emulate import ROOT, running

PASS_PHRASE = b"for a test"
OTHER_SEED = 77
SUPPLIER = RemotePartyRole.SUPPLIER


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``keys`` with the parties of another seed, ``meter`` with the certificates of its electricity meter."""
    top = tmp_path_factory.mktemp("folders")
    pki = TestPki(load_rig().with_seed(OTHER_SEED))
    keys, meter = (FolderKeyStore.create(top / name, PASS_PHRASE) for name in ("keys", "meter"))
    for party in pki.parties.values():
        for name in sorted(name for name in pki.certificates if name.party == party.eui64):
            keys.generate(name, pki.entropy(f"{name.party.hex()} {name.use}"))
            keys.put_certificate(name, pki.certificates[name])
    identity = load_rig().devices[1].eui64
    for name in [name for name in pki.certificates if name.party == identity]:
        meter.put_certificate(name, pki.certificates[name])
    for file in (top / "keys").glob("*.key"):
        _without_pass_phrase(file)
    return top


def _without_pass_phrase(file: Path) -> None:
    key = serialization.load_pem_private_key(file.read_bytes(), PASS_PHRASE)
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def rig_with(folders: Path, tmp_path: Path) -> Rig:
    """The embedded rig, with parties of the folder."""
    text = (ROOT / "bench" / "data" / "dual-fuel-home.toml").read_text()
    file = tmp_path / "rig.toml"
    keys = os.path.relpath(folders / "keys", tmp_path)
    file.write_text(text.replace("[head_end.parties]", f'[head_end]\nkeystore = "{keys}"\n\n[head_end.parties]', 1))
    return load_rig(file)


ALL_KEYS = ("test_4_electricity_prepayment.py", "test_7_credentials.py", "test_8_gas_proxy.py")
OVER_A_WIRE = ("test_3_electricity_changes.py", "test_9_refusals.py", "test_7_credentials.py")


def suite(rig: Rig, tmp_path: Path, tests: tuple[str, ...]) -> RunRecord:
    return run_suite(rig, tmp_path / "evidence", tests=[str(suite_folder() / name) for name in tests])


def test_parties_of_a_folder_speak_to_emulated_devices(folders: Path, tmp_path: Path) -> None:
    before = sorted(os.listdir(folders / "keys"))
    record = suite(rig_with(folders, tmp_path), tmp_path, ALL_KEYS)
    assert [e.reason for e in record.exchanges if e.verdict is not Verdict.PASS] == []
    assert sorted(os.listdir(folders / "keys")) == before  # nothing is written to a folder that a rig names
    prints = {(made.owner, made.use): made.fingerprint for made in record.certificates}
    other = run_suite(load_rig(), tmp_path / "own", tests=[str(suite_folder() / "test_1_hub.py")])
    assert prints.keys() == {(made.owner, made.use) for made in other.certificates}
    assert not set(prints.values()) & {made.fingerprint for made in other.certificates}


def test_parties_and_a_device_of_folders_meet_over_a_wire(folders: Path, tmp_path: Path) -> None:
    with running("--now", "--seed", str(OTHER_SEED)) as home:
        meter = home.addresses["electricity-meter"]
        file = tmp_path / "rig.toml"
        file.write_text(
            f"""
name = "keys in folders"
seed = 1
head_end.keystore = "{folders / "keys"}"
[[device]]
name = "meter"
type = "ESME"
eui64 = "00DB1234567890A0"
reach = "{meter}"
keystore = "{folders / "meter"}"
"""
        )
        record = suite(load_rig(file), tmp_path, OVER_A_WIRE)
        found = [e.reason for e in record.exchanges if e.verdict not in (Verdict.PASS, Verdict.SKIPPED)]
        assert [reason for reason in found if "this rig has real devices" not in reason] == []
        assert sum(exchange.verdict is Verdict.PASS for exchange in record.exchanges) >= 15
        # keys made from the wrong seed are nobody's
        file.write_text(file.read_text().replace("head_end.keystore", "reply_seconds = 0.2 #"))
        assert Verdict.PASS not in {
            exchange.verdict for exchange in suite(load_rig(file), tmp_path, OVER_A_WIRE).exchanges
        }


def test_no_party_learns_the_private_key_of_a_device(folders: Path, tmp_path: Path) -> None:
    with Home(rig_with(folders, tmp_path)) as home:
        store = home.head_end.store(SUPPLIER)
        meter = KeyName(home.target("electricity-meter").eui64, KeyUse.KEY_AGREEMENT)
        assert store.public_point(meter) is not None
        assert not store.holds_private(meter)


def test_a_folder_that_is_not_one_of_keys_is_a_fault_of_the_rig(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "purpose").write_text("live\n")
    device = '[[device]]\nname = "m"\ntype = "ESME"\neui64 = "00DB1234567890A0"'
    text = f'name = "x"\nhead_end.keystore = "{tmp_path / "keys"}"\n{device}'
    with pytest.raises(RigError, match=r"head_end\.keystore: .*live"):
        Home(parse_rig(text.encode(), "x.toml"))
