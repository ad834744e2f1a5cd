"""When bills are cut: a list of execution times with open parts (SMETS billing calendar; COSEM single action schedule).

Missed dates, as after a power cut, are given in order, each once: ask with the last one that was dealt with. UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from protocols.dlms.cosem_time import ANY, CosemDate, CosemTime
from protocols.enumerations import plain_members
from protocols.instant import DAY, Instant

from .dates import civil, next_match, weekday

LATEST_DAY_OF_MONTH = 28
"""A calendar by months must not use days that some months lack."""


@plain_members
class Periodicity(Enum):
    """How often a bill is cut."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half-yearly"
    YEARLY = "yearly"


_MONTHS = {Periodicity.MONTHLY: 1, Periodicity.QUARTERLY: 3, Periodicity.HALF_YEARLY: 6, Periodicity.YEARLY: 12}


class Execution(NamedTuple):
    """A time of the day and the dates at which it comes. Open parts of the time are 0."""

    time: CosemTime
    date: CosemDate


class BillingCalendar:
    """All execution times together; no two events at one instant."""

    def __init__(self, executions: Sequence[Execution] = ()) -> None:
        self.executions = tuple(executions)

    def next(self, after: Instant) -> Instant | None:
        """The first execution later than ``after``, or None."""
        return min((at for at in (_next(item, after) for item in self.executions) if at is not None), default=None)

    def due(self, after: Instant, until: Instant) -> list[Instant]:
        """Every execution later than ``after``, up to and including ``until``, in order."""
        found: list[Instant] = []
        at = self.next(after)
        while at is not None and at <= until:
            found.append(at)
            at = self.next(at)
        return found


def executions_from(start: Instant, periodicity: Periodicity) -> tuple[Execution, ...]:
    """The execution times of a period that begins at ``start``, as a supplier writes them.

    Raises ValueError for the 29th to 31st of a month.
    """
    day, second = divmod(start, DAY)
    time = CosemTime(second // 3600, second // 60 % 60, second % 60, 0)
    if periodicity is Periodicity.DAILY:
        return (Execution(time, CosemDate()),)
    if periodicity is Periodicity.WEEKLY:
        return (Execution(time, CosemDate(weekday=weekday(day))),)
    date = civil(day)
    if date.day > LATEST_DAY_OF_MONTH:
        raise ValueError(f"day 1 to {LATEST_DAY_OF_MONTH} of the month, not {date.day}")
    if periodicity is Periodicity.MONTHLY:
        return (Execution(time, CosemDate(day=date.day)),)
    step = _MONTHS[periodicity]
    months = sorted((date.month - 1 + number * step) % 12 + 1 for number in range(12 // step))
    return tuple(Execution(time, CosemDate(month=month, day=date.day)) for month in months)


def _next(item: Execution, after: Instant) -> Instant | None:
    hour, minute, second, _hundredths = (
        0 if part == ANY else part
        for part in (item.time.hour, item.time.minute, item.time.second, item.time.hundredths)
    )
    second += 3600 * hour + 60 * minute
    day = next_match(item.date, (after - second) // DAY + 1)
    return None if day is None else day * DAY + second
