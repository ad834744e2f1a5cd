"""Rows of the matrix at the activation: a good image waits, and the command, the memory or the image is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bench.head_end import BROKER, Command
from bench.products.gate import ClearedImage
from bench.requests import cancel_activation
from bench.spoiling import as_if_from, with_altered_octet, with_foreign_mac, with_foreign_signature
from firmware_emu import MemoryNvm, PowerCut
from firmware_emu.dispatcher import (
    AUTHENTICATION_FAILURE,
    FORMAT_FAILURE,
    NO_AUTHORITY,
    OTHER_FAILURE,
    UNKNOWN_ORIGINATOR,
)
from firmware_emu.parts.firmware.store import RUNNING_IMAGE_BAD
from protocols.gbcs import protection
from protocols.gbcs.asn1_device import ActivateFirmwareCommand, ActivationOutcome, ActivationResult
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.instant import DAY

from .firmware import ACTIVATION, BY_THEMSELVES, NEW, NEWER, OLD, Estate
from .firmware_rows import ON_COMMAND, row
from .world import CHF, ESME, GSME

RESULT = ActivationResult
FAILED_LATER = 0x8F67
SUPPLIER, WAN_PROVIDER = RemotePartyRole.SUPPLIER, RemotePartyRole.WAN_PROVIDER
NETWORK_OPERATOR = RemotePartyRole.NETWORK_OPERATOR


def waiting(estate: Estate) -> ClearedImage:
    """A cleared image that the device holds."""
    cleared = estate.clear(estate.enlist(estate.file()))
    estate.put(cleared.file)
    assert estate.store.state.waiting is not None
    return cleared


def refused(estate: Estate, command: Command, reason: int) -> None:
    """There is no answer; the device says why, and still holds the image, which a right command activates."""
    assert reason in estate.refusal(command.octets)
    assert estate.store.state.waiting is not None


# the command


def command_row(what: str, reason: int, kinds: tuple[DeviceType, ...] = ON_COMMAND) -> Callable[..., None]:
    """A row: the function makes a right command wrong."""

    def put(spoil: Callable[[Estate, Command], Command]) -> None:
        def play(estate: Estate) -> None:
            refused(estate, spoil(estate, estate.activation(waiting(estate))), reason)

        row(f"command, {what}", kinds)(play)

    return put


command_row("forged signature", AUTHENTICATION_FAILURE)(
    lambda e, command: with_foreign_signature(e.head_end, command, e.pki.stranger("forger"))
)
command_row("forged MAC", AUTHENTICATION_FAILURE)(
    lambda e, command: with_foreign_mac(e.head_end, command, e.pki.stranger("forger"))
)
command_row("altered", AUTHENTICATION_FAILURE)(lambda _estate, command: with_altered_octet(command))
command_row("by a party without authority", NO_AUTHORITY)(
    lambda e, command: as_if_from(e.head_end, command, NETWORK_OPERATOR if e.kind not in (GSME, CHF) else BROKER)
)
command_row("by a party that the device does not know", UNKNOWN_ORIGINATOR, (GSME, CHF))(
    lambda e, command: as_if_from(e.head_end, command, NETWORK_OPERATOR if e.kind is GSME else SUPPLIER)
)


@command_row("not signed", AUTHENTICATION_FAILURE)
def not_signed(estate: Estate, command: Command) -> Command:
    broker = estate.head_end.holder(BROKER, estate.identity)
    bare = replace(command.message.without_protection(), signature=b"")
    message = protection.add_mac(bare, broker.store, broker.eui64)
    return replace(command, message=message, octets=message.encode())


@command_row("its two counters differ", FORMAT_FAILURE)
def two_counters(estate: Estate, command: Command) -> Command:
    value = ActivateFirmwareCommand(estate.file().digest, command.message.counter + 1, None)
    draft = replace(command.message.without_protection(), payload=Asn1Payload(value).encode())
    message = protection.sign(draft, estate.head_end.store(command.sender, estate.identity))
    broker = estate.head_end.holder(BROKER, estate.identity)
    message = protection.add_mac(message, broker.store, broker.eui64)
    return replace(command, message=message, octets=message.encode())


@row("command, replayed", ON_COMMAND)
def replayed(estate: Estate) -> None:
    """A cancelled activation is sent again as it was: its counter is no new one any more."""
    cleared = waiting(estate)
    dated = estate.activation(cleared, estate.now + DAY)
    estate.exchange(dated)
    estate.exchange(estate.command(cancel_activation(cleared), estate.identity))
    refused(estate, dated, OTHER_FAILURE)
    estate.run(estate.now + 2 * DAY)
    assert estate.alerts_of(ACTIVATION) == []


@row("command, cancelled", ON_COMMAND)
def cancelled(estate: Estate) -> None:
    cleared = waiting(estate)
    assert estate.activate(cleared, estate.now + DAY) is None
    answer = estate.exchange(estate.command(cancel_activation(cleared), estate.identity))
    assert answer.value.outcome is None
    estate.run(estate.now + 2 * DAY)
    assert estate.alerts_of(ACTIVATION) == []


# what it names


@row("activation, the hash of another cleared image", ON_COMMAND)
def another_hash(estate: Estate) -> None:
    waiting(estate)
    other = estate.cleared(estate.file(NEWER))
    assert estate.activate(other) == ActivationOutcome(RESULT.HASH_MISMATCH, OLD)


@row("activation, no image there", ON_COMMAND)
def no_image(estate: Estate) -> None:
    assert estate.activate(estate.clear(estate.file())) == ActivationOutcome(RESULT.NO_IMAGE_HELD, OLD)


@row("activation, dated, and no image there by then", ON_COMMAND)
def no_image_by_then(estate: Estate) -> None:
    assert estate.activate(estate.clear(estate.file()), estate.now + DAY) is None
    failed_later(estate, RESULT.NO_IMAGE_HELD)


@row("activation, dated, and the image replaced by then", ON_COMMAND)
def replaced_by_then(estate: Estate) -> None:
    cleared = waiting(estate)
    assert estate.activate(cleared, estate.now + DAY) is None
    estate.put(estate.cleared(estate.file(NEWER)).file)
    failed_later(estate, RESULT.HASH_MISMATCH)


def failed_later(estate: Estate, result: ActivationResult) -> None:
    """Alert 00CA with 8F67 tells of it at the time of the activation."""
    estate.run(estate.now + DAY)
    (told,) = [heard.payload.value for heard in estate.alerts_of(ACTIVATION)]
    assert (told.alert_code, told.outcome) == (FAILED_LATER, ActivationOutcome(result, OLD))


# the image


@row("activation, downgrade refused", ON_COMMAND, refuses_downgrade=True)
def downgrade(estate: Estate) -> None:
    older = estate.cleared(estate.file(bytes(4)))
    estate.put(older.file)
    assert estate.activate(older) == ActivationOutcome(RESULT.ACTIVATION_FAILURE, OLD)


@row("activation, an image that does not start", ON_COMMAND)
def does_not_start(estate: Estate) -> None:
    bad = estate.cleared(estate.not_starting())
    estate.put(bad.file)
    assert estate.activate(bad) == ActivationOutcome(RESULT.ACTIVATION_FAILURE, OLD)


@row("activation, the waiting image corrupted in memory", ON_COMMAND)
def corrupted_while_waiting(estate: Estate) -> None:
    cleared = waiting(estate)
    estate.store.banks[0].octets[200] ^= 1
    assert estate.activate(cleared) == ActivationOutcome(RESULT.HASH_MISMATCH, OLD)


# the memory


@row("memory, power cut while the activation is written", ON_COMMAND)
def cut_at_activation(estate: Estate) -> None:
    """Before every single write: the old version runs on, or, once all is written, the new one. Never anything else."""
    found = set()
    for write in range(1, 100):
        one = Estate(estate.kind)
        cleared = waiting(one)
        if not interrupted(one, write, partial(send_activation, one, cleared)):
            break
        found.add(one.version)
        if one.store.state.running is None:
            assert one.activate(cleared) == ActivationOutcome(RESULT.SUCCESS, NEW)
        assert one.version == NEW
    assert found == {OLD, NEW}


@row("memory, power cut while an image is received")
def cut_at_reception(estate: Estate) -> None:
    """Before every single write: what is there is whole, or goes on, or comes again."""
    for write in range(1, 200, 3):
        one = Estate(estate.kind)
        cleared = one.clear(one.file())
        if not interrupted(one, write, partial(one.put, cleared.file)):
            break
        assert one.version in ((OLD, NEW) if one.kind in BY_THEMSELVES else (OLD,))
        one.put(cleared.file)
        one.run(one.now + DAY)
        if one.kind not in BY_THEMSELVES:
            assert one.activate(cleared) == ActivationOutcome(RESULT.SUCCESS, NEW)
        assert one.version == NEW
    else:
        raise AssertionError("no end of the writes")


def send_activation(estate: Estate, cleared: ClearedImage) -> None:
    """To a sleeping meter at its next wake."""
    estate.send(estate.activation(cleared).octets)


def interrupted(estate: Estate, write: int, work: Callable[[], object]) -> bool:
    """Cut the device's power before that write and start it again; False if there was no such write."""
    nvm = estate.device.nvm
    assert isinstance(nvm, MemoryNvm)
    nvm.medium.cut_power_before(write)
    try:
        work()
        if estate.kind is GSME:
            estate.run(estate.now + 1800)
    except PowerCut:
        estate.home.han._air.clear()
        estate.restarted(estate.make(estate.kind, None, MemoryNvm(nvm.medium)))
        return True
    nvm.medium.cut_before = None
    return False


