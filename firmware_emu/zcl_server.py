"""The ZigBee clusters of a gas device: parts register commands and attributes, GBZ payloads are carried out on them.

A command handler takes the component and gives replies, or None for a default response; it may raise ``ZclFailed``.
Every component of a command is answered, in order, with its own sequence number. A preset is the maker's way in: it
puts the device into the state in which reading an attribute, or a command, gives the answer that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from protocols.errors import LocalProtocolError, MissingKeyError
from protocols.gbcs.gbz import Component, GbzPayload
from protocols.gbcs.sensitive import encrypt_component
from protocols.gbcs.use_cases_instructions import GbzInstruction, gbz_instructions
from protocols.zigbee.smart_energy import find_attribute
from protocols.zigbee.zcl import (
    AttributeRecord,
    ClusterCommand,
    CommandRow,
    DefaultResponse,
    ReadAttributes,
    ReadAttributesResponse,
)

from .cosem import NoPreset
from .refusals import ZCL_FAILURE, ZCL_NOT_FOUND, ZclFailed

if TYPE_CHECKING:
    from protocols.gbcs.keys import KeyStore
    from protocols.gbcs.message import Message
    from protocols.gbcs.use_cases import UseCase
    from protocols.instant import Instant

UNSUPPORTED_ATTRIBUTE = 0x86
UNSUPPORTED_COMMAND = 0x81
ANY_COMMAND = 0xFF
"""What the default response of a component names that was not carried out because an earlier one failed."""


class Reply(NamedTuple):
    """One answer to a component. ``quiet`` disables the default response; ``sensitive`` has the payload encrypted."""

    content: ClusterCommand
    quiet: bool = True
    sensitive: bool = False


LOUD_SECRETS = frozenset({(0x0075, 0x0705)})
"""(message code, cluster) of encrypted answers to a read that leave the default response enabled (GBCS GCS14)."""

Handler = Callable[[Component], "Sequence[Reply] | None"]
Read = Callable[[], Any]
Preset = Callable[[Any], None]
CommandPreset = Callable[[ClusterCommand, "Sequence[ClusterCommand]"], None]
"""Takes a command and what it is to be answered with: the published commands, or none for success alone."""


class _Served(NamedTuple):
    read: Read
    type: int
    sensitive: bool
    preset: Preset | None


class ZclServer:
    """All clusters of one device."""

    def __init__(self) -> None:
        self._commands: dict[tuple[int, bool, int], Handler] = {}
        self._attributes: dict[tuple[int, int], _Served] = {}
        self._presets: dict[tuple[int, bool, int], CommandPreset] = {}
        self._pinned: list[tuple[Component, Sequence[Reply] | int]] = []
        self.times: dict[tuple[int, bool, int], Callable[[Component], Instant | None]] = {}
        """Commands that may be dated: when such a component is to take effect, None for at once."""
        self.quiet_reads: set[tuple[int, int]] = set()
        """(message code, cluster) of reads in clear whose answer disables the default response all the same."""
        self.faults: dict[tuple[int, bool, int] | tuple[int, int], int] = {}
        """Commands (cluster, to client, command) and attributes (cluster, attribute) that fail with a status."""
        self.good_uses: dict[tuple[int, bool, int] | tuple[int, int], int] = {}
        """How often what is to fail still works before its fault shows; 0 where nothing is said."""

    # registering

    def command(
        self,
        cluster: int,
        command: int,
        handler: Handler,
        *,
        to_client: bool = False,
        preset: CommandPreset | None = None,
    ) -> None:
        """Serve a command. Raises LocalProtocolError if another part serves it already.

        ``preset`` takes such a command and what it is to be answered with.
        """
        key = (cluster, to_client, command)
        if key in self._commands:
            raise LocalProtocolError(f"two parts serve command {cluster:04X}/{command:02X}")
        self._commands[key] = handler
        if preset is not None:
            self._presets[key] = preset

    def attribute(
        self, cluster: int, attribute: int, read: Read, *, sensitive: bool = False, preset: Preset | None = None
    ) -> None:
        """Serve an attribute of the cluster tables. Raises LocalProtocolError for an unknown or a second one.

        ``preset`` takes the value that ``read`` is to give.
        """
        row = find_attribute(cluster, attribute)
        if row is None or (cluster, attribute) in self._attributes:
            raise LocalProtocolError(f"attribute {cluster:04X}/{attribute:04X} is unknown or served twice")
        self._attributes[cluster, attribute] = _Served(read, row.type, sensitive, preset)

    # the maker's way in

    def preset_attribute(self, cluster: int, attribute: int, value: Any) -> None:
        """Put the device into the state in which the attribute reads ``value``.

        Raises NoPreset if no part offers that, ZclFailed if the value cannot be.
        """
        served = self._attributes.get((cluster, attribute))
        if served is None or served.preset is None:
            raise NoPreset(f"no preset for attribute {cluster:04X}/{attribute:04X}")
        served.preset(value)

    def pin_attribute(self, cluster: int, record: AttributeRecord) -> None:
        """Have an attribute read as in ``record`` until the device is made anew; nothing follows from it.

        For values and types of which the device's rules say that they cannot be, and for attributes that it does not
        have.
        """
        served = self._attributes.get((cluster, record.attribute))
        pinned = _Served(lambda: record.value, record.type or 0, served is not None and served.sensitive, None)
        self._attributes[cluster, record.attribute] = pinned

    def preset_command(self, asked: ClusterCommand, answers: Sequence[ClusterCommand]) -> None:
        """Put the device into the state in which ``asked`` is answered with ``answers``; none: with success alone.

        Raises NoPreset if no part offers that, ZclFailed if it cannot be.
        """
        row = asked.row
        preset = self._presets.get((row.cluster, row.to_client, row.command))
        if preset is None:
            raise NoPreset(f"no preset for command {row.cluster:04X}/{row.command:02X}")
        preset(asked, answers)

    def shows_attribute(self, cluster: int, record: AttributeRecord) -> bool:
        """True if the attribute reads as in ``record`` now, or is not served; faults do not count."""
        served = self._attributes.get((cluster, record.attribute))
        try:
            return served is None or (served.type == record.type and bool(served.read() == record.value))
        except ZclFailed:
            return False

    def shows_answer(self, asked: Component, answer: Sequence[Reply] | int) -> bool:
        """True if a command that only asks is answered so now: with replies, or with a status; faults do not count."""
        try:
            replies = self._handle(asked)
        except ZclFailed as failure:
            return failure.status == answer
        return _as_sent(0 if replies is None else replies) == _as_sent(answer)

    def pin_answer(self, asked: Component, answer: Sequence[Reply] | int) -> None:
        """Have exactly this command, which is served, answered so until the device is made anew.

        For answers of which the device's rules say that they cannot be. Raises NoPreset if it does not serve it.
        """
        if _key(asked) not in self._commands:
            raise NoPreset(f"command {asked.cluster:04X}/{asked.frame.command:02X} is not served on this device")
        self._pinned.append((asked, answer))

    def attributes_of(self, cluster: int) -> list[int]:
        """The attributes of a cluster that are served, in order."""
        return sorted(attribute for held, attribute in self._attributes if held == cluster)

    def read(self, cluster: int, attribute: int) -> AttributeRecord:
        """One attribute, as a read response has it."""
        return self._record(cluster, attribute)

    def can_preset(self, row: CommandRow) -> bool:
        """True if what such a command is answered with can be preset."""
        return (row.cluster, row.to_client, row.command) in self._presets

    # carrying out

    def execute(self, payload: GbzPayload, header: Message, keys: KeyStore, *, go_on: bool = False) -> GbzPayload:
        """Carry out a command; ``header`` is that of the response, which encryption needs.

        The first component that fails ends it, unless ``go_on``; one that finds nothing is no failure.
        """
        if not self._times_agree(payload):
            return refusal(payload)
        answers: list[Component] = []
        failed, sealed = False, 0
        for component in payload.components:
            if failed:
                answers.append(_default(component, ANY_COMMAND, ZCL_FAILURE))
                continue
            made, failed = self._answer(component, header.message_code)
            failed = failed and not go_on
            for answer, sensitive in made:
                if not sensitive:
                    answers.append(answer)
                    continue
                answers.append(_seal(answer, header, keys, sealed))
                sealed += 1
        return GbzPayload(tuple(answers))

    def _times_agree(self, payload: GbzPayload) -> bool:
        """All components that are dated must be for one time, or the whole command is refused."""
        if not self.times or len(payload.components) == 1:
            return True
        dated = ((self.times.get(_key(component)), component) for component in payload.components)
        moments = {time(component) for time, component in dated if time is not None}
        return len(moments - {None}) < 2

    def perform(self, component: Component) -> Sequence[Reply] | None:
        """Carry out one cluster command. Raises ZclFailed."""
        self._show_fault(_key(component))
        return self._handle(component)

    def _handle(self, component: Component) -> Sequence[Reply] | None:
        for asked, answer in self._pinned:
            if asked == component:
                if isinstance(answer, int):
                    raise ZclFailed(answer)
                return answer
        handler = self._commands.get(_key(component))
        if handler is None or not isinstance(component.content, ClusterCommand):
            raise ZclFailed(UNSUPPORTED_COMMAND)
        return handler(component)

    def _answer(self, component: Component, message_code: int) -> tuple[list[tuple[Component, bool]], bool]:
        """The answers to one component, each with whether it is sensitive; and whether it failed."""
        if isinstance(component.content, ReadAttributes):
            return self._answer_read(component, component.content, message_code)
        try:
            replies = self.perform(component)
        except ZclFailed as failure:
            answer = _default(component, component.frame.command, failure.status)
            return [(answer, False)], failure.status != ZCL_NOT_FOUND
        if replies is None:
            return [(_default(component, component.frame.command, 0), False)], False
        sequence = component.frame.sequence
        return [
            (Component.of(reply.content, sequence, disable_default_response=reply.quiet), reply.sensitive)
            for reply in replies
        ], False

    def _answer_read(
        self, component: Component, wanted: ReadAttributes, message_code: int
    ) -> tuple[list[tuple[Component, bool]], bool]:
        cluster = component.cluster
        records = tuple(self._record(cluster, attribute) for attribute in wanted.attributes)
        served = [self._attributes.get((cluster, attribute)) for attribute in wanted.attributes]
        sensitive = any(each is not None and each.sensitive for each in served)
        answer = Component.general(
            cluster,
            ReadAttributesResponse(records),
            component.frame.sequence,
            to_client=not component.frame.frame_control.to_client,
            disable_default_response=(message_code, cluster) in self.quiet_reads
            or (sensitive and (message_code, cluster) not in LOUD_SECRETS),
        )
        return [(answer, sensitive)], any(record.status for record in records)

    def _show_fault(self, key: tuple[int, bool, int] | tuple[int, int]) -> None:
        """Raises ZclFailed if it has a fault that shows now."""
        if key not in self.faults:
            return
        left = self.good_uses.get(key, 0)
        if not left:
            raise ZclFailed(self.faults[key])
        self.good_uses[key] = left - 1

    def _record(self, cluster: int, attribute: int) -> AttributeRecord:
        served = self._attributes.get((cluster, attribute))
        if served is None:
            return AttributeRecord(attribute, UNSUPPORTED_ATTRIBUTE)
        try:
            self._show_fault((cluster, attribute))
            return AttributeRecord(attribute, 0, served.type, served.read())
        except ZclFailed as failure:
            return AttributeRecord(attribute, failure.status)


def refusal(payload: GbzPayload) -> GbzPayload:
    """The answer when nothing of a command is carried out."""
    return GbzPayload(tuple(_default(each, each.frame.command, ZCL_FAILURE) for each in payload.components))


def allowed(use_case: UseCase, payload: GbzPayload) -> bool:
    """True if the command asks for nothing that the use case does not list; order and number are the sender's."""
    listed = gbz_instructions(use_case.name)
    return not listed or all(any(_matches(each, component) for each in listed) for component in payload.components)


