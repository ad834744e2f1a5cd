"""Every example image arrives at the emulated device that it is for, is activated, and makes it what it says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from bench.firmware import SigningKey, examples, header_of, signing_key_of_seed, wrap
from firmware_emu import Device, Output
from firmware_emu.parts.credentials.asn1 import asn1_parts
from firmware_emu.parts.firmware.store import FirmwareStore
from firmware_emu.personalities import named
from protocols.firmware_container import ManufacturerImage
from protocols.gbcs.asn1_device import ActivateFirmwareCommand, ActivateFirmwareResponse, ActivationResult
from protocols.gbcs.firmware_image import AUTHORISERS
from protocols.gbcs.roles import DeviceType
from tests.firmware_emu.asn1_home import PARTIES, Asn1Rig

MODELS = {
    DeviceType.ESME: "esme-single",
    DeviceType.GSME: "gsme",
    DeviceType.CHF: "chf",
    DeviceType.PPMID: "ppmid",
    DeviceType.HCALCS: "hcalcs",
    DeviceType.SAPC: "sapc",
}


@dataclass
class ModelRig(Asn1Rig):
    """A device of an embedded model, which knows its maker."""

    def start(self) -> list[Output]:
        """Build the device from its memory and switch it on."""
        personality = named(MODELS[self.kind])
        self.device = Device(self.identity, personality, self.nvm, self.device_keys, asn1_parts(self.kind))
        outputs = self.device.power_on(self.now)
        self.store.trust_maker(examples.maker().point)
        return outputs

    @property
    def store(self) -> FirmwareStore:
        """The part that holds the images."""
        return self.device.find(FirmwareStore)

    def update(self, image: ManufacturerImage) -> ActivationResult | None:
        """Bring an image and activate it; None where the device does so itself."""
        role = AUTHORISERS.get(self.kind)
        party = None if role is None else PARTIES[role]
        signer = None if party is None else SigningKey(b"", lambda octets: self.keys.sign(party, octets))
        file = wrap(image, header_of(image.manifest), signer)
        self.device.through(lambda: self.store.receive_image(file.encode()), self.now)
        if party is None:
            return None
        counter = self.next_counter()
        answer = self.ask(0x0012, ActivateFirmwareCommand(file.digest, counter, None), party, counter=counter)
        assert isinstance(answer, ActivateFirmwareResponse)
        assert answer.outcome is not None
        return answer.outcome.result


@pytest.mark.parametrize("name", examples.names())
def test_an_example_is_activated_and_shows(name: str) -> None:
    rig = ModelRig(examples.manifest(name).device_type)
    image = examples.build_example(name, rig.device.personality, content_size=2000)
    result = rig.update(image)
    running = rig.device.personality
    if not image.manifest.behaviour.starts:
        assert (result, running.firmware_version) == (ActivationResult.ACTIVATION_FAILURE, "00000001")
        return
    assert result in (ActivationResult.SUCCESS, None)
    assert running.firmware_version.upper() == image.manifest.firmware_version
    assert running.defects == image.manifest.behaviour.defects
    assert running.use_cases == named(MODELS[rig.kind]).use_cases


@pytest.mark.parametrize("kind", MODELS)
def test_an_image_for_another_model_or_of_another_maker_is_not_taken(kind: DeviceType) -> None:
    name = examples.names(kind, defective=False)[-1]
    rig = ModelRig(kind)
    made = rig.device.personality
    good = examples.build_example(name, made)
    for image in (
        examples.build_example(name, replace(made, model="7FFF0001")),
        examples.build_example(name, replace(made, manufacturer="4321")),
        examples.build_example(name, replace(made, hardware_version=2)),
        examples.build_example(name, made, signer=signing_key_of_seed("somebody else")),
        replace(good, content=good.content + b"more"),
    ):
        assert rig.update(image) in (ActivationResult.NO_IMAGE_HELD, None)
        assert rig.device.personality == made
    assert rig.update(good) in (ActivationResult.SUCCESS, None)
    assert rig.device.personality.firmware_version == "00000002"
