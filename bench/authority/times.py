"""When the key infrastructure has to do what (Smart Energy Code, sections L and the certificate policies)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from protocols.instant import DAY, HOUR, Instant, from_datetime, to_datetime
from protocols.smki.issue import Validity

DEVICE_AUTHORITY_CERTIFICATES = 100_000
DEVICE_AUTHORITY_MONTHS = 3
"""The device issuing authority's key is replaced after so many certificates or months, whichever comes first."""

LIST_EVERY = 12 * HOUR
LIST_WITHIN = HOUR
"""Organisation certificates: a list so often even when nothing has changed, and so soon after a revocation."""

AUTHORITY_LIST_MONTHS = 12
"""Authorities: a list so often, and as soon after a revocation as that of certificates."""

BATCH_LEAST, BATCH_MOST = 2, 49_999
DAY_BEGINS, DAY_ENDS = 7, 19
"""A batch made from the one hour to the other is answered by the first of the next morning; else within 24 hours.

The hours are taken as UTC, as all times here: of whose clock they are the Code does not say.
"""

AUTHORITY_YEARS, ORGANISATION_YEARS = 25, 10
"""Validity, less one second. Certificates of devices have no end."""


class Limits(NamedTuple):
    """When the device issuing authority replaces its key."""

    certificates: int = DEVICE_AUTHORITY_CERTIFICATES
    months: int = DEVICE_AUTHORITY_MONTHS


USUAL = Limits()


def months_after(at: Instant, months: int) -> Instant:
    """The same day and time so many calendar months on, or the last day of that month if it has no such day."""
    moment = to_datetime(at)
    total = moment.year * 12 + moment.month - 1 + months
    for day in range(moment.day, 0, -1):
        try:
            return from_datetime(moment.replace(year=total // 12, month=total % 12 + 1, day=day))
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


def years_from(begins: Instant, years: int) -> Validity:
    """Validity of so many years less one second."""
    return Validity(begins, months_after(begins, 12 * years) - 1)


def batch_deadline(received: Instant) -> Instant:
    """When a batch must be answered that was received at that time."""
    moment = to_datetime(received)
    morning = from_datetime(datetime(moment.year, moment.month, moment.day, DAY_BEGINS, tzinfo=moment.tzinfo))
    by_day = DAY_BEGINS * HOUR <= received % DAY < DAY_ENDS * HOUR
    return morning + DAY if by_day else received + DAY
