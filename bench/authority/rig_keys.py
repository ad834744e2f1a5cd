"""What a rig takes from a laboratory: its parties' keys, its devices' keys, and the authorities above them.

The laboratory is read and left as it is. A device without a key of its own there gets one from the rig's seed, and for
the time of the run a certificate of the laboratory's device authority.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from protocols.asn1 import enumeration_text
from protocols.eui64 import eui64_text
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore, PurposeError, read_certificate
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant
from protocols.smki.environment import refuse_live
from protocols.smki.infrastructure import Infrastructure

from ..rig import Rig, RigError
from .laboratory import Laboratory
from .repository import Record
from .sealing import LabError, find_pass_phrase


class RigKeys:
    """Keys for the rig from the folder that it names. Raises RigError naming the rig file and what is missing."""

    def __init__(self, rig: Rig, folder: Path, parties: Mapping[RemotePartyRole, tuple[KeyUse, ...]]) -> None:
        self._held: dict[KeyName, MemoryKeyStore] = {}
        owners = {rig.party(role): uses for role, uses in parties.items()}
        devices = {device.eui64: (KeyUse.DIGITAL_SIGNING, KeyUse.KEY_AGREEMENT) for device in rig.devices}
        names = [KeyName(owner, use) for owner, uses in {**owners, **devices}.items() for use in uses]
        try:
            with Laboratory(folder, lambda: find_pass_phrase(folder), write=False) as lab, lab.guarded():
                self.infrastructure: Infrastructure = lab.infrastructure()
                for name in names:
                    self._take(lab, name, rig.started)
        except (LabError, PurposeError) as error:
            raise RigError(f"{rig.source}: head_end.lab: {error}") from None
        missing = [
            f"{enumeration_text(role)} {eui64_text(rig.party(role))} {use}"
            for role, uses in parties.items()
            for use in uses
            if KeyName(rig.party(role), use) not in self._held
        ]
        if missing:
            raise RigError(
                f"{rig.source}: head_end.lab: {folder}: has no key pair of {', '.join(missing)}; "
                f"make what is missing with: meterbench keys issue {folder} --rig {rig.source}"
            )

    def give(self, store: MemoryKeyStore, name: KeyName) -> bytes | None:
        """Put a key pair with its certificate (DER, returned) into a store; None if the laboratory has none."""
        held = self._held.get(name)
        if held is None:
            return None
        store.borrow(held, [name])
        return store.certificate(name)

    def _take(self, lab: Laboratory, name: KeyName, at: Instant) -> None:
        record = _in_force(lab, name, at)
        if record is None:
            return
        certificate = record.certificate
        refuse_live(certificate, [authority.certificate for authority in lab.authorities.all()])
        store = MemoryKeyStore()
        lab.lend(store, record)
        self._held[name] = store


def _in_force(lab: Laboratory, name: KeyName, at: Instant) -> Record | None:
    """The last certificate that is valid when the rig begins; else the last one, since published ones have ended.

    One whose private key its owner has kept to itself is of no use to a rig.
    """
    held = [record for record in lab.repository.in_force(name) if lab.holds_pair(record.key_identifier)]
    valid = [record for record in held if record.not_before <= at <= record.not_after]
    return next(reversed(valid or held), None)


def refuse_live_keys(store: MemoryKeyStore, names: Iterable[KeyName], folder: Path) -> None:
    """Refuse a key folder for a test rig that holds a live certificate under one of these names. Raises PurposeError.

    A certificate without the mark is taken for live, unless the folder's file ``purpose`` says that it is for tests.
    """
    if (folder / "purpose").exists():
        return  # the store has read it: it says test
    for name in names:
        der = store.certificate(name)
        if der is not None:
            try:
                refuse_live(read_certificate(der))
            except PurposeError as error:
                raise PurposeError(
                    f"{folder}: {error}; if it is for tests all the same, a file {folder / 'purpose'} that says "
                    '"test" makes it one'
                ) from None
