"""``tidewaiter promote``, ``rollback``, ``pull``, and ``model show``, ``sign`` and ``verify``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from training.registry.promotion import Promotion

TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri",
        metavar="URI",
        help="MLflow server or file; default: MLFLOW_TRACKING_URI, or sqlite:///mlflow.db in the current folder.",
    ),
]

model_app = typer.Typer(name="model", help="Show, sign and verify models.", no_args_is_help=True, rich_markup_mode=None)


def promote(
    version: Annotated[str | None, typer.Argument(metavar="VERSION", help="Version number in the registry.")] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="DIR", help="Folder of a bundle, for example from `adapt`.")
    ] = None,
    tracking_uri: TrackingUri = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the verdicts as JSON.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Put it into service although checks fail; needs --reason.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why --force is used, for the audit chain.")
    ] = None,
) -> None:
    """Check a registered version or a bundle against the model in service, and put it into service.

    The alias "champion" moves to it. A candidate that fails a check is refused.
    """
    from service.core.commands import WrongUse, environment
    from service.training.gate import Gate

    if (version is None) == (bundle is None):
        raise WrongUse("Name a VERSION of the registry, or a bundle with --bundle DIR.")
    if force != bool(reason):
        raise WrongUse("--force and --reason TEXT go together.")
    settings = environment()
    gate = Gate(settings, reason, json_file)
    if version is None:
        from models.bundle import verify

        assert bundle is not None
        verify(bundle)
        facts = gate.examine(bundle)
        folder = settings.store().install(bundle, another_label=force)
        entered(folder, "In service", "tidewaiter promote", tracking_uri, facts)
        return
    from training.registry.promotion import promote as promote_version

    promotion, facts = promote_version(version, settings.models_dir, tracking_uri, gate.examine, another_label=force)
    _note(promotion.digest, promotion.model_version, promotion.folder, "tidewaiter promote", facts)
    _print_promotion("In service", promotion)


def rollback(tracking_uri: TrackingUri = None) -> None:
    """Put the previous version back into service."""
    from service.core.commands import environment

    entered(environment().store().rollback(), "In service again", "tidewaiter rollback", tracking_uri)


def entered(
    folder: Path, action: str, actor: str, tracking_uri: str | None, facts: Mapping[str, Any] | None = None
) -> None:
    """Record and print a bundle that has entered service, and move the alias to it. Without MLflow, no alias is moved.

    Args:
        actor: who put it into service, for the audit chain.
        facts: answers of the checks, and reasons.
    """
    from models.bundle import describe

    info = describe(folder)
    _note(info.digest, info.version, folder, actor, facts)
    try:
        from training.registry.promotion import alias_bundle

        version = alias_bundle(info.digest, tracking_uri)
    except ModuleNotFoundError:
        version = None
    _print_in_service(action, version, info.version, info.digest, folder)


def _note(digest: str, version: str, folder: Path, actor: str, facts: Mapping[str, Any] | None = None) -> None:
    """Record a promotion in the audit chain, if there is one, with ``facts`` about its checks.

    The model is in service even if this fails.
    """
    from service.core.commands import environment
    from service.core.database.audit import note_promotion
    from service.core.database.engine import NoDatabase, open_existing
    from service.core.errors import DatabaseAway

    settings = environment()
    if not settings.keeps_decisions:
        return
    try:
        database = open_existing(settings.database_url.get_secret_value())
        try:
            note_promotion(database, digest, {"version": version, "folder": folder.name, **(facts or {})}, actor)
        finally:
            database.close()
    except NoDatabase:
        # No service has stored anything yet.
        return
    except DatabaseAway as error:
        typer.echo(
            f"Warning: the audit chain has no entry of this change, because the database is away: {error}", err=True
        )


def pull(
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Folder for the bundle. It must be empty or not exist.")
    ],
    alias: Annotated[str, typer.Option("--alias", help="champion or challenger.")] = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Fetch the bundle of an alias into a folder and verify it. It is not put into service."""
    from training.registry.promotion import pull as pull_alias

    _print_promotion("Fetched", pull_alias(alias, to, tracking_uri))


@model_app.command("show")
def show(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Default: the version in service, or the bundled champion.")
    ] = None,
) -> None:
    """Verify a bundle and print the card of its model."""
    from models.bundle import card_markdown
    from service.core.commands import load_model

    model = load_model(folder)
    heads = ", ".join(model.heads)
    rates = ", ".join(f"{head} {rate:.3g}" for head, rate in model.base_rates.items())
    typer.echo(card_markdown(model.name, model.version, model.card))
    typer.echo(f"Digest {model.digest}\nCreated {model.created_at}\nHeads {heads}\nBase rates {rates}")
    typer.echo(f"Features {len(model.space.names)}, of which monotone {len(model.monotone_features)}")
    typer.echo(f"Predictor {model.predictor}")


@model_app.command("sign")
def sign(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A bundle.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Ed25519 private key (PEM without a password).")],
) -> None:
    """Verify a bundle and sign it with the office's private key."""
    from features.readers.source import read_small
    from models.bundle import sign as sign_bundle
    from models.bundle import verify as verify_bundle

    info = verify_bundle(folder)
    path = sign_bundle(folder, info.digest, read_small(key))
    typer.echo(f"Signed: model {info.version}, digest {info.digest[:12]}, in {path}")


@model_app.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A bundle.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Ed25519 public key (PEM).")],
) -> None:
    """Verify a bundle and its signature."""
    from features.readers.source import read_small
    from models.bundle import verify as verify_bundle

    info = verify_bundle(folder, public_key=read_small(key))
    typer.echo(f"Signed with this key: model {info.version}, digest {info.digest[:12]}")


def _print_promotion(action: str, promotion: Promotion) -> None:
    _print_in_service(action, promotion.version, promotion.model_version, promotion.digest, promotion.folder)


def _print_in_service(action: str, number: str | None, version: str, digest: str, folder: Path) -> None:
    """Print a bundle, with its number in the registry if it has one, and what its model is for."""
    from models.bundle import purpose

    registered = f"version {number}, " if number is not None else ""
    typer.echo(f"{action}: {registered}model {version}, digest {digest[:12]}, in {folder}")
    use = purpose(folder)
    typer.echo(f"Predicts {use.predicts}; base rate {use.base_rate:.3g}; learned from {use.data}")
