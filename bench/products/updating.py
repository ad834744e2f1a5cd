"""A firmware update from the gate to the version read back, on a device of a rig.

Gate, delivery through the hub, the device's own receipt with the hash that it computed, the signed activation, its
outcome, the version. Where the gate says no, nothing is built and nothing sent; each step is an exchange on record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from protocols.gbcs.alert_codes import by_code
from protocols.gbcs.asn1_device import (
    ActivateFirmwareAlert,
    ActivateFirmwareResponse,
    ActivationOutcome,
    ActivationResult,
    FirmwareVersionAlert,
    ReadFirmwareVersionCommand,
    ReadResult,
)
from protocols.gbcs.firmware_image import AUTHORISERS
from protocols.gbcs.gbz import GbzAlert, ImageHash
from protocols.gbcs.message import Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import DeviceType
from protocols.instant import HOUR, Instant
from protocols.instant import text as instant_text

from ..alert_reading import alert_code
from ..answers import check
from ..delivery import deliver, seconds_on_the_radio
from ..evidence import Check, Verdict
from ..findings import DeviceFinding
from ..requests import Request, activate_firmware, asn1, cancel_activation, dlms, gbz
from .refusals import GateError

if TYPE_CHECKING:
    from ..home import Home
    from ..target import Observation, Target
    from .gate import ClearedImage
    from .keeping import HeadEndLists

T = TypeVar("T")

DELIVERY, ACTIVATION, BY_ITSELF = "CS05a", "CS06", "CS09"
RECEIPTS, ACTIVATION_ALERT, VERSION_ALERT = (0x00CE, 0x00CF), 0x00CA, 0x012B
IMAGE_GOOD = 0x8F72
PATIENCE = 3 * HOUR
"""Seconds of the devices' time that the way to a device may take besides the blocks of an image: a gas meter listens
every half-hour. Inferred."""
ACTIVATES_ITSELF = frozenset({DeviceType.PPMID, DeviceType.HCALCS})
REPORTS_RECEIPT = frozenset({DeviceType.ESME, DeviceType.GSME, DeviceType.SAPC})

_VERSION_READS: Mapping[DeviceType, Callable[[], Request]] = {
    DeviceType.ESME: lambda: dlms("ECS52", title="Read firmware version"),
    DeviceType.CHF: lambda: dlms("ECS52", title="Read firmware version"),
    DeviceType.SAPC: lambda: dlms("ECS52", title="Read firmware version"),
    DeviceType.GSME: lambda: gbz("GCS38", title="Read firmware version"),
    DeviceType.PPMID: lambda: asn1("CS08", ReadFirmwareVersionCommand(), "Read firmware version"),
    DeviceType.HCALCS: lambda: asn1("CS08", ReadFirmwareVersionCommand(), "Read firmware version"),
}
_METERING, _VERSION_ATTRIBUTE = 0x0702, 0x0206

QUESTION = "The gate: may this image be sent and activated?"

Say = Callable[[str], None]
"""Told of each step, in a line."""


class Updated(NamedTuple):
    """How an update ended. ``version`` is what the device says that it runs, 4 octets; empty where it is not due yet.

    ``pending``: when it will be activated, None if it has been.
    """

    cleared: ClearedImage
    version: bytes
    pending: Instant | None = None


class FirmwareUpdate:
    """Updates one device of a rig. ``patience``: seconds of the devices' time that the way to a device may take."""

    def __init__(
        self,
        home: Home,
        lists: HeadEndLists,
        target: Target,
        say: Say = lambda _line: None,
        patience: int = PATIENCE,
    ) -> None:
        self._home, self._lists, self._target, self._say, self._patience = home, lists, target, say, patience

    def run(self, file: bytes, *, detached: bytes | None = None, at: Instant | None = None) -> Updated:
        """Update the device. ``file``: a firmware file, or a manufacturer image of the documented layout, which the
        rig's supplier (hub: WAN provider) then signs. ``at``: activate then; else at once.

        Raises GateError, and then nothing was sent; DeviceFinding where the device does not do as it should.
        """
        return self._on_record(lambda: self._run(file, detached, at))

    def clear(self, file: bytes, detached: bytes | None = None) -> ClearedImage:
        """Have the gate clear an image for the device; on record either way. Raises GateError."""
        return self._on_record(lambda: self._clear(file, detached))

    def deliver(self, cleared: ClearedImage) -> None:
        """Bring the image to the device, and have its receipt. Raises GateError, DeviceFinding."""
        self._on_record(lambda: self._deliver(cleared))

    def cancel(self, file: bytes) -> ClearedImage:
        """Take back an activation that is still to come. Raises GateError, DeviceFinding."""
        return self._on_record(lambda: self._cancel(file))

    # inside

    def _on_record(self, work: Callable[[], T]) -> T:
        """Do it; a refusal of the gate becomes an exchange of its own."""
        try:
            return work()
        except GateError as refused:
            self._home.recorder.open(self._target.name, "", QUESTION).checks.append(_refusal(refused))
            self._home.recorder.close()
            raise

    def _run(self, file: bytes, detached: bytes | None, at: Instant | None) -> Updated:
        target = self._target
        cleared = self._clear(file, detached)
        before = read_version(target)
        self._say(f"version before: {before.hex().upper()}")
        if before == cleared.version:  # of which a device fetches no image, and reports no receipt
            self._say("the device runs this version already: nothing is delivered")
            return Updated(cleared, before)
        self._deliver(cleared)
        if target.type in ACTIVATES_ITSELF:
            self._activated_itself(cleared)
        elif not self._activate(cleared, at):
            return Updated(cleared, b"", at)
        version = read_version(target)
        self._say(f"version read back: {version.hex().upper()}")
        target.updated_to = version.hex()
        self._lists.inventory.set_firmware(target.eui64, version, target.now, "read back after an update")
        return Updated(cleared, version)

    def _clear(self, file: bytes, detached: bytes | None) -> ClearedImage:
        target, gate, now = self._target, self._lists.gate, self._home.clock.now()
        signed = gate.authorise(file, target.eui64, now, self._sign, detached)
        cleared = gate.clear(signed, target.eui64, now, detached)
        digest = cleared.digest.hex()
        exchange = self._home.recorder.open(target.name, "", QUESTION)
        exchange.checks.append(check("hash of the image on the list of certified products", digest, digest))
        self._home.recorder.close()
        self._say(f"gate: {cleared.model} firmware {cleared.version.hex().upper()} is cleared")
        self._say(f"gate: SHA-256 computed {digest}, as on the list")
        return cleared

    def _deliver(self, cleared: ClearedImage) -> None:
        done = deliver(self._home, cleared, self._target)
        self._say(f"delivery through {done.via}: {done.text}, {done.size} octets in {done.blocks} blocks")
        if not done.complete:
            raise DeviceFinding(f"image delivered: expected complete, found {done.text}", recorded=True)
        if self._target.type in REPORTS_RECEIPT:
            self._receipt(cleared)

    def _cancel(self, file: bytes) -> ClearedImage:
        cleared = self._lists.gate.clear_for_cancelling(file, self._target.eui64, self._home.clock.now())
        reply = self._target.ask(cancel_activation(cleared), success=False)
        reply.expect("answer", ActivateFirmwareResponse(), reply.value)
        for work in list(self._lists.planned.standing(self._target.eui64, self._target.now)):
            if work.what == _activating(cleared):
                self._lists.planned.done(work.number)
        self._say(f"activation of firmware {cleared.version.hex().upper()} cancelled")
        return cleared

    def _sign(self, octets: bytes) -> bytes:
        party = self._home.head_end.holder(AUTHORISERS[self._target.type], self._target.eui64)
        return party.store.sign(party.eui64, octets)

    def _receipt(self, cleared: ClearedImage) -> None:
        """The device reports the hash that it has computed itself."""
        wait = seconds_on_the_radio(len(cleared.file))
        seen, message = self._listen(DELIVERY, "Receipt of the image", *RECEIPTS, wait=wait)
        found = "none" if message is None else "an alert"
        seen.that("receipt alert", "an alert with the hash of the image", found, good=message is not None)
        code, digest = (0, b"") if message is None else _received(message)
        self._say(f"receipt: alert {_alert_text(code)}, the device computed SHA-256 {digest.hex()}")
        seen.expect("alert code", _alert_text(IMAGE_GOOD), _alert_text(code))
        seen.expect("hash that the device computed", cleared.digest.hex(), digest.hex())

    def _activate(self, cleared: ClearedImage, at: Instant | None) -> bool:
        """False if it will be carried out later than anybody waits for."""
        wanted = _outcome_text(ActivationOutcome(ActivationResult.SUCCESS, cleared.version))
        reply = self._target.ask(activate_firmware(cleared, at, _activating(cleared)), success=False)
        if at is None:
            found = _outcome_text(reply.value.outcome)
            self._say(f"activation: {found}")
            reply.expect("outcome", wanted, found)
            return True
        reply.expect("answer", ActivateFirmwareResponse(), reply.value)
        self._say(f"activation accepted for {instant_text(at)}")
        return self._carried_out(wanted, at)

    def _carried_out(self, wanted: str, at: Instant) -> bool:
        wait = at - self._home.clock.now()
        if not self._home.clock.virtual and wait > self._patience:
            return False
        seen, message = self._listen(ACTIVATION, "Outcome of the activation", ACTIVATION_ALERT, wait=wait)
        alert = None if message is None else _value(message, ActivateFirmwareAlert)
        found = "no alert" if alert is None else _outcome_text(alert.outcome)
        self._say(f"activation: {found}")
        seen.expect("outcome", wanted, found)
        return True

    def _activated_itself(self, cleared: ClearedImage) -> None:
        """A display or load control switch activates what it has received, and says so."""
        wait = seconds_on_the_radio(len(cleared.file))
        seen, message = self._listen(BY_ITSELF, "Activation by the device itself", VERSION_ALERT, wait=wait)
        alert = None if message is None else _value(message, FirmwareVersionAlert)
        found = "no alert" if alert is None else f"{alert.result.name.lower()}, version {alert.version.hex().upper()}"
        self._say(f"activation by the device itself: {found}")
        seen.expect("activation", f"success, version {cleared.version.hex().upper()}", found)

    def _listen(self, use_case: str, title: str, *codes: int, wait: int = 0) -> tuple[Observation, Message | None]:
        seconds = wait + self._patience
        if not self._home.clock.virtual:
            self._say(f"waiting for at most {-(-seconds // 60)} min: {title[0].lower()}{title[1:]}")
        return self._target.listen(use_case, title, lambda each: each.message_code in codes, seconds)


