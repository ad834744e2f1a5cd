"""The device issuing authority replaces its own key; its subscribers notice nothing.

After three months, or after so many certificates, whichever comes first, it destroys its private key and goes on under
the same name with a new one (device certificate policy). Certificates issued before stay what they are.
"""

from __future__ import annotations

from protocols.instant import Instant

from .authorities import Authority, Hierarchy
from .laboratory import Laboratory
from .times import months_after


class Renewal:
    """Watches the key of the device issuing authority."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab = lab

    def due(self) -> Instant:
        """When its key is too old."""
        return months_after(self._authority().begun, self._lab.limits.months)

    def advance(self, now: Instant) -> bool:
        """Replace the key if its time has come or its certificates are used up; say whether that was done."""
        authority = self._authority()
        if now < months_after(authority.begun, self._lab.limits.months) and self._left(authority) > 0:
            return False
        self.renew(now)
        return True

    def room(self, now: Instant) -> int:
        """How many certificates the key may sign now: at least one, since a used-up key is replaced first."""
        self.advance(now)
        return self._left(self._authority())

    def renew(self, now: Instant) -> Authority:
        """Replace the key. An interruption at any moment leaves one authority with its key, the old or the new."""
        lab = self._lab
        with lab.guarded():
            made = lab.authorities.begin(Hierarchy.DEVICE, self._authority().level, lab.authority_validity(), now)
        with lab.change(now, f"device issuing authority goes on with key {made.key_identifier.hex().upper()}"):
            return made

    def _authority(self) -> Authority:
        return self._lab.authorities.current(Hierarchy.DEVICE)

    def _left(self, authority: Authority) -> int:
        return self._lab.limits.certificates - authority.issued
