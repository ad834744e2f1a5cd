"""Prepayment tokens: the unique transaction reference number of 20 decimal digits (GBCS 14).

A token carries an amount, ten bits of the counter of the command that it stands for, and four octets of a MAC made
with the supplier's prepayment key and the device's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from hmac import compare_digest
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import EncodeError, RemoteProtocolError
from ..eui64 import Eui64
from .key_derivation import Mode, initialisation_vector, other_info
from .keys import KeyName, KeyStore, KeyUse

DIGITS = 20
MAX_VALUE = 8191
MAX_COUNTER = 2**32 - 1
_OFFSET = 7394156990786306048  # makes every token 19 digits long, beginning with 73, 74 or 75
_TRUNCATED_BITS = 10
_MAC_HEADER = b"\x11\x00\x00\x00\x00\x00"  # as in the MAC of a message

# The check digit: a permutation applied ever more often along the number, then a product in the dihedral group of
# order ten. It is Verhoeff's scheme, but begins at the fourth power and goes from left to right.
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_FIRST_POWER = 4


def _powers() -> tuple[tuple[int, ...], ...]:
    rows = [tuple(range(10))]
    while len(rows) < 8:
        rows.append(tuple(_PERMUTATION[digit] for digit in rows[-1]))
    return tuple(rows)


def _product(a: int, b: int) -> int:
    turned = (a + b) % 5 if a < 5 else (a - b) % 5
    return turned if (a < 5) == (b < 5) else 5 + turned


_POWERS = _powers()


class ValueClass(IntEnum):
    """The unit of a token's value."""

    PENCE = 0
    POUNDS = 1


class UtrnFailure(Enum):
    """Which check a token did not pass, in the order of the checks."""

    DIGITS = "not 20 decimal digits"
    CHECK_DIGIT = "wrong check digit"
    RANGE = "outside the range of tokens"
    VALUE_CLASS = "a value class that is not defined"
    COUNTER = "no counter near those seen has these bits"
    NOT_AUTHENTIC = "the MAC is not of this supplier, device and counter"


