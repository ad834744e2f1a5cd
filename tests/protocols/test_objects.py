"""The catalogue of COSEM objects, alone and against the reference messages."""

from __future__ import annotations

import pytest

from protocols.dlms.access import AccessRequest, AccessResponse, Service, Specification
from protocols.dlms.data import Data, DataType
from protocols.dlms.obis import obis, obis_text
from protocols.gbcs.key_folder import FolderKeyStore
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.objects import NAMES, CosemObject, Kind, all_objects, find, uses
from protocols.gbcs.objects_classes import CLASSES, attribute_name, class_name, method_name
from protocols.gbcs.objects_shapes import Shape, shape
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.sensitive import decrypt_payload
from protocols.gbcs.use_cases import all_use_cases, by_code
from protocols.gbcs.use_cases_instructions import Operation

from ..reference import KEYSTORE, reference_messages


def _known(class_id: int, name: str, kind: Kind, index: int) -> CosemObject:
    found = find(class_id, obis(name), kind, index)
    assert found is not None, (class_id, name, kind, index)
    return found


def test_a_register_has_name_type_unit_and_devices() -> None:
    row = _known(3, "1-0:2.8.0.255", "attribute", 2)
    assert (row.name, row.shape.type, row.unit) == ("Active export register", "u32", "Wh")
    assert row.devices == {DeviceType.ESME}
    assert not row.sensitive


def test_a_row_for_several_objects_counts_them() -> None:
    names = [_known(1, f"0-0:94.44.0.{11 + n}", "attribute", 2).name for n in range(5)]
    assert names == [f"Auxiliary controller [{n}] description".replace("[", "").replace("]", "") for n in range(1, 6)]
    assert find(1, obis("0-0:94.44.0.16"), "attribute", 2) is None
    assert _known(1, "1-0:72.31.0.4", "attribute", 2).name.endswith("phase 3")


def test_what_is_read_under_encryption_is_sensitive() -> None:
    rows = [row for row in all_objects() if row.sensitive]
    behind = {(r.class_id, r.obis, r.attribute) for u in all_use_cases() for step in u.instructions for r in step.reads}
    assert {(row.class_id, row.obis, row.index) for row in rows} == behind


def test_unknown_objects_are_none() -> None:
    assert find(1, bytes(6), "attribute", 2) is None
    assert find(2, bytes(6), "attribute", 2) is None
    assert find(3, obis("1-0:2.8.0.255"), "method", 9) is None
    assert uses(1, bytes(6), "attribute", 2) == ()


def test_users_follow_from_the_use_cases() -> None:
    found = uses(112, obis("0-0:19.10.0.255"), "method", 1)
    assert [(use.use_case.name, use.operation, use.protected) for use in found] == [("ECS04a", Operation.ACTION, False)]
    assert found[0].use_case.roles == {RemotePartyRole.SUPPLIER}
    hidden = uses(7, obis("0-0:99.1.0.255"), "attribute", 2)
    assert [(use.use_case.name, use.protected) for use in hidden] == [("ECS22b", True)]


def test_every_instruction_has_its_object() -> None:
    for use_case in all_use_cases():
        for step in use_case.instructions:
            kind: Kind = "method" if step.op is Operation.ACTION else "attribute"
            assert find(step.class_id, step.obis, kind, step.index), (use_case.name, obis_text(step.obis), step.index)


def test_devices_of_a_use_case_have_its_objects() -> None:
    # an SAPC writes its calendar by a use case whose other objects are an ESME's too
    for use_case in all_use_cases():
        for step in use_case.instructions:
            kind: Kind = "method" if step.op is Operation.ACTION else "attribute"
            row = find(step.class_id, step.obis, kind, step.index)
            assert row is not None
            assert use_case.devices <= row.devices, (use_case.name, obis_text(step.obis), step.index)


