"""A device's private keys at rest: sealed in its memory, refused when they are not its own, destroyed for good."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from firmware_emu import Device, MemoryNvm, Output, Personality, PersonalityError, PowerCut
from firmware_emu.parts.credentials.asn1 import asn1_parts
from firmware_emu.parts.credentials.own_keys import ERASES_NOTHING, KEY_REFUSED, OwnKeys
from firmware_emu.parts.credentials.rules import CELLS
from firmware_emu.parts.credentials.sealed_keys import KEEPS_OLD_KEY_ON_SWAP, RECORDS
from firmware_emu.parts.credentials.update import anchor_of
from firmware_emu.parts.tamper import SUPPLY_LOCKED, Tamper
from firmware_emu.sqlite_nvm import SqliteNvm
from protocols.gbcs.asn1_credentials import (
    DeviceCertificateResult,
    IssueCredentialsCommand,
    ReadDeviceCertificateCommand,
    UpdateDeviceCertificateCommand,
)
from protocols.gbcs.asn1_device import ReadDeviceLogCommand
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import RemotePartyRole
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest, check_request, issue_requested_device

from .asn1_home import DS, KA, PARTIES, SMKI, START, Asn1Rig, certificate, device_keys
from .tiny import messages

SECRET, OTHER_SECRET = b"the secret of one chip", b"the secret of another"
USAGES = {DS: KeyUsage.DIGITAL_SIGNATURE, KA: KeyUsage.KEY_AGREEMENT}
IN_USE, WAITING = "ds in use", "ds waiting"
TAMPERED = 0x8F74


@dataclass
class KeyRig(Asn1Rig):
    """A device that gets its private keys from its maker once, and then from its own memory."""

    nvm: MemoryNvm = field(default_factory=MemoryNvm)
    secret: bytes = SECRET
    personality: Personality = field(default_factory=Personality)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.device.commit()

    def start(self) -> list[Output]:
        parts = [Tamper(None), *asn1_parts(self.kind, self.secret)]
        self.device = Device(self.identity, self.personality, self.nvm, self.device_keys, parts)
        return self.device.power_on(self.now)

    def restart(self, secret: bytes = SECRET, nvm: MemoryNvm | None = None) -> list[Message]:
        """The device anew, with no key but those in its memory."""
        self.nvm = MemoryNvm(self.nvm.medium) if nvm is None else nvm
        self.device_keys, self.secret = MemoryKeyStore(), secret
        return messages(self.start())

    @property
    def own(self) -> OwnKeys:
        return self.device.find(OwnKeys)

    def name(self, use: KeyUse) -> KeyName:
        return KeyName(self.identity, use)

    def is_alive(self, *, learn: bool = True) -> bool:
        """Whether it answers a read, with protection that the far side takes for its own."""
        if learn:
            for use in (DS, KA):
                held = self.device_keys.certificate(self.name(use))
                if held is not None:
                    self.keys.put_certificate(self.name(use), held)
        sent = self.send(self.command(0x000C, ReadDeviceCertificateCommand(USAGES[DS])))
        answers = [message for message in sent if message.cra is Cra.RESPONSE]
        return bool(answers) and self.is_authentic(answers[0])

    def is_authentic(self, message: Message) -> bool:
        found = verify(message, self.keys)
        return Verdict.VALID in found and not {Verdict.INVALID, Verdict.NO_KEY} & {*found}

    def renew(self, use: KeyUse) -> Certificate:
        """CS02c and CS02d."""
        request = self.request(use)
        issued = issue_requested_device(SMKI.device_authority, request, 77, START)
        sent = self.send(self.command(0x000B, UpdateDeviceCertificateCommand(issued.octets)))
        assert len(sent) == 1
        self.keys.put_certificate(self.name(use), issued.octets)
        assert self.is_authentic(sent[0])
        return issued

    def request(self, use: KeyUse) -> CertificationRequest:
        answer = self.ask(0x000A, IssueCredentialsCommand(USAGES[use]))
        request = CertificationRequest.decode(answer.certification_request)
        assert check_request(request, self.identity, USAGES[use]) == ()
        return request

    def sealed(self) -> dict[str, bytes]:
        """The sealed keys in the memory."""
        return {key.removeprefix(RECORDS): self.nvm.medium.records[key] for key in self.nvm.keys(RECORDS)}

    def everything(self) -> bytes:
        """Every octet of the memory."""
        medium = self.nvm.medium
        logs = (bytes(held) for _, held in medium.logs.values())
        return b"|".join((*medium.records.values(), *logs, repr(medium.journal).encode()))


# at rest


def test_a_device_starts_with_the_keys_in_its_own_memory() -> None:
    rig = KeyRig()
    points = {use: rig.device_keys.public_point(rig.name(use)) for use in USAGES}
    certificates = {use: rig.device_keys.certificate(rig.name(use)) for use in USAGES}
    assert sorted(rig.sealed()) == ["ds in use", "ka in use"]
    rig.restart()
    assert {use: rig.device_keys.public_point(rig.name(use)) for use in USAGES} == points
    assert {use: rig.device_keys.certificate(rig.name(use)) for use in USAGES} == certificates
    assert all(rig.device_keys.holds_private(rig.name(use)) for use in USAGES)
    assert rig.is_alive()
    assert not rig.device.unsaved()


@pytest.mark.parametrize("use", [DS, KA])
def test_replaced_and_waiting_keys_are_there_after_an_outage(use: KeyUse) -> None:
    rig = KeyRig()
    before = rig.sealed()[f"{use} in use"]
    issued = rig.renew(use)
    assert rig.sealed()[f"{use} in use"] != before
    assert f"{use} waiting" not in rig.sealed()
    assert before not in rig.everything()
    waiting = rig.request(use)
    rig.restart()
    assert rig.device_keys.certificate(rig.name(use)) == issued.octets
    assert rig.device_keys.next_point(rig.name(use)) == waiting.public_point
    assert rig.is_alive()
    after = rig.request(use)
    assert after.public_point not in (waiting.public_point, issued.public_point)


def test_the_same_run_leaves_the_same_octets_and_no_nonce_comes_twice() -> None:
    def run() -> dict[bytes, bytes]:
        rig, seen = KeyRig(), dict[bytes, bytes]()
        for use in (DS, KA, DS, DS, KA):
            rig.request(use)
            seen |= {blob[:9]: blob for blob in rig.sealed().values()}
            rig.renew(use)
            for blob in rig.sealed().values():
                assert seen.setdefault(blob[:9], blob) == blob
            rig.restart()
        return seen

    first = run()
    assert first == run()
    assert len(first) == len(set(first.values())) == 12  # two at the maker's, five that waited, five swaps
    assert KeyRig().sealed() == KeyRig().sealed() != KeyRig(secret=OTHER_SECRET).sealed()


def flip(blob: bytes) -> bytes:
    return blob[:-1] + bytes((blob[-1] ^ 1,))


def change(rig: KeyRig, work: Callable[[dict[str, bytes]], None]) -> None:
    """Somebody works on the memory while the device is off."""
    records = {key.removeprefix(RECORDS): value for key, value in rig.nvm.medium.records.items()}
    work(records)
    kept = {key for key in rig.nvm.medium.records if key.startswith(RECORDS)}
    for key in kept:
        rig.nvm.medium.records.pop(key)
    rig.nvm.medium.records |= {RECORDS + key: value for key, value in records.items() if " " in key and key[:2] in USES}


USES = ("ds", "ka")


def test_a_changed_bit_is_refused_and_told() -> None:
    rig = KeyRig()
    change(rig, lambda held: held.update({"ka in use": flip(held["ka in use"])}))
    rig.restart()
    assert rig.own.refused == ["ka in use: a sealed key that was changed, or belongs to another device, use or place"]
    assert rig.security_log() == [KEY_REFUSED]
    assert not rig.is_alive()  # it cannot even check the MAC
    assert not rig.device_keys.holds_private(rig.name(KA))


def test_without_its_signing_key_a_device_answers_what_needs_none() -> None:
    rig = KeyRig()
    change(rig, lambda held: held.update({IN_USE: flip(held[IN_USE])}))
    rig.restart()
    assert not rig.is_alive()
    assert rig.ask(0x0013, ReadDeviceLogCommand()).entries == ()  # its answer has a MAC only
    assert rig.device.sense("meter cover", True, rig.now) == []  # no alert that it could sign
    assert rig.security_log() == [KEY_REFUSED, TAMPERED]
    rig.own.make_anew()
    rig.device.commit()
    rig.restart()
    assert rig.own.refused == []
    assert rig.device.sense("magnet", True, rig.now)


def test_an_older_key_that_is_put_back_is_refused() -> None:
    rig = KeyRig()
    old = rig.sealed()[IN_USE]
    rig.renew(DS)
    change(rig, lambda held: held.update({IN_USE: old}))
    rig.restart()
    assert rig.own.refused == ["ds in use: a sealed key of an older generation: 1, not 4"]
    assert rig.security_log()[-1] == KEY_REFUSED


@pytest.mark.parametrize("place", [WAITING, "ka in use"])
def test_a_key_in_the_place_of_another_is_refused(place: str) -> None:
    rig = KeyRig()
    rig.request(DS)
    change(rig, lambda held: held.update({IN_USE: held[place]}))
    rig.restart()
    assert len(rig.own.refused) == 1
    assert not rig.device_keys.holds_private(rig.name(DS))


def test_a_key_that_is_gone_is_refused() -> None:
    rig = KeyRig()
    change(rig, lambda held: held.__delitem__(IN_USE))
    rig.restart()
    assert rig.own.refused == ["ds in use: a sealed key that is gone"]


def test_the_keys_of_one_device_do_not_open_in_another() -> None:
    rig = KeyRig()
    rig.restart(OTHER_SECRET)
    assert len(rig.own.refused) == 2
    assert rig.security_log() == [KEY_REFUSED] * 2
    assert not rig.is_alive()
    held = rig.sealed()
    rig.restart()  # nothing is lost by it
    assert rig.sealed() == held
    assert rig.is_alive()


def test_a_live_device_makes_no_keys_from_a_seed() -> None:
    """What is made can be made again by whoever knows the secret: it is for tests."""
    rig = KeyRig()
    rig.device_keys._purpose = type(rig.device_keys.purpose)("live")
    answer = rig.ask(0x000A, IssueCredentialsCommand(USAGES[DS]))
    assert answer.certification_request is None
    assert rig.own.state.made == 0


# erased


def zeroising(*on: str, defects: tuple[str, ...] = ()) -> KeyRig:
    personality = Personality(zeroises=True, zeroises_on=frozenset(on), defects=frozenset(defects))
    return KeyRig(personality=personality)


def test_a_tamper_destroys_the_keys_after_its_alerts_are_signed() -> None:
    rig = zeroising()
    rig.own.device.part("tamper").state.locks = True
    held = [*rig.sealed().values()]
    sent = messages(rig.device.sense("meter cover", True, rig.now))
    assert sent
    assert all(verify(message, rig.keys).signature is Verdict.VALID for message in sent)
    assert rig.sealed() == {}
    assert not [blob for blob in held if blob in rig.everything() or blob.hex().encode() in rig.everything()]
    assert not rig.is_alive(learn=False)
    assert not rig.device_keys._agreed
    assert list(rig.device.credentials.cells())  # it knows whom it does not answer
    assert rig.restart() == []
    assert not rig.is_alive(learn=False)
    assert rig.device.sense("magnet", True, rig.now) == []
    assert rig.security_log()[:1] == [TAMPERED]


@pytest.mark.parametrize(("signal", "erased"), [("magnet", True), ("meter cover", False), ("physical tamper", True)])
def test_a_personality_says_which_tampers_count(signal: str, erased: bool) -> None:
    rig = zeroising("8F75", "8f3f")
    assert rig.device.sense(signal, True, rig.now)
    assert (rig.sealed() == {}) == erased == (not rig.is_alive())


def test_usually_no_tamper_destroys_keys() -> None:
    rig = KeyRig()
    for signal in ("meter cover", "magnet", "physical tamper"):
        rig.device.sense(signal, True, rig.now)
    assert rig.is_alive()
    assert not any(Personality().destroys_keys_on(code) for code in range(0x10000))
    assert not Personality(zeroises=True).destroys_keys_on(SUPPLY_LOCKED)
    with pytest.raises(PersonalityError, match="zeroises_on"):
        Personality(zeroises=True, zeroises_on=frozenset({"8F00"}))


def test_a_device_out_of_service_knows_nobody_and_says_nothing() -> None:
    rig = KeyRig()
    rig.device.credentials.add_partner(rig.identity, device_keys(rig.identity).certificate(rig.name(KA)) or b"")
    held = [*rig.sealed().values()]
    certificates = [certificate(PARTIES[RemotePartyRole.SUPPLIER], RemotePartyRole.SUPPLIER, DS).octets]
    command = rig.command(0x000C, ReadDeviceCertificateCommand(USAGES[DS]))
    assert rig.device.decommission(rig.now) == []
    for _ in range(2):
        assert rig.device.retired
        assert not list(rig.device.credentials.cells())
        assert not rig.device.credentials.state.partners
        assert not [name for name in rig.device_keys.names() if name.party in (rig.identity, *PARTIES.values())]
        everything = rig.everything()
        assert not [each for each in (*held, *certificates) if each in everything or each.hex().encode() in everything]
        assert rig.send(command) == []
        logged = rig.security_log()
        assert rig.device.receive(b"no message", rig.now) == []
        assert rig.security_log() == logged  # it does not even hear it
        assert rig.device.sense("meter cover", True, rig.now) == []
        assert rig.device.advance(rig.now + 86_400) == []
        rig.now += 86_400
        rig.restart()


def test_only_its_maker_makes_a_device_anew() -> None:
    rig = KeyRig()
    before = {use: rig.device_keys.public_point(rig.name(use)) for use in USAGES}
    rig.device.decommission(rig.now)
    rig.restart()
    requests = {use: CertificationRequest.decode(octets) for use, octets in rig.own.make_anew().items()}
    for use, request in requests.items():
        assert check_request(request, rig.identity, USAGES[use]) == ()
        assert request.public_point != before[use]
        rig.own.put_certificate(issue_requested_device(SMKI.device_authority, request, 78, START).octets)
    for role in (RemotePartyRole.SUPPLIER, RemotePartyRole.ACCESS_CONTROL_BROKER):
        for cell in sorted(CELLS[rig.kind], key=str):
            if cell.role is role and cell.use is not None:
                rig.device.credentials.fill(cell, anchor_of(cell, certificate(PARTIES[role], role, cell.use)))
    rig.device.commit()
    rig.restart()
    assert rig.is_alive()


def test_a_device_that_keeps_what_it_should_destroy_is_found() -> None:
    rig = zeroising(defects=(ERASES_NOTHING,))
    rig.device.sense("meter cover", True, rig.now)
    assert not rig.is_alive()
    assert sorted(rig.sealed()) == ["ds in use", "ka in use"]
    rig = KeyRig(personality=Personality(defects=frozenset({KEEPS_OLD_KEY_ON_SWAP})))
    old = rig.sealed()[IN_USE]
    rig.renew(DS)
    assert old in rig.everything()


# on disk


def octets_of(folder: Path) -> bytes:
    return b"|".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def filled(path: Path, rows: int = 400) -> tuple[SqliteNvm, list[bytes]]:
    """A memory with much around the secret, changed often, so that pages are split and moved."""
    nvm, secrets = SqliteNvm(path), [bytes((number,)) * 57 for number in range(1, 9)]
    for number in range(rows):
        nvm.put(f"key/{number % 8}", secrets[number % 8])
        nvm.put(f"part/{number:04}", bytes(number % 199))
        nvm.append("log/x", bytes(20), 2000)
        nvm.commit()
        if number % 3:
            nvm.delete(f"part/{number - 2:04}")
            nvm.commit()
    return nvm, secrets


def test_what_is_wiped_is_in_no_file_any_more(tmp_path: Path) -> None:
    nvm, secrets = filled(tmp_path / "meter.sqlite")
    assert all(secret in octets_of(tmp_path) for secret in secrets)
    for number in range(8):
        nvm.wipe(f"key/{number}")
    nvm.put("key/0", b"new")
    nvm.commit()
    assert not [secret for secret in secrets if secret in octets_of(tmp_path)]
    assert nvm.get("key/0") == b"new"
    assert nvm.keys("key/") == ["key/0"]
    nvm.close()


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_in_pages_that_were_moved(tmp_path: Path, seed: int) -> None:
    """Records of all sizes come and go; overwriting what is deleted alone leaves a secret behind with seed 0."""
    numbers = Random(seed)
    nvm = SqliteNvm(tmp_path / "meter.sqlite")
    nvm._db.execute("PRAGMA synchronous=OFF")
    secrets = {f"key/{number}": numbers.randbytes(57) for number in range(4)}
    for key, secret in secrets.items():
        nvm.put(key, secret)
    for _ in range(3000):
        key = f"{numbers.choice('abckz')}/{numbers.randrange(60)}"
        if numbers.random() < 0.3:
            nvm.delete(key)
        else:
            nvm.put(key, numbers.randbytes(numbers.choice([3, 30, 200, 700, 1500, 5000])))
        nvm.commit()
    assert all(secret in octets_of(tmp_path) for secret in secrets.values())
    for key in secrets:
        nvm.wipe(key)
    nvm.commit()
    nvm.close()
    assert not [key for key, secret in secrets.items() if secret in octets_of(tmp_path)]


def test_what_was_only_deleted_may_still_be_there(tmp_path: Path) -> None:
    """Shows that the search finds something: the log of writes still has what a plain removal leaves."""
    nvm, secrets = filled(tmp_path / "meter.sqlite")
    for number in range(8):
        nvm.delete(f"key/{number}")
    nvm.commit()
    assert [secret for secret in secrets if secret in octets_of(tmp_path)]
    nvm.close()


def test_a_process_that_is_killed_while_wiping_goes_on_with_it(tmp_path: Path) -> None:
    nvm, secrets = filled(tmp_path / "meter.sqlite")
    nvm.wipe("key/1")
    nvm._db.execute("COMMIT")  # and then it is killed
    nvm._open = False
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in tmp_path.glob("meter.sqlite*"):
        shutil.copy(path, killed)
    assert secrets[1] in octets_of(killed)
    again = SqliteNvm(killed / "meter.sqlite")
    assert secrets[1] not in octets_of(killed)
    assert again.get("key/1") is None
    assert again.get("key/2") == secrets[2]
    again.close()
    nvm.close()


def test_a_wipe_that_is_abandoned_changes_nothing(tmp_path: Path) -> None:
    nvm = SqliteNvm(tmp_path / "meter.sqlite")
    nvm.put("key/x", b"kept")
    nvm.commit()
    nvm.wipe("key/x")
    nvm.abandon()
    nvm.commit()
    assert nvm.get("key/x") == b"kept"
    nvm.close()
    with sqlite3.connect(tmp_path / "meter.sqlite") as found:
        assert found.execute("SELECT count(*) FROM wiping").fetchone() == (0,)


@pytest.mark.parametrize("end", ["tamper", "out of service"])
def test_a_device_on_disk_leaves_nothing_of_its_keys(tmp_path: Path, end: str) -> None:
    rig = zeroising()
    disk = SqliteNvm(tmp_path / "meter.sqlite")
    for key, value in rig.nvm.medium.records.items():
        disk.put(key, value)
    disk.commit()
    rig.restart(nvm=disk)  # type: ignore[arg-type]  # it is asked for nothing that only the other has
    rig.renew(DS)
    held = [disk.get(key) or b"" for key in disk.keys(RECORDS)]
    assert all(blob in octets_of(tmp_path) for blob in held)
    if end == "tamper":
        rig.device.sense("meter cover", True, rig.now)
    else:
        rig.device.decommission(rig.now)
    assert not [blob for blob in held if blob in octets_of(tmp_path)]
    disk.close()
    again = SqliteNvm(tmp_path / "meter.sqlite")
    rig.restart(nvm=again)  # type: ignore[arg-type]  # as above
    assert not rig.is_alive()
    assert rig.device.retired == (end == "out of service")
    again.close()


def test_a_swap_on_disk_leaves_nothing_of_the_old_key(tmp_path: Path) -> None:
    rig = KeyRig()
    disk = SqliteNvm(tmp_path / "meter.sqlite")
    for key, value in rig.nvm.medium.records.items():
        disk.put(key, value)
    disk.commit()
    rig.restart(nvm=disk)  # type: ignore[arg-type]  # it is asked for nothing that only the other has
    old = disk.get(RECORDS + IN_USE) or b"none"
    rig.request(DS)
    first = disk.get(RECORDS + WAITING) or b"none"
    request = rig.request(DS)
    assert first not in octets_of(tmp_path)
    waiting = disk.get(RECORDS + WAITING) or b"none"
    assert waiting in octets_of(tmp_path)
    issued = issue_requested_device(SMKI.device_authority, request, 77, START)
    rig.keys.put_certificate(rig.name(DS), issued.octets)  # the answer is signed with the new key
    answer = rig.ask(0x000B, UpdateDeviceCertificateCommand(issued.octets))
    assert answer.result is DeviceCertificateResult.SUCCESS
    assert old not in octets_of(tmp_path)
    assert waiting not in octets_of(tmp_path)
    disk.close()


# the power fails while keys are destroyed


@pytest.mark.parametrize("end", ["tamper", "out of service"])
def test_a_cut_leaves_a_whole_device_or_nothing_of_its_keys(end: str) -> None:
    def finish(rig: KeyRig) -> None:
        if end == "tamper":
            rig.device.sense("meter cover", True, rig.now)
        else:
            rig.device.decommission(rig.now)

    whole = zeroising()
    begun = whole.nvm.medium.writes
    finish(whole)
    outcomes = []
    for cut in range(1, whole.nvm.medium.writes - begun + 1):
        rig = zeroising()
        held = [*rig.sealed().values()]
        rig.nvm.medium.cut_power_before(cut)
        with pytest.raises(PowerCut):
            finish(rig)
        rig.restart()
        outcomes.append(rig.is_alive())
        left = [blob for blob in held if blob in rig.everything()]
        assert left == (held if outcomes[-1] else [])
        assert rig.own.refused == []
        assert rig.device.retired == (end == "out of service" and not outcomes[-1])
    assert set(outcomes) == {True, False}
    assert outcomes == sorted(outcomes, reverse=True)  # before one write the keys are there, after it they are not
