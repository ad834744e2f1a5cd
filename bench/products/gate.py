"""The gate that every firmware update passes: before an image is sent or activated, it must prove itself.

The maker's signature verifies under the key that the list has for the model, the SHA-256 hash is that of the entry for
this version, the model is certified today, the device is one that the head end speaks to, and the signature that lets
devices take the image is there. Only then is there a ``ClearedImage``, without which no delivery begins and no
activation is built (Smart Energy Code, section F2: update requests).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from hmac import compare_digest
from typing import Final, NamedTuple, Never, NoReturn, SupportsIndex, TypeGuard, final
from weakref import WeakKeyDictionary

from protocols.errors import DecodeError
from protocols.eui64 import Eui64, eui64_text
from protocols.gbcs.firmware_image import AUTHORISERS
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import Instant

from ..device_model import DeviceModel
from ..firmware import FirmwareFile, SigningKey, read_firmware, wrap
from ..inventory import REACHABLE, Inventory, InventoryDevice
from .entries import ListedFirmware, ListedModel
from .examination import Examination
from .listing import CertifiedProducts
from .refusals import (
    MakerError,
    NoClearanceError,
    NotInInventoryError,
    NotListedError,
    StatusError,
    UnreadableFileError,
    WrongModelError,
)

Authoriser = Callable[[RemotePartyRole, Eui64 | None], bytes | None]
"""The public key, 65 octets, of the party of a role that a device knows, or that devices know that are not named."""


class Purpose(Enum):
    """What an image was cleared for. One that may not run any more can still have its activation cancelled."""

    UPDATE = "to be sent and activated"
    CANCEL = "to have its activation cancelled"


class _Facts(NamedTuple):
    """What a clearance stands for."""

    gate: Gate
    purpose: Purpose
    file: bytes
    digest: bytes
    version: bytes
    model: DeviceModel
    hardware: tuple[int, int] | None
    maker_key: bytes
    at: Instant


@final
class ClearedImage:
    """An image that has passed the gate. Only the gate makes one, and nothing about it can be changed.

    The object holds nothing itself: what it stands for is the gate's, so that an object which the gate did not make
    stands for nothing. It ends with the process: neither copied nor stored.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, _: Never) -> None:
        raise TypeError("an image is cleared by the gate alone")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("there is one kind of cleared image")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError("a cleared image cannot be changed")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a clearance can neither be copied nor stored: ask the gate")

    def __repr__(self) -> str:
        facts = _ISSUED.get(self)
        if facts is None:
            return "<ClearedImage that the gate has not made>"
        return f"<ClearedImage {facts.model} {facts.version.hex().upper()} SHA-256 {facts.digest.hex()}>"

    @property
    def file(self) -> bytes:
        """The whole file, as it is sent. Raises NoClearanceError if it is cleared only for a cancellation."""
        return _facts(self, Purpose.UPDATE).file

    @property
    def digest(self) -> bytes:
        """SHA-256 of the manufacturer image, 32 octets: what a device computes, and what activates it."""
        return _facts(self).digest

    @property
    def version(self) -> bytes:
        """The version of the firmware, 4 octets."""
        return _facts(self).version

    @property
    def model(self) -> DeviceModel:
        """The model that it is for."""
        return _facts(self).model

    @property
    def hardware(self) -> tuple[int, int] | None:
        """The lowest and highest hardware version that it is for; None for all."""
        return _facts(self).hardware

    @property
    def cleared_at(self) -> Instant:
        """When it passed the gate."""
        return _facts(self).at

    def confirm(self, device: Eui64, now: Instant) -> None:
        """Ask the gate again, for one device and today, which everyone does who builds or sends something.

        Raises GateError: the entry has lapsed, changed or gone since, or the device is none for this image or has a
        status with which nobody speaks to it.
        """
        facts = _facts(self, Purpose.UPDATE)
        facts.gate._confirm(facts, device, now)

    def confirm_cancelling(self, device: Eui64) -> None:
        """As ``confirm`` for taking back an activation: entry and status do not matter. Raises GateError."""
        facts = _facts(self)
        known = facts.gate.inventory.find(device)
        if known is None or known.model != facts.model:
            raise WrongModelError(f"cleared for {facts.model}, which {eui64_text(device)} is not", facts.digest)


_ISSUED: Final[WeakKeyDictionary[ClearedImage, _Facts]] = WeakKeyDictionary()


def is_issued(cleared: object) -> TypeGuard[ClearedImage]:
    """Whether this is a clearance that a gate has made."""
    return type(cleared) is ClearedImage and cleared in _ISSUED


def _facts(cleared: ClearedImage, purpose: Purpose | None = None) -> _Facts:
    if not is_issued(cleared):
        raise NoClearanceError("the gate has cleared nothing here")
    facts = _ISSUED[cleared]
    if purpose not in (None, facts.purpose):
        raise NoClearanceError(f"cleared only {facts.purpose.value}", facts.digest)
    return facts


def _issue_clearance(facts: _Facts) -> ClearedImage:
    made = object.__new__(ClearedImage)
    _ISSUED[made] = facts
    return made


