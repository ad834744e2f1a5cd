"""Assurance certificates of a model: which a kind of device needs, and until when they hold.

Security certification (Commercial Product Assurance, CPA) is renewed every six years; a model whose certificate has
expired leaves the list of certified products.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from protocols.gbcs.roles import DeviceType
from protocols.instant import Instant, from_datetime, to_datetime

CPA_YEARS = 6


class AssuranceKind(StrEnum):
    """The scheme of a certificate."""

    ZIGBEE = "zigbee"
    DLMS = "dlms"
    CPA = "cpa"


class Assurance(NamedTuple):
    """A certificate. It holds up to ``expires``; None: for ever. ``number`` is what its scheme calls it."""

    kind: AssuranceKind
    number: str
    expires: Instant | None = None

    def holds(self, now: Instant) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


_Z, _D, _C = AssuranceKind.ZIGBEE, AssuranceKind.DLMS, AssuranceKind.CPA

NEEDED: Mapping[DeviceType, tuple[AssuranceKind, ...]] = {
    DeviceType.ESME: (_Z, _D, _C),
    DeviceType.GSME: (_Z, _D, _C),
    DeviceType.CHF: (_Z, _D, _C),
    DeviceType.GPF: (_Z, _D, _C),
    DeviceType.HCALCS: (_Z, _C),
    DeviceType.SAPC: (_Z, _D, _C),
    DeviceType.PPMID: (_Z,),
    DeviceType.TYPE_2: (_Z,),
}
"""The certificates that a model of each kind needs. The Code leaves it to the technical specifications of each kind;
inferred here: all for meters and hubs, no DLMS/COSEM where none is spoken, no CPA where nothing is at stake but what
the consumer sees."""


def six_years_after(issued: Instant) -> Instant:
    """The same day six years later; 1 March for 29 February."""
    moment = to_datetime(issued)
    try:
        return from_datetime(moment.replace(year=moment.year + CPA_YEARS))
    except ValueError:
        return from_datetime(moment.replace(year=moment.year + CPA_YEARS, month=3, day=1))


def lacking(device: DeviceType, certificates: Iterable[Assurance], now: Instant) -> tuple[AssuranceKind, ...]:
    """The kinds of certificate that are needed and not there, or there and expired."""
    held = {each.kind for each in certificates if each.holds(now)}
    return tuple(kind for kind in NEEDED[device] if kind not in held)


def first_expiry(device: DeviceType, certificates: Iterable[Assurance]) -> Instant | None:
    """When the first needed certificate expires of which there is none that holds longer; None for never."""
    ends: dict[AssuranceKind, Instant | None] = {}
    for each in certificates:
        if each.kind not in NEEDED[device]:
            continue
        known = ends.get(each.kind, 0)
        ends[each.kind] = None if known is None or each.expires is None else max(known, each.expires)
    return min((end for end in ends.values() if end is not None), default=None)
