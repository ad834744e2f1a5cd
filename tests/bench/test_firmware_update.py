"""``meterbench firmware update`` and what is under it: the right way for each device, refusals that send nothing.

That there is no way around the gate is shown too: requests, the head end, messages of one's own, the source itself.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.commands.firmware_update import Order, run_update
from bench.commands.run import run_run
from bench.device_model import DeviceModel, product_text
from bench.exit_codes import ExitCode
from bench.findings import DeviceFinding
from bench.firmware import build_manufacturer_image, header_of, signing_key_of_seed, wrap
from bench.firmware.examples import build_example, maker
from bench.home import Home
from bench.inventory import Status
from bench.products.assurance import NEEDED, Assurance, six_years_after
from bench.products.entries import ListedFirmware, ListedModel
from bench.products.gate import ClearedImage
from bench.products.hashes import hashes_of
from bench.products.keeping import HeadEndLists, lists_of, product_of
from bench.products.listing import CertifiedProducts
from bench.products.parties import ListParty, PartyKind
from bench.products.refusals import GateError, HashMismatchError, NoClearanceError, NotListedError, WrongModelError
from bench.products.updating import FirmwareUpdate, read_version
from bench.requests import Request, activate_firmware, asn1, cancel_activation
from bench.rig import Rig, RigError, load_rig, parse_rig
from bench.rig_text import rig_text
from bench.session import Session
from hal.address import parse_address
from protocols.der import NEVER
from protocols.firmware_container import Behaviour, ManufacturerImage
from protocols.gbcs.asn1_device import ActivateFirmwareCommand
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.message import Cra, Message, OtherInformation
from protocols.gbcs.roles import RemotePartyRole
from protocols.instant import DAY
from protocols.instant import text as instant_text

RIG = load_rig()
NOW = RIG.started
UPDATED = ("hub", "electricity-meter", "gas-meter", "prepayment-display", "load-switch", "load-controller")
ON_COMMAND = ("hub", "electricity-meter", "gas-meter")
BY = ListParty(PartyKind.OTHER, "a maker")
NEW = b"\x00\x00\x00\x02"


class Bench:
    """A rig with a list on which the example of each device stands."""

    def __init__(self, home: Home, products: CertifiedProducts | None = None) -> None:
        self.home = home
        self.lists: HeadEndLists = lists_of(home, products)
        self.steps: list[str] = []

    def image(self, name: str, **how: Any) -> ManufacturerImage:
        target = self.home.target(name)
        emulated = self.home.emulated(name)
        assert emulated is not None
        return build_example(f"{target.kind.lower()}-good", emulated.device.personality, **how)

    def enlist(self, name: str, image: ManufacturerImage | None = None) -> ManufacturerImage:
        made = image or self.image(name)
        found = product_of(self.home, self.home.target(name))
        assert found is not None
        model, hardware = found
        held = tuple(Assurance(kind, "1", six_years_after(NOW)) for kind in NEEDED[model.type])
        firmware = ListedFirmware(model, made.manifest.version, hashes_of(made.encode(), made.manifest.version))
        self.lists.products.add_model(ListedModel(model, maker().point, (hardware,), held), [firmware], BY, NOW)
        return made

    def update(self, name: str) -> FirmwareUpdate:
        return FirmwareUpdate(self.home, self.lists, self.home.target(name), self.steps.append)

    def nothing_sent(self) -> bool:
        """No message, and no frame of an image, went out at any wire."""
        return (
            not self.home.head_end.sent and not any(target.session.sent for target in self.home.targets) and not FRAMES
        )


FRAMES: list[bytes] = []
"""Frames of image deliveries that went out."""


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    send = Session.send_image_frame

    async def counted(session: Session, octets: bytes) -> None:
        FRAMES.append(octets)
        await send(session, octets)

    FRAMES.clear()
    monkeypatch.setattr(Session, "send_image_frame", counted)
    with Home(RIG) as home:
        yield Bench(home)


# the right way


@pytest.mark.parametrize("name", UPDATED)
def test_what_runs_already_is_not_delivered(rig: Bench, name: str) -> None:
    """A device fetches no image of the version that it runs: nobody would ever hear of a receipt."""
    target, update = rig.home.target(name), rig.update(name)
    image = rig.enlist(name, rig.image(name, version=target.firmware or read_version(target).hex().upper()))
    done = update.run(image.encode())
    assert done.version == image.manifest.version
    assert rig.steps[-1] == "the device runs this version already: nothing is delivered"
    assert FRAMES == []


@pytest.mark.parametrize("name", UPDATED)
def test_a_certified_image_runs_in_the_end(rig: Bench, name: str) -> None:
    image = rig.enlist(name)
    done = rig.update(name).run(image.encode())
    assert (done.version, done.pending) == (NEW, None)
    assert done.cleared.digest == image.digest
    assert read_version(rig.home.target(name)) == NEW
    assert rig.lists.inventory.device(rig.home.target(name).eui64).firmware == NEW
    assert rig.steps[0].startswith("gate: ")
    assert image.digest.hex() in rig.steps[1]
    assert rig.steps[-1] == "version read back: 00000002"
    assert all(exchange.verdict.value == "PASS" for exchange in rig.home.recorder.exchanges)
    assert FRAMES


@pytest.mark.parametrize("name", ON_COMMAND)
def test_an_activation_may_be_dated(rig: Bench, name: str) -> None:
    image = rig.enlist(name)
    at = rig.home.clock.now() + DAY
    done = rig.update(name).run(image.encode(), at=at)
    assert (done.version, done.pending) == (NEW, None)
    assert f"activation accepted for {instant_text(at)}" in rig.steps
    (work,) = rig.lists.planned.standing(rig.home.target(name).eui64, NOW)
    assert (work.due, work.what) == (at, "Activate firmware 00000002")
    assert work.ordered_by.startswith("wan provider 90" if name == "hub" else "supplier 90")
    assert list(rig.lists.planned.standing(rig.home.target(name).eui64, at)) == []
    assert rig.home.clock.now() >= at


def test_an_activation_is_cancelled(rig: Bench) -> None:
    name, image = "electricity-meter", rig.enlist("electricity-meter")
    update, target, home = rig.update(name), rig.home.target(name), rig.home
    cleared = update.clear(image.encode())
    update.deliver(cleared)
    target.ask(activate_firmware(cleared, home.clock.now() + DAY, "Activate firmware 00000002"), success=False)
    assert len(list(rig.lists.planned.standing(target.eui64, home.clock.now()))) == 1
    update.cancel(image.encode())
    assert list(rig.lists.planned.standing(target.eui64, home.clock.now())) == []
    home.pass_time(2 * DAY)
    assert read_version(target) == bytes.fromhex("02000001")
    assert target.ask(activate_firmware(cleared), success=False).value.outcome.version == NEW


def test_a_file_that_the_supplier_has_signed_is_taken_as_it_is(rig: Bench) -> None:
    image = rig.enlist("electricity-meter")
    party = rig.home.head_end.holder(RemotePartyRole.SUPPLIER)
    file = wrap(image, header_of(image.manifest), signing_key_of_seed("x")._replace(sign=_signs(party)))
    assert rig.update("electricity-meter").run(file.encode()).cleared.file == file.encode()


def _signs(party: Any) -> Any:
    return lambda octets: party.store.sign(party.eui64, octets)


# refusals


def test_an_image_that_is_not_listed_goes_nowhere(rig: Bench) -> None:
    rig.enlist("electricity-meter")
    other = rig.image("electricity-meter", version="00000009")
    with pytest.raises(NotListedError) as refused:
        rig.update("electricity-meter").run(other.encode())
    assert refused.value.hashes() == (other.digest.hex(), "none")
    assert rig.nothing_sent()
    (exchange,) = rig.home.recorder.exchanges
    assert exchange.verdict.value == "FAIL"
    assert other.digest.hex() in exchange.reason
    assert exchange.sent is None


def test_an_image_with_another_hash_goes_nowhere(rig: Bench) -> None:
    listed = rig.enlist("electricity-meter")
    other = rig.image("electricity-meter", content_size=100)
    with pytest.raises(HashMismatchError) as refused:
        rig.update("electricity-meter").run(other.encode())
    assert refused.value.hashes() == (other.digest.hex(), listed.digest.hex())
    assert rig.nothing_sent()


def test_a_suspended_device_gets_nothing(rig: Bench) -> None:
    image = rig.enlist("electricity-meter")
    rig.lists.inventory.set_status(rig.home.target("electricity-meter").eui64, Status.SUSPENDED, NOW, "test")
    with pytest.raises(GateError, match="is suspended"):
        rig.update("electricity-meter").run(image.encode())
    assert rig.nothing_sent()


def test_what_lapses_after_the_clearance_is_neither_delivered_nor_activated(rig: Bench) -> None:
    image = rig.enlist("electricity-meter")
    target, update = rig.home.target("electricity-meter"), rig.update("electricity-meter")
    cleared = update.clear(image.encode())
    rig.lists.products.remove_model(cleared.model, "withdrawn", ListParty(PartyKind.PANEL, ""), NOW)
    for work in (lambda: update.deliver(cleared), lambda: target.ask(activate_firmware(cleared))):
        with pytest.raises(NotListedError):
            work()
    assert rig.nothing_sent()


def test_an_image_that_does_not_start_leaves_the_old_one_running(rig: Bench) -> None:
    good = rig.image("electricity-meter")
    manifest = replace(good.manifest, behaviour=Behaviour(starts=False))
    bad = rig.enlist("electricity-meter", build_manufacturer_image(manifest, b"", maker()))
    with pytest.raises(DeviceFinding, match="outcome: expected success, version 00000002, found activation failure"):
        rig.update("electricity-meter").run(bad.encode())
    assert read_version(rig.home.target("electricity-meter")) == bytes.fromhex("02000001")


# no other way


def named(digest: bytes, at: int | None = None) -> Request:
    return asn1("CS06", lambda header: ActivateFirmwareCommand(digest, header.counter, at))


@pytest.mark.parametrize("at", [None, NOW + DAY, NEVER])
@pytest.mark.parametrize("name", ON_COMMAND)
def test_the_head_end_builds_no_activation_without_clearance(rig: Bench, name: str, at: int | None) -> None:
    digest = rig.enlist(name).digest
    with pytest.raises(NoClearanceError, match=digest.hex()):
        rig.home.target(name).command(named(digest, at))
    assert rig.nothing_sent()


def test_the_head_end_builds_no_activation_of_something_else(rig: Bench) -> None:
    target, image = rig.home.target("electricity-meter"), rig.enlist("electricity-meter")
    cleared = rig.update("electricity-meter").clear(image.encode())
    other = replace(named(bytes(32)), cleared=cleared)
    with pytest.raises(NoClearanceError, match="and another one is cleared"):
        target.command(other)
    garbage = replace(other, payload=lambda _header: b"\x30\x00")
    with pytest.raises(NoClearanceError, match="no activation that a device could read"):
        target.command(garbage)
    with pytest.raises(WrongModelError, match=r"which .* is not"):
        rig.home.target("gas-meter").command(activate_firmware(cleared))
    assert rig.nothing_sent()


def test_the_head_end_takes_no_forged_clearance(rig: Bench) -> None:
    target, image = rig.home.target("electricity-meter"), rig.enlist("electricity-meter")
    forged: Any = object.__new__(ClearedImage)
    lookalike: Any = type("Lookalike", (), {"digest": image.digest, "confirm": lambda *_: None})()
    clearances: list[Any] = [forged, lookalike, True]
    for clearance in clearances:
        with pytest.raises(NoClearanceError, match="which the gate has not cleared"):
            target.command(replace(named(image.digest), cleared=clearance))
    with pytest.raises(NoClearanceError):
        target.command(activate_firmware(forged))
    assert rig.nothing_sent()


def test_a_clearance_for_cancelling_activates_nothing(rig: Bench) -> None:
    target, image = rig.home.target("electricity-meter"), rig.enlist("electricity-meter")
    cleared = rig.lists.gate.clear_for_cancelling(image.encode(), target.eui64, NOW)
    for at in (None, NOW + DAY):
        with pytest.raises(NoClearanceError, match="cleared only to have its activation cancelled"):
            target.command(activate_firmware(cleared, at))
    assert target.command(cancel_activation(cleared)).message.message_code == 0x0012


def test_nothing_else_in_the_bench_builds_activations_clearances_or_deliveries() -> None:
    root = Path(bench.__file__).parent
    names = ("ActivateFirmwareCommand", "ClearedImage", "_issue_clearance", "DeliveryClient", "send_image_frame")
    builders: dict[str, set[str]] = {name: set() for name in names}
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = _called(node)
            if name in builders:
                builders[name].add(path.relative_to(root).as_posix())
    assert builders == {
        "ActivateFirmwareCommand": {"requests.py"},
        "ClearedImage": set(),
        "_issue_clearance": {"products/gate.py"},
        "DeliveryClient": {"delivery.py"},
        "send_image_frame": {"delivery.py"},
    }


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    called = node.func
    return called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""


# the command


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An image, and a list that holds it."""
    with Home(RIG) as home:
        made = Bench(home, CertifiedProducts(tmp_path / "cpl.sqlite"))
        image = made.enlist("electricity-meter")
        made.lists.products.close()
    (tmp_path / "image").write_bytes(image.encode())
    return tmp_path / "image", tmp_path / "cpl.sqlite"


