"""What the list of certified products says of an image: the checks of the gate that need no device."""

from __future__ import annotations

from hmac import compare_digest

from protocols.errors import DecodeError
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import Instant
from protocols.instant import text as instant_text

from ..device_model import DeviceModel
from ..firmware import FirmwareFile, Outcome, decode_signature, header_of, verify_firmware
from ..rig import kind_name
from .entries import ListedFirmware, ListedModel, Standing
from .hashes import ON_THE_WIRE, HashForm, hash_of
from .listing import CertifiedProducts
from .refusals import (
    AssuranceError,
    GateError,
    HashMismatchError,
    MakerError,
    NotAuthorisedError,
    NotListedError,
    UnreadableFileError,
    WrongHardwareError,
    WrongModelError,
)


class Examination:
    """One file, one model, and their entries as soon as they are looked up. Every check raises its GateError."""

    def __init__(self, file: FirmwareFile, model: DeviceModel) -> None:
        self.file, self.model = file, model
        container = file.container
        header = file.header or (None if container is None else header_of(container.manifest))
        if header is None:
            raise UnreadableFileError(f"{file.kind}: neither header nor manifest says what it is", file.digest)
        self.header, self.version = header, header.version
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
        model, container = self.model, self.file.container
        if (self.header.manufacturer, self.header.image_type) != (model.manufacturer, model.model):
            said = f"{self.header.manufacturer:04X}:{self.header.image_type:04X}"
            raise self.refused(WrongModelError, f"the image is for maker and model {said}, the device is {model}")
        if self.file.findings:
            raise self.refused(WrongModelError, "; ".join(self.file.findings))
        if container is not None and container.manifest.device_type is not model.type:
            said = kind_name(container.manifest.device_type)
            raise self.refused(WrongModelError, f"the image is for {said}, the device is {model}")

    def check_listed(self, now: Instant) -> tuple[ListedModel, ListedFirmware]:
        """That model and version are on the list today; gives their entries."""
        entry, firmware = self.entry, self.firmware
        if entry is None or entry.standing is Standing.REMOVED:
            raise self.refused(NotListedError, f"{self.model} is not on the list")
        lacking = entry.lacking(now)
        if entry.standing is Standing.LAPSED or lacking:
            today = f"on {instant_text(now)} without {', '.join(lacking)}" if lacking else "and was not listed again"
            raise self.refused(AssuranceError, f"the entry of {self.model} has lapsed, {today}")
        if firmware is None or firmware.standing is not Standing.LISTED:
            raise self.refused(NotListedError, f"{self.what} is not on the list")
        return entry, firmware

    def check_hardware(self, hardware: int | None) -> None:
        """That the image is for a device's hardware version, where that is known."""
        if hardware is not None and not self._suits(hardware):
            said = f"{hardware:04X}, the image is for {self._hardware()}"
            raise self.refused(WrongHardwareError, f"the device's hardware is {said}")

    def check_listed_hardware(self, entry: ListedModel, hardware: int | None) -> None:
        """That the device's hardware version is on the list; of an unknown device, one that the image is for."""
        suitable = (version for version in entry.hardware if self._suits(version))
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

    def _hash(self, form: HashForm) -> bytes:
        return hash_of(form, self.file.manufacturer_image, self.version)

    @property
    def hardware(self) -> tuple[int, int] | None:
        """The lowest and highest hardware version that the image is for; None for all."""
        return self.header.hardware

    def _suits(self, version: int) -> bool:
        return self.header.suits(version)

    def _hardware(self) -> str:
        return "all" if self.hardware is None else "-".join(f"{each:04X}" for each in self.hardware)


def model_numbers(file: FirmwareFile) -> tuple[int, int] | None:
    """Manufacturer code and image type that a file names, in its header or else its manifest; None for neither."""
    if file.header is not None:
        return file.header.manufacturer, file.header.image_type
    if file.container is not None:
        return file.container.manifest.manufacturer_code, file.container.manifest.image_type
    return None


def examine(
    products: CertifiedProducts, file: FirmwareFile, model: DeviceModel, now: Instant, detached: bytes | None = None
) -> Examination:
    """All that the list says of an image, for no device and before the authorising party has signed it.

    ``detached`` is the maker's signature where the image does not hold it. Raises GateError.
    """
    case = Examination(file, model)
    case.look_up(products)
    case.check_model()
    entry, firmware = case.check_listed(now)
    case.check_listed_hardware(entry, None)
    case.check_maker(entry, detached)
    case.check_hashes(firmware)
    return case
