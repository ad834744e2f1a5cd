"""A whole home: messages through the hub, the sleeping gas meter, displays, a load switch, one clock, one supply."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_emu import (
    Device,
    MemoryNvm,
    Output,
    Part,
    Personality,
    SendHan,
    SendMessage,
    Show,
    SwitchMoved,
    WanSignal,
)
from firmware_emu.devices import esme, hcalcs, ihd, ppmid
from firmware_emu.han import Done, Node, install_code_of
from firmware_emu.han_commands import DONE, NOT_DONE
from firmware_emu.load_model import DayLoad
from firmware_emu.parts.credentials.joining import Joining
from firmware_emu.parts.electricity.account import AccountPart
from firmware_emu.parts.electricity.consumer_access import CONTROL_REQUEST, EMERGENCY_CREDIT, ENABLE_SUPPLY, TOP_UP
from firmware_emu.parts.electricity.load_switch import LoadSwitch, Reason, Supply
from firmware_emu.parts.electricity.metrology import Metrology
from firmware_emu.parts.home.display import Display
from firmware_emu.parts.home.relay import ASK_AGAIN, Relay
from firmware_emu.parts.hub.device_log import HubDeviceLog
from firmware_emu.parts.hub.forwarding import Forwarding
from firmware_emu.parts.token_gateway import TokenGateway
from firmware_emu.tunnel import COORDINATOR, GET, TUNNELLING, GetResponse, given_out, handed_over, put
from protocols.dlms.access import AccessResponse
from protocols.errors import DecodeError, LocalProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import DeviceLogEntry
from protocols.gbcs.gbz import GbzAlert
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY, HOUR, Instant
from protocols.zigbee.smart_energy import COMMANDS

from .homes import (
    DISPLAY,
    ELECTRICITY,
    GAS,
    HUB,
    IN_HOME_DISPLAY,
    KEYS,
    PROXY,
    SWITCH,
    Parties,
    bare,
    home_of,
    install_anchors,
    make_hub,
    outputs_of,
    own_keys,
    wan,
)
from .test_hub import add_device, alerts, remove_device
from .tiny import READ_VERSION, START, SUPPLIER, Identity


class Constant:
    """A load of so many Wh in every half-hour."""

    def __init__(self, watt_hours: int) -> None:
        self.watt_hours = watt_hours

    def day(self, _day: int) -> DayLoad:
        return DayLoad(imported=[self.watt_hours] * 48)


class Sleeper(Part):
    """A gas meter's radio: awake every half-hour, it asks for what waits."""

    name = "sleeper"

    def started(self) -> None:
        self.due = self.device.now + 1800

    def advance(self, at: Instant) -> None:
        self.device.emit(SendHan(COORDINATOR, TUNNELLING, GET))
        self.due = at + 1800


class Speaker(Part):
    """Keeps what it hears; says something when a key is pressed."""

    name = "speaker"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Eui64, bytes]] = []

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.han[0x0702] = lambda source, octets: self.heard.append((source, octets))
        device.dispatcher.route = self._read_along

    def _read_along(self, message: Message, _frame: bytes) -> bool:
        self.heard.append((message.recipient, message.payload))
        return True

    def pressed(self, key: str) -> bool:
        self.device.emit(SendHan(Eui64(bytes.fromhex(key)), 0x0702, b"hello"))
        return True


def make_esme(load: int = 0, auxiliary: Sequence[str] = ()) -> Device:
    personality = Personality(device=DeviceType.ESME, auxiliary=tuple(auxiliary))
    meter = esme.make_device(ELECTRICITY, personality, MemoryNvm(), own_keys(ELECTRICITY), Constant(load))
    install_anchors(meter)
    return meter


def make_ppmid() -> Device:
    display = ppmid.make_device(DISPLAY, Personality(device=DeviceType.PPMID), MemoryNvm(), own_keys(DISPLAY))
    install_anchors(display)
    return display


def make_gas_meter(*parts: Part) -> Device:
    return bare(GAS, DeviceType.GSME, Sleeper(), Joining(), *parts)