def _matches(listed: GbzInstruction, component: Component) -> bool:
    control = component.frame.frame_control
    if (component.cluster, component.frame.command) != (listed.cluster, listed.command):
        return False
    if isinstance(component.content, ReadAttributes):
        return control.frame_type == 0 and set(component.content.attributes) <= set(listed.attributes)
    return control.cluster_specific and not listed.attributes and control.to_client != listed.to_server


def _as_sent(answer: Sequence[Reply] | int) -> int | list[tuple[Any, ...]]:
    """Replies in a form that compares as their octets do."""
    if isinstance(answer, int):
        return answer
    return [(reply.content.row, reply.content.encode(), reply.quiet, reply.sensitive) for reply in answer]


def _key(component: Component) -> tuple[int, bool, int]:
    frame = component.frame
    return component.cluster, frame.frame_control.to_client, frame.command


def _default(component: Component, command: int, status: int) -> Component:
    to_client = not component.frame.frame_control.to_client
    content = DefaultResponse(command, status)
    return Component.general(component.cluster, content, component.frame.sequence, to_client=to_client)


def _seal(component: Component, header: Message, keys: KeyStore, frame_counter: int) -> Component:
    try:
        return encrypt_component(header, keys, component, frame_counter)
    except MissingKeyError:  # the key of a party unknown to this device was not sent along
        return _default(component, component.frame.command, ZCL_FAILURE)
