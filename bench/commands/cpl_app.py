"""``meterbench cpl ...``: the commands, which import what they need when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="cpl",
    help="The list of certified products: models, versions of firmware with their hashes, assurance certificates.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

List = Annotated[
    Path,
    typer.Option("--list", metavar="FILE", envvar="METERBENCH_CPL", help="The list, an SQLite file."),
]
DEFAULT = Path("certified-products.sqlite")
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
By = Annotated[
    str,
    typer.Option(
        "--by", metavar="KIND[:NAME]", help="Who does it: supplier, network-operator, dcc, panel or other, and a name."
    ),
]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="The time, such as 2026-01-31T12:00:00Z (default: now).")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Kind, maker and model, such as ESME:1234:0001.")]
Certificate = Annotated[
    list[str] | None,
    typer.Option(
        "--certificate", metavar="KIND=NUMBER[@EXPIRES]", help="zigbee, dlms or cpa, its number, its end (repeat)."
    ),
]
Type = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Kind of device, where the image does not say it.")
]
Signature = Annotated[
    Path | None,
    typer.Option("--signature", metavar="FILE", help="The maker's detached signature (default: IMAGE.sig)."),
]


@app.command()
def add(
    by: By,
    image: Annotated[
        Path | None, typer.Argument(metavar="[IMAGE]", help="A firmware file or manufacturer image to list.")
    ] = None,
    file: List = DEFAULT,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Without an image: such as ESME:1234:0001.")
    ] = None,
    device_type: Type = None,
    firmware_version: Annotated[
        str | None, typer.Option("--firmware-version", metavar="HEX8", help="Without an image: the version.")
    ] = None,
    hashes: Annotated[
        list[str] | None,
        typer.Option(
            "--hash", metavar="[FORM:]HEX64", help="Without an image: SHA-256, form image or image-and-id (repeat)."
        ),
    ] = None,
    hardware: Annotated[
        list[str] | None, typer.Option("--hardware", metavar="HEX4", help="A hardware version (repeat).")
    ] = None,
    certificate: Certificate = None,
    maker_key: Annotated[
        str | None,
        typer.Option("--maker-key", metavar="FILE", help="New model: its maker's public key or certificate."),
    ] = None,
    maker: Annotated[str, typer.Option("--maker", metavar="NAME", help="New model: its maker.")] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="New model: what its maker calls it.")] = "",
    evidence: Annotated[
        str,
        typer.Option("--evidence", metavar="TEXT", help="Listed model: why no new certification is needed."),
    ] = "",
    at: At = None,
    json: Json = False,
) -> None:
    """List a new model, or add a version of firmware or hardware to a listed one."""
    from .cpl import Addition, guarded, run_add

    given = Addition(
        image, model, device_type, firmware_version, hashes or [], hardware or [], certificate or [], maker_key
    )
    raise typer.Exit(guarded("add", lambda: run_add(file, given, by, maker, name, evidence, at, as_json=json)))


@app.command(name="list")
def list_(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Only this model.")] = None,
    file: List = DEFAULT,
    everything: Annotated[bool, typer.Option("--all", help="Also what was removed.")] = False,
    json: Json = False,
) -> None:
    """Show what is on the list."""
    from .cpl import guarded, run_list

    raise typer.Exit(guarded("list", lambda: run_list(file, model, everything=everything, as_json=json)))


@app.command()
def check(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A firmware file or manufacturer image.")],
    file: List = DEFAULT,
    device_type: Type = None,
    signature: Signature = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Say whether an image is the one on the list, from its maker, and certified. Exit status 1 if not."""
    from .cpl import guarded, run_check

    raise typer.Exit(guarded("check", lambda: run_check(file, image, device_type, signature, at, as_json=json)))


@app.command()
def remove(
    model: Model,
    by: By,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, which is announced.")],
    firmware_version: Annotated[
        str | None, typer.Option("--firmware-version", metavar="HEX8", help="Only this version of firmware.")
    ] = None,
    file: List = DEFAULT,
    at: At = None,
    json: Json = False,
) -> None:
    """Take a model, or one version of its firmware, off the list."""
    from .cpl import guarded, run_remove

    raise typer.Exit(guarded("remove", lambda: run_remove(file, model, firmware_version, why, by, at, as_json=json)))


@app.command()
def renew(
    model: Model, by: By, certificate: Certificate = None, file: List = DEFAULT, at: At = None, json: Json = False
) -> None:
    """Add new assurance certificates; a model that has lapsed is listed again when it lacks none."""
    from .cpl import guarded, run_renew

    raise typer.Exit(guarded("renew", lambda: run_renew(file, model, certificate or [], by, at, as_json=json)))


@app.command()
def advance(
    file: List = DEFAULT,
    inventory: Annotated[
        Path | None, typer.Option("--inventory", metavar="FILE", help="Inventory whose devices are suspended.")
    ] = None,
    planned: Annotated[
        Path | None, typer.Option("--work", metavar="FILE", help="Register of planned work that is withdrawn.")
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Let every model lapse whose certificates have expired, with all that follows."""
    from .cpl import guarded, run_advance

    raise typer.Exit(guarded("advance", lambda: run_advance(file, inventory, planned, at, as_json=json)))


@app.command(name="import")
def import_(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv or .json file as export writes it.")],
    by: By,
    file: List = DEFAULT,
    at: At = None,
    json: Json = False,
) -> None:
    """Take in a CSV or JSON file: all of it or, where anything is wrong, nothing."""
    from .cpl import guarded, run_import

    raise typer.Exit(guarded("import", lambda: run_import(file, table, by, at, as_json=json)))


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="TABLE", help="A .csv or .json file (default: standard output).")
    ] = None,
    file: List = DEFAULT,
    json: Json = False,
) -> None:
    """Write the list as CSV, or as JSON with --json or into a .json file."""
    from .cpl import guarded, run_export

    raise typer.Exit(guarded("export", lambda: run_export(file, out, as_json=json)))


@app.command()
def log(
    file: List = DEFAULT,
    after: Annotated[int, typer.Option("--after", metavar="N", min=0, help="Only changes behind this number.")] = 0,
    json: Json = False,
) -> None:
    """Show every change of the list: when, by whom, what."""
    from .cpl import guarded, run_log

    raise typer.Exit(guarded("log", lambda: run_log(file, after, as_json=json)))


@app.command()
def subscribe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="To whom changes are announced from now on.")],
    file: List = DEFAULT,
    json: Json = False,
) -> None:
    """Have every change from now on announced to somebody."""
    from .cpl import guarded, run_subscribe

    raise typer.Exit(guarded("subscribe", lambda: run_subscribe(file, name, as_json=json)))


@app.command()
def announcements(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who has subscribed.")],
    file: List = DEFAULT,
    heard: Annotated[bool, typer.Option("--heard", help="They are heard now, and not shown again.")] = False,
    json: Json = False,
) -> None:
    """Show the changes that a subscriber has not heard of."""
    from .cpl import guarded, run_announcements

    raise typer.Exit(guarded("announcements", lambda: run_announcements(file, name, heard=heard, as_json=json)))


@app.command()
def notices(file: List = DEFAULT, json: Json = False) -> None:
    """Show what single parties were told: suspended devices, work withdrawn."""
    from .cpl import guarded, run_notices

    raise typer.Exit(guarded("notices", lambda: run_notices(file, as_json=json)))
