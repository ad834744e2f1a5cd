"""Protected reads (class 30, method 1): attributes read together, encrypted for the party that asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from protocols.dlms.data import Data, structure
from protocols.dlms.data_protection import CLASS_ID, GET_PROTECTED_ATTRIBUTES, ProtectedObject, ProtectedRead
from protocols.errors import MissingKeyError
from protocols.gbcs.message import Message
from protocols.gbcs.sensitive import encrypt_data

from .cosem import Attribute, date_range
from .defects import ENCRYPTS_WITH_HEADER_COUNTER
from .refusals import AccessFailed

if TYPE_CHECKING:
    from .device import Device

WHOLE, BY_RANGE = 0, 1
"""Restriction types of an object in the list."""


def serve_protected_read(device: Device, name: str, listed: Sequence[Attribute]) -> None:
    """Serve the object ``name`` that reads the ``listed`` attributes and no others."""
    known = frozenset(listed)

    def read(argument: Data) -> Data:
        wanted = ProtectedRead.from_data(argument)
        if wanted is None or not all((o.class_id, o.obis, o.attribute) in known for o in wanted.objects):
            raise AccessFailed
        plain = structure(*[_read(device, each) for each in wanted.objects])
        try:
            return encrypt_data(encryption_header(device), device.keys, plain).to_data()
        except MissingKeyError:  # the key of a party unknown to this device was not sent along
            raise AccessFailed from None

    device.cosem.method(CLASS_ID, name, GET_PROTECTED_ATTRIBUTES, read)


def encryption_header(device: Device) -> Message:
    """The header of the response being made, as encryption uses it. Raises AccessFailed outside a command."""
    command = device.commands.current
    if command is None:
        raise AccessFailed
    if device.defective(ENCRYPTS_WITH_HEADER_COUNTER):
        other = replace(command.header.other, supplementary_originator_counter=None)
        return replace(command.header, other=other)
    return command.header


def _read(device: Device, wanted: ProtectedObject) -> Data:
    key = (wanted.class_id, wanted.obis, wanted.attribute)
    if wanted.restriction_type == WHOLE:
        return device.cosem.read(key)
    if wanted.restriction_type == BY_RANGE:
        return device.cosem.read_range(key, *date_range(wanted.restriction))
    raise AccessFailed
