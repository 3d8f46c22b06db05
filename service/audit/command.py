"""``tidewaiter audit verify``, ``audit sign`` and ``audit at``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.audit.proof import Proof
    from service.core.database.engine import Database

audit_app = typer.Typer(
    name="audit",
    help="Verify, sign and ask the audit chain.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@audit_app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head", metavar="NUMBER:DIGEST|FILE", help="Entry that the chain must contain; may be repeated."
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            help="Ed25519 public key (PEM). A head must be signed with its private key.",
        ),
    ] = None,
) -> int:
    """Check that each entry continues the previous one and that the tables agree with the entries.

    Exit status 0: proven, 5: broken.
    """
    import orjson

    from service.core.commands import CHECK_FAILED, open_database

    with open_database(existing=True) as database:
        proof = _proof(database, head or (), public_key)
    if as_json:
        typer.echo(orjson.dumps(proof.to_json(), option=orjson.OPT_INDENT_2))
    else:
        typer.echo(_result_text(proof))
    return 0 if proof.fault is None else CHECK_FAILED


@audit_app.command()
def sign(
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Ed25519 private key (PEM without a password).")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Also write the signed head to a file, to be kept elsewhere."),
    ] = None,
) -> int:
    """Verify the chain and sign its last entry. Exit status 5: the chain is broken, and nothing is signed."""
    import orjson

    from features.readers.source import read_small
    from models.bundle.files import write_durably
    from service.audit.heads import sign_head
    from service.core.commands import CHECK_FAILED, WrongUse, open_database

    private_key = read_small(key)
    with open_database(existing=True) as database:
        proof = _proof(database, (), None)
        if proof.fault is not None:
            typer.echo(_result_text(proof))
            return CHECK_FAILED
        if proof.number == 0:
            raise WrongUse("The chain has no entry yet; there is nothing to sign.")
        signed = sign_head(database, proof.number, proof.digest, private_key)
    if out is not None:
        write_durably(out, orjson.dumps(signed.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    typer.echo(f"Signed: entry {signed.number}, digest {signed.digest.hex()}, with the key {signed.key[:12]}")
    return 0


@audit_app.command("at")
def at_time(
    time: Annotated[
        str | None, typer.Argument(metavar="TIME", help="ISO 8601, in UTC unless it has an offset. Default: now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Say which model, rules, lists and proposals were in service at a time, and what the chain cannot tell."""
    import orjson

    from service.audit.served import served_at
    from service.core.commands import WrongUse, open_database
    from service.scoring.selecting import read_time

    try:
        at = None if time is None else read_time(time)
    except ValueError as error:
        raise WrongUse(f"TIME {error}") from None
    with open_database(existing=True) as database, database.snapshot() as connection:
        answer = served_at(connection, at)
    if as_json:
        typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        typer.echo("\n".join(_served_lines(answer)))


def _served_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answer of `service.audit.served` in words."""
    yield f"At {answer['at']}:"
    model, rules, settings = answer["model"], answer["rules"], answer["settings"]
    for name, state, what in (
        ("model", model, "" if model is None else f"{model['name']} {model['version']}, "),
        ("rules", rules, "" if rules is None else f"{rules['rules']} rules, "),
        ("settings", settings, ""),
        *((kind, state, "") for kind, state in answer["further"].items()),
    ):
        known = "not known" if state is None else f"{what}{state['digest'][:12] or 'none'}, since {state['since']}"
        yield f"  {name.replace('_', ' ')}: {known}"
    for name, one in answer["lists"].items():
        if one["revision"]:
            yield f"  {name.replace('_', ' ')}: {one['entries']:,} in force, revision {one['revision']}, since {one['since']}"
    for one in answer["proposals"]:
        yield f"  proposal: {one['id']}, accepted by {one['by'] or 'someone without a key'} at {one['since']}"
    for one in answer["promotions"]:
        reason = f", because: {one['reason']}" if one["reason"] else ""
        yield f"  {one['by']}: {one['version']}, {one['digest'][:12]}, at {one['at']}{reason}"
    for name, one in answer["decisions"].items():
        if one is not None:
            yield f"  decision {name}: {one['at']}, model {one['version']}, {one['digest'][:12]}"
    yield from answer["notes"]


def _proof(database: Database, heads: Sequence[str], public_key: Path | None) -> Proof:
    from features.readers.source import read_small
    from service.audit.heads import read_head
    from service.audit.proof import prove
    from service.core.commands import row_progress

    with row_progress("Reading entries") as advance:
        return prove(
            database,
            expected=[read_head(text) for text in heads],
            public_key=None if public_key is None else read_small(public_key),
            progress=lambda number: advance(0, 0, number),
        )


def _result_text(proof: Proof) -> str:
    fault = proof.fault
    if fault is not None:
        entry = "" if fault.number is None else f" at entry {fault.number}"
        what = "" if fault.kind is None else f" ({fault.kind} {fault.subject})"
        return f"Broken{entry}{what}: {fault.problem}."
    if proof.number == 0:
        return "Proven: the chain has no entry yet."
    lines = [f"Proven: {proof.number:,} entries; the last is {proof.number}:{proof.digest.hex()}"]
    for kind, tally in sorted(proof.tallies.items()):
        erased = f", {tally.erased:,} without their erased fields" if tally.erased else ""
        lines.append(f"  {kind}: {tally.entries:,} agree with the tables{erased}")
    lines.append(f"  heads: {proof.heads} found, {proof.signed} of them with a verified signature")
    return "\n".join(lines)


COMMANDS = (audit_app,)
