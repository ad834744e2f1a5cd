"""A home on disk goes on with the keys that its devices had, also those that were replaced; with no other keys."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from bench.commands.emulate import run_emulate
from bench.exit_codes import ExitCode
from bench.head_end import HeadEnd
from bench.home_files import MARK, HomeFiles
from bench.pki import TestPki
from bench.requests import Request, asn1, dlms
from firmware_emu.parts.credentials.sealed_keys import RECORDS
from firmware_emu.sqlite_nvm import SqliteNvm
from hal import open_blocking
from protocols.gbcs.asn1_credentials import (
    DeviceCertificateResult,
    IssueCredentialsCommand,
    UpdateDeviceCertificateCommand,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from .test_emulate import IDENTITY, METER, PATIENCE, RIG, refused, running

USAGES = {
    KeyUse.DIGITAL_SIGNING: KeyUsage.DIGITAL_SIGNATURE,
    KeyUse.KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT,
}
DEVICE = IDENTITY[METER]


class Supplier:
    """Commands the meter at an address; it learns the meter's new keys."""

    def __init__(self) -> None:
        self._pki = TestPki(RIG)
        kinds = {device.eui64: device.type for device in RIG.devices}
        self._head_end = HeadEnd(self._pki.parties, kinds, 1 << 40)
        self.store = self._pki.parties[RemotePartyRole.SUPPLIER].store

    def ask(self, address: str, request: Request, learn: tuple[KeyUse, bytes] | None = None) -> Message:
        """Send a command; its answer, which must be authentic, with the key that is learned meanwhile."""
        command = self._head_end.command(DEVICE, request)
        if learn is not None:
            self._pki.learn(KeyName(DEVICE, learn[0]), learn[1])
        with open_blocking(address) as wire:
            wire.send(command.octets)
            while True:
                message = Message.decode(wire.receive(PATIENCE).payload)
                if message.cra is Cra.RESPONSE and message.counter == command.message.counter:
                    break
        found = verify(message, self.store)
        assert Verdict.VALID in found
        assert Verdict.INVALID not in found
        return message

    def request(self, address: str, use: KeyUse) -> CertificationRequest:
        """CS02c."""
        answer = value_of(self.ask(address, asn1("CS02c", IssueCredentialsCommand(USAGES[use]))))
        return CertificationRequest.decode(answer.certification_request)  # type: ignore[attr-defined]  # its answer

    def install(self, address: str, use: KeyUse, request: CertificationRequest) -> None:
        """CS02d."""
        issued = self._pki.certify(request).octets
        answer = self.ask(address, asn1("CS02d", UpdateDeviceCertificateCommand(issued)), (use, issued))
        assert value_of(answer).result is DeviceCertificateResult.SUCCESS  # type: ignore[attr-defined]  # its answer


def value_of(message: Message) -> object:
    payload = decode_payload(message)
    assert isinstance(payload, Asn1Payload)
    return payload.value


def test_a_killed_home_goes_on_with_replaced_and_waiting_keys(tmp_path: Path) -> None:
    state, supplier = str(tmp_path / "state"), Supplier()
    first = {use: supplier.store.public_point(KeyName(DEVICE, use)) for use in USAGES}
    with running("--state", state, "--speed", "100") as home:
        address = home.addresses[METER]
        for use in USAGES:
            supplier.install(address, use, supplier.request(address, use))
        waiting = supplier.request(address, KeyUse.KEY_AGREEMENT)
        home.stop(signal.SIGKILL)
    held = {use: supplier.store.public_point(KeyName(DEVICE, use)) for use in USAGES}
    assert not set(first.values()) & set(held.values())
    with running("--state", state, "--speed", "100") as home:
        supplier.ask(home.addresses[METER], dlms("ECS52"))
        supplier.install(home.addresses[METER], KeyUse.KEY_AGREEMENT, waiting)
        assert home.stop() == (0, "")
    with running("--state", state, "--speed", "100") as home:
        supplier.ask(home.addresses[METER], dlms("ECS52"))
        assert home.stop() == (0, "")


def octets_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def emulated(state: Path, seed: int) -> ExitCode:
    return run_emulate(None, 1.0, 0.0, state, "127.0.0.1", seed, None, from_now=False)


def test_keys_do_not_open_with_another_seed_and_are_not_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    assert emulated(state, 5) is ExitCode.PASS
    kept = octets_of(state)
    other = tmp_path / "other"
    assert emulated(other, 6) is ExitCode.PASS
    (state / MARK).write_bytes((other / MARK).read_bytes())  # somebody says that it is the other home
    told = refused(capsys, state=state, seed=6)
    assert "hub.sqlite: no memory of this home and seed, nothing was changed: ds in use: a sealed key" in told
    assert octets_of(state) == kept | {MARK: (other / MARK).read_bytes()}
    (state / MARK).write_bytes(kept[MARK])
    assert emulated(state, 5) is ExitCode.PASS


def test_what_says_whose_the_memories_are_is_not_the_seed(tmp_path: Path) -> None:
    """It lies beside the sealed keys, and the seed opens them."""
    rig = RIG.with_seed(987654321)
    HomeFiles(tmp_path, rig).begun()
    assert "987654321" not in (tmp_path / MARK).read_text()
    assert not HomeFiles(tmp_path, rig).new


def test_a_memory_without_keys_or_of_another_form_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    assert emulated(state, 5) is ExitCode.PASS
    nvm = SqliteNvm(state / f"{METER}.sqlite")
    for key in nvm.keys(RECORDS):
        nvm.delete(key)
    nvm.commit()
    assert "a sealed key that is gone" in refused(capsys, state=state, seed=5)
    nvm.put("part/own keys", json.dumps({"unknown": 1}).encode())
    nvm.commit()
    assert "cannot be read, nothing was changed" in refused(capsys, state=state, seed=5)
    nvm.delete("part/own keys")
    nvm.commit()
    assert "no private key" in refused(capsys, state=state, seed=5)
    nvm.close()
