"""Nothing secret in what the program leaves: evidence, memories, logs, outputs, tracebacks, reprs, copies."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bench.authority.laboratory import Laboratory
from bench.commands.emulate import run_emulate
from bench.commands.run import run_run
from bench.devices import make_device
from bench.exit_codes import ExitCode
from bench.head_end import Command, HeadEnd
from bench.home import Home
from bench.home_files import HomeFiles
from bench.pki import TestPki
from bench.requests import Request, asn1, dlms
from bench.rig import load_rig
from firmware_emu import Device, MemoryNvm
from firmware_emu.outputs import SendMessage
from firmware_emu.parts.credentials.own_keys import OwnKeys
from firmware_emu.parts.credentials.sealed_keys import RECORDS
from firmware_emu.sqlite_nvm import SqliteNvm
from protocols.errors import LocalProtocolError
from protocols.gbcs import elliptic_curve, keys, protection, sealing, utrn
from protocols.gbcs.asn1_credentials import IssueCredentialsCommand, UpdateDeviceCertificateCommand
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.secret import Secret
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from .secret_search import Secrets, der_of, forms, pem_of, reachable, texts_of

RIG = load_rig()
METER = RIG.devices[1]
USAGES = {KeyUse.DIGITAL_SIGNING: KeyUsage.DIGITAL_SIGNATURE, KeyUse.KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT}
SUPPLIER = RemotePartyRole.SUPPLIER
OWN = KeyName(METER.eui64, KeyUse.DIGITAL_SIGNING)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Secrets]:
    """Everything secret that is made from now on; in the end no log record may hold any of it."""
    found = Secrets()
    found.watch(monkeypatch)
    caplog.set_level(logging.DEBUG)
    yield found
    told = [f"{record.getMessage()} {record.args!r} {record.__dict__!r}".encode() for record in caplog.records]
    assert found.look(*told) == []


# the search itself


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    found, private = Secrets(), ec.derive_private_key(int.from_bytes(bytes(range(7, 39)), "big"), ec.SECP256R1())
    found.add_key(private)
    (secret,) = found.known
    for name, form in forms(secret):
        (tmp_path / "planted").write_bytes(b"some text before " + form + b" and after")
        assert f"private key, {name}" in found.look_in(tmp_path), name
    for planted in (pem_of(private), der_of(private), repr({"key": secret}).encode(), pem_of(private).hex().encode()):
        if planted != pem_of(private).hex().encode():  # nobody writes that
            assert found.look(b"x" * 100 + planted)
    assert found.look(b"nothing " * 100, secret[:-1], secret[1:].hex().encode()) == []


def test_what_runs_is_gathered(secrets: Secrets) -> None:
    Life().renew(KeyUse.KEY_AGREEMENT)
    kinds = {*secrets.known.values()}
    assert kinds == {
        "private key",
        "shared secret",
        "derived key",
        "sealing key",
        "secret of a device",
        "key of a device's secret",
    }


# what is left


def test_a_run_leaves_no_secret(secrets: Secrets, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_run(None, tmp_path / "evidence", None, [], None, as_json=False) in (ExitCode.PASS, ExitCode.FAIL)
    said = capfd.readouterr()
    assert len(secrets.known) > 500
    assert len(said.out) > 100
    assert secrets.look(said.out.encode(), said.err.encode()) == []
    assert secrets.look_in(tmp_path / "evidence") == []
    some = next(secret for secret, what in secrets.known.items() if what == "derived key")
    report = (tmp_path / "evidence" / "report.html").read_bytes()
    assert "derived key, hex" in secrets.look(report + some.hex().encode())


def test_a_home_on_disk_leaves_no_secret(secrets: Secrets, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    for _ in range(2):
        assert run_emulate(None, 3600.0, 0.5, state, "127.0.0.1", 77, None, from_now=False) is ExitCode.PASS
    rig = RIG.with_seed(77)
    life = Life(HomeFiles(state, rig).memory(METER), seed=77)
    for use in USAGES:
        life.renew(use)
    life.request(KeyUse.KEY_AGREEMENT)
    assert isinstance(life.device.nvm, SqliteNvm)
    assert len(life.device.nvm.keys(RECORDS)) == 3
    assert secrets.look_in(state) == []
    life.device.decommission(life.now)
    life.device.nvm.close()
    said = capfd.readouterr()
    assert secrets.look(said.out.encode(), said.err.encode()) == []
    assert secrets.look_in(state) == []


def test_a_laboratory_leaves_no_secret(secrets: Secrets, tmp_path: Path) -> None:
    phrase = b"correct horse battery staple"
    with Laboratory.create(tmp_path / "lab", lambda: phrase, RIG.started):
        pass
    assert "private key" in secrets.known.values()
    secrets.add(phrase, "pass phrase")
    assert secrets.look_in(tmp_path / "lab") == []


def test_a_key_folder_leaves_no_secret(secrets: Secrets, tmp_path: Path) -> None:
    store = FolderKeyStore.create(tmp_path / "keys", b"correct horse battery staple")
    store.generate(OWN, bytes(range(48)))
    secrets.add(b"correct horse battery staple", "pass phrase")
    assert secrets.look_in(tmp_path / "keys") == []
    shown = "".join(text for each in reachable(store) for text in texts_of(each))
    assert secrets.look(shown.encode()) == []


# what objects show


def test_no_object_shows_a_secret(secrets: Secrets) -> None:
    with Home(RIG) as home:
        home.target("electricity-meter").ask(dlms("ECS52"))
        life = Life()
        life.renew(KeyUse.DIGITAL_SIGNING)
        objects = reachable(home, life)
        kinds = {type(each).__name__ for each in objects}
        assert {"MemoryKeyStore", "Entry", "Fuses", "OwnKeys", "TestPki", "Device", "HeadEnd", "Secret"} <= kinds
        shown = {text for each in objects for text in texts_of(each)}
    assert secrets.look("\0".join(shown).encode()) == []


def test_no_copy_shows_a_secret(secrets: Secrets) -> None:
    life = Life()
    life.renew(KeyUse.DIGITAL_SIGNING)
    taken: list[bytes] = []
    refused = set()
    for each in reachable(life):
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            try:
                made = take(each)
            except Exception as error:  # noqa: BLE001 - whatever cannot be copied shows nothing
                if isinstance(error, LocalProtocolError):
                    refused.add(type(each).__name__)
                taken.append(repr(error).encode())
            else:
                taken.append(made if isinstance(made, bytes) else repr(made).encode())
    assert {"MemoryKeyStore", "Entry", "Fuses", "Secret"} <= refused
    assert len(taken) > 1000
    assert secrets.look(*taken) == []


# what errors show


class Broken:
    """A cipher that fails with its key in reach."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "<broken cipher>"

    def encrypt(self, *_: object) -> bytes:
        raise RuntimeError("the cipher is broken")

    decrypt = encrypt