@row("memory, the running image corrupted")
def running_corrupted(estate: Estate) -> None:
    """Found at the next start: 8F1B, and the version before runs again."""
    cleared = estate.clear(estate.file())
    estate.put(cleared.file)
    if estate.kind not in BY_THEMSELVES:
        estate.activate(cleared)
    assert estate.version == NEW
    restart(estate, spoil=True)
    if estate.kind in (ESME, GSME):
        assert RUNNING_IMAGE_BAD in [entry.code for entry in estate.device.logs.security()]


@row("memory, the running image corrupted while another waits", ON_COMMAND)
def running_corrupted_with_another(estate: Estate) -> None:
    """The one that waits was not activated: it does not run for that."""
    cleared = waiting(estate)
    estate.activate(cleared)
    newer = estate.cleared(estate.file(NEWER))
    estate.put(newer.file)
    restart(estate, spoil=True)
    assert estate.version == OLD
    assert estate.store.state.waiting is not None


def restart(estate: Estate, *, spoil: bool = False) -> None:
    """The device is switched off; with ``spoil`` an octet of its running image changes; it starts again."""
    nvm = estate.device.nvm
    assert isinstance(nvm, MemoryNvm)
    running = estate.store.state.running
    estate.device.power_off(estate.now)
    if spoil:
        assert running is not None
        nvm.medium.logs[f"firmware/{running.bank}"][1][running.start + 20] ^= 1
    estate.now += 1
    estate.restarted(estate.make(estate.kind, None, MemoryNvm(nvm.medium)))