def shown(done: Sequence[Done], device: Eui64) -> dict[str, str]:
    return {each.item: each.text for each in outputs_of(done, device) if isinstance(each, Show)}


# tunnel


def test_tunnel_headers() -> None:
    assert GetResponse(2, b"message").encode() == b"\x02\x02message"
    assert given_out(b"\x02\x00") == GetResponse(0, None)
    assert handed_over(GET) is None
    assert handed_over(put(b"message")) == b"message"
    assert handed_over(b"\xdfmessage") == b"\xdfmessage"
    for wrong in (b"", b"\x02", b"\x01", b"\x03\x00message"):
        with pytest.raises(DecodeError):
            given_out(wrong)


# messages


def test_command_goes_through_the_hub_and_the_answer_back() -> None:
    home, parties = home_of(make_esme()), Parties()
    done = home.receive_wan(parties.command("ECS52", READ_VERSION, ELECTRICITY, SUPPLIER), START + 5)
    (answer,) = wan(done)
    assert (answer.originator, answer.recipient, answer.cra) == (ELECTRICITY, SUPPLIER, Cra.RESPONSE)
    payload = decode_payload(answer)
    assert isinstance(payload, AccessResponse)
    assert payload.data[0].value == bytes.fromhex("00000001")
    log = home.device(HUB).find(HubDeviceLog)
    entry = log.entry(ELECTRICITY)
    assert entry is not None
    assert entry.link.successes == 2  # the time was read, and now it answered


def test_message_for_a_stranger_is_dropped() -> None:
    home, parties = home_of(make_esme()), Parties()
    assert wan(home.receive_wan(parties.command("ECS52", READ_VERSION, GAS, SUPPLIER), START + 5)) == []


def test_gas_meter_fetches_when_it_wakes_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    home, parties = home_of(make_gas_meter(Identity())), Parties()
    frames = [parties.command("GCS38", b"", GAS, SUPPLIER) for _ in range(3)]
    for frame in frames:
        assert home.receive_wan(frame, START + 10) == []
    forwarding = home.device(HUB).find(Forwarding)
    assert forwarding.waiting(GAS) == 3
    taken: list[bytes] = []
    monkeypatch.setattr(home.device(GAS).dispatcher, "receive", taken.append)
    assert home.advance(START + 1799) == []
    home.advance(START + 1800)
    assert taken == frames
    assert forwarding.waiting(GAS) == 0


def test_message_that_is_not_fetched_in_a_day_is_lost_and_reported_by_the_proxy() -> None:
    home = home_of(bare(GAS, DeviceType.GSME), bare(PROXY, DeviceType.GPF), hub=make_hub(PROXY))
    home.receive_wan(Parties().command("GCS38", b"", GAS, SUPPLIER), START + 10)
    forwarding = home.device(HUB).find(Forwarding)
    home.advance(START + 10 + DAY - 1)
    assert forwarding.waiting(GAS) == 1
    (alert,) = wan(home.advance(START + 10 + DAY))
    assert forwarding.waiting(GAS) == 0
    assert (alert.originator, alert.recipient, alert.message_code) == (PROXY, SUPPLIER, 0x1001)
    payload = decode_payload(alert)
    assert isinstance(payload, GbzAlert)
    assert payload.alert_code == 0x819D


def test_messages_wait_through_an_outage_of_the_hub() -> None:
    home, parties = home_of(make_gas_meter()), Parties()
    home.receive_wan(parties.command("GCS38", b"", GAS, SUPPLIER), START + 10)
    home.power_cut(START + 20)
    home.advance(START + HOUR)
    home.power_on(START + HOUR + 1)
    forwarding = home.device(HUB).find(Forwarding)
    assert forwarding.waiting(GAS) == 1
    home.advance(START + HOUR + 1801)
    assert forwarding.waiting(GAS) == 0


def test_hub_reports_what_it_cannot_deliver() -> None:
    home, parties = home_of(make_esme()), Parties()
    home.device(ELECTRICITY).power_off(START + 1)
    done = home.receive_wan(parties.command("ECS52", READ_VERSION, ELECTRICITY, SUPPLIER), START + 5)
    (alert,) = wan(done)
    assert (alert.originator, alert.recipient, alert.message_code) == (HUB, SUPPLIER, 0x00D5)
    assert verify(alert, KEYS).signature is Verdict.VALID


