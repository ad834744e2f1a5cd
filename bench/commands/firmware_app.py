"""``meterbench firmware ...``: the commands, which import what they need when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="firmware",
    help="Build, sign, read and check firmware files. A key is a PKCS#8 file, a folder of keys, or test:NAME.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A firmware file, or a manufacturer image.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the result goes.")]
PassPhrase = Annotated[
    Path | None,
    typer.Option("--pass-phrase-file", metavar="FILE", help="Pass phrase of the key (or set METERBENCH_PASS_PHRASE)."),
]
Party = Annotated[
    str | None, typer.Option("--party", metavar="EUI64", help="Whose key, where --key is a folder with several.")
]


@app.command()
def build(
    manifest: Annotated[str, typer.Argument(metavar="MANIFEST", help="Manifest in TOML, or the name of an example.")],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The maker's key.")],
    out: Out,
    content: Annotated[
        Path | None, typer.Option("--content", metavar="FILE", help="Content of the image (default: filler).")
    ] = None,
    party: Party = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Make a manufacturer image for emulated devices: manifest, content, the maker's signature."""
    from .firmware import run_build

    raise typer.Exit(run_build(manifest, key, out, content, party, pass_phrase_file, as_json=json))


@app.command()
def sign(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A manufacturer image, ours or opaque.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the result goes (--detached: IMAGE.sig).")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="The supplier's key; for a hub the WAN provider's.")
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Only the header: PPMID and HCALCS take no signature.")
    ] = False,
    detached: Annotated[
        bool, typer.Option("--detached", help="A maker's signature of an opaque image, in a file of its own.")
    ] = False,
    manufacturer: Annotated[
        str | None, typer.Option("--manufacturer", metavar="HEX4", help="Opaque image: manufacturer code.")
    ] = None,
    image_type: Annotated[
        str | None, typer.Option("--image-type", metavar="HEX4", help="Opaque image: image type.")
    ] = None,
    firmware_version: Annotated[
        str | None, typer.Option("--firmware-version", metavar="HEX8", help="Opaque image: firmware version.")
    ] = None,
    hardware: Annotated[
        str | None, typer.Option("--hardware", metavar="HEX4-HEX4", help="Lowest and highest hardware version.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="Text of the header.")] = None,
    party: Party = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Put the ZigBee header before a manufacturer image and the authorising party's signature behind it."""
    from .firmware import HeaderOptions, run_sign, run_sign_detached

    if detached:
        raise typer.Exit(run_sign_detached(image, key, out, party, pass_phrase_file, as_json=json))
    options = HeaderOptions(manufacturer, image_type, firmware_version, hardware, text)
    raise typer.Exit(run_sign(image, key, out, options, party, pass_phrase_file, unsigned=unsigned, as_json=json))


@app.command()
def inspect(
    file: File,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="The file ends with its image, whatever its last octets look like.")
    ] = False,
    json: Json = False,
) -> None:
    """Show every field of a firmware file, a manufacturer image, or a ZigBee OTA file."""
    from .firmware import run_inspect

    raise typer.Exit(run_inspect(file, unsigned=unsigned, as_json=json))


@app.command()
def verify(
    file: File,
    maker: Annotated[
        str | None,
        typer.Option(
            "--maker-certificate", "--maker-key", metavar="FILE", help="The maker's certificate or public key."
        ),
    ] = None,
    supplier: Annotated[
        str | None,
        typer.Option(
            "--supplier-certificate",
            "--supplier-key",
            metavar="FILE",
            help="Certificate or public key of the supplier; for a hub the WAN provider's.",
        ),
    ] = None,
    signature: Annotated[
        Path | None,
        typer.Option("--signature", metavar="FILE", help="The maker's detached signature (default: FILE.sig)."),
    ] = None,
    json: Json = False,
) -> None:
    """Check the signatures of a firmware file, and that its layers agree. Exit status 1 if any check fails."""
    from .firmware import run_verify

    raise typer.Exit(run_verify(file, maker, supplier, signature, as_json=json))


@app.command(name="hash")
def hash_(file: File, json: Json = False) -> None:
    """The hash of the manufacturer image in a file, in both forms that a list of products may have."""
    from .firmware import run_hash

    raise typer.Exit(run_hash(file, as_json=json))


@app.command()
def examples(json: Json = False) -> None:
    """List the examples that ``build`` knows by name, and their planned defects."""
    from .firmware import run_examples

    raise typer.Exit(run_examples(as_json=json))


@app.command()
def update(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A firmware file, or a manufacturer image of ours.")],
    device: Annotated[str, typer.Option("--device", metavar="NAME|EUI64", help="The device of the rig to update.")],
    rig: Annotated[
        Path | None,
        typer.Option("--rig", metavar="FILE", help="Rig file, or an embedded rig by name (default: dual-fuel-home)."),
    ] = None,
    cpl: Annotated[
        Path,
        typer.Option("--cpl", metavar="FILE", envvar="METERBENCH_CPL", help="The list of certified products."),
    ] = Path("certified-products.sqlite"),
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Activate then, by the rig's clock (default: at once).")
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Take back an activation that is still to come.")] = False,
    signature: Annotated[
        Path | None,
        typer.Option("--signature", metavar="FILE", help="The maker's detached signature (default: IMAGE.sig)."),
    ] = None,
    wait: Annotated[
        int | None,
        typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for the device (default: 3 hours)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the evidence (default: evidence-of-update).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, max=2**64 - 1, help="Seed in place of the rig file's.")
    ] = None,
    json: Json = False,
) -> None:
    """Update a device: only an image that is on the list and from its maker is sent, and then activated."""
    from .firmware_update import Order, run_update

    order = Order(image, device, signature, at, cancel, wait)
    raise typer.Exit(run_update(order, rig, cpl, out, seed, as_json=json))