def test_classes_name_their_attributes_and_methods() -> None:
    assert class_name(20) == "Activity calendar"
    assert attribute_name(20, 10) == "activate_passive_calendar_time"
    assert attribute_name(111, 19) == "max_provision_period"
    assert method_name(104, 5) == "restore_PAN"
    assert method_name(113, 4) == "update_total_amount_remaining"
    assert attribute_name(1, 1) == "logical_name"
    assert (class_name(2), attribute_name(2, 1), attribute_name(1, 3), method_name(1, 1)) == ("", "", "", "")


def test_every_row_is_a_member_of_its_class() -> None:
    for row in all_objects():
        generic = attribute_name if row.kind == "attribute" else method_name
        assert row.class_id in CLASSES
        assert generic(row.class_id, row.index), row


def test_shapes_read_nested_types() -> None:
    made = shape("log of {time: u32 s, block?: [8] of u32 Wh, who: {id: oct8, hash: oct<=16}}")
    assert [member.name for member in made.members] == ["time", "block", "who"]
    time, block, who = made.members
    assert (made.type, time.unit) == ("log", "s")
    assert (block.type, block.optional, block.bounds, block.element.unit) == ("array", True, "8", "Wh")
    assert [inner.type for inner in who.inside] == ["oct8", "oct<=16"]


@pytest.mark.parametrize("text", ["{a u8}", "[4] u8", "{a: u8}}"])
def test_a_wrong_shape_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        shape(text)


def test_readable_output_knows_names_units_and_meanings() -> None:
    known = NAMES.name(7, obis("0-0:98.1.0.255"), "attribute", 2)
    assert known is not None
    assert known.members[:3] == ("time", "active_import", "secondary_active_import")
    assert known.optional == {"secondary_active_import", "secondary_time_of_use"}
    assert known.inside["active_import"].unit == "Wh"
    events = NAMES.name(7, obis("0-0:99.98.1.255"), "attribute", 2)
    assert events is not None
    assert "tamper" in events.inside["event"].texts[0x8F3F]
    switch = NAMES.name(9, obis("0-0:10.0.106.255"), "method", 1)
    assert switch is not None
    assert switch.texts[51] == "enable supply"


def test_readable_output_falls_back_to_the_class() -> None:
    known = NAMES.name(3, obis("1-0:99.99.99.255"), "attribute", 3)
    assert known is not None
    assert known.name == "Register scaler_unit"
    assert NAMES.name(2, bytes(6), "attribute", 2) is None


# -- against the reference messages -------------------------------------------------------------------------------

_TYPES = {
    "u8": DataType.UINT8,
    "u16": DataType.UINT16,
    "u32": DataType.UINT32,
    "i8": DataType.INT8,
    "i16": DataType.INT16,
    "i32": DataType.INT32,
    "bool": DataType.BOOLEAN,
    "enum": DataType.ENUM,
    "null": DataType.NULL,
}
_STRINGS = {
    "oct": DataType.OCTET_STRING,
    "vis": DataType.VISIBLE_STRING,
    "utf8": DataType.UTF8_STRING,
    "bits": DataType.BIT_STRING,
}


def _misfit(value: Data, wanted: Shape) -> str:
    """Why a value does not have a shape; empty if it does."""
    if wanted.type == "log":
        return _misfit(value.value.as_array(), Shape("array", inside=wanted.inside))
    if wanted.type == "array":
        if value.type is not DataType.ARRAY or not _within(len(value.value), wanted.bounds):
            return f"{wanted.name}: {value.type.name} instead of array[{wanted.bounds}]"
        return next(filter(None, (_misfit(item, wanted.inside[0]) for item in value.value)), "")
    if wanted.type == "structure":
        return _structure_misfit(value, wanted)
    fits = any(_leaf_fits(value, word) for word in wanted.type.split("|"))
    return "" if fits else f"{wanted.name}: {value.type.name}, not {wanted.type}"


def _leaf_fits(value: Data, word: str) -> bool:
    if word in _TYPES:
        return value.type is _TYPES[word]
    kind = next(start for start in _STRINGS if word.startswith(start))
    return value.type is _STRINGS[kind] and _length_fits(len(value.value), word.removeprefix(kind))