def test_proxy_reads_along_what_it_needs() -> None:
    speaker = Speaker()
    proxy = bare(PROXY, DeviceType.GPF, speaker)
    home, parties = home_of(make_gas_meter(), proxy, hub=make_hub(PROXY)), Parties()
    home.receive_wan(parties.command("GCS01a", b"tariff", GAS, SUPPLIER), START + 10)
    home.receive_wan(parties.command("GCS38", b"not for it", GAS, SUPPLIER), START + 11)
    assert speaker.heard == [(GAS, b"tariff")]


def test_frames_of_devices_that_are_not_in_the_network_are_not_carried() -> None:
    speaker, other = Speaker(), Speaker()
    home = home_of(bare(DISPLAY, DeviceType.PPMID, speaker), bare(SWITCH, DeviceType.HCALCS, other))
    home.press(DISPLAY, SWITCH.hex(), START + 1)
    assert other.heard == [(DISPLAY, b"hello")]
    home.receive_wan(Parties().command("CCS02", remove_device(DISPLAY)), START + 2)
    home.press(DISPLAY, SWITCH.hex(), START + 3)
    assert len(other.heard) == 1


def test_two_devices_that_answer_each_other_for_ever_are_an_error() -> None:
    class Echo(Part):
        name = "echo"

        def attach(self, device: Device) -> None:
            super().attach(device)
            device.han[0x0702] = lambda source, octets: device.emit(SendHan(source, 0x0702, octets))

    home = home_of(bare(DISPLAY, DeviceType.PPMID, Speaker()), bare(SWITCH, DeviceType.HCALCS, Echo()))
    home.press(DISPLAY, SWITCH.hex(), START + 1)
    home.device(DISPLAY).han[0x0702] = lambda source, octets: home.device(DISPLAY).emit(SendHan(source, 0x0702, octets))
    with pytest.raises(LocalProtocolError):
        home.press(DISPLAY, SWITCH.hex(), START + 2)


# joining


def test_device_joins_with_its_install_code_and_is_reported() -> None:
    home, parties = home_of(assembled=False), Parties()
    home.add(make_esme(), START + 1)
    assert home.join(ELECTRICITY, START + 2) == (False, [])
    home.receive_wan(parties.command("CCS01", add_device(ELECTRICITY)), START + 3)
    joined, done = home.join(ELECTRICITY, START + 60)
    assert joined
    assert alerts([each.output for each in done]) == [0x8F12, 0x8183]
    node = home.han.nodes[ELECTRICITY]
    entry = home.device(HUB).find(HubDeviceLog).entry(ELECTRICITY)
    assert entry is not None
    assert entry.key_hash == node.key_hash
    answered = home.receive_wan(parties.command("ECS52", READ_VERSION, ELECTRICITY, SUPPLIER), START + 61)
    assert [message.originator for message in wan(answered)] == [ELECTRICITY]


def test_device_with_another_install_code_is_not_let_in() -> None:
    home = home_of(assembled=False)
    home.add(make_esme(), START + 1)
    home.receive_wan(Parties().command("CCS01", add_device(GAS)), START + 3)
    home.han.nodes[ELECTRICITY].take_key(home.han.nodes[HUB].key)
    assert home.join(ELECTRICITY, START + 4) == (False, [])
    assert install_code_of(ELECTRICITY) != install_code_of(GAS)


def test_removed_device_joins_again_with_its_old_key() -> None:
    home, parties = home_of(make_esme()), Parties()
    home.receive_wan(parties.command("CCS02", remove_device(ELECTRICITY)), START + 1)
    assert not home.join(ELECTRICITY, START + 2)[0]
    home.receive_wan(parties.command("CCS01", add_device(ELECTRICITY)), START + 3)
    assert home.join(ELECTRICITY, START + 40)[0]


