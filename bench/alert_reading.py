"""What an alert is about."""

from __future__ import annotations

from typing import Any

from protocols.dlms.access import DataNotification
from protocols.dlms.data import DataType
from protocols.errors import RemoteProtocolError
from protocols.gbcs.gbz import GbzAlert


def alert_code(payload: Any) -> int:
    """The alert code of an alert of any payload family. Raises RemoteProtocolError if there is none."""
    if isinstance(payload, GbzAlert):
        return payload.alert_code
    if isinstance(payload, DataNotification):
        members = payload.body.value if payload.body.type is DataType.STRUCTURE else ()
        found = members[0].value if members else None
    else:
        found = getattr(getattr(payload, "value", None), "alert_code", None)
    if not isinstance(found, int):
        raise RemoteProtocolError("an alert without an alert code")
    return found
