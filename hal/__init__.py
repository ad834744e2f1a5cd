"""Drives a device over a wire: serial port, pseudo-terminal, socket or memory, all alike from above.

``open_channel(address)`` gives a ``ByteChannel``, ``open_frames(address)`` a ``FrameChannel``; ``ByteTap`` and
``FrameTap`` record what passes, ``FaultyByteChannel`` and ``FaultyFrameChannel`` spoil it by plan.
"""

from __future__ import annotations

from .address import Address, MemoryAddress, PtyAddress, SerialAddress, TcpAddress, parse_address
from .blocking import BlockingFrames, open_blocking
from .blocks import BlockChannel
from .capture import ByteTap, Captured, Direction, FrameTap
from .channel import (
    AddressError,
    ByteChannel,
    ChannelBusy,
    ChannelClosed,
    ChannelError,
    ChannelTimeout,
    TransientChannelError,
    within,
)
from .faults import FaultEvent, FaultKind, FaultPlan, Faults, FaultyByteChannel, FaultyFrameChannel
from .frame import Frame, FrameChannel, WrapperChannel
from .memory import MemoryChannel, memory_pair
from .opening import open_channel, open_frames
from .serial_port import SerialChannel, open_serial
from .tcp import TcpChannel, open_tcp

__all__ = [
    "Address",
    "AddressError",
    "BlockChannel",
    "BlockingFrames",
    "ByteChannel",
    "ByteTap",
    "Captured",
    "ChannelBusy",
    "ChannelClosed",
    "ChannelError",
    "ChannelTimeout",
    "Direction",
    "FaultEvent",
    "FaultKind",
    "FaultPlan",
    "Faults",
    "FaultyByteChannel",
    "FaultyFrameChannel",
    "Frame",
    "FrameChannel",
    "FrameTap",
    "MemoryAddress",
    "MemoryChannel",
    "PtyAddress",
    "SerialAddress",
    "SerialChannel",
    "TcpAddress",
    "TcpChannel",
    "TransientChannelError",
    "WrapperChannel",
    "memory_pair",
    "open_blocking",
    "open_channel",
    "open_frames",
    "open_serial",
    "open_tcp",
    "parse_address",
    "within",
]
