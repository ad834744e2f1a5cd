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
from protocols.instant import text as instant_text

from ..device_model import DeviceModel
from ..firmware import FirmwareFile, Outcome, decode_signature, read_firmware, verify_firmware
from ..inventory import REACHABLE, Inventory, InventoryDevice
from ..rig import kind_name
from .entries import ListedFirmware, ListedModel, Standing
from .hashes import ON_THE_WIRE, HashForm, hash_of
from .listing import CertifiedProducts
from .refusals import (
    AssuranceError,
    GateError,
    HashMismatchError,
    MakerError,
    NoClearanceError,
    NotAuthorisedError,
    NotInInventoryError,
    NotListedError,
    StatusError,
    UnreadableFileError,
    WrongHardwareError,
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


def _issue(facts: _Facts) -> ClearedImage:
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
        case = _Case(file, self._model(file, device))
        entry, firmware = self._checked(case, device, now)
        case.check_maker(entry, detached)
        case.check_hashes(firmware)
        role = AUTHORISERS.get(case.model.type)
        who = device if isinstance(device, bytes) else None
        case.check_authorisation(role, None if role is None else self._authoriser(role, who))
        return _issue(case.facts(self, Purpose.UPDATE, entry, now))

    def clear_for_cancelling(self, file: bytes, device: Eui64 | DeviceModel, now: Instant) -> ClearedImage:
        """Clear an image only for taking back its activation: it is or was on the list. Raises GateError."""
        case = _Case(file, self._model(file, device))
        case.look_up(self.products)
        case.check_model()
        entry, firmware = case.entry, case.firmware
        if entry is None or firmware is None:
            raise case.refused(NotListedError, f"{case.what} never was on the list")
        case.check_hashes(firmware)
        return _issue(case.facts(self, Purpose.CANCEL, entry, now))

    # inside

    def _model(self, file: bytes, device: Eui64 | DeviceModel) -> DeviceModel:
        if isinstance(device, DeviceModel):
            return device
        known = self.inventory.find(device)
        if known is None or known.model is None:
            lacking = "is not in the inventory" if known is None else "is in the inventory without its model"
            raise NotInInventoryError(f"{eui64_text(device)} {lacking}", _computed(file))
        return known.model

    def _checked(self, case: _Case, device: Eui64 | DeviceModel, now: Instant) -> tuple[ListedModel, ListedFirmware]:
        """What can change from one day to the next: the device, and the entries of the list."""
        case.look_up(self.products)
        known = self._reachable(device, case) if isinstance(device, bytes) else None
        case.check_model()
        hardware = None if known is None else known.hardware
        case.check_hardware(hardware)
        entry, firmware = self._entries(case, now)
        case.check_listed_hardware(entry, hardware)
        return entry, firmware

    def _reachable(self, device: Eui64, case: _Case) -> InventoryDevice:
        known = self.inventory.device(device)
        if known.status not in REACHABLE:
            reached = ", ".join(sorted(REACHABLE))
            raise case.refused(StatusError, f"{eui64_text(device)} is {known.status}; updates go to those {reached}")
        return known

    def _entries(self, case: _Case, now: Instant) -> tuple[ListedModel, ListedFirmware]:
        entry, firmware = case.entry, case.firmware
        if entry is None or entry.standing is Standing.REMOVED:
            raise case.refused(NotListedError, f"{case.model} is not on the list")
        lacking = entry.lacking(now)
        if entry.standing is Standing.LAPSED or lacking:
            today = f"on {instant_text(now)} without {', '.join(lacking)}" if lacking else "and was not listed again"
            raise case.refused(AssuranceError, f"the entry of {case.model} has lapsed, {today}")
        if firmware is None or firmware.standing is not Standing.LISTED:
            raise case.refused(NotListedError, f"{case.what} is not on the list")
        return entry, firmware

    def _confirm(self, facts: _Facts, device: Eui64, now: Instant) -> None:
        case = _Case(facts.file, facts.model)
        case.look_up(self.products)
        if self._model(facts.file, device) != facts.model:
            raise case.refused(WrongModelError, f"cleared for {facts.model}, which {eui64_text(device)} is not")
        entry, firmware = self._checked(case, device, now)
        case.check_hashes(firmware)
        if not compare_digest(entry.maker_key, facts.maker_key):
            raise case.refused(MakerError, "the list has another maker's key than when the image was cleared")


def _computed(file: bytes) -> bytes | None:
    try:
        return read_firmware(file).digest
    except DecodeError:
        return None


class _Case:
    """One file before the gate, for one model; with its entries on the list, as soon as they are looked up."""

    def __init__(self, file: bytes, model: DeviceModel) -> None:
        self.model = model
        self.file = _read(bytes(file), model.type)
        if self.file.wrapped is None:
            raise UnreadableFileError(
                f"{self.file.kind}: a device takes an image in the header of its firmware file", self.file.digest
            )
        self.header = self.file.wrapped.header
        self.version = self.header.version
        self.entry: ListedModel | None = None
        self.firmware: ListedFirmware | None = None

    @property
    def what(self) -> str:
        """The firmware in words."""
        return f"firmware {self.version.hex().upper()} of {self.model}"

    def look_up(self, products: CertifiedProducts) -> None:
        """Find the entries of the model and the version, whatever their standing."""
        self.entry, self.firmware = products.model(self.model), products.firmware(self.model, self.version)

    def refused(self, kind: type[GateError], reason: str) -> GateError:
        """The error of a check, with both hashes."""
        listed = {} if self.firmware is None else self.firmware.hashes
        form = next(iter(listed)) if listed and ON_THE_WIRE not in listed else ON_THE_WIRE
        return kind(reason, self._hash(form), listed.get(form), form)

    def check_model(self) -> None:
        """That the image is for the model, and its layers agree about that."""
        model, header, container = self.model, self.header, self.file.container
        if (header.manufacturer, header.image_type) != (model.manufacturer, model.model):
            said = f"{header.manufacturer:04X}:{header.image_type:04X}"
            raise self.refused(WrongModelError, f"the image is for maker and model {said}, the device is {model}")
        if self.file.findings:
            raise self.refused(WrongModelError, "; ".join(self.file.findings))
        if container is not None and container.manifest.device_type is not model.type:
            said = kind_name(container.manifest.device_type)
            raise self.refused(WrongModelError, f"the image is for {said}, the device is {model}")

    def check_hardware(self, hardware: int | None) -> None:
        """That the image is for a device's hardware version, where that is known."""
        if hardware is not None and not self.header.suits(hardware):
            said = f"{hardware:04X}, the image is for {self._hardware()}"
            raise self.refused(WrongHardwareError, f"the device's hardware is {said}")

    def check_listed_hardware(self, entry: ListedModel, hardware: int | None) -> None:
        """That the device's hardware version is on the list; of an unknown device, one that the image is for."""
        suitable = (version for version in entry.hardware if self.header.suits(version))
        if hardware not in entry.hardware if hardware is not None else not any(True for _ in suitable):
            listed = ", ".join(f"{version:04X}" for version in entry.hardware)
            found = f"the image is for {self._hardware()}" if hardware is None else f"the device's is {hardware:04X}"
            raise self.refused(WrongHardwareError, f"{found}, on the list are {listed}")

    def check_maker(self, entry: ListedModel, detached: bytes | None) -> None:
        """That the intended maker has signed the image, and a detached signature too where one is given."""
        try:
            given = None if detached is None else decode_signature(detached)
        except DecodeError as error:
            raise self.refused(MakerError, f"the detached signature: {error}") from None
        inside = [] if self.file.container is None else [None]
        for signature in [*inside, *([given] if given is not None or not inside else [])]:
            _, made, _ = verify_firmware(self.file, entry.maker_key, None, signature)
            if made.outcome is not Outcome.PASS:
                raise self.refused(MakerError, made.reason)

    def check_hashes(self, firmware: ListedFirmware) -> None:
        """That every hash of the entry is that of the image."""
        for form, listed in firmware.hashes.items():
            computed = self._hash(form)
            if not compare_digest(computed, listed):
                raise HashMismatchError(f"{self.what} is not what is on the list", computed, listed, form)

    def check_authorisation(self, role: RemotePartyRole | None, point: bytes | None) -> None:
        """That the file carries the signature that devices of its kind want, and no other."""
        signature = self.file.authoriser_signature
        if role is None:
            if signature is not None:
                raise self.refused(NotAuthorisedError, f"a {kind_name(self.model.type)} takes files without signature")
            return
        name = role.name.lower().replace("_", " ")
        if signature is None:
            raise self.refused(NotAuthorisedError, f"the signature of the {name} is missing")
        if point is None:
            raise self.refused(NotAuthorisedError, f"there is no key of the {name} to verify the signature with")
        *_, made = verify_firmware(self.file, None, point)
        if made.outcome is not Outcome.PASS:
            raise self.refused(NotAuthorisedError, f"{name}: {made.reason}")

    def facts(self, gate: Gate, purpose: Purpose, entry: ListedModel, now: Instant) -> _Facts:
        """What the clearance stands for."""
        digest = self.file.digest
        return _Facts(
            gate,
            purpose,
            self.file.octets,
            digest,
            self.version,
            self.model,
            self.header.hardware,
            entry.maker_key,
            now,
        )

    def _hash(self, form: HashForm) -> bytes:
        return hash_of(form, self.file.manufacturer_image, self.version)

    def _hardware(self) -> str:
        return "all" if self.header.hardware is None else "-".join(f"{each:04X}" for each in self.header.hardware)


def _read(octets: bytes, kind: DeviceType) -> FirmwareFile:
    try:
        return read_firmware(octets, signed=kind in AUTHORISERS)
    except DecodeError as error:
        signed = error
    try:
        return read_firmware(octets)  # to say what is wrong with its signature, and not that it cannot be read
    except DecodeError:
        raise UnreadableFileError(str(signed)) from None