def order(image: Path, device: str = "electricity-meter", **how: Any) -> Order:
    return Order(image, device, how.get("signature"), how.get("at"), how.get("cancel", False), how.get("wait"))


def run(files: tuple[Path, Path], tmp_path: Path, *, as_json: bool = False, **how: Any) -> ExitCode:
    image = how.pop("image", files[0])
    return run_update(order(image, **how), None, files[1], tmp_path / "evidence", None, as_json=as_json)


def sent_in(evidence: Path) -> int:
    """Messages that the evidence shows as sent."""
    lines = [json.loads(line) for line in (evidence / "messages.jsonl").read_text().splitlines()]
    return sum(line.get("direction") == "sent" for line in lines)


def test_the_command_prints_every_step(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, tmp_path, device="00-DB-12-34-56-78-90-A0") is ExitCode.PASS
    out = capsys.readouterr().out
    for step in ("gate: ", "delivery through hub: complete", "receipt: alert 8F72", "activation: success", "PASS"):
        assert step in out
    assert "CS06" in (tmp_path / "evidence" / "messages.jsonl").read_text()
    assert sent_in(tmp_path / "evidence") >= 3
    assert (tmp_path / "evidence" / "report.html").exists()


def test_the_command_speaks_json(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, tmp_path, as_json=True, at=instant_text(NOW + DAY)) is ExitCode.PASS
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["refusal"], told["device"]) == ("PASS", None, "electricity-meter")
    assert f"activation accepted for {instant_text(NOW + DAY)}" in told["steps"]


