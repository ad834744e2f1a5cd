"""OpenSSL's command line as a second opinion on certificates, requests and revocation lists."""

from __future__ import annotations

import shutil
import subprocess
from base64 import encodebytes
from pathlib import Path
from typing import Protocol

import pytest

from protocols.instant import EPOCH, Instant

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


class HasOctets(Protocol):
    """A certificate, a request or a list."""

    @property
    def octets(self) -> bytes:
        """In DER."""


def pem(path: Path, *values: HasOctets, label: str = "CERTIFICATE") -> Path:
    blocks = (encodebytes(value.octets).decode() for value in values)
    path.write_text("".join(f"-----BEGIN {label}-----\n{block}-----END {label}-----\n" for block in blocks))
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=30)


def attime(at: Instant) -> tuple[str, str]:
    """The option that has OpenSSL believe that it is this moment."""
    return "-attime", str(int(EPOCH.timestamp()) + at)
