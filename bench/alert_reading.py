"""What an alert is about."""

from __future__ import annotations

from typing import Any

from protocols.errors import RemoteProtocolError
from protocols.gbcs.gbz import GbzAlert


def alert_code(payload: Any) -> int:
    """The alert code of an alert of any payload family. Raises RemoteProtocolError if there is none."""
    if isinstance(payload, GbzAlert):
        return payload.alert_code
    body = getattr(payload, "body", None)
    found = body.value[0].value if body is not None else getattr(getattr(payload, "value", None), "alert_code", None)
    if not isinstance(found, int):
        raise RemoteProtocolError("an alert without an alert code")
    return found
