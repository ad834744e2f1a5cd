"""What somebody might try with keys or messages that are right in themselves."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_emu.counters import TOP_UP as TOP_UP_COUNTER
from firmware_emu.credentials import Cell
from firmware_emu.nvm import CorruptRecord, MemoryNvm
from firmware_emu.parts.credentials.own_keys import OwnKeys
from protocols.eui64 import eui64
from protocols.gbcs.asn1_credentials import (
    CredentialDetailsCommand,
    CredentialReplacement,
    ReplacementMode,
    SequenceNumberChange,
)
from protocols.gbcs.asn1_device import JoinDeviceCommand, JoinMethod, ReadDeviceLogCommand
from protocols.gbcs.keys import KeyName, KeyUse, MemoryKeyStore
from protocols.gbcs.message import Cra
from protocols.gbcs.protection import add_mac
from protocols.gbcs.roles import DeviceType
from protocols.gbcs.use_cases import Protection
from protocols.smki.names import KeyUsage

from .asn1_home import (
    BROKER,
    DEVICES,
    DS,
    KA,
    SMKI,
    START,
    SUPPLIER,
    TOP_UP,
    Asn1Rig,
    certificate,
    device_keys,
    entropy,
)
from .credential_desk import (
    CONTINGENCY,
    MODE,
    ROLE,
    STATUS,
    SUCCESS,
    Desk,
    Parcel,
    keys_of,
    name_of,
    new_certificate,
    parcel,
    row,
    statuses,
)
from .test_credential_dates import TOMORROW, dated
from .test_credential_rules import tokens

ESME, CHF = DeviceType.ESME, DeviceType.CHF
BY_RECOVERY = MODE.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY
BROKER_BY_BROKER = MODE.ACCESS_CONTROL_BROKER_BY_ACCESS_CONTROL_BROKER
STRANGER = eui64("90-B3-D5-1F-30-0E-00-00")


# counters


@pytest.mark.parametrize(
    ("kind", "mode", "cell", "generation"),
    [
        (ESME, MODE.SUPPLIER_BY_SUPPLIER, Cell(ROLE.SUPPLIER, KA), 1),
        (ESME, MODE.SUPPLIER_BY_SUPPLIER, Cell(ROLE.SUPPLIER, DS), 0),
        (ESME, MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER, Cell(ROLE.LOAD_CONTROLLER, KA), 1),
        (ESME, BROKER_BY_BROKER, Cell(ROLE.ACCESS_CONTROL_BROKER, KA), 0),
        (CHF, BROKER_BY_BROKER, Cell(ROLE.ACCESS_CONTROL_BROKER, DS), 0),
        (ESME, BY_RECOVERY, Cell(ROLE.RECOVERY, DS), 0),
    ],
)
def test_an_update_does_not_make_itself_repeatable(
    kind: DeviceType, mode: ReplacementMode, cell: Cell, generation: int
) -> None:
    """A floor below its own counter, under a key that goes on authorising."""
    desk = Desk(kind, mode)
    message = desk.message(Parcel((row(new_certificate(cell, mode, generation), cell),), control={"new_floor": 0}))
    assert desk.send(message)
    assert desk.answers()
    desk.send(message)
    assert not desk.answers()
    assert desk.rig.device.counters.executed(cell.role) == message.counter


def test_a_hubs_broker_counts_anew_only_when_both_its_keys_are_new() -> None:
    """Its signing key is new, but the MAC alone, by the old one, is enough for most of what it commands."""
    cells = [Cell(ROLE.ACCESS_CONTROL_BROKER, use) for use in (DS, KA)]
    rows = [row(new_certificate(cell, BROKER_BY_BROKER), cell) for cell in cells]
    for some, expected in ((rows[:1], 1001), (rows, 5)):
        desk = Desk(CHF, BROKER_BY_BROKER)
        assert statuses(desk.ask(Parcel(tuple(some), control={"new_floor": 5}))) == [SUCCESS] * len(some)
        assert desk.rig.device.counters.executed(ROLE.ACCESS_CONTROL_BROKER) == expected


@pytest.mark.parametrize(("use", "expected"), [(DS, 40), (KA, 40), (TOP_UP, 8)])
def test_tokens_count_anew_only_with_their_own_key(use: KeyUse, expected: int) -> None:
    desk, cell = Desk(ESME, MODE.SUPPLIER_BY_SUPPLIER), Cell(ROLE.SUPPLIER, use)
    desk.rig.device.counters.store(TOP_UP_COUNTER, 40)
    what = Parcel((row(new_certificate(cell, desk.mode), cell),), control={"new_specialist_floors": tokens(8)})
    assert statuses(desk.ask(what)) == [SUCCESS]
    assert desk.rig.device.counters.executed(TOP_UP_COUNTER) == expected


def test_recovery_gives_back_counters_that_a_thief_has_used_up() -> None:
    desk, cell = Desk(ESME, BY_RECOVERY), Cell(ROLE.SUPPLIER, DS)
    desk.rig.device.counters.store(ROLE.SUPPLIER, 2**64 - 1)
    change = SequenceNumberChange(ROLE.SUPPLIER, 5)
    what = Parcel((row(new_certificate(cell, BY_RECOVERY), cell),), control={"other_changes": (change,)})
    assert statuses(desk.ask(what)) == [SUCCESS]
    desk.learn([cell])
    assert desk.works(MODE.SUPPLIER_BY_SUPPLIER)


def test_a_floor_under_the_same_key_may_rise() -> None:
    desk, cell = Desk(ESME, MODE.SUPPLIER_BY_SUPPLIER), Cell(ROLE.SUPPLIER, KA)
    what = Parcel((row(new_certificate(cell, desk.mode), cell),), control={"new_floor": 9000})
    assert statuses(desk.ask(what)) == [SUCCESS]
    assert desk.rig.device.counters.executed(ROLE.SUPPLIER) == 9000


def test_what_was_dated_before_a_decommissioning_is_not_done_by_the_device_made_anew() -> None:
    desk = Desk(ESME, MODE.SUPPLIER_BY_TRANSITIONAL_COS)
    dated(desk, parcel(ESME, desk.mode))
    device = desk.rig.device
    device.decommission(START + 1)
    device.through(device.find(OwnKeys).make_anew, START + 2)
    device.through(desk.rig._fill, START + 2)
    before = desk.held()
    assert desk.rig.advance(TOMORROW) == []
    assert desk.held() == before


def test_a_decommissioned_device_does_not_remember_its_parties_after_an_outage() -> None:
    desk = Desk(ESME, MODE.SUPPLIER_BY_SUPPLIER)
    assert b"2 ds" in (desk.rig.nvm.get("part/credentials") or b"")
    device = desk.rig.device
    assert b'"certificates":{}' not in (desk.rig.nvm.get("part/own keys") or b"")
    device.decommission(START + 1)
    assert b"2 ds" not in (desk.rig.nvm.get("part/credentials") or b"")
    assert b'"certificates":{}' in (desk.rig.nvm.get("part/own keys") or b"")


# names


def test_a_broker_of_which_half_was_replaced_does_not_silence_a_hub() -> None:
    """MACs go on being checked with the key agreement key that is held, whoever may sign."""
    point = MemoryKeyStore().generate(KeyName(STRANGER, DS), entropy(STRANGER, DS))
    other = SMKI.organisation(STRANGER, ROLE.ACCESS_CONTROL_BROKER, KeyUsage.DIGITAL_SIGNATURE, point)
    signing, agreeing = (Cell(ROLE.ACCESS_CONTROL_BROKER, use) for use in (DS, KA))
    desk = Desk(CHF, BROKER_BY_BROKER)
    outcome = desk.ask(Parcel((row(other, signing), CredentialReplacement(b"\x30\x00", name_of(agreeing)))))
    assert statuses(outcome) == [SUCCESS, STATUS.BAD_CERTIFICATE]
    assert desk.broker_works()
    desk.mode = MODE.WAN_PROVIDER_BY_WAN_PROVIDER
    assert desk.works()


def test_a_party_behind_the_broker_does_not_take_the_name_of_a_joined_device() -> None:
    rig, display = Asn1Rig(DeviceType.GSME), DEVICES[DeviceType.PPMID]
    name = KeyName(display, KA)
    point = device_keys(display).public_point(name) or b""
    joined = SMKI.device(display, KeyUsage.KEY_AGREEMENT, point).octets
    rig.ask(0x00AF, JoinDeviceCommand(JoinMethod.METHOD_C, display, DeviceType.PPMID, joined))
    introduced = certificate(display, ROLE.SUPPLIER, KA, 7).octets
    rig.ask(
        0x0013, ReadDeviceLogCommand(), BROKER, supplementary_party=display, supplementary_counter=5,
        certificate=introduced,
    )  # fmt: skip
    assert rig.device.keys.public_point(name) == point


def test_what_a_device_sends_of_itself_is_for_the_suppliers_own_key() -> None:
    """The supplier is the load controller too, with other keys: neither its commands nor an outage change that."""
    desk, mode = Desk(ESME, MODE.LOAD_CONTROLLER_BY_SUPPLIER), MODE.LOAD_CONTROLLER_BY_LOAD_CONTROLLER
    name = KeyName(SUPPLIER, KA)
    own = desk.rig.device.keys.public_point(name)
    brought = [new_certificate(Cell(ROLE.SUPPLIER, use), desk.mode, 5) for use in (DS, KA)]
    cells = [Cell(ROLE.LOAD_CONTROLLER, use) for use in (DS, KA)]
    rows = [row(held, cell) for held, cell in zip(brought, cells, strict=True)]
    assert statuses(desk.ask(Parcel(tuple(rows)))) == [SUCCESS] * 2
    assert desk.rig.device.keys.public_point(name) == own
    signer = keys_of([SUPPLIER], 5)
    made = desk.message(Parcel(()), mode=mode, sender=SUPPLIER, keys=signer, protection=Protection.SIGNATURE)
    desk.send(add_mac(made, desk.rig.keys, BROKER))
    assert desk.answers()
    assert desk.rig.device.keys.public_point(name) == own
    desk.restart(desk.rig.nvm)
    assert desk.rig.device.keys.public_point(name) == own


def test_a_trust_anchor_that_was_spoilt_in_memory_is_told_as_such() -> None:
    desk = Desk(ESME, MODE.SUPPLIER_BY_SUPPLIER)
    whole = desk.rig.nvm.get("part/credentials") or b""  # in it octets are hexadecimal digits
    point = desk.rig.device.credentials.held(Cell(ROLE.SUPPLIER, DS)).point.hex().encode()
    assert whole.count(point) == 2  # beside the certificate and in it
    spoilt = whole.replace(point, point[::-1].replace(b"4", b"5", 1)[::-1])
    for octets, reason in ((spoilt, "curve"), (whole.replace(b"2 ds", b"2 dx"), "dx")):
        nvm = MemoryNvm()
        nvm.put("part/credentials", octets)
        nvm.commit()
        with pytest.raises(CorruptRecord, match=rf"part/credentials.*{reason}"):
            desk.restart(nvm)


def test_the_contingency_key_does_not_sign_in_the_name_of_the_device_itself() -> None:
    desk = Desk(ESME, MODE.ANY_BY_CONTINGENCY)
    before, point = desk.held(), desk.rig.device.keys.public_point(KeyName(desk.rig.identity, DS))
    signer = MemoryKeyStore()
    signer.generate(KeyName(desk.rig.identity, DS), entropy(CONTINGENCY, DS))
    desk.send(desk.message(parcel(ESME, desk.mode), sender=desk.rig.identity, keys=signer))
    assert not desk.answers()
    assert desk.held() == before
    assert desk.rig.device.keys.public_point(KeyName(desk.rig.identity, DS)) == point
    assert desk.works()


def test_a_losing_supplier_of_which_one_key_is_left_does_not_sign() -> None:
    """The new supplier's signing key was taken, its agreement key was not: the old one's signature is worth nothing."""
    desk = Desk(ESME, MODE.SUPPLIER_BY_TRANSITIONAL_COS)
    rows = parcel(ESME, desk.mode).rows
    bad = next(each for each in rows if each.cell == name_of(Cell(ROLE.SUPPLIER, KA)))
    kept = [each if each is not bad else CredentialReplacement(b"\x30\x00", bad.cell) for each in rows]
    assert sorted(statuses(desk.ask(Parcel(tuple(kept))))) == [SUCCESS, SUCCESS, STATUS.BAD_CERTIFICATE]
    assert desk.rig.device.keys.public_point(KeyName(SUPPLIER, DS)) is None
    assert not desk.works(MODE.LOAD_CONTROLLER_BY_SUPPLIER)
    desk.restart(desk.rig.nvm)
    assert not desk.works(MODE.LOAD_CONTROLLER_BY_SUPPLIER)


def test_a_party_behind_the_broker_comes_with_its_own_certificate() -> None:
    """One of another party, or for another use, is not taken, and the command not answered."""
    asked = CredentialDetailsCommand(name_of(Cell(ROLE.ACCESS_CONTROL_BROKER, KA)), (ROLE.ROOT,))
    for party, use, answers in ((STRANGER, KA, 1), (SUPPLIER, KA, 0), (STRANGER, DS, 0)):
        rig = Asn1Rig(ESME)
        introduced = certificate(party, ROLE.SUPPLIER, use, 7).octets
        behind: dict[str, Any] = {
            "supplementary_party": STRANGER,
            "supplementary_counter": 5,
            "certificate": introduced,
        }
        sent = rig.send(rig.command(0x0008, asked, BROKER, **behind))
        assert len([each for each in sent if each.cra is Cra.RESPONSE]) == answers
        assert (rig.device.keys.public_point(KeyName(STRANGER, KA)) is not None) is bool(answers)
