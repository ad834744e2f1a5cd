"""The reference commands of gas: a device in the state that the answer speaks of answers exactly so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

import pytest

from firmware_emu import Device, MemoryNvm, personalities
from firmware_emu.clock import ClockStatus
from firmware_emu.credentials import Cell, point_anchor
from firmware_emu.devices import gpf, gsme
from protocols.dlms.cosem_time import ClockStatus as TimeStatus
from protocols.dlms.cosem_time import CosemDateTime
from protocols.eui64 import eui64
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import BETWEEN_DEVICES
from protocols.gbcs.sensitive import decrypt_payload
from protocols.instant import instant
from protocols.zigbee.zcl import ClusterCommand, DefaultResponse, ReadAttributesResponse

from .test_core_reference import PARTIES, commands, is_alike, published, response_of, store
from .tiny import messages

pytestmark = pytest.mark.shared

START = instant(2015, 1, 1)
METER, PROXY = (eui64(f"00DB1234567890A{n}") for n in (1, 3))
STRANGER = eui64("90B3D51F30030000")
NOT_FOUND, EARLIER_FAILED = 0x8B, (0xFF, 0x01)
MAKERS: dict[bytes, tuple[str, Callable[..., Device]]] = {
    METER: ("gsme", gsme.make_device),
    PROXY: ("gpf", gpf.make_device),
}


def make(message: Message) -> Device:
    """The device that the command is for, with the published keys of the parties."""
    model, maker = MAKERS[message.recipient]
    keys = store(message.recipient)
    keys.borrow(published(), [KeyName(STRANGER, KeyUse.KEY_AGREEMENT)])
    device = maker(message.recipient, personalities.named(model), MemoryNvm(), keys)
    device.power_on(START)
    for role, party in PARTIES.items():
        for use in KeyUse:
            if keys.public_point(KeyName(party, use)) is not None:
                device.credentials.fill(Cell(role, use), point_anchor(keys, party, use))
    return device


def answers_of(expected: Message) -> dict[int, list[Component]]:
    """The components of a response by sequence number, those that were encrypted in clear."""
    payload = decode_payload(expected)
    assert isinstance(payload, GbzPayload)
    opened = {part.place: part.value for part in decrypt_payload(expected, payload, published())}
    found = defaultdict(list)
    for place, component in enumerate(payload.components):
        clear = opened.get(place, component)
        assert isinstance(clear, Component)
        found[component.frame.sequence].append(clear)
    return found


def prepare(device: Device, command: Message, expected: Message) -> None:
    """Put the device into the state that the response speaks of."""
    answers = answers_of(expected)
    asked = decode_payload(command)
    assert isinstance(asked, GbzPayload)
    uses: Counter[tuple[int, int]] = Counter()
    for component in asked.components:
        for answer in answers[component.frame.sequence]:
            if isinstance(answer.content, ReadAttributesResponse):
                preset_attributes(device, answer)
        use = (component.cluster, component.frame.command)
        preset_command(device, component, answers[component.frame.sequence], uses[use])
        uses[use] += 1
    if expected.date_time:
        set_clock(device, expected.date_time)
    own = expected.other.supplementary_originator_counter
    if own is not None:
        device.counters.state.supplementary = own - 1
    device.commit()


def preset_attributes(device: Device, answer: Component) -> None:
    assert isinstance(answer.content, ReadAttributesResponse)
    for record in answer.content.records:
        if record.status:
            device.zcl.faults[answer.cluster, record.attribute] = record.status
        else:
            device.zcl.preset_attribute(answer.cluster, record.attribute, record.value)


def preset_command(device: Device, component: Component, answers: list[Component], earlier: int) -> None:
    if not isinstance(component.content, ClusterCommand):
        return
    contents = [answer.content for answer in answers]
    for content in contents:
        if isinstance(content, DefaultResponse) and content.status:
            if content.status != NOT_FOUND and (content.command, content.status) != EARLIER_FAILED:
                fault(device, component, content.status, earlier)
            return
    row = component.content.row
    published = [content for content in contents if isinstance(content, ClusterCommand)]
    if published or device.zcl.can_preset(row):
        device.zcl.preset_command(component.content, published)


def fault(device: Device, component: Component, status: int, earlier: int) -> None:
    """The hardware behind this command fails after so many uses."""
    key = (component.cluster, component.frame.frame_control.to_client, component.frame.command)
    device.zcl.faults[key] = status
    device.zcl.good_uses[key] = earlier


def set_clock(device: Device, octets: bytes) -> None:
    moment = CosemDateTime.decode(octets)
    at = moment.to_instant()
    assert at is not None
    if moment.status == TimeStatus.DIFFERENT_CLOCK_BASE:
        assert device.clock.preset_data_time is not None
        device.clock.preset_data_time(at)
    else:
        device.clock.force(at)
    if moment.status == TimeStatus.DOUBTFUL:
        device.clock.set_status(ClockStatus.UNRELIABLE)


def gas_commands() -> list[tuple[str, Message]]:
    found = []
    for name, message in commands():
        if message.recipient not in MAKERS or message.message_code in BETWEEN_DEVICES:
            continue
        if isinstance(decode_payload(message), GbzPayload):
            found.append((name, message))
    return found


@pytest.mark.parametrize(("name", "message"), [pytest.param(*each, id=each[0]) for each in gas_commands()])
def test_every_gas_command_is_answered_like_the_reference(name: str, message: Message) -> None:
    expected = response_of(name)
    device = make(message)
    prepare(device, message, expected)
    (answer,) = (m for m in messages(device.receive(message.encode(), START)) if m.cra is Cra.RESPONSE)
    assert is_alike(answer, expected, device.keys)
