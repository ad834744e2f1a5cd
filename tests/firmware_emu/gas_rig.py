"""A gas meter or proxy and remote parties that talk to it in protected GBZ messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firmware_emu import MemoryNvm, Nvm, Output, Personality
from firmware_emu.devices import gpf, gsme
from firmware_emu.load_model import DayLoad, LoadModel
from firmware_emu.personality import BILLING_PERIOD_ENDED
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import Component, GbzAlert, GbzPayload
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType
from protocols.gbcs.sensitive import decrypt_payload
from protocols.instant import DAY, HALF_HOUR, Instant, instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_calendar import ScheduleEntry, Season
from protocols.zigbee.smart_energy_price import PriceCell
from protocols.zigbee.zcl import ClusterCommand, ReadAttributes, ReadAttributesResponse
from protocols.zigbee.zcl_types import ZclDate

from .homes import GAS, KEYS, PROXY, Parties, install_anchors, own_keys
from .tiny import BROKER, SUPPLIER, messages

MIDNIGHT = instant(2026, 3, 1)
PREPAYMENT_KEY = KeyUse.PREPAYMENT_KEY_AGREEMENT


class EvenLoad:
    """The same litres in every half-hour."""

    def __init__(self, litres: int) -> None:
        self.litres = litres

    def day(self, _day: int) -> DayLoad:
        return DayLoad(gas=(self.litres,) * 48)


class UnevenLoad:
    """Litres that differ from one half-hour to the next, and from day to day."""

    def day(self, day: int) -> DayLoad:
        return DayLoad(gas=tuple((day * 31 + slot * slot * 7) % 97 for slot in range(48)))


def litres_in(load: LoadModel, start: Instant, end: Instant) -> int:
    """What was used from one half-hour to another, reckoned slot by slot."""
    return sum(load.day(at // DAY).gas[at % DAY // HALF_HOUR] for at in range(start, end, HALF_HOUR))


class GasRig:
    """One device and what was sent to it. ``outputs`` are all since the last look."""

    def __init__(
        self,
        load: LoadModel | None = None,
        at: Instant = MIDNIGHT,
        defects: Sequence[str] = (),
        nvm: Nvm | None = None,
        kind: DeviceType = DeviceType.GSME,
        billing_causes: int = BILLING_PERIOD_ENDED,
    ) -> None:
        self.now, self.load = at, load
        self.identity = GAS if kind is DeviceType.GSME else PROXY
        self.personality = Personality(device=kind, defects=frozenset(defects), billing_causes=billing_causes)
        self.nvm = nvm or MemoryNvm()
        self.parties = Parties()
        self.outputs: list[Output] = []
        self.start()
        if not any(True for _ in self.device.credentials.cells()):
            install_anchors(self.device)

    def start(self) -> None:
        """Build the device from its memory and switch it on."""
        keys = own_keys(self.identity)
        if self.identity == GAS:
            self.device = gsme.make_device(self.identity, self.personality, self.nvm, keys, self.load)
        else:
            self.device = gpf.make_device(self.identity, self.personality, self.nvm, keys)
        self.outputs += self.device.power_on(self.now)

    def part(self, name: str) -> Any:
        """A part of the device."""
        return self.device.part(name)

    def run(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds
        self.outputs += self.device.advance(self.now)

    def press(self, key: str) -> None:
        self.outputs += self.device.press(key, self.now)

    def sense(self, signal: str, active: bool = True) -> None:
        self.outputs += self.device.sense(signal, active, self.now)

    def command(self, use_case: str, *components: Component, sender: Eui64 = SUPPLIER) -> bytes:
        """A protected command."""
        numbered = (each._replace(frame=each.frame._replace(sequence=n)) for n, each in enumerate(components))
        return self.parties.command(use_case, GbzPayload(tuple(numbered)).encode(), self.identity, sender)

    def send(self, octets: bytes) -> list[Message]:
        """Hand over a message; the messages that come back."""
        outputs = self.device.receive(octets, self.now)
        self.outputs += outputs
        return messages(outputs)

    def ask(self, use_case: str, *components: Component, sender: Eui64 = SUPPLIER) -> list[Any]:
        """What is answered, component by component, in clear: the contents."""
        (response,) = [
            message
            for message in self.send(self.command(use_case, *components, sender=sender))
            if message.cra is Cra.RESPONSE
        ]
        return contents(response)

    def alerts(self) -> list[GbzAlert]:
        """The alerts since the last look."""
        found = [decode_payload(message) for message in messages(self.outputs) if message.cra is Cra.ALERT]
        self.outputs.clear()
        return [each for each in found if isinstance(each, GbzAlert)]

    def codes(self) -> list[int]:
        """The codes of the alerts since the last look."""
        return [alert.alert_code for alert in self.alerts()]


def contents(response: Message) -> list[Any]:
    """The contents of all components, those that were encrypted decrypted by the party they are for."""
    payload = decode_payload(response)
    assert isinstance(payload, GbzPayload)
    opened = {part.place: part.value for part in decrypt_payload(response, payload, KEYS)}
    return [getattr(opened.get(n, each), "content", None) for n, each in enumerate(payload.components)]


def statuses(answers: Sequence[Any]) -> list[int]:
    """The statuses of default responses; 0 for what was published instead."""
    return [getattr(each, "status", 0) for each in answers]


def published(name: str, **values: Any) -> Component:
    """A component with a cluster command."""
    values.setdefault("issuer_event_id", 1)
    row = command_named(name)
    known = dict(row.fields.fields)
    return Component.of(row.make(**{key: value for key, value in values.items() if key in known}))


def dated(component: Component, at: Instant) -> Component:
    """The same component with a from-date-time."""
    return component._replace(from_date_time=at)


def read(cluster: int, *attributes: int) -> Component:
    """A read of attributes."""
    return Component.general(cluster, ReadAttributes(attributes))


def values(answer: Any) -> list[Any]:
    """The values in an answer to a read."""
    assert isinstance(answer, ReadAttributesResponse)
    return [record.value for record in answer.records]


def fields(answer: Any) -> Any:
    """The fields of a published command."""
    assert isinstance(answer, ClusterCommand)
    return answer.fields


EVERY_YEAR = ZclDate(None, 1, 1)


def calendar(
    day_entries: Sequence[Sequence[ScheduleEntry]],
    week: Sequence[int],
    start: Instant = 0,
    kind: int = 0,
    special: Sequence[Any] = (),
    special_start: Instant | None = None,
) -> list[Component]:
    """The components of a calendar with one week for all the year, and its special days."""
    days = [
        published(
            "Publish Day Profile",
            issuer_calendar_id=7,
            day_id=number,
            total_number_of_schedule_entries=len(entries),
            calendar_type=kind,
            entries=tuple(entries),
        )
        for number, entries in enumerate(day_entries, 1)
    ]
    return [
        published(
            "Publish Calendar",
            issuer_calendar_id=7,
            start_time=start,
            calendar_type=kind,
            number_of_seasons=1,
            number_of_week_profiles=1,
            number_of_day_profiles=len(days),
        ),
        *days,
        published("Publish Week Profile", issuer_calendar_id=7, week_id=1, day_ids=tuple(week)),
        published("Publish Seasons", issuer_calendar_id=7, seasons=(Season(EVERY_YEAR, 1),)),
        published(
            "Publish Special Days",
            issuer_calendar_id=7,
            start_time=start if special_start is None else special_start,
            calendar_type=kind,
            total_number_of_special_days=len(special),
            special_days=tuple(special),
        ),
    ]


def tariff_information(start: Instant = 0, *, block: bool = False, standing: int = 0, thresholds: int = 3) -> Component:
    """Time of use with four tiers, or blocks."""
    return published(
        "Publish Tariff Information",
        start_time=start,
        tariff_type_and_charging_scheme=0x10 if block else 0x00,
        number_of_price_tiers_in_use=0 if block else 4,
        number_of_block_thresholds_in_use=thresholds if block else 0,
        standing_charge=standing,
    )


def prices(cells: Sequence[int], start: Instant = 0, *, block: bool = False) -> Component:
    """A price matrix."""
    first = 0 if block else 1
    return published(
        "Publish Price Matrix",
        start_time=start,
        sub_payload_control=0 if block else 1,
        prices=tuple(PriceCell(first + n, price) for n, price in enumerate(cells)),
    )


__all__ = ["BROKER", "KEYS", "SUPPLIER"]
