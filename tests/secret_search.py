"""Gathers every secret that a program makes while it runs, and finds them in what it leaves: files, texts, records."""

from __future__ import annotations

import gc
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocols.gbcs import key_derivation, keys, sealing

STEP = 8
"""Octets by which a form of a secret is looked up, at every eighth place; every form is at least twice as long."""


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """How octets may be written: as they are, in hexadecimal, as a number, in base 64, as Python shows them."""
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    yield "hex in pairs", secret.hex(" ").encode()
    yield "decimal", str(int.from_bytes(secret, "big")).encode()
    yield "repr", repr(secret)[2:-1].encode()
    yield "octets as numbers", ", ".join(map(str, secret)).encode()
    for shift in range(3):  # where in a longer text the base 64 begins
        whole = b64encode(bytes(shift) + secret)
        yield f"base 64 at {shift}", whole[-(-shift * 8 // 6) : len(whole) - 4]


class Secrets:
    """What was gathered. ``watch`` begins it; ``look`` gives what of it is in some octets."""

    def __init__(self) -> None:
        self.known: dict[bytes, str] = {}

    def add(self, secret: bytes, what: str) -> None:
        """Octets that nobody may see."""
        if len(secret) >= 16 and len(set(secret)) > 4:
            self.known.setdefault(bytes(secret), what)

    def add_key(self, private: ec.EllipticCurvePrivateKey) -> None:
        """A private key: its number. PKCS#8 holds it as it is, PEM in base 64."""
        self.add(private.private_numbers().private_value.to_bytes(32, "big"), "private key")

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Gather keys as they are made, agreed or derived, and the secrets of devices."""
        self._watch_curve(patch)
        begin, finish, expand, fuse = (
            key_derivation.begin_derivation,
            key_derivation.finish_derivation,
            sealing.Fuses._expand,
            sealing.Fuses.__init__,
        )

        def begun(shared_secret: bytes) -> Any:
            self.add(shared_secret, "shared secret")
            return begin(shared_secret)

        def finished(state: Any, info: bytes) -> Any:
            key = finish(state, info)
            self.add(key, "derived key")
            return key

        def expanded(fuses: sealing.Fuses, info: bytes, length: int) -> Any:
            key = expand(fuses, info, length)
            self.add(key, "sealing key")
            return key

        def fused(fuses: sealing.Fuses, secret: bytes, device: Any) -> None:
            fuse(fuses, secret, device)
            self.add(secret, "secret of a device")
            self.add(fuses._key, "key of a device's secret")

        patch.setattr(keys, "begin_derivation", begun)
        patch.setattr(keys, "finish_derivation", finished)
        patch.setattr(sealing.Fuses, "_expand", expanded)
        patch.setattr(sealing.Fuses, "__init__", fused)

    def _watch_curve(self, patch: pytest.MonkeyPatch) -> None:
        derive, generate = ec.derive_private_key, ec.generate_private_key

        def derived(number: int, *others: Any) -> Any:
            made = derive(number, *others)
            self.add_key(made)
            return made

        def generated(*given: Any) -> Any:
            made = generate(*given)
            self.add_key(made)
            return made

        patch.setattr(ec, "derive_private_key", derived)
        patch.setattr(ec, "generate_private_key", generated)

    def look(self, *places: bytes) -> list[str]:
        """What was found: which secret, in which form."""
        found = []
        heads = self._heads()
        for place in places:
            for octets in {place, b"".join(place.replace(b"\\n", b"").split())}:  # lines of base 64 are broken
                for at in range(0, len(octets), STEP):
                    for form, shift, label in heads.get(octets[at : at + STEP], ()):
                        if at >= shift and octets.startswith(form, at - shift):
                            found.append(label)
        return sorted(set(found))

    def look_in(self, folder: Path) -> list[str]:
        """As ``look``, in every file of a folder and below, and in their names."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        assert files
        return self.look(*(path.name.encode() + b"\0" + path.read_bytes() for path in files))

    def _heads(self) -> dict[bytes, list[tuple[bytes, int, str]]]:
        heads: dict[bytes, list[tuple[bytes, int, str]]] = defaultdict(list)
        for secret, what in self.known.items():
            for name, form in forms(secret):
                for each in {form} if name == "raw" else {form, b"".join(form.split())}:
                    for shift in range(STEP):
                        heads[each[shift : shift + STEP]].append((each, shift, f"{what}, {name}"))
        return heads


def pem_of(private: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 in PEM, not encrypted."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def der_of(private: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 in DER, not encrypted."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def reachable(*roots: object, most: int = 200_000) -> list[object]:
    """Objects of the product that can be reached from others."""
    seen: dict[int, object] = {}
    waiting = list(roots)
    while waiting and len(seen) < most:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type) or type(each).__name__ in ("module", "function", "frame"):
            continue
        seen[id(each)] = each
        waiting += gc.get_referents(each)
    mine = ("protocols.", "firmware_emu.", "bench.", "hal.")
    return [each for each in seen.values() if type(each).__module__.startswith(mine)]


def texts_of(each: object) -> Iterator[str]:
    """What an object shows of itself, and what its attributes show."""
    yield repr(each)
    yield str(each)
    yield f"{each}"
    yield repr(getattr(each, "__dict__", ""))
    for name in dir(each):
        if not (name.startswith("__") and name.endswith("__")):
            try:
                yield repr(getattr(each, name))
            except Exception as error:  # noqa: BLE001 - properties of objects that are not in use; what they say counts
                yield repr(error)
