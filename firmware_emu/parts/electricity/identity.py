"""What a meter says of itself: identifiers, maker, model, firmware, variant, meter point numbers.

Objects 0-0:96.1.x and 0-0:0.2.1 (read), the meter point administration numbers (written and read).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.dlms.data import DataType
from protocols.gbcs.roles import DeviceType

from ...defects import register_defect
from ...part import Part
from ...profile_generic import serve_event_logs
from ...stored_values import Stored, serve

if TYPE_CHECKING:
    from ...device import Device

MPAN_LENGTH = 13
"""Characters of a meter point administration number."""
TWIN_ELEMENT = "B"

ACCEPTS_LONG_MPAN = register_defect(
    "accepts-long-mpan", "stores two meter point numbers although the meter has one element"
)

_OCTETS = DataType.OCTET_STRING


@dataclass(slots=True)
class IdentityState:
    """Texts as octets. What is None was never changed and comes from the personality."""

    identifier: bytes | None = None
    variant: bytes | None = None
    model: bytes | None = None
    manufacturer: bytes | None = None
    firmware_version: bytes | None = None
    import_mpans: bytes = b""
    export_mpan: bytes = b""


class Identity(Part):
    """Serves the identity, and the event logs that every device has."""

    name = "identity"
    State = IdentityState
    state: IdentityState

    def attach(self, device: Device) -> None:
        super().attach(device)
        serve(self, self._rows(device))
        serve_event_logs(device.cosem, device.logs, device.personality.device)
        device.on_new_firmware.append(self._take_version)

    def _take_version(self) -> None:
        self.state.firmware_version = bytes.fromhex(self.device.personality.firmware_version)
        self.touch()

    def started(self) -> None:
        """Fill in what the maker did not set otherwise."""
        personality, state = self.device.personality, self.state
        given = {
            "identifier": bytes(self.device.identity),
            "variant": personality.variant.encode(),
            "model": personality.model.encode(),
            "manufacturer": personality.manufacturer.encode(),
            "firmware_version": bytes.fromhex(personality.firmware_version),
        }
        for field, value in given.items():
            if getattr(state, field) is None:
                setattr(state, field, value)

    @property
    def elements(self) -> int:
        """2 for a twin-element meter, else 1."""
        return 2 if self.device.personality.variant == TWIN_ELEMENT else 1

    def _rows(self, device: Device) -> list[Stored]:
        rows = [Stored(1, "0-0:0.2.1.255", 2, "firmware_version", _OCTETS)]
        if device.personality.device is DeviceType.CHF:
            rows += [
                Stored(1, "0-0:96.1.1.255", 2, "identifier", _OCTETS),  # inferred: the list of ECS26i is not public
                Stored(1, "0-0:96.1.4.255", 2, "model", _OCTETS),
                Stored(1, "0-0:96.1.6.255", 2, "manufacturer", _OCTETS),
            ]
        if device.personality.device is DeviceType.ESME:
            rows += [
                Stored(1, "0-0:96.1.1.255", 2, "identifier", _OCTETS),
                Stored(1, "0-0:96.1.2.255", 2, "variant", _OCTETS),
                Stored(1, "0-0:96.1.4.255", 2, "model", _OCTETS),
                Stored(1, "0-0:96.1.6.255", 2, "manufacturer", _OCTETS),
                Stored(1, "0-0:94.44.34.11", 2, "import_mpans", _OCTETS, writable=True, check=self._fits),
                Stored(1, "1-0:0.0.2.255", 2, "export_mpan", _OCTETS, writable=True, check=_is_one_mpan),
            ]
        return rows

    def _fits(self, mpans: bytes) -> bool:
        """A single-element meter has one import number; two are an error (GBCS ECS39a)."""
        most = 2 if self.device.defective(ACCEPTS_LONG_MPAN) else self.elements
        return len(mpans) <= MPAN_LENGTH * most


def _is_one_mpan(mpan: bytes) -> bool:
    return len(mpan) <= MPAN_LENGTH
