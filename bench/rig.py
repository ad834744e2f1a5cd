"""The rig file: which devices a run meets, over which wires, and which parties speak to them.

A device is real or emulated by its ``reach`` alone. Nothing is guessed: a key that no rig has is an error with a
suggestion, and every error names the file and the key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from hal.address import Address, MemoryAddress, PtyAddress, parse_address
from hal.channel import AddressError
from protocols import instant
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY, Instant

from .loads import HouseholdSection, Load
from .rig_section import MAX_FILE, RigError, Strict

__all__ = [
    "DEFAULT_RIG",
    "KINDS",
    "PARTIES",
    "DeviceSection",
    "HeadEndSection",
    "HouseholdSection",
    "Load",
    "Rig",
    "RigError",
    "SupplierCells",
    "embedded_rigs",
    "kind_name",
    "load_rig",
    "parse_rig",
]

DEFAULT_RIG = "dual-fuel-home"
NO_UPDATE = "none"
"""What a rig says of a device whose firmware a run leaves alone."""
DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_START, LAST_START = datetime(2001, 1, 1, tzinfo=UTC), datetime(2130, 1, 1, tzinfo=UTC)
"""Devices count seconds from 2000 on in 32 bits, which end in 2136; tests look back from the start, and ahead."""
REPLY_SECONDS = 10.0
"""How long an answer may take, in real seconds, where a rig says nothing."""


KINDS: Mapping[str, DeviceType] = {
    "ESME": DeviceType.ESME,
    "GSME": DeviceType.GSME,
    "CHF": DeviceType.CHF,
    "GPF": DeviceType.GPF,
    "PPMID": DeviceType.PPMID,
    "HCALCS": DeviceType.HCALCS,
    "SAPC": DeviceType.SAPC,
    "IHD": DeviceType.TYPE_2,
}
"""The kinds of device by their names in rig files."""


def kind_name(kind: DeviceType) -> str:
    """The name of a kind of device in rig files and reports."""
    return next(name for name, known in KINDS.items() if known is kind)


def _eui64(value: object) -> Eui64:
    if isinstance(value, str):
        return eui64(value)
    raise ValueError('an EUI-64 is text of 16 hexadecimal digits, as in "00-DB-12-34-56-78-90-A0"')


def _device_type(value: object) -> DeviceType:
    if isinstance(value, str) and value.upper() in KINDS:
        return KINDS[value.upper()]
    raise ValueError(f"one of {', '.join(KINDS)}, not {value!r}")


def _role(value: object) -> RemotePartyRole:
    name = str(value).upper().replace("-", "_")
    if name in RemotePartyRole.__members__:
        return RemotePartyRole[name]
    known = [role.name.lower().replace("_", "-") for role in PARTIES]
    raise ValueError(f"no such role{_did_you_mean(str(value), known)}; known are {', '.join(known)}")


def _address(value: object) -> Address:
    try:
        return parse_address(str(value))
    except AddressError as error:
        raise ValueError(str(error)) from None


def _utc(value: datetime) -> datetime:
    at = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if not FIRST_START <= at < LAST_START:
        raise ValueError(f"a time from {FIRST_START.year} to {LAST_START.year - 1} is needed, not {value}")
    return at


class SupplierCells(StrEnum):
    """Whose certificates the cells of supplier and network operator hold when a run begins.

    ``BROKER``: the access control broker's, as in a device that a meter operator bought; the suite hands it over.
    """

    SUPPLIER = "supplier"
    BROKER = "broker"


class DeviceSection(Strict):
    """One device.

    ``model`` names the personality of an emulated device, without it the usual one of its kind; ``firmware`` is its
    version, eight hexadecimal digits. ``defects`` are planned faults of its firmware. ``keystore``: folder with the
    certificates of a real device. ``auxiliary``: controllers of an emulated meter in the place of its model's, as in a
    personality; the EUI-64 of a HCALCS of the rig makes the meter control it. ``ask_every``: seconds between two
    questions of an emulated display to the electricity meter. ``supplier_cells``: "broker" if the device has yet to be
    handed over to its supplier and network operator. ``maker``: the public key by which an emulated device knows the
    firmware of its maker, as a file or ``test:NAME``; empty if it takes firmware of anybody. ``update``: the firmware
    that a run brings to the device first, as a file or an example by name; "none" for nothing. Without it an emulated
    device gets the good second version of its kind, and a real one nothing.
    ``product``: what a real device is on lists of products, as "1234:00010001": its maker, its model, and in the last
    four digits its hardware version.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,60}$")]
    type: Annotated[DeviceType, BeforeValidator(_device_type)]
    eui64: Annotated[Eui64, BeforeValidator(_eui64)]
    reach: Annotated[Address, BeforeValidator(_address)] = MemoryAddress()
    model: str = ""
    firmware: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{8})?$")] = ""
    defects: tuple[str, ...] = ()
    load: Load = Load()
    auxiliary: Annotated[tuple[str, ...], Field(max_length=5)] = ()
    ask_every: Annotated[int, Field(ge=1, le=DAY)] = 10
    keystore: Path | None = None
    supplier_cells: SupplierCells = SupplierCells.SUPPLIER
    maker: str = "test:maker"
    update: str = ""
    product: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{4}:[0-9A-Fa-f]{8})?$")] = ""

    @property
    def emulated(self) -> bool:
        """Whether the bench has to start the device itself."""
        return isinstance(self.reach, MemoryAddress) or (isinstance(self.reach, PtyAddress) and self.reach.path is None)


