"""What came back, checked against what was asked: envelope, protection, time, results, encrypted parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocols import instant
from protocols.dlms.access import AccessRequest, AccessResponse, Service, Specification, decode_apdu, invoke_id_of
from protocols.dlms.axdr import decode_data
from protocols.dlms.cosem_time import CosemDateTime
from protocols.dlms.data import Data, DataType
from protocols.dlms.data_protection import ProtectedRead, ProtectedValue
from protocols.errors import DecodeError, MissingKeyError, RemoteProtocolError
from protocols.eui64 import eui64_text
from protocols.gbcs import protection
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.gbz import Component, GbzPayload, decode_gbz
from protocols.gbcs.gbz_component import SECURITY_HEADER
from protocols.gbcs.keys import KeyStore
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.object_values import misfit
from protocols.gbcs.objects import find
from protocols.gbcs.payload import decode_payload
from protocols.gbcs.protection import Verdict as KeyVerdict
from protocols.gbcs.use_cases import Payload, Protection
from protocols.instant import Instant
from protocols.zigbee.smart_energy import find_attribute
from protocols.zigbee.zcl import DEFAULT_RESPONSE, STATUS_TEXTS, SUCCESS, DefaultResponse, ReadAttributesResponse

from .evidence import Check, Verdict
from .findings import Inconclusive
from .head_end import Command, HeadEnd, party_text
from .plain_text import plain_text

if TYPE_CHECKING:
    from protocols.gbcs.payload import GbcsPayload

TIME_TOLERANCE = 10
"""Seconds by which a device's clock may differ from true time without saying so (GBCS time keeping)."""


def check(name: str, expected: object, found: object, *, passed: bool | None = None) -> Check:
    """A check of equality, or with ``passed`` of anything."""
    good = expected == found if passed is None else passed
    return Check(name, Verdict.PASS if good else Verdict.FAIL, plain_text(expected), plain_text(found))


@dataclass(slots=True)
class Answer:
    """A device's answer. ``data`` are the DLMS values, one for each instruction, decrypted; ``results`` their codes.

    ``components`` are those of a GBZ answer, opened; ``value`` is an ASN.1 value.
    """

    command: Command
    message: Message | None = None
    payload: GbcsPayload | None = None
    checks: list[Check] = field(default_factory=list)
    data: tuple[Data, ...] = ()
    results: tuple[int, ...] = ()
    components: tuple[Component, ...] = ()
    value: Any = None

    @property
    def failed(self) -> Check | None:
        """The first check that failed."""
        return next((made for made in self.checks if made.verdict is Verdict.FAIL), None)

    def attribute(self, cluster: int, attribute: int) -> Any:
        """The value of an attribute that was read. Raises RemoteProtocolError when the answer does not have it."""
        for component in self.components:
            if component.cluster == cluster and isinstance(component.content, ReadAttributesResponse):
                for record in component.content.records:
                    if record.attribute == attribute and record.status == SUCCESS:
                        return record.value
        raise RemoteProtocolError(f"the answer has no attribute {attribute:04X} of cluster {cluster:04X}")

    def command_fields(self, cluster: int, command: int) -> list[Any]:
        """The fields of every cluster command of that number in the answer, in order."""
        wanted = (cluster, command)
        return [c.content for c in self.components if (c.cluster, c.frame.command) == wanted and c.frame[0] & 3 == 1]

    @property
    def statuses(self) -> tuple[int, ...]:
        """The status of every default response and attribute record; what answers by a command of its own has 0."""
        return tuple(status for component in self.components for status in _statuses(component))


def check_answer(head_end: HeadEnd, command: Command, octets: bytes, now: Instant | None) -> Answer:
    """Look at an answer in every way that the catalogue and the command allow; never raises for what a device did.

    Raises Inconclusive where the bench has no key to open an encrypted part with.
    ``now`` is true time for the date-time in the header; None if the bench does not know it.
    """
    answer = Answer(command)
    try:
        message = answer.message = Message.decode(octets)
    except DecodeError as error:
        answer.checks.append(check("message", "a GBCS message", str(error), passed=False))
        return answer
    answer.checks += _envelope(head_end, command, message)
    answer.checks += _protection(head_end, command, message)
    answer.checks += _time(command, message, now)
    try:
        answer.payload = decode_payload(message)
        _open(answer, message, head_end.reader(command))
    except RemoteProtocolError as error:
        answer.checks.append(check("payload", "as the use case says", str(error), passed=False))
    return answer


