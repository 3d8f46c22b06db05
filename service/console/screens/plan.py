"""The plan: what a capacity would find in a year, what exploration buys, and what is open today."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from models.capacity import ALL
from service.console.roles import Role
from service.console.visit import Page, Visit
from service.core.commands import WrongUse
from service.core.settings import Capacity
from service.scoring.model_host import ModelHost
from service.trials.capacity_report import Explored, Row, explored, rows_of
from service.trials.capacity_scores import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds for which a plan is shown before it is made again.
_FRESH: Final = 600.0
#: Inspections a day of a service without a capacity.
_DEFAULT: Final = 40.0
#: Size of the drawing.
WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 10, 10, 30


@dataclass(slots=True)
class _Made:
    """A plan that was made, or why none can be."""

    at: float
    rows: list[Row]
    exploration: list[Explored]
    problem: str | None = None


class Plans:
    """Plans of the last 28 days, made in a thread, so that no page waits for the scores of a month."""

    def __init__(self) -> None:
        self._made: dict[float, _Made] = {}
        self._busy: set[float] = set()
        self._lock = threading.Lock()

    def of(self, visit: Visit, capacity: Capacity) -> _Made | None:
        """Return the plan of a capacity; None while it is being made."""
        assert not isinstance(capacity.per_day, dict)
        key = capacity.per_day
        with self._lock:
            made = self._made.get(key)
            if (made is None or time.monotonic() - made.at > _FRESH) and key not in self._busy:
                self._busy.add(key)
                threading.Thread(target=self._make, args=(visit, capacity, key), daemon=True, name="plan").start()
        return made

    def _make(self, visit: Visit, capacity: Capacity, key: float) -> None:
        made = _Made(time.monotonic(), [], [])
        try:
            host: ModelHost = visit.request.scope["app"].state.parts[ModelHost]
            settings = visit.site.settings.score_settings()
            scored = stored(visit.database, capacity, host.served.model, settings)
            made.rows, made.exploration = list(rows_of(scored, capacity)), explored(scored, capacity)
        except WrongUse as error:
            made.problem = str(error)
        except Exception as error:  # A page shows it.
            made.problem = f"The plan could not be made: {error}"
        with self._lock:
            if len(self._made) > 20:
                self._made.clear()
            self._made[key] = made
            self._busy.discard(key)


_PLANS: Final = Plans()


async def plan(visit: Visit) -> Response:
    """Show the plan; its part alone for htmx, which asks until it is made."""
    configured = visit.site.settings.capacity
    given = visit.query("per_day").get("per_day")
    per_day = _number(given) or (_DEFAULT if configured is None else configured.daily({})[ALL] or _DEFAULT)
    capacity = replace_capacity(configured, per_day)
    made = _PLANS.of(visit, capacity)
    values: dict[str, Any] = {
        "per_day": per_day,
        "made": made,
        "curve": None if made is None else curve(made.rows, per_day),
    }
    if visit.is_part:
        return await visit.page("plan.html", "plan", **values)
    return await visit.page("plan.html", today=await visit.get("/v1/capacity"), configured=configured, **values)


def replace_capacity(configured: Capacity | None, per_day: float) -> Capacity:
    """Return the configured capacity with another number of inspections a day for the whole office."""
    if configured is None:
        return Capacity(per_day=per_day, by="site")
    return configured.model_copy(update={"per_day": per_day})


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value <= 1e6 else None


def curve(rows: Sequence[Row], per_day: float) -> dict[str, Any] | None:
    """Return the drawing of expected finds over capacity for the whole office; None without rows.

    Returns:
        ``line`` and ``band`` (points of SVG), ``ticks`` of both axes, and ``mark``, the place of the capacity.
    """
    office = sorted((row for row in rows if row.group == ALL), key=lambda row: row.capacity)
    if len(office) < 2:
        return None
    most, high = office[-1].capacity, max(row.high for row in office) or 1.0

    def x(value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, value / most), 1)

    def y(value: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / high), 1)

    def points(pairs: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x(one)},{y(other)}" for one, other in pairs)

    upper = [(row.capacity, row.high) for row in office]
    lower = [(row.capacity, row.low) for row in reversed(office)]
    return {
        "line": points([(row.capacity, row.expected_finds) for row in office]),
        "band": points([*upper, *lower]),
        "x_ticks": [(x(most * part / 4), most * part / 4) for part in range(5)],
        "y_ticks": [(y(high * part / 4), high * part / 4) for part in range(5)],
        "mark": x(per_day),
    }


PAGES: Final = (Page("GET", "/plan", Role.VIEWER, plan),)
