"""Administration: people, keys, webhooks, erasure and retention, health, workload."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson
from sqlalchemy import func, select
from starlette.responses import Response

from service.console import people
from service.console.people import PersonRefused
from service.console.roles import Role
from service.console.texts import _
from service.console.visit import Page, Visit
from service.core.database.tables import AuditEntry
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
#: Characters of a digest or id that tell it from others.
_SHORT: Final = 12


#: Kinds of audit entries about the service itself, with their words: what somebody changed, not what it scored or found.
_CHANGES: Final = {
    "person_added": _("account added"),
    "person_changed": _("account changed"),
    "person_ended": _("account ended"),
    "key_created": _("key made"),
    "key_revoked": _("key revoked"),
    "keys_file": _("keys file changed"),
    "webhook_added": _("webhook added"),
    "webhook_removed": _("webhook removed"),
    "webhook_enabled": _("webhook enabled"),
    "webhook_disabled": _("webhook disabled"),
    "erasure": _("personal data erased"),
    "backup": _("backup made"),
    "promotion": _("model put into service"),
    "shadow_started": _("shadow started"),
    "shadow_stopped": _("shadow stopped"),
    "proposal_decided": _("proposed entry decided"),
    "capacity": _("capacity changed"),
    "rules": _("rules changed"),
    "settings": _("settings changed"),
    "watch_entry_added": _("watch list: entries added"),
    "watch_entry_removed": _("watch list: entries removed"),
    "suppression_added": _("suppressions added"),
    "suppression_removed": _("suppressions removed"),
    "permit_added": _("permits added"),
    "permit_removed": _("permits removed"),
}
_MOST_CHANGES: Final = 40
#: Facts of these entries that say more than their kind.
_TELLING: Final = ("role", "password", "subject", "scopes", "version", "entries", "state", "events")


async def administration(visit: Visit) -> Response:
    """Show everything that an administrator looks after."""
    return await _page(visit)


async def _page(visit: Visit, done: str = "", secret: str = "", problem: str = "") -> Response:
    """Return the screen: as a whole, or with what a form did as a part of it, so that a reload never does it again.

    Args:
        done: what was done, in a sentence.
        secret: what is shown only now.
        problem: why it was not done, in a sentence.
    """
    settings = visit.site.settings
    keys = (await visit.get("/v1/keys"))["keys"]
    named = await visit.read(people.names) | {one["id"]: one["name"] for one in keys}
    values: dict[str, Any] = {
        "people": await visit.read(people.every),
        "keys": keys,
        "needs_keys": settings.needs_keys,
        "webhooks": [(one, await _latest(visit, one["id"])) for one in (await visit.get(_WEBHOOK))["webhooks"]],
        "scopes": {scope.value: text for scope, text in MEANINGS.items()},
        "health": await _health(visit),
        "load": await visit.recent(workload),
        "changes": await visit.read(changes, named),
        "named": named,
        "settings": {name: value for name, value in settings.public_values().items() if value not in (None, {}, [])},
        "retention": settings.retention_days,
        "days": _DAYS,
        "done": done,
        "secret": secret,
        "problem": problem,
    }
    return await visit.page(
        "administration.html", "main" if visit.is_part else None, status=422 if problem else 200, **values
    )


async def _latest(visit: Visit, webhook: str) -> dict[str, Any] | None:
    """Return the latest message to an address; None before the first."""
    found: list[dict[str, Any]] = (await visit.get(f"{_WEBHOOK}/{webhook}/deliveries", {"limit": 1}))["deliveries"]
    return found[0] if found else None


def changes(connection: Connection, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the latest entries of the audit chain about the service itself, latest first.

    Each has ``at``, ``words``, ``who``, ``of`` and ``facts``.

    Args:
        named: names of people and keys by id.
    """
    query = select(AuditEntry.__table__).where(AuditEntry.kind.in_(_CHANGES)).order_by(AuditEntry.number.desc())
    found = []
    for row in connection.execute(query.limit(_MOST_CHANGES)):
        facts = orjson.loads(bytes(row.facts))
        found.append(
            {
                "at": row.at,
                "words": _CHANGES[row.kind],
                "who": named.get(row.actor, row.actor),
                "of": named.get(row.subject, row.subject[:_SHORT]),
                "facts": "; ".join(_told(name, facts[name]) for name in _TELLING if facts.get(name)),
            }
        )
    return found