def _envelope(head_end: HeadEnd, command: Command, message: Message) -> Iterator[Check]:
    sent = command.message
    yield check("kind", Cra.RESPONSE.name.lower(), message.cra.name.lower())
    yield check("message code", f"{sent.message_code:04X}", f"{message.message_code:04X}")
    yield check("counter", f"{sent.counter:016X}", f"{message.counter:016X}")
    yield check("originator", *(party_text(head_end, party) for party in (sent.recipient, message.originator)))
    yield check("recipient", *(party_text(head_end, party) for party in (sent.originator, message.recipient)))
    if sent.other.supplementary_party is not None:
        asked = (sent.other.supplementary_party, sent.other.supplementary_counter)
        found = (message.other.supplementary_party, message.other.supplementary_counter)
        yield check("supplementary party and counter", _pair(asked), _pair(found))


def _pair(pair: tuple[bytes | None, int | None]) -> str:
    party, counter = pair
    return f"{party.hex().upper() if party else 'none'}, {'none' if counter is None else f'{counter:016X}'}"


def _protection(head_end: HeadEnd, command: Command, message: Message) -> Iterator[Check]:
    wanted = command.use_case.protection_of(Cra.RESPONSE, command.sender, head_end.devices.get(command.device))
    has = Protection.SIGNATURE if message.signature else Protection.NONE
    has |= Protection.NONE if message.mac is None else Protection.MAC
    yield check("protection", protection_text(wanted), protection_text(has))
    yield from protection_checks(message, head_end.verifier(command))


def protection_checks(message: Message, store: KeyStore, of: str = "") -> Iterator[Check]:
    """That signature and MAC hold, as far as there are any; INCONCLUSIVE where the bench has no key to tell."""
    for name, found in zip(("signature", "MAC"), protection.verify(message, store), strict=True):
        if found is KeyVerdict.NO_KEY:
            party = eui64_text(message.originator)
            yield Check(name + of, Verdict.INCONCLUSIVE, KeyVerdict.VALID.value, f"no key of {party} to verify it with")
        elif found is not KeyVerdict.ABSENT:
            yield check(name + of, KeyVerdict.VALID.value, found.value)


def protection_text(what: Protection) -> str:
    """``signature and MAC``, ``MAC``, ``signature`` or ``none``."""
    names = [name for flag, name in ((Protection.SIGNATURE, "signature"), (Protection.MAC, "MAC")) if flag in what]
    return " and ".join(names) or "none"


def _time(command: Command, message: Message, now: Instant | None) -> Iterator[Check]:
    timed = command.use_case.response_has_time
    yield check(
        "date-time in the header", "present" if timed else "absent", "present" if message.date_time else "absent"
    )
    if not message.date_time or now is None:
        return
    found = CosemDateTime.decode(message.date_time)
    at = found.to_instant()
    close = at is not None and abs(at - now) <= TIME_TOLERANCE
    yield check("time", f"{instant.text(now)} within {TIME_TOLERANCE} s", str(found), passed=close)


# -- payloads ----------------------------------------------------------------------------------------------------


def _open(answer: Answer, message: Message, reader: KeyStore) -> None:
    answer.checks.append(check("encoding", "as the typed values encode", _encoding(answer.payload, message)))
    family = answer.command.use_case.payload
    if isinstance(answer.payload, AccessResponse) and family is Payload.DLMS:
        _open_dlms(answer, answer.payload, message, reader)
    elif isinstance(answer.payload, GbzPayload) and family is Payload.GBZ:
        _open_gbz(answer, answer.payload, message, reader)
    elif isinstance(answer.payload, Asn1Payload) and family is Payload.ASN1:
        answer.value = answer.payload.value
    else:
        answer.checks.append(check("payload", family.name, type(answer.payload).__name__))


def _encoding(payload: GbcsPayload | None, message: Message) -> str:
    same = payload is not None and payload.encode() == message.payload
    return "as the typed values encode" if same else "other octets"


def _open_dlms(answer: Answer, payload: AccessResponse, message: Message, reader: KeyStore) -> None:
    request = decode_apdu(answer.command.message.payload)
    if not isinstance(request, AccessRequest):  # a raw request may be anything
        return
    invoke_id = invoke_id_of(message.counter)
    answer.checks.append(check("invoke id", f"{invoke_id:08X}", f"{payload.invoke_id:08X}"))
    asked = [_result_service(specification.service).name for specification in request.specifications]
    answered = [result.service.name for result in payload.results]
    answer.checks.append(check("results", " ".join(asked), " ".join(answered)))
    answer.results = tuple(result.code for result in payload.results)
    opened = [_plain_dlms(answer, data, message, reader) for data in payload.data]
    answer.data = tuple(opened)
    answer.checks.append(_values(request, answer))


def _values(request: AccessRequest, answer: Answer) -> Check:
    """That what was read has the types that the catalogue gives it: everything behind this may rely on them."""
    asked = zip(request.specifications, request.data, answer.data, answer.results, strict=False)
    wrong = [misfit for what, argument, value, code in asked if code == 0 for misfit in _misfits(what, argument, value)]
    return check("values", _OF_THEIR_TYPES, wrong[0] if wrong else _OF_THEIR_TYPES)