broken = partial(bytes.fromhex, "no hexadecimal digits")
"""What fails wherever it is put; it has no variables of its own that could be shown."""


def pem_with_phrase(life: Life) -> None:
    private = ec.derive_private_key(int.from_bytes(bytes(range(9, 41)), "big"), ec.SECP256R1())
    MemoryKeyStore().put_private_key(OWN, Secret(pem_of(private)), b"a phrase that the key has not")


ERRORS: dict[str, tuple[Callable[[Life], object], Callable[[pytest.MonkeyPatch], None]]] = {
    "mac": (lambda life: life.ask(dlms("ECS52")), lambda patch: patch.setattr(protection, "AESGCM", Broken)),
    "seal": (lambda life: life.request(OWN.use), lambda patch: patch.setattr(sealing, "AESGCM", Broken)),
    "open": (lambda life: life.restart(), lambda patch: patch.setattr(sealing, "AESGCM", Broken)),
    "token": (lambda life: life.token(), lambda patch: patch.setattr(utrn, "AESGCM", Broken)),
    "write": (lambda life: life.request(OWN.use), lambda patch: patch.setattr(MemoryNvm, "commit", broken)),
    "make": (lambda life: life.request(OWN.use), lambda patch: patch.setattr(ec, "derive_private_key", broken)),
    "number": (lambda life: life.restart(), lambda patch: patch.setattr(ec, "derive_private_key", broken)),
    "agree": (lambda life: life.again(), lambda patch: patch.setattr(keys, "begin_derivation", broken)),
    "entropy": (
        lambda _life: TestPki(RIG),
        lambda patch: patch.setattr(elliptic_curve, "ENTROPY_LENGTH", 47),
    ),
    "device": (lambda life: life.restart(), lambda patch: patch.setattr(Device, "_announce_outage", broken)),
    "handler": (lambda life: life.request(OWN.use), lambda patch: patch.setattr(CertificationRequest, "make", broken)),
    "pem": (pem_with_phrase, lambda _patch: None),
    "infrastructure": (
        lambda _life: TestPki(RIG),
        lambda patch: patch.setattr("protocols.smki.infrastructure.issue_root", broken),
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_no_error_shows_a_secret(name: str, secrets: Secrets) -> None:
    work, spoil = ERRORS[name]
    life = Life()
    with pytest.MonkeyPatch.context() as patch:
        spoil(patch)
        with pytest.raises((RuntimeError, TypeError, ValueError, LocalProtocolError)) as raised:
            work(life)
    told = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    text = "".join(told.format())
    assert len(text) > 500
    assert secrets.look(text.encode()) == []


class Life:
    """The embedded rig's electricity meter, and the supplier that gives it new keys."""

    def __init__(self, nvm: SqliteNvm | None = None, seed: int | None = None) -> None:
        rig = RIG if seed is None else RIG.with_seed(seed)
        self.pki = TestPki(rig)
        self.head_end = HeadEnd(self.pki.parties, {device.eui64: device.type for device in rig.devices}, 1 << 40)
        self.device = make_device(METER, self.pki, nvm)
        self.now = rig.started + (0 if nvm is None else 86_400 * 365)
        self.device.power_on(self.now)

    def ask(self, request: Request) -> Message:
        """Send a command; the answer."""
        command: Command = self.head_end.command(METER.eui64, request)
        self.now += 1
        sent = [each for each in self.device.receive(command.octets, self.now) if isinstance(each, SendMessage)]
        return Message.decode(sent[-1].octets)

    def request(self, use: KeyUse) -> CertificationRequest:
        """CS02c."""
        payload = decode_payload(self.ask(asn1("CS02c", IssueCredentialsCommand(USAGES[use]))))
        assert isinstance(payload, Asn1Payload)
        return CertificationRequest.decode(payload.value.certification_request)

    def renew(self, use: KeyUse) -> None:
        """CS02c and CS02d."""
        issued = self.pki.certify(self.request(use)).octets
        self.ask(asn1("CS02d", UpdateDeviceCertificateCommand(issued)))
        self.pki.learn(KeyName(METER.eui64, use), issued)
        assert self.device.find(OwnKeys).state.certificates[use] == issued

    def restart(self) -> None:
        """Off, and on again from its memory."""
        self.device.power_off(self.now)
        self.device.power_on(self.now)

    def again(self) -> None:
        """Agree every secret anew."""
        self.device.keys._agreed.clear()
        self.ask(dlms("ECS52"))

    def token(self) -> str:
        """A prepayment token."""
        party = self.pki.parties[SUPPLIER]
        return make_utrn(party.store, party.eui64, METER.eui64, 5, 10, ValueClass.POUNDS)