def test_fifth_sub_ghz_device_finds_no_room() -> None:
    devices = [Eui64(bytes((0, 1, 2, 3, 4, 5, 6, number))) for number in range(5)]
    home, parties = home_of(assembled=False), Parties()
    joined, found = [], []
    for number, device in enumerate(devices):
        home.add(Node(bare(device, DeviceType.PPMID), sub_ghz=True), START + 10 * number)
        home.receive_wan(parties.command("CCS01", add_device(device, 132)), START + 10 * number)
        result, done = home.join(device, START + 10 * number + 1)
        joined.append(result)
        found += alerts([each.output for each in done])
    assert joined == [True] * 4 + [False]
    assert found == [0x8F12] * 4 + [0x8F2D]
    home.receive_wan(parties.command("CCS02", remove_device(devices[0])), START + 50)
    assert home.join(devices[4], START + 51)[0]


def test_silent_gas_meter_is_searched_for_three_times_then_given_up() -> None:
    home = home_of(Node(bare(GAS, DeviceType.GSME, Speaker()), mains=False, sleepy=True, sub_ghz=True))
    found: list[tuple[int, int]] = []
    for day in range(1, 6):
        found += [(day, code) for code in alerts(messages_only(home.advance(START + day * DAY + HOUR)))]
    search = [0x8F28, 0x8F27]
    expected = [(day, code) for day in (1, 2, 3) for code in (*search, *[0x8F29] * (day == 3), 0x8F2B)]
    assert found == expected


def test_gas_meter_that_wakes_is_not_searched_for() -> None:
    home = home_of(Node(make_gas_meter(), mains=False, sleepy=True, sub_ghz=True))
    assert alerts(messages_only(home.advance(START + 3 * DAY))) == []


# time and supply


def test_every_device_reads_the_time_of_the_hub() -> None:
    meter = make_esme()
    hub = make_hub()
    home = home_of(meter, hub=hub)
    hub.through(lambda: hub.clock.force(hub.now + 5), START + 1)
    home.advance(START + 2 * DAY)
    assert meter.clock.local(home.now) - home.now == 5


def test_outage_of_the_home_is_reported_and_its_end_by_the_meter() -> None:
    home = home_of(make_esme(), make_gas_meter())
    assert outputs_of(home.power_cut(START + 100), HUB) == []
    assert not home.device(ELECTRICITY).on
    assert home.device(GAS).on
    done = home.advance(START + 1000)
    assert [each.output for each in done if isinstance(each.output, WanSignal)] == [
        WanSignal("power outage", START + 100)
    ]
    assert not home.device(HUB).on
    back = home.power_on(START + 2000)
    assert WanSignal("power restored", START + 2000) in outputs_of(back, HUB)
    assert 0x8F36 in alerts(messages_only(back))


def messages_only(done: Sequence[Done]) -> list[Output]:
    return [each.output for each in done if isinstance(each.output, SendMessage)]


def test_short_outage_is_not_reported_by_the_hub() -> None:
    home = home_of(make_esme())
    home.power_cut(START + 100)
    done = home.power_on(START + 200)
    assert not any(isinstance(each.output, WanSignal) for each in done)
    assert home.device(HUB).on
    assert 0x8F35 in alerts(messages_only(done))
    assert not any(isinstance(each.output, WanSignal) for each in home.advance(START + DAY))


def test_time_does_not_go_back() -> None:
    home = home_of()
    home.advance(START + 10)
    with pytest.raises(LocalProtocolError):
        home.advance(START + 9)


def test_same_inputs_give_the_same_outputs() -> None:
    def day() -> list[Done]:
        home, parties = home_of(make_esme(600), make_ppmid(), make_gas_meter()), Parties()
        done = home.receive_wan(parties.command("ECS52", READ_VERSION, ELECTRICITY, SUPPLIER), START + 5)
        done += home.press(DISPLAY, "emergency credit electricity", START + 50)
        return done + home.advance(START + HOUR)

    first = day()
    assert len(first) > 10
    assert first == day()


# prepayment display


def test_display_shows_the_meter() -> None:
    display = make_ppmid()
    home_of(make_esme(600), display).advance(START + HOUR)
    items = display.find(Display).shown
    assert items["electricity import"] == "1.200 kWh"
    assert items["electricity supply"] == "on"
    assert items["electricity balance"] == "£0.00"
    assert 900 < int(items["electricity power"].removesuffix(" W")) < 1500