class HeadEndSection(Strict):
    """The remote parties. ``keystore``: folder of their keys; without it a test PKI is made from the seed.

    ``lab``: folder of a laboratory (``meterbench keys``) with their keys and the roots that the devices trust.
    ``products``: file with the list of certified products (``meterbench cpl``) on which an update must be; without it a
    run lists what it brings. ``counters``: file in which their counters go on from run to run, as prepayment tokens for
    real devices need.
    """

    keystore: Path | None = None
    lab: Path | None = None
    products: Path | None = None
    counters: Path | None = None
    first_counter: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None
    parties: dict[Annotated[RemotePartyRole, BeforeValidator(_role)], Annotated[Eui64, BeforeValidator(_eui64)]] = (
        Field(default_factory=dict)
    )

    @model_validator(mode="after")
    def _keys_have_one_source(self) -> HeadEndSection:
        if self.keystore is not None and self.lab is not None:
            raise ValueError("keys come from a keystore or from a lab, not from both")
        return self


class Rig(Strict):
    """A whole rig. ``start`` is the devices' time when an emulated rig begins; a rig of real devices has none."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=1 << 64)] = 1
    start: Annotated[datetime, AfterValidator(_utc)] = DEFAULT_START
    reply_seconds: Annotated[float, Field(gt=0, le=3600)] = REPLY_SECONDS
    head_end: HeadEndSection = HeadEndSection()
    device: Annotated[tuple[DeviceSection, ...], Field(min_length=1)]
    source: str = Field(default="", exclude=True)
    text_sha256: str = Field(default="", exclude=True)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Rig:
        for key in ("name", "eui64"):
            values = [getattr(device, key) for device in self.device]
            if len(set(values)) != len(values):
                raise ValueError(f"two devices have the same {key}")
        return self

    @property
    def devices(self) -> tuple[DeviceSection, ...]:
        """The devices, in the order of the file."""
        return self.device

    @property
    def virtual_time(self) -> bool:
        """True if every device is emulated: then time passes only when the bench says so."""
        return all(device.emulated for device in self.device)

    @property
    def started(self) -> Instant:
        """``start`` as an instant."""
        return instant.from_datetime(self.start)

    def party(self, role: RemotePartyRole) -> Eui64:
        """The identifier of the party of a role: the rig's, or the usual one of test rigs."""
        return self.head_end.parties.get(role, PARTIES[role])

    def with_seed(self, seed: int | None) -> Rig:
        """The same rig with another seed, if one is given."""
        return self if seed is None else self.model_copy(update={"seed": seed})

    def with_update(self, device: str, update: str) -> Rig:
        """The same rig that brings this firmware to the device of that name: a file, or an example by name."""
        changed = tuple(d.model_copy(update={"update": update}) if d.name == device else d for d in self.device)
        return self.model_copy(update={"device": changed})

    def with_products(self, file: Path) -> Rig:
        """The same rig whose updates must be on this list of certified products."""
        return self.model_copy(update={"head_end": self.head_end.model_copy(update={"products": file})})

    def with_defects(self, device: str, *defects: str) -> Rig:
        """The same rig whose device of that name has these planned defects besides its own."""
        changed = tuple(
            d.model_copy(update={"defects": (*d.defects, *defects)}) if d.name == device else d for d in self.device
        )
        return self.model_copy(update={"device": changed})


