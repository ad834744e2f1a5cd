"""Whatever a verified ASN.1 command says, a device answers it or stays silent; it never fails itself."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_emu.nvm import Medium, MemoryNvm
from firmware_emu.parts.credentials.rules import CELLS, MODES, USES
from protocols.der import NEVER
from protocols.gbcs.asn1_credentials import (
    AuthorisingControl,
    CellUsage,
    CredentialDetailsCommand,
    CredentialReplacement,
    IssueCredentialsCommand,
    ReadDeviceCertificateCommand,
    ReplacementMode,
    SequenceNumberChange,
    SpecialistPurpose,
    SpecialistSequenceNumber,
    TimeChecks,
    TrustAnchorCell,
    UpdateCredentialsCommand,
    UpdateDeviceCertificateCommand,
)
from protocols.gbcs.asn1_device import (
    ActivateFirmwareCommand,
    DeviceLogEntry,
    JoinDeviceCommand,
    JoinMethod,
    ReadDeviceLogCommand,
    ReadFirmwareVersionCommand,
    RestoreDeviceLogCommand,
    SetTimeCommand,
    UnjoinDeviceCommand,
)
from protocols.gbcs.keys import KeyName
from protocols.gbcs.message import Cra
from protocols.gbcs.protection import Verdict, verify
from protocols.gbcs.roles import DeviceType, RemotePartyRole
from protocols.gbcs.use_cases import by_code
from protocols.instant import DAY
from protocols.smki.names import KeyUsage

from .asn1_home import DEVICES, DS, KA, PARTIES, SMKI, START, Asn1Rig, certificate, device_keys
from .tiny import messages

_CERTIFICATES = st.sampled_from(
    [
        *(certificate(PARTIES[role], role, use).octets for role in PARTIES if role for use in (DS, KA)),
        SMKI.organisation_root.certificate.octets,
        *(device_keys(device).certificate(KeyName(device, KA)) or b"" for device in DEVICES.values()),
        b"\x30\x00",
        bytes.fromhex("3003020100"),
    ]
)
_USAGES = st.integers(0, 0x7F).map(KeyUsage) | st.sampled_from([KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT])
_ROLES = st.sampled_from([*RemotePartyRole, 77])
_COUNTERS = st.integers(0, 2**64 - 1)
_TIMES = st.none() | st.sampled_from([0, START, START + 60, START + DAY, NEVER])
_TYPES = st.sampled_from([kind for kind in DeviceType if kind.asn1_value is not None])
_IDENTIFIERS = st.sampled_from([*DEVICES.values(), *PARTIES.values()])
_CELLS = st.builds(TrustAnchorCell, _ROLES, _USAGES, st.sampled_from(CellUsage))
_SPECIALS = st.none() | st.lists(
    st.builds(SpecialistSequenceNumber, st.just(SpecialistPurpose.PREPAYMENT_TOP_UP), _COUNTERS), max_size=2
).map(tuple)
_CHANGES = st.none() | st.lists(st.builds(SequenceNumberChange, _ROLES, _COUNTERS, _SPECIALS), max_size=3).map(tuple)
_ENTRIES = st.lists(st.builds(DeviceLogEntry, _IDENTIFIERS, _TYPES), max_size=20).map(tuple)
_MODES = {
    **{0x0100 + mode: ReplacementMode(mode) for mode in range(10)},
    0x0125: ReplacementMode(10),
    0x0126: ReplacementMode(11),
}


_REAL_CELLS = [
    TrustAnchorCell(cell.role, *USES[cell.use]) for cells in CELLS.values() for cell in sorted(cells, key=str)
]


def _authoriser(code: int) -> TrustAnchorCell | None:
    cell = MODES[_MODES[code]].authoriser
    return None if cell is None else TrustAnchorCell(cell.role, *USES[cell.use])


@st.composite
def updates(draw: st.DrawFn, code: int) -> tuple[int, UpdateCredentialsCommand]:
    number = draw(st.integers(1001, 2**63))
    control = AuthorisingControl(
        draw(st.just(_MODES[code]) | st.sampled_from(ReplacementMode)),
        draw(st.none() | st.binary(max_size=40)),
        draw(st.sampled_from(TimeChecks)),
        draw(st.just(_authoriser(code)) | st.none() | _CELLS),
        number,
        draw(st.none() | _COUNTERS),
        draw(_SPECIALS),
        draw(_CHANGES),
    )
    rows = draw(
        st.lists(st.builds(CredentialReplacement, _CERTIFICATES, _CELLS | st.sampled_from(_REAL_CELLS)), max_size=5)
    )
    path = draw(st.lists(_CERTIFICATES | st.just(SMKI.organisation_authority.certificate.octets), max_size=3))
    return number, UpdateCredentialsCommand(control, tuple(rows), tuple(path), draw(_TIMES))


@st.composite
def commands(draw: st.DrawFn) -> tuple[int, int, Any]:
    """Message code, counter, command."""
    code = draw(
        st.sampled_from(
            [*_MODES, 0x0008, 0x011B, *range(0x000A, 0x0011), 0x0012, 0x0013, 0x00AB, 0x00AF, 0x0129, 0x007F, 0x008C]
        )
    )
    number = draw(st.integers(1001, 2**63))
    if code in _MODES:
        number, update = draw(updates(code))
        return code, number, update
    simple: dict[int, st.SearchStrategy[Any]] = {
        0x0008: st.builds(CredentialDetailsCommand, _CELLS, st.lists(_ROLES, max_size=4).map(tuple)),
        0x000A: st.builds(IssueCredentialsCommand, _USAGES),
        0x000B: st.builds(UpdateDeviceCertificateCommand, _CERTIFICATES),
        0x000C: st.builds(ReadDeviceCertificateCommand, _USAGES),
        0x000F: st.builds(UnjoinDeviceCommand, _IDENTIFIERS),
        0x0012: st.builds(ActivateFirmwareCommand, st.binary(min_size=32, max_size=32), st.just(number), _TIMES),
        0x0013: st.just(ReadDeviceLogCommand()),
        0x0129: st.just(ReadFirmwareVersionCommand()),
        0x007F: st.builds(SetTimeCommand, st.sampled_from([0, START]), st.sampled_from([START, START + DAY, NEVER])),
        0x008C: st.builds(RestoreDeviceLogCommand, _ENTRIES),
    }
    join = st.builds(JoinDeviceCommand, st.sampled_from(JoinMethod), _IDENTIFIERS, _TYPES, st.none() | _CERTIFICATES)
    same = {0x011B: 0x0008, 0x0010: 0x000F}
    return code, number, draw(simple.get(same.get(code, code), join))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(DEVICES)), st.lists(commands(), max_size=6), st.data())
def test_no_verified_command_makes_a_device_fail(
    kind: DeviceType, given_commands: list[tuple[int, int, Any]], data: st.DataObject
) -> None:
    medium = Medium()
    rig = Asn1Rig(kind, nvm=MemoryNvm(medium)) if kind is not DeviceType.TYPE_2 else Asn1Rig(nvm=MemoryNvm(medium))
    for code, number, value in given_commands:
        use_case = by_code(code)
        assert use_case is not None
        senders = sorted(PARTIES[role] for role in use_case.roles) or sorted(PARTIES.values())
        message = rig.command(code, value, data.draw(st.sampled_from(senders)), counter=number)
        for answer in rig.send(message):
            assert Verdict.INVALID not in verify(answer, rig.keys) or answer.cra is Cra.RESPONSE
    rig.advance(START + 2 * DAY)
    before = rig.device.credentials.state
    rig.device.power_off(START + 2 * DAY)
    rig.nvm, rig.now = MemoryNvm(medium), START + 3 * DAY
    messages(rig.start())
    assert rig.device.credentials.state == before
