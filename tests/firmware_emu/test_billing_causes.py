"""Which causes a gas meter's billing snapshot names is its personality's matter; the end of the period is one."""

from __future__ import annotations

import pytest

from firmware_emu import Personality, PersonalityError


def test_the_end_of_the_period_is_what_a_billing_snapshot_names() -> None:
    assert Personality().billing_causes == 0x02
    assert Personality(billing_causes=0xAA).billing_causes == 0xAA


@pytest.mark.parametrize("causes", [0, 0x01, 0x1_0000_0002, -1])
def test_causes_without_that_end_or_beyond_their_bits_are_refused(causes: int) -> None:
    with pytest.raises(PersonalityError, match="billing_causes"):
        Personality(billing_causes=causes)
