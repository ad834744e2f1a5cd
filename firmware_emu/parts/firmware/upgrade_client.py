"""A device fetches images from the hub: the client of the ZigBee upgrade cluster.

It asks when the hub says that there is something, and of itself once a day; blocks are asked for one after the other
at a steady pace, the hub's where that has one. After an outage it goes on where it was. A device that sleeps is told
at its next wake, and stays awake while it fetches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.errors import DecodeError
from protocols.eui64 import Eui64
from protocols.instant import DAY, Instant
from protocols.zigbee.ota import (
    ABORT,
    CLUSTER,
    INVALID_IMAGE,
    SUCCESS,
    WAIT_FOR_DATA,
    FileId,
    ImageBlock,
    ImageBlockRequest,
    ImageNotify,
    OtaMessage,
    QueryNextImage,
    QueryNextImageResponse,
    UpgradeEnd,
    decode_ota,
    encode_ota,
)

from ...defects import register_defect
from ...outputs import SendHan
from ...part import Part
from ...tunnel import COORDINATOR
from .image_check import number_of
from .store import FirmwareStore

if TYPE_CHECKING:
    from ...device import Device

RESTARTS_DOWNLOAD = register_defect("restarts-download", "begins a download anew after every outage")
IGNORES_WAIT = register_defect("ignores-wait", "asks on for a block though it was told to wait")

QUERY_EVERY: Instant = DAY
BLOCK_SIZE = 64
"""Octets of a block: what fits into one radio frame without fragmentation."""
BLOCK_PERIOD: Instant = 1
"""Seconds between two requests. Inferred: it is the server that may ask for a period."""
ANSWER_WITHIN: Instant = 60
"""Seconds after which a request is repeated."""


@dataclass(slots=True)
class UpgradeState:
    """The file that is being fetched; all zeros when none is. ``period`` is the hub's pace, in milliseconds."""

    manufacturer: int = 0
    image_type: int = 0
    file_version: int = 0
    fetching: bool = False
    period: int = 0


class UpgradeClient(Part):
    """Fetches what the store then checks and keeps."""

    name = "upgrade client"
    State = UpgradeState
    state: UpgradeState

    def __init__(self, store: FirmwareStore) -> None:
        super().__init__()
        self._store = store
        self._sequence = 0
        self.hears: Callable[[], bool] = lambda: True
        """Whether the radio listens, though nothing is fetched."""

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.han[CLUSTER] = self._hear

    def started(self) -> None:
        if self.state.fetching and self.device.defective(RESTARTS_DOWNLOAD):
            self._store.drop_download()
        self.due = self.device.now + (self._pace if self.state.fetching else QUERY_EVERY)

    def clock_stepped(self, before: Instant, after: Instant) -> None:
        self.schedule(self.due + after - before)

    def advance(self, at: Instant) -> None:
        if self.state.fetching:
            self.due = at + ANSWER_WITHIN
            asked = ImageBlockRequest(self._file, self._store.expected, BLOCK_SIZE, period=self.state.period)
            self._send(asked)
        else:
            self.due = at + QUERY_EVERY
            self._query()

    @property
    def _pace(self) -> Instant:
        """Whole seconds between two requests."""
        return max(BLOCK_PERIOD, -(-self.state.period // 1000))

    @property
    def _file(self) -> FileId:
        state = self.state
        return FileId(state.manufacturer, state.image_type, state.file_version)

    def _hear(self, source: Eui64, frame: bytes) -> None:  # noqa: ARG002 - only the hub is heard on this cluster
        try:
            _, message = decode_ota(frame)
        except DecodeError:
            return
        if isinstance(message, ImageNotify):
            if self.hears():
                self._query()
        elif isinstance(message, QueryNextImageResponse):
            self._answered(message)
        elif isinstance(message, ImageBlock) and self.state.fetching:
            self._take(message)

    def _query(self) -> None:
        personality = self.device.personality
        running = int(personality.firmware_version, 16)
        model = number_of(personality.model, 8) or 0
        file = FileId(number_of(personality.manufacturer, 4) or 0, model >> 16, running)
        self._send(QueryNextImage(file, personality.hardware_version))

    def _answered(self, answer: QueryNextImageResponse) -> None:
        """Begin to fetch a file that is neither running nor on its way."""
        file, running = answer.file, int.from_bytes(self._store.version, "big")
        if file is None or file.file_version == running or (self.state.fetching and file == self._file):
            return
        self.state.manufacturer, self.state.image_type, self.state.file_version = file
        self.state.fetching = True
        self.touch()
        self._store.drop_download()
        self.schedule(self.device.now + self._pace)

    def _take(self, block: ImageBlock) -> None:
        if block.status == WAIT_FOR_DATA:
            wait = 0 if self.device.defective(IGNORES_WAIT) else block.wait
            if block.period != self.state.period:
                self.state.period = block.period
                self.touch()
            self.schedule(self.device.now + max(wait, self._pace))
        elif block.status != SUCCESS or not block.data:
            self._end(ABORT)
        elif block.file == self._file and block.offset == self._store.expected:
            self._store.receive_block(block.offset, block.data)
            if self._store.state.downloading:
                self.schedule(self.device.now + self._pace)
            else:
                self._end(SUCCESS if self._store.accepted else INVALID_IMAGE)

    def _end(self, status: int) -> None:
        if status == ABORT:
            self._store.drop_download()
        self._send(UpgradeEnd(status, self._file))
        self.state.fetching = False
        self.touch()
        self.schedule(self.device.now + (ANSWER_WITHIN if status == ABORT else QUERY_EVERY))

    def _send(self, message: OtaMessage) -> None:
        self._sequence = (self._sequence + 1) & 0xFF
        self.device.emit(SendHan(COORDINATOR, CLUSTER, encode_ota(message, self._sequence)))
