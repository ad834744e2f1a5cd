"""``meterbench firmware update``: through the gate, to the device, and back with the version that it says it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from hal.channel import ChannelTimeout
from protocols.errors import DecodeError, MeterbenchError
from protocols.eui64 import eui64, eui64_text
from protocols.instant import Instant
from protocols.instant import text as instant_text

from ..database import DatabaseError
from ..evidence import RunRecord
from ..exit_codes import ExitCode
from ..findings import DeviceFinding, verdict_of
from ..home import Home
from ..products.keeping import lists_of
from ..products.listing import CertifiedProducts
from ..products.refusals import GateError
from ..products.updating import ACTIVATES_ITSELF, PATIENCE, FirmwareUpdate, can_be_updated
from ..reading import InputError
from ..recording import OutputError, recorded
from ..rig import DeviceSection, Rig, RigError, kind_name, load_rig
from ..verdicts import EXIT_CODES
from ..written_time import EXAMPLE, read_time
from .cpl_common import detached_signature, read_octets
from .output import say

DEFAULT_OUT = Path("evidence-of-update")
"""Not where the suite leaves its evidence, which would be gone."""


class Order(NamedTuple):
    """What a person asks for. ``at``: when to activate; ``cancel``: take an activation back instead."""

    image: Path
    device: str
    signature: Path | None
    at: str | None
    cancel: bool
    wait: int | None


class _Told:
    """What has been said so far, and why it ended; people see each line at once."""

    def __init__(self, *, as_json: bool) -> None:
        self.steps: list[str] = []
        self.refusal: dict[str, str] | None = None
        self.reason = ""
        self._as_json = as_json

    def step(self, line: str) -> None:
        """Something was done."""
        self.steps.append(line)
        self.show(line)

    def show(self, *lines: str) -> None:
        """Say it, unless all will be said as JSON."""
        if not self._as_json:
            say("\n".join(lines))

    def refused(self, error: GateError) -> None:
        """The gate said no."""
        computed, listed = error.hashes()
        self.reason = error.reason
        self.refusal = {
            "check": str(error.check),
            "reason": error.reason,
            "form": str(error.form),
            "computed": computed,
            "listed": listed,
        }
        self.show(
            f"REFUSED by the check of the {error.check}: {error.reason}",
            f"  SHA-256 of {error.form}, computed  {computed}",
            f"  SHA-256 of {error.form}, listed    {listed}",
        )


def run_update(
    order: Order, rig_file: Path | None, cpl: Path, out: Path | None, seed: int | None, *, as_json: bool
) -> ExitCode:
    """Update one device of a rig. FAIL for a refusal, and then nothing was sent; USAGE for what cannot be used."""
    told, folder = _Told(as_json=as_json), DEFAULT_OUT if out is None else out
    try:
        rig = load_rig(rig_file).with_seed(seed)
        section, at = _device(rig, order.device), _time(order)
        _check_dated(order, section)
        file = read_octets(order.image)
        detached = detached_signature(order.image, order.signature)
        with (
            closing(CertifiedProducts(cpl, create=False)) as products,
            recorded(rig, folder, lambda _: None) as (home, finish),
        ):
            _check_time(at, home)
            work = _work(order, home, products, section, told)
            _carry_out(home, section, told, lambda: work(file, detached, at))
            record = finish()
    except (RigError, OutputError, InputError, DatabaseError) as error:
        print(f"meterbench firmware update: {error}", file=sys.stderr)
        return ExitCode.USAGE
    except DecodeError as error:
        print(f"meterbench firmware update: the maker's detached signature: {error}", file=sys.stderr)
        return ExitCode.FAIL
    _conclude(told, record, section, folder, as_json=as_json)
    return EXIT_CODES[record.verdict]


def _work(
    order: Order, home: Home, products: CertifiedProducts, section: DeviceSection, told: _Told
) -> Callable[[bytes, bytes | None, Instant | None], None]:
    wait = PATIENCE if order.wait is None else order.wait
    title = "Activation cancelled" if order.cancel else "Firmware update"

    def work(file: bytes, detached: bytes | None, at: Instant | None) -> None:
        with home.recorder.procedure(title, section.name) as note:

            def step(line: str) -> None:
                told.step(line)
                note(line)

            update = FirmwareUpdate(home, lists_of(home, products), home.target(section.name), step, wait)
            if order.cancel:
                update.cancel(file)
                return
            done = update.run(file, detached=detached, at=at)
            if done.pending is not None:
                step(f"the device will activate it at {instant_text(done.pending)}; nobody waits for that here")

    return work


def _carry_out(home: Home, section: DeviceSection, told: _Told, work: Callable[[], None]) -> None:
    """What ends the work early gives the exchange that it is about its verdict."""
    try:
        work()
    except GateError as refused:
        told.refused(refused)
        home.recorder.end_test(
            section.name, "", verdict_of(DeviceFinding(""), None, None), refused.reason, recorded=True
        )
    except (ChannelTimeout, MeterbenchError) as error:
        told.reason = str(error)
        recorded_already = isinstance(error, DeviceFinding) and error.recorded
        verdict = verdict_of(error, None, None)
        home.recorder.end_test(section.name, "", verdict, str(error), recorded=recorded_already)
        told.show(f"{verdict.value}: {error}")


def _conclude(told: _Told, record: RunRecord, section: DeviceSection, folder: Path, *, as_json: bool) -> None:
    if as_json:
        value: dict[str, Any] = {
            "verdict": record.verdict.value,
            "device": section.name,
            "eui64": eui64_text(section.eui64),
            "steps": told.steps,
            "refusal": told.refusal,
            "reason": told.reason,
            "evidence": str(folder.resolve()),
        }
        say(json.dumps(value, indent=2))
        return
    said = ["nothing was sent"] if told.refusal is not None and not told.steps else []
    told.show(*said, "", f"{record.verdict.value}   {section.name}", f"evidence: {folder.resolve()}")


def _device(rig: Rig, wanted: str) -> DeviceSection:
    """The device of a name or EUI-64. Raises InputError."""
    try:
        identifier = eui64(wanted)
    except ValueError:
        identifier = None
    found = next((each for each in rig.devices if each.name == wanted or each.eui64 == identifier), None)
    if found is None:
        names = ", ".join(f"{each.name} {eui64_text(each.eui64)}" for each in rig.devices)
        raise InputError(f"the rig has no device {wanted!r}; it has {names}", "--device")
    if not can_be_updated(found.type):
        raise InputError(f"{found.name} ({kind_name(found.type)}) has no firmware of its own to update", "--device")
    return found


def _time(order: Order) -> Instant | None:
    if order.at is None:
        return None
    if order.cancel:
        raise InputError("an activation is cancelled at once; leave out --at", "--cancel")
    try:
        return read_time(order.at)
    except ValueError:
        raise InputError(f"a time such as {EXAMPLE} expected, found {order.at!r}", "--at") from None


def _check_dated(order: Order, section: DeviceSection) -> None:
    option = "--cancel" if order.cancel else "--at"
    if section.type in ACTIVATES_ITSELF and (order.cancel or order.at is not None):
        raise InputError(f"a {kind_name(section.type)} activates by itself, and at once, what it has received", option)


def _check_time(at: Instant | None, home: Home) -> None:
    now = home.clock.now()
    if at is not None and at <= now:
        raise InputError(f"a time to come is needed; in the rig it is {instant_text(now)}", "--at")
