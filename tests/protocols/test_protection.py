"""Signatures, MACs and encrypted parts."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.access import AccessResponse
from protocols.dlms.data import Data, DataType
from protocols.errors import DecodeError, LocalProtocolError, MissingKeyError, ProtectionError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs import protection
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.key_derivation import Mode, derive_key, other_info
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyStore, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, Verdicts
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.sensitive import decrypt_payload, encrypt_component, encrypt_data, encrypted_parts

from ..reference import KEYSTORE, reference_messages
from .test_keys import BROKER_SECRET, SUPPLIER_SECRET, randomness

SUPPLIER, BROKER = eui64("90B3D51F30010000"), eui64("90B3D51F30000002")
METER, HUB_DISPLAY, GAS_METER = eui64("00DB1234567890A0"), eui64("00DB1234567890A4"), eui64("00DB1234567890A1")


class KnownSecrets(MemoryKeyStore):
    """A store that knows shared secrets instead of keys."""

    SECRETS = {BROKER: BROKER_SECRET, SUPPLIER: SUPPLIER_SECRET}  # noqa: RUF012 - never changed

    def _agree(self, one: KeyName, other: KeyName) -> bytes:
        if {one.use, other.use} != {KeyUse.KEY_AGREEMENT} or METER not in (one.party, other.party):
            raise MissingKeyError(f"{one}, {other}")
        return self.SECRETS[one.party if other.party == METER else other.party]


SECRETS = KnownSecrets()
SECRETS.set_party_of_role(RemotePartyRole.ACCESS_CONTROL_BROKER, BROKER)

READ_COMMAND = bytes.fromhex(
    "DD000000000000 8195 1100000000 DF 0901 00000000000003E8 08 90B3D51F30010000 08 00DB1234567890A0 00 02 0027 61"
    "D9 200003E8 00 01 03 001E 00002B0208FF 01"
    "01 0202 0101 0205 120001 0906 00005E2C220A 0F02 120000 0202 1600 00"
    "0101 0202 1602 0205 0909 0400000000000003E8 0908 90B3D51F30010000 0908 00DB1234567890A0 0900"
    "0202 1602 0202 0901 02 0900 00 F08A88FCB4EEBECA47B71589"
)
ENCRYPTED_PART = bytes.fromhex(
    "3100000000 E3035372DDD0648ADEDB866DFF001F09450DEBD034C36C6101DC 1D3CB50D35311B344436F883"
)
PLAINTEXT = bytes.fromhex("0201 0204 06 0000000A 0202 0F00 161E 06 0000000A 0202 0F00 1620")
READ_RESPONSE = bytes.fromhex(
    "DD 000000000000 81AE 1100000000 DF 09 02 00000000000003E8 08 00DB1234567890A0 08 90B3D51F30010000"
    "0C 07DF0101FF000000008000FF 02 0027 6E DA 200003E8 00 00 01 0202"
    "0101 0202 1602 0205 0909 0400000000000003E8 0908 00DB1234567890A0 0908 90B3D51F30010000 0900"
    "0202 1602 0202 0901 02 0900 092B" + ENCRYPTED_PART.hex() + "01 03 00 00 486AF3DF46ACBC45A5217E08"
)
PRE_COMMAND = bytes.fromhex(
    "DF0901 00000000000003E8 08 90B3D51F30010000 08 00DB1234567890A0 00 02004F 15"
    "D9 200003E8 00 01 03 0009 00000A006AFF 01 01 120033"
)
SIGNATURE = bytes.fromhex(
    "A76D84F6E53D8D1B7B58B8B4A69C06A1C449C48B2742AE7D9C96D24BA8E4E7C9"
    "D7FBF0595F1DFCE16F42AE59167191D02B8E5C67A50EC442A30A0A5B701D0E58"
)
ALERT = bytes.fromhex(
    "DD 000000000000 4D 1100000000 DF 09 03 00000000000007D0 08 00DB1234567890A0 08 90B3D51F30010000 00 02 1001 19"
    "0F 200007D0 00 0202 12 810E 090C 07DF0101FF000000008000FF 00 8A4CEECDDAA09F42BC73EE41"
)


# Worked examples


@pytest.mark.parametrize("octets", [READ_COMMAND, READ_RESPONSE, ALERT], ids=["command", "response", "alert"])
def test_macs_of_the_worked_examples(octets: bytes) -> None:
    message = Message.decode(octets)
    assert protection.verify(message, SECRETS) == Verdicts(Verdict.ABSENT, Verdict.VALID)
    assert protection.verify_mac(message, SECRETS) is Verdict.VALID
    assert protection.add_mac(replace(message, mac=None, signature=None), SECRETS).encode() == octets


def test_the_mac_of_a_signed_command_covers_its_signature() -> None:
    signed = replace(Message.decode(PRE_COMMAND), signature=SIGNATURE)
    command = protection.add_mac(signed, SECRETS).encode()
    assert command[-12:].hex().upper() == "EFD36E695298259FADF662FA"
    assert (
        command == bytes.fromhex("DD 000000000000 8189 1100000000") + PRE_COMMAND + b"\x40" + SIGNATURE + command[-12:]
    )


def test_the_encrypted_part_of_the_worked_example() -> None:
    message = Message.decode(READ_RESPONSE)
    assert protection.decrypt_part(message, SECRETS, ENCRYPTED_PART) == PLAINTEXT
    assert protection.encrypt_part(message, SECRETS, PLAINTEXT) == ENCRYPTED_PART


@pytest.mark.shared
def test_the_signature_of_the_worked_example() -> None:
    message = replace(Message.decode(PRE_COMMAND), signature=SIGNATURE)
    assert protection.verify_signature(message, reference_store()) is Verdict.VALID


@pytest.mark.shared
def test_openssl_verifies_the_same_signature(tmp_path: Path) -> None:
    certificate = KEYSTORE / "90b3d51f30010000-ds.pem"
    key = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True
    ).stdout
    (tmp_path / "key").write_bytes(key)
    store = reference_store()
    ours = protection.sign(Message.decode(PRE_COMMAND), store)
    assert ours.signature is not None
    for signature in (SIGNATURE, ours.signature):
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        (tmp_path / "signature").write_bytes(encode_dss_signature(r, s))
        for octets, verdict in ((PRE_COMMAND[1:], b"verified ok"), (PRE_COMMAND, b"verification failure")):
            (tmp_path / "octets").write_bytes(octets)
            said = subprocess.run(
                ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "signature", "octets"],
                cwd=tmp_path,
                capture_output=True,
                check=False,
            ).stdout
            assert verdict in said.lower()


def test_a_party_unknown_to_the_device_reads_with_the_device_s_own_counter_for_it() -> None:
    other = OtherInformation(0x0034, SUPPLIER, 0x3EC, 0x7D2)
    message = Message(Cra.RESPONSE, 0x516, METER, BROKER, other, b"")
    key = bytes.fromhex("61685F7F7BDDAA7E251C2A4A1FD4085D")
    assert protection.encrypt_part(message, SECRETS, b"data") == gcm_part(key, METER, b"data")


def test_the_encrypted_value_is_found_in_its_payload() -> None:
    message = Message.decode(READ_RESPONSE)
    payload = decode_payload(message)
    assert isinstance(payload, AccessResponse)
    (part,) = decrypt_payload(message, payload, SECRETS)
    assert (part.place, part.plaintext) == (0, PLAINTEXT)
    assert isinstance(part.value, Data)
    assert part.value.type is DataType.STRUCTURE
    assert [member.type for member in part.value.value] == [DataType.STRUCTURE]
    assert encrypt_data(message, SECRETS, part.value).to_data() == payload.data[0]


# An independent implementation


def gcm_part(key: bytes, originator: Eui64, plaintext: bytes) -> bytes:
    """An encrypted part by pycryptodome."""
    cipher = AES.new(key, AES.MODE_GCM, nonce=originator + bytes(4), mac_len=12)
    cipher.update(b"\x31")
    ciphertext, tag = cipher.encrypt_and_digest(plaintext)
    return b"\x31" + bytes(4) + ciphertext + tag


def gmac(key: bytes, originator: Eui64, body: bytes) -> bytes:
    """A MAC by pycryptodome."""
    cipher = AES.new(key, AES.MODE_GCM, nonce=originator + bytes(4), mac_len=12)
    cipher.update(b"\x11" + bytes(5) + body)
    return cipher.digest()


identifiers = st.binary(min_size=8, max_size=8).map(Eui64)
counters = st.integers(0, 2**64 - 1)


@given(
    payload=st.binary(max_size=300),
    counter=counters,
    own_counter=st.none() | counters,
    supplementary=st.booleans(),
    cra=st.sampled_from([Cra.RESPONSE, Cra.ALERT]),
)
def test_another_implementation_agrees(
    payload: bytes, counter: int, own_counter: int | None, supplementary: bool, cra: Cra
) -> None:
    other = OtherInformation(0x0034, SUPPLIER, 7, own_counter) if supplementary else OtherInformation(0x0034)
    recipient = BROKER if supplementary else SUPPLIER
    message = protection.add_mac(Message(cra, counter, METER, recipient, other, payload), SECRETS)
    secret = BROKER_SECRET if supplementary else SUPPLIER_SECRET
    key = derive_key(secret, other_info(METER, cra, counter, recipient))
    assert message.mac == gmac(key, METER, message.body_octets())
    used = counter if own_counter is None or not supplementary else own_counter
    key = derive_key(SUPPLIER_SECRET, other_info(METER, Mode.ENCRYPTION, used, SUPPLIER))
    part = protection.encrypt_part(message, SECRETS, payload)
    assert part == gcm_part(key, METER, payload)
    assert protection.decrypt_part(message, SECRETS, part) == payload


# Refusals


@cache
def home() -> MemoryKeyStore:
    """All private keys of a small home, which no real store would hold together."""
    store = MemoryKeyStore()
    for party in (SUPPLIER, BROKER, METER, GAS_METER, HUB_DISPLAY):
        for use in (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT):
            store.generate(KeyName(party, use), randomness(f"{party.hex()} {use}"))
    store.set_party_of_role(RemotePartyRole.ACCESS_CONTROL_BROKER, BROKER)
    return store


def public_store(*private_of: Eui64) -> MemoryKeyStore:
    """The home's public keys, and the private ones of some parties."""
    store = MemoryKeyStore()
    for name in home().names():
        if name.party in private_of:
            store.generate(name, randomness(f"{name.party.hex()} {name.use}"))
        else:
            store.put_point(name, home().public_point(name) or b"")
    store.set_party_of_role(RemotePartyRole.ACCESS_CONTROL_BROKER, BROKER)
    return store