class Gate:
    """Checks images against a list and an inventory. ``authoriser`` gives the keys of supplier and WAN provider."""

    def __init__(self, products: CertifiedProducts, inventory: Inventory, authoriser: Authoriser) -> None:
        self.products, self.inventory, self._authoriser = products, inventory, authoriser

    def clear(
        self, file: bytes, device: Eui64 | DeviceModel, now: Instant, detached: bytes | None = None
    ) -> ClearedImage:
        """Clear a whole firmware file for a device of the inventory, or for a model.

        ``detached`` is the maker's signature where the image does not hold it: r || s (64 octets) or DER, over the
        manufacturer image. Raises the GateError of the first check that fails.
        """
        case = _case(file, self._model(file, device))
        entry, firmware = self._checked(case, device, now)
        case.check_maker(entry, detached)
        case.check_hashes(firmware)
        role = AUTHORISERS.get(case.model.type)
        who = device if isinstance(device, bytes) else None
        case.check_authorisation(role, None if role is None else self._authoriser(role, who))
        return self._issued(case, Purpose.UPDATE, entry, now)

    def clear_for_cancelling(self, file: bytes, device: Eui64 | DeviceModel, now: Instant) -> ClearedImage:
        """Clear an image only for taking back its activation: it is or was on the list. Raises GateError.

        ``file`` is a firmware file or its manufacturer image.
        """
        model = self._model(file, device)
        case = Examination(_read(_plain(file), model.type), model)
        case.look_up(self.products)
        case.check_model()
        entry, firmware = case.entry, case.firmware
        if entry is None or firmware is None:
            raise case.refused(NotListedError, f"{case.what} never was on the list")
        case.check_hashes(firmware)
        return self._issued(case, Purpose.CANCEL, entry, now)

    def authorise(
        self,
        file: bytes,
        device: Eui64 | DeviceModel,
        now: Instant,
        sign: Callable[[bytes], bytes],
        detached: bytes | None = None,
    ) -> bytes:
        """The file of an image that passes all other checks, with the authorising party's signature where one belongs.

        ``file`` is a manufacturer image of the documented layout, or a firmware file without that signature; one that
        has it is given back as it is. ``sign`` makes r || s, 64 octets. Raises GateError.
        """
        model = self._model(file, device)
        case = Examination(_read(_plain(file), model.type), model)
        if case.file.authoriser_signature is not None:
            return case.file.octets
        entry, firmware = self._checked(case, device, now)
        case.check_maker(entry, detached)
        case.check_hashes(firmware)
        signer = SigningKey(b"", sign) if model.type in AUTHORISERS else None
        return wrap(case.file.manufacturer_image, case.header, signer).encode()

    # inside

    def _model(self, file: bytes, device: Eui64 | DeviceModel) -> DeviceModel:
        if isinstance(device, DeviceModel):
            return device
        known = self.inventory.find(device)
        if known is None or known.model is None:
            lacking = "is not in the inventory" if known is None else "is in the inventory without its model"
            raise NotInInventoryError(f"{eui64_text(device)} {lacking}", _computed(file))
        return known.model

    def _checked(
        self, case: Examination, device: Eui64 | DeviceModel, now: Instant
    ) -> tuple[ListedModel, ListedFirmware]:
        """What can change from one day to the next: the device, and the entries of the list."""
        case.look_up(self.products)
        known = self._reachable(device, case) if isinstance(device, bytes) else None
        case.check_model()
        hardware = None if known is None else known.hardware
        case.check_hardware(hardware)
        entry, firmware = case.check_listed(now)
        case.check_listed_hardware(entry, hardware)
        return entry, firmware

    def _reachable(self, device: Eui64, case: Examination) -> InventoryDevice:
        known = self.inventory.device(device)
        if known.status not in REACHABLE:
            reached = ", ".join(sorted(REACHABLE))
            raise case.refused(StatusError, f"{eui64_text(device)} is {known.status}; updates go to those {reached}")
        return known

    def _confirm(self, facts: _Facts, device: Eui64, now: Instant) -> None:
        case = _case(facts.file, facts.model)
        case.look_up(self.products)
        if self._model(facts.file, device) != facts.model:
            raise case.refused(WrongModelError, f"cleared for {facts.model}, which {eui64_text(device)} is not")
        entry, firmware = self._checked(case, device, now)
        case.check_hashes(firmware)
        if not compare_digest(entry.maker_key, facts.maker_key):
            raise case.refused(MakerError, "the list has another maker's key than when the image was cleared")

    def _issued(self, case: Examination, purpose: Purpose, entry: ListedModel, now: Instant) -> ClearedImage:
        file, digest, key = case.file.octets, case.file.digest, entry.maker_key
        return _issue_clearance(_Facts(self, purpose, file, digest, case.version, case.model, case.hardware, key, now))


def _computed(file: bytes) -> bytes | None:
    try:
        return read_firmware(file).digest
    except DecodeError:
        return None


def _case(octets: bytes, model: DeviceModel) -> Examination:
    file = _read(_plain(octets), model.type)
    if file.wrapped is None:
        raise UnreadableFileError(
            f"{file.kind}: a device takes an image in the header of its firmware file", file.digest
        )
    return Examination(file, model)


def _plain(octets: bytes) -> bytes:
    """A copy of what the memory holds; ``bytes`` would take the word of a subclass for it."""
    return memoryview(octets).tobytes()


def _read(octets: bytes, kind: DeviceType) -> FirmwareFile:
    try:
        return read_firmware(octets, signed=kind in AUTHORISERS)
    except DecodeError as error:
        signed = error
    try:
        return read_firmware(octets)  # to say what is wrong with its signature, and not that it cannot be read
    except DecodeError:
        raise UnreadableFileError(str(signed)) from None
