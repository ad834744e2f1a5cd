"""The power of a device is cut before every single write while it gets new keys (CS02c, CS02d).

Whatever write it is, the device starts again with the old key or the new one, whole: what it signs and MACs is taken
by the remote parties, and it can be given new keys again.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.answers import Answer
from bench.pki import CELLS
from bench.requests import asn1, dlms, gbz
from firmware_emu import MemoryNvm, PowerCut
from firmware_emu.parts.credentials.own_keys import OwnKeys
from firmware_emu.parts.credentials.sealed_keys import RECORDS
from protocols.gbcs.asn1_credentials import (
    DeviceCertificateResult,
    IssueCredentialsCommand,
    ReadDeviceCertificateCommand,
    UpdateDeviceCertificateCommand,
)
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.keys import KeyName, KeyUse
from protocols.gbcs.roles import DeviceType
from protocols.smki.certificate import Certificate
from protocols.smki.names import KeyUsage
from protocols.smki.request import CertificationRequest

from .world import IDENTITIES, Wire

USAGES = {KeyUse.DIGITAL_SIGNING: KeyUsage.DIGITAL_SIGNATURE, KeyUse.KEY_AGREEMENT: KeyUsage.KEY_AGREEMENT}
READS = {
    DeviceType.ESME: dlms("ECS52"),
    DeviceType.GSME: gbz("GCS38"),
    DeviceType.GPF: gbz("GCS38"),
}
"""A read whose answer has a MAC alone."""
COMMANDED = [kind for kind, cells in CELLS.items() if cells]
"""Devices that know anybody who may have new keys made: the supplier, or else the broker."""
SETTLED = 1 << 30


class Renewal:
    """One device and the parties that give it new keys; ``cuts`` is how often the power was cut."""

    def __init__(self, kind: DeviceType, use: KeyUse) -> None:
        self.kind, self.use, self.wire = kind, use, Wire(kind)
        self.identity = IDENTITIES[kind]
        self.name = KeyName(self.identity, use)
        self.old = self.wire.pki.certificates[self.name]
        self.issued: list[bytes] = []
        self.cuts = 0

    def play(self, cut: int) -> int:
        """New keys with the power cut before a write, and again, without; how many writes there were."""
        begun = self.wire.medium.writes
        self.wire.medium.cut_power_before(cut)
        try:
            self.renew()
        except PowerCut:
            self.cuts += 1
            self.look()
            self.wire.restart()
        writes = self.wire.medium.writes - begun
        self.wire.medium.cut_before = None
        self.check()
        self.renew()
        self.check()
        assert self.held() == self.issued[-1]
        return writes

    def renew(self) -> None:
        """CS02c and CS02d."""
        answer = self.wire.ask(asn1("CS02c", IssueCredentialsCommand(USAGES[self.use])), self.identity)
        request = CertificationRequest.decode(value_of(answer).certification_request)
        self.issued.append(self.wire.pki.certify(request).octets)
        command = self.wire.command(asn1("CS02d", UpdateDeviceCertificateCommand(self.issued[-1])), self.identity)
        (message,) = self.wire.send(command.octets, self.identity)
        self.wire.pki.learn(self.name, self.issued[-1])
        answer = self.wire.judge(command, message)
        assert value_of(answer).result is DeviceCertificateResult.SUCCESS

    def look(self) -> None:
        """The parties learn which key the device will have, as what it tells of the outage is signed with it."""
        device = self.wire.make(self.kind, nvm=MemoryNvm(self.wire.medium))
        device.find(OwnKeys).load(device.nvm)
        self.wire.pki.learn(self.name, device.keys.certificate(self.name) or b"")

    def check(self) -> None:
        """It has the old key or the new one, and the far side takes what is made with it."""
        own = self.wire.device.find(OwnKeys)
        assert own.refused == []
        held = self.held()
        assert held in (self.old, *self.issued)
        self.wire.pki.learn(self.name, held)
        read = self.wire.ask(asn1("CS02e", ReadDeviceCertificateCommand(USAGES[self.use])), self.identity)
        assert value_of(read).certificate == held
        if self.kind in READS:
            self.wire.ask(READS[self.kind], self.identity)
        assert sorted(own.state.sealed.held) == [
            key.removeprefix(RECORDS) for key in self.wire.device.nvm.keys(RECORDS)
        ]

    def held(self) -> bytes:
        """The certificate of the key that the device uses."""
        keys = self.wire.device.keys
        found = keys.certificate(self.name)
        assert found is not None
        assert keys.holds_private(self.name)
        assert Certificate.decode(found).public_point == keys.public_point(self.name)
        return found


def value_of(answer: Answer) -> Any:
    """The typed ASN.1 value of an answer."""
    assert isinstance(answer.payload, Asn1Payload)
    return answer.payload.value


@pytest.mark.parametrize("use", USAGES)
@pytest.mark.parametrize("kind", COMMANDED)
def test_a_cut_leaves_the_old_key_or_the_new_one(kind: DeviceType, use: KeyUse) -> None:
    whole = Renewal(kind, use)
    writes = whole.play(SETTLED)
    assert whole.cuts == 0
    assert writes > 10
    seen = set()
    for cut in range(1, writes + 1):
        renewal = Renewal(kind, use)
        renewal.play(cut)
        assert renewal.cuts == 1, cut
        seen.add(len(renewal.issued))
    assert seen == {1, 2}  # some were cut before the certificate was issued, some after