def events_of(meter: Device) -> list[tuple[int, int]]:
    return [(entry.code, int.from_bytes(entry.other, "big")) for entry in meter.logs.events() if entry.other]


def test_display_tops_up_and_activates_emergency_credit(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = make_esme()
    home = home_of(meter, make_ppmid())
    items = shown(home.press(DISPLAY, "top up electricity 12345678901234567890", START + 20), DISPLAY)
    assert items["electricity top up"] == "rejected, invalid"
    monkeypatch.setattr(meter.find(AccountPart), "activate_emergency", lambda: True)
    items = shown(home.press(DISPLAY, "emergency credit electricity", START + 30), DISPLAY)
    assert items["electricity emergency credit"] == "success"
    assert events_of(meter) == [(NOT_DONE, TOP_UP), (DONE, EMERGENCY_CREDIT)]
    assert meter.find(TokenGateway).last_amount == 0


def test_display_switches_on_only_what_is_armed() -> None:
    meter = make_esme()
    home = home_of(meter, make_ppmid())
    switch = meter.find(LoadSwitch)
    meter.through(lambda: switch.disable(Reason.COMMAND), START + 1)
    assert shown(home.press(DISPLAY, "supply on", START + 2), DISPLAY)["electricity supply on"] == "failure"
    meter.through(lambda: switch.release(Reason.COMMAND), START + 3)
    assert shown(home.press(DISPLAY, "supply on", START + 4), DISPLAY)["electricity supply on"] == "success"
    assert switch.supply is Supply.ENABLED
    assert events_of(meter) == [(NOT_DONE, ENABLE_SUPPLY), (DONE, ENABLE_SUPPLY)]


def test_display_speaks_to_the_gas_meter_in_messages_that_wait() -> None:
    home = home_of(make_gas_meter(), make_ppmid())
    items = shown(home.press(DISPLAY, "top up gas 73941656880950804485", START + 20), DISPLAY)
    assert items["gas top up"] == "waiting"
    forwarding = home.device(HUB).find(Forwarding)
    (waiting,) = forwarding.state.queue
    message = Message.decode(waiting.octets)
    assert (message.message_code, message.originator, message.recipient) == (0x009B, DISPLAY, GAS)
    # the payload of the command, as the specification's sample has it
    assert message.payload.hex() == "010901010705001901000402" + b"\x1473941656880950804485".hex()


def test_display_that_is_joined_to_nothing_says_so() -> None:
    home = home_of(make_ppmid())
    for key in ("top up electricity 1", "top up gas 1"):
        fuel = key.split()[2]
        assert shown(home.press(DISPLAY, key, START + 1), DISPLAY) == {fuel: "not joined"}
    assert home.press(DISPLAY, "top up water 1", START + 1) == []


def test_meter_does_not_answer_who_has_not_joined_it() -> None:
    meter, display = make_esme(), make_ppmid()
    home = home_of(meter, display)
    meter.through(lambda: meter.find(Joining).remove(DISPLAY), START + 1)
    assert shown(home.press(DISPLAY, "supply on", START + 2), DISPLAY) == {}
    assert events_of(meter) == []


# in-home display


def test_in_home_display_shows_price_and_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = make_esme(600)
    display = ihd.make_device(
        IN_HOME_DISPLAY, Personality(device=DeviceType.TYPE_2), MemoryNvm(), own_keys(IN_HOME_DISPLAY)
    )
    home = home_of(meter, display)
    monkeypatch.setattr(meter.find(Metrology).meters()[0], "active_price", lambda _at: 20_000)
    home.advance(START + HOUR)
    items = display.find(Display).shown
    assert items["electricity import"] == "1.200 kWh"
    assert items["electricity price"] == "20.000 p/kWh"
    assert items["electricity cost today"] == "£0.23"  # 1.2 kWh at 20 p, less what flowed before the first price
    home.advance((START // DAY + 1) * DAY + 10)
    assert items["electricity cost today"] == "£0.00"


# load switch


def make_switch(*defects: str) -> Device:
    personality = Personality(device=DeviceType.HCALCS, defects=frozenset(defects))
    switch = hcalcs.make_device(SWITCH, personality, MemoryNvm(), own_keys(SWITCH))
    install_anchors(switch)
    return switch


def moves(done: Sequence[Done]) -> list[int]:
    return [each.level for each in outputs_of(done, SWITCH) if isinstance(each, SwitchMoved)]


def hold_on(meter: Device, minutes: int) -> None:
    """Command controller 1 on for a while, as the supplier can."""
    from firmware_emu.parts.electricity.auxiliary import Auxiliary
    from firmware_emu.parts.electricity.auxiliary_control import Direction, Period, Target

    part = meter.find(Auxiliary)
    now = meter.now
    part.state.commanded[Target(Direction.OUTPUT, 1, 0).key] = Period(now, now + 60 * minutes, 100)
    part.touch()
    part.update(now)


def test_load_switch_follows_the_meter() -> None:
    meter, switch = make_esme(auxiliary=[SWITCH.hex()]), make_switch()
    home = home_of(meter, switch)
    home.advance(START + 10)
    done = home._give(home.han.nodes[ELECTRICITY], meter.through(lambda: hold_on(meter, 30), START + 10))
    assert moves(done) == [100]
    assert switch.find(Relay).state.until == START + 10 + 1800
    assert moves(home.advance(START + 10 + 1799)) == []
    assert moves(home.advance(START + 10 + 1801)) == [0]
    assert (DONE, CONTROL_REQUEST) in events_of(meter)


def test_load_switch_goes_to_its_safe_position_when_the_meter_is_gone() -> None:
    meter, switch = make_esme(auxiliary=[SWITCH.hex()]), make_switch()
    home = home_of(meter, switch)
    home.advance(START + 10)
    home._give(home.han.nodes[ELECTRICITY], meter.through(lambda: hold_on(meter, 30), START + 10))
    meter.power_off(START + 20)
    assert moves(home.advance(START + 10 + 1800 + ASK_AGAIN)) == [0]


def test_defect_load_switch_stays_where_it_was() -> None:
    meter, switch = make_esme(auxiliary=[SWITCH.hex()]), make_switch("relay-keeps-last-level")
    home = home_of(meter, switch)
    home.advance(START + 10)
    home._give(home.han.nodes[ELECTRICITY], meter.through(lambda: hold_on(meter, 30), START + 10))
    meter.power_off(START + 20)
    assert moves(home.advance(START + DAY)) == []


def test_request_of_a_switch_that_the_meter_does_not_know_is_logged_and_refused() -> None:
    meter, switch = make_esme(), make_switch()
    home = home_of(meter, switch)
    home.advance(START + ASK_AGAIN)
    assert events_of(meter) == [(NOT_DONE, CONTROL_REQUEST)]
    assert switch.find(Relay).state.level == 0


# what must never do harm


@pytest.mark.parametrize("make", [make_hub, make_esme, make_ppmid, make_switch])
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_frame_of_the_home_does_harm(make: Callable[[], Device], data: st.DataObject) -> None:
    """Whatever arrives for a cluster, well-formed or not, is answered or dropped."""
    device, joining = make(), None
    device.power_on(START)
    if device.personality.device is not DeviceType.CHF:
        joining = device.find(Joining)
        kind = DeviceType.ESME if device.personality.device is not DeviceType.ESME else DeviceType.PPMID
        joining.put((DeviceLogEntry(SWITCH, kind),))
    for _ in range(4):
        cluster = data.draw(st.sampled_from(sorted(device.han)))
        rows = [row for row in COMMANDS if row.cluster == cluster]
        head = st.sampled_from([bytes((1 | row.to_client << 3, 7, row.command)) for row in rows] or [b""])
        general = st.sampled_from([b"\x00\x01\x00", b"\x08\x01\x01", b"\x18\x01\x0b", b"\x02", b"\x03", b"\xdd"])
        octets = data.draw(st.one_of(head, general)) + data.draw(st.binary(max_size=40))
        outputs = device.receive_han(SWITCH, cluster, octets, START + 1)
        assert all(isinstance(output, Output) for output in outputs)
    assert device.on
