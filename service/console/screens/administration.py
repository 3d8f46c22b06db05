"""Administration: people, keys, webhooks, erasure and retention, health, workload."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import func, select
from starlette.responses import Response

from service.console import people
from service.console.people import PersonRefused
from service.console.roles import Role
from service.console.visit import Page, Problem, Visit
from service.core.database.times import now_us
from service.core.http.openapi import MEANINGS
from service.inspections.tables import Outcome
from service.scoring.selecting import Selection
from service.search.finding import Finder, Wanted

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

_DAY: Final = 86_400 * 1_000_000
_DAYS: Final = 28
_GIB: Final = 2**30
_WEBHOOK: Final = "/v1/webhooks"


async def administration(visit: Visit, /, **made: Any) -> Response:
    """Show everything that an administrator looks after.

    Args:
        made: a secret that is shown this once: ``key`` or ``secret``.
    """
    settings = visit.site.settings
    values: dict[str, Any] = {
        "people": await visit.read(people.every),
        "keys": (await visit.get("/v1/keys"))["keys"],
        "webhooks": (await visit.get(_WEBHOOK))["webhooks"],
        "scopes": {scope.value: text for scope, text in MEANINGS.items()},
        "health": await _health(visit),
        "load": await visit.read(workload, now_us()),
        "settings": {name: value for name, value in settings.public_values().items() if value not in (None, {}, [])},
        "retention": settings.retention_days,
        "days": _DAYS,
        "made": made,
    }
    return await visit.page("administration.html", **values)


async def _health(visit: Visit) -> list[tuple[str, str]]:
    """Return facts about the state of the service."""
    ready = await visit.get("/readyz")
    settings, store = visit.site.settings, ready.get("store") or {}
    revision = await visit.run(visit.database.revision)
    model = ready.get("model") or {}
    return [
        ("Service", ready["status"]),
        ("Model", f"{model.get('name')} {model.get('version')}"),
        ("Database", f"{visit.database.engine.dialect.name}, {store.get('database')}, schema {revision}"),
        ("Decisions waiting for the database", str(store.get("waiting"))),
        ("History", str(store.get("history"))),
        ("Lists", str(store.get("lists"))),
        ("Systematic chemical names", str((ready.get("chemistry") or {}).get("systematic_names"))),
        ("Worker of jobs", "in the service" if settings.job_worker else "separate: tidewaiter worker"),
        ("Free disk for uploads", f"{_free(settings.jobs_dir):.1f} GiB"),
    ]


def _free(folder: Path) -> float:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / _GIB


def workload(connection: Connection, now: int) -> dict[str, Any]:
    """Return decisions by UTC day and lane, and outcomes by person, of the last 28 days, the latest day first."""
    first = now // _DAY - _DAYS + 1
    finder = Finder(connection, words=False)
    times = finder.times()
    by_lane = {}
    for lane in ("red", "yellow", "green"):
        positions = finder.find(Wanted.by(Selection(lane=lane, since=first * _DAY)))
        by_lane[lane] = np.bincount(times[positions] // _DAY - first, minlength=_DAYS)[:_DAYS].tolist()
    rows = [
        {"at": (first + place) * _DAY, **{lane: counts[place] for lane, counts in by_lane.items()}}
        for place in reversed(range(_DAYS))
    ]
    for row in rows:
        row["all"] = row["red"] + row["yellow"] + row["green"]
    outcomes = select(Outcome.by, func.count()).where(Outcome.recorded_at >= first * _DAY, Outcome.corrects.is_(None))
    officers = connection.execute(outcomes.group_by(Outcome.by).order_by(func.count().desc()).limit(50)).all()
    return {
        "days": [row for row in rows if row["all"]],
        "most": max(row["all"] for row in rows) or 1,
        "officers": [(name or "erased", count) for name, count in officers],
    }


async def add_person(visit: Visit) -> Response:
    """Add a person who signs in with a password, or with the identity provider."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    login = given.get("login", "")
    await _person(
        visit,
        people.add,
        login,
        given.get("name", "") or login,
        Role(given.get("role", Role.OFFICER.value)),
        password=given.get("password") or (None if visit.site.provider else ""),
    )
    return visit.redirect("/administration")


async def change_person(visit: Visit) -> Response:
    """Change a person's role or password, or end the account."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    changes: dict[str, Any] = {}
    if given.get("action") == "end":
        changes["is_ended"] = True
    elif given.get("password"):
        changes["password"] = given["password"]
    else:
        changes["role"] = Role(given.get("role", ""))
    await _person(visit, people.change, visit.path["id"], **changes)
    return visit.redirect("/administration")


async def _person(visit: Visit, work: Any, *args: Any, **options: Any) -> None:
    try:
        await visit.run(work, visit.database, *args, **options, actor=visit.person.id)
    except PersonRefused as error:
        raise Problem(422, {"detail": f"{str(error).capitalize()}."}) from None


async def add_key(visit: Visit) -> Response:
    """Make an API key, and show it once."""
    given = await visit.form()
    wanted = {"name": str(given.get("name", "")), "scopes": [str(one) for one in given.getlist("scope")]}
    made = await visit.post("/v1/keys", wanted)
    return await administration(visit, key=made["key"])


async def revoke_key(visit: Visit) -> Response:
    """Revoke an API key."""
    await visit.delete(f"/v1/keys/{visit.path['id']}")
    return visit.redirect("/administration")


async def add_webhook(visit: Visit) -> Response:
    """Add an address that gets messages, and show its secret once."""
    given = await visit.form()
    events = [str(one) for one in given.getlist("event")]
    wanted = {"url": str(given.get("url", "")), "description": str(given.get("description", "")), "events": events}
    made = await visit.post(_WEBHOOK, wanted)
    return await administration(visit, secret=made["secret"])


async def remove_webhook(visit: Visit) -> Response:
    """Remove an address."""
    await visit.delete(f"{_WEBHOOK}/{visit.path['id']}")
    return visit.redirect("/administration")


async def erase(visit: Visit) -> Response:
    """Erase the personal data of a shipment, after its number was typed twice."""
    given = {name: str(value).strip() for name, value in (await visit.form()).items()}
    shipment = given.get("shipment_id", "")
    if not shipment or given.get("again") != shipment:
        raise Problem(422, {"detail": "Type the number of the shipment twice, the same both times."})
    done = await visit.post("/v1/erasures", {"shipment_id": shipment})
    return await administration(visit, erased=done["decisions"])


PAGES: Final = (
    Page("GET", "/administration", Role.ADMINISTRATOR, administration),
    Page("POST", "/administration/people", Role.ADMINISTRATOR, add_person),
    Page("POST", "/administration/people/{id}", Role.ADMINISTRATOR, change_person),
    Page("POST", "/administration/keys", Role.ADMINISTRATOR, add_key),
    Page("POST", "/administration/keys/{id}/revoke", Role.ADMINISTRATOR, revoke_key),
    Page("POST", "/administration/webhooks", Role.ADMINISTRATOR, add_webhook),
    Page("POST", "/administration/webhooks/{id}/remove", Role.ADMINISTRATOR, remove_webhook),
    Page("POST", "/administration/erasures", Role.ADMINISTRATOR, erase),
)
