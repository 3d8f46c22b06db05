"""The model in service: its card, how it does on other worlds and here, drift, the shadow, promotion and rollback."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from starlette.responses import Response

from models.bundle import card_markdown
from service.backtests import shadow
from service.backtests.tables import Shadow
from service.console import people, promoting
from service.console.drawing import Plot
from service.console.promoting import PromotionRefused
from service.console.roles import Role
from service.console.visit import Page, Problem, Visit
from service.core.errors import NotReady
from service.monitoring.current import CurrentMonitoring
from service.monitoring.weeks import OF_MODEL
from service.scoring.model_host import ModelHost

#: Seconds for which a report of monitoring and one of the shadow are fresh.
_WATCH_FRESH, _SHADOW_FRESH = 60.0, 600.0
#: Least and largest ratio of stated to found that the drawing of reliability shows.
_RATIOS: Final = (0.2, 5.0)
#: Shares of the riskiest traffic whose stated finds the card compares with those found.
_SHARES: Final = ("0.01", "0.001")
#: Fewest and most characters of a reason.
_REASON: Final = (5, 300)
#: Most groups in the drawing of a series.
_GROUPS: Final = 5


async def model(visit: Visit) -> Response:
    """Show the model, or one part of its page."""
    part = visit.query("part").get("part") if visit.is_part else None
    makers = {"watch": _watched, "shadow": _shadowed, "promotion": _promotion, "then": _then}
    if part in makers:
        return await visit.page("model.html", part, **await makers[part](visit))
    served = await visit.get("/v1/model")
    values = {"served": served, **card_of(served["metrics"])}
    values["card"] = await visit.run(_card_text, served)
    for maker in makers.values():
        values |= await maker(visit)
    return await visit.page("model.html", **values)


async def _watched(visit: Visit) -> dict[str, Any]:
    """Return the report of monitoring; None while it is being made."""
    current: CurrentMonitoring = visit.request.scope["app"].state.parts[CurrentMonitoring]
    try:
        watch = await visit.kept("monitoring", _WATCH_FRESH, current.report)
    except NotReady:
        watch = None
    return {"watch": watch, "own": None if watch is None else _own_ratio(watch)}


async def _shadowed(visit: Visit) -> dict[str, Any]:
    """Return the comparison with the latest shadow: None while it is being made, empty if there was none."""
    number = await visit.read(lambda connection: connection.execute(select(func.max(Shadow.number))).scalar())
    if number is None:
        return {"shadow": {}}
    database = visit.database
    return {"shadow": await visit.kept(("shadow", number), _SHADOW_FRESH, lambda: shadow.report(database))}


async def _promotion(visit: Visit) -> dict[str, Any]:
    """Return the versions, and the state of the latest promotion."""
    settings = visit.site.settings
    host: ModelHost = visit.request.scope["app"].state.parts[ModelHost]
    return {
        "in_service": host.served.model.digest,
        "promotion": await visit.run(promoting.state_of, settings),
        "versions": await visit.run(promoting.versions, settings),
        "names": await visit.read(people.names),
    }


async def _then(visit: Visit) -> dict[str, Any]:
    """Return what was in service at a time; by default now."""
    at = visit.query("at").get("at")
    if at is not None:
        try:
            time = dt.datetime.fromisoformat(at)
            # A time of the form has no zone: it is one of the office.
            zone = time.tzinfo or ZoneInfo(visit.site.settings.time_zone)
            at = time.replace(tzinfo=zone).astimezone(dt.UTC).isoformat()
        except ValueError:
            raise Problem(422, {"detail": "The time must have the form 2026-12-04T09:30."}) from None
    return {"then": await visit.get("/v1/served", {"at": at}), "names": await visit.read(people.names)}


def card_of(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of the figures of a card: worlds, reliability and origins. All are empty if it has none."""
    worlds, origins = metrics.get("left_out_worlds") or {}, metrics.get("origins") or {}
    calibration = metrics.get("calibration") or {}
    reliability = [
        {"name": name, "places": {share: _place(found.get(f"ratio_{share}")) for share in _SHARES}, **found}
        for name, found in {**(calibration.get("worlds") or {}), "mean": calibration.get("mean") or {}}.items()
        if f"ratio_{_SHARES[0]}" in found
    ]
    rates = [
        {"name": name, "rates": sorted(found["rates"].items(), key=lambda one: -one[1]), **_ratio_of(found)}
        for name, found in origins.items()
        if found.get("rates")
    ]
    return {
        "worlds": worlds,
        "reliability": reliability,
        "bounds": [_place(one) for one in (calibration.get("bounds") or {}).get("world", ())],
        "origins": rates,
        "most_rate": max((rate for one in rates for _, rate in one["rates"]), default=0.0),
    }


def _ratio_of(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"overall": found.get("overall"), "ratio": found.get("largest_over_smallest")}


