"""One tree of errors: where it happened, and whose fault it is.

``RemoteProtocolError`` is a finding about the far side (a device, a file, a person's input); ``LocalProtocolError``
is a fault of this program or of its caller. A test verdict is FAIL for the first and ERROR for the second.
"""

from __future__ import annotations


class MeterbenchError(Exception):
    """Root of every error this project raises on purpose."""


class RemoteProtocolError(MeterbenchError):
    """The far side sent something that the specification does not allow."""


class LocalProtocolError(MeterbenchError):
    """This side was asked to do something that the specification does not allow."""


class DecodeError(RemoteProtocolError, ValueError):
    """Octets that do not follow their format.

    ``offset`` counts octets from the start of what was decoded; ``path`` names the fields from the outside in;
    ``expected`` and ``found`` are short texts.
    """

    def __init__(self, offset: int, expected: str, found: str = "", path: tuple[str, ...] = ()) -> None:
        super().__init__(offset, expected, found, path)
        self.offset, self.expected, self.found, self.path = offset, expected, found, path

    def inside(self, name: str) -> DecodeError:
        """The same error, seen from the format that holds the field ``name``."""
        return DecodeError(self.offset, self.expected, self.found, (name, *self.path))

    def shifted(self, octets: int) -> DecodeError:
        """The same error, when what was decoded began ``octets`` further on."""
        return DecodeError(self.offset + octets, self.expected, self.found, self.path)

    def __str__(self) -> str:
        where = f"octet {self.offset}" + (f" ({'.'.join(self.path)})" if self.path else "")
        return f"{where}: expected {self.expected}" + (f", found {self.found}" if self.found else "")


class EncodeError(LocalProtocolError, ValueError):
    """A value that its format cannot hold. ``path`` names the fields from the outside in."""

    def __init__(self, reason: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(reason, path)
        self.reason, self.path = reason, path

    def inside(self, name: str) -> EncodeError:
        """The same error, seen from the format that holds the field ``name``."""
        return EncodeError(self.reason, (name, *self.path))

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.reason}" if self.path else self.reason


class MissingKeyError(LocalProtocolError, LookupError):
    """The key store does not hold the key or certificate that an operation needs."""


class CertificateError(RemoteProtocolError, ValueError):
    """A certificate that does not follow its profile, does not chain, or is used for what it does not allow."""


class ProtectionError(RemoteProtocolError, ValueError):
    """A signature, MAC or encrypted part that does not verify."""