def _told(name: str, value: Any) -> str:
    return f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"


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


def workload(connection: Connection) -> dict[str, Any]:
    """Return decisions by UTC day and lane, and outcomes by person, of the last 28 days, the latest day first."""
    first = now_us() // _DAY - _DAYS + 1
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
    password = given.get("password") or (None if visit.site.provider else "")
    try:
        wanted = (login, given.get("name", "") or login, _role(given))
        added = await visit.run(people.add, visit.database, *wanted, password=password, actor=visit.person.id)
    except PersonRefused as error:
        return await _page(visit, problem=error.sentence)
    return await _page(visit, f"{added.name} ({added.login}) can sign in now, as {added.role.value}.")


async def change_person(visit: Visit) -> Response:
    """Change a person's role or password, or end the account."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    person_id = visit.path["id"]
    name = (await visit.read(people.names)).get(person_id, "")
    change: dict[str, Any]
    try:
        if given.get("action") == "end":
            change, done = {"is_ended": True}, f"The account of {name} has ended."
        elif "password" in given:
            change, done = {"password": given["password"]}, f"{name} has a new password, and signs in with it again."
        else:
            role = _role(given)
            change, done = {"role": role}, f"{name} has the role {role.value}."
        await visit.run(people.change, visit.database, person_id, **change, actor=visit.person.id)
    except PersonRefused as error:
        return await _page(visit, problem=error.sentence)
    return await _page(visit, done)


def _role(given: Mapping[str, str]) -> Role:
    try:
        return Role(given.get("role", ""))
    except ValueError:
        raise PersonRefused("role", f"one of {', '.join(role.value for role in Role)} is needed") from None


async def add_key(visit: Visit) -> Response:
    """Make an API key, and show it once."""
    given = await visit.form()
    name, scopes = str(given.get("name", "")).strip(), [str(one) for one in given.getlist("scope")]
    if not scopes:
        return await _page(visit, problem="Choose what the key may do: at least one scope.")
    wanted: dict[str, Any] = {"name": name, "scopes": scopes}
    if until := str(given.get("expires", "")):
        wanted["expires_at"] = f"{until}T00:00:00Z"
    made = await visit.post("/v1/keys", wanted)
    return await _page(visit, f"The key of {name}, shown only now:", secret=made["key"])


async def revoke_key(visit: Visit) -> Response:
    """Revoke an API key."""
    await visit.delete(f"/v1/keys/{visit.path['id']}")
    return await _page(visit, "The key is revoked.")


async def add_webhook(visit: Visit) -> Response:
    """Add an address that gets messages, and show its secret once."""
    given = await visit.form()
    events = [str(one) for one in given.getlist("event")]
    if not events:
        return await _page(visit, problem="Choose the messages that the address gets: at least one kind.")
    wanted = {"url": str(given.get("url", "")), "description": str(given.get("description", "")), "events": events}
    made = await visit.post(_WEBHOOK, wanted)
    return await _page(visit, "The secret of the signatures, shown only now:", secret=made["secret"])


async def remove_webhook(visit: Visit) -> Response:
    """Remove an address."""
    await visit.delete(f"{_WEBHOOK}/{visit.path['id']}")
    return await _page(visit, "The address gets no more messages.")


async def erase(visit: Visit) -> Response:
    """Erase the personal data of a shipment, after its number was typed twice."""
    given = {name: str(value).strip() for name, value in (await visit.form()).items()}
    shipment = given.get("shipment_id", "")
    if not shipment or given.get("again") != shipment:
        return await _page(visit, problem="Type the number of the shipment twice, the same both times.")
    count = (await visit.post("/v1/erasures", {"shipment_id": shipment}))["decisions"]
    if not count:
        return await _page(visit, problem=f"No decision on {shipment} is kept with personal data; nothing was erased.")
    return await _page(visit, f"The personal data of {shipment} is erased; decisions: {count}.")


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
