"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from protocols.instant import Instant, from_datetime

EXAMPLE = "2032-01-31T00:00:00Z"


def read_time(text: str) -> Instant:
    """The instant of a date or a date and time (ISO 8601), in UTC where it says nothing else. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        return from_datetime(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"no time of this calendar: {text}") from None
