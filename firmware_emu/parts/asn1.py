"""The parts that serve ASN.1 commands, by kind of device."""

from __future__ import annotations

from protocols.gbcs.roles import DeviceType

from ..part import Part
from .trust_anchors import TrustAnchors


def asn1_parts(device: DeviceType) -> list[Part]:
    """The parts of a device of this kind for its ASN.1 commands."""
    return [TrustAnchors()]
