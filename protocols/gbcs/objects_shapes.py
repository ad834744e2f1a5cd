"""The shape of a COSEM value: a small notation for nested types, their names and units.

u8 u16 u32 i8 i16 i32 bool enum        numbers; a unit may follow: ``u32 Wh``
oct oct12 oct<=22 vis<=22 utf8 bits32  strings, of a fixed length or with a bound (octets, characters, bits)
{name: type, name?: type}              structure; ``?`` marks a member that twin-element meters add
[] of type, [1..4] of type             array, of any or of a bounded number of elements
log of type                            compact array: the buffer of a log, one element an entry
<name>                                 one of the shapes named below
null                                   nothing
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

NAMED: dict[str, str] = {
    "scaler_unit": "{scaler: i8, unit: enum}",
    "activation": "oct12",  # COSEM date-time; 00 x 9, 8000FF = now, FF x 9, 8000FF = never
    "schedule": (
        "[] of {index: u16, enable: bool, script_logical_name: oct6, script_selector: u16, switch_time: oct4, "
        "validity_window: u16, exec_weekdays: bits7, exec_specdays: bits, begin_date: oct5, end_date: oct5}"
    ),
    "special_days": "[] of {index: u16, specialday_date: oct5, day_id: u8}",
    "seasons": "[1..4] of {season_profile_name: oct<=8, season_start: oct12, week_name: oct<=4}",
    "weeks": (
        "[1..4] of {week_profile_name: oct<=4, monday: u8, tuesday: u8, wednesday: u8, thursday: u8, friday: u8, "
        "saturday: u8, sunday: u8}"
    ),
    "days": (
        "[1..16] of {day_id: u8, day_schedule: [1..48] of "
        "{start_time: oct4, script_logical_name: oct6, script_selector: u16}}"
    ),
    "charge": (
        "{charge_per_unit_scaling: {commodity_scale: i8, price_scale: i8}, "
        "commodity_reference: {class_id: u16, logical_name: oct6, attribute_index: i8}, "
        "charge_table: [] of {index: oct, charge_per_unit: i16}}"
    ),
    "collections": "[] of {credit_reference: oct6, charge_reference: oct6, collection_configuration: bits3}",
    "settings": "bits512",  # mask 256 bits, then action 256 bits; bit n of each half, counted from its end, is code nn
    "settings_in_force": "bits256",
    "hub_log": (
        "{time: oct12, extended_PAN_id: oct8, devices: [0..16] of {mac_address: oct8, hashed_TC_link_key: oct<=16}}"
    ),
    "money": (
        "emergency_credit_balance: i32 millipence, meter_balance: i32 millipence, payment_debt: i32 millipence, "
        "time_debt_1: i32 millipence, time_debt_2: i32 millipence, accumulated_debt: i32 millipence"
    ),
    "registers": (
        "active_import: u32 Wh, secondary_active_import?: u32 Wh, time_of_use: [48] of u32 Wh, "
        "secondary_time_of_use?: [4] of u32 Wh, block_1: [8] of u32 Wh, block_2: [8] of u32 Wh, "
        "block_3: [8] of u32 Wh, block_4: [8] of u32 Wh"
    ),
    "entry": "time: u32 s since 2000",
    "protected": "{protection_parameters: [] of {}, ciphertext: oct}",
    "sub_ghz": (
        "{page_28_channels: bits32, page_29_channels: bits32, page_30_channels: bits32, page_31_channels: bits32, "
        "normal_limited_duty_cycle: u16 0.01 %, limited_critical_duty_cycle: u16 0.01 %, "
        "maximum_channel_changes_per_week: u8, gsme_curfew: u16, channel_quieter: u8 dB, channel_noisier: u8 dB, "
        "non_gsme_poor_communication: u16 0.01 %, non_gsme_periods: u8, local_noise_period: u16, "
        "local_failures: u16 0.01 %, local_retries: u16 0.01 %}"
    ),
    "active_devices": (
        "[0..16] of {mac_address: oct8, status: bits8, maximum_RSSI: i8 dBm, average_RSSI: i8 dBm, "
        "minimum_RSSI: i8 dBm, maximum_LQI: u8, average_LQI: u8, minimum_LQI: u8, last_communication: oct12, "
        "number_of_hops: u8, transmission_failures: u8, transmission_successes: u8, application_version: u8, "
        "stack_version: u8}"
    ),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A type with what is inside: ``type`` is a word of the notation, ``structure``, ``array``, ``log`` or ``null``.

    ``name`` is that of a structure's member, empty otherwise. An array or log has one shape inside, its element.
    ``bounds`` is the number of elements, ``1..4`` or ``48``, empty for any.
    """

    type: str
    name: str = ""
    unit: str = ""
    optional: bool = False
    bounds: str = ""
    inside: tuple[Shape, ...] = ()

    @property
    def element(self) -> Shape:
        """What this is an array or log of, whatever the depth; the shape itself if it is neither."""
        inner = self
        while inner.type in ("array", "log"):
            inner = inner.inside[0]
        return inner

    @property
    def members(self) -> tuple[Shape, ...]:
        """The members of the structure that this is, or that it is an array or log of; empty if there is none."""
        return self.element.inside


@cache
def shape(text: str) -> Shape:
    """Read the notation. Raises ValueError for text that does not follow it."""
    return _Reader(_expand(text)).whole()


def _expand(text: str) -> str:
    while "<" in text.replace("<=", ""):
        text = re.sub(r"<(\w+)>", lambda match: NAMED[match[1]], text)
    return text


class _Reader:
    """Reads one notation from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def whole(self) -> Shape:
        made = self.type("", optional=False)
        if self.at != len(self.text):
            raise ValueError(f"{self.text!r}: nothing expected at {self.at}")
        return made

    def type(self, name: str, *, optional: bool) -> Shape:
        if self.skip("{"):
            return Shape("structure", name, "", optional, "", self.structure())
        if self.skip("log of "):
            return Shape("log", name, "", optional, "", (self.type("", optional=False),))
        if self.skip("["):
            bounds = self.until("]")
            if not self.skip("] of "):
                raise ValueError(f"{self.text!r}: 'of' expected at {self.at}")
            return Shape("array", name, "", optional, bounds, (self.type("", optional=False),))
        word, _, unit = self.until(",}").partition(" ")
        return Shape(word, name, unit, optional)

    def structure(self) -> tuple[Shape, ...]:
        members = []
        while not self.skip("}"):
            name = self.until(":}")
            if not self.skip(": "):
                raise ValueError(f"{self.text!r}: a member's name expected at {self.at}")
            members.append(self.type(name.rstrip("?"), optional=name.endswith("?")))
            self.skip(", ")
        return tuple(members)

    def skip(self, text: str) -> bool:
        found = self.text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def until(self, ends: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ends:
            self.at += 1
        return self.text[start : self.at]
