"""``meterbench keys ...``: the commands, which import what they need when they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..exit_codes import ExitCode

app = typer.Typer(
    name="keys",
    help="A laboratory for test keys: authorities, certificates, revocation lists. Everything is for testing only.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Lab = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the laboratory.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs instead of text for people.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="The time, such as 2026-01-31T12:00:00Z (default: now).")
]
PassPhrase = Annotated[
    Path | None,
    typer.Option("--pass-phrase-file", metavar="FILE", help="Pass phrase (or set METERBENCH_PASS_PHRASE)."),
]
Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Kind of device: ESME, GSME, CHF, ...")]
Role = Annotated[str | None, typer.Option("--role", metavar="ROLE", help="Role: supplier, ... or its number.")]
Eui = Annotated[str | None, typer.Option("--eui64", metavar="EUI64", help="Whose: 16 hexadecimal digits.")]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="APPLICANT", help="Who applies: electricity-supplier, dcc, ... (default: who may)."),
]
DeviceStatus = Annotated[str, typer.Option("--status", metavar="STATUS", help="The device's status in the inventory.")]
_MOST = 999_999_999  # of certificates, requests, batches; the database holds no number of any length
Id = Annotated[int | None, typer.Option("--id", metavar="N", min=1, max=_MOST, help="The certificate's number here.")]
Serial = Annotated[str | None, typer.Option("--serial", metavar="HEX", help="Serial number.")]
KeyId = Annotated[str | None, typer.Option("--key-id", metavar="HEX", help="Identifier of the certificate's key.")]
Kind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="organisation, device or authority.")]
All = Annotated[bool, typer.Option("--all", help="Also what is not in the repository: issued, accepted, declined.")]


@app.command()
def init(
    folder: Lab,
    begins: Annotated[
        str | None,
        typer.Option("--begins", metavar="TIME", help="What is issued is valid from then on (default: 2024-01-01)."),
    ] = None,
    at: At = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Make a laboratory: two roots, two issuing authorities, their keys encrypted."""
    from .keys import run_init
    from .keys_common import guarded

    raise typer.Exit(guarded("init", lambda: run_init(folder, begins, at, pass_phrase_file, as_json=json)))


