"""What an electricity meter tells of itself: once, and to the right party."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.head_end import party_text
from bench.target import Target

ONCE = pytest.mark.requirement("GBCS 16: an event is told of when it begins, not for as long as it lasts")
MAGNET = 0x8F75
A_WHILE = 600


@ONCE
@pytest.mark.use_case("tamper")
def test_tamper_is_told_of_once(esme: Target) -> None:
    """A magnet stays at the meter for ten minutes: supplier and network operator get one alert each."""
    before = len(esme.alerts)
    esme.sense("magnet", active=True)
    seen, _ = esme.listen("tamper", "A magnet is held to the meter for ten minutes", lambda _: False, A_WHILE)
    told = [alert for alert in esme.alerts[before:] if alert.code == MAGNET]
    esme.sense("magnet", active=False)
    counted = Counter(party_text(esme.head_end, alert.recipient) for alert in told)
    found = ", ".join(f"{number} to the {party}" for party, number in sorted(counted.items())) or "none"
    seen.that("alerts 8F75", "one to each party concerned", found, good=set(counted.values()) == {1})