def critical_command() -> Message:
    return protection.command_from_pre_command(
        Message.decode(PRE_COMMAND), public_store(SUPPLIER), public_store(BROKER)
    )


def test_a_critical_command_is_signed_by_one_and_maced_by_another() -> None:
    command = critical_command()
    assert protection.verify(command, public_store(METER)) == Verdicts(Verdict.VALID, Verdict.VALID)
    assert protection.verify(command, public_store()) == Verdicts(Verdict.VALID, Verdict.NO_KEY)
    assert protection.verify(command, MemoryKeyStore()) == Verdicts(Verdict.NO_KEY, Verdict.NO_KEY)
    assert command == critical_command()


def test_an_empty_signature_field_of_a_pre_command_is_replaced() -> None:
    pre_command = replace(Message.decode(PRE_COMMAND), signature=b"")
    assert protection.command_from_pre_command(pre_command, home(), home()) == critical_command()


@pytest.mark.parametrize("change", [{"signature": bytes(64)}, {"mac": bytes(12)}, {"cra": Cra.RESPONSE}])
def test_what_is_no_pre_command_is_refused(change: dict[str, object]) -> None:
    message = replace(Message.decode(PRE_COMMAND), **change)  # type: ignore[arg-type]  # one member at a time
    with pytest.raises(LocalProtocolError):
        protection.command_from_pre_command(message, home(), home())