class UtrnError(RemoteProtocolError, ValueError):
    """A token that is refused; ``failure`` says at which check. The token itself is money and not in the text."""

    def __init__(self, failure: UtrnFailure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return f"UTRN: {self.failure.value}"


@dataclass(frozen=True, slots=True)
class Utrn:
    """What a token's digits say. ``value`` is 0 to 8191, in pence or pounds; ``counter_bits`` 0 to 1023."""

    value_class: ValueClass
    value: int
    counter_bits: int
    mac: bytes

    @classmethod
    def decode(cls, text: str) -> Utrn:
        """Read 20 digits. Raises UtrnError for digits, check digit, range or value class."""
        if len(text) != DIGITS or not (text.isascii() and text.isdecimal()):
            raise UtrnError(UtrnFailure.DIGITS)
        if not check_digit_is_right(text):
            raise UtrnError(UtrnFailure.CHECK_DIGIT)
        token = int(text[:-1]) - _OFFSET
        if not 0 <= token < 1 << 32 + 25:  # the upper seven bits of the header are zero
            raise UtrnError(UtrnFailure.RANGE)
        header = token >> 32
        if header >> 13 & 3 not in (ValueClass.PENCE, ValueClass.POUNDS):
            raise UtrnError(UtrnFailure.VALUE_CLASS)
        mac = (token & 0xFFFFFFFF).to_bytes(4, "big")
        return cls(ValueClass(header >> 13 & 3), header & MAX_VALUE, header >> 15, mac)

    def encode(self) -> str:
        """The 20 digits. Raises EncodeError for what does not fit."""
        if len(self.mac) != 4:
            raise EncodeError("4 octets needed", ("mac",))
        digits = str(_OFFSET + int.from_bytes(self.header() + self.mac, "big"))
        return digits + check_digit(digits)

    def header(self) -> bytes:
        """Four octets, big-endian: seven zero bits, counter (10), class (2), value (13). Raises EncodeError."""
        for name, number, most in (("value", self.value, MAX_VALUE), ("counter_bits", self.counter_bits, 1023)):
            if not 0 <= number <= most:
                raise EncodeError(f"0 to {most}, not {number}", (name,))
        return (self.counter_bits << 15 | ValueClass(self.value_class) << 13 | self.value).to_bytes(4, "big")

    @property
    def pence(self) -> int:
        """The amount in pence."""
        return self.value * 100 if self.value_class is ValueClass.POUNDS else self.value


class Credit(NamedTuple):
    """A token that passed: its UTRN counter (32 bits) and amount. Whether it was used before is the device's matter."""

    counter: int
    token: Utrn

    @property
    def originator_counter(self) -> int:
        """The 64-bit counter of the command that the token stands for."""
        return self.counter << 32


def make_utrn(
    store: KeyStore, supplier: Eui64, device: Eui64, counter: int, value: int, value_class: ValueClass
) -> str:
    """The token for a UTRN counter (32 bits: the upper half of the command's counter) and an amount.

    Raises EncodeError and MissingKeyError.
    """
    if not 0 <= counter <= MAX_COUNTER:
        raise EncodeError(f"0 to {MAX_COUNTER}, not {counter}", ("counter",))
    bare = Utrn(value_class, value, counter % (1 << _TRUNCATED_BITS), bytes(4))
    mac = _mac(bare, store, supplier, device, counter)
    return Utrn(value_class, value, bare.counter_bits, mac).encode()


def check_utrn(text: str, store: KeyStore, supplier: Eui64, device: Eui64, highest_counter: int) -> Credit:
    """Check a token as a device does that has seen UTRN counters up to ``highest_counter`` (32 bits).

    Raises UtrnError, and MissingKeyError when the store holds neither private key.
    """
    token = Utrn.decode(text)
    counter = complete_counter(token.counter_bits, highest_counter)
    if not compare_digest(_mac(token, store, supplier, device, counter), token.mac):
        raise UtrnError(UtrnFailure.NOT_AUTHENTIC)
    return Credit(counter, token)


def complete_counter(counter_bits: int, highest_counter: int) -> int:
    """The UTRN counter that ends in ``counter_bits`` and lies within 512 of the highest one seen.

    Raises UtrnError when that would not be a counter of 32 bits.
    """
    period = 1 << _TRUNCATED_BITS
    present = highest_counter % period
    nearest = counter_bits
    if counter_bits < present - period // 2:
        nearest += period
    elif counter_bits > present + period // 2:
        nearest -= period
    counter = highest_counter - present + nearest
    if not 0 <= counter <= MAX_COUNTER:
        raise UtrnError(UtrnFailure.COUNTER)
    return counter


def check_digit(digits: str) -> str:
    """The digit that completes a number of 19 digits."""
    return next(digit for digit in "0123456789" if check_digit_is_right(digits + digit))


def check_digit_is_right(digits: str) -> bool:
    """Whether the product over all digits, from the left, is zero."""
    product = 0
    for place, digit in enumerate(digits):
        product = _product(product, _POWERS[(_FIRST_POWER + place) % 8][int(digit)])
    return product == 0


def _mac(token: Utrn, store: KeyStore, supplier: Eui64, device: Eui64, counter: int) -> bytes:
    """The last four octets of a whole GMAC tag, unlike a message's MAC, which is the first twelve."""
    whole_counter = counter << 32
    key = store.derive(
        KeyName(supplier, KeyUse.PREPAYMENT_KEY_AGREEMENT),
        KeyName(device, KeyUse.KEY_AGREEMENT),
        other_info(supplier, Mode.COMMAND, whole_counter, device),
    )
    covered = supplier + device + b"\x01" + whole_counter.to_bytes(8, "big") + token.header()
    return AESGCM(key).encrypt(initialisation_vector(supplier), b"", _MAC_HEADER + covered)[-4:]
