"""``meterbench cpl add|list|check|remove|renew|advance|import|export|log|subscribe|announcements|notices``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from protocols.eui64 import eui64_text
from protocols.instant import Instant
from protocols.instant import text as instant_text

from ..device_model import DeviceModel
from ..exit_codes import ExitCode
from ..firmware import public_point
from ..inventory import Inventory
from ..products import lapse, tables
from ..products.entries import ListChange, ListedFirmware, ListedModel, Standing
from ..products.entry_checks import ListError
from ..products.examination import examine
from ..products.hashes import hashes_of
from ..products.listing import CertifiedProducts, last_number
from ..products.parties import ListParty
from ..products.planned_work import PlannedWork
from ..products.refusals import GateError
from ..reading import InputError
from .cpl_common import (
    certificate,
    change_json,
    change_lines,
    changed,
    detached_signature,
    device_model,
    digits,
    entry_json,
    entry_lines,
    guarded,
    hash_of,
    image_of,
    moment,
    opened,
    party,
    read_octets,
    tell,
    version,
)
from .output import say

__all__ = [
    "Addition",
    "guarded",
    "run_add",
    "run_advance",
    "run_announcements",
    "run_check",
    "run_export",
    "run_import",
    "run_list",
    "run_log",
    "run_notices",
    "run_remove",
    "run_renew",
    "run_subscribe",
]


class Addition(NamedTuple):
    """What a person says of what is to be added; texts as they were written."""

    image: Path | None
    model: str | None
    device_type: str | None
    firmware_version: str | None
    hashes: list[str]
    hardware: list[str]
    certificates: list[str]
    maker_key: str | None


def run_add(
    file: Path, given: Addition, by: str, maker: str, name: str, evidence: str, at: str | None, *, as_json: bool
) -> ExitCode:
    """List a new model, or add to a listed one. Raises InputError, ListError, DatabaseError."""
    now, who = moment(at), party(by)
    model, firmware = _firmware(given, evidence)
    hardware = tuple(int.from_bytes(digits(each, 4, "--hardware"), "big") for each in given.hardware)

    def add(products: CertifiedProducts) -> tuple[ListChange, ...]:
        known = products.model(model)
        before = last_number(products.changes())
        if known is None or known.standing is Standing.REMOVED:
            entry = _new_model(given, model, hardware, maker, name)
            products.add_model(entry, [firmware] if firmware else [], who, now)
        else:
            _extend(products, known, firmware, hardware, evidence, who, now)
        return products.changes(before)

    changes = changed(file, add)
    tell(change_lines(changes), [change_json(each) for each in changes], as_json=as_json)
    return ExitCode.PASS


def _firmware(given: Addition, evidence: str) -> tuple[DeviceModel, ListedFirmware | None]:
    if given.image is not None:
        image, model = image_of(given.image, given.device_type, given.model)
        found = image.version or (version(given.firmware_version) if given.firmware_version else None)
        if given.hashes:
            raise InputError("the image says it", "--hash")
        if found is None:
            raise InputError("an opaque image without a header does not say it", "--firmware-version")
        return model, ListedFirmware(model, found, hashes_of(image.manufacturer_image, found), evidence)
    if given.model is None:
        raise InputError("an image, or a --model, is needed")
    model = device_model(given.model, "--model")
    if (given.firmware_version is None) is not (not given.hashes):
        raise InputError("a --firmware-version and its --hash go together")
    if given.firmware_version is None:
        return model, None
    return model, ListedFirmware(model, version(given.firmware_version), dict(map(hash_of, given.hashes)), evidence)


def _new_model(given: Addition, model: DeviceModel, hardware: tuple[int, ...], maker: str, name: str) -> ListedModel:
    if given.maker_key is None:
        raise InputError(f"{model} is new to the list: its maker's public key is needed", "--maker-key")
    if not hardware:
        raise InputError(f"{model} is new to the list: its hardware versions are needed", "--hardware")
    certificates = tuple(map(certificate, given.certificates))
    return ListedModel(model, public_point(given.maker_key), hardware, certificates, maker, name)


def _extend(
    products: CertifiedProducts,
    known: ListedModel,
    firmware: ListedFirmware | None,
    hardware: tuple[int, ...],
    evidence: str,
    by: ListParty,
    now: Instant,
) -> None:
    if firmware is None and not hardware:
        raise InputError(f"{known.model} is on the list; say what is to be added")
    with products.one_change():
        for each in hardware:
            if each not in known.hardware:
                products.add_hardware(known.model, each, evidence, by, now)
        if firmware is not None:
            products.add_firmware(firmware, by, now)


def run_list(file: Path, model: str | None, *, everything: bool, as_json: bool) -> ExitCode:
    """Show the list. Raises InputError, ListError, DatabaseError."""
    wanted = None if model is None else device_model(model)
    with opened(file) as products:
        shown = [
            (entry, [each for each in products.versions(entry.model) if everything or not _is_removed(each)])
            for entry in list(products.models())
            if wanted in (None, entry.model) and (everything or not _is_removed(entry))
        ]
    if wanted is not None and not shown:
        raise ListError(f"{wanted} is not on the list")
    lines = [line for each in shown for line in entry_lines(*each)]
    tell(lines or ["the list is empty"], {"models": [entry_json(*each) for each in shown]}, as_json=as_json)
    return ExitCode.PASS


def _is_removed(entry: ListedModel | ListedFirmware) -> bool:
    return entry.standing is Standing.REMOVED


def run_check(
    file: Path, image: Path, device_type: str | None, signature: Path | None, at: str | None, *, as_json: bool
) -> ExitCode:
    """Say whether an image is the one on the list. Raises InputError, DecodeError, DatabaseError."""
    now = moment(at)
    found, model = image_of(image, device_type)
    detached = detached_signature(image, signature)
    value: dict[str, Any] = {"image": str(image), "model": str(model)}
    with opened(file) as products:
        try:
            case = examine(products, found, model, now, detached)
        except GateError as refused:
            computed, listed = refused.hashes()
            value |= {"passed": False, "check": str(refused.check), "reason": refused.reason, "form": refused.form}
            value |= {"computed": computed, "listed": listed}
            lines = [f"{image}: REFUSED by the check of the {refused.check}: {refused.reason}"]
            lines += [f"  SHA-256 of {refused.form}, computed  {computed}"]
            lines += [f"  SHA-256 of {refused.form}, listed    {listed}"]
            tell(lines, value, as_json=as_json)
            return ExitCode.FAIL
    digest = found.digest.hex()
    value |= {"passed": True, "version": case.version.hex().upper(), "computed": digest, "listed": digest}
    tell([f"{image}: {case.what} is on the list", f"  SHA-256  {digest}"], value, as_json=as_json)
    return ExitCode.PASS


def run_remove(
    file: Path, model: str, firmware_version: str | None, why: str, by: str, at: str | None, *, as_json: bool
) -> ExitCode:
    """Take something off the list. Raises InputError, ListError, DatabaseError."""
    wanted, now, who = device_model(model), moment(at), party(by)
    number = None if firmware_version is None else version(firmware_version)

    def work(products: CertifiedProducts) -> None:
        if number is None:
            products.remove_model(wanted, why, who, now)
        else:
            products.remove_firmware(wanted, number, why, who, now)

    return _changed(file, work, as_json=as_json)


def run_renew(file: Path, model: str, certificates: list[str], by: str, at: str | None, *, as_json: bool) -> ExitCode:
    """Add certificates. Raises InputError, ListError, DatabaseError."""
    wanted, now, who = device_model(model), moment(at), party(by)
    if not certificates:
        raise InputError("one at least is needed", "--certificate")
    new = [certificate(each) for each in certificates]

    def work(products: CertifiedProducts) -> None:
        for each in new:
            products.renew(wanted, each, who, now)

    return _changed(file, work, as_json=as_json)


def _changed(file: Path, work: Callable[[CertifiedProducts], None], *, as_json: bool) -> ExitCode:
    with opened(file) as products:
        before = last_number(products.changes())
        with products.one_change():
            work(products)
        changes = products.changes(before)
    tell(change_lines(changes), [change_json(each) for each in changes], as_json=as_json)
    return ExitCode.PASS


def run_advance(file: Path, inventory: Path | None, planned: Path | None, at: str | None, *, as_json: bool) -> ExitCode:
    """Let lapse what has expired. Raises InputError, DatabaseError."""
    now = moment(at)
    for path in (inventory, planned):
        if path is not None and not path.exists():
            raise InputError("no such file", str(path))
    with ExitStack() as stack:
        products = stack.enter_context(opened(file))
        devices = stack.enter_context(closing(Inventory(inventory)))
        work = stack.enter_context(closing(PlannedWork(planned)))
        done = lapse.advance(products, devices, work, now)
    lines = [
        *(f"lapsed: {model}" for model in done.models),
        *(f"suspended: {eui64_text(device)}" for device in done.suspended),
        *(f"withdrawn: {work.kind} on {eui64_text(work.device)}: {work.what}" for work in done.withdrawn),
        *(f"told {notice.to}: {notice.text}" for notice in done.notices),
    ]
    value = {
        "models": [str(model) for model in done.models],
        "suspended": [eui64_text(device) for device in done.suspended],
        "withdrawn": [{"device": eui64_text(work.device), "what": work.what} for work in done.withdrawn],
        "notices": [_notice(notice) for notice in done.notices],
    }
    tell(lines or ["nothing has lapsed"], value, as_json=as_json)
    return ExitCode.PASS


TAKERS: Mapping[str, Callable[[CertifiedProducts, bytes, str, ListParty, Instant], tables.Taken]] = {
    ".csv": tables.take_csv,
    ".json": tables.take_json,
}


def run_import(file: Path, table: Path, by: str, at: str | None, *, as_json: bool) -> ExitCode:
    """Take in a table. Raises InputError, TableError, DatabaseError."""
    now, who, take = moment(at), party(by), _form(table, TAKERS)
    octets = read_octets(table, tables.MAX_TABLE)
    taken = changed(file, lambda products: take(products, octets, str(table), who, now))
    tell([f"{table}: {taken.new} new entries, {taken.known} on the list already"], taken._asdict(), as_json=as_json)
    return ExitCode.PASS


def run_export(file: Path, out: Path | None, *, as_json: bool) -> ExitCode:
    """Write a table. Raises InputError, DatabaseError."""
    writers = {".csv": tables.to_csv, ".json": tables.to_json}
    write = tables.to_json if as_json else tables.to_csv if out is None else _form(out, writers)
    with opened(file) as products:
        text = write(products)
    if out is None:
        say(text.rstrip("\n"))
        return ExitCode.PASS
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", str(out)) from None
    if not as_json:
        say(f"written: {out}")
    return ExitCode.PASS


def _form(path: Path, known: Mapping[str, Any]) -> Any:
    if path.suffix.lower() not in known:
        raise InputError(f"a name that ends in {' or '.join(known)} expected", str(path))
    return known[path.suffix.lower()]


def run_log(file: Path, after: int, *, as_json: bool) -> ExitCode:
    """Show the history. Raises DatabaseError."""
    with opened(file) as products:
        changes = products.changes(after)
    tell(change_lines(changes) or ["no change"], [change_json(each) for each in changes], as_json=as_json)
    return ExitCode.PASS


def run_subscribe(file: Path, name: str, *, as_json: bool) -> ExitCode:
    """Announce to somebody. Raises DatabaseError."""
    with opened(file) as products:
        products.subscribe(name)
        subscribers = list(products.subscribers())
    tell([f"changes are announced to {', '.join(subscribers)}"], {"subscribers": subscribers}, as_json=as_json)
    return ExitCode.PASS


def run_announcements(file: Path, name: str, *, heard: bool, as_json: bool) -> ExitCode:
    """Show what a subscriber has not heard. Raises ListError, DatabaseError."""
    with opened(file) as products:
        changes = products.announcements(name)
        if heard:
            products.heard(name, last_number(changes))
    tell(change_lines(changes) or ["nothing new"], [change_json(each) for each in changes], as_json=as_json)
    return ExitCode.PASS


def run_notices(file: Path, *, as_json: bool) -> ExitCode:
    """Show what parties were told. Raises DatabaseError."""
    with opened(file) as products:
        told = products.notices()
    lines = [f"{instant_text(each.at)}  {each.to}: {each.text}" for each in told]
    tell(lines or ["no notice"], [_notice(each) for each in told], as_json=as_json)
    return ExitCode.PASS


def _notice(each: Any) -> dict[str, str]:
    return {"at": instant_text(each.at), "to": each.to, "text": each.text}
