"""Commands to auxiliary controllers, of an electricity meter or on their own."""

from __future__ import annotations

from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, octet_string, uint16
from protocols.instant import Instant

from .requests import Period, Request, dlms

CONTROLLERS = 5
OUTPUT = 1
"""The direction of what a load draws."""


def set_state(number: int, level: int, period: Period, title: str) -> Request:
    """ECS47a: controller 1 to 5 stands at ``level`` percent for a time."""
    return _for_a_time("ECS47a", number, level, period, title)


def limit(number: int, level: int, period: Period, title: str) -> Request:
    """ECS47e: controller 1 to 5 stands at ``level`` percent at most for a time."""
    return _for_a_time("ECS47e", number, level, period, title)


def _for_a_time(use_case: str, number: int, level: int, period: Period, title: str) -> Request:
    """Start and end are written for the one controller; those of the others are left out."""
    own = (2 * (number - 1), 2 * (number - 1) + 1)
    others = [place for place in range(2 * CONTROLLERS) if place not in own]
    selector = uint16(OUTPUT << 12 | number << 8 | level)
    return dlms(use_case, _moment(period.start), _moment(period.end), selector, leave_out=others, title=title)


def _moment(at: Instant) -> Data:
    return octet_string(CosemDateTime.at(at).encode())
