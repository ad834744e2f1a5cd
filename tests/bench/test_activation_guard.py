"""What goes out at a wire activates no firmware but what is cleared then, whoever has built it and however."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.head_end import BROKER, Command, protect
from bench.home import Home
from bench.inventory import Status
from bench.products.entries import Standing
from bench.products.gate import ClearedImage
from bench.products.keeping import HeadEndLists
from bench.products.parties import ListParty, PartyKind
from bench.products.refusals import GateError, NoClearanceError, NotListedError
from bench.requests import activate_firmware, asn1, dlms
from bench.rig import load_rig
from bench.sending import Given, send_all
from bench.target import Target
from protocols.dlms.block_link import BlockLink
from protocols.dlms.block_transfer import Segmenter
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_device import ActivateFirmwareCommand
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import Protection

METER, GAS = "electricity-meter", "gas-meter"
BOTH = Protection.SIGNATURE | Protection.MAC


class Wires:
    """A home whose meters have a certified image each, and everybody's keys."""

    def __init__(self, home: Home) -> None:
        self.home, self.lists = home, home.lists
        self.meter, self.gas = home.target(METER), home.target(GAS)
        self.digests = {each.name: home.images.image(each).digest for each in (self.meter, self.gas)}

    def by_hand(self, digest: bytes, target: Target) -> Message:
        """A well protected activation that the head end has not built."""
        party, broker = (self.home.head_end.holder(r, target.eui64) for r in (RemotePartyRole.SUPPLIER, BROKER))
        number = self.home.head_end.next_counter(party.role, party=party)
        payload = Asn1Payload(ActivateFirmwareCommand(digest, number, None)).encode()
        draft = Message(Cra.COMMAND, number, party.eui64, target.eui64, OtherInformation(0x0012), payload)
        return protect(draft, BOTH, party.store, broker.store, broker.eui64)

    def give(self, *octets: bytes) -> list[str]:
        """As ``meterbench run --hex --device electricity-meter``; what the record says."""
        before = len(self.home.recorder.exchanges)
        send_all(self.home, [Given(Path(f"{number}.hex"), each) for number, each in enumerate(octets)], METER)
        return [each.reason for each in self.home.recorder.exchanges[before:]]

    def cleared(self) -> ClearedImage:
        """The image of the meter."""
        return self.lists.gate.clear(self.signed(), self.meter.eui64, self.home.clock.now())

    def signed(self) -> bytes:
        """Its file."""
        party = self.home.head_end.holder(RemotePartyRole.SUPPLIER, self.meter.eui64)
        file, now = self.home.images.image(self.meter).file, self.home.clock.now()
        return self.lists.gate.authorise(file, self.meter.eui64, now, lambda each: party.store.sign(party.eui64, each))

    @property
    def sent(self) -> list[int]:
        """Messages that went out at each wire."""
        return [each.session.sent for each in self.home.targets]


@pytest.fixture
def wires() -> Iterator[Wires]:
    with Home(load_rig()) as home:
        yield Wires(home)


def withdraw(lists: HeadEndLists, target: Target) -> None:
    known = lists.inventory.device(target.eui64)
    assert known.model is not None
    lists.products.remove_model(known.model, "withdrawn", ListParty(PartyKind.PANEL, ""), target.now)


# messages of somebody's own


def test_what_is_on_the_list_for_its_recipient_goes_out(wires: Wires) -> None:
    before = sum(wires.sent)
    wires.give(wires.by_hand(wires.digests[METER], wires.meter).encode())
    assert sum(wires.sent) == before + 2  # the activation, and a read behind it


def refused(wires: Wires, octets: bytes, said: str) -> None:
    before = wires.sent
    (reason,) = wires.give(octets)
    assert "not sent: " in reason
    assert said in reason
    with pytest.raises(NoClearanceError, match=said):
        wires.meter.try_out(octets, "once more", None)
    assert wires.sent == before


def test_what_is_on_the_list_for_another_model_does_not(wires: Wires) -> None:
    digest = wires.digests[GAS]
    refused(wires, wires.by_hand(digest, wires.meter).encode(), f"{digest.hex()}, and no list of certified products")


def test_what_was_withdrawn_does_not(wires: Wires) -> None:
    withdraw(wires.lists, wires.meter)
    refused(wires, wires.by_hand(wires.digests[METER], wires.meter).encode(), "no list of certified products is given")


