"""Logical names of COSEM objects (OBIS, IEC 62056-6-1): six octets A-B:C.D.E.F."""

from __future__ import annotations

import re
from functools import lru_cache

_TEXT = re.compile(r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?")


@lru_cache(maxsize=4096)
def obis(text: str) -> bytes:
    """The six octets of ``0-0:10.0.106.255``; a missing last group means 255. Raises ValueError.

    The same text gives the same object: a thousand devices hold a few hundred names.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"a logical name is written A-B:C.D.E.F, not {text!r}")
    return bytes(int(group or 255) for group in match.groups())


def obis_text(octets: bytes) -> str:
    """``0-0:10.0.106.255``. Raises ValueError unless there are six octets."""
    a, b, c, d, e, f = octets
    return f"{a}-{b}:{c}.{d}.{e}.{f}"
