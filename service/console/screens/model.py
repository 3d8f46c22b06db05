"""The model in service: its card, how it does on other worlds and here, drift, the shadow, promotion and rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
from starlette.responses import Response

from models.bundle import describe
from service.backtests import shadow
from service.backtests.shadow import ShadowRefused
from service.console import promoting
from service.console.promoting import PromotionRefused
from service.console.roles import Role
from service.console.visit import Page, Problem, Visit
from service.core.settings import Settings
from service.scoring.model_host import ModelHost

#: Most false-alarm rates by origin per world.
_ORIGINS: Final = 8


async def model(visit: Visit) -> Response:
    """Show the model."""
    host: ModelHost = visit.request.scope["app"].state.parts[ModelHost]
    settings = visit.site.settings
    values: dict[str, Any] = {
        "served": {**await visit.get("/v1/model"), "features": ()},
        "card": await visit.run(card_of, host.served.folder),
        "watch": await visit.get("/v1/monitoring"),
        "shadow": await visit.run(_shadow, visit),
        "promotion": await visit.run(promoting.state_of, settings),
        "versions": await visit.run(_versions, settings),
    }
    return await visit.page("model.html", **values)


def card_of(folder: Path) -> dict[str, Any]:
    """Return what the pages show of a bundle's card: worlds with recall and calibration, and rates by origin."""
    try:
        card = orjson.loads((folder / "card.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {"description": None, "limits": [], "worlds": []}
    metrics = card.get("metrics") or {}
    calibration = (metrics.get("calibration") or {}).get("worlds") or {}
    origins = metrics.get("origins") or {}
    worlds = []
    for name, found in (metrics.get("left_out_worlds") or {}).items():
        rates = (origins.get(name) or {}).get("rates") or {}
        worlds.append(
            {
                "name": name,
                "sealed": found.get("sealed", False),
                "finds": found.get("finds"),
                "recall": {part: (found.get(part) or {}).get("recall_0.01") for part in ("prior", "boosters", "both")},
                "pr_auc": (found.get("both") or {}).get("pr_auc"),
                "calibration": {
                    share: (calibration.get(name) or {}).get(f"ratio_{share}") for share in ("0.01", "0.001")
                },
                "origins": sorted(rates.items(), key=lambda one: -one[1])[:_ORIGINS],
                "overall": (origins.get(name) or {}).get("overall"),
            }
        )
    return {"description": card.get("description"), "limits": card.get("limits") or [], "worlds": worlds}


def _shadow(visit: Visit) -> dict[str, Any] | None:
    try:
        return shadow.report(visit.database)
    except ShadowRefused:
        return None


def _versions(settings: Settings) -> list[dict[str, Any]]:
    """Return the versions in the model store."""
    store = settings.store()
    current = store.current()
    found = []
    for folder in store.versions():
        info = describe(folder)
        is_current = current is not None and folder.name == current.name
        found.append({"folder": folder.name, "version": info.version, "digest": info.digest, "is_current": is_current})
    return found


async def promote(visit: Visit) -> Response:
    """Start the gate for the shadow's bundle or a version of the store; it enters service if no check fails."""
    given = await visit.form()
    settings = visit.site.settings
    name = str(given.get("folder", ""))
    found = await visit.run(_shadow, visit)
    if name == "shadow" and found is not None:
        bundle = Path(found["model"]["folder"])
    else:
        bundle = next((one for one in settings.store().versions() if one.name == name), Path())
    if not (bundle / "bundle.json").is_file():
        raise Problem(422, {"detail": "There is no such bundle any more."})
    try:
        await visit.run(promoting.start, visit.database, settings, bundle, visit.person.id)
    except PromotionRefused as error:
        raise Problem(409, {"detail": str(error)}) from None
    return visit.redirect("/model")


async def verdicts(visit: Visit) -> Response:
    """Show the state of the promotion."""
    return await visit.page(
        "model.html", "promotion", promotion=await visit.run(promoting.state_of, visit.site.settings)
    )


async def roll_back(visit: Visit) -> Response:
    """Put the previous version back into service."""
    given = await visit.form()
    if str(given.get("sure", "")).strip().lower() != "roll back":
        raise Problem(422, {"detail": "Type `roll back` to confirm."})
    try:
        await visit.run(promoting.rollback, visit.database, visit.site.settings, visit.person.id)
    except PromotionRefused as error:
        raise Problem(409, {"detail": str(error)}) from None
    return visit.redirect("/model")


PAGES: Final = (
    Page("GET", "/model", Role.VIEWER, model),
    Page("POST", "/model/promote", Role.LEAD, promote),
    Page("GET", "/model/promotion", Role.VIEWER, verdicts),
    Page("POST", "/model/rollback", Role.LEAD, roll_back),
)
