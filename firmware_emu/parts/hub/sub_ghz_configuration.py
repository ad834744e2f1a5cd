"""The configuration of the sub-GHz radio: masks of four channel pages, thresholds and times (GBCS DBCH01, DBCH02).

A mask is 32 bits: the number of its page in the first five, then a bit for each channel, the lowest channel last.
"""

from __future__ import annotations

from protocols.dlms.data import Data, DataType, structure

from ...cosem import expect, expect_items
from ...refusals import AccessFailed

REGULATED_SHARE = 250
"""The share that the law allows, in 0.01 % of an hour."""

_PAGES = (28, 29, 30, 31)
_CHANNELS = {28: 27, 29: 8, 30: 27, 31: 27}
_MEMBERS = (
    *((DataType.BIT_STRING,) * 4),
    *(DataType.UINT16, DataType.UINT16, DataType.UINT8, DataType.UINT16, DataType.UINT8, DataType.UINT8),
    *(DataType.UINT16, DataType.UINT8, DataType.UINT16, DataType.UINT16, DataType.UINT16),
)
_RANGES = (
    *((50, 200), (150, 250), (1, 7), (2, 65535), (1, 255), (0, 20), (100, 10000), (50, 150), (61, 65535)),
    *((0, 10000), (0, 10000)),
)
"""Least and most of the members behind the channel masks; the last two are shares, in 0.01 %."""


def usual_masks() -> list[str]:
    """The channel masks of a new hub: every channel of the four pages."""
    return [f"{page:05b}{(1 << _CHANNELS[page]) - 1:027b}" for page in _PAGES]


def usual_numbers() -> list[int]:
    """The other members of a new hub's configuration: middling thresholds."""
    return [150, 200, 4, 6, 6, 10, 5000, 100, 90, 5000, 3000]


def encoded(masks: list[str], numbers: list[int]) -> Data:
    """The configuration as the object has it."""
    return structure(*(Data(kind, value) for kind, value in zip(_MEMBERS, [*masks, *numbers], strict=True)))


def members(value: Data) -> tuple[list[str], list[int]]:
    """The channel masks, in binary digits, and the numbers of a configuration. Raises AccessFailed."""
    items = expect_items(value, DataType.STRUCTURE, len(_MEMBERS))
    plain = [expect(item, kind) for item, kind in zip(items, _MEMBERS, strict=True)]
    return plain[:4], plain[4:]


def check(masks: list[str], numbers: list[int]) -> None:
    """Raises AccessFailed unless every member is in its range, and the thresholds are in order."""
    good = all(least <= number <= most for number, (least, most) in zip(numbers, _RANGES, strict=True))
    pages = all(len(mask) == 32 and int(mask[:5], 2) == page for mask, page in zip(masks, _PAGES, strict=True))
    if not good or not pages or numbers[1] == REGULATED_SHARE or numbers[0] >= numbers[1]:
        raise AccessFailed


def channels(masks: list[str]) -> list[str]:
    """Every channel of the masks, as a mask with one channel."""
    return [f"{mask[:5]}{1 << bit:027b}" for mask in masks for bit in range(27) if mask[31 - bit] == "1"]
