"""Revocation: what may be revoked, and lists that are made on time, on a clock that lets days pass in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.authority.authorities import Hierarchy, Level, State
from bench.authority.laboratory import Laboratory
from bench.authority.lists import KeptList, ListKind, Lists, revoke
from bench.authority.registration import Registration
from bench.authority.repository import Search, Status
from bench.authority.sealing import LabError, RuleError
from bench.authority.times import LIST_EVERY, LIST_WITHIN, months_after
from bench.authority.upkeep import Upkeep
from protocols.gbcs.keys import KeyUse
from protocols.instant import DAY, HOUR
from protocols.smki.check import check_chain
from protocols.smki.revocation import RevocationReason, check_revocation_list

from .laboratories import NOW, for_meter, for_supplier, issued, make, record_of, reopened

CRL, ARL = ListKind.CERTIFICATES, ListKind.AUTHORITIES
KEY_COMPROMISE = RevocationReason.KEY_COMPROMISE


def lists_of(lab: Laboratory, kind: ListKind, hierarchy: Hierarchy = Hierarchy.ORGANISATION) -> list[KeptList]:
    return [one for one in Lists(lab).kept() if (one.kind, one.hierarchy) == (kind, hierarchy)]


def test_lists_are_made_every_twelve_hours_and_twelve_months_even_when_nothing_changes(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        Upkeep(lab).run_until(NOW + 10 * DAY)
        made = lists_of(lab, CRL)
        assert [one.this_update for one in made] == [NOW + n * LIST_EVERY for n in range(21)]
        assert [one.number for one in made] == list(range(1, 22))
        assert all(one.next_update == one.this_update + 12 * HOUR for one in made)
        for hierarchy in Hierarchy:
            (only,) = lists_of(lab, ARL, hierarchy)
            assert (only.number, only.next_update) == (1, months_after(NOW, 12))
        for one, before in zip(made[1:], made, strict=False):
            authority = lab.authorities.current(Hierarchy.ORGANISATION).certificate
            assert check_revocation_list(one.list, authority, one.next_update, previous=before.list) == ()


def test_an_authority_list_comes_again_after_a_year(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        Upkeep(lab).advance(NOW)
        lists, year = Lists(lab), months_after(NOW, 12)
        assert [one.kind for one in lists.advance(year - 1)] == [CRL]
        assert [one.stem for one in lists.advance(year)] == ["organisation-arl", "device-arl"]


def test_a_revocation_is_on_a_list_within_the_hour_and_on_every_later_one(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        upkeep, record = Upkeep(lab), issued(lab, for_supplier())
        other = issued(lab, for_supplier(KeyUse.KEY_AGREEMENT))
        upkeep.run_until(NOW + HOUR)
        at = NOW + 2 * HOUR + 17
        revoke(lab, record, KEY_COMPROMISE, at)
        assert upkeep.due() <= at + HOUR
        upkeep.run_until(at + HOUR)
        last = lists_of(lab, CRL)[-1]
        assert at <= last.this_update <= at + HOUR
        entry = last.list.entry(record.serial)
        assert entry is not None
        assert (entry.revoked_at, entry.reason) == (at, KEY_COMPROMISE)
        assert not last.list.is_revoked(other.serial)
        assert upkeep.due() == last.this_update + LIST_EVERY
        upkeep.run_until(at + 3 * DAY)
        later = lists_of(lab, CRL)[2:]
        assert len(later) == 6
        assert all(one.list.is_revoked(record.serial) for one in later)


def test_a_revoked_certificate_fails_its_chain_and_another_does_not(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        bad, good = issued(lab, for_supplier()), issued(lab, for_supplier(KeyUse.KEY_AGREEMENT))
        revoke(lab, bad, KEY_COMPROMISE, NOW)
        Upkeep(lab).advance(NOW)
        lists = [one.list for one in Lists(lab).kept()]
        above, anchors = lab.infrastructure().authorities, lab.infrastructure().trust_anchors
        assert check_chain(good.certificate, above, anchors, NOW, revocations=lists) == ()
        found = check_chain(bad.certificate, above, anchors, NOW, revocations=lists)
        assert ["revoked" in str(one) for one in found] == [True]
        stale = check_chain(good.certificate, above, anchors, NOW + DAY, revocations=lists)
        assert ["overdue" in str(one) for one in stale] == [True]


def test_lateness_is_told(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        lists = Lists(lab)
        assert len(lists.late(NOW + LIST_WITHIN + 1)) == 3  # there is none at all
        lists.advance(NOW)
        assert lists.late(NOW + LIST_EVERY) == []
        assert lists.late(NOW + LIST_EVERY + 1) == ["CRL of the organisation hierarchy: due 2026-06-02T00:00:00Z"]
        revoke(lab, issued(lab, for_supplier()), KEY_COMPROMISE, NOW + 60)
        assert lists.late(NOW + 60 + HOUR) == []
        assert lists.late(NOW + 61 + HOUR) == ["CRL of the organisation hierarchy: due 2026-06-01T12:01:00Z"]


def test_lists_are_kept_and_go_on_after_a_restart(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        record = issued(lab, for_supplier())
        Upkeep(lab).advance(NOW)
        revoke(lab, record, RevocationReason.SUPERSEDED, NOW + 1)
    with reopened(tmp_path / "lab") as lab:  # the process ended before it made the list
        assert Upkeep(lab).due() == NOW + 1
        assert [one.number for one in Upkeep(lab).advance(NOW + 2)] == [2]
        assert [one.number for one in lists_of(lab, CRL)] == [1, 2]
        assert lists_of(lab, CRL)[-1].list.is_revoked(record.serial)


def test_a_device_certificate_is_never_revoked(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        record = issued(lab, for_meter())
        for reason in RevocationReason:
            with pytest.raises(RuleError, match="certificates of devices are for the life of the device"):
                revoke(lab, record, reason, NOW)
        kept = lab.repository.get(record.number)
        assert kept is not None
        assert kept.status is Status.LODGED


def test_what_else_is_not_revoked(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        record = issued(lab, for_supplier())
        revoke(lab, record, KEY_COMPROMISE, NOW)
        again = lab.repository.get(record.number)
        assert again is not None
        with pytest.raises(RuleError, match=r"revoked at 2026-06-01T12:00:00Z \(key compromise\)"):
            revoke(lab, again, KEY_COMPROMISE, NOW + 9)
        entry = Registration(lab).apply(for_supplier(), NOW, accept=False)
        Registration(lab).decline(entry.number, NOW, "misspelt")
        with pytest.raises(RuleError, match="its applicant declined it"):
            revoke(lab, record_of(lab, entry), KEY_COMPROMISE, NOW)
        root = lab.authorities.current(Hierarchy.ORGANISATION, Level.ROOT)
        (held,) = lab.repository.find(Search(key_identifier=root.key_identifier))
        with pytest.raises(RuleError, match="a root is on no list"):
            revoke(lab, held, KEY_COMPROMISE, NOW)


@pytest.mark.parametrize("hierarchy", Hierarchy)
def test_a_revoked_authority_is_on_its_roots_list_and_another_goes_on(tmp_path: Path, hierarchy: Hierarchy) -> None:
    with make(tmp_path / "lab") as lab:
        upkeep = Upkeep(lab)
        upkeep.advance(NOW)
        old = lab.authorities.current(hierarchy)
        (record,) = lab.repository.find(Search(key_identifier=old.key_identifier))
        revoke(lab, record, RevocationReason.AUTHORITY_COMPROMISE, NOW + HOUR)
        upkeep.run_until(NOW + HOUR)
        last = lists_of(lab, ARL, hierarchy)[-1]
        assert (last.number, last.this_update) == (2, NOW + HOUR)
        assert last.list.is_revoked(old.certificate.serial)
        other = next(each for each in Hierarchy if each is not hierarchy)
        assert len(lists_of(lab, ARL, other)) == 1
        new = lab.authorities.current(hierarchy)
        assert (new.certificate.subject, new.key_identifier != old.key_identifier) == (old.certificate.subject, True)
        states = {one.key_identifier: one.state for one in lab.authorities.all()}
        assert states[old.key_identifier] is State.REVOKED
        with pytest.raises(LabError):
            lab.authorities.private(old)
        application = for_supplier() if hierarchy is Hierarchy.ORGANISATION else for_meter()
        assert issued(lab, application, NOW + HOUR).issuer_key == new.key_identifier


def test_what_a_revoked_authority_has_issued_is_in_force_no_more_and_on_no_list(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        before, meter = issued(lab, for_supplier()), issued(lab, for_meter())
        assert before.name is not None
        assert meter.name is not None
        assert lab.repository.newest(before.name) == before
        authority = lab.authorities.current(Hierarchy.ORGANISATION)
        (record,) = lab.repository.find(Search(key_identifier=authority.key_identifier))
        revoke(lab, record, KEY_COMPROMISE, NOW + HOUR)
        Upkeep(lab).advance(NOW + HOUR)
        assert lab.repository.newest(before.name) is None
        assert lab.repository.newest(meter.name) == meter  # of the other hierarchy
        with pytest.raises(RuleError, match=r"the authority that issued it was revoked.*signs no more lists"):
            revoke(lab, before, KEY_COMPROMISE, NOW + HOUR)
        after = issued(lab, for_supplier(), NOW + HOUR)
        assert lab.repository.newest(before.name) == after
        revoke(lab, after, KEY_COMPROMISE, NOW + HOUR)
        (made,) = Upkeep(lab).advance(NOW + HOUR)
        assert [entry.serial for entry in made.list.entries] == [after.serial]


def test_a_replaced_device_authority_can_still_be_revoked(tmp_path: Path) -> None:
    with make(tmp_path / "lab") as lab:
        first = lab.authorities.current(Hierarchy.DEVICE)
        issued(lab, for_meter(), months_after(NOW, 3))
        (record,) = lab.repository.find(Search(key_identifier=first.key_identifier))
        at = months_after(NOW, 4)
        revoke(lab, record, KEY_COMPROMISE, at)
        Upkeep(lab).advance(at)
        assert lists_of(lab, ARL, Hierarchy.DEVICE)[-1].list.is_revoked(first.certificate.serial)
        assert len([one for one in lab.authorities.all() if one.hierarchy is Hierarchy.DEVICE]) == 3
