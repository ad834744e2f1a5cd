"""Which events of a gas meter the supplier wants logged, sent, shared and sounded (GCS20, GCS20r; ZSE D.10).

A setting is one octet for an event: bits 0 to 2 the log, 3 the WAN, 4 the HAN, 6 an audible alarm. Only codes 81nn
can be set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocols.gbcs.alert_codes import all_codes
from protocols.gbcs.gbz import Component
from protocols.gbcs.roles import RemotePartyRole
from protocols.zigbee.smart_energy import command_named
from protocols.zigbee.smart_energy_common import DEVICE_MANAGEMENT
from protocols.zigbee.smart_energy_management import EventConfiguration
from protocols.zigbee.zcl import ClusterCommand

from ...alerts import Purpose
from ...part import Part
from ...refusals import ZCL_NOT_FOUND, ZclFailed
from ...zcl_server import Reply
from ...zcl_values import fields_of, require

if TYPE_CHECKING:
    from ...device import Device

LIST, GROUP, LOG, SAME_SETTING = range(4)
"""What a command selects events by."""
WHOLE_GROUP = 0xFF
"""Low octet of an event id that means its group."""
SUPPLIER_GROUP = 0x81
LOG_BITS, IN_EVENT_LOG = 0x07, 0x03
_BITS = {Purpose.WAN: 0x08, Purpose.HAN: 0x10, Purpose.ALARM: 0x40}

_REPORT = command_named("Report Event Configuration")


@dataclass(slots=True)
class GasEventSettingsState:
    """``reported``: codes in the order in which the maker wants them told; empty for those of the table.

    ``settings``: octets as they were sent, by code.
    """

    reported: list[int] = field(default_factory=list)
    settings: dict[int, int] = field(default_factory=dict)


class GasEventSettings(Part):
    """Sets what the device's alerts obey, and tells it."""

    name = "gas event settings"
    State = GasEventSettingsState
    state: GasEventSettingsState

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.zcl.command(DEVICE_MANAGEMENT, 0x04, self._set, to_client=True)
        device.zcl.command(DEVICE_MANAGEMENT, 0x05, self._get, to_client=True, preset=self._preset)

    def _codes(self) -> list[int]:
        """Codes 81nn of this device."""
        kind = self.device.personality.device
        own = [row.code for row in all_codes() if row.configurable_by is RemotePartyRole.SUPPLIER]
        listed = {row.code for row in all_codes() if kind in row.devices}
        return self.state.reported or sorted(code for code in own if code in listed)

    def _set(self, component: Component) -> None:
        fields = fields_of(component)
        setting = fields["event_configuration"]
        for code in self._selected(*fields["selection"]):
            self._apply(code, setting)

    def _selected(self, control: int, values: tuple[int, ...]) -> list[int]:
        """The codes meant. Raises ZclFailed for one that cannot be set."""
        if control == LIST:
            require(all(code >> 8 == SUPPLIER_GROUP for code in values))
            return list(values)
        known = self._codes()
        if control == GROUP:
            require(values[0] == SUPPLIER_GROUP << 8 | WHOLE_GROUP)
            return known
        if control == LOG:
            return [code for code in known if self._setting(code) & LOG_BITS == values[0]]
        return [code for code in known if self._setting(code) == values[0]]

    def _apply(self, code: int, setting: int) -> None:
        self.state.settings[code] = setting
        self.touch()
        on = {purpose: bool(setting & bit) for purpose, bit in _BITS.items()}
        on[Purpose.LOG] = bool(setting & LOG_BITS)
        mask = 1 << (code & 0xFF)
        for purpose, wanted in on.items():
            self.device.alerts.change(RemotePartyRole.SUPPLIER, purpose, mask, mask if wanted else 0)

    def _setting(self, code: int) -> int:
        held = self.state.settings.get(code)
        if held is not None:
            return held
        alerts = self.device.alerts
        bits = sum(bit for purpose, bit in _BITS.items() if alerts.is_on(code, purpose))
        return bits | (IN_EVENT_LOG if alerts.is_on(code, Purpose.LOG) else 0)

    def _get(self, component: Component) -> Sequence[Reply]:
        """One code, or all of group 81. The answer travels like a request."""
        wanted = fields_of(component)["event_id"]
        codes = [code for code in self._codes() if wanted in (code, code | WHOLE_GROUP)]
        if not codes:
            raise ZclFailed(ZCL_NOT_FOUND)
        told = tuple(EventConfiguration(code, self._setting(code)) for code in codes)
        return [Reply(_REPORT.make(configurations=told), quiet=False)]

    def _preset(self, _asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        told = [each for answer in answers for each in answer["configurations"]]
        self.state.reported = [each.event_id for each in told]
        for each in told:
            self._apply(each.event_id, each.configuration)
        self.touch()
