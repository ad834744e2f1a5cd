"""What a run leaves behind: records of what was seen, and the files that hold them."""

from __future__ import annotations

from .folder import EvidenceFolder, write_evidence
from .manifest import verify_manifest
from .plot import Lane, Plot, Series, Strip, plot_svg
from .records import (
    CertificateRecord,
    Check,
    DeviceRecord,
    Exchange,
    Procedure,
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
    "Lane",
    "Plot",
    "Procedure",
    "RunRecord",
    "SeenMessage",
    "Series",
    "Strip",
    "Verdict",
    "environment",
    "plot_svg",
    "verify_manifest",
    "write_evidence",
]
