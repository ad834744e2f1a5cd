"""The addresses of a rig file: which wire leads to a device.

======================================  ===============================================================
``memory:``                             an emulated device in this process
``pty:``                                an emulated device behind a pseudo-terminal that the bench makes
``pty:/dev/pts/7``                      the same once it is made; opened like a serial port
``serial:/dev/ttyUSB0?baud=300``        a serial port; also ``&format=7E1``
``tcp:127.0.0.1:4059``                  a TCP server; IPv6 as ``tcp:[::1]:4059``
======================================  ===============================================================

Nothing is guessed: an unknown scheme or option is an error with a suggestion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import parse_qsl

from .channel import AddressError

DEFAULT_BAUD = 9600
_OPTICAL_HINT = "as in serial:/dev/ttyUSB0?baud=300&format=7E1"
_FORMAT = re.compile(r"([5-8])([NEO])([12])")
_TCP = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:\[\]/?#]+)):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class MemoryAddress:
    """An emulated device in this process."""

    def __str__(self) -> str:
        return "memory:"


@dataclass(frozen=True, slots=True)
class PtyAddress:
    """A pseudo-terminal; ``path`` is None until the emulated device behind it has been started."""

    path: str | None = None

    def __str__(self) -> str:
        return f"pty:{self.path or ''}"


@dataclass(frozen=True, slots=True)
class SerialAddress:
    """A serial port. ``baud`` in bits per second; ``format`` is data bits, parity (N, E, O) and stop bits."""

    path: str
    baud: int = DEFAULT_BAUD
    format: str = "8N1"

    def __str__(self) -> str:
        return f"serial:{self.path}?baud={self.baud}&format={self.format}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP server; ``port`` 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"


Address = MemoryAddress | PtyAddress | SerialAddress | TcpAddress


def parse_address(url: str) -> Address:
    """The address that ``url`` names. Raises AddressError saying what was expected and what to do."""
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise AddressError(f"{url!r} has no scheme; write one of {_schemes()} in front, {_OPTICAL_HINT}")
    parser = _PARSERS.get(scheme)
    if parser is None:
        raise AddressError(f"{url!r}: unknown scheme {scheme!r}{_suggest(scheme, _PARSERS)}; known are {_schemes()}")
    return parser(url, rest)


def _parse_memory(url: str, rest: str) -> MemoryAddress:
    if rest:
        raise AddressError(f"{url!r}: nothing may follow 'memory:'; remove {rest!r}")
    return MemoryAddress()


def _parse_pty(url: str, rest: str) -> PtyAddress:
    if rest and not rest.startswith("/"):
        raise AddressError(f"{url!r}: expected 'pty:' alone or an absolute path, as in pty:/dev/pts/7")
    return PtyAddress(rest or None)


def _parse_serial(url: str, rest: str) -> SerialAddress:
    path, _, query = rest.partition("?")
    if not path.startswith("/"):
        raise AddressError(f"{url!r}: expected the absolute path of a port, {_OPTICAL_HINT}")
    options = _options(url, query, ("baud", "format"))
    return SerialAddress(path, _baud(url, options), _format(url, options))


def _parse_tcp(url: str, rest: str) -> TcpAddress:
    match = _TCP.fullmatch(rest)
    if match is None:
        raise AddressError(f"{url!r}: expected host and port, as in tcp:127.0.0.1:4059 or tcp:[::1]:4059")
    port = int(match[3])
    if not 1 <= port <= 65535:
        raise AddressError(f"{url!r}: a port is 1 to 65535, not {port}")
    return TcpAddress(match[1] or match[2], port)


def _options(url: str, query: str, known: tuple[str, ...]) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise AddressError(f"{url!r}: options are written name=value and joined by '&', {_OPTICAL_HINT}") from None
    options: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise AddressError(f"{url!r}: unknown option {name!r}{_suggest(name, known)}; known are {', '.join(known)}")
        if name in options:
            raise AddressError(f"{url!r}: option {name!r} is given twice; keep one")
        options[name] = value
    return options


def _baud(url: str, options: dict[str, str]) -> int:
    text = options.get("baud", str(DEFAULT_BAUD))
    if not (text.isascii() and text.isdigit()) or not 50 <= int(text[:9]) <= 4_000_000:
        raise AddressError(f"{url!r}: baud is a number from 50 to 4000000, not {text!r}")
    return int(text)


def _format(url: str, options: dict[str, str]) -> str:
    text = options.get("format", "8N1").upper()
    if not _FORMAT.fullmatch(text):
        raise AddressError(f"{url!r}: format is data bits, parity and stop bits, as in 8N1 or 7E1, not {text!r}")
    return text


def _suggest(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _schemes() -> str:
    return ", ".join(f"{scheme}:" for scheme in _PARSERS)


_PARSERS: dict[str, Callable[[str, str], Address]] = {
    "memory": _parse_memory,
    "pty": _parse_pty,
    "serial": _parse_serial,
    "tcp": _parse_tcp,
}
