"""Keys that sign firmware: a maker's, a supplier's, a WAN provider's. They stay in a key store; what goes round signs.

A key comes from a PKCS#8 file, from a folder of keys, or, for tests, from a seed: where a command asks for a key,
``test:NAME`` is that of the seed NAME.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha512
from pathlib import Path
from typing import NamedTuple

from protocols.errors import CertificateError, LocalProtocolError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.elliptic_curve import ENTROPY_LENGTH, POINT_LENGTH, load_point, point_of
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyStore, KeyUse, MemoryKeyStore, certificate_point
from protocols.secret import Secret

from ..pass_phrase import environment_pass_phrase
from ..reading import InputError

MAX_KEY_FILE = 64 * 1024
"""The longest file with a key or certificate, in octets."""
TEST_KEY = "test:"
"""How the name of a key for tests begins."""
_NOBODY = Eui64(bytes(8))


class SigningKey(NamedTuple):
    """A public key (65 octets) and what signs with its private key: r || s, 64 octets, of what it is given."""

    point: bytes
    sign: Callable[[bytes], bytes]


def signing_key_of_store(store: KeyStore, party: Eui64 | None = None) -> SigningKey:
    """The key by which a party of a store signs; without a party, the only one there is. Raises InputError."""
    names = [
        name
        for name in store.names()
        if name.use is KeyUse.DIGITAL_SIGNING and party in (None, name.party) and store.holds_private(name)
    ]
    if len(names) != 1:
        parties = ", ".join(eui64_text(name.party) for name in names)
        raise InputError(f"several signing keys, of {parties}: say whose" if names else "no private key that signs")
    (name,) = names
    return SigningKey(store.public_point(name) or b"", lambda octets: store.sign(name.party, octets))


def signing_key(source: str, pass_phrase_file: Path | None = None, party: Eui64 | None = None) -> SigningKey:
    """The key that ``test:NAME``, a PKCS#8 file or a folder of keys stands for. Raises InputError."""
    if source.startswith(TEST_KEY):
        return signing_key_of_seed(source.removeprefix(TEST_KEY))
    return signing_key_of_file(Path(source), pass_phrase(pass_phrase_file), party)


def public_point(source: str) -> bytes:
    """The public key, 65 octets, of ``test:NAME`` or of a file as ``public_point_of`` takes it. Raises InputError."""
    if source.startswith(TEST_KEY):
        return signing_key_of_seed(source.removeprefix(TEST_KEY)).point
    return public_point_of(Path(source))


def pass_phrase(file: Path | None) -> bytes | None:
    """That of a file, or else of the environment, if there is one. Raises InputError."""
    if file is not None:
        return Secret(_read(file).strip())
    return environment_pass_phrase()


def signing_key_of_file(path: Path, pass_phrase: bytes | None = None, party: Eui64 | None = None) -> SigningKey:
    """The key of a PKCS#8 file (PEM or DER), or of a folder of keys. Raises InputError naming the file."""
    try:
        if path.is_dir():
            return signing_key_of_store(FolderKeyStore.open(path, pass_phrase), party)
        store = MemoryKeyStore()
        octets = _read(path)
        store.put_private_key(_signing(_NOBODY), octets, pass_phrase if b"ENCRYPTED" in octets else None)
    except (LocalProtocolError, InputError) as error:
        raise InputError(error.reason if isinstance(error, InputError) else str(error), str(path)) from None
    return signing_key_of_store(store)


def signing_key_of_seed(seed: str) -> SigningKey:
    """A key for tests: the same seed gives the same key, and whoever knows the seed has it."""
    store = MemoryKeyStore()
    store.generate(_signing(_NOBODY), sha512(f"meterbench firmware test key {seed}".encode()).digest()[:ENTROPY_LENGTH])
    return signing_key_of_store(store)


def public_point_of(path: Path) -> bytes:
    """The public key, 65 octets, in a file: a certificate or a bare public key, PEM or DER, or the point itself.

    Raises InputError naming the file.
    """
    octets = _read(path)
    try:
        return _point_in(octets)
    except (CertificateError, ValueError, LocalProtocolError):
        raise InputError("neither a certificate nor a public key on P-256", str(path)) from None


def _point_in(octets: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    if len(octets) == POINT_LENGTH:
        load_point(octets)
        return octets
    if b"BEGIN CERTIFICATE" in octets:
        from cryptography.hazmat.primitives.serialization import Encoding

        return certificate_point(load_pem_x509_certificate(octets).public_bytes(Encoding.DER))
    if b"BEGIN PUBLIC KEY" in octets:
        key = load_pem_public_key(octets)
    else:
        try:
            return certificate_point(octets)
        except CertificateError:
            key = load_der_public_key(octets)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("not an elliptic curve key on P-256")
    return point_of(key)


def _signing(party: Eui64) -> KeyName:
    return KeyName(party, KeyUse.DIGITAL_SIGNING)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_KEY_FILE + 1)
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from None
    if len(octets) > MAX_KEY_FILE:
        raise InputError(f"more than {MAX_KEY_FILE} octets, which is no key", str(path))
    return octets
