"""When a reference message was made, by the clock of its device, as far as its octets tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from protocols.dlms.access import AccessRequest, AccessResponse, DataNotification
from protocols.dlms.cosem_time import NO_STATUS, ClockStatus, CosemDateTime
from protocols.dlms.data import Data, DataType
from protocols.errors import DecodeError
from protocols.gbcs.asn1_device import SetTimeResponse
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import GbzAlert
from protocols.instant import Instant, instant

from .vectors import Pair, Vector, Vectors

USUAL_MOMENT: Instant = instant(2015, 1, 1)
"""Taken where nothing in the folder tells a time."""

_CLOCK = (8, bytes.fromhex("0000010000ff"), 2)


class Moments:
    """The times of messages. A message without one is taken to be of the time that most messages tell."""

    def __init__(self, vectors: Vectors) -> None:
        told = Counter(moment for pair in vectors.pairs if (moment := told_by_response(pair)) is not None)
        self._usual = told.most_common(1)[0][0] if told else USUAL_MOMENT

    def of_pair(self, pair: Pair) -> Instant:
        """When the command was carried out."""
        moment = told_by_response(pair)
        return self._usual if moment is None else moment

    def before(self, later: Iterable[Instant]) -> Instant:
        """The usual time, or the second before the earliest of ``later`` if that is earlier."""
        return min([self._usual, *(moment - 1 for moment in later)])


def told_by_response(pair: Pair) -> Instant | None:
    """The time in the response's header, or else the clock that it reads; None if it tells none."""
    response = pair.response
    header = _date_time(response.message.date_time)
    if header is not None:
        return header.to_instant()
    payload = response.payload
    if isinstance(payload, Asn1Payload) and isinstance(payload.value, SetTimeResponse):
        return payload.value.now
    if isinstance(payload, AccessResponse) and isinstance(pair.command.payload, AccessRequest):
        return _clock_read(pair.command.payload, payload)
    return None


def told_by_alert(alert: Vector) -> Instant | None:
    """The time of an alert."""
    payload = alert.payload
    if isinstance(payload, GbzAlert):
        return payload.time
    if isinstance(payload, Asn1Payload):
        at: Instant | None = getattr(payload.value, "at", None)
        return at
    if isinstance(payload, DataNotification) and payload.body.type is DataType.STRUCTURE:
        moments = list(_times_in(payload.body.value[1:2]))
        return moments[0] if moments else None
    return None


def header_status(pair: Pair) -> ClockStatus:
    """What the response's header says of the clock behind its time; nothing where it is not specified."""
    header = _date_time(pair.response.message.date_time)
    return ClockStatus(0 if header is None or header.status == NO_STATUS else header.status)


def _clock_read(request: AccessRequest, response: AccessResponse) -> Instant | None:
    for spec, value in zip(request.specifications, response.data, strict=False):
        if (spec.class_id, spec.obis, spec.attribute) == _CLOCK:
            return next(_times_in([value]), None)
    return None


def _times_in(values: Iterable[Data]) -> Iterator[Instant]:
    for value in values:
        found = _date_time(value.value) if value.type is DataType.OCTET_STRING else None
        moment = found.to_instant() if found else None
        if moment is not None:
            yield moment


def _date_time(octets: bytes) -> CosemDateTime | None:
    try:
        return CosemDateTime.decode(octets) if octets else None
    except DecodeError:
        return None