def altered(octets: bytes) -> Iterator[bytes]:
    """The message with each octet altered in turn."""
    for at in range(len(octets)):
        yield octets[:at] + bytes((octets[at] ^ 1 << at % 8,)) + octets[at + 1 :]


def accepted(octets: bytes, store: KeyStore, genuine: Verdicts) -> bool:
    """Whether an altered message would pass for the genuine one."""
    try:
        message = Message.decode(octets)
    except DecodeError:
        return False
    return protection.verify(message, store) == genuine


@pytest.mark.parametrize("kind", ["command", "critical command", "response", "signed response", "alert"])
def test_every_altered_octet_is_refused(kind: str) -> None:
    message = {
        "command": protection.add_mac(Message.decode(READ_COMMAND), home()),
        "critical command": critical_command(),
        "response": protection.add_mac(Message.decode(READ_RESPONSE), home()),
        "signed response": protection.sign(replace(Message.decode(READ_RESPONSE), mac=None), home()),
        "alert": protection.add_mac(Message.decode(ALERT), home()),
    }[kind]
    octets = message.encode()
    genuine = protection.verify(message, home())
    assert Verdict.VALID in genuine
    assert not {Verdict.INVALID, Verdict.NO_KEY} & set(genuine)
    assert accepted(octets, home(), genuine)
    assert not [wrong.hex() for wrong in altered(octets) if accepted(wrong, home(), genuine)]


