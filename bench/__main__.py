"""The ``meterbench`` command. Commands import what they need when they are called, so that each starts fast."""

from __future__ import annotations

import atexit
import gc
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from .commands.cpl_app import app as cpl_app
from .commands.firmware_app import app as firmware_app
from .commands.keys_app import app as keys_app
from .exit_codes import ExitCode

app = typer.Typer(
    name="meterbench",
    help="Test bench and device firmware emulator for Great Britain's smart metering equipment.",
    epilog="Exit status: 0 pass, 1 fail (the device or the input is wrong), 2 usage, 3 bench error, "
    "4 inconclusive; 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(cpl_app)
app.add_typer(firmware_app)
app.add_typer(keys_app)

Keystore = Annotated[
    Path | None,
    typer.Option("--keystore", metavar="DIR", help="Folder of <eui64>-ds.pem, -ka.pem, -pp-ka.pem and .key files."),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"meterbench {version('meterbench')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Test bench and device firmware emulator for Great Britain's smart metering equipment."""


@app.command()
def decode(
    source: Annotated[
        str, typer.Argument(metavar="FILE|HEX|-", help="A file, hexadecimal digits, or - for standard input.")
    ],
    keystore: Keystore = None,
    json: Json = False,
) -> None:
    """Show one GBCS message: every field, who signed it, whether it verifies, what it hides."""
    from .commands.decode import run_decode

    raise typer.Exit(run_decode(source, keystore, as_json=json))


@app.command()
def corpus(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Every *.HEX file below this folder is checked.")],
    keystore: Keystore = None,
    json: Json = False,
) -> None:
    """Decode, rebuild and verify every message below a folder."""
    from .commands.corpus import run_corpus

    raise typer.Exit(run_corpus(folder, keystore, as_json=json))


@app.command()
def reproduce(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Reference messages: *_COMMAND*, *_RESPONSE* and alerts, *.HEX.")
    ],
    keystore: Keystore = None,
    json: Json = False,
) -> None:
    """Have emulated devices give every reference answer and raise every reference alert below a folder."""
    from .commands.reproduce import run_reproduce

    raise typer.Exit(run_reproduce(folder, keystore, as_json=json))


@app.command()
def run(
    rig: Annotated[
        Path | None,
        typer.Option("--rig", metavar="FILE", help="Rig file, or an embedded rig by name (default: dual-fuel-home)."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the evidence (default: evidence).")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, max=2**64 - 1, help="Seed in place of the rig file's.")
    ] = None,
    hex_files: Annotated[
        list[Path] | None,
        typer.Option("--hex", metavar="FILE", help="Send this message instead of the suite (repeat)."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="With --hex: send to this device, whatever it says.")
    ] = None,
    cpl: Annotated[
        Path | None,
        typer.Option("--cpl", metavar="FILE", help="List of certified products on which firmware must be."),
    ] = None,
    update: Annotated[
        list[str] | None,
        typer.Option("--update", metavar="DEVICE=IMAGE", help="Firmware file, or example, to test (repeat)."),
    ] = None,
    json: Json = False,
) -> None:
    """Run the suite against a rig, or send messages of your own; leave evidence."""
    from .commands.run import run_run

    raise typer.Exit(run_run(rig, out, seed, hex_files or [], device, cpl, update or [], as_json=json))


@app.command()
def emulate(
    rig: Annotated[
        Path | None,
        typer.Option("--rig", metavar="FILE", help="Rig file, or an embedded rig by name (default: dual-fuel-home)."),
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", metavar="N", min=0.001, max=1e6, help="How many times as fast as life.")
    ] = 1.0,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0, help="Stop by itself after so many seconds.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Keep the devices' memories there, and go on from them next time."),
    ] = None,
    bind: Annotated[
        str, typer.Option("--bind", metavar="ADDRESS", help="Address of this computer to listen at.")
    ] = "127.0.0.1",
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, help="Seed in place of the rig file's.")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Begin at the present instead of the rig's start.")] = False,
    rig_out: Annotated[
        Path | None,
        typer.Option("--rig-out", metavar="FILE", help="Write a rig file that reaches these devices; implies --now."),
    ] = None,
) -> None:
    """Keep a home of emulated devices running for other programs; Ctrl-C stops it."""
    from .commands.emulate import run_emulate

    raise typer.Exit(run_emulate(rig, speed, seconds, state, bind, seed, rig_out, from_now=now))


@app.command()
def doctor(json: Json = False) -> None:
    """Say what is installed, what is missing, and whether the bench can run here."""
    from .commands.output import say
    from .doctor import run_doctor

    report = run_doctor()
    if json:
        from json import dumps

        say(dumps(report.to_json(), indent=2))
    else:
        say("\n".join(report.lines()))
    raise typer.Exit(ExitCode.PASS if report.ok else ExitCode.BENCH_ERROR)


def main() -> None:
    """Entry point. An error raised on purpose is one clear line; any other is a defect of the bench, shown whole."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what the terminal cannot show
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    atexit.register(gc.freeze)  # at its end the interpreter would search all that was imported for garbage
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the exit status must tell a broken bench from a failed device
        sys.exit(_report(error))


def _report(error: Exception) -> ExitCode:
    from protocols.errors import MeterbenchError

    from .reading import InputError

    if isinstance(error, MeterbenchError):
        print(f"meterbench: {error}", file=sys.stderr)
        return ExitCode.USAGE if isinstance(error, InputError) else ExitCode.BENCH_ERROR
    if isinstance(error, OSError):  # of the machine: a full disk, a folder that was taken away
        print(f"meterbench: {error.filename or 'the machine'}: {error.strerror or error}", file=sys.stderr)
        return ExitCode.BENCH_ERROR
    from traceback import print_exception

    print_exception(error)
    print("meterbench: this is a defect of meterbench; please report it with the lines above", file=sys.stderr)
    return ExitCode.BENCH_ERROR


if __name__ == "__main__":
    main()
