"""How a part says that it cannot or will not do what a verified command asks."""

from __future__ import annotations

from protocols.dlms.access import ResultCode
from protocols.errors import MeterbenchError

ZCL_FAILURE = 0x01
ZCL_NOT_FOUND = 0x8B
ZCL_HARDWARE_FAILURE = 0xC0


class Refused(MeterbenchError):  # noqa: N818 - an answer of the device, not a fault
    """A command, or an instruction of it, was not carried out. Changes made before stay."""


class AccessFailed(Refused):
    """A DLMS instruction that ends with a result other than success."""

    def __init__(self, result: int = ResultCode.OTHER_REASON) -> None:
        super().__init__(result)
        self.result = int(result)


class ZclFailed(Refused):
    """A GBZ component that is answered with a status other than success."""

    def __init__(self, status: int = ZCL_FAILURE) -> None:
        super().__init__(status)
        self.status = status
