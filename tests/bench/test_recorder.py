"""The record of a run: exchanges that belong together."""

from __future__ import annotations

import pytest

from bench.evidence import Exchange, Procedure, Verdict
from bench.findings import DeviceFinding
from bench.recorder import Recorder


def made() -> Recorder:
    """A recorder whose clock stands still, with one exchange before."""
    recorder = Recorder(lambda: 0, lambda _exchange: None)
    said(recorder, "before")
    return recorder


def said(recorder: Recorder, title: str) -> Exchange | None:
    """One exchange."""
    recorder.open("meter", "CS06", title)
    return recorder.close(Verdict.PASS)


def test_a_procedure_holds_the_exchanges_inside() -> None:
    """Also the one that is still open at its end; what comes later does not belong to it."""
    recorder = made()
    with recorder.procedure("Update", "meter") as say:
        said(recorder, "one")
        say("cleared")
        recorder.open("meter", "CS06", "two")
    said(recorder, "after")
    assert recorder.whole_procedures() == (Procedure("Update", "meter", ("cleared",), 2, 3),)
    assert [each.title for each in recorder.exchanges] == ["before", "one", "two", "after"]


def test_what_breaks_a_procedure_off_is_its_last_line() -> None:
    """The exchange that will be made for the reason belongs to it."""
    recorder = made()
    with pytest.raises(DeviceFinding), recorder.procedure("Update", "meter"):
        raise DeviceFinding("no receipt")
    recorder.end_test("meter", "update", Verdict.FAIL, "no receipt")
    (procedure,) = recorder.whole_procedures()
    assert procedure.steps == ("no receipt",)
    assert recorder.exchanges[procedure.last - 1].verdict is Verdict.FAIL


def test_a_procedure_does_not_go_beyond_the_exchanges() -> None:
    """A finding that is on record already makes no exchange; nor does one that nobody records."""
    for recorded in (True, False):
        recorder = made()
        with pytest.raises(DeviceFinding):
            _refused(recorder, recorded=recorded)
        assert recorder.whole_procedures() == (Procedure("Update", "meter", ("refused",), 2, 2),)


def _refused(recorder: Recorder, *, recorded: bool) -> None:
    with recorder.procedure("Update", "meter"):
        said(recorder, "the gate")
        raise DeviceFinding("refused", recorded=recorded)


def test_procedures_stand_in_the_order_in_which_they_began() -> None:
    """One inside another stands behind it."""
    recorder = made()
    with recorder.procedure("Recovery", "all"), recorder.procedure("Hand-over", "meter"):
        said(recorder, "one")
    assert [each.title for each in recorder.whole_procedures()] == ["Recovery", "Hand-over"]
