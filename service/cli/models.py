"""``tidewaiter promote``, ``rollback``, ``pull`` and ``model show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.registry.promotion import Promotion

TrackingUri = Annotated[
    str | None,
    typer.Option(
        "--tracking-uri", metavar="URI", help="Of MLflow; default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db here."
    ),
]

model_app = typer.Typer(name="model", help="Look at models.", no_args_is_help=True, rich_markup_mode=None)


def promote(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Number in the registry.")],
    tracking_uri: TrackingUri = None,
) -> None:
    """Put a registered version into service and move the alias champion to it."""
    from service.cli.common import environment
    from training.registry.promotion import promote as promote_version

    _tell("In service", promote_version(version, environment().models_dir, tracking_uri))


def rollback(tracking_uri: TrackingUri = None) -> None:
    """Put the version that was in service before back."""
    from service.cli.common import environment
    from training.registry.promotion import rollback as roll_back

    _tell("In service again", roll_back(environment().models_dir, tracking_uri))


def pull(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new folder.")],
    alias: Annotated[str, typer.Option("--alias", help="champion or challenger.")] = "champion",
    tracking_uri: TrackingUri = None,
) -> None:
    """Fetch the bundle behind an alias into a folder, verified; nothing is put into service."""
    from training.registry.promotion import pull as pull_alias

    _tell("Fetched", pull_alias(alias, to, tracking_uri))


@model_app.command("show")
def show(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Default: the version in service, else the bundled champion.")
    ] = None,
) -> None:
    """Print a model's card, once its bundle is verified."""
    from models.bundle.card import card_markdown
    from service.cli.common import load_model

    model = load_model(folder)
    heads = ", ".join(model.heads)
    rates = ", ".join(f"{head} {rate:.3g}" for head, rate in model.base_rates.items())
    typer.echo(card_markdown(model.name, model.version, model.card))
    typer.echo(f"Digest {model.digest}\nMade {model.created_at}\nHeads {heads}\nBase rates {rates}")
    typer.echo(f"Features {len(model.space.names)}, of which monotone {len(model.monotone_features)}")
    typer.echo(f"Predictor {model.predictor}")


def _tell(what: str, promotion: Promotion) -> None:
    registered = f"version {promotion.version}, " if promotion.version is not None else ""
    typer.echo(
        f"{what}: {registered}model {promotion.model_version}, digest {promotion.digest[:12]}, in {promotion.folder}"
    )
