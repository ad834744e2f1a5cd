"""Why the gate does not let an image pass: one error for each check, with the hashes computed and listed."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from protocols.errors import MeterbenchError

from .hashes import ON_THE_WIRE, HashForm


class GateCheck(StrEnum):
    """The checks of the gate, in their order."""

    CLEARANCE = "clearance"
    FILE = "file"
    INVENTORY = "inventory"
    STATUS = "status"
    MODEL = "device model"
    HARDWARE = "hardware version"
    LISTED = "certified products list"
    ASSURANCE = "assurance certificates"
    MAKER = "maker's signature"
    HASH = "hash"
    AUTHORISATION = "authorising signature"


class GateError(MeterbenchError, ValueError):
    """An image may not be sent or activated: nothing is built and nothing sent.

    ``check`` failed because of ``reason``. ``computed`` is the hash of the image (32 octets) and ``listed`` that of
    its entry on the list, both of the kind ``form``; None where there is no image or no entry.
    """

    check: ClassVar[GateCheck]

    def __init__(
        self,
        reason: str,
        computed: bytes | None = None,
        listed: bytes | None = None,
        form: HashForm = ON_THE_WIRE,
    ) -> None:
        super().__init__(reason, computed, listed, form)
        self.reason, self.computed, self.listed, self.form = reason, computed, listed, form

    def hashes(self) -> tuple[str, str]:
        """Both hashes in lower-case digits, whole; ``none`` for one that is not there."""
        computed, listed = (each.hex() if each is not None else "none" for each in (self.computed, self.listed))
        return computed, listed

    def __str__(self) -> str:
        computed, listed = self.hashes()
        return f"{self.check}: {self.reason} (SHA-256 of {self.form}: computed {computed}, listed {listed})"


class NoClearanceError(GateError):
    """There is no clearance from the gate, or it is for something else."""

    check = GateCheck.CLEARANCE


class UnreadableFileError(GateError):
    """The file is none that a device could be sent."""

    check = GateCheck.FILE


class NotInInventoryError(GateError):
    """The device, or its model, is not known."""

    check = GateCheck.INVENTORY


class StatusError(GateError):
    """The device has a status with which the head end does not speak to it."""

    check = GateCheck.STATUS


class WrongModelError(GateError):
    """The image is for another kind of device, maker or model; or its layers disagree about it."""

    check = GateCheck.MODEL


class WrongHardwareError(GateError):
    """The image is not for the device's hardware, or the hardware is not on the list."""

    check = GateCheck.HARDWARE


class NotListedError(GateError):
    """The model or its version of firmware is not on the list."""

    check = GateCheck.LISTED


class AssuranceError(GateError):
    """The model's entry has lapsed."""

    check = GateCheck.ASSURANCE


class MakerError(GateError):
    """The intended maker has not signed the image."""

    check = GateCheck.MAKER


class HashMismatchError(GateError):
    """The image is not the one that is on the list."""

    check = GateCheck.HASH


class NotAuthorisedError(GateError):
    """The signature of the supplier, for hubs of the WAN provider, is missing or wrong, or there is one too many."""

    check = GateCheck.AUTHORISATION
