"""What a run leaves behind: records of what was seen, and the files that hold them."""

from __future__ import annotations

from .folder import EvidenceFolder, write_evidence
from .manifest import verify_manifest
from .plot import Plot, Series, plot_svg
from .records import (
    CertificateRecord,
    Check,
    DeviceRecord,
    Exchange,
    RunRecord,
    SeenMessage,
    Verdict,
    environment,
)

__all__ = [
    "CertificateRecord",
    "Check",
    "DeviceRecord",
    "EvidenceFolder",
    "Exchange",
    "Plot",
    "RunRecord",
    "SeenMessage",
    "Series",
    "Verdict",
    "environment",
    "plot_svg",
    "verify_manifest",
    "write_evidence",
]
