"""Recovery from a compromise of organisations' keys (Smart Energy Code S3 163-167; recovery procedure, D16).

The recovery key replaces the credentials of the roles concerned on a set of devices, and is itself renewed after use.
Where it can be trusted no more, or the root, the contingency key replaces everything, the root included. Devices
concerned have the status *recovery* in the inventory, and *recovered* afterwards.

What a device holds it is asked first. So a recovery that broke off, or a device that did its part and whose answer was
lost, is taken up where it stands: devices that are done are only noted as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from hal.channel import ChannelTimeout, TransientChannelError
from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.eui64 import Eui64
from protocols.gbcs.asn1_credentials import CredentialStatus, ReplacementMode
from protocols.gbcs.keys import KeyUse
from protocols.gbcs.roles import RemotePartyRole

from ..findings import DeviceFinding
from ..head_end import BROKER
from ..inventory import Inventory, Status
from ..pki import CELLS, Party
from ..target import Reply, Target
from .cells import ROOT_CELL, cells_of, details_request, holds, reported
from .update import AUTHORISERS, Row, Update, cell_text, check_results, floor, results_of, rows_for, update_request

if TYPE_CHECKING:
    from ..home import Home

RECOVERY, CONTROLLER = RemotePartyRole.RECOVERY, RemotePartyRole.LOAD_CONTROLLER
_BY_RECOVERY, _BY_CONTINGENCY = ReplacementMode.ANY_EXCEPT_ABNORMAL_ROOT_BY_RECOVERY, ReplacementMode.ANY_BY_CONTINGENCY


class Outcome(StrEnum):
    """What has become of a device."""

    RECOVERED = "recovered"
    PARTLY = "partly recovered"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    NOT_CONCERNED = "not concerned"


class DeviceRecovery(NamedTuple):
    """One device: what has become of it, the roles whose credentials are new, and why others are not."""

    device: Eui64
    name: str
    outcome: Outcome
    roles: tuple[RemotePartyRole, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """All devices, in the order in which they were spoken to; ``renewal``: how they took the new recovery key."""

    devices: tuple[DeviceRecovery, ...]
    renewal: tuple[DeviceRecovery, ...] = ()

    @property
    def left(self) -> tuple[DeviceRecovery, ...]:
        """The devices with which something is left to do."""
        finished = (Outcome.RECOVERED, Outcome.NOT_CONCERNED)
        return tuple(d for d in (*self.devices, *self.renewal) if d.outcome not in finished)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.left

    def lines(self) -> list[str]:
        """One line for each device and step."""
        renewal = [_line(each, ": new recovery key") for each in self.renewal]
        return [_line(each) for each in self.devices] + renewal


def _line(done: DeviceRecovery, step: str = "") -> str:
    return f"{done.name}{step}: {done.outcome}{f', {done.reason}' if done.reason else ''}"


class Recovery:
    """One compromise, and how it is undone. After a crash make it again: it finds out what is done already.

    ``compromised`` are the parties whose keys are not to be trusted any more; their next generation takes their place.
    Raises LocalProtocolError for the recovery key itself, which only the contingency key can replace then.
    """

    def __init__(self, home: Home, compromised: Iterable[Party], inventory: Inventory | None = None) -> None:
        self._home, self._book = home, _Book(home, inventory)
        self._compromised = tuple(dict.fromkeys(compromised))
        if any(party.role is RECOVERY for party in self._compromised):
            raise LocalProtocolError(
                "a recovery key that is compromised does not replace itself: use the contingency key"
            )
        self._new = {party: home.pki.renewed(self._newest(party)) for party in self._compromised}

    def run(self, targets: Sequence[Target]) -> RecoveryReport:
        """The whole procedure. Call it again while something is left: what is done is not done again.

        The devices are declared to be in recovery, their credentials replaced, and when that is done on all of them the
        recovery key pair is renewed.
        """
        self.declare(targets)
        report = self.replace(targets)
        return replace(report, renewal=self.renew_recovery_key(targets).devices) if report.complete else report

    def declare(self, targets: Sequence[Target], why: str = "organisation keys are compromised") -> None:
        """The devices concerned get the status *recovery*; those that are recovered already keep theirs."""
        for target in targets:
            if any(party in self._compromised for party in self._concerned(target)):
                self._book.note(target, Status.RECOVERY, why)

    def replace(self, targets: Sequence[Target]) -> RecoveryReport:
        """Replace the credentials on each device that does not have the new ones yet; one that fails stops no other."""
        return RecoveryReport(tuple(self._recover(target) for target in targets))

    def renew_recovery_key(self, targets: Sequence[Target]) -> RecoveryReport:
        """After use: every device that knows the recovery key gets a new one, signed for by the one before."""
        return RecoveryReport(tuple(self._renew(target) for target in targets))

    # inside

    def _newest(self, party: Party) -> Party:
        """The newest of the compromised keys of the same party: that behind it takes the place of them all."""
        same = (each for each in self._compromised if (each.role, each.eui64) == (party.role, party.eui64))
        return max(same, key=lambda each: each.generation)

    def _concerned(self, target: Target) -> dict[Party, Party]:
        """The parties that a device knows and that are compromised, or were; and what takes their place."""
        roles = {party.role for party in self._compromised if cells_of(target.type, party.role)}
        held = [self._home.head_end.holder(role, target.eui64) for role in sorted(roles)]
        known = {**{new: new for new in self._new.values()}, **self._new}
        return {party: known[party] for party in held if party in known}

    def _recover(self, target: Target) -> DeviceRecovery:
        new = tuple(self._concerned(target).values())
        if not new:
            return _result(target, Outcome.NOT_CONCERNED, reason="it knows none of the parties concerned")
        signer = self._home.head_end.holder(RECOVERY, target.eui64)
        brokers = (self._home.head_end.holder(BROKER, target.eui64), *(each for each in new if each.role is BROKER))
        work = _Work(_BY_RECOVERY, new, signer, (signer, *brokers), "Replace credentials by the recovery key")
        done = _carry_out(self._home, target, work)
        if done.outcome is Outcome.RECOVERED:
            self._book.note(target, Status.RECOVERED, "credentials replaced by the recovery key")
        return done

    def _renew(self, target: Target) -> DeviceRecovery:
        if not cells_of(target.type, RECOVERY):
            return _result(target, Outcome.NOT_CONCERNED, reason="it does not know the recovery key")
        head_end = self._home.head_end
        new, held = self._home.pki.renewed(self._before), head_end.holder(RECOVERY, target.eui64)
        asks = head_end.holder(BROKER, target.eui64)
        title = "Renew the recovery key after its use"
        return _carry_out(self._home, target, _Work(_BY_RECOVERY, (new,), held, (asks,), title))

    @cached_property
    def _before(self) -> Party:
        """The recovery key that is used up: the newest that any device has."""
        held = (self._home.head_end.holder(RECOVERY, target.eui64) for target in self._home.targets)
        return max(held, key=lambda party: party.generation)


class ContingencyRecovery:
    """When neither the recovery key nor the root can be trusted: the contingency key replaces all there is.

    ``root`` counts the root that the devices hold, whose contingency key is used: 0 for the first.
    """

    def __init__(self, home: Home, inventory: Inventory | None = None, root: int = 0) -> None:
        self._home, self._book, self._root = home, _Book(home, inventory), root

    def run(self, targets: Sequence[Target]) -> RecoveryReport:
        """The whole procedure. Call it again while something is left: what is done is not done again."""
        for target in targets:
            if CELLS[target.type] and self._holds_old_root(target):
                self._book.note(target, Status.RECOVERY, "the root or the recovery key is compromised")
        return RecoveryReport(tuple(self._recover(target) for target in targets))

    def _holds_old_root(self, target: Target) -> bool:
        return any(self._home.head_end.holder(role, target.eui64).root == self._root for role in _roles(target))

    def _recover(self, target: Target) -> DeviceRecovery:
        if not CELLS[target.type]:
            return _result(target, Outcome.NOT_CONCERNED, reason="it has no trust anchors")
        pki, held = self._home.pki, {role: self._home.head_end.holder(role, target.eui64) for role in _roles(target)}
        new = {
            role: pki.renewed(party, self._root + 1) if party.root == self._root else party
            for role, party in held.items()
        }
        key = pki.contingency(self._root)
        title = "Replace root and credentials by the contingency key"
        asks = (held[BROKER], new[BROKER])
        work = _Work(_BY_CONTINGENCY, tuple(new.values()), key.party, asks, title, key.symmetric_key)
        done = _carry_out(self._home, target, work)
        if done.outcome is Outcome.RECOVERED:
            self._book.note(target, Status.RECOVERED, "credentials replaced by the contingency key")
        return done


def _roles(target: Target) -> tuple[RemotePartyRole, ...]:
    return tuple(dict.fromkeys(role for role, _ in CELLS[target.type]))


class _Work(NamedTuple):
    """What is to be replaced on a device, who signs for it, and who may ask the device what it holds, in turn."""

    mode: ReplacementMode
    new: tuple[Party, ...]
    signer: Party
    asks: Sequence[Party]
    title: str
    symmetric_key: bytes | None = None


def _carry_out(home: Home, target: Target, work: _Work) -> DeviceRecovery:
    """Ask what the device holds, replace the rest, and go on with what it has confirmed."""
    roles = tuple(party.role for party in work.new)
    try:
        missing = _missing(target, work)
        if not missing:
            done, failed = set(work.new), ""
        else:
            done, failed = _replace_missing(home, target, work, missing)
    except (DeviceFinding, RemoteProtocolError, TransientChannelError) as error:
        silent = isinstance(error, ChannelTimeout) or isinstance(error.__context__, ChannelTimeout)
        return _result(target, Outcome.NO_ANSWER if silent else Outcome.REFUSED, reason=str(error))
    for party in done:
        home.head_end.install(target.eui64, party)
    if failed:
        return _result(target, Outcome.PARTLY, [party.role for party in done], failed)
    return _result(target, Outcome.RECOVERED, roles, "" if missing else "done before")


def _missing(target: Target, work: _Work) -> list[tuple[Party, KeyUse]]:
    """The cells that do not hold what they should."""
    roles = tuple(party.role for party in work.new)
    asks, reply = _first_who_is_answered(
        target, work.asks, tuple(role for role in roles if role is not CONTROLLER) or (BROKER,)
    )
    replies = dict.fromkeys(roles, reply)
    if CONTROLLER in roles:  # by a use case of its own, which leaves out others and is not for the recovery key
        asks = asks if asks.role is BROKER else target.head_end.holder(BROKER, target.eui64)
        replies[CONTROLLER] = target.ask(details_request(asks, CONTROLLER), party=asks)
    return [
        (party, use)
        for party in work.new
        for use in cells_of(target.type, party.role)
        if not holds(reported(replies[party.role], party.role), party, use)
    ]


def _first_who_is_answered(
    target: Target, parties: Sequence[Party], roles: tuple[RemotePartyRole, ...]
) -> tuple[Party, Reply]:
    for asks in parties[:-1]:
        reply = target.may_answer(details_request(asks, *roles), asks)
        if reply is not None:
            return asks, reply
    return parties[-1], target.ask(details_request(parties[-1], *roles), party=parties[-1])


def _replace_missing(
    home: Home, target: Target, work: _Work, missing: Sequence[tuple[Party, KeyUse]]
) -> tuple[set[Party], str]:
    """The parties all of whose credentials the device holds now, and in words what it did not take."""
    update = _update(home, work, missing)
    reply = target.ask(update_request(update, work.title), party=work.signer)
    found = results_of(reply)
    wrong = {row.cell: found[row.cell].status if row.cell in found else None for row in update.rows}
    wrong = {each: status for each, status in wrong.items() if status is not CredentialStatus.SUCCESS}
    if not wrong:
        check_results(reply, update.rows)
    failed = "; ".join(f"{cell_text(each)}: {'not reported' if s is None else s.name}" for each, s in wrong.items())
    unable = {each.role for each in wrong}
    return {party for party in work.new if party.role not in unable}, failed


def _update(home: Home, work: _Work, missing: Sequence[tuple[Party, KeyUse]]) -> Update:
    infrastructure = home.pki.authority(work.new[0].root)
    rows = [row for party, use in missing for row in rows_for(party, (use,))]
    if work.mode is _BY_CONTINGENCY:
        rows.insert(0, Row(ROOT_CELL, infrastructure.organisation_root.certificate.octets))
    floors = {
        party.role: floor(home.head_end, party, [use for of, use in missing if of is party])
        for party in dict.fromkeys(party for party, _ in missing)
    }
    own = floors.pop(work.signer.role, None)
    if work.mode is _BY_CONTINGENCY:
        own = floor(home.head_end, work.signer)
    return Update(
        work.mode,
        rows,
        (infrastructure.organisation_authority.certificate.octets,),
        own=own,
        party=work.signer.eui64,
        others=tuple(floors.values()),
        authoriser=AUTHORISERS[work.mode],
        symmetric_key=work.symmetric_key,
    )


def _result(
    target: Target, outcome: Outcome, roles: Iterable[RemotePartyRole] = (), reason: str = ""
) -> DeviceRecovery:
    return DeviceRecovery(target.eui64, target.name, outcome, tuple(sorted(roles)), reason)


class _Book:
    """The statuses in the inventory, where there is one and it has the device."""

    def __init__(self, home: Home, inventory: Inventory | None) -> None:
        self._home, self._inventory = home, inventory

    def note(self, target: Target, status: Status, why: str) -> None:
        """A device has a status; what it has already is not noted twice."""
        known = self._inventory.find(target.eui64) if self._inventory is not None else None
        if self._inventory is not None and known is not None and known.status is not status:
            self._inventory.set_status(target.eui64, status, self._home.clock.now(), why)
