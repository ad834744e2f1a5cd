"""Which of their events the supplier and the network operator want sent, shared, sounded and logged.

Objects 97.98.x of channels 30 (supplier) and 33 (network operator). A write is 256 bits of mask and 256 bits of
action; what is in force is read as 256 bits. Bit n, counted from the last, belongs to code 81nn or 80nn.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from protocols.dlms.data import Data, DataType, bit_string
from protocols.gbcs.roles import RemotePartyRole

from ...alerts import Purpose
from ...cosem import expect
from ...part import Part
from ...refusals import AccessFailed

if TYPE_CHECKING:
    from ...device import Device

BITS = 256
_EVERY_BIT = (1 << BITS) - 1


class _Setting(NamedTuple):
    channel: int
    role: RemotePartyRole
    purpose: Purpose
    write: int
    in_force: int


_SUPPLIER, _OPERATOR = RemotePartyRole.SUPPLIER, RemotePartyRole.NETWORK_OPERATOR
_SETTINGS = (
    _Setting(30, _SUPPLIER, Purpose.WAN, 11, 15),
    _Setting(30, _SUPPLIER, Purpose.HAN, 12, 16),
    _Setting(30, _SUPPLIER, Purpose.ALARM, 13, 17),
    _Setting(30, _SUPPLIER, Purpose.LOG, 14, 18),
    _Setting(33, _OPERATOR, Purpose.WAN, 11, 15),
    _Setting(33, _OPERATOR, Purpose.LOG, 14, 18),
)


class AlertSettings(Part):
    """Serves the settings that the alerts of the device obey."""

    name = "alert settings"

    def attach(self, device: Device) -> None:
        super().attach(device)
        for setting in _SETTINGS:
            channel = f"0-{setting.channel}:97.98"
            device.cosem.attribute(1, f"{channel}.{setting.write}.255", 2, set=partial(self._change, setting))
            device.cosem.attribute(
                1,
                f"{channel}.{setting.in_force}.255",
                2,
                get=partial(self._read, setting),
                preset=partial(self._preset, setting),
            )

    def _change(self, setting: _Setting, value: Data) -> None:
        bits = _number(value, 2 * BITS)
        self.device.alerts.change(setting.role, setting.purpose, bits >> BITS, bits & _EVERY_BIT)

    def _read(self, setting: _Setting) -> Data:
        return bit_string(format(self.device.alerts.bits(setting.role, setting.purpose), f"0{BITS}b"))

    def _preset(self, setting: _Setting, value: Data) -> None:
        self.device.alerts.change(setting.role, setting.purpose, _EVERY_BIT, _number(value, BITS))


def _number(value: Data, length: int) -> int:
    bits = expect(value, DataType.BIT_STRING)
    if len(bits) != length:
        raise AccessFailed
    return int(bits, 2)
