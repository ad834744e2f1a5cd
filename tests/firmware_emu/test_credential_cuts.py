"""The power fails before any write to memory while credentials are replaced: old or new ones are there, usable."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from firmware_emu.nvm import Medium, MemoryNvm, PowerCut
from firmware_emu.parts.credentials.rules import CELLS, modes_of, role_behind
from firmware_emu.parts.credentials.update import CredentialUpdate
from protocols.gbcs.asn1_credentials import CredentialReplacement, ReplacementMode, ReplacementResult
from protocols.gbcs.roles import DeviceType
from protocols.instant import DAY

from .asn1_home import START
from .credential_desk import MODE, SUCCESS, Desk, parcel, statuses

USUAL = [
    (next(kind for kind in (DeviceType.ESME, DeviceType.CHF) if mode in modes_of(kind)), mode)
    for mode in ReplacementMode
]
OTHERS = [(kind, mode) for kind in CELLS for mode in sorted(modes_of(kind)) if (kind, mode) not in USUAL]
MOST_WRITES = 200
TOMORROW = START + DAY
Held = dict[str, bytes]


def goal(kind: DeviceType, mode: ReplacementMode) -> tuple[Held, Held]:
    """What the cells hold before and after an update that nothing disturbs."""
    desk = Desk(kind, mode)
    before = desk.held()
    desk.ask(parcel(kind, mode))
    return before, desk.held()


def cut_off(
    kind: DeviceType, mode: ReplacementMode, prepare: Callable[[Desk], object], work: Callable[[Desk], object]
) -> Iterator[Desk]:
    """The device after each of the cuts that ``work`` can suffer: started again, from its memory alone."""
    for write in range(1, MOST_WRITES):
        medium = Medium()
        desk = Desk(kind, mode, nvm=MemoryNvm(medium))
        prepare(desk)
        medium.cut_power_before(write)
        try:
            work(desk)
        except PowerCut:
            desk.restart(MemoryNvm(medium))
            yield desk
        else:
            return
    raise AssertionError("more writes than there should be")


def is_usable(desk: Desk, *, renewed: bool) -> bool:
    """True if the next commands are answered: by the keys before, or by those that the update has brought."""
    if renewed:
        desk.learn(desk.cells)
    gone = desk.mode is MODE.ANY_BY_CONTINGENCY and renewed  # the contingency key goes with its root
    mode = MODE.TRANSITIONAL_COS_BY_TRANSITIONAL_COS if gone else desk.mode
    return desk.works(mode) and desk.broker_works()


def check_at_once(kind: DeviceType, mode: ReplacementMode) -> None:
    before, after = goal(kind, mode)
    seen = []
    for desk in cut_off(kind, mode, lambda _desk: None, lambda desk: desk.ask(parcel(kind, mode))):
        held = desk.held()
        assert held in (before, after)
        seen.append(held)
        assert is_usable(desk, renewed=held == after)
        if held == before:  # and sent again, in a new command
            assert set(statuses(desk.ask(parcel(kind, mode)))) == {SUCCESS}
            assert desk.held() == after
    assert before in seen
    assert after in seen


def check_later(kind: DeviceType, mode: ReplacementMode) -> None:
    """A cut when its time has come: it is done when the power is back, if it was not done before."""
    before, after = goal(kind, mode)

    def ask(desk: Desk) -> None:
        desk.send(desk.message(parcel(kind, mode)._replace(at=TOMORROW)))
        assert len(desk.answers()) == 1
        assert desk.held() == before
        desk.rig.advance(TOMORROW - 1)

    cuts = 0
    for desk in cut_off(kind, mode, ask, lambda desk: desk.rig.advance(TOMORROW)):
        cuts += 1
        assert desk.held() == after
        assert is_usable(desk, renewed=True)
        assert not desk.rig.advance(TOMORROW + DAY)
        assert desk.held() == after
    assert cuts > 4


@pytest.mark.parametrize(("kind", "mode"), USUAL)
def test_a_cut_while_an_update_is_done_at_once(kind: DeviceType, mode: ReplacementMode) -> None:
    check_at_once(kind, mode)


@pytest.mark.parametrize(("kind", "mode"), USUAL)
def test_a_cut_while_a_dated_update_is_done(kind: DeviceType, mode: ReplacementMode) -> None:
    check_later(kind, mode)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mode"), OTHERS)
def test_a_cut_on_the_other_devices(kind: DeviceType, mode: ReplacementMode) -> None:
    check_at_once(kind, mode)
    check_later(kind, mode)


def test_a_command_whose_execution_was_cut_off_does_not_run_when_it_is_sent_again() -> None:
    """Its counter counts before it is carried out: from then on only another command does it."""
    kind, mode = DeviceType.ESME, MODE.SUPPLIER_BY_SUPPLIER
    message = Desk(kind, mode).message(parcel(kind, mode))
    before, _ = goal(kind, mode)
    again = []
    for desk in cut_off(kind, mode, lambda _desk: None, lambda desk: desk.send(message)):
        if desk.held() == before:
            counted = desk.rig.device.counters.executed(role_behind(mode)) == message.counter
            desk.send(message)
            assert bool(desk.answers()) is not counted
            again.append(counted)
    assert again == sorted(again)
    assert set(again) == {False, True}


def test_a_cut_while_a_dated_update_is_taken_leaves_it_waiting_or_not_there() -> None:
    kind, mode = DeviceType.ESME, MODE.SUPPLIER_BY_TRANSITIONAL_COS
    before, after = goal(kind, mode)
    seen = set()
    what = parcel(kind, mode)._replace(at=TOMORROW)
    for desk in cut_off(kind, mode, lambda _desk: None, lambda desk: desk.send(desk.message(what))):
        assert desk.held() == before
        assert desk.works(MODE.SUPPLIER_BY_SUPPLIER)
        waits = desk.rig.device.future.pending("credentials 0107") is not None
        seen.add(waits)
        desk.rig.advance(TOMORROW)
        assert desk.held() == (after if waits else before)
    assert seen == {False, True}


def test_a_device_that_writes_cell_by_cell_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = CredentialUpdate._replace

    def fill_and_commit(update: CredentialUpdate, row: CredentialReplacement) -> ReplacementResult:
        result = fill(update, row)
        update._device.commit()
        return result

    monkeypatch.setattr(CredentialUpdate, "_replace", fill_and_commit)
    with pytest.raises(AssertionError):
        check_at_once(DeviceType.ESME, MODE.SUPPLIER_BY_SUPPLIER)
