"""What a supplier tells the consumer over gas devices: contact details, messages, identification; tenancy and PIN.

Commands of the device management and messaging clusters (ZSE D.10, D.5). A change of tenancy deletes nothing: what is
older is just no longer shown to the consumer's devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols.gbcs.gbz import Component
from protocols.instant import Instant
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import DEVICE_MANAGEMENT, MESSAGING

from ...dated_commands import DatedCommand
from ...dated_commands import serve as serve_dated
from ...outputs import Show
from ...part import Part
from ...zcl_values import fields_of, require
from ..credentials.party_names import new_supplier_name
from ..privacy import TENANCY_HIDES_NOTHING, is_pin, unlocks

if TYPE_CHECKING:
    from ...credentials import PartyChange
    from ...device import Device

LONGEST_MESSAGE, LONGEST_NAME, LONGEST_TELEPHONE = 116, 16, 19
IDENTIFICATION_DIGITS = 4
CONSUMER_PASSWORDS = frozenset({2, 3})
"""Password types that a command may switch off: the specification's template says 2, its mapping table 3."""
CLEAR_DISPLAY_DATA = 0x200
"""Bit of a change of tenancy: devices of the consumer get nothing older."""


@dataclass(slots=True)
class GasManagementState:
    """Texts as octets. ``visible_from`` is 0 before any change of tenancy; ``pin`` empty while it is off."""

    supplier_name: bytes = b""
    supplier_telephone: bytes = b""
    message: bytes = b""
    message_id: int = 0
    identification: bytes = b""
    pin: bytes = b""
    visible_from: Instant = 0


class GasManagement(Part):
    """Keeps the texts; shows messages and the identification number when they come."""

    name = "gas management"
    State = GasManagementState
    state: GasManagementState

    def attach(self, device: Device) -> None:
        super().attach(device)
        command = device.zcl.command
        command(MESSAGING, 0x00, self._show_message, to_client=True)
        command(DEVICE_MANAGEMENT, 0x00, self._change_tenancy, to_client=True)
        details = DatedCommand(
            command_named("Publish Change of Supplier"),
            self._set_supplier,
            "provider_change_implementation_time",
            check=_check_supplier,
        )
        serve_dated(device, details)
        command(DEVICE_MANAGEMENT, 0x02, self._set_pin, to_client=True)
        command(DEVICE_MANAGEMENT, 0x06, self._show_identification, to_client=True)
        device.credentials.listeners.append(self._party_changed)

    # for other parts and the consumer

    def shows(self, stamp: Instant) -> bool:
        """True if the consumer's devices may have what happened at ``stamp``."""
        return stamp >= self.state.visible_from or self.device.defective(TENANCY_HIDES_NOTHING)

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

    # commands

    def _set_supplier(self, fields: Any) -> None:
        self.state.supplier_name = fields["proposed_provider_name"]
        self.state.supplier_telephone = fields["proposed_provider_contact_details"]
        self.touch()

    def _show_message(self, component: Component) -> None:
        fields = fields_of(component)
        text = fields["message"] or b""
        require(len(text) <= LONGEST_MESSAGE)
        self.state.message, self.state.message_id = text, fields["message_id"]
        self.touch()
        self.device.emit(Show("message", text.decode("ascii", "replace")))

    def _show_identification(self, component: Component) -> None:
        digits = fields_of(component)["customer_id_number"] or b""
        require(len(digits) == IDENTIFICATION_DIGITS and digits.isdigit())
        self.state.identification = digits
        self.touch()
        self.device.emit(Show("identification", digits.decode()))

    def _set_pin(self, component: Component) -> None:
        """From afar the PIN can only be switched off."""
        fields = fields_of(component)
        require(fields["password_type"] in CONSUMER_PASSWORDS and not fields["password"])
        self.state.pin = b""
        self.touch()

    def _change_tenancy(self, component: Component) -> None:
        """The date is kept at once, past or future; it is the data's, not the command's."""
        fields = fields_of(component)
        require(fields["proposed_tenancy_change_control"] & CLEAR_DISPLAY_DATA != 0)
        self.state.visible_from = fields["implementation_date_time"] or self.device.now
        self.touch()


def _check_supplier(fields: Any) -> None:
    name, telephone = fields["proposed_provider_name"], fields["proposed_provider_contact_details"]
    require(name is not None and len(name) <= LONGEST_NAME)
    require(telephone is not None and len(telephone) <= LONGEST_TELEPHONE)
