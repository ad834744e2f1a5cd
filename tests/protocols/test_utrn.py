"""Prepayment tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import EncodeError, MissingKeyError
from protocols.eui64 import Eui64, eui64
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.utrn import (
    Utrn,
    UtrnError,
    UtrnFailure,
    ValueClass,
    check_digit,
    check_digit_is_right,
    check_utrn,
    complete_counter,
    make_utrn,
)

from ..reference import KEYSTORE
from .test_keys import randomness

SUPPLIER, ELECTRICITY, GAS = eui64("90B3D51F30010000"), eui64("00DB1234567890A0"), eui64("00DB1234567890A1")
TOKENS = [
    (ELECTRICITY, 3, ValueClass.POUNDS, 10, "73946144332040217315"),
    (ELECTRICITY, 5, ValueClass.POUNDS, 10, "73948959061972833313"),
    (GAS, 6, ValueClass.PENCE, 1250, "73950067887105178605"),
    (ELECTRICITY, 1, ValueClass.POUNDS, 100, "73943333457189043313"),
    (ELECTRICITY, 4, ValueClass.PENCE, 1234, "73947252416745201637"),
    (ELECTRICITY, 1, ValueClass.POUNDS, 8191, "73943680956463432551"),
]


def stores() -> tuple[MemoryKeyStore, MemoryKeyStore]:
    """A supplier's store and a meter's."""
    supplier, meter = MemoryKeyStore(), MemoryKeyStore()
    prepayment = KeyName(SUPPLIER, KeyUse.PREPAYMENT_KEY_AGREEMENT)
    agreement = KeyName(ELECTRICITY, KeyUse.KEY_AGREEMENT)
    meter.put_point(prepayment, supplier.generate(prepayment, randomness("prepayment")))
    supplier.put_point(agreement, meter.generate(agreement, randomness("meter")))
    return supplier, meter


SUPPLIERS_STORE, METERS_STORE = stores()


@pytest.mark.shared
@pytest.mark.parametrize(("device", "counter", "value_class", "value", "text"), TOKENS)
def test_published_tokens_are_made_and_accepted(
    device: Eui64, counter: int, value_class: ValueClass, value: int, text: str
) -> None:
    store = FolderKeyStore.open(KEYSTORE)
    assert make_utrn(store, SUPPLIER, device, counter, value, value_class) == text
    credit = check_utrn(text, store, SUPPLIER, device, highest_counter=2)
    assert (credit.counter, credit.originator_counter) == (counter, counter << 32)
    assert (credit.token.value_class, credit.token.value) == (value_class, value)


@pytest.mark.parametrize(("counter", "value_class", "value", "text"), [token[1:] for token in TOKENS])
def test_published_tokens_are_read_and_written(counter: int, value_class: ValueClass, value: int, text: str) -> None:
    token = Utrn.decode(text)
    assert (token.counter_bits, token.value_class, token.value) == (counter, value_class, value)
    assert token.pence == value * (100 if value_class is ValueClass.POUNDS else 1)
    assert token.encode() == text


tokens = st.builds(
    Utrn, st.sampled_from(ValueClass), st.integers(0, 8191), st.integers(0, 1023), st.binary(min_size=4, max_size=4)
)


@given(tokens)
def test_every_token_comes_back(token: Utrn) -> None:
    assert Utrn.decode(token.encode()) == token


@given(token=tokens, place=st.integers(0, 19), by=st.integers(1, 9))
def test_every_single_wrong_digit_is_found_by_the_check_digit(token: Utrn, place: int, by: int) -> None:
    text = token.encode()
    wrong = text[:place] + str((int(text[place]) + by) % 10) + text[place + 1 :]
    with pytest.raises(UtrnError) as error:
        Utrn.decode(wrong)
    assert error.value.failure is UtrnFailure.CHECK_DIGIT


@given(token=tokens, place=st.integers(0, 18))
def test_two_neighbouring_digits_in_the_wrong_order_are_found(token: Utrn, place: int) -> None:
    text = token.encode()
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assert check_digit_is_right(swapped) == (swapped == text)


@pytest.mark.parametrize("text", ["", "7394614433204021731", "739461443320402173150", "7394614433204021731x", "7" * 40])
def test_what_is_not_20_digits_is_refused(text: str) -> None:
    with pytest.raises(UtrnError) as error:
        Utrn.decode(text)
    assert error.value.failure is UtrnFailure.DIGITS


def test_digits_of_other_scripts_are_refused() -> None:
    with pytest.raises(UtrnError) as error:
        Utrn.decode("٧" * 20)
    assert error.value.failure is UtrnFailure.DIGITS


@pytest.mark.parametrize(
    "digits",
    ["7394156990786306047", "0000000000000000000", "9999999999999999999", str(7394156990786306048 + (1 << 57))],
)
def test_numbers_outside_the_range_of_tokens_are_refused(digits: str) -> None:
    with pytest.raises(UtrnError) as error:
        Utrn.decode(digits + check_digit(digits))
    assert error.value.failure is UtrnFailure.RANGE


@pytest.mark.parametrize("value_class", [2, 3])
def test_classes_without_a_meaning_are_refused(value_class: int) -> None:
    digits = str(7394156990786306048 + (value_class << 13 + 32))
    with pytest.raises(UtrnError) as error:
        Utrn.decode(digits + check_digit(digits))
    assert error.value.failure is UtrnFailure.VALUE_CLASS


@given(
    counter=st.integers(0, 2**32 - 1),
    behind=st.integers(-511, 511),
    value=st.integers(0, 8191),
    value_class=st.sampled_from(ValueClass),
)
def test_a_meter_accepts_what_its_supplier_made(counter: int, behind: int, value: int, value_class: ValueClass) -> None:
    text = make_utrn(SUPPLIERS_STORE, SUPPLIER, ELECTRICITY, counter, value, value_class)
    highest = min(max(counter - behind, 0), 2**32 - 1)
    credit = check_utrn(text, METERS_STORE, SUPPLIER, ELECTRICITY, highest)
    assert (credit.counter, credit.token.value, credit.token.value_class) == (counter, value, value_class)


def test_a_token_of_another_device_supplier_or_time_is_not_authentic() -> None:
    store = SUPPLIERS_STORE
    text = make_utrn(store, SUPPLIER, ELECTRICITY, 5000, 10, ValueClass.POUNDS)
    with pytest.raises(UtrnError) as error:
        check_utrn(text, store, SUPPLIER, ELECTRICITY, 5000 + 2048)
    assert error.value.failure is UtrnFailure.NOT_AUTHENTIC
    altered = Utrn.decode(text)
    for wrong in (
        Utrn(altered.value_class, altered.value + 1, altered.counter_bits, altered.mac),
        Utrn(ValueClass.PENCE, altered.value, altered.counter_bits, altered.mac),
        Utrn(altered.value_class, altered.value, altered.counter_bits + 1, altered.mac),
        Utrn(altered.value_class, altered.value, altered.counter_bits, altered.mac[:3] + bytes((altered.mac[3] ^ 1,))),
    ):
        with pytest.raises(UtrnError) as error:
            check_utrn(wrong.encode(), store, SUPPLIER, ELECTRICITY, 5000)
        assert error.value.failure is UtrnFailure.NOT_AUTHENTIC
    with pytest.raises(MissingKeyError):
        check_utrn(text, store, SUPPLIER, GAS, 5000)


def test_an_error_shows_no_token() -> None:
    text = make_utrn(SUPPLIERS_STORE, SUPPLIER, ELECTRICITY, 5000, 10, ValueClass.POUNDS)
    with pytest.raises(UtrnError) as error:
        check_utrn(text, SUPPLIERS_STORE, SUPPLIER, ELECTRICITY, 9000)
    assert text not in str(error.value) + repr(error.value)


@pytest.mark.parametrize(
    ("bits", "highest", "counter"),
    [
        (0, 0, 0),
        (512, 0, 512),
        (1, 1023, 1025),
        (511, 1023, 511),
        (510, 1023, 1534),
        (1023, 1024, 1023),
        (600, 2048 + 10, 1024 + 600),
        (10, 2048 + 10, 2058),
    ],
)
def test_the_counter_is_the_nearest_one(bits: int, highest: int, counter: int) -> None:
    assert complete_counter(bits, highest) == counter


@pytest.mark.parametrize(("bits", "highest"), [(513, 0), (1023, 400), (0, 2**32 - 1)])
def test_a_counter_that_does_not_exist_is_refused(bits: int, highest: int) -> None:
    with pytest.raises(UtrnError) as error:
        complete_counter(bits, highest)
    assert error.value.failure is UtrnFailure.COUNTER


def test_amounts_and_counters_that_do_not_fit_are_our_own_fault() -> None:
    for counter, value in ((2**32, 1), (-1, 1), (1, 8192), (1, -1)):
        with pytest.raises(EncodeError):
            make_utrn(SUPPLIERS_STORE, SUPPLIER, ELECTRICITY, counter, value, ValueClass.PENCE)