@pytest.mark.parametrize("how", ["version removed", "taken over as lapsed", "a certificate ends"])
def test_what_is_on_the_list_no_more_does_not_either(wires: Wires, how: str) -> None:
    products, now = wires.lists.products, wires.meter.now
    known = wires.lists.inventory.device(wires.meter.eui64).model
    assert known is not None
    entry, (firmware,) = products.model(known), products.versions(known)
    assert entry is not None
    octets = wires.by_hand(wires.digests[METER], wires.meter).encode()
    if how == "version removed":
        products.remove_firmware(known, firmware.version, how, ListParty(PartyKind.SUPPLIER, ""), now)
    else:
        withdraw(wires.lists, wires.meter)
        soon = tuple(each._replace(expires=now + 60) for each in entry.certificates)
        again = replace(entry, standing=Standing.LAPSED) if "lapsed" in how else replace(entry, certificates=soon)
        products.add_model(again, [firmware], ListParty(PartyKind.PANEL, ""), now)
        wires.home.pass_time(60)
    said = "no list of certified products is given" if how == "version removed" else "is suspended"
    refused(wires, octets, said)


def test_nothing_is_activated_on_a_suspended_device(wires: Wires) -> None:
    wires.lists.inventory.set_status(wires.meter.eui64, Status.SUSPENDED, wires.meter.now, "test")
    refused(wires, wires.by_hand(wires.digests[METER], wires.meter).encode(), "is suspended")


def test_nor_on_one_whose_model_nobody_knows(wires: Wires) -> None:
    stranger = Eui64(wires.meter.eui64[::-1])
    message = replace(wires.by_hand(wires.digests[METER], wires.meter), recipient=stranger)
    refused(wires, message.encode(), "nobody says what model")


def test_blocks_of_an_activation_do_not_go_out_one_by_one(wires: Wires) -> None:
    """A device puts them together."""
    octets = wires.by_hand(bytes(32), wires.meter).encode()
    link = BlockLink(120)
    link.send(octets, 0)
    (first, *_) = link.take_output()
    refused(wires, first, "block of a longer message")
    segmenter = Segmenter(octets, 0, 40)
    for unit in segmenter.take_output():
        refused(wires, unit, "block of a longer message")


@pytest.mark.parametrize("spoil", [lambda octets: octets[:-1], lambda octets: octets + b"\0"])
def test_what_another_reader_might_take_for_an_activation_does_not_go_out(wires: Wires, spoil: Any) -> None:
    refused(wires, spoil(wires.by_hand(bytes(32), wires.meter).encode()), "cannot be read, and may be an activation")


def test_a_length_written_in_another_way_does_not_help(wires: Wires) -> None:
    bare = wires.by_hand(bytes(32), wires.meter).without_protection().encode()
    at = bare.index(b"\x02\x00\x12")
    refused(wires, bare[:at] + b"\x81" + bare[at:], "cannot be read, and may be an activation")


def test_other_nonsense_is_sent_as_it_is(wires: Wires) -> None:
    before = sum(wires.sent)
    wires.give(b"nonsense", wires.meter.command(dlms("ECS52")).octets[:-1])
    assert sum(wires.sent) == before + 4


# commands whose octets are not what the head end built


def ways_out(target: Target, command: Command) -> Iterator[Any]:
    yield lambda: target.pass_on(command)
    yield lambda: target.refuses(command, 0, "test")


def test_a_command_is_looked_at_as_it_goes_out(wires: Wires) -> None:
    """Not as it was when it was built, nor as its other members say."""
    octets = wires.by_hand(wires.digests[METER], wires.meter).encode()
    harmless = wires.meter.command(dlms("ECS52"))
    cleared = wires.cleared()
    good = wires.meter.command(activate_firmware(cleared))
    unlisted = replace(good, octets=wires.by_hand(bytes(32), wires.meter).encode())
    elsewhere = replace(good, octets=replace(good.message, recipient=wires.gas.eui64).encode())
    cut = replace(good, octets=good.octets[:-1])
    wrong = (replace(harmless, octets=octets), unlisted, elsewhere, cut)
    before = wires.sent
    for command in wrong:
        for way in ways_out(wires.meter, command):
            with pytest.raises(GateError):
                way()
    assert wires.sent == before
    assert wires.home.head_end.sent == []


def test_a_command_that_was_kept_back_is_asked_about_again(wires: Wires) -> None:
    command = wires.meter.command(activate_firmware(wires.cleared()))
    withdraw(wires.lists, wires.meter)
    before = wires.sent
    for way in ways_out(wires.meter, command):
        with pytest.raises(NotListedError):
            way()
    assert wires.sent == before


def test_a_payload_that_reads_otherwise_than_it_is_sent_is_read_as_it_is_sent(wires: Wires) -> None:
    cleared = wires.cleared()

    class TwoFaced(bytes):
        """Other octets on the wire than for who looks at them one by one."""

        def __getitem__(self, at: Any) -> Any:
            return good[at]

    good = Asn1Payload(ActivateFirmwareCommand(cleared.digest, 1, None)).encode()
    bad = Asn1Payload(ActivateFirmwareCommand(bytes(32), 1, None)).encode()
    request = replace(asn1("CS06", None), payload=lambda _header: TwoFaced(bad), cleared=cleared)
    with pytest.raises(NoClearanceError, match="and another one is cleared"):
        wires.meter.command(request)
