"""One command and its reference response: a fresh device in the right state answers, and the answers are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firmware_emu import Device, Output, SendMessage
from protocols.errors import MeterbenchError
from protocols.gbcs.asn1_types import Asn1Payload
from protocols.gbcs.message import Cra, Message
from protocols.gbcs.protection import Verdict, verify

from .compare import Comparison, Likeness, compare
from .device_for import Variant, Workshop
from .moment import Moments
from .state import Loaded, load
from .vectors import Pair


class Answering:
    """Reproduces pairs. ``defects`` are planned defects that every device shall have, to see that they are found."""

    def __init__(self, workshop: Workshop, moments: Moments, defects: Iterable[str] = ()) -> None:
        self.workshop, self._moments, self._defects = workshop, moments, frozenset(defects)

    def reproduce(self, pair: Pair) -> Comparison:
        """How the answer of an emulated device compares.

        The variant of the device is not in a message; it is the first one that has the state and gives the answer.
        """
        found_so_far: list[Comparison] = []
        if unverifiable := self._unverifiable(pair):
            return Comparison(Likeness.DIFFERENT, unverifiable)
        try:
            for variant in self.workshop.variants(pair.command.message.recipient):
                found = self._try(pair, variant)
                if found.likeness is not Likeness.DIFFERENT and not found.reason:
                    return found
                found_so_far.append(found)
        except MeterbenchError as error:
            return Comparison(Likeness.DIFFERENT, f"{type(error).__name__}: {error}")
        return min(found_so_far, key=_badness)

    def _unverifiable(self, pair: Pair) -> str:
        """Why nobody but the reference device can check the command, or make its response; empty if that is not so."""
        for message in (pair.command.message, pair.response.message):
            found = verify(message, self.workshop.far_side)
            if found.mac is Verdict.NO_KEY:
                return "the vector forbids it: no private key of either party of its MAC is published"
        return ""

    def _try(self, pair: Pair, variant: Variant) -> Comparison:
        at = self._moments.of_pair(pair)
        device = self.prepared(pair, variant)
        loaded = self.loaded(device, pair)
        answer = response_in(device.receive(pair.command.octets, at))
        if answer is None:
            return Comparison(Likeness.DIFFERENT, _reasons("no answer" + _refusals(device), loaded.missing))
        found = compare(answer, pair.response.octets, device.keys)
        if found.likeness is Likeness.DIFFERENT:
            return Comparison(found.likeness, _reasons(found.reason, loaded.missing))
        return Comparison(found.likeness, _reservation(loaded.forbidden))

    def prepared(self, pair: Pair, variant: Variant) -> Device:
        """A fresh device for a pair."""
        message, payload = pair.command.message, pair.response.payload
        return self.workshop.make(
            message.recipient,
            message.originator,
            self._moments.of_pair(pair),
            variant,
            long_lengths=isinstance(payload, Asn1Payload) and payload.long_lengths,
            defects=self._defects,
        )

    def loaded(self, device: Device, pair: Pair) -> Loaded:
        """Bring the device into the state that the response speaks of."""
        found: list[Loaded] = []
        device.through(lambda: found.append(load(device, pair, self.workshop.far_side)), device.true_now)
        return found[0]


def response_in(outputs: Sequence[Output]) -> bytes | None:
    """The response among what a device gave out."""
    for output in outputs:
        if isinstance(output, SendMessage) and Message.decode(output.octets).cra is Cra.RESPONSE:
            return output.octets
    return None


def _badness(found: Comparison) -> tuple[bool, int]:
    """Different answers are worse than others; of both, those for which less of the state could be had."""
    return found.likeness is Likeness.DIFFERENT, found.reason.count(";")


def _reservation(forbidden: Sequence[str]) -> str:
    return "; ".join(("reproduced with values that the device's own rules forbid", *forbidden)) if forbidden else ""


def _reasons(reason: str, problems: Sequence[str]) -> str:
    return "; ".join([reason, *problems])


def _refusals(device: Device) -> str:
    """What the security log says of the command."""
    codes = [f"{entry.code:04X}" for entry in device.logs.security()]
    return f", security log {' '.join(codes)}" if codes else ""