def can_be_updated(kind: DeviceType) -> bool:
    """Whether a kind of device has firmware of its own; that of the gas proxy is the hub's."""
    return kind in _VERSION_READS


def read_version(target: Target) -> bytes:
    """The version, 4 octets, that a device says it runs."""
    reply = target.ask(_VERSION_READS[target.type]())
    if target.type is DeviceType.GSME:
        return bytes(reply.attribute(_METERING, _VERSION_ATTRIBUTE))
    if target.type in ACTIVATES_ITSELF:
        reply.expect("result", ReadResult.SUCCESS, reply.value.result)
        return bytes(reply.value.version)
    return bytes(reply.data[0].value)


def _alert_text(code: int) -> str:
    row = by_code(code)
    return f"{code:04X}" if row is None else f"{code:04X} {row.meaning}"


def _activating(cleared: ClearedImage) -> str:
    return f"Activate firmware {cleared.version.hex().upper()}"


def _refusal(refused: GateError) -> Check:
    computed, listed = refused.hashes()
    kind = f"SHA-256 of {refused.form}"
    return Check(
        refused.check,
        Verdict.FAIL,
        f"cleared, {kind} listed {listed}",
        f"refused: {refused.reason}; {kind} computed {computed}",
    )


def _received(message: Message) -> tuple[int, bytes]:
    payload: Any = decode_payload(message)
    if isinstance(payload, GbzAlert):
        return payload.alert_code, payload.body.digest if isinstance(payload.body, ImageHash) else b""
    members = payload.body.value
    return alert_code(payload), bytes(members[2].value) if len(members) > 2 else b""


def _value(message: Message, kind: type[T]) -> T | None:
    value = getattr(decode_payload(message), "value", None)
    return value if isinstance(value, kind) else None


def _outcome_text(outcome: ActivationOutcome | None) -> str:
    if outcome is None:
        return "none"
    return f"{outcome.result.name.lower().replace('_', ' ')}, version {outcome.version.hex().upper()}"
