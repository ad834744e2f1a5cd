"""What the settings of parts share: the error that names a key, and small checks."""

from __future__ import annotations

from collections.abc import Collection

from protocols.errors import LocalProtocolError


class PersonalityError(LocalProtocolError, ValueError):
    """A personality that cannot be used. ``key`` names the member, dotted from the top of the file."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key, self.reason = key, reason

    def inside(self, prefix: str) -> PersonalityError:
        """The same error, seen from the table whose key is ``prefix`` (with its dot, or empty)."""
        return PersonalityError(f"{prefix}{self.key}", self.reason)

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


def check_range(settings: object, least: int, most: int, *names: str) -> None:
    """Raise PersonalityError unless the named members lie in the range."""
    for name in names:
        value = getattr(settings, name)
        if not least <= value <= most:
            raise PersonalityError(name, f"{least} to {most} expected, found {value}")


def check_choice(settings: object, choices: Collection[str], *names: str) -> None:
    """Raise PersonalityError unless the named members are among the choices."""
    for name in names:
        value = getattr(settings, name)
        if value not in choices:
            raise PersonalityError(name, f"one of {', '.join(sorted(choices))} expected, found {value!r}")
