"""Example images for emulated devices: for each kind a good second version, and later ones with a planned defect.

They come as manifests and are built on demand, for the model and hardware of a given device. The maker's key is made
from a seed, so that it needs no file; whoever has this program has it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from firmware_emu import Personality
from protocols.firmware_container import Manifest, ManufacturerImage
from protocols.gbcs.roles import DeviceType

from ..reading import InputError
from .building import build_manufacturer_image, filler
from .manifests import Recipe, parse_recipe
from .signing_keys import SigningKey, signing_key_of_seed

MAKER_SEED = "maker"
"""The name of the examples' maker among the keys for tests."""


@lru_cache(maxsize=1)
def maker() -> SigningKey:
    """The key that signs the examples."""
    return signing_key_of_seed(MAKER_SEED)


@lru_cache(maxsize=1)
def _all_names() -> tuple[str, ...]:
    folder = files("bench").joinpath("data", "firmware")
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")))


def names(device: DeviceType | None = None, *, defective: bool | None = None) -> list[str]:
    """The examples there are: those for a kind of device, and those with or without a planned defect."""
    return [
        name
        for name in _all_names()
        if (device is None or manifest(name).device_type is device)
        and (defective is None or defective is bool(manifest(name).behaviour.defects))
    ]


@lru_cache(maxsize=64)
def recipe(name: str) -> Recipe:
    """What an example is built from. Raises InputError for a name that is not among ``names``."""
    if name not in _all_names():
        raise InputError(f"no such example; there are {', '.join(_all_names())}", name)
    file = files("bench").joinpath("data", "firmware", f"{name}.toml")
    return parse_recipe(file.read_bytes(), f"{name}.toml")


def manifest(name: str) -> Manifest:
    """The manifest of an example. Raises InputError."""
    return recipe(name).manifest


def manifest_for(name: str, personality: Personality, version: str = "") -> Manifest:
    """The manifest of an example for a device: its maker, model and hardware, where it has them as codes.

    ``version``, 8 hexadecimal digits, takes the place of the example's. Raises InputError for another kind of device.
    """
    found = manifest(name)
    if found.device_type is not personality.device:
        raise InputError(f"an example for {found.device_type.value}, not for {personality.device.value}", name)
    hardware = personality.hardware_version
    return replace(
        found,
        manufacturer=_code(personality.manufacturer, 4) or found.manufacturer,
        model=_code(personality.model, 8) or found.model,
        hardware_versions=(hardware, hardware),
        firmware_version=(version or found.firmware_version).upper(),
    )


def build_example(
    name: str,
    personality: Personality | None = None,
    *,
    signer: SigningKey | None = None,
    version: str = "",
    content_size: int | None = None,
) -> ManufacturerImage:
    """The manufacturer image of an example, for a device's model where its personality is given.

    ``signer`` takes the place of the examples' maker; ``content_size``: octets of filler. Raises InputError.
    """
    found = recipe(name)
    made = manifest_for(name, personality, version) if personality is not None else found.manifest
    if personality is None and version:
        made = replace(made, firmware_version=version.upper())
    content = filler(made, found.content_size if content_size is None else content_size)
    return build_manufacturer_image(made, content, signer or maker())


def _code(text: str, digits: int) -> str:
    """The text in upper case if it is that many hexadecimal digits, else nothing."""
    return text.upper() if len(text) == digits and all(c in "0123456789abcdefABCDEF" for c in text) else ""
