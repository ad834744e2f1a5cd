"""What happens in an emulated home, one line each, and no more of them than a person can read."""

from __future__ import annotations

from collections.abc import Callable

from firmware_emu import Output, SendMessage, Show, SwitchMoved, WanSignal
from protocols.errors import RemoteProtocolError
from protocols.eui64 import eui64_text
from protocols.gbcs import alert_codes
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.use_cases import by_code
from protocols.instant import Instant, to_datetime

from .alert_reading import alert_code

DISPLAYS, OTHERS = "displays", "others"
MOST_LINES = {DISPLAYS: 5, OTHERS: 30}
"""Lines in a second; displays change often, and must not hide what matters."""


class Happenings:
    """Writes lines, from ``begin`` on. ``clock`` gives seconds of this computer, by which the lines are limited."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._write, self._clock = write, clock
        self._second = 0
        self._written = dict.fromkeys(MOST_LINES, 0)
        self._left_out = 0
        self._waiting: list[str] | None = []

    def begin(self) -> None:
        """Write what has happened so far, and go on."""
        waiting, self._waiting = self._waiting, None
        for line in waiting or ():
            self._write(line)

    def watch(self, name: str, output: Output, at: Instant) -> None:
        """A device did something."""
        text = happening_text(output)
        if text and self._room(DISPLAYS if isinstance(output, Show) else OTHERS):
            self._line(f"{to_datetime(at):%Y-%m-%d %H:%M:%S}  {name}  {text}")

    def _room(self, kind: str) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._written = second, dict.fromkeys(MOST_LINES, 0)
            if self._left_out:
                self._line(f"... {self._left_out} more, not shown")
            self._left_out = 0
        self._written[kind] += 1
        room = self._written[kind] <= MOST_LINES[kind]
        self._left_out += not room
        return room

    def _line(self, text: str) -> None:
        if self._waiting is None:
            self._write(text)
        else:
            self._waiting.append(text)


def happening_text(output: Output) -> str:
    """An output in words; empty for what nobody sees."""
    if isinstance(output, Show):
        return f"{output.item}: {output.text}"
    if isinstance(output, SwitchMoved):
        return f"{output.switch} moves to {output.level} %"
    if isinstance(output, WanSignal):
        return output.what
    return message_text(Message.decode(output.octets)) if isinstance(output, SendMessage) else ""


def message_text(message: Message) -> str:
    """A message that a device sent, in words."""
    case = by_code(message.message_code)
    name = f"{message.message_code:04X}" if case is None else case.name
    to = eui64_text(message.recipient)
    if message.cra is not Cra.ALERT:
        return f"{message.cra.name.lower()} {name} to {to}"
    try:
        code = alert_code(decode_payload(message))
    except RemoteProtocolError:
        return f"alert {name} to {to}"
    row = alert_codes.by_code(code)
    return f"alert {code:04X} {row.meaning if row else 'unknown'} to {to}"
