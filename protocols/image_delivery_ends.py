"""Both ends of an image delivery (see ``image_delivery``): machines without input, output or clock.

Whoever holds the wire brings frames and takes frames away; the client is told of silence, and then asks again.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple, Protocol

from .errors import DecodeError
from .eui64 import Eui64
from .gbcs.firmware_image import MAX_IMAGE
from .image_delivery import (
    LONGEST_BLOCK,
    DeliveryFrame,
    FileBlock,
    FileName,
    Offer,
    Progress,
    Status,
    Withdraw,
    decode_frame,
)

WINDOW = 8
"""Blocks that a client sends ahead of what it knows to have arrived."""
MOST_SILENCES = 5
"""Repetitions in a row without an answer after which a client gives up."""
MOST_ATTEMPTS = 3
"""Times that a client sends a file whose hash was wrong at the far end."""
MOST_OFFERS = 100
"""Times that a client offers a file to a server that forgets it again and again."""


class DeliveryClient:
    """Brings one file to a server: ``take_output`` for the wire, ``receive`` what comes from it, until ``ended``.

    ``status`` is the server's last word, None before any came. ``sent`` and ``repeated`` count blocks; ``began_at`` is
    the offset at which the server asked to begin, above 0 where it held some of the file already.
    """

    def __init__(
        self, target: Eui64, file: bytes, block: int = LONGEST_BLOCK, window: int = WINDOW, *, digest: bytes = b""
    ) -> None:
        self.offer = Offer(target, len(file), digest or sha256(file).digest())
        self._file, self._block, self._window = file, block, window
        self._output = [self.offer.encode()]
        self._offered, self._attempts, self._offers = True, 1, 1
        self._probing = False
        self._arrived = self._next = self._reached = 0
        self._rewound_at = -1
        self._silences = 0
        self.status: Status | None = None
        self.ended = False
        self.sent = self.repeated = self.noise = 0
        self.began_at: int | None = None

    @property
    def arrived(self) -> int:
        """Octets that the server is known to have."""
        return self._arrived

    def take_output(self) -> list[bytes]:
        """Frames for the wire, in order."""
        frames, self._output = self._output, []
        return frames

    def receive(self, frame: bytes) -> None:
        """A frame of the server. What is none, or about another file, is counted as ``noise`` and changes nothing."""
        try:
            said = decode_frame(frame)
        except DecodeError:
            self.noise += 1
            return
        if self.ended or not isinstance(said, Progress) or said.name != self.offer.name or self._is_late(said):
            self.noise += 1
            return
        self._silences = 0
        self.status = said.status
        if said.status is Status.CONTINUE:
            self._go_on(said.next)
        elif said.status is Status.NO_OFFER:
            self._offer_again()
        elif said.status is Status.HASH_WRONG and self._attempts < MOST_ATTEMPTS:
            self._attempts += 1
            self._offer_again()
        else:
            self.ended = True

    def on_silence(self) -> None:
        """Nothing came for as long as an answer may take: say the last thing again, or give up."""
        if self.ended:
            return
        self._silences += 1
        if self._silences > MOST_SILENCES:
            self.ended, self.status = True, None
        elif self._offered or self._silences % 2 == 0:
            self._offered, self._output = True, [self.offer.encode()]
        else:
            self._probing = True
            self._rewind()
            self._fill(1)  # one block, whose answer tells where to go on

    # inside

    def _is_late(self, said: Progress) -> bool:
        """While the answer to an offer is awaited: an answer to a block before it."""
        return self._offered and said.status in (Status.NO_OFFER, Status.HASH_WRONG)

    def _go_on(self, expected: int) -> None:
        if expected >= self.offer.size:
            return  # its verdict follows, or another answer tells that this one made no sense
        if self._offered:
            self._offered, self._probing, self._arrived = False, False, expected
            self.began_at = expected if self.began_at is None else self.began_at
            self._rewind()
        elif expected > self._arrived:
            self._arrived, self._probing = expected, False
            self._next = max(self._next, expected)
        elif expected < self._arrived and self._probing:  # not late: the server has lost octets
            self._offer_again()
            return
        elif expected == self._arrived and self._rewound_at != expected:
            self._rewind()  # a block was lost: once, though every block behind it is answered in this way
        self._fill(self._window)

    def _rewind(self) -> None:
        self._next = self._rewound_at = self._arrived

    def _fill(self, window: int) -> None:
        """Send blocks up to the end of the window."""
        stop = min(self.offer.size, self._arrived + window * self._block)
        while self._next < stop:
            data = self._file[self._next : self._next + self._block]
            self._output.append(FileBlock(self.offer.name, self._next, data).encode())
            self.sent += 1
            self.repeated += self._next < self._reached
            self._next += len(data)
            self._reached = max(self._reached, self._next)

    def _offer_again(self) -> None:
        """The server has forgotten the file, or got another one."""
        self._offers += 1
        self._offered, self._output = True, [self.offer.encode()]
        self.ended = self._offers > MOST_OFFERS


class Held(NamedTuple):
    """A file that is under way, and how many of its octets are there."""

    offer: Offer
    octets: int


class Depot(Protocol):
    """Where a server keeps what arrives; it should outlive the server."""

    def refusal(self, offer: Offer) -> Status | None:
        """Why a file may not come; None if it may."""
        ...

    def held(self, target: Eui64) -> Held | None:
        """The file that is under way for a target."""
        ...

    def begin(self, offer: Offer) -> None:
        """A file is to come, in the place of one that was under way for the same target."""
        ...

    def append(self, target: Eui64, data: bytes) -> None:
        """The next octets of a file."""
        ...

    def octets(self, target: Eui64) -> bytes:
        """What has arrived."""
        ...

    def drop(self, target: Eui64) -> None:
        """Forget what has arrived."""
        ...

    def hand_over(self, target: Eui64, file: bytes) -> Status:
        """A whole file, of the right hash, for its target; what became of it. ``drop`` was called before."""
        ...

    def verdict(self, name: FileName) -> Status | None:
        """What became of a file lately."""
        ...

    def keep_verdict(self, name: FileName, status: Status) -> None:
        """Remember what became of a file, also over a restart."""
        ...


class DeliveryServer:
    """Takes files for the targets of a depot. Holds nothing itself."""

    def __init__(self, depot: Depot) -> None:
        self._depot = depot

    def receive(self, frame: bytes) -> bytes | None:
        """Take one frame; the answer. None for what is no frame of a client: it gets no answer."""
        try:
            asked = decode_frame(frame)
        except DecodeError:
            return None
        answer = self._answer(asked)
        return None if answer is None else answer.encode()

    def _answer(self, asked: DeliveryFrame) -> Progress | None:
        if isinstance(asked, Offer):
            return self._take_offer(asked)
        if isinstance(asked, FileBlock):
            return self._take_block(asked)
        if isinstance(asked, Withdraw):
            if self._under_way(asked.name) is not None:
                self._depot.drop(asked.name.target)
            return Progress(asked.name, Status.WITHDRAWN)
        return None

    def _take_offer(self, offer: Offer) -> Progress:
        held = self._depot.held(offer.target)
        if held is not None and held.offer == offer:
            return Progress(offer.name, Status.CONTINUE, held.octets)
        refusal = self._depot.refusal(offer) if 0 < offer.size <= MAX_IMAGE else Status.TOO_LONG
        if refusal is not None:
            return Progress(offer.name, refusal)
        self._depot.begin(offer)
        return Progress(offer.name, Status.CONTINUE)

    def _take_block(self, block: FileBlock) -> Progress:
        held = self._under_way(block.name)
        if held is None:  # the answer to its last block may have been lost
            return Progress(block.name, self._depot.verdict(block.name) or Status.NO_OFFER)
        expected = held.octets
        fits = expected + len(block.data) <= held.offer.size
        if block.offset != expected or not fits:
            return Progress(block.name, Status.CONTINUE, expected)
        self._depot.append(block.name.target, block.data)
        expected += len(block.data)
        if expected < held.offer.size:
            return Progress(block.name, Status.CONTINUE, expected)
        return Progress(block.name, self._finish(held.offer), expected)

    def _finish(self, offer: Offer) -> Status:
        depot = self._depot
        file = depot.octets(offer.target)
        depot.drop(offer.target)
        right = compare_digest(sha256(file).digest(), offer.digest)
        status = depot.hand_over(offer.target, file) if right else Status.HASH_WRONG
        depot.keep_verdict(offer.name, status)
        return status

    def _under_way(self, name: FileName) -> Held | None:
        held = self._depot.held(name.target)
        return held if held is not None and held.offer.name == name else None


class MemoryDepot:
    """A depot in memory, for tests and for what need not outlive a process. ``files`` are what was handed over."""

    def __init__(self, targets: frozenset[Eui64], most: int = 4) -> None:
        self._targets, self._most = targets, most
        self._held: dict[Eui64, tuple[Offer, bytearray]] = {}
        self._verdicts: deque[tuple[FileName, Status]] = deque(maxlen=most)
        self.files: list[tuple[Eui64, bytes]] = []

    def refusal(self, offer: Offer) -> Status | None:
        """See ``Depot``."""
        if offer.target not in self._targets:
            return Status.UNKNOWN_TARGET
        full = offer.target not in self._held and len(self._held) >= self._most
        return Status.BUSY if full else None

    def held(self, target: Eui64) -> Held | None:
        """See ``Depot``."""
        found = self._held.get(target)
        return None if found is None else Held(found[0], len(found[1]))

    def begin(self, offer: Offer) -> None:
        """See ``Depot``."""
        self._held[offer.target] = (offer, bytearray())

    def append(self, target: Eui64, data: bytes) -> None:
        """See ``Depot``."""
        self._held[target][1].extend(data)

    def octets(self, target: Eui64) -> bytes:
        """See ``Depot``."""
        return bytes(self._held[target][1])

    def drop(self, target: Eui64) -> None:
        """See ``Depot``."""
        self._held.pop(target, None)

    def hand_over(self, target: Eui64, file: bytes) -> Status:
        """See ``Depot``."""
        self.files.append((target, file))
        return Status.COMPLETE

    def verdict(self, name: FileName) -> Status | None:
        """See ``Depot``."""
        return next((status for known, status in reversed(self._verdicts) if known == name), None)

    def keep_verdict(self, name: FileName, status: Status) -> None:
        """See ``Depot``."""
        self._verdicts.append((name, status))
