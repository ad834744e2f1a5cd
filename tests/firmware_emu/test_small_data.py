"""Identity, texts, alert settings, tenancy and PIN of a whole meter; presets of everything that can be read."""

from __future__ import annotations

import pytest

from firmware_emu import Personality, PersonalityError, Show
from firmware_emu.cosem import NoPreset
from firmware_emu.parts.electricity.consumer_information import ConsumerInformation
from firmware_emu.parts.electricity.identity import ACCEPTS_LONG_MPAN
from firmware_emu.parts.privacy import TENANCY_HIDES_NOTHING
from firmware_emu.personalities import named, names
from protocols.dlms.data import Data, DataType, bit_string, octet_string
from protocols.instant import DAY, instant

from .tiny import BROKER, METER, OPERATOR, START
from .whole_meter import WholeMeter, get, moment, obis, set_to

MPAN, SECOND = b"1200012345678", b"1200087654321"
MPANS, EXPORT = "0-0:94.44.34.11", "1-0:0.0.2.255"


def write_mpans(meter: WholeMeter, mpans: bytes) -> list[int]:
    return meter.tell("ECS39a", set_to(1, obis(MPANS), 2, octet_string(mpans))).results


def test_identity_is_the_personalitys() -> None:
    meter = WholeMeter(Personality(variant="C", model="00030001", manufacturer="1234"))
    parts = [get(1, obis(f"0-0:96.1.{number}.255"), 2) for number in (2, 4, 6)]
    told = meter.tell("ECS26m", *parts, get(1, obis("0-0:94.44.0.4"), 2))
    assert [data.value for data in told.data] == [b"C", b"00030001", b"1234", False]
    told = meter.tell("ECS26e", get(1, obis("0-0:96.1.1.255"), 2))
    assert told.data[0].value == bytes(METER)


@pytest.mark.parametrize(
    ("variant", "mpans", "result"), [("A", MPAN, 0), ("A", MPAN + SECOND, 250), ("B", MPAN + SECOND, 0)]
)
def test_the_number_of_mpans_depends_on_the_elements(variant: str, mpans: bytes, result: int) -> None:
    meter = WholeMeter(Personality(variant=variant))
    assert write_mpans(meter, mpans) == [result]
    steps = (get(1, obis(MPANS), 2), get(1, obis(EXPORT), 2))
    assert meter.tell("ECS40", *steps).data[0].value == (mpans if result == 0 else b"")


def test_the_defect_that_takes_two_mpans() -> None:
    assert write_mpans(WholeMeter(Personality(defects=frozenset({ACCEPTS_LONG_MPAN}))), MPAN + SECOND) == [0]


def test_the_export_mpan_is_the_brokers() -> None:
    meter = WholeMeter()
    write = set_to(1, obis(EXPORT), 2, octet_string(MPAN))
    assert meter.tell("ECS39b", write).results == []
    assert meter.tell("ECS39b", write, sender=BROKER).results == [0]


def test_messages_and_numbers_are_shown() -> None:
    meter = WholeMeter()
    text = octet_string(b"Your bill is ready")
    assert (
        Show("message", "Your bill is ready")
        in meter.tell("ECS10", set_to(1, obis("0-2:96.13.1.255"), 2, text)).outputs
    )
    number = set_to(1, obis("0-3:96.13.1.255"), 2, octet_string(b"1234"))
    told = meter.tell("ECS50", number, sender=BROKER)
    assert Show("customer identification number", "1234") in told.outputs
    wrong = set_to(1, obis("0-3:96.13.1.255"), 2, octet_string(b"12a4"))
    assert meter.tell("ECS50", wrong, sender=BROKER).results == [250]
    long = set_to(1, obis("0-2:96.13.1.255"), 2, octet_string(b"x" * 117))
    assert meter.tell("ECS10", long).results == [250]


def test_contact_details_are_kept() -> None:
    meter = WholeMeter()
    told = meter.tell(
        "ECS16",
        set_to(9000, obis("0-0:96.13.0.255"), 2, octet_string(b"0333 202 4650")),
        set_to(9000, obis("0-0:96.13.1.255"), 2, octet_string(b"E-ON")),
    )
    assert told.results == [0, 0]
    meter.start()
    state = meter.meter.find(ConsumerInformation).state
    assert (state.supplier_telephone, state.supplier_name) == (b"0333 202 4650", b"E-ON")


