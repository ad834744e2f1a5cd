"""What a manufacturer image makes of the emulated device that runs it.

Images of the documented layout (``protocols.firmware_container``) say it in their manifest. Any other image is
accepted too and changes nothing but the version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocols.errors import DecodeError
from protocols.firmware_container import Behaviour, Manifest, ManufacturerImage
from protocols.gbcs.roles import DeviceType
from protocols.gbcs.use_cases import variants

from .defects import DEFECTS, known_defects
from .personality import Personality


@dataclass(frozen=True, slots=True)
class FirmwareContent:
    """``use_cases`` and ``defects`` are None in an image that says nothing of them, ``device`` where it is opaque."""

    use_cases: frozenset[str] | None = None
    defects: frozenset[str] | None = None
    starts: bool = True
    device: DeviceType | None = None

    @classmethod
    def decode(cls, image: bytes) -> FirmwareContent:
        """What an image makes of a device; one that is not understood, or names unknown things, does not start."""
        if not ManufacturerImage.begins(image):
            return cls()
        try:
            manifest = ManufacturerImage.decode(image).manifest
        except DecodeError:
            return cls(starts=False)
        behaviour = manifest.behaviour
        if not _are_known(behaviour):
            return cls(starts=False, device=manifest.device_type)
        return cls(behaviour.use_cases, behaviour.defects, behaviour.starts, manifest.device_type)

    def starts_on(self, device: DeviceType) -> bool:
        """Whether the image can run on this kind of device at all."""
        return self.starts and self.device in (None, device)

    def encode(self, device: DeviceType = DeviceType.ESME) -> bytes:
        """An image that nobody has signed, with this content."""
        behaviour = Behaviour(self.use_cases, self.defects, self.starts)
        manifest = Manifest(self.device or device, "0000", "00000000", "00000000", behaviour=behaviour)
        return ManufacturerImage(manifest, b"").encode()

    def personality(self, factory: Personality, version: bytes) -> Personality:
        """The personality of a device that runs this image; ``version`` has 4 octets."""
        return replace(
            factory,
            firmware_version=version.hex(),
            use_cases=factory.use_cases if self.use_cases is None else self.use_cases,
            defects=factory.defects if self.defects is None else self.defects,
        )


def _are_known(behaviour: Behaviour) -> bool:
    defects = behaviour.defects or frozenset()
    return all(variants(name) for name in behaviour.use_cases or ()) and (
        defects <= DEFECTS.keys() or defects <= known_defects().keys()
    )
