"""Protected reads: class 30 (data protection), method 1, as profiled by GBCS.

A request names the objects to read and how the answer is to be protected; the answer holds the protection parameters
and the ciphered octets. These types are the structures as Python values; deciphering is not done here.
"""

from __future__ import annotations

from typing import NamedTuple

from ..eui64 import Eui64
from .data import Data, DataType, array, enum, int8, null, octet_string, structure, uint16

CLASS_ID = 30
GET_PROTECTED_ATTRIBUTES = 1
"""The method of a protected read."""
ENCRYPTION_MODE = 0x04
"""First octet of the transaction identifier of an encrypted part."""
_AUTHENTICATED_AND_ENCRYPTED = 2
_AGREED_KEY = 2
_STATIC_UNIFIED_MODEL = b"\x02"
"""Key parameters: both parties use their static keys, C(0e, 2s)."""


class ProtectionParameters(NamedTuple):
    """Who protects for whom: ``transaction_id`` is 04 and the originator counter (8 octets, big-endian).

    In a request the originator is the party that asks; in an answer it is the device.
    """

    transaction_id: bytes
    originator: Eui64
    recipient: Eui64
    other_information: bytes = b""

    @classmethod
    def of(cls, counter: int, originator: Eui64, recipient: Eui64) -> ProtectionParameters:
        """The parameters for an originator counter, unsigned, 64 bits."""
        return cls(bytes((ENCRYPTION_MODE,)) + counter.to_bytes(8, "big"), originator, recipient)

    @property
    def counter(self) -> int:
        """The originator counter inside the transaction identifier."""
        return int.from_bytes(self.transaction_id[1:], "big")

    def to_data(self) -> Data:
        """The structure on the wire: protection type, then its options with the key information."""
        key = structure(enum(_AGREED_KEY), structure(octet_string(_STATIC_UNIFIED_MODEL), octet_string(b"")))
        names = [octet_string(part) for part in self]
        return structure(enum(_AUTHENTICATED_AND_ENCRYPTED), structure(*names, key))

    @classmethod
    def from_data(cls, data: Data) -> ProtectionParameters | None:
        """The parameters that ``data`` holds; None if it is not exactly of this form."""
        try:
            transaction_id, originator, recipient, other, _ = (part.value for part in data.value[1].value)
            found = cls(transaction_id, originator, recipient, other)
            return found if len(transaction_id) == 9 and found.to_data() == data else None
        except (TypeError, ValueError, LookupError, AttributeError):
            return None


class ProtectedObject(NamedTuple):
    """One attribute to read: the whole of it (``restriction`` null) or the part between two date-times.

    ``restriction_type`` is 0 for none, 1 for a range { from, to } of date-times of 12 octets.
    """

    class_id: int
    obis: bytes
    attribute: int
    data_index: int = 0
    restriction_type: int = 0
    restriction: Data = null()

    @classmethod
    def between(cls, class_id: int, obis: bytes, attribute: int, start: bytes, end: bytes) -> ProtectedObject:
        """The entries of a log from ``start`` to ``end``, both included, 12 octets each."""
        return cls(class_id, obis, attribute, 0, 1, structure(octet_string(start), octet_string(end)))

    def to_data(self) -> Data:
        """The structure on the wire."""
        return structure(
            uint16(self.class_id),
            octet_string(self.obis),
            int8(self.attribute),
            uint16(self.data_index),
            structure(enum(self.restriction_type), self.restriction),
        )

    @classmethod
    def from_data(cls, data: Data) -> ProtectedObject | None:
        """The object that ``data`` names; None if it is not exactly of this form."""
        try:
            class_id, name, attribute, index, restriction = (part.value for part in data.value)
            found = cls(class_id, name, attribute, index, restriction[0].value, restriction[1])
            return found if len(name) == 6 and found.to_data() == data else None
        except (TypeError, ValueError, LookupError, AttributeError):
            return None


class ProtectedRead(NamedTuple):
    """The argument of the method: what to read, and how to protect the answer."""

    objects: tuple[ProtectedObject, ...]
    parameters: ProtectionParameters

    def to_data(self) -> Data:
        """The structure on the wire."""
        return structure(array(*(each.to_data() for each in self.objects)), array(self.parameters.to_data()))

    @classmethod
    def from_data(cls, data: Data) -> ProtectedRead | None:
        """The argument that ``data`` holds; None if it is not exactly of this form."""
        if data.type is not DataType.STRUCTURE or len(data.value) != 2:
            return None
        listed, parameters = data.value
        found = _only_parameters(parameters)
        if found is None or listed.type is not DataType.ARRAY:
            return None
        objects = tuple(ProtectedObject.from_data(each) for each in listed.value)
        known = tuple(each for each in objects if each is not None)
        return cls(known, found) if len(known) == len(objects) else None


class ProtectedValue(NamedTuple):
    """The answer: ``ciphered`` is 31 00000000, ciphertext and the 12 octets of the tag."""

    parameters: ProtectionParameters
    ciphered: bytes

    def members(self) -> tuple[Data, Data]:
        """Parameters and octets, as they stand side by side in an alert."""
        return array(self.parameters.to_data()), octet_string(self.ciphered)

    def to_data(self) -> Data:
        """The structure on the wire."""
        return structure(*self.members())

    @classmethod
    def from_members(cls, parameters: Data, ciphered: Data) -> ProtectedValue | None:
        """The answer in two values side by side; None if they are not exactly of this form."""
        found = _only_parameters(parameters)
        if found is None or ciphered.type is not DataType.OCTET_STRING:
            return None
        return cls(found, ciphered.value)

    @classmethod
    def from_data(cls, data: Data) -> ProtectedValue | None:
        """The answer that ``data`` holds; None if it is not exactly of this form."""
        if data.type is not DataType.STRUCTURE or len(data.value) != 2:
            return None
        return cls.from_members(*data.value)


def _only_parameters(data: Data) -> ProtectionParameters | None:
    if data.type is not DataType.ARRAY or len(data.value) != 1:
        return None
    return ProtectionParameters.from_data(data.value[0])


def protected_value_in(data: Data) -> ProtectedValue | None:
    """The protected value that ``data`` is, or that two neighbouring members of it are (as in the billing alert)."""
    whole = ProtectedValue.from_data(data)
    if whole is not None or data.type is not DataType.STRUCTURE:
        return whole
    for first, second in zip(data.value, data.value[1:], strict=False):
        found = ProtectedValue.from_members(first, second)
        if found is not None:
            return found
    return None