PARTIES: Mapping[RemotePartyRole, Eui64] = {
    RemotePartyRole.RECOVERY: eui64("90B3D51F30000001"),
    RemotePartyRole.ACCESS_CONTROL_BROKER: eui64("90B3D51F30000002"),
    RemotePartyRole.TRANSITIONAL_COS: eui64("90B3D51F30000004"),
    RemotePartyRole.WAN_PROVIDER: eui64("90B3D51F30000007"),
    RemotePartyRole.SUPPLIER: eui64("90B3D51F30010000"),
    RemotePartyRole.LOAD_CONTROLLER: eui64("90B3D51F30010008"),
    RemotePartyRole.NETWORK_OPERATOR: eui64("90B3D51F30020000"),
}
"""The parties of a rig that names no others: the identifiers of the public test messages, with keys of our own."""


def load_rig(path: Path | None = None) -> Rig:
    """Read a rig file, an embedded rig by its name, or the default one of these. Raises RigError."""
    if path is None:
        return load_rig(Path(DEFAULT_RIG))
    if not os.path.exists(path) and path.name in embedded_rigs():
        file = f"{path.name}.toml"
        return parse_rig(resources.files("bench").joinpath("data", file).read_bytes(), file)
    try:
        with path.open("rb") as opened:
            octets = opened.read(MAX_FILE + 1)
    except OSError as error:
        known = ", ".join(embedded_rigs())
        raise RigError(f"{path}: cannot be read: {error.strerror}; embedded rigs are {known}") from None
    if len(octets) > MAX_FILE:
        raise RigError(f"{path}: more than {MAX_FILE} octets, which is no rig file")
    rig = _relative_to(parse_rig(octets, str(path)), path.parent)
    for device in rig.devices:
        device.load.model()  # complains of a file of half-hours before anything runs
    return rig


def embedded_rigs() -> list[str]:
    """The names of the rigs that come with the package."""
    folder = resources.files("bench").joinpath("data")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def parse_rig(octets: bytes, source: str) -> Rig:
    """The rig that TOML text describes; ``source`` names it in errors. Raises RigError."""
    try:
        members = tomllib.loads(octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RigError(f"{source}: not UTF-8 text (octet {error.start})") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RigError(f"{source}: not TOML: {error}") from None
    for internal in ("source", "text_sha256"):
        if internal in members:
            raise RigError(f"{source}: {internal}: unknown key; known are {', '.join(_keys(Rig))}")
    try:
        return Rig.model_validate({**members, "source": source, "text_sha256": sha256(octets).hexdigest()})
    except ValidationError as error:
        raise RigError("\n".join(_complaints(error, source))) from None


def _relative_to(rig: Rig, folder: Path) -> Rig:
    """Folders and files that a rig names are given relative to it."""
    devices = tuple(_moved(device, folder) for device in rig.device)
    head_end = _moved(rig.head_end, folder)
    for key in ("counters", "lab", "products"):
        if getattr(head_end, key) is not None:
            head_end = head_end.model_copy(update={key: folder / getattr(head_end, key)})
    return rig.model_copy(update={"device": devices, "head_end": head_end})


def _moved(section: Any, folder: Path) -> Any:
    changes: dict[str, Any] = {}
    if section.keystore is not None:
        changes["keystore"] = folder / section.keystore
    if isinstance(section, DeviceSection) and section.maker and not section.maker.startswith("test:"):
        changes["maker"] = str(folder / section.maker)
    if isinstance(section, DeviceSection) and is_file_name(section.update):
        changes["update"] = str(folder / section.update)
    if isinstance(section, DeviceSection) and section.load.csv is not None:
        changes["load"] = section.load.model_copy(update={"csv": folder / section.load.csv})
    return section.model_copy(update=changes)


def is_file_name(text: str) -> bool:
    """Whether firmware is named by a file, and not as an example or not at all."""
    return "." in text or "/" in text


def _complaints(error: ValidationError, source: str) -> Iterator[str]:
    problems = error.errors(include_url=False)
    for problem in problems:
        if problem["type"] == "too_short" and len(problems) > 1:
            continue  # what is wrong inside the list is said already
        place = [part for part in problem["loc"] if part != "[key]"]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".") or "rig"
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            known = _keys(_section(place[:-1]))
            text = f"unknown key{_did_you_mean(str(place[-1]), known)}; known are {', '.join(known)}"
        elif problem["type"] == "missing":
            text = "missing"
        yield f"{source}: {where}: {text}"


def _section(place: list[int | str]) -> type[Strict]:
    names = [part for part in place if isinstance(part, str)]
    sections: dict[str, type[Strict]] = {
        "device": DeviceSection,
        "head_end": HeadEndSection,
        "load": Load,
        "household": HouseholdSection,
    }
    return sections.get(names[-1], Rig) if names else Rig


def _keys(section: type[Strict]) -> list[str]:
    return [name for name in section.model_fields if name not in ("source", "text_sha256")]


def _did_you_mean(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
