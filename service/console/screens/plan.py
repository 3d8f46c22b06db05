"""The plan: what a capacity would find in a year, by site, what exploration buys, and what is open today."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from models.capacity import ALL
from service.console.drawing import Plot, ticks
from service.console.kept import Kept
from service.console.roles import Role
from service.console.visit import Page, Problem, Visit
from service.core.commands import WrongUse
from service.core.settings import Capacity
from service.scoring.model_host import ModelHost
from service.trials.capacity_report import MISCALIBRATION, Explored, Row, Scored, explored, rows_of
from service.trials.capacity_scores import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.scoring import RiskModel, ScoreSettings
    from service.core.database.engine import Database

#: Seconds for which the scores of the store, and plans of them, are fresh.
_FRESH: Final = 3_600.0
#: Inspections a day of a service without a capacity.
_DEFAULT: Final = 40.0
#: The curves reach this multiple of the capacity in force, in so many steps.
_REACH, _STEPS = 4.0, 16
#: Most sites with a curve of their own.
_SITES: Final = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for a capacity.

    Attributes:
        made_at: time in microseconds since 1970.
        office: rows of the whole office, in the order of their capacities.
        here: the row of the capacity itself, of the office and of each group.
        curves: group -> its rows.
    """

    made_at: int
    office: list[Row]
    here: list[Row]
    curves: dict[str, list[Row]]
    exploration: list[Explored]


@dataclass(frozen=True, slots=True)
class _Source:
    """What plans are made from."""

    kept: Kept
    database: Database
    model: RiskModel
    settings: ScoreSettings

    def scores(self, capacity: Capacity) -> Scored:
        """Return the scores of the last 28 days, in groups. They do not depend on the number of inspections."""
        key = ("scores", self.model.digest, capacity.by)
        found: Scored = self.kept.now(key, _FRESH, lambda: stored(self.database, capacity, self.model, self.settings))
        return found

    def plan(self, capacity: Capacity, most: float) -> Plan:
        """Return the plan of a capacity, with curves from 0 to ``most`` inspections a day of the whole office."""
        scored, per_day = self.scores(capacity), capacity.daily({})[ALL]
        steps = {most * step / _STEPS / per_day for step in range(1, _STEPS + 1)}
        curves: dict[str, list[Row]] = {}
        for row in rows_of(scored, capacity, sorted({1.0, *steps})):
            curves.setdefault(row.group, []).append(row)
        # A group whose whole traffic is opened has no rows above that.
        least = {group: rows[0].capacity / min(1.0, *steps) for group, rows in curves.items()}
        here = [min(rows, key=lambda row: abs(row.capacity - least[group])) for group, rows in curves.items()]
        return Plan(time.time_ns() // 1_000, curves[ALL], here, curves, explored(scored, capacity))


async def plan(visit: Visit) -> Response:
    """Show the plan; its part alone for htmx, which asks until it is made."""
    configured = visit.site.settings.capacity
    in_force = _DEFAULT if configured is None else configured.daily({})[ALL] or _DEFAULT
    per_day = _number(visit.query("per_day").get("per_day")) or in_force
    capacity, most = of_office(configured, per_day, in_force), max(_REACH * in_force, 1.25 * per_day)
    values: dict[str, Any] = {"per_day": per_day, "in_force": in_force, "made": None, "problem": None}
    values |= {"by": capacity.parts, "share": capacity.exploration}
    try:
        host: ModelHost = visit.request.scope["app"].state.parts[ModelHost]
        source = _Source(visit.site.kept, visit.database, host.served.model, visit.site.settings.score_settings())
        key = ("plan", source.model.digest, capacity.digest, most)
        made = await visit.kept(key, _FRESH, lambda: source.plan(capacity, most))
        values |= {"made": made, "plots": None if made is None else plots(made.office, per_day, most)}
        values["sites"] = [] if made is None else sites(made)
    except WrongUse as error:
        values["problem"] = str(error)
    if visit.is_part:
        return await visit.page("plan.html", "plan", **values)
    return await visit.page("plan.html", today=await visit.get("/v1/capacity"), configured=configured, **values)


def of_office(configured: Capacity | None, per_day: float, in_force: float) -> Capacity:
    """Return the configured capacity with another number of inspections a day for the whole office."""
    if configured is None:
        return Capacity(per_day=per_day, by="site")
    if per_day == in_force:
        return configured
    of_each = configured.per_day
    if isinstance(of_each, dict):
        return configured.model_copy(
            update={"per_day": {group: one * per_day / in_force for group, one in of_each.items()}}
        )
    return configured.model_copy(update={"per_day": per_day})


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1e6:
        raise Problem(422, {"detail": "The capacity must be a number of inspections a day from 0.01 to 1,000,000."})
    return value


def plots(rows: Sequence[Row], per_day: float, most: float) -> dict[str, Plot]:
    """Return the plots of the whole office over its capacity.

    They show the finds a year, those of them that no declaration states, the finds per inspection, and the least risk that is red.
    """
    finds = Plot(most, (0.0, max(row.high for row in rows) or 1.0))
    curve(finds, rows)
    most_hidden = MISCALIBRATION * max(row.hidden_finds for row in rows) or 1.0
    hidden = Plot(most, (0.0, most_hidden))
    of_hidden = [(row.capacity, row.hidden_finds) for row in rows]
    lower, upper = (
        [(x, finds * factor) for x, finds in of_hidden] for factor in (1.0 / MISCALIBRATION, MISCALIBRATION)
    )
    hidden.add_band("band", lower, upper)
    hidden.add_line("line", of_hidden)
    precision = Plot(most, (0.0, max(row.precision for row in rows) or 1.0))
    precision.add_line("line", [(row.capacity, row.precision) for row in rows])
    least = [(row.capacity, row.threshold) for row in rows if row.threshold]
    risks = [risk for _, risk in least] or [1e-3]
    threshold = Plot(most, (min(*risks, max(risks) / 10), max(risks) * 1.5), is_log=True)
    threshold.add_line("line", least)
    for one in (finds, hidden, precision, threshold):
        one.uprights.append(("mark", one.x_of(per_day)))
        one.x_ticks = _ticks_of(one)
    return {"finds": finds, "hidden": hidden, "precision": precision, "threshold": threshold}


def curve(plot: Plot, rows: Sequence[Row]) -> None:
    """Draw the finds a year with their interval. Nothing is found by nobody."""
    start = [(0.0, 0.0)]
    plot.add_band(
        "band", start + [(row.capacity, row.low) for row in rows], start + [(row.capacity, row.high) for row in rows]
    )
    plot.add_line("line", start + [(row.capacity, row.expected_finds) for row in rows])


def _ticks_of(plot: Plot) -> list[tuple[float, float | str]]:
    return [(plot.x_of(value), value) for value in ticks(plot.most_x)]


def sites(made: Plan) -> list[dict[str, Any]]:
    """Return the groups with most finds, each with its row and the plot of its curve, all of one height."""
    here = sorted((row for row in made.here if row.group != ALL), key=lambda row: -row.expected_finds)
    high = max((one.high for row in here for one in made.curves[row.group]), default=0.0) or 1.0
    found = []
    for number, row in enumerate(here):
        plot = None
        if number < _SITES:
            rows = made.curves[row.group]
            plot = Plot(max(one.capacity for one in rows) or 1.0, (0.0, high), 300, 140)
            curve(plot, rows)
            plot.uprights.append(("mark", plot.x_of(row.capacity)))
            plot.x_ticks = _ticks_of(plot)
        found.append({"row": row, "plot": plot})
    return found


PAGES: Final = (Page("GET", "/plan", Role.VIEWER, plan),)
