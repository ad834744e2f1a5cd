"""A home whose firmware is kept up: a list of products and an inventory behind it, images, deliveries, activations.

``Estate`` is all of it for one kind of device. What a head end does goes through the gate; what goes wrong behind the
gate - on the way to the hub, on the radio, in the device - is put there by the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from bench.device_model import DeviceModel
from bench.firmware import SigningKey, build_manufacturer_image, header_of, signing_key_of_seed, signing_key_of_store
from bench.firmware import wrap as wrapped
from bench.head_end import Command
from bench.inventory import Inventory, Status
from bench.products.assurance import NEEDED, Assurance, six_years_after
from bench.products.entries import ListedFirmware, ListedModel
from bench.products.gate import ClearedImage, Gate
from bench.products.hashes import hashes_of
from bench.products.listing import CertifiedProducts
from bench.products.parties import ListParty, PartyKind
from bench.requests import Request, activate_firmware, asn1, dlms, gbz
from firmware_emu import Device, Personality
from firmware_emu.han import Han, HanFrame
from firmware_emu.load_model import LoadModel
from firmware_emu.parts.firmware.intake import take_image_frame
from firmware_emu.parts.firmware.store import FirmwareStore
from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.firmware_container import Behaviour, Manifest
from protocols.gbcs.asn1_device import (
    ActivationOutcome,
    FirmwareTransferAlert,
    FirmwareTransferResult,
    ReadFirmwareVersionCommand,
)
from protocols.gbcs.firmware_image import AUTHORISERS, FirmwareImage
from protocols.gbcs.gbz import GbzAlert, ImageHash
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.image_delivery import Status as Delivery
from protocols.image_delivery_ends import DeliveryClient
from protocols.instant import HALF_HOUR, HOUR, Instant
from protocols.zigbee.ota import CLUSTER, OtaMessage, decode_ota

from .world import CHF, GPF, GSME, HUB, IDENTITIES, START, Heard, House

HCALCS, PPMID, SAPC = DeviceType.HCALCS, DeviceType.PPMID, DeviceType.SAPC
ESME = DeviceType.ESME
KINDS = (ESME, GSME, CHF, PPMID, HCALCS, SAPC)
"""Every kind of device with firmware of its own; that of the gas proxy is the hub's, in-home displays get none."""
BY_THEMSELVES = (PPMID, HCALCS)
OLD, NEW, NEWER = (bytes((0, 0, 0, number)) for number in (1, 2, 3))
TRANSFER, RECEIPTS, ACTIVATION, VERSION_REPORT = 0x0128, (0x00CE, 0x00CF), 0x00CA, 0x012B
GOOD_RECEIPT, BAD_RECEIPT = 0x8F72, 0x8F1C
FETCHED_WITHIN = 2 * HALF_HOUR + 600
MAKER = ListParty(PartyKind.OTHER, "a maker")

Wire = Callable[[bytes], list[bytes]]


def maker(name: str = "maker") -> SigningKey:
    """The maker that devices know, or another."""
    return signing_key_of_seed(name)