def test_the_command_says_why_it_refuses_with_both_hashes(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = ManufacturerImage.decode(files[0].read_bytes())
    other = build_manufacturer_image(listed.manifest, b"another content", maker())
    (tmp_path / "other").write_bytes(other.encode())
    assert run(files, tmp_path, image=tmp_path / "other") is ExitCode.FAIL
    out = capsys.readouterr().out
    assert "REFUSED by the check of the hash" in out
    assert f"computed  {other.digest.hex()}" in out
    assert f"listed    {listed.digest.hex()}" in out
    assert "nothing was sent" in out
    assert sent_in(tmp_path / "evidence") == 0
    assert run(files, tmp_path, image=tmp_path / "other", as_json=True) is ExitCode.FAIL
    told = json.loads(capsys.readouterr().out)
    assert told["refusal"]["computed"] == other.digest.hex()
    assert told["refusal"]["listed"] == listed.digest.hex()
    assert told["steps"] == []


def test_an_opaque_image_comes_with_a_signature_beside_it(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "image.sig").write_bytes(maker().sign(files[0].read_bytes()))
    assert run(files, tmp_path) is ExitCode.PASS
    (tmp_path / "image.sig").write_bytes(bytes(64))
    assert run(files, tmp_path) is ExitCode.FAIL
    assert "REFUSED by the check of the maker's signature" in capsys.readouterr().out
    (tmp_path / "image.sig").write_bytes(b"no signature")
    assert run(files, tmp_path) is ExitCode.FAIL


def test_the_command_cancels(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, tmp_path, cancel=True) is ExitCode.PASS
    assert "activation of firmware 00000002 cancelled" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"device": "toaster"}, "--device: the rig has no device 'toaster'; it has hub 00-DB"),
        ({"device": "gas-proxy"}, "gas-proxy (GPF) has no firmware of its own"),
        ({"at": "soon"}, "--at: a time such as"),
        ({"at": "2020-01-01"}, "a time to come is needed; in the rig it is 2026-07-01T00:00:00Z"),
        ({"at": "2026-02-01", "cancel": True}, "leave out --at"),
        ({"device": "prepayment-display", "at": "2026-12-01"}, "--at: a PPMID activates by itself, and at once"),
        ({"device": "load-switch", "cancel": True}, "--cancel: a HCALCS activates by itself"),
        ({"image": Path("none")}, "none: No such file"),
        ({"signature": Path("none")}, "none: No such file"),
    ],
)
def test_what_cannot_be_used_is_said(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], how: dict[str, Any], said: str
) -> None:
    assert run(files, tmp_path, **how) is ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_list_is_needed(tmp_path: Path, files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run((files[0], tmp_path / "none.sqlite"), tmp_path) is ExitCode.USAGE
    assert "none.sqlite: no such file; it should hold a list of certified products" in capsys.readouterr().err
    assert not (tmp_path / "none.sqlite").exists()


# messages of one's own


def activation(digest: bytes, at: int | None = None, rig: Rig = RIG) -> Message:
    meter = rig.devices[1].eui64
    payload = Asn1Payload(ActivateFirmwareCommand(digest, 1 << 40, at)).encode()
    return Message(Cra.COMMAND, 1 << 40, rig.party(RemotePartyRole.SUPPLIER), meter, OtherInformation(0x0012), payload)


def test_an_activation_of_ones_own_needs_a_list(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, evidence = ManufacturerImage.decode(files[0].read_bytes()).digest, tmp_path / "evidence"
    tries = {
        "listed": (digest, None, files[1], False),
        "no list": (digest, None, None, True),
        "not listed": (bytes(32), None, files[1], True),
        "cancelled": (bytes(32), NEVER, None, False),
    }
    for name, (image, at, cpl, refused) in tries.items():
        message = tmp_path / "message.hex"
        message.write_text(activation(image, at).encode().hex())
        run_run(None, evidence, None, [message], None, cpl, as_json=False)
        out = capsys.readouterr().out
        assert ("not sent: it activates firmware with SHA-256 " + image.hex() in out) is refused, name
        assert (sent_in(evidence) == 0) is refused, name


def test_an_activation_that_cannot_be_read_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "message.hex").write_text(replace(activation(bytes(32)), payload=b"\x30\x00").encode().hex())
    run_run(None, tmp_path / "evidence", None, [tmp_path / "message.hex"], None, as_json=False)
    assert "not sent: it is an activation of firmware that cannot be read" in capsys.readouterr().out


def test_a_list_that_is_not_there_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = tmp_path / "message.hex"
    message.write_text(activation(bytes(32)).encode().hex())
    assert run_run(None, tmp_path / "e", None, [message], None, tmp_path / "cpl", as_json=False) is ExitCode.USAGE
    assert "cpl: no such file; it should hold a list of certified products" in capsys.readouterr().err


# what a rig says of its devices


def test_a_rig_that_is_written_down_says_what_products_its_devices_are(rig: Bench) -> None:
    products = {name: product_text(server.device) for name, server in rig.home.installation.servers.items()}
    assert products["electricity-meter"] == "1234:00010001"
    addresses = {device.name: parse_address("tcp:127.0.0.1:4059") for device in RIG.devices}
    again = parse_rig(rig_text(RIG, addresses, "counters.json", products).encode(), "again.toml")
    assert [device.product for device in again.devices] == [products[device.name] for device in RIG.devices]
    kept = parse_rig(rig_text(again, addresses, "counters.json").encode(), "once more.toml")
    assert [device.product for device in kept.devices] == [device.product for device in again.devices]


@pytest.mark.parametrize("product", ["1234", "1234:0001", "12345:0001001", "123X:00010001"])
def test_a_product_has_its_digits(product: str) -> None:
    text = f'name = "x"\n[[device]]\nname = "m"\ntype = "ESME"\neui64 = "00DB1234567890A0"\nproduct = "{product}"\n'
    with pytest.raises(RigError, match="product"):
        parse_rig(text.encode(), "rig.toml")


def test_a_real_device_is_the_product_that_its_rig_says(rig: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    target, section = rig.home.target("electricity-meter"), RIG.devices[1]
    monkeypatch.setattr(rig.home, "emulated", lambda _name: None)  # as if nobody knew it from inside
    assert product_of(rig.home, target) is None
    image = build_example("esme-good")
    lists = lists_of(rig.home)
    with pytest.raises(GateError, match="is in the inventory without its model"):
        FirmwareUpdate(rig.home, lists, target).run(image.encode())
    monkeypatch.setattr(target, "section", section.model_copy(update={"product": "1234:00010002"}))
    assert product_of(rig.home, target) == (DeviceModel(section.type, 0x1234, 0x0001), 2)
