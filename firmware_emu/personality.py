"""What an emulated device is: its parts list, read from TOML.

Every member has a default, so a personality file names only what is special. An unknown key or a value of the wrong
kind is an error that names the key.
"""

from __future__ import annotations

import tomllib
import typing
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from protocols.gbcs.roles import DeviceType
from protocols.gbcs.use_cases import variants
from protocols.instant import DAY, Instant

from .alert_forms import USUAL as USUAL_FORMS
from .alert_forms import is_form
from .clock import ClockSettings
from .defects import DEFECTS, known_defects, unknown_defect
from .logs import LogSizes
from .settings import PersonalityError, check_choice, check_range

MOST_AUXILIARY = 5
LONGEST_START_UP: Instant = DAY


TAMPERS = frozenset({0x8F3F, *range(0x8F73, 0x8F79)})
"""Codes of tampers, after which a device may destroy its keys."""
BILLING_PERIOD_ENDED = 0x02
"""The snapshot cause that the end of a billing period has."""


@dataclass(frozen=True, slots=True)
class Personality:
    """One model of device with one firmware.

    ``firmware_version`` is the four octets of the image version, as eight hexadecimal digits; ``manufacturer`` and
    ``model`` are the texts that the device reports. ``variant`` is the meter variant letter: A single element,
    B twin element, C polyphase. ``use_cases`` lists the supported ones by short name; empty means all of the
    catalogue. ``defects`` are planned faults of this firmware (``defects.DEFECTS``). ``counter_start`` is the
    originator counter before the first alert. ``long_asn1_lengths``: ASN.1 lengths from 128 to 255 are written
    ``82 00 xx``, as some devices do. ``certificate_times``: the validity of certificates is checked where a command
    asks for it. ``long_limits``: a load controller's limit may last longer than 24 hours. ``drops_pending``: a change
    of supplier drops what the old one has dated; else it is still carried out. ``zeroises``: the device destroys its
    private keys when it is tampered with, at any tamper or at those whose codes ``zeroises_on`` lists; that most do not
    is inferred. ``auxiliary`` lists up to five auxiliary controllers: ``switch``,
    ``proportional``, ``none``, or the EUI-64 of a switch elsewhere in the home; ``boost_button``: it has one.
    ``start_up``: seconds from the return of the supply until a meter tells of the outage. ``names_load_controller``:
    its alerts about limits name the load controller as supplementary party. ``alert_forms`` chooses forms of alerts
    whose layout is not published, "0111 channel:bits trigger:u8" (see ``alert_forms``). ``any_objects``: a command may
    ask for what its use case does not list, as the lists of retired use cases are not certain. ``billing_causes``: the
    causes, 32 bits, that a gas meter's snapshot at the end of a billing period names, bit 1 (that end) among them.
    ``refuses_downgrade``: an image of a lower version than the one that runs cannot be activated. ``block_period``:
    milliseconds that a hub asks devices to leave between two requests for blocks of an image, 0 to 65535.
    ``transfers_at_once``: devices that a hub gives blocks to at the same time, 0 for all; others are told to wait.
    """

    device: DeviceType = DeviceType.ESME
    manufacturer: str = "Meterbench"
    model: str = "Emulated"
    hardware_version: int = 1
    firmware_version: str = "00000001"
    variant: str = "A"
    counter_start: int = 0
    long_asn1_lengths: bool = False
    certificate_times: bool = True
    long_limits: bool = False
    drops_pending: bool = False
    zeroises: bool = False
    zeroises_on: frozenset[str] = frozenset()
    auxiliary: tuple[str, ...] = ()
    boost_button: bool = False
    start_up: int = 0
    names_load_controller: bool = False
    alert_forms: tuple[str, ...] = ()
    any_objects: bool = False
    billing_causes: int = BILLING_PERIOD_ENDED
    refuses_downgrade: bool = False
    block_period: int = 0
    transfers_at_once: int = 0
    use_cases: frozenset[str] = frozenset()
    defects: frozenset[str] = frozenset()
    clock: ClockSettings = field(default_factory=ClockSettings)
    logs: LogSizes = field(default_factory=LogSizes)

    def __post_init__(self) -> None:
        check_choice(self, ("A", "B", "C"), "variant")
        if len(self.firmware_version) != 8 or not _is_hexadecimal(self.firmware_version):
            raise PersonalityError("firmware_version", f"8 hexadecimal digits expected, found {self.firmware_version}")
        if len(self.auxiliary) > MOST_AUXILIARY or not all(_is_auxiliary(each) for each in self.auxiliary):
            raise PersonalityError("auxiliary", "up to five of switch, proportional, none, or an EUI-64 expected")
        check_range(self, 0, LONGEST_START_UP, "start_up")
        check_range(self, 0, 0xFFFF, "block_period", "transfers_at_once")
        if self.billing_causes >> 32 or not self.billing_causes & BILLING_PERIOD_ENDED:
            raise PersonalityError("billing_causes", f"32 bits with bit 1 set expected, found {self.billing_causes:X}")
        for code in sorted(self.zeroises_on):
            if not _is_hexadecimal(code) or not code or int(code, 16) not in TAMPERS:
                raise PersonalityError("zeroises_on", f"code of a tamper expected, found {code!r}")
        for row in self.alert_forms:
            code, _, form = row.partition(" ")
            if not _is_hexadecimal(code) or not code or not is_form(int(code, 16), form):
                raise PersonalityError("alert_forms", f"message code and form of an alert expected, found {row!r}")
        for name in sorted(self.use_cases):
            if not variants(name):
                raise PersonalityError("use_cases", f"no such use case: {name!r}")
        for defect in self.defects:
            if defect not in DEFECTS and defect not in known_defects():
                raise PersonalityError("defects", unknown_defect(defect))

    def destroys_keys_on(self, code: int) -> bool:
        """True for the code of a tamper after which the device destroys its private keys."""
        if not self.zeroises or code not in TAMPERS:
            return False
        return not self.zeroises_on or code in {int(each, 16) for each in self.zeroises_on}

    def alert_form(self, message_code: int) -> str:
        """The form of an alert whose layout is not published."""
        chosen = {int(code, 16): form for code, _, form in (row.partition(" ") for row in self.alert_forms)}
        return chosen.get(message_code, USUAL_FORMS[message_code])


