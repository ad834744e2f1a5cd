"""How much the program adds to what its cryptography costs: ratios to the bare operations, taken in the same run.

Secrets are cached on both sides, as in a bench that talks to the same devices again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocols.dlms.access import AccessResponse, Result, Service, access_request, get, invoke_id_of
from protocols.dlms.data import uint32
from protocols.eui64 import eui64
from protocols.gbcs import protection
from protocols.gbcs.elliptic_curve import load_point
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, Verdicts
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.sensitive import decrypt_payload, encrypted_parts

from ..protocols.test_keys import randomness
from ..reference import KEYSTORE, reference_messages
from .ratios import Operation, compare, repeated

VERIFYING = ec.ECDSA(hashes.SHA256())
SIGNING = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
INFO = bytes(33)
IV = bytes(12)


def gmac_of(begun: Any, aad: bytes) -> bytes:
    """Key derivation and MAC with a shared secret that is known."""
    state = begun.copy()
    state.update(INFO)
    return AESGCM(state.digest()[:16]).encrypt(IV, b"", aad)


def corpus_floor(store: FolderKeyStore) -> Operation:
    """The cryptographic operations that the reference messages need, and nothing else."""
    checks: list[tuple[ec.EllipticCurvePublicKey, bytes, bytes]] = []
    macs: list[bytes] = []
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        if message.signature:
            signer = load_point(store.public_point(KeyName(message.originator, KeyUse.DIGITAL_SIGNING)) or b"")
            r, s = int.from_bytes(message.signature[:32], "big"), int.from_bytes(message.signature[32:], "big")
            checks.append((signer, encode_dss_signature(r, s), message.signed_octets()))
        if message.mac is not None:
            macs.append(bytes(6) + message.body_octets())
        macs += [part.octets for part in encrypted_parts(decode_payload(message))]
    begun = sha256(bytes(36))

    def run() -> None:
        for signer, signature, octets in checks:
            signer.verify(signature, octets, VERIFYING)
        for aad in macs:
            gmac_of(begun, aad)

    return run


@pytest.mark.shared
def test_the_reference_messages_decoded_and_verified(benchmark: Any) -> None:
    store = FolderKeyStore.open(KEYSTORE)
    references = [reference.octets for reference in reference_messages()]
    invalid = Verdict.INVALID

    def run() -> int:
        valid = 0
        for octets in references:
            message = Message.decode(octets)
            payload = decode_payload(message)
            signature, mac = protection.verify(message, store)
            valid += signature is not invalid and mac is not invalid
            decrypt_payload(message, payload, store)
        return valid

    assert run() == len(references)
    benchmark.extra_info["messages"] = len(references)
    compare(benchmark, run, corpus_floor(store), 2.5)


# One command and its response, both ends in one process

SUPPLIER, BROKER, METER = eui64("90B3D51F30010000"), eui64("90B3D51F30000002"), eui64("00DB1234567890A0")
REGISTER = bytes.fromhex("0100010800FF")


def ends() -> tuple[MemoryKeyStore, MemoryKeyStore]:
    """The remote parties' keys (supplier and broker), and the meter's."""
    remote, meter = MemoryKeyStore(), MemoryKeyStore()
    for party, own, far in ((SUPPLIER, remote, meter), (BROKER, remote, meter), (METER, meter, remote)):
        for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
            name = KeyName(party, use)
            far.put_point(name, own.generate(name, randomness(str(name))))
    for store in (remote, meter):
        store.set_party_of_role(RemotePartyRole.ACCESS_CONTROL_BROKER, BROKER)
    return remote, meter


def command(counter: int, code: int) -> Message:
    """A read of one register."""
    payload = access_request(invoke_id_of(counter), get(3, REGISTER, 2)).encode()
    return Message(Cra.COMMAND, counter, SUPPLIER, METER, OtherInformation(code), payload)


def response(received: Message) -> Message:
    """The meter's answer: one value."""
    payload = AccessResponse(invoke_id_of(received.counter), (uint32(10),), (Result(Service.GET, 0),)).encode()
    return Message(Cra.RESPONSE, received.counter, received.recipient, received.originator, received.other, payload)


def exchange(protect: Callable[[Message], Message], answer: Callable[[Message], Message], code: int) -> Operation:
    """Make a command, send its octets, check it, answer it, check the answer."""
    remote, meter = ends()

    def run() -> tuple[Verdicts, Verdicts]:
        sent = protect(command(1000, code)).encode()
        received = Message.decode(sent)
        decode_payload(received)
        at_meter = protection.verify(received, meter)
        back = Message.decode(answer(response(received)).encode())
        decode_payload(back)
        return at_meter, protection.verify(back, remote)

    return run


def test_a_non_critical_exchange(benchmark: Any) -> None:
    remote, meter = ends()
    run = exchange(
        lambda message: protection.add_mac(message, remote), lambda message: protection.add_mac(message, meter), 0x0027
    )
    assert run() == (Verdicts(Verdict.ABSENT, Verdict.VALID),) * 2
    begun, aad = sha256(bytes(36)), bytes(100)

    def floor() -> None:
        for _ in range(4):  # made and checked, there and back
            gmac_of(begun, aad)

    compare(benchmark, repeated(run), repeated(floor), 10)


def test_a_critical_exchange(benchmark: Any) -> None:
    remote, meter = ends()
    run = exchange(
        lambda message: protection.command_from_pre_command(message, remote, remote),
        lambda message: protection.sign(message, meter),
        0x004F,
    )
    assert run() == (Verdicts(Verdict.VALID, Verdict.VALID), Verdicts(Verdict.VALID, Verdict.ABSENT))
    begun, aad = sha256(bytes(36)), bytes(170)
    private = ec.derive_private_key(0x1234567, ec.SECP256R1())
    public = private.public_key()

    def floor() -> None:
        for _ in range(2):  # command and response
            signature = private.sign(aad, SIGNING)
            decode_dss_signature(signature)
            public.verify(signature, aad, VERIFYING)
            gmac_of(begun, aad)

    compare(benchmark, repeated(run), repeated(floor), 1.6)
