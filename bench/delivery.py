"""Bringing a cleared image to a rig: over the wire of the hub, or of a device that has no hub in the rig (CS05).

What is delivered is a ``ClearedImage`` and nothing else, and it is confirmed once more for the device that it is for.
A delivery starts nothing: the hub hands the image on, the device checks it and keeps it, until it is activated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hal.channel import ChannelTimeout
from protocols.eui64 import eui64_text
from protocols.gbcs.roles import DeviceType
from protocols.image_delivery import STATUS_TEXT, Offer, Progress, Status
from protocols.image_delivery_ends import DeliveryClient
from protocols.sheet import Sheet

from .answers import check
from .evidence import SeenMessage

if TYPE_CHECKING:
    from .home import Home
    from .products.gate import ClearedImage
    from .session import Session
    from .target import Target

ANSWER_SECONDS = 2.0
"""Real time after which a frame that was not answered is said again."""
BLOCK_OCTETS = 64
"""Octets of a block that fits into one radio frame. Inferred."""
USE_CASE = "CS05a"
NO_IMAGES_OF_THEIR_OWN = {
    DeviceType.GPF: "the gas proxy function is in the hub, and is updated with it",
    DeviceType.TYPE_2: "in-home displays take no images from the head end",
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """How a delivery ended: the far end's last word, None if it fell silent.

    ``began_at`` is where it began, above 0 where the far end held some octets already; ``blocks`` were sent, of which
    ``repeated`` more than once. ``via`` names the device at whose wire it was.
    """

    status: Status | None
    size: int
    began_at: int
    blocks: int
    repeated: int
    via: str

    @property
    def complete(self) -> bool:
        """Whether the image is there and was kept."""
        return self.status is Status.COMPLETE

    @property
    def text(self) -> str:
        """How it ended, in words."""
        return "no answer" if self.status is None else STATUS_TEXT[self.status]


def way_to(home: Home, target: Target) -> Target:
    """At whose wire an image for a device is delivered: the rig's hub, or the device itself where there is none.

    An emulated device is not on the network of a real hub, nor a real one on that of an emulated hub.
    """
    emulated = target.section.emulated
    hubs = (each for each in home.targets if each.type is DeviceType.CHF and each.section.emulated is emulated)
    return next(hubs, target)


def seconds_on_the_radio(size: int) -> int:
    """How long the hub needs to hand an image of so many octets on: a block a second."""
    return -(-size // BLOCK_OCTETS)


def deliver(
    home: Home, cleared: ClearedImage, target: Target, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Delivered:
    """Deliver an image for ``target``; one exchange on record says how. ``progress`` is told of octets as they arrive.

    Raises GateError if the image is not cleared for this device today; then nothing is sent.
    """
    home.tick()
    cleared.confirm(target.eui64, home.clock.now())
    via = way_to(home, target)
    client = DeliveryClient(target.eui64, cleared.file)
    exchange = home.recorder.open(via.name, USE_CASE, f"Deliver firmware {cleared.version.hex().upper()}")
    at = float(home.clock.now())
    exchange.sent = _seen("offer", client.offer, at)
    home.run(_bring(via.session, client, progress))
    began = client.began_at or 0
    done = Delivered(client.status, client.offer.size, began, client.sent, client.repeated, via.name)
    if client.status is not None:
        said = Progress(client.offer.name, client.status, client.arrived)
        exchange.received.append(_seen("status", said, at, _summary(done, client)))
    exchange.checks.append(check(f"image for {eui64_text(target.eui64)}", STATUS_TEXT[Status.COMPLETE], done.text))
    home.recorder.close()
    return done


async def _bring(
    session: Session,
    client: DeliveryClient,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    seconds: float = ANSWER_SECONDS,
) -> None:
    """Run a delivery at a wire until it has ended. Nobody else may: what a client holds can be anything."""
    while not client.ended:
        for frame in client.take_output():
            await session.send_image_frame(frame)
        try:
            client.receive(await session.receive_image_frame(seconds))
        except ChannelTimeout:
            client.on_silence()
        progress(client.arrived, client.offer.size)


def _seen(name: str, frame: Offer | Progress, at: float, *notes: str) -> SeenMessage:
    sheet = Sheet()
    frame.describe(sheet)
    return SeenMessage(name, bytes(sheet.octets), at, tuple(sheet.fields), notes)


def _summary(done: Delivered, client: DeliveryClient) -> str:
    began = f", from octet {done.began_at} on" if done.began_at else ""
    noise = f", {client.noise} frames ignored" if client.noise else ""
    return f"{done.blocks} blocks of {done.size} octets{began}, {done.repeated} repeated{noise}"
