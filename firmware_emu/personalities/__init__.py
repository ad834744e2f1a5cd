"""Models of devices that come with the package: one TOML file each, named after the model."""

from __future__ import annotations

from importlib.resources import files

from ..personality import Personality, load_personality
from ..settings import PersonalityError


def names() -> list[str]:
    """The models there are."""
    return sorted(
        file.name.removesuffix(".toml") for file in files(__package__).iterdir() if file.name.endswith(".toml")
    )


def named(name: str) -> Personality:
    """The personality of a model. Raises PersonalityError for a name that is not among ``names``."""
    if name not in names():
        raise PersonalityError("model", f"one of {', '.join(names())} expected, found {name!r}")
    return load_personality(files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))
