"""Private keys at rest: who can open what was sealed, and that nothing else gives a key away."""

from __future__ import annotations

import copy
import hashlib
import pickle
import traceback

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalProtocolError, MissingKeyError
from protocols.eui64 import eui64
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.sealing import BLOB_LENGTH, Fuses, Place, Slot, UnsealError
from protocols.secret import Secret

METER, OTHER = eui64("00-DB-12-34-56-78-90-A0"), eui64("00-DB-12-34-56-78-90-A1")
DS, KA = KeyName(METER, KeyUse.DIGITAL_SIGNING), KeyName(METER, KeyUse.KEY_AGREEMENT)
SCALAR = 0x0123456789ABCDEF
SECRET = b"in the chip alone".ljust(48, b".")
FUSES = Fuses(SECRET, METER)


def chip() -> MemoryKeyStore:
    """A store in which a key was made whose number is known."""
    store = MemoryKeyStore()
    store.generate(DS, (SCALAR - 1).to_bytes(48, "big"))
    return store


def sealed(generation: int = 7) -> tuple[Slot, bytes]:
    store = chip()
    blob = store.seal(DS, Place.IN_USE, generation, FUSES)
    return Slot(METER, DS.use, Place.IN_USE, generation, store.public_point(DS) or b""), blob


def opened(slot: Slot, blob: bytes, fuses: Fuses = FUSES) -> MemoryKeyStore:
    store = MemoryKeyStore()
    store.unseal(KeyName(slot.device, KeyUse(slot.use)), slot, fuses, blob)
    return store


def test_what_was_sealed_signs_again_after_it_is_opened() -> None:
    slot, blob = sealed()
    signature = opened(slot, blob).sign(METER, b"octets")
    assert len(blob) == BLOB_LENGTH
    assert chip().verify(METER, b"octets", signature)
    assert sealed()[1] == blob  # the same run, the same octets
    assert sealed(8)[1][9:] != blob[9:]


def test_the_format_is_hkdf_and_aes_gcm_as_others_have_them() -> None:
    slot, blob = sealed()
    associated = b"\1" + METER + bytes((9,)) + b"ds in use" + (7).to_bytes(8, "big") + slot.point
    info = b"seal " + associated
    key = HKDF(hashes.SHA256(), 32, b"Meterbench key store 1", info).derive(SECRET)
    nonce = bytes(4) + (7).to_bytes(8, "big")
    assert blob[:9] == b"\1" + (7).to_bytes(8, "big")
    assert AESGCM(key).decrypt(nonce, blob[9:], associated) == SCALAR.to_bytes(32, "big")
    label = b"entropy " + METER + b"ds 1"
    assert FUSES.entropy("ds 1") == HKDF(hashes.SHA256(), 48, b"Meterbench key store 1", label).derive(SECRET)


@pytest.mark.parametrize(
    ("change", "fuses"),
    [
        ({"device": OTHER}, FUSES),
        ({"use": "ka"}, FUSES),
        ({"place": Place.WAITING}, FUSES),
        ({"point": bytes(65)}, FUSES),
        ({}, Fuses(SECRET[:-1] + b"-", METER)),
    ],
)
def test_a_blob_that_belongs_elsewhere_does_not_open(change: dict[str, object], fuses: Fuses) -> None:
    slot, blob = sealed()
    with pytest.raises(UnsealError, match="changed, or belongs"):
        opened(slot._replace(**change), blob, fuses)  # type: ignore[arg-type]  # each of its own type


@pytest.mark.parametrize(("generation", "age"), [(8, "an older"), (6, "a later")])
def test_a_blob_of_another_generation_does_not_open(generation: int, age: str) -> None:
    slot, blob = sealed(7)
    with pytest.raises(UnsealError, match=age):
        opened(slot._replace(generation=generation), blob)
    forged = blob[:1] + generation.to_bytes(8, "big") + blob[9:]  # its number is not all that binds it
    with pytest.raises(UnsealError, match="changed, or belongs"):
        opened(slot._replace(generation=generation), forged)


@given(st.integers(0, 8 * BLOB_LENGTH - 1))
def test_a_changed_bit_does_not_open(bit: int) -> None:
    slot, blob = sealed()
    spoiled = bytearray(blob)
    spoiled[bit // 8] ^= 1 << bit % 8
    with pytest.raises(UnsealError):
        opened(slot, bytes(spoiled))


@given(st.binary(max_size=2 * BLOB_LENGTH))
def test_octets_that_are_no_blob_do_not_open(octets: bytes) -> None:
    slot, _ = sealed()
    with pytest.raises(UnsealError):
        opened(slot, octets)


def test_the_same_key_and_nonce_never_meet_another_plaintext() -> None:
    """A generation that comes twice, for another key: nothing is shared between the two ciphertexts."""
    other = MemoryKeyStore()
    other.generate(DS, SCALAR.to_bytes(48, "big"))
    one, two = sealed()[1][9:41], other.seal(DS, Place.IN_USE, 7, FUSES)[9:41]
    difference = int.from_bytes(one, "big") ^ int.from_bytes(two, "big")
    assert difference != SCALAR ^ (SCALAR + 1)


def test_a_waiting_key_is_sealed_apart_and_takes_its_place() -> None:
    store = chip()
    point = store.generate_next(DS, bytes(47) + b"\5")
    blob = store.seal(DS, Place.WAITING, 2, FUSES)
    again = chip()
    again.unseal(DS, Slot(METER, DS.use, Place.WAITING, 2, point), FUSES, blob)
    assert again.next_point(DS) == point
    assert again.public_point(DS) == store.public_point(DS) != point
    with pytest.raises(MissingKeyError):
        again.seal(KA, Place.IN_USE, 3, FUSES)
    with pytest.raises(MissingKeyError):
        chip().seal(DS, Place.WAITING, 3, FUSES)


def test_a_bound_key_is_not_lent() -> None:
    store, reader = chip(), MemoryKeyStore()
    reader.borrow(store, [DS])
    assert reader.holds_private(DS)
    store.seal(DS, Place.IN_USE, 1, FUSES)
    reader.borrow(store, [DS])
    assert not reader.holds_private(DS)
    assert reader.public_point(DS) == store.public_point(DS)


def test_secrets_are_not_shown_copied_or_pickled() -> None:
    secret = Secret(SECRET)
    for thing in (secret, FUSES, chip(), chip()._entries[DS]):
        for text in (repr(thing), str(thing), f"{thing}", f"{[thing]}"):
            assert "chip" not in text
            assert "0x" not in text or "object" in text
        for take in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(LocalProtocolError, match="neither copied nor pickled"):
                take(thing)
    assert secret == SECRET
    assert f"{secret!r}" == f"{secret}" == "<48 secret octets>"
    assert hashlib.sha256(secret).digest() == hashlib.sha256(SECRET).digest()


def test_an_error_shows_no_key_in_its_local_variables() -> None:
    (slot, blob), another = sealed(), Secret(SECRET[::-1])
    with pytest.raises(UnsealError) as refused:
        opened(slot, blob, Fuses(another, METER))
    told = "".join(traceback.TracebackException.from_exception(refused.value, capture_locals=True).format())
    assert "<48 secret octets>" in told
    assert "fuses of 00-DB-12-34-56-78-90-A0" in told
    assert SECRET[::-1].decode().strip(".") not in told
