"""Which kinds of device hang on which others in a home."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.gbcs.roles import DeviceType

RELATIONS: Mapping[DeviceType, frozenset[DeviceType]] = {
    DeviceType.CHF: frozenset(),
    DeviceType.GPF: frozenset({DeviceType.CHF}),
    DeviceType.ESME: frozenset({DeviceType.CHF}),
    DeviceType.GSME: frozenset({DeviceType.CHF, DeviceType.GPF}),
    DeviceType.PPMID: frozenset({DeviceType.CHF, DeviceType.ESME, DeviceType.GSME, DeviceType.GPF}),
    DeviceType.HCALCS: frozenset({DeviceType.CHF, DeviceType.ESME}),
    DeviceType.SAPC: frozenset({DeviceType.CHF, DeviceType.ESME}),
    DeviceType.TYPE_2: frozenset({DeviceType.CHF, DeviceType.ESME, DeviceType.GSME, DeviceType.GPF}),
}
"""What a device of each kind may hang on."""

TYPE_1 = frozenset({DeviceType.PPMID, DeviceType.HCALCS, DeviceType.SAPC})
"""Type 1 devices: they take commands."""
METERS = frozenset({DeviceType.ESME, DeviceType.GSME})
"""Those whose systems are enrolled."""
