"""What both meters do about the consumer's privacy: the PIN, and the data of tenants before."""

from __future__ import annotations

from hmac import compare_digest

from ..defects import register_defect

PIN_DIGITS = 4

TENANCY_HIDES_NOTHING = register_defect(
    "tenancy-hides-nothing", "shows the consumer's devices data from before the change of tenancy"
)


def is_pin(text: str) -> bool:
    """True for four decimal digits."""
    return len(text) == PIN_DIGITS and text.isascii() and text.isdecimal()


def unlocks(pin: bytes, entered: str) -> bool:
    """True if private items may be shown after this entry: there is no PIN (empty), or this is it.

    No lock-out: the specification names none.
    """
    return not pin or compare_digest(pin, entered.encode())
