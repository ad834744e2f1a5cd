"""What all tests share: skipping, with a reason, what this machine cannot run."""

from __future__ import annotations

import shutil

import pytest

from .reference import MESSAGES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``shared`` or ``tshark`` where the reference messages or the program are absent."""
    absent = {}
    if not MESSAGES.is_dir():
        absent["shared"] = "the reference messages are not beside this checkout"
    if shutil.which("tshark") is None:
        absent["tshark"] = "tshark is not installed"
    for item in items:
        for mark, reason in absent.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))
