"""The device issuing authority replaces its key: on time, after its last certificate, and through any interruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.authority import authorities
from bench.authority.authorities import KEY_FOLDER, Authority, Hierarchy, Level, State
from bench.authority.laboratory import Laboratory
from bench.authority.registration import Registration
from bench.authority.renewal import Renewal
from bench.authority.repository import Search
from bench.authority.sealing import BrokenError, LabError, destroy
from bench.authority.times import (
    DEVICE_AUTHORITY_CERTIFICATES,
    DEVICE_AUTHORITY_MONTHS,
    USUAL,
    Limits,
    months_after,
)
from bench.authority.upkeep import Upkeep
from protocols.eui64 import eui64
from protocols.instant import DAY, instant
from protocols.smki.check import check_chain

from .laboratories import NOW, for_meter, for_supplier, issued, make, reopened


def device_authorities(lab: Laboratory) -> list[Authority]:
    return [one for one in lab.authorities.all() if (one.hierarchy, one.level) == (Hierarchy.DEVICE, Level.ISSUING)]


def test_the_limits_are_those_of_the_certificate_policy() -> None:
    assert USUAL == (DEVICE_AUTHORITY_CERTIFICATES, DEVICE_AUTHORITY_MONTHS) == (100_000, 3)
    assert months_after(instant(2025, 11, 30, 1, 2, 3), 3) == instant(2026, 2, 28, 1, 2, 3)
    assert months_after(instant(2024, 2, 29), 12) == instant(2025, 2, 28)
    assert months_after(instant(2026, 10, 31), 3) == instant(2027, 1, 31)


def test_subscribers_notice_nothing_when_certificates_are_used_up(tmp_path: Path) -> None:
    with make(tmp_path / "lab", Limits(certificates=3)) as lab:
        records = [issued(lab, for_meter(eui64(f"{number:016X}"))) for number in range(8)]
        keys = [record.issuer_key for record in records]
        old = device_authorities(lab)
        assert [len([key for key in keys if key == one.key_identifier]) for one in old] == [3, 3, 2]
        assert [one.issued for one in old] == [3, 3, 2]
        assert [one.state for one in old] == [State.REPLACED, State.REPLACED, State.CURRENT]
        assert len({one.certificate.subject for one in old}) == 1
        anchors, above = lab.infrastructure().trust_anchors, [one.certificate for one in old]
        for record in records:
            assert check_chain(record.certificate, above, anchors, NOW) == ()
        assert len({record.certificate.issuer for record in records}) == 1
        with pytest.raises(BrokenError, match="No such file"):
            lab.authorities.private(old[0])
        with pytest.raises(BrokenError, match="No such file"):
            lab.authorities.issuer(old[0])  # nor is it remembered
        assert len(list((tmp_path / "lab" / KEY_FOLDER).iterdir())) == 4


def test_the_key_is_replaced_after_three_months_even_unused(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        upkeep, due = Upkeep(lab), months_after(NOW, 3)
        assert Renewal(lab).due() == due
        upkeep.run_until(due - 1)
        assert len(device_authorities(lab)) == 1
        upkeep.run_until(due)
        assert [one.begun for one in device_authorities(lab)] == [NOW, due]
        upkeep.run_until(NOW + 365 * DAY)
        assert len(device_authorities(lab)) == 5  # and again each three months: in a year, four times
        assert [one.state for one in device_authorities(lab)][:-1] == [State.REPLACED] * 4
        organisations = [one for one in lab.authorities.all() if one.hierarchy is Hierarchy.ORGANISATION]
        assert len(organisations) == 2  # their authority keeps its key


def test_a_late_request_finds_a_new_key_without_any_upkeep(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        first = issued(lab, for_meter())
        second = issued(lab, for_meter(), months_after(NOW, 3))
        assert first.issuer_key != second.issuer_key
        assert lab.repository.count(Search(entity=first.entity)) == 2


class PowerCutError(Exception):
    """The process ends here."""


def _cut(*_: object) -> None:
    raise PowerCutError


@pytest.mark.parametrize("place", ["the new key is written", "the change is kept", "the old key is half destroyed"])
def test_an_interruption_leaves_an_authority_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    limits = Limits(certificates=2)
    lab = make(tmp_path / "lab", limits)
    for number in range(2):
        issued(lab, for_meter(eui64(f"{number:016X}")))
    if place == "the new key is written":
        monkeypatch.setattr(authorities.Authorities, "_certify", _cut)
    elif place == "the change is kept":
        monkeypatch.setattr(authorities, "destroy", _cut)
    else:

        def half(path: Path) -> None:
            path.write_bytes(bytes(path.stat().st_size))
            raise PowerCutError

        monkeypatch.setattr(authorities, "destroy", half)
    with pytest.raises(PowerCutError):
        Registration(lab).apply(for_meter(), NOW)
    files = len(list((tmp_path / "lab" / KEY_FOLDER).iterdir()))
    assert files == 5  # one too many, whatever was cut
    lab.close()
    monkeypatch.undo()
    with reopened(tmp_path / "lab", limits=limits) as lab:
        assert len(list((tmp_path / "lab" / KEY_FOLDER).iterdir())) == 4
        assert lab.authorities.private(lab.authorities.current(Hierarchy.DEVICE))
        record = issued(lab, for_meter())
        assert record.issuer_key == lab.authorities.current(Hierarchy.DEVICE).key_identifier
        assert [one.issued for one in device_authorities(lab)] == [2, 1]
        assert issued(lab, for_supplier()).status == "lodged"


def test_a_key_is_not_replaced_inside_another_change(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        with pytest.raises(LabError, match="inside another change"), lab.change(NOW):
            Renewal(lab).renew(NOW)
        assert len(device_authorities(lab)) == 1
        assert issued(lab, for_meter()).status == "lodged"


def test_destroying_overwrites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, other = tmp_path / "key", tmp_path / "other name"
    file.write_bytes(b"secret octets")
    other.hardlink_to(file)
    destroy(file)
    assert not file.exists()
    assert other.read_bytes() == bytes(13)
    destroy(file)  # which is not there any more: nothing to do
