"""A device under test, as a test sees it: ask it something, or show that it refuses something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from protocols.errors import RemoteProtocolError
from protocols.eui64 import eui64_text
from protocols.gbcs import alert_codes
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.roles import RemotePartyRole
from protocols.gbcs.use_cases import Protection, by_code
from protocols.instant import Instant

from .alert_reading import alert_code
from .answers import TIME_TOLERANCE, Answer, check, check_answer, check_success, protection_checks, protection_text
from .arrivals import Alert, is_answer, meaning, unasked, what_it_is
from .evidence import Check, Verdict
from .findings import DeviceFinding, Inconclusive
from .head_end import Command, HeadEnd
from .recorder import OpenExchange, finding_text
from .requests import Period, Request
from .rig import kind_name
from .security_log import log_request, logged_codes
from .session import Arrived, NothingCame

if TYPE_CHECKING:
    from .home import Home
    from .pki import Party
    from .rig import DeviceSection
    from .session import Session


LOG_SECONDS = 600
"""How far beyond now the security log is read behind what must be refused."""


LISTEN_STEP = 60
"""Seconds that pass between two looks at what a device has sent, where time is virtual."""


class Observation:
    """Something that is looked at, and the means to check it. What is wrong is a DeviceFinding."""

    def __init__(self, exchange: OpenExchange) -> None:
        self._exchange = exchange

    def expect(self, name: str, expected: object, found: object) -> None:
        """Check that two things are equal."""
        self._exchange.add(check(name, expected, found))

    def within(self, name: str, expected: int, found: int, tolerance: int, unit: str = "") -> None:
        """Check that a number is as expected, give or take ``tolerance``."""
        good = abs(found - expected) <= tolerance
        self._exchange.add(
            check(name, f"{expected} ± {tolerance} {unit}".strip(), f"{found} {unit}".strip(), passed=good)
        )

    def that(self, name: str, expected: str, found: object, *, good: bool) -> None:
        """Check anything; ``good`` says whether it holds."""
        self._exchange.add(check(name, expected, found, passed=good))


class Reply(Observation):
    """A checked answer, and the means to check its values too."""

    def __init__(self, answer: Answer, exchange: OpenExchange, alerts: Sequence[Alert]) -> None:
        super().__init__(exchange)
        self.answer, self.alerts = answer, tuple(alerts)
        self.data, self.results, self.value = answer.data, answer.results, answer.value
        self.components, self.statuses = answer.components, answer.statuses

    def attribute(self, cluster: int, attribute: int) -> Any:
        """The value of an attribute that was read."""
        return self.answer.attribute(cluster, attribute)

    def fields(self, cluster: int, command: int) -> list[Any]:
        """The fields of the answer's cluster commands of that number."""
        return self.answer.command_fields(cluster, command)


