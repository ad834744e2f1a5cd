"""Days counted from 2000-01-01 (UTC), and which of them a COSEM date with open parts means."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date as civil_date

from protocols.dlms.cosem_time import ANY, ANY_YEAR, LAST_DAY, SECOND_LAST_DAY, CosemDate

Day = int
"""Whole days since 2000-01-01, so that day * 86400 is its first instant."""

_FIRST = civil_date(2000, 1, 1).toordinal()
_SEARCH_YEARS = 41
"""Years until every date with a day of the week has come once: 28, and 12 more across a century without leap day."""


def civil(day: Day) -> civil_date:
    """The calendar date of a day."""
    return civil_date.fromordinal(_FIRST + day)


def weekday(day: Day) -> int:
    """1 Monday to 7 Sunday."""
    return (day + 5) % 7 + 1


def next_match(date: CosemDate, day: Day) -> Day | None:
    """The first day from ``day`` on that ``date`` means, or None."""
    year = civil(day).year
    for candidate_year in _years(date, range(year, year + _SEARCH_YEARS)):
        for month in _months(date):
            for candidate in _days(date, candidate_year, month):
                if candidate >= day:
                    return candidate
    return None


def latest_match(date: CosemDate, day: Day) -> Day | None:
    """The last day up to and including ``day`` that ``date`` means, or None."""
    year = civil(day).year
    for candidate_year in _years(date, range(year, year - _SEARCH_YEARS, -1)):
        for month in reversed(_months(date)):
            for candidate in reversed(_days(date, candidate_year, month)):
                if candidate <= day:
                    return candidate
    return None


def _years(date: CosemDate, years: range) -> Iterable[int]:
    return years if date.year == ANY_YEAR else (date.year,)


def _months(date: CosemDate) -> range:
    """Months of daylight saving mean none: every calendar of a meter runs in UTC."""
    if date.month == ANY:
        return range(1, 13)
    return range(date.month, date.month + (1 <= date.month <= 12))


def _days(date: CosemDate, year: int, month: int) -> list[Day]:
    if not 1 <= year <= 9999:
        return []
    first = civil_date(year, month, 1).toordinal() - _FIRST
    length = monthrange(year, month)[1]
    numbers: Iterable[int] = range(1, length + 1)
    if date.day != ANY:
        number = {LAST_DAY: length, SECOND_LAST_DAY: length - 1}.get(date.day, date.day)
        numbers = (number,) if 1 <= number <= length else ()
    days = [first + number - 1 for number in numbers]
    return days if date.weekday == ANY else [day for day in days if weekday(day) == date.weekday]
