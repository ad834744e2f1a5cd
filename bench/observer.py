"""The bench's own eyes: one view over the key stores of all remote parties, for reading what passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from protocols.errors import MissingKeyError
from protocols.eui64 import Eui64
from protocols.gbcs.keys import KeyName, KeyStore, KeyUse, Purpose


class Observer:
    """Verifies and derives with whichever store can. It signs nothing: whoever signs does so with its own store."""

    def __init__(self, stores: Sequence[KeyStore]) -> None:
        self._stores = tuple(stores)

    @property
    def purpose(self) -> Purpose:
        """That of the stores."""
        return self._stores[0].purpose

    def names(self) -> Iterable[KeyName]:
        """Every key that any store knows, in order."""
        return sorted({name for store in self._stores for name in store.names()})

    def holds_private(self, name: KeyName) -> bool:
        """Whether any store can agree in that name."""
        return any(store.holds_private(name) for store in self._stores)

    def public_point(self, name: KeyName) -> bytes | None:
        """The public key, 65 octets."""
        return next((point for store in self._stores if (point := store.public_point(name))), None)

    def certificate(self, name: KeyName) -> bytes | None:
        """The certificate, in DER."""
        return next((der for store in self._stores if (der := store.certificate(name))), None)

    def party_of_role(self, role: int) -> Eui64 | None:
        """The party that holds a role."""
        return next((party for store in self._stores if (party := store.party_of_role(role))), None)

    def sign(self, party: Eui64, octets: bytes) -> bytes:  # noqa: ARG002 - a key store signs, this one does not
        """Refused."""
        raise MissingKeyError("who only looks on does not sign")

    def verify(self, party: Eui64, octets: bytes, signature: bytes) -> bool:
        """With any key of the party that a store knows: it may just have changed it. Raises MissingKeyError."""
        name, tried = KeyName(party, KeyUse.DIGITAL_SIGNING), set[bytes]()
        for store in self._stores:
            point = store.public_point(name)
            if point is None or point in tried:
                continue
            if store.verify(party, octets, signature):
                return True
            tried.add(point)
        return False if tried else self._stores[-1].verify(party, octets, signature)

    def derive(self, one: KeyName, other: KeyName, other_info: bytes) -> bytes:
        """With the store that holds a private key of the pair. Raises MissingKeyError."""
        for store in self._stores:
            if store.holds_private(one) or store.holds_private(other):
                return store.derive(one, other, other_info)
        raise MissingKeyError(f"no private key of {one} or {other}")