class Estate(House):
    """A home with one device of a kind, and of the gas proxy where that is needed."""

    def __init__(self, kind: DeviceType = ESME, load: LoadModel | None = None, **personality: Any) -> None:
        self.kind, self.identity = kind, IDENTITIES[kind]
        self._changes = personality
        self._told = 0
        super().__init__(load, kinds=[] if kind is CHF else [GPF, GSME] if kind is GSME else [kind])
        self.certificates = {each: self._certificates(each) for each in KINDS}
        self.products, self.inventory = CertifiedProducts(), Inventory()
        self.models = {each: self._model(each) for each in KINDS}
        self._enter(CHF)
        if kind is not CHF:
            self._enter(kind)
            self.inventory.relate(self.identity, HUB, START)
        for each in dict.fromkeys((HUB, self.identity)):
            self.inventory.set_status(each, Status.COMMISSIONED, START, "complete")
        self.enlist(self.file())
        self.gate = Gate(self.products, self.inventory, self.point)

    def make(self, kind: DeviceType, *others: Any) -> Device:
        device = super().make(kind, *others)
        if kind is self.kind and self._changes:
            store = device.find(FirmwareStore)
            store.factory = device.personality = replace(store.factory, **self._changes)
        return device

    @property
    def device(self) -> Device:
        """The device that is updated."""
        return self.home.device(self.identity)

    @property
    def store(self) -> FirmwareStore:
        """Its images."""
        return self.device.find(FirmwareStore)

    @property
    def personality(self) -> Personality:
        """That of the firmware that the device was made with."""
        return self.store.factory

    # images

    def manifest(self, version: bytes = NEW, **changes: Any) -> Manifest:
        """For the device."""
        known = self.personality
        hardware = (known.hardware_version, known.hardware_version)
        made = Manifest(self.kind, known.manufacturer, known.model, version.hex().upper(), hardware_versions=hardware)
        return replace(made, **changes)

    def file(
        self,
        version: bytes = NEW,
        content: bytes = b"good firmware " * 20,
        by: SigningKey | None = None,
        role: RemotePartyRole | None = None,
        **changes: Any,
    ) -> FirmwareImage:
        """A file that the device takes, unless something about it is said to be otherwise."""
        manifest = self.manifest(version, **changes)
        image = build_manufacturer_image(manifest, content, by or maker())
        signer = role or AUTHORISERS.get(self.kind)
        return wrapped(image, header_of(manifest), None if signer is None else self.signer(signer))

    def not_starting(self) -> FirmwareImage:
        """A good file whose image does not start."""
        return self.file(behaviour=Behaviour(starts=False))

    def signer(self, role: RemotePartyRole) -> SigningKey:
        """The signing key of a party of the home."""
        party = self.pki.parties[role]
        return signing_key_of_store(party.store, party.eui64)

    def point(self, role: RemotePartyRole, _device: Eui64 | None = None) -> bytes | None:
        """The public signing key of a party of the home."""
        party = self.pki.parties[role]
        return party.store.public_point(KeyName(party.eui64, KeyUse.DIGITAL_SIGNING))

    # list and inventory

    def enlist(self, file: FirmwareImage) -> FirmwareImage:
        """Put an image on the list, in the place of another of its version."""
        version, model = file.header.version, self.models[self.kind]
        by = ListParty(PartyKind.DCC if self.kind is CHF else PartyKind.SUPPLIER, "")
        if self.products.firmware(model, version) is not None:
            self.products.remove_firmware(model, version, "another of the same version", by, self.now)
        hashes = hashes_of(file.manufacturer_image, version)
        self.products.add_firmware(ListedFirmware(model, version, hashes, "tested again"), by, self.now)
        return file

    def clear(self, file: FirmwareImage | bytes) -> ClearedImage:
        """Before the gate. Raises GateError."""
        return self.gate.clear(file if isinstance(file, bytes) else file.encode(), self.identity, self.now)

    def cleared(self, file: FirmwareImage) -> ClearedImage:
        """An image that was listed first."""
        return self.clear(self.enlist(file))

    def _model(self, kind: DeviceType) -> DeviceModel:
        known = self.make(kind).personality
        model = DeviceModel(kind, int(known.manufacturer, 16), int(known.model[:4], 16))
        entry = ListedModel(model, maker().point, (known.hardware_version, 2), self.certificates[kind])
        first = ListedFirmware(model, OLD, hashes_of(b"what the devices were made with", OLD))
        self.products.add_model(entry, [first], MAKER, START)
        return model

    @staticmethod
    def _certificates(kind: DeviceType) -> tuple[Assurance, ...]:
        return tuple(Assurance(each, f"{each}-1", six_years_after(START)) for each in NEEDED[kind])

    def _enter(self, kind: DeviceType) -> None:
        device, model = IDENTITIES[kind], self.models[kind]
        self.inventory.add(device, kind, START, model=model, hardware=1, firmware=OLD)
        self.inventory.set_status(device, Status.INSTALLED, START, "fitted")
        self.inventory.contact(device, START)

    # the way to the device

    def bring(
        self, file: FirmwareImage | bytes, wire: Wire = lambda frame: [frame], target: Eui64 | None = None, **how: Any
    ) -> Delivery | None:
        """Deliver octets to the hub, cleared or not; the hub's last word."""
        octets = file if isinstance(file, bytes) else file.encode()
        client = DeliveryClient(target or self.identity, octets, **how)
        while not client.ended:
            answers = [self._image_frame(each) for frame in client.take_output() for each in wire(frame)]
            for answer in answers:
                client.receive(answer or b"")
            if not any(answers):
                client.on_silence()
        return client.status

    def _image_frame(self, frame: bytes) -> bytes | None:
        answers: list[bytes | None] = []
        hub = self.home.device(HUB)
        work = partial(take_image_frame, hub, frame)
        self.late += self._take(self.home.through(HUB, lambda: answers.append(work()), self.now))
        return answers[0] if answers else None

    def transferred(self, within: int = 2 * HOUR) -> FirmwareTransferAlert | None:
        """Let time pass until the hub says how a transfer ended; None if it does not say."""
        begun, end = self._told, self.now + within
        while len(self.alerts_of(TRANSFER)) == begun:
            due = self.home.next_wake()
            if due is None or due > end:
                self.run(end)
                return None
            self.run(max(due, self.now))
        found = self.alerts_of(TRANSFER)
        self._told = len(found)
        told: FirmwareTransferAlert = found[-1].payload.value
        return told

    def put(self, file: FirmwareImage | bytes) -> FirmwareTransferResult | None:
        """Bring octets to the device: by the hub, or to the hub itself; how the transfer ended, None without one."""
        self._told = len(self.alerts_of(TRANSFER))
        self.bring(file)
        if self.kind is CHF:
            return None
        told = self.transferred()
        return None if told is None else told.result

    def alerts_of(self, message_code: int) -> list[Heard]:
        """All that have come with a message code."""
        return [heard for heard in self.alerts if heard.message.message_code == message_code]

    @property
    def receipt(self) -> tuple[int, bytes] | None:
        """What the device said last of an image that it got: the code, and the hash that it computed."""
        found = [heard for heard in self.alerts if heard.message.message_code in RECEIPTS]
        if not found:
            return None
        last = found[-1]
        if isinstance(last.payload, GbzAlert):
            assert isinstance(last.payload.body, ImageHash)
            return last.code, last.payload.body.digest
        return last.code, last.payload.body.value[2].value

    # the radio

    def on_air(self, change: Callable[[HanFrame, OtaMessage], list[HanFrame]]) -> None:
        """What happens to every frame of the upgrade cluster: those in the answer arrive, in its place."""
        bring = partial(Han._bring, self.home.han)

        def spoilt(frame: HanFrame, now: Instant) -> None:
            arriving = [frame]
            if frame.cluster == CLUSTER:
                with suppress(DecodeError):
                    arriving = change(frame, decode_ota(frame.octets)[1])
            for each in arriving:
                bring(each, now)

        self.home.han._bring = spoilt  # type: ignore[method-assign]  # the air of this home

    # commands

    def activation(self, cleared: ClearedImage, at: Instant | None = None, **how: Any) -> Command:
        """A command to activate a cleared image, not sent. Raises GateError."""
        return self.command(activate_firmware(cleared, at), self.identity, **how)

    def activate(self, cleared: ClearedImage, at: Instant | None = None) -> ActivationOutcome | None:
        """Activate; the outcome, None where it was only accepted."""
        answer: ActivationOutcome | None = self.exchange(self.activation(cleared, at)).value.outcome
        return answer

    def exchange(self, command: Command) -> Any:
        """Send a command and get the answer, from a sleeping meter at its next wake."""
        answers = self.send(command.octets)
        if answers:
            return self.judge(command, answers[0], success=False)
        return self.wait_for(command, FETCHED_WITHIN, success=False)

    def refusal(self, octets: bytes) -> list[int]:
        """Send what must not be answered; the alerts that it raised, and what is new in the security log."""
        alerts = len(self.alerts)
        logged = len(self.device.logs.security())
        assert self.send(octets) == []
        late = len(self.late)
        self.run(self.now + (FETCHED_WITHIN if self.kind is GSME else 1))
        assert len(self.late) == late
        new = [entry.code for entry in self.device.logs.security()[logged:]]
        return sorted({*self.since(alerts), *new})

    @property
    def version(self) -> bytes:
        """What the device itself says that it runs, asked by a command."""
        if self.kind is GSME:
            return bytes(self.exchange(self.command(gbz("GCS38"), self.identity)).attribute(0x0702, 0x0206))
        if self.kind in BY_THEMSELVES:
            answer = self.exchange(self.command(self.version_request(), self.identity))
            return bytes(answer.value.version)
        (data,) = self.exchange(self.command(dlms("ECS52"), self.identity)).data
        return bytes(data.value)

    @staticmethod
    def version_request() -> Request:
        """CS08."""
        return asn1("CS08", ReadFirmwareVersionCommand())
