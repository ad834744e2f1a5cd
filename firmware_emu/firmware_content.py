"""What stands in a manufacturer image for emulated devices: how a device behaves that runs it.

After a first line that marks it comes a TOML text with ``use_cases`` (short names; none means all), ``defects``
(planned ones) and ``starts`` (false for an image that fails when it is activated). Any other image is accepted too
and changes nothing but the version.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .defects import DEFECTS
from .personality import Personality

MARK = b"METERBENCH FIRMWARE 1\n"


@dataclass(frozen=True, slots=True)
class FirmwareContent:
    """``use_cases`` and ``defects`` are None in an image that says nothing of them."""

    use_cases: frozenset[str] | None = None
    defects: frozenset[str] | None = None
    starts: bool = True

    @classmethod
    def decode(cls, image: bytes) -> FirmwareContent:
        """What an image makes of a device; one that bears the mark but cannot be understood does not start."""
        if not image.startswith(MARK):
            return cls()
        try:
            table = tomllib.loads(image[len(MARK) :].decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
            return cls(starts=False)
        use_cases, defects = _texts(table.pop("use_cases", [])), _texts(table.pop("defects", []))
        starts = table.pop("starts", True) is True
        if table or use_cases is None or defects is None or not defects <= DEFECTS.keys():
            return cls(starts=False)
        return cls(use_cases, defects, starts)

    def encode(self) -> bytes:
        """An image with this content."""
        lines = [f"starts = {str(self.starts).lower()}"]
        for name, texts in (("use_cases", self.use_cases), ("defects", self.defects)):
            listed = ", ".join(f'"{text}"' for text in sorted(texts or ()))
            lines.append(f"{name} = [{listed}]")
        return MARK + "\n".join((*lines, "")).encode()

    def personality(self, factory: Personality, version: bytes) -> Personality:
        """The personality of a device that runs this image; ``version`` has 4 octets."""
        return replace(
            factory,
            firmware_version=version.hex(),
            use_cases=factory.use_cases if self.use_cases is None else self.use_cases,
            defects=factory.defects if self.defects is None else self.defects,
        )


def _texts(values: object) -> frozenset[str] | None:
    if not isinstance(values, Iterable) or isinstance(values, str):
        return None
    texts = list(values)
    return frozenset(texts) if all(isinstance(text, str) for text in texts) else None
