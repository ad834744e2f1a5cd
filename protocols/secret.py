"""Octets that are not to be shown: keys, shared secrets, pass phrases, what keys are made from."""

from __future__ import annotations

from typing import NoReturn, SupportsIndex

from .errors import LocalProtocolError


class Secret(bytes):
    """Octets whose text tells their number alone, so that logs and tracebacks with local variables show nothing.

    They compute like any octets; what is cut from them or joined to them is plain again. They are neither copied nor
    pickled.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} secret octets>"

    __str__ = __repr__

    def __format__(self, _form: str) -> str:
        return repr(self)

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise LocalProtocolError("secret octets are neither copied nor pickled")
