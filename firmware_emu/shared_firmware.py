"""The gas proxy is in the box of the hub: an image of the hub is its firmware too."""

from __future__ import annotations

from .device import Device
from .parts.firmware.store import FirmwareStore


class SharedFirmware:
    """A proxy, and the firmware that it was made with, which an image of the hub takes the place of."""

    def __init__(self, proxy: Device) -> None:
        self._proxy, self._made = proxy, proxy.personality

    def follow(self, hub: Device) -> None:
        """Behave as the hub's image says, now and after every update; version and defects are the image's."""
        store = hub.find(FirmwareStore)

        def take() -> None:
            self._proxy.personality = store.content.personality(self._made, store.version)

        hub.on_new_firmware.append(take)
        if store.state.running is not None:
            take()
