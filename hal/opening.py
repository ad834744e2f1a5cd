"""From an address to an open wire."""

from __future__ import annotations

from .address import Address, MemoryAddress, PtyAddress, SerialAddress, TcpAddress, parse_address
from .channel import AddressError, ByteChannel
from .frame import WrapperChannel
from .serial_port import open_serial
from .tcp import open_tcp

CONNECT_SECONDS = 10.0


async def open_channel(address: str | Address) -> ByteChannel:
    """Open the wire that ``address`` names.

    Raises AddressError (cannot be understood, or names an emulated device that has not been started), ChannelBusy,
    TransientChannelError (not there now).
    """
    where = parse_address(address) if isinstance(address, str) else address
    if isinstance(where, TcpAddress):
        return await open_tcp(where, CONNECT_SECONDS)
    if isinstance(where, SerialAddress):
        return await open_serial(where)
    if isinstance(where, PtyAddress) and where.path is not None:
        return await open_serial(SerialAddress(where.path))
    assert isinstance(where, MemoryAddress | PtyAddress)  # noqa: S101 - exhausts the union for the type checker
    raise AddressError(f"'{where}' leads to an emulated device, which has to be started first; its rig does that")


async def open_frames(address: str | Address) -> WrapperChannel:
    """Open the wire that ``address`` names and carry frames on it. Raises as ``open_channel`` does."""
    return WrapperChannel(await open_channel(address))