def test_every_altered_octet_of_an_encrypted_part_is_refused() -> None:
    message = Message.decode(READ_RESPONSE)
    for wrong in altered(ENCRYPTED_PART):
        with pytest.raises(ProtectionError):
            protection.decrypt_part(message, SECRETS, wrong)
    for length in range(len(ENCRYPTED_PART)):
        with pytest.raises(ProtectionError):
            protection.decrypt_part(message, SECRETS, ENCRYPTED_PART[:length])


@pytest.mark.parametrize("change", [{"counter": 1001}, {"originator": GAS_METER}, {"recipient": BROKER}])
def test_an_encrypted_part_of_another_message_is_refused(change: dict[str, object]) -> None:
    message = Message.decode(READ_RESPONSE)
    part = protection.encrypt_part(message, home(), PLAINTEXT)
    assert protection.decrypt_part(message, home(), part) == PLAINTEXT
    with pytest.raises(ProtectionError, match="not authentic"):
        protection.decrypt_part(replace(message, **change), home(), part)  # type: ignore[arg-type]  # one at a time


def test_another_key_is_refused() -> None:
    command = critical_command()
    store = public_store(METER)
    store.generate(KeyName(METER, KeyUse.KEY_AGREEMENT), randomness("another"))
    stranger = MemoryKeyStore().generate(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING), randomness("another"))
    store.put_point(KeyName(SUPPLIER, KeyUse.DIGITAL_SIGNING), stranger)
    assert protection.verify(command, store) == Verdicts(Verdict.INVALID, Verdict.INVALID)


def test_a_wrong_broker_is_refused() -> None:
    command = critical_command()
    assert protection.verify_mac(command, home(), access_control_broker=SUPPLIER) is Verdict.INVALID
    assert protection.verify_mac(command, home(), access_control_broker=BROKER) is Verdict.VALID
    unknown = MemoryKeyStore()
    assert protection.verify_mac(command, unknown) is Verdict.NO_KEY
    with pytest.raises(MissingKeyError, match="broker"):
        protection.add_mac(command, unknown)


def test_one_device_speaks_to_another_without_the_broker() -> None:
    other = OtherInformation(0x009B)
    command = protection.add_mac(
        Message(Cra.COMMAND, 1, HUB_DISPLAY, GAS_METER, other, b"x"), public_store(HUB_DISPLAY)
    )
    assert protection.verify_mac(command, public_store(GAS_METER)) is Verdict.VALID
    assert protection.verify_mac(command, public_store(BROKER, SUPPLIER)) is Verdict.NO_KEY
    response = protection.add_mac(
        replace(command, cra=Cra.RESPONSE, originator=GAS_METER, recipient=HUB_DISPLAY), home()
    )
    assert protection.verify_mac(response, public_store(HUB_DISPLAY)) is Verdict.VALID


