"""What a supplier shows the consumer, and what is hidden from the next one.

Messages and contact details (ECS10, ECS16), customer identification number (ECS50), privacy PIN (ECS14), change of
tenancy (ECS12). Change of tenancy deletes nothing: older data just is no longer shown to the consumer's devices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType
from protocols.instant import Instant

from ...cosem import expect
from ...outputs import Show
from ...part import Part
from ...refusals import AccessFailed
from ...stored_values import EXTENDED_DATA, Stored, is_moment, no_longer_than, serve
from ..credentials.party_names import LONGEST_NAME, new_supplier_name
from ..privacy import TENANCY_HIDES_NOTHING, is_pin, unlocks

if TYPE_CHECKING:
    from ...credentials import PartyChange
    from ...device import Device

LONGEST_MESSAGE, LONGEST_TELEPHONE = 116, 18
IDENTIFICATION_DIGITS = 4

_OCTETS = DataType.OCTET_STRING


@dataclass(slots=True)
class ConsumerInformationState:
    """Texts as octets. ``restricted_from`` is a date-time of 12 octets, empty before any change of tenancy.

    ``pin`` is empty while privacy protection is off. ``number`` counts the messages; ``confirmed`` is the number of
    the one that the consumer has confirmed last.
    """

    message: bytes = b""
    identification: bytes = b""
    supplier_name: bytes = b""
    supplier_telephone: bytes = b""
    restricted_from: bytes = b""
    pin: bytes = b""
    number: int = 0
    confirmed: int = 0


class ConsumerInformation(Part):
    """Serves the supplier's texts; keeps the privacy PIN and the date of the change of tenancy."""

    name = "consumer information"
    State = ConsumerInformationState
    state: ConsumerInformationState

    def __init__(self) -> None:
        super().__init__()
        self.on_message: Callable[[], None] = lambda: None
        """Called when there is another message."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        serve(self, self._rows())
        device.cosem.attribute(1, "0-0:94.44.3.1", 2, set=self._remove_pin)
        device.credentials.listeners.append(self._party_changed)

    # for the consumer's side

    def visible_from(self) -> Instant | None:
        """The earliest time stamp that the consumer may see; None if all may be seen."""
        octets = self.state.restricted_from
        if not octets or self.device.defective(TENANCY_HIDES_NOTHING):
            return None
        return CosemDateTime.decode(octets).to_instant()

    def shows(self, stamp: Instant) -> bool:
        """True if an entry with this time stamp may be shown to the consumer."""
        limit = self.visible_from()
        return limit is None or stamp >= limit

    def set_pin(self, pin: str) -> bool:
        """The consumer sets four digits at the meter; False for anything else, or while protection is on."""
        if self.state.pin or not is_pin(pin):
            return False
        self.state.pin = pin.encode()
        self.touch()
        return True

    def unlocks(self, pin: str) -> bool:
        """True if private items may be shown after this entry."""
        return unlocks(self.state.pin, pin)

    def _party_changed(self, change: PartyChange) -> None:
        """An update of credentials brings a new supplier's name."""
        name = new_supplier_name(self.device.credentials, change)
        if name:
            self.state.supplier_name = name
            self.touch()

    # the objects

    def _rows(self) -> list[Stored]:
        written = partial(Stored, kind=_OCTETS, readable=False, writable=True)
        message, name = no_longer_than(LONGEST_MESSAGE), no_longer_than(LONGEST_NAME)
        telephone = no_longer_than(LONGEST_TELEPHONE)
        show, shown = self._show_message, self._show_identification
        return [
            written(1, "0-2:96.13.1.255", 2, "message", check=message, changed=show),
            written(1, "0-3:96.13.1.255", 2, "identification", check=_is_number, changed=shown),
            written(1, "0-0:94.44.3.2", 2, "restricted_from", check=is_moment),
            written(EXTENDED_DATA, "0-0:96.13.0.255", 2, "supplier_telephone", check=telephone),
            written(EXTENDED_DATA, "0-0:96.13.1.255", 2, "supplier_name", check=name),
        ]

    def _show_message(self) -> None:
        self.state.number += 1
        self.touch()
        self.on_message()
        self.device.emit(Show("message", self.state.message.decode("latin-1")))

    def _show_identification(self) -> None:
        self.device.emit(Show("customer identification number", self.state.identification.decode("latin-1")))

    def _remove_pin(self, value: Data) -> None:
        if expect(value, _OCTETS):
            raise AccessFailed
        self.state.pin = b""
        self.touch()


def _is_number(octets: bytes) -> bool:
    return len(octets) == IDENTIFICATION_DIGITS and octets.isdigit()