def _place(ratio: float | None) -> float | None:
    """Return where a ratio of stated to found lies on a logarithmic scale, 0 to 1."""
    if ratio is None or ratio <= 0.0:
        return None
    low, high = (math.log(end) for end in _RATIOS)
    return min(1.0, max(0.0, (math.log(ratio) - low) / (high - low)))


def _own_ratio(watch: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the office's own finds stated per found, with the interval of chance; None without a find."""
    expected, observed = watch["expected_finds"], watch["observed_finds"]
    if not observed or not expected:
        return None
    ratios = [expected / watch[name] for name in ("observed_high", "observed_finds", "observed_low")]
    return {"ratio": ratios[1], "places": [_place(one) for one in ratios]}


def _card_text(served: Mapping[str, Any]) -> str:
    card = {**served["card"], "limits": served["limits"], "data": served["data"], "metrics": served["metrics"]}
    return card_markdown(served["name"], served["version"], card)


async def drift(visit: Visit) -> Response:
    """Show a series of drift: its shares by week, the groups behind it, and what to do."""
    name, values = visit.path["series"], await _watched(visit)
    watch = values["watch"]
    if watch is None:
        return await visit.page("drift.html", name=name, one=None, plot=None, weeks=[])
    one = next((series for series in watch["drift"] if series["series"] == name), None)
    if one is None:
        raise Problem(404, {"detail": "Monitoring has no such series, or its reference is not complete."})
    kind = "model" if name in OF_MODEL else "inputs"
    weeks = weeks_of(watch["reference"][kind])
    return await visit.page("drift.html", name=name, one=one, weeks=weeks, plot=series_plot(one, weeks))


def weeks_of(period: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the weeks that a series compares: numbers for those of the reference, which need not be consecutive, then days."""
    reference = [{"number": number + 1, "begins": None} for number in range(period["weeks"])]
    return reference + [{"number": None, "begins": one} for one in period["latest"]]


def series_plot(one: Mapping[str, Any], weeks: list[dict[str, Any]]) -> Plot:
    """Return the drawing of the shares of a series' groups by week, with the mean of the reference."""
    groups = one["groups"][:_GROUPS]
    count, before = len(weeks), sum(week["begins"] is None for week in weeks)
    most = max((share for group in groups for share in group["by_week"]), default=0.0)
    plot = Plot(float(count), (0.0, 1.1 * most or 1.0), 720, 260)
    plot.x_ticks = [(plot.x_of(at + 0.5), str(week["number"] or week["begins"][5:10])) for at, week in enumerate(weeks)]
    plot.add_band("band", [(0.0, 0.0), (before, 0.0)], [(0.0, plot.y[1]), (before, plot.y[1])])
    for number, group in enumerate(groups):
        kind = "line" if not number else f"line-{number + 1}"
        plot.add_line(kind, [(at + 0.5, share) for at, share in enumerate(group["by_week"])], group["group"])
    if groups:
        plot.levels.append(("level", plot.y_of(groups[0]["reference"])))
    return plot


async def promote(visit: Visit) -> Response:
    """Start the gate for the shadow's bundle or a version of the store; it enters service if no check fails."""
    name, reason = await _asked(visit)
    settings = visit.site.settings
    if name == "shadow":
        found = await visit.read(shadow.running)
        bundle = Path() if found is None else Path(found.folder)
    else:
        bundle = next((one for one in settings.store().versions() if one.name == name), Path())
    if not (bundle / "bundle.json").is_file():
        raise Problem(422, {"detail": "There is no such bundle any more."})
    try:
        await visit.run(promoting.start, settings, bundle, visit.person.id, reason)
    except PromotionRefused as error:
        raise Problem(409, {"detail": str(error)}) from None
    return visit.redirect("/model")


async def roll_back(visit: Visit) -> Response:
    """Put the previous version back into service."""
    _, reason = await _asked(visit)
    try:
        await visit.run(promoting.rollback, visit.database, visit.site.settings, visit.person.id, reason)
    except PromotionRefused as error:
        raise Problem(409, {"detail": str(error)}) from None
    return visit.redirect("/model")


async def _asked(visit: Visit) -> tuple[str, str]:
    """Return the bundle and the reason of the form."""
    given = await visit.form()
    reason = " ".join(str(given.get("reason", "")).split())
    if not _REASON[0] <= len(reason) <= _REASON[1]:
        detail = f"Give a reason of {_REASON[0]} to {_REASON[1]} characters; the audit chain keeps it."
        raise Problem(422, {"detail": detail, "errors": [{"field": "reason", "problem": "missing or too long"}]})
    return str(given.get("folder", "")), reason


PAGES: Final = (
    Page("GET", "/model", Role.VIEWER, model),
    Page("GET", "/model/drift/{series}", Role.VIEWER, drift),
    Page("POST", "/model/promote", Role.LEAD, promote),
    Page("POST", "/model/rollback", Role.LEAD, roll_back),
)
