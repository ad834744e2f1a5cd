"""A list, an inventory and images for tests of the gate."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from bench.device_model import DeviceModel
from bench.firmware import SigningKey, build_manufacturer_image, header_of, signing_key_of_seed, wrap
from bench.inventory import Inventory, Status
from bench.products.assurance import NEEDED, Assurance, six_years_after
from bench.products.entries import ListedFirmware, ListedModel
from bench.products.gate import Gate
from bench.products.hashes import hashes_of
from bench.products.listing import CertifiedProducts
from bench.products.parties import ListParty, PartyKind
from protocols.eui64 import Eui64, eui64
from protocols.firmware_container import Manifest
from protocols.gbcs.firmware_image import AUTHORISERS, FirmwareImage
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY, Instant, instant

NOW = instant(2026, 1, 1)
LAPSES = six_years_after(NOW)
SUPPLIER = ListParty(PartyKind.SUPPLIER, "Bright")
DCC = ListParty(PartyKind.DCC, "")
PANEL = ListParty(PartyKind.PANEL, "")
ANYBODY = ListParty(PartyKind.OTHER, "a maker")
MANUFACTURER, HARDWARE, VERSION = 0x1234, 1, bytes.fromhex("02000002")
KINDS = (DeviceType.ESME, DeviceType.GSME, DeviceType.CHF, DeviceType.PPMID, DeviceType.HCALCS)
MODELS = {kind: DeviceModel(kind, MANUFACTURER, number) for number, kind in enumerate(KINDS, 1)}
DEVICES = {kind: eui64(f"00DB1234567890{0xA0 + number:02X}") for number, kind in enumerate(KINDS)}
ESME = DeviceType.ESME


@cache
def key(name: str) -> SigningKey:
    return signing_key_of_seed(name)


def authoriser(role: RemotePartyRole, _device: Eui64 | None = None) -> bytes:
    return key(role.name).point


def manifest(kind: DeviceType = ESME, version: bytes = VERSION, hardware: tuple[int, int] = (1, 3)) -> Manifest:
    model = MODELS[kind]
    return Manifest(
        kind,
        f"{model.manufacturer:04X}",
        f"{model.model:04X}{HARDWARE:04X}",
        version.hex().upper(),
        hardware_versions=hardware,
    )


def image(
    kind: DeviceType = ESME, version: bytes = VERSION, content: bytes = b"good firmware", maker: str = "maker"
) -> FirmwareImage:
    """A whole file, signed by maker and authoriser."""
    said = manifest(kind, version)
    made = build_manufacturer_image(said, content, key(maker))
    role = AUTHORISERS.get(kind)
    return wrap(made, header_of(said), None if role is None else key(role.name))


def opaque(octets: bytes, kind: DeviceType = ESME) -> FirmwareImage:
    """A file around octets that only their maker understands."""
    role = AUTHORISERS.get(kind)
    return wrap(octets, header_of(manifest(kind)), None if role is None else key(role.name))


def certificates(kind: DeviceType = ESME, expires: Instant = LAPSES) -> tuple[Assurance, ...]:
    return tuple(Assurance(each, f"{each}-{kind.name}-1", expires) for each in NEEDED[kind])


def entry(kind: DeviceType = ESME, hardware: tuple[int, ...] = (1, 2)) -> ListedModel:
    return ListedModel(MODELS[kind], key("maker").point, hardware, certificates(kind), "Maker Ltd", f"{kind.name} 200")


def listed(file: FirmwareImage, kind: DeviceType = ESME, evidence: str = "") -> ListedFirmware:
    version = file.header.version
    return ListedFirmware(MODELS[kind], version, hashes_of(file.manufacturer_image, version), evidence)


def products(*kinds: DeviceType) -> CertifiedProducts:
    made = CertifiedProducts()
    for kind in kinds or KINDS:
        made.add_model(entry(kind), [listed(image(kind), kind)], ANYBODY, NOW)
    return made


def inventory() -> Inventory:
    """A device of each kind, commissioned, on the hub."""
    made = Inventory()
    hub = DEVICES[DeviceType.CHF]
    for kind, device in DEVICES.items():
        made.add(device, kind, NOW, model=MODELS[kind], hardware=HARDWARE, firmware=b"\x02\x00\x00\x01")
        made.set_status(device, Status.INSTALLED, NOW, "fitted")
        made.contact(device, NOW)
    for kind, device in DEVICES.items():
        if device != hub:
            made.relate(device, hub if kind in (ESME, DeviceType.GSME) else DEVICES[ESME], NOW)
        made.set_status(device, Status.COMMISSIONED, NOW, "complete")
    return made


def gate() -> Gate:
    return Gate(products(), inventory(), authoriser)


def with_octet_changed(file: FirmwareImage, at: int) -> FirmwareImage:
    octets = bytearray(file.manufacturer_image)
    octets[at] ^= 1
    return replace(file, manufacturer_image=bytes(octets))


LATER = NOW + DAY