# The reference messages


@cache
def reference_store() -> FolderKeyStore:
    return FolderKeyStore.open(KEYSTORE)


@pytest.mark.shared
def test_every_reference_message_verifies_but_those_between_devices() -> None:
    store, found, without_key = reference_store(), Counter[tuple[str, Verdict]](), set()
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        verdicts = protection.verify(message, store)
        found.update((("signature", verdicts.signature), ("mac", verdicts.mac)))
        if Verdict.NO_KEY in verdicts:
            without_key.add(message.message_code)
    assert found["signature", Verdict.VALID] > 300
    assert found["mac", Verdict.VALID] > 500
    assert found["signature", Verdict.INVALID] == found["mac", Verdict.INVALID] == 0
    assert found["signature", Verdict.NO_KEY] == 0
    assert without_key <= {0x0090, 0x009B}


@pytest.mark.shared
def test_every_reference_message_fails_with_another_counter() -> None:
    store = reference_store()
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        verdicts = protection.verify(replace(message, counter=message.counter ^ 1), store)
        assert Verdict.VALID not in verdicts, reference.name


@pytest.mark.shared
def test_reference_macs_are_made_again() -> None:
    store = reference_store()
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        if message.mac is not None and message.message_code not in protection.BETWEEN_DEVICES:
            assert protection.add_mac(replace(message, mac=None), store).encode() == reference.octets


@pytest.mark.shared
def test_reference_pre_commands_become_their_commands() -> None:
    """Signatures are randomised in the reference messages, so all but signature and MAC is compared."""
    store, octets = reference_store(), {reference.name: reference.octets for reference in reference_messages()}
    pairs = [(name, name.replace("PRECOMMAND", "COMMAND")) for name in octets if "PRECOMMAND" in name]
    compared = 0
    for before, after in pairs:
        if after not in octets:
            continue
        made = protection.command_from_pre_command(Message.decode(octets[before]), store, store)
        assert made.encode()[:-76] == octets[after][:-76]
        assert protection.verify_signature(made, store) is Verdict.VALID
        compared += 1
    assert compared > 100


@pytest.mark.shared
def test_every_encrypted_part_of_the_reference_messages_is_decrypted_and_made_again() -> None:
    store, kinds = reference_store(), Counter[tuple[str, Cra]]()
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        payload = decode_payload(message)
        parts = list(encrypted_parts(payload))
        decrypted = decrypt_payload(message, payload, store)
        assert [part.place for part in decrypted] == [part.place for part in parts], reference.name
        for number, (part, found) in enumerate(zip(parts, decrypted, strict=True)):
            kinds[type(found.value).__name__, message.cra] += 1
            if isinstance(found.value, Component):
                assert found.value.content is not None
                assert encrypt_component(message, store, found.value, number) == found.value
            else:
                assert encrypt_data(message, store, found.value).ciphered == part.octets
    assert set(kinds) == {(kind, cra) for kind in ("Data", "Component") for cra in (Cra.RESPONSE, Cra.ALERT)}
    assert sum(kinds.values()) == sum(message.octets.count(b"\x31\0\0\0\0") for message in reference_messages())


@pytest.mark.shared
def test_a_payload_with_one_part_altered_is_refused() -> None:
    store, refused = reference_store(), 0
    for reference in reference_messages():
        message = Message.decode(reference.octets)
        at = message.payload.find(b"\x31\0\0\0\0")
        if at >= 0:
            octets = bytearray(message.payload)
            octets[at + 5] ^= 1
            wrong = replace(message, payload=bytes(octets))
            with pytest.raises(ProtectionError):
                decrypt_payload(wrong, decode_payload(wrong), store)
            refused += 1
    assert refused > 20


@pytest.mark.shared
def test_some_messages_hold_several_encrypted_components() -> None:
    payloads = [decode_payload(Message.decode(reference.octets)) for reference in reference_messages()]
    assert max(len(list(encrypted_parts(payload))) for payload in payloads if isinstance(payload, GbzPayload)) > 1
