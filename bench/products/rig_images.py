"""Which firmware a run brings to a device of its rig, and how it comes to be on the list of certified products.

The rig says it (``update``): an image of the user's own, an example by name, or nothing. An emulated device about which
nothing is said gets the good second version of its kind. Where the rig names no list of certified products the run
makes one, on which each of these images stands under the key of its device's maker. That is for emulated devices: the
firmware of real ones stands on a list that somebody has made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from protocols.errors import DecodeError
from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant

from ..device_model import DeviceModel
from ..firmware import read_firmware
from ..firmware.examples import build_example, maker, manifest, names
from ..firmware.reading import decode_signature
from ..firmware.signing_keys import public_point
from ..reading import InputError
from ..rig import NO_UPDATE, is_file_name, kind_name
from .assurance import NEEDED, Assurance, six_years_after
from .entries import ListedFirmware, ListedModel
from .hashes import hashes_of
from .keeping import product_of
from .parties import HUBS, ListParty, PartyKind
from .updating import can_be_updated

if TYPE_CHECKING:
    from ..home import Home
    from ..target import Target

GOOD = "good"
EVIDENCE = "made for this run"
_TEST_BENCH = "test bench"


class NoImage(InputError):  # noqa: N818 - it is a reason, not always an error
    """There is no image for a device. The text says why."""


class RigImage(NamedTuple):
    """A firmware file, or a manufacturer image, for a device; ``detached`` is the maker's signature beside it.

    ``version`` has 4 octets.
    """

    name: str
    file: bytes
    version: bytes
    detached: bytes | None = None

    @property
    def manufacturer_image(self) -> bytes:
        """What the hash is over."""
        return read_firmware(self.file).manufacturer_image

    @property
    def digest(self) -> bytes:
        """SHA-256 of the manufacturer image, 32 octets."""
        return read_firmware(self.file).digest


class RigImages:
    """The images for the devices of a home. What an image is for is settled when it is first asked for."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._found: dict[str, RigImage] = {}

    def image(self, target: Target) -> RigImage:
        """The image under test, on the list. Raises NoImage with the reason why there is none, InputError."""
        if target.name not in self._found:
            self._found[target.name] = self._find(target)
            self._enlist(target, self._found[target.name])
        return self._found[target.name]

    def following(self, target: Target) -> RigImage:
        """A good version after that one, on the list. Raises NoImage, InputError."""
        if self._home.rig.head_end.products is not None:
            raise NoImage("the rig has its own list of certified products, which no further image is put on")
        image = self._example(target, "", 1 + int.from_bytes(self.image(target).version, "big"))
        self._enlist(target, image)
        return image

    def _find(self, target: Target) -> RigImage:
        wanted, rig = target.section.update, self._home.rig
        if not can_be_updated(target.type):
            raise NoImage(f"{target.name} ({kind_name(target.type)}) has no firmware of its own")
        if wanted == NO_UPDATE:
            raise NoImage(f"the rig says that {target.name} is not updated")
        emulated = self._home.emulated(target.name)
        if not wanted and emulated is None:
            raise NoImage(f"{target.name} is a real device, and the rig names no image for it (update)")
        if emulated is None and rig.head_end.products is None:
            raise NoImage(f"{target.name} is a real device, and there is no list of certified products (--cpl)")
        if not wanted and target.section.defects:
            raise NoImage(f"{target.name} has planned faults (defects), which an update would end")
        if not wanted and rig.head_end.products is not None:
            raise NoImage(f"the rig has its own list of certified products, and no image for {target.name} (update)")
        if is_file_name(wanted):
            return _of_file(Path(wanted))
        version = 0 if emulated is None else 1 + int(emulated.device.personality.firmware_version, 16)
        return self._example(target, wanted, version)

    def _example(self, target: Target, name: str, version: int) -> RigImage:
        emulated = self._home.emulated(target.name)
        if emulated is None:
            raise NoImage(f"{target.name} is a real device, and examples are for emulated ones")
        if target.section.maker and public_point(target.section.maker) != maker().point:
            raise NoImage(f"{target.name} knows another maker than that of the examples")
        chosen = name or f"{target.kind.lower()}-{GOOD}"
        number = f"{version % (1 << 32):08X}"
        built = build_example(chosen, emulated.device.personality, version=number)
        return RigImage(chosen, built.encode(), built.manifest.version)

    def _enlist(self, target: Target, image: RigImage) -> None:
        """Put an image on the list that the run makes; one that the user has made stays as it is."""
        found, lists = product_of(self._home, target), self._home.lists
        if found is None:
            raise NoImage(f"nobody says in digits which model {target.name} is (product)")
        model, hardware = found
        if self._home.rig.head_end.products is not None or lists.products.firmware(model, image.version) is not None:
            return
        firmware = ListedFirmware(model, image.version, hashes_of(image.manufacturer_image, image.version))
        now = self._home.clock.now()
        if lists.products.model(model) is None:
            entry = ListedModel(model, _maker_of(target), (hardware,), _certificates(model, now))
            lists.products.add_model(entry, [firmware], ListParty(PartyKind.OTHER, _TEST_BENCH), now)
        else:
            kind = PartyKind.DCC if model.type in HUBS else PartyKind.SUPPLIER
            lists.products.add_firmware(replace(firmware, evidence=EVIDENCE), ListParty(kind, _TEST_BENCH), now)


def check_update(update: str, kind: DeviceType) -> None:
    """Complain of an image that a device of this kind cannot have, before anything runs. Raises InputError."""
    if not can_be_updated(kind):
        raise InputError(f"a device of type {kind_name(kind)} has no firmware of its own", update)
    if is_file_name(update):
        _of_file(Path(update))
    elif update not in (NO_UPDATE, "", *names()):
        there = ", ".join(names(kind))
        raise InputError(f"neither a file's name, which has a dot or slash, nor an example; there are {there}", update)
    elif update not in (NO_UPDATE, "") and manifest(update).device_type is not kind:
        raise InputError(f"an example for {manifest(update).device_type.value}, not for {kind_name(kind)}", update)


def _of_file(path: Path) -> RigImage:
    try:
        file, signature = path.read_bytes(), path.with_name(f"{path.name}.sig")
        detached = decode_signature(signature.read_bytes()) if signature.is_file() else None
        version = read_firmware(file).version
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from None
    except DecodeError as error:
        raise InputError(f"no firmware file: {error}", str(path)) from None
    if version is None:
        raise InputError("an image without header or manifest, which say its version", str(path))
    return RigImage(path.name, file, version, detached)


def _maker_of(target: Target) -> bytes:
    if not target.section.maker:
        raise NoImage(f"the rig does not say who made {target.name} (maker)")
    return public_point(target.section.maker)


def _certificates(model: DeviceModel, now: Instant) -> tuple[Assurance, ...]:
    return tuple(Assurance(kind, EVIDENCE, six_years_after(now)) for kind in NEEDED[model.type])
