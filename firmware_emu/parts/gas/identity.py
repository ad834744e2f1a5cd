"""What a gas meter says of itself: maker, model, firmware, meter point number (ZCL Basic cluster; ZSE D.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.gbcs.gbz import Component
from protocols.gbcs.roles import DeviceType
from protocols.zigbee.smart_energy_common import BASIC, DEVICE_MANAGEMENT, METERING

from ...part import Part
from ...zcl_values import Held, fields_of, require, serve

if TYPE_CHECKING:
    from ...device import Device

LONGEST_NAME = 32
PHYSICAL_ENVIRONMENT = 1
"""The value by which hubs say that they can hold a mirror."""


@dataclass(slots=True)
class GasIdentityState:
    """What is None was never changed and comes from the personality."""

    hardware_version: int | None = None
    manufacturer: bytes | None = None
    model: bytes | None = None
    firmware_version: bytes | None = None
    meter_point: bytes = b""
    environment: int = PHYSICAL_ENVIRONMENT


class GasIdentity(Part):
    """Serves the identity of a gas meter, or the copy that a proxy has of it."""

    name = "gas identity"
    State = GasIdentityState
    state: GasIdentityState

    def attach(self, device: Device) -> None:
        super().attach(device)
        serve(
            self,
            [
                Held(BASIC, 0x0003, "hardware_version"),
                Held(BASIC, 0x0004, "manufacturer"),
                Held(BASIC, 0x0005, "model"),
                Held(BASIC, 0x0011, "environment"),
                Held(METERING, 0x0206, "firmware_version"),
                Held(METERING, 0x0307, "meter_point"),
            ],
        )
        if device.personality.device is DeviceType.GSME:
            device.on_new_firmware.append(self._take_version)
        device.zcl.command(DEVICE_MANAGEMENT, 0x03, self._set_meter_point, to_client=True)

    def started(self) -> None:
        """Fill in what the maker did not set otherwise."""
        personality = self.device.personality
        given = {
            "hardware_version": personality.hardware_version,
            "manufacturer": personality.manufacturer.encode(),
            "model": personality.model.encode(),
            "firmware_version": bytes.fromhex(personality.firmware_version),
        }
        for field, value in given.items():
            if getattr(self.state, field) is None:
                setattr(self.state, field, value)

    def _take_version(self) -> None:
        self.state.firmware_version = bytes.fromhex(self.device.personality.firmware_version)
        self.touch()

    def _set_meter_point(self, component: Component) -> None:
        name = fields_of(component)["site_id"] or b""
        require(0 < len(name) <= LONGEST_NAME)
        self.state.meter_point = name
        self.touch()