@app.command()
def issue(
    folder: Lab,
    role: Role = None,
    device_type: Type = None,
    eui64: Eui = None,
    use: Annotated[
        list[str] | None,
        typer.Option("--use", metavar="USE", help="ds, ka or pp-ka (repeat; default: the usual ones)."),
    ] = None,
    request: Annotated[
        Path | None, typer.Option("--request", metavar="FILE", help="A certification request (PKCS #10, PEM or DER).")
    ] = None,
    rig: Annotated[
        Path | None, typer.Option("--rig", metavar="FILE", help="All that the parties and devices of a rig lack.")
    ] = None,
    applicant: As = None,
    status: DeviceStatus = "pending",
    begins: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First moment of validity (default: the laboratory's).")
    ] = None,
    await_acceptance: Annotated[
        bool, typer.Option("--await-acceptance", help="Leave it to `accept` to lodge the certificate.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="Write the certificates there, in PEM.")
    ] = None,
    at: At = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Issue from a request, or make the key pairs in the laboratory."""
    from ..authority.applicants import Applicant
    from ..inventory import Status
    from .keys_common import chosen, guarded, identifier, uses
    from .keys_common import device_type as kind_of
    from .keys_common import role as role_of
    from .keys_issue import Wanted, run_issue

    def work() -> ExitCode:
        wanted = Wanted(
            identifier(eui64),
            role_of(role),
            kind_of(device_type),
            uses(use or [], ()),
            chosen(Applicant, applicant, "applicant"),
            chosen(Status, status, "status") or Status.PENDING,
            request,
            rig,
        )
        return run_issue(folder, wanted, begins, at, out, pass_phrase_file, accept=not await_acceptance, as_json=json)

    raise typer.Exit(guarded("issue", work))


@app.command()
def accept(
    folder: Lab,
    request: Annotated[
        int | None, typer.Argument(metavar="[N]", min=1, max=_MOST, help="Number of the request.")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option("--batch", metavar="N", min=1, max=_MOST, help="All of that batch that wait."),
    ] = None,
    decline: Annotated[
        str | None, typer.Option("--decline", metavar="REASON", help="Do not take the certificate.")
    ] = None,
    at: At = None,
    json: Json = False,
) -> None:
    """Take what was issued with --await-acceptance, which is then lodged; or decline it."""
    from .keys import run_accept
    from .keys_common import guarded

    raise typer.Exit(guarded("accept", lambda: run_accept(folder, request, batch, decline, at, as_json=json)))


@app.command()
def batch(
    folder: Lab,
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[SOURCE]", help="Folder, zip or PEM file of requests, or a CSV of EUI-64s."),
    ] = None,
    device_type: Type = None,
    role: Role = None,
    applicant: As = None,
    status: DeviceStatus = "pending",
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, max=64, help="Processes that sign."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted.")] = False,
    await_acceptance: Annotated[bool, typer.Option("--await-acceptance", help="Do not lodge what is issued.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PATH", help="Certificates and answers: a folder, *.zip or *.pem.")
    ] = None,
    at: At = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Answer 2 to 49,999 requests; give the same command again to go on after an interruption."""
    from .keys_common import guarded

    def work() -> ExitCode:
        from .keys_batch import batch_claims, run_batch

        claims = None if resume else batch_claims(device_type, role, applicant, status)
        return run_batch(
            folder, source, claims, workers, out, at, pass_phrase_file, accept=not await_acceptance, as_json=json
        )

    raise typer.Exit(guarded("batch", work))


@app.command()
def revoke(
    folder: Lab,
    reason: Annotated[
        str, typer.Option("--reason", metavar="REASON", help="key-compromise, superseded, privilege-withdrawn, ...")
    ] = "unspecified",
    certificate: Id = None,
    serial: Serial = None,
    key_identifier: KeyId = None,
    at: At = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Revoke an organisation's or issuing authority's certificate, and make the list that tells of it."""
    from .keys import run_revoke
    from .keys_common import guarded, search

    def work() -> ExitCode:
        found = search(certificate, None, None, serial, key_identifier, None)
        return run_revoke(folder, found, reason, at, pass_phrase_file, as_json=json)

    raise typer.Exit(guarded("revoke", work))


@app.command()
def crl(
    folder: Lab,
    arl: Annotated[bool, typer.Option("--arl", help="The lists of revoked authorities.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Make new lists even if none is due.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write them into that folder.")] = None,
    form: Annotated[str, typer.Option("--form", metavar="FORM", help="pem or der.")] = "pem",
    at: At = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Make the revocation lists that are due, and write those in force."""
    from .keys import run_crl
    from .keys_common import guarded

    raise typer.Exit(
        guarded("crl", lambda: run_crl(folder, out, form, at, pass_phrase_file, authorities=arl, new=new, as_json=json))
    )


@app.command()
def show(
    folder: Lab,
    certificate: Id = None,
    eui64: Eui = None,
    role: Role = None,
    serial: Serial = None,
    key_identifier: KeyId = None,
    kind: Kind = None,
    every: All = False,
    history: Annotated[bool, typer.Option("--history", help="What has happened.")] = False,
    at: At = None,
    json: Json = False,
) -> None:
    """The state of a laboratory; or, with any option, the certificates that fit."""
    from .keys import run_show
    from .keys_common import guarded, search

    def work() -> ExitCode:
        given = (certificate, eui64, role, serial, key_identifier, kind)
        found = search(*given, every_status=every)
        listed = every or any(one is not None for one in given)
        return run_show(folder, found, at, listed=listed, history=history, as_json=json)

    raise typer.Exit(guarded("show", work))


@app.command()
def export(
    folder: Lab,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File (pem, zip) or folder (der, --keystore).")],
    form: Annotated[str, typer.Option("--form", metavar="FORM", help="pem, der or zip.")] = "pem",
    keystore: Annotated[
        bool, typer.Option("--keystore", help="A folder of certificates and private keys for other commands.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="With --keystore: private keys without encryption.")] = False,
    certificate: Id = None,
    eui64: Eui = None,
    role: Role = None,
    serial: Serial = None,
    key_identifier: KeyId = None,
    kind: Kind = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Write certificates of the repository, all or those that fit."""
    from .keys_common import guarded, search
    from .keys_issue import run_export

    def work() -> ExitCode:
        found = search(certificate, eui64, role, serial, key_identifier, kind)
        return run_export(folder, out, found, form, pass_phrase_file, key_store=keystore, plain=plain, as_json=json)

    raise typer.Exit(guarded("export", work))


@app.command(name="import")
def import_(
    folder: Lab,
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of PEM or DER files, or one file.")],
    key_pass_phrase_file: Annotated[
        Path | None, typer.Option("--key-pass-phrase-file", metavar="FILE", help="Pass phrase of the keys taken in.")
    ] = None,
    at: At = None,
    pass_phrase_file: PassPhrase = None,
    json: Json = False,
) -> None:
    """Take in test certificates and keys made elsewhere; what is live is refused."""
    from .keys_common import guarded
    from .keys_issue import run_import

    raise typer.Exit(
        guarded("import", lambda: run_import(folder, source, key_pass_phrase_file, at, pass_phrase_file, as_json=json))
    )
