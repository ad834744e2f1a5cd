"""Reference messages reproduced: an emulated device in the state that an answer speaks of gives that answer.

``vectors`` finds commands with their responses, and alerts; ``device_for`` makes a fresh device for one of them;
``state`` puts it into the state that a response speaks of; ``moment`` says when that was; ``causes`` has an alert come
about; ``compare`` and ``report`` tell what became of it. Nothing here knows a single case: what is done follows from
the messages, the catalogue of use cases and the kind of alert.
"""

from __future__ import annotations

from .report import Report, reproduce

__all__ = ["Report", "reproduce"]
