"""Top-ups by real prepayment tokens (UTRN), made with the supplier's prepayment key."""

from __future__ import annotations

from protocols.dlms.access import AccessRequest, decode_apdu
from protocols.dlms.data import Data, octet_string
from protocols.errors import LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.gbz import decode_gbz
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.utrn import ValueClass, make_utrn
from protocols.zigbee.zcl import ClusterCommand

from .head_end import HeadEnd
from .requests import Header, Request, dlms, gbz, use_case

SUPPLIER = RemotePartyRole.SUPPLIER


def token(head_end: HeadEnd, device: Eui64, counter: int, pounds: int) -> bytes:
    """The twenty digits for a device; ``counter`` is that of the command, whose upper half they stand for."""
    supplier = head_end.holder(SUPPLIER, device)
    return make_utrn(supplier.store, supplier.eui64, device, counter >> 32, pounds, ValueClass.POUNDS).encode()


def electricity_top_up(head_end: HeadEnd, pounds: int) -> Request:
    """CS01a with a new token."""

    def payload(header: Header) -> bytes:
        digits = token(head_end, header.recipient, header.counter, pounds)
        return dlms("CS01a", octet_string(digits)).payload(header)

    return Request(use_case("CS01a"), payload, f"Top up £{pounds}", top_up=True)


def gas_top_up(head_end: HeadEnd, pounds: int) -> Request:
    """CS01b with a new token."""

    def payload(header: Header) -> bytes:
        digits = token(head_end, header.recipient, header.counter, pounds)
        return gbz("CS01b", {"top_up_code": digits}).payload(header)

    return Request(use_case("CS01b"), payload, f"Top up £{pounds}", top_up=True)


def repeated(head_end: HeadEnd, device: Eui64) -> Request:
    """The token that a device was sent last, in a new command. Raises LookupError if there was none."""
    command = next(c for c in reversed(head_end.sent) if c.device == device and c.request.top_up)
    token = token_in(command.message.payload)
    made = dlms("CS01a", token) if isinstance(token, Data) else gbz("CS01b", {"top_up_code": token})
    return Request(made.use_case, made.payload, "The same token again", top_up=True)


def token_in(payload: bytes) -> Data | bytes:
    """The token of a top-up command: a DLMS value, or the octets of a GBZ field."""
    if payload[:2] == b"\x01\x09":
        content = decode_gbz(payload).components[0].content
        if isinstance(content, ClusterCommand):
            return bytes(content["top_up_code"])
    else:
        apdu = decode_apdu(payload)
        if isinstance(apdu, AccessRequest):
            return apdu.data[0]
    raise LocalProtocolError("not the payload of a top-up")