_OF_THEIR_TYPES = "of their objects' types"


def _misfits(what: Specification, argument: Data, value: Data) -> Iterator[str]:
    if what.service in (Service.GET, Service.GET_SELECTED):
        yield from _misfit(what.class_id, what.obis, what.attribute, value)
    elif (read := ProtectedRead.from_data(argument)) is not None:
        if value.type is not DataType.STRUCTURE or len(value.value) != len(read.objects):
            yield f"what was encrypted is no structure of {len(read.objects)}"
            return
        for each, part in zip(read.objects, value.value, strict=True):
            yield from _misfit(each.class_id, each.obis, each.attribute, part)


def _misfit(class_id: int, obis: bytes, attribute: int, value: Data) -> Iterator[str]:
    known = find(class_id, obis, "attribute", attribute)
    if known is not None and (said := misfit(known.shape, value, known.name)):
        yield said


def _result_service(service: Service) -> Service:
    return {Service.GET_SELECTED: Service.GET, Service.SET_SELECTED: Service.SET}.get(service, service)


def _plain_dlms(answer: Answer, data: Data, message: Message, reader: KeyStore) -> Data:
    hidden = ProtectedValue.from_data(data)
    if hidden is None:
        return data
    swapped = (answer.command.message.recipient, answer.command.message.originator)
    told = (hidden.parameters.originator, hidden.parameters.recipient)
    answer.checks.append(check("parties of the encrypted part", *(b" ".join(p).hex() for p in (swapped, told))))
    return decode_data(_decrypted(answer, message, reader, hidden.ciphered))


def _decrypted(answer: Answer, message: Message, reader: KeyStore, ciphered: bytes) -> bytes:
    try:
        plain = protection.decrypt_part(message, reader, ciphered)
    except MissingKeyError as error:
        answer.checks.append(Check("encrypted part", Verdict.INCONCLUSIVE, "authentic", str(error)))
        raise Inconclusive(f"encrypted part: {error}") from None
    except RemoteProtocolError as error:
        answer.checks.append(check("encrypted part", "authentic", str(error), passed=False))
        raise
    answer.checks.append(check("encrypted part", "authentic", "authentic"))
    return plain


def _open_gbz(answer: Answer, payload: GbzPayload, message: Message, reader: KeyStore) -> None:
    opened = []
    for component in payload.components:
        if component.encrypted is not None:
            hidden = SECURITY_HEADER + component.encrypted.ciphertext + component.encrypted.tag
            component = component.with_plaintext(_decrypted(answer, message, reader, hidden))
        opened.append(component)
    answer.components = tuple(opened)
    asked = decode_gbz(answer.command.message.payload).components
    wanted = [f"{c.cluster:04X}/{c.frame.sequence}" for c in asked]
    found = list(dict.fromkeys(f"{c.cluster:04X}/{c.frame.sequence}" for c in opened))
    answer.checks.append(check("clusters and sequence numbers", " ".join(wanted), " ".join(found)))
    wrong = [said for component in opened for said in _wrong_types(component)]
    answer.checks.append(check("values", _OF_THEIR_TYPES, wrong[0] if wrong else _OF_THEIR_TYPES))


def _wrong_types(component: Component) -> Iterator[str]:
    """Attributes that were read and are of another type than the cluster's table says."""
    if isinstance(component.content, ReadAttributesResponse):
        for record in component.content.records:
            row = find_attribute(component.cluster, record.attribute)
            if row is not None and record.status == SUCCESS and record.type != row.type:
                yield f"{row.name} is of type {record.type:02X}, not {row.type:02X}"


def _statuses(component: Component) -> Iterator[int]:
    content = component.content
    if isinstance(content, DefaultResponse):
        yield content.status
    elif isinstance(content, ReadAttributesResponse):
        yield from (record.status for record in content.records)
    elif component.frame.command != DEFAULT_RESPONSE:
        yield SUCCESS


def check_success(answer: Answer) -> Iterator[Check]:
    """That every instruction or component was carried out."""
    if answer.results:
        yield _all_zero("result codes", answer.results, _result_text)
    if answer.components:
        yield _all_zero("statuses", answer.statuses, lambda code: STATUS_TEXTS.get(code, f"{code:02X}"))


def _all_zero(name: str, codes: Sequence[int], text: Callable[[int], str]) -> Check:
    return check(name, f"success for all {len(codes)}", _codes_text(codes, text))


def _codes_text(codes: Sequence[int], text: Callable[[int], str]) -> str:
    """``success for all 3``, ``failure 250 for all 3``, or the numbers of those that failed and how."""
    if len(set(codes)) == 1:
        return f"{text(codes[0]) if codes[0] else 'success'} for all {len(codes)}"
    return ", ".join(f"{number}: {text(code)}" for number, code in enumerate(codes, 1) if code)


def _result_text(code: int) -> str:
    return f"failure {code}"