@pytest.mark.parametrize(("defects", "hidden"), [((), True), ((TENANCY_HIDES_NOTHING,), False)])
def test_change_of_tenancy_hides_what_is_older(defects: tuple[str, ...], hidden: bool) -> None:
    meter = WholeMeter(Personality(defects=frozenset(defects)))
    meter.run(START + DAY)
    change = set_to(1, obis("0-0:94.44.3.2"), 2, moment(START))
    assert meter.tell("ECS12", change).results == [0]
    information = meter.meter.find(ConsumerInformation)
    assert information.shows(START - 1) is not hidden
    assert information.shows(START)
    open_date = octet_string(bytes.fromhex("ffff0301ff0c0000008000ff"))
    assert meter.tell("ECS12", set_to(1, obis("0-0:94.44.3.2"), 2, open_date)).results == [250]


def test_the_pin_is_set_by_the_consumer_and_removed_by_the_supplier() -> None:
    meter = WholeMeter()
    information = meter.meter.find(ConsumerInformation)
    assert information.unlocks("")
    assert not information.set_pin("12")
    assert information.set_pin("1234")
    assert not information.unlocks("4321")
    assert information.unlocks("1234")
    pin = obis("0-0:94.44.3.1")
    assert meter.tell("ECS14", set_to(1, pin, 2, octet_string(b"1"))).results == [250]
    assert meter.tell("ECS14", set_to(1, pin, 2, octet_string(b""))).results == [0]
    assert information.unlocks("4321")


# alert settings


def settings(mask: int, action: int) -> str:
    return format(mask << 256 | action, "0512b")


def test_an_alert_is_switched_off_and_on_by_its_owner() -> None:
    meter = WholeMeter()
    cover = 1 << 0xB9
    meter.sense("meter cover")
    assert meter.sense("meter cover", False) == [0x81B9]
    off = set_to(1, obis("0-30:97.98.11.255"), 2, bit_string(settings(cover, 0)))
    assert meter.tell("ECS25a", off).results == [0]
    meter.sense("meter cover")
    assert meter.sense("meter cover", False) == []
    assert meter.events() == [0x81B9, 0x8154, 0x81B9]
    quiet = set_to(1, obis("0-30:97.98.14.255"), 2, bit_string(settings(cover, 0)))
    assert meter.tell("ECS25a3", quiet).results == [0]
    meter.sense("meter cover")
    meter.sense("meter cover", False)
    assert meter.events().count(0x81B9) == 2
    (wan, *_others) = meter.tell("ECS25r1", *(get(1, obis(f"0-30:97.98.{n}.255"), 2) for n in (15, 16, 17, 18))).data
    assert len(wan.value) == 256
    assert wan.value[-1 - 0xB9] == "0"


def test_a_setting_of_the_wrong_length_is_refused() -> None:
    meter = WholeMeter()
    short = set_to(1, obis("0-33:97.98.11.255"), 2, bit_string("1" * 511))
    assert meter.tell("ECS25b", short, sender=OPERATOR).results == [250]


# presets


def test_what_is_read_after_a_preset_is_what_was_set() -> None:
    meter = WholeMeter(named("esme-auxiliary"))
    meter.now = instant(2026, 3, 1, 12)
    cosem = meter.meter.cosem
    read = 0
    for key, method in cosem.presets():
        if method or tuple(key) not in cosem._gets:
            continue
        value = cosem.read(key)
        cosem.preset(key, value)
        assert cosem.read(key) == value, key
        read += 1
    assert read > 100


def test_what_cannot_be_preset_says_so() -> None:
    meter = WholeMeter()
    with pytest.raises(NoPreset):
        meter.preset(1, "0-0:94.44.3.1", 2, octet_string(b""))


def test_true_may_be_written_as_any_octet_but_zero() -> None:
    meter = WholeMeter()
    meter.preset(1, "0-0:94.44.0.4", 2, Data(DataType.BOOLEAN, 1))
    value = meter.read(1, "0-0:94.44.0.4", 2)
    assert value.type is DataType.BOOLEAN
    assert value.value is True


# models


def test_every_model_can_be_built() -> None:
    assert len(names()) >= 5
    for name in names():
        if named(name).device.value in ("ESME", "SAPC"):
            meter = WholeMeter(named(name))
            assert meter.read(1, "0-0:0.2.1.255", 2).value == b"\x00\x00\x00\x01"


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(PersonalityError, match="unheard-of"):
        named("unheard-of")


@pytest.mark.parametrize("fitted", [("switch",) * 6, ("lamp",), ("90-B3",)])
def test_controllers_that_cannot_be_fitted(fitted: tuple[str, ...]) -> None:
    with pytest.raises(PersonalityError, match="auxiliary"):
        Personality(auxiliary=fitted)
