"""What all sections of a rig file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from protocols.errors import LocalProtocolError

MAX_FILE = 1024 * 1024
"""The longest rig file, or file that it names, that is read; in octets."""


class RigError(LocalProtocolError, ValueError):
    """A rig file that cannot be used. The text names the file, the key, and what to do."""


class Strict(BaseModel):
    """A section: an unknown key is an error, and nothing in it changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