class Target:
    """One device of the rig. ``alerts`` are all that it has sent so far."""

    def __init__(self, home: Home, section: DeviceSection, session: Session) -> None:
        self._home, self.section, self._session = home, section, session
        self.name, self.type, self.eui64 = section.name, section.type, section.eui64
        self.alerts: list[Alert] = []
        self.updated_to = ""

    @property
    def session(self) -> Session:
        """Its wire."""
        return self._session

    @property
    def head_end(self) -> HeadEnd:
        """Who speaks to it."""
        return self._home.head_end

    def command(self, request: Request, **how: Any) -> Command:
        """A command for this device, made but not sent; ``how`` as in ``HeadEnd.command``."""
        self._home.tick()
        return self.head_end.command(self.eui64, request, **how)

    @property
    def firmware(self) -> str:
        """The firmware version that the rig or its model says, in upper-case digits; empty if nobody knows it.

        After an update of a real device it is the version that was read back.
        """
        emulated = self._home.emulated(self.name)
        if emulated is not None:
            return emulated.device.personality.firmware_version.upper()
        return (self.updated_to or self.section.firmware).upper()

    @property
    def kind(self) -> str:
        """What it is, as rig files say it."""
        return kind_name(self.type)

    def press(self, key: str) -> None:
        """The consumer presses a key. Raises Inconclusive for a real device: nobody is there to press it."""
        self._only_emulated("nobody can press its keys")
        self._home.press(self.name, key)

    def sense(self, signal: str, *, active: bool) -> None:
        """A sensor changes. Raises Inconclusive for a real device: nobody is there to tamper with it."""
        self._only_emulated("nobody can tamper with it")
        self._home.sense(self.name, signal, active=active)

    def silent(self) -> AbstractContextManager[None]:
        """Meanwhile it has no supply. Raises Inconclusive for a real device."""
        self._only_emulated("nobody can switch it off")
        return self._home.silence(self.name)

    def shown(self, item: str) -> str:
        """What the display shows; empty for nothing. Raises Inconclusive for a real device: nobody reads it."""
        self._only_emulated("nobody reads its display")
        return self._home.diary.shown.get(self.name, {}).get(item, "")

    def level(self, switch: str) -> int:
        """Where a switch stands, percent. Raises Inconclusive for a real device: nobody looks at it."""
        self._only_emulated("nobody looks at its switches")
        return self._home.diary.levels.get(self.name, {}).get(switch, 0)

    def observe(self, use_case: str, title: str) -> Observation:
        """An exchange without a message: what the device does by itself is looked at."""
        self._home.tick()
        return Observation(self._home.recorder.open(self.name, use_case, title))

    @property
    def now(self) -> Instant:
        """True time."""
        return self._home.clock.now()

    def ask(
        self,
        request: Request,
        *,
        sender: RemotePartyRole | None = None,
        on_behalf_of: RemotePartyRole | None = None,
        party: Party | None = None,
        success: bool = True,
    ) -> Reply:
        """Send a command and check the answer in every way; with ``success`` also that all of it was carried out.

        Who sends it is as in ``HeadEnd.command``. Raises DeviceFinding for the first check that does not pass.
        """
        command = self.command(request, sender=sender, on_behalf_of=on_behalf_of, party=party)
        exchange = self._open(command, request.title)
        try:
            arrived = self._home.run(self._round(command))
        except NothingCame as nothing:
            self._note(exchange, nothing.arrived, command)
            exchange.add(check("answer", "a response", "none"))
            raise
        return self._checked(command, exchange, arrived, success=success)

    def may_answer(self, request: Request, party: Party) -> Reply | None:
        """Ask as somebody whose keys the device may not know (any more): None if it does not answer, which is right."""
        command = self.command(request, party=party)
        exchange = self._open(command, request.title)
        try:
            arrived = self._home.run(self._round(command))
        except NothingCame as nothing:
            self._note(exchange, nothing.arrived, command)
            exchange.add(check("answer", "a response, or none if it does not know these keys", "none", passed=True))
            return None
        return self._checked(command, exchange, arrived, success=True)

    def _checked(self, command: Command, exchange: OpenExchange, arrived: list[Arrived], *, success: bool) -> Reply:
        alerts = self._note(exchange, arrived, command)
        answer = self._answer(command, arrived)
        exchange.add(*answer.checks, *(check_success(answer) if success else ()), *unasked(arrived))
        return Reply(answer, exchange, alerts)

    def listen(
        self, use_case: str, title: str, wanted: Callable[[Message], bool], seconds: int
    ) -> tuple[Observation, Message | None]:
        """Wait for a message that the device sends by itself; None if it does not within so many seconds.

        The seconds pass at once where time is virtual. Everything that arrives is kept with the exchange.
        """
        self._home.tick()
        exchange = self._home.recorder.open(self.name, use_case, title)
        end = self.now + seconds
        while True:
            arrived = self._home.run(self._arrived(wanted, end - self.now))
            self._note(exchange, arrived, None)
            found = next((a.message for a in arrived if a.message is not None and wanted(a.message)), None)
            if found is not None or self.now >= end:
                return Observation(exchange), found
            if self._home.clock.virtual:
                self._home.pass_time(min(LISTEN_STEP, end - self.now))

    def pass_on(self, command: Command) -> None:
        """Send a command for another device, as a hub passes them on; nobody waits for its answer here."""
        self._home.tick()
        exchange = self._open(command, f"{command.request.title}, by way of the {self.name}")
        self._home.head_end.keep(command)
        self._home.run(self._session.send(command.octets))
        arrived = self._home.run(self._session.rest())
        self._note(exchange, arrived, None)
        own = [what_it_is(one) for one in arrived if one.message is None or one.message.cra is not Cra.ALERT]
        exchange.add(check(f"answers of the {self.name} itself", "none", ", ".join(own) or "none"))

    def refuses(self, command: Command, reason: int, title: str) -> None:
        """Show that a command is not answered, and that the device says why.

        A read of the security log is sent right behind it: when that is answered and the command was not, it never
        will be. ``reason`` is the event that the refusal must raise; the catalogue says whether as an alert, as an
        entry of the security log, or both. Raises DeviceFinding.
        """
        self._home.tick()
        barrier = self._barrier()
        exchange = self._open(command, title)
        try:
            arrived = self._home.run(self._round(command, barrier))
        except NothingCame as nothing:
            self._note(exchange, nothing.arrived, command)
            exchange.add(check("a good read right behind it", "answered", "no answer"))
            raise
        before = [a for a in arrived if not is_answer(a, barrier)]
        wrongly = [a for a in before if a.message is None or a.message.cra is not Cra.ALERT]
        alerts = self._note(exchange, before, command)
        answer = self._answer(barrier, arrived)
        exchange.checks += [
            check("answer to what must be refused", "none", what_it_is(wrongly[0]) if wrongly else "none"),
            *self._reasons(reason, alerts, answer),
        ]
        self._home.recorder.close()
        self._record_barrier(barrier, answer, arrived)
        failed = next((made for made in exchange.checks if made.verdict is Verdict.FAIL), None)
        if failed is not None:
            raise DeviceFinding(finding_text(failed), recorded=True)

    def try_out(self, octets: bytes, title: str, command: Command | None) -> None:
        """Send octets and record what the device makes of them. ``command`` is what they are, if they are one of ours.

        A read of the security log behind them shows when no answer will come, and what the device noted.
        Raises NoClearanceError, and sends nothing, where they activate firmware that is not on the home's list.
        """
        from .products.activation import check_given  # only for messages of somebody's own

        check_given(octets, self._home)
        self._home.tick()
        barrier = self._barrier()
        name = command.use_case.name if command is not None else ""
        exchange = self._home.recorder.open(self.name, name, title)
        exchange.sent = self._home.seen("sent", octets)
        try:
            arrived = self._home.run(self._round(barrier, first=octets))
        except NothingCame as nothing:
            arrived = nothing.arrived
        before = [a for a in arrived if not is_answer(a, barrier)]
        alerts = self._note(exchange, before, command)
        answers = [a for a in before if a.message is not None and a.message.cra is Cra.RESPONSE]
        if answers and command is not None:
            answer = check_answer(self.head_end, command, answers[0].octets, self._true_time())
            exchange.checks += answer.checks
        elif not answers:
            noted = [f"alert {alert.code:04X} {meaning(alert.code)}" for alert in alerts]
            if len(before) < len(arrived):
                log = logged_codes(self._answer(barrier, arrived))
                noted += [f"security log {code:04X} {meaning(code)}" for code in log]
            exchange.checks.append(check("answer", "a response", f"none; {', '.join(noted) or 'nothing noted'}"))
        self._home.recorder.close()

    async def close(self) -> None:
        """Give the wire back."""
        await self._session.close()

    # inside

    def _only_emulated(self, reason: str) -> None:
        if self._home.emulated(self.name) is None:
            raise Inconclusive(f"{self.name} is a real device, and {reason}")

    def _barrier(self) -> Command:
        """A good read, of what the security log says from now on; a real device's clock may be a little slow."""
        since = self.now if self._home.clock.virtual else self.now - TIME_TOLERANCE
        return self.head_end.command(self.eui64, log_request(self.type, Period(since, self.now + LOG_SECONDS)))

    async def _arrived(self, wanted: Callable[[Message], bool], seconds: int) -> list[Arrived]:
        """What an emulated device has sent; of a real one, what comes until the message that is wanted, or silence."""
        if self._home.emulated(self.name) is not None or seconds <= 0:
            return await self._session.rest()
        try:
            return await self._session.collect(lambda a: a.message is not None and wanted(a.message))
        except NothingCame as nothing:
            return nothing.arrived

    async def _round(self, *commands: Command, first: bytes = b"") -> list[Arrived]:
        if first:
            await self._session.send(first)
        for command in commands:
            self._home.head_end.keep(command)
            await self._session.send(command.octets)
        arrived = await self._session.collect(lambda a: is_answer(a, commands[-1]))
        return arrived + await self._session.rest()

    def _open(self, command: Command, title: str) -> OpenExchange:
        """What is about to be sent. Raises GateError where that would activate firmware that is not cleared."""
        self.head_end.check_sending(command)
        exchange = self._home.recorder.open(self.name, command.use_case.name, title)
        exchange.sent = self._home.seen("command", command.octets, command.party)
        return exchange

    def _note(self, exchange: OpenExchange, arrived: Sequence[Arrived], command: Command | None) -> list[Alert]:
        """Keep what arrived; check every alert among it."""
        alerts = []
        for one in arrived:
            name = "response" if command is not None and is_answer(one, command) else what_it_is(one)
            if one.message is not None and one.message.cra is Cra.ALERT:
                try:
                    alert, checks = self._check_alert(one.message)
                except RemoteProtocolError as error:
                    checks = [check("alert", "as its message code says", str(error), passed=False)]
                else:
                    alerts.append(alert)
                    name = f"alert {alert.code:04X}"
                exchange.checks += checks
            exchange.received.append(self._home.seen(name, one.octets))
        self.alerts += alerts
        return alerts

    def _check_alert(self, message: Message) -> tuple[Alert, list[Check]]:
        code = alert_code(decode_payload(message))
        case = by_code(message.message_code)
        wanted = case.alert if case else Protection.SIGNATURE
        has = Protection.SIGNATURE if message.signature else Protection.NONE
        has |= Protection.NONE if message.mac is None else Protection.MAC
        named = f" of alert {code:04X}"
        checks = [
            check(f"originator{named}", eui64_text(self.eui64), eui64_text(message.originator)),
            check(f"protection{named}", protection_text(wanted), protection_text(has)),
            *protection_checks(message, self._home.observer_of(self.eui64), named),
        ]
        return Alert(code, message.message_code, message.recipient), checks

    def _answer(self, command: Command, arrived: Sequence[Arrived]) -> Answer:
        octets = next(a.octets for a in arrived if is_answer(a, command))
        return check_answer(self._home.head_end, command, octets, self._true_time())

    def _true_time(self) -> Instant | None:
        """The time that the header of an answer should show; of a real device nobody knows how it was set."""
        return self.now if self._home.clock.virtual else None

    def _reasons(self, reason: int, alerts: Sequence[Alert], log: Answer) -> list[Check]:
        """That the event was raised where the catalogue says: alert, security log, or both."""
        row = alert_codes.by_code(reason)
        checks = []
        if row is not None and row.wan is alert_codes.Wan.GENERIC:
            found = ", ".join(f"{alert.code:04X}" for alert in alerts) or "none"
            checks.append(
                check("alert", f"{reason:04X} {row.meaning}", found, passed=reason in {a.code for a in alerts})
            )
        if row is not None and row.log_on(self.type) is alert_codes.Log.SECURITY:
            codes = logged_codes(log)
            found = ", ".join(f"{code:04X}" for code in codes) or "no entry"
            checks.append(check("security log", f"{reason:04X} {row.meaning}", found, passed=reason in codes))
        return checks

    def _record_barrier(self, barrier: Command, answer: Answer, arrived: Sequence[Arrived]) -> None:
        """The good read is an exchange of its own."""
        exchange = self._open(barrier, "Read the security log right behind what must be refused")
        self._note(exchange, [a for a in arrived if is_answer(a, barrier)], barrier)
        exchange.checks += [*answer.checks]
        self._home.recorder.close()
        if answer.failed is not None:
            raise DeviceFinding(finding_text(answer.failed), recorded=True)
