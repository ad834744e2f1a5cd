"""Backup and restoring of a gas proxy's device log (GCS62, GCS59; GBCS 13.8).

Every change of the log is reported to the access control broker with all entries, so that a hub's successor can be
given them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.gbcs.asn1_device import (
    BackupDeviceLogAlert,
    DeviceLogEntry,
    RestoreDeviceLogCommand,
    RestoreDeviceLogResponse,
    RestoreResult,
)

from ...part import Part
from .joining import Joining

if TYPE_CHECKING:
    from ...device import Device

RESTORE, BACKUP = 0x008C, 0x00B2
LOG_CHANGED = 0x8071


class ProxyDeviceLog(Part):
    """Restores and backs up the log that ``joining`` keeps."""

    name = "proxy device log"

    def __init__(self, joining: Joining) -> None:
        super().__init__()
        self._joining = joining
        self._restoring = False
        joining.listeners.append(self._changed)

    def attach(self, device: Device) -> None:
        super().attach(device)
        device.asn1.handler(RESTORE, self._restore)
        device.asn1.on_preset(RESTORE, self._preset)
        device.asn1.on_cause(BACKUP, self._cause)

    def _restore(self, command: RestoreDeviceLogCommand) -> RestoreDeviceLogResponse:
        """Each entry stands for itself. What the broker has just sent is not reported back to it (inferred)."""
        self._restoring = True
        results = tuple(RestoreResult(entry, self._enter(entry)) for entry in command.entries)
        self._restoring = False
        return RestoreDeviceLogResponse(results)

    def _enter(self, entry: DeviceLogEntry) -> int:
        fault = self._joining.state.faults.get(_fault_of(entry))
        return self._joining.enter(entry) if fault is None else fault

    def _changed(self) -> None:
        if self._restoring:
            return
        alerts = self.device.alerts
        alerts.event(LOG_CHANGED)
        told = BackupDeviceLogAlert(LOG_CHANGED, self.device.now, tuple(self._joining.entries()))
        alerts.send_asn1(BACKUP, alerts.recipients(LOG_CHANGED), told)

    def _preset(self, answer: RestoreDeviceLogResponse, _command: RestoreDeviceLogCommand | None) -> None:
        """Before a restoring the log is empty; an entry that is to fail has a fault of its own."""
        self._joining.put(())
        for each in answer.results:
            self._joining.set_fault(_fault_of(each.entry), each.result or None)

    def _cause(self, alert: BackupDeviceLogAlert) -> None:
        """All entries but the last are there; the last device joins."""
        *before, last = alert.entries
        self._joining.put(tuple(before))
        self._joining.enter(last)


def _fault_of(entry: DeviceLogEntry) -> str:
    return f"restore {entry.device.hex()}"