def load_personality(text: str) -> Personality:
    """A personality from TOML text. Raises PersonalityError naming the key."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PersonalityError("the file", str(error)) from error
    personality: Personality = _read(Personality, table, "")
    return personality


def _is_auxiliary(text: str) -> bool:
    digits = text.replace("-", "")
    return text in ("switch", "proportional", "none") or (len(digits) == 16 and _is_hexadecimal(digits))


def _is_hexadecimal(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)


def _read(kind: Any, table: dict[str, Any], path: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {member.name for member in fields(kind)}
    members: dict[str, Any] = {}
    for name, value in table.items():
        key = f"{path}{name}"
        if name not in known:
            raise PersonalityError(key, f"no such key; there are {', '.join(sorted(known))}")
        members[name] = _value(hints[name], value, key)
    try:
        return kind(**members)
    except PersonalityError as error:
        raise error.inside(path) from None


def _value(kind: Any, value: Any, key: str) -> Any:
    if is_dataclass(kind):
        return _read(kind, _expect(dict, value, key), f"{key}.")
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            names = ", ".join(str(member.value) for member in kind)
            raise PersonalityError(key, f"one of {names} expected, found {value!r}") from None
    if typing.get_origin(kind) in (frozenset, tuple):
        (item, *_rest) = typing.get_args(kind)
        items = [_value(item, member, f"{key}[{at}]") for at, member in enumerate(_expect(list, value, key))]
        return typing.get_origin(kind)(items)
    return _expect(kind, value, key)


_WORDS = {int: "a whole number", str: "a text", bool: "true or false", dict: "a table", list: "a list"}


def _expect(kind: Any, value: Any, key: str) -> Any:
    if type(value) is not kind:
        raise PersonalityError(key, f"{_WORDS[kind]} expected, found {value!r}")
    return value