def _structure_misfit(value: Data, wanted: Shape) -> str:
    if value.type is not DataType.STRUCTURE:
        return f"{wanted.name}: {value.type.name} instead of structure"
    members = wanted.inside
    if len(value.value) != len(members):
        members = tuple(member for member in members if not member.optional)
    if len(value.value) != len(members):
        return f"{wanted.name}: {len(value.value)} members instead of {len(members)}"
    return next(filter(None, map(_misfit, value.value, members)), "")


def _within(number: int, bounds: str) -> bool:
    low, _, high = bounds.partition("..")
    return not bounds or int(low) <= number <= int(high or low)


def _length_fits(length: int, text: str) -> bool:
    return not text or (length <= int(text[2:]) if text.startswith("<=") else length == int(text))


def _values() -> list[tuple[str, Specification, Data]]:
    """Every value that a reference command writes or a response returns, with what it belongs to."""
    asked: dict[tuple[bytes, bytes, int, int], tuple[Specification, ...]] = {}
    found: list[tuple[str, Specification, Data]] = []
    decoded = [(name, Message.decode(octets)) for name, octets in reference_messages()]
    for name, message in sorted(decoded, key=lambda item: item[1].cra):
        payload = decode_payload(message)
        if message.cra is Cra.COMMAND and isinstance(payload, AccessRequest):
            key = (message.originator, message.recipient, message.counter, message.message_code)
            asked[key] = payload.specifications
            pairs = zip(payload.specifications, payload.data, strict=True)
            found += [(name, s, data) for s, data in pairs if s.service in (Service.SET, Service.ACTION)]
        elif isinstance(payload, AccessResponse):
            key = (message.recipient, message.originator, message.counter, message.message_code)
            pairs = zip(asked[key], payload.data, strict=True)
            found += [(name, s, data) for s, data in pairs if data.type is not DataType.NULL]
    return found


@pytest.mark.shared
def test_reference_values_have_the_shape_of_their_object() -> None:
    misfits, checked = [], 0
    for name, asked, data in _values():
        kind: Kind = "method" if asked.service is Service.ACTION else "attribute"
        row = find(asked.class_id, asked.obis, kind, asked.attribute)
        assert row is not None, (name, asked)
        if row.class_id == 30 or (row.class_id, row.index) == (104, 4):  # encrypted; or without an argument
            continue
        checked += 1
        misfit = _misfit(data, row.shape)
        if misfit:
            misfits.append((name, row.class_id, obis_text(row.obis), row.index, misfit))
    assert misfits == []
    assert checked > 500


@pytest.mark.shared
def test_decrypted_reference_values_have_the_shape_of_their_object() -> None:
    store, checked = FolderKeyStore.open(KEYSTORE), 0
    for name, octets in reference_messages():
        message = Message.decode(octets)
        use_case, payload = by_code(message.message_code), decode_payload(message)
        if use_case is None or not isinstance(payload, AccessResponse):
            continue
        for part in decrypt_payload(message, payload, store):
            reads = use_case.instructions[part.place].reads
            assert isinstance(part.value, Data)
            for read, value in zip(reads, part.value.value, strict=True):
                row = find(read.class_id, read.obis, "attribute", read.attribute)
                assert row is not None
                assert _misfit(value, row.shape) == "", (name, row.name)
                checked += 1
    assert checked > 10


def test_a_value_of_another_shape_is_noticed() -> None:
    wanted = _known(3, "1-0:2.8.0.255", "attribute", 3).shape
    right = Data(DataType.STRUCTURE, (Data(DataType.INT8, 0), Data(DataType.ENUM, 30)))
    assert _misfit(right, wanted) == ""
    assert _misfit(Data(DataType.STRUCTURE, right.value[:1]), wanted) == ": 1 members instead of 2"
    assert _misfit(Data(DataType.STRUCTURE, right.value[::-1]), wanted) == "scaler: ENUM, not i8"
