"""Rules and lists: what each rule has opened and found, a rule tried on past traffic, proposed entries, and the office's lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, select
from starlette.responses import Response

from models.rules import RulesError, known_names, parse_rules
from service.console import people
from service.console.roles import Role
from service.console.visit import Page, Problem, Visit
from service.core.database.times import now_us
from service.inspections.outcomes import finds, holding
from service.inspections.tables import Outcome
from service.lists.current import CurrentLists
from service.proposals.past import interval, past_of
from service.scoring.model_host import ModelHost
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from models.rules import RuleSet
    from service.core.database.engine import Database
    from service.proposals.past import Backtest

#: Days of traffic, and decisions of red and yellow shipments, that the figures of rules rest on.
DAYS: Final = 28
_MOST: Final = 20_000
_FRESH: Final = 600.0
#: Latest finds from which an entry can be drafted.
_FINDS: Final = 20
#: Latest shipments on which a rule is tried: some seconds of one core.
TRIED: Final = 10_000
#: Shipments that are shown of those that meet a tried rule.
_EXAMPLES: Final = 20
_DAY: Final = 86_400 * 1_000_000
#: List -> its words, and the fields of the form of a new entry with their labels.
LISTS: Final[Mapping[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "watch-lists": (
        "Watch lists",
        (
            ("list", "List"),
            ("kind", "Kind: name, address, phone, email or identifier"),
            ("text", "Text"),
            ("country", "Country, if any"),
            ("place", "City or postcode of an address"),
            ("lane", "Lane: red or yellow"),
            ("source", "Source"),
            ("reason", "Reason"),
            ("expires_at", "Until, such as 2027-03-01"),
        ),
    ),
    "suppressions": (
        "Suppressions",
        (
            ("rule_id", "Rule"),
            ("list", "List"),
            ("entry_id", "Entry of a watch list"),
            ("consignor", "Consignor"),
            ("reason", "Reason"),
            ("expires_at", "Until, such as 2027-03-01"),
        ),
    ),
    "dismissals": ("Dismissals", ()),
    "permits": ("Permits", ()),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a rule did in the last `DAYS` days.

    Attributes:
        hits: decisions with the rule on red or yellow shipments.
        by_score: those of them whose lane the score alone had given.
        inspected, finds: those with a result, and with a find.
        precision, low, high: finds per inspection with its interval of 90 %; None without an inspection.
    """

    hits: int
    by_score: int
    inspected: int
    finds: int
    precision: float | None
    low: float | None
    high: float | None


def figures(connection: Connection, now: int) -> dict[str, Figures]:
    """Return the figures of the rules that the latest red and yellow decisions name."""
    wanted = (Decision.received_at >= now - DAYS * _DAY, Decision.lane != "green", Decision.what_if.is_(False))
    columns = (Decision.shipment_id, Decision.selected_by, Decision.answer)
    rows = connection.execute(select(*columns).where(*wanted).order_by(Decision.received_at.desc()).limit(_MOST)).all()
    query = select(Outcome.shipment_id, finds().label("found")).where(
        holding(), Outcome.recorded_at >= now - DAYS * _DAY
    )
    results = {row.shipment_id: bool(row.found) for row in connection.execute(query)}
    hits, by_score, inspected, found = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        for rule in orjson.loads(bytes(row.answer)).get("rule_ids") or ():
            hits[rule] += 1
            by_score[rule] += row.selected_by == "score"
            inspected[rule] += row.shipment_id in results
            found[rule] += results.get(row.shipment_id, False)
    return {
        rule: Figures(hits[rule], by_score[rule], inspected[rule], found[rule], *interval(found[rule], inspected[rule]))
        for rule in hits
    }


async def rules(visit: Visit) -> Response:
    """Show rules, proposals and lists."""
    lists = {name: (await visit.get(f"/v1/{name}", {"limit": 100}))["entries"] for name in LISTS}
    values: dict[str, Any] = {
        "rules": await visit.run(_rules, visit),
        "figures": await visit.kept("rules", _FRESH, lambda: _figures(visit.database)),
        "proposals": await _proposals(visit),
        "finds": await visit.read(_latest_finds),
        "names": await visit.read(people.names),
        "lists": lists,
        "forms": LISTS,
        "days": DAYS,
    }
    return await visit.page("rules.html", **values)


def _figures(database: Database) -> dict[str, Figures]:
    with database.snapshot() as connection:
        return figures(connection, now_us())


def _latest_finds(connection: Connection) -> list[Any]:
    columns = (
        Outcome.id,
        Outcome.decision_id,
        Outcome.shipment_id,
        Outcome.content,
        Outcome.substance,
        Outcome.found_at,
    )
    query = select(*columns).where(finds()).order_by(Outcome.position.desc()).limit(_FINDS)
    return list(connection.execute(query))


def _rules(visit: Visit) -> list[Any]:
    parts = visit.request.scope["app"].state.parts
    host: ModelHost = parts[ModelHost]
    lists: CurrentLists = parts[CurrentLists]
    return list(host.served.model.rulebook(lists.settings).rules)


async def _proposals(visit: Visit) -> list[Any]:
    if not visit.person.role.may(Role.LEAD):
        return []
    found: list[Any] = (await visit.get("/v1/proposals"))["proposals"]
    return found


async def try_rule(visit: Visit) -> Response:
    """Try a rule on the latest stored shipments."""
    text = str((await visit.form()).get("rule", ""))
    try:
        wanted = parse_rules(text, known_names(), "the rule")
    except RulesError as error:
        raise Problem(422, {"detail": str(error)}) from None
    if len(wanted.rules) != 1:
        raise Problem(422, {"detail": f"The text has {len(wanted.rules)} rules; give one [[rule]]."})
    tried, examples = await visit.run(_tried, visit, wanted)
    return await visit.page("rules.html", "tried", tried=tried, examples=examples)


def _tried(visit: Visit, wanted: RuleSet) -> tuple[Backtest, list[Row[Any]]]:
    """Return the figures of a rule on past traffic, and the latest decisions on some of the shipments that meet it."""
    host: ModelHost = visit.request.scope["app"].state.parts[ModelHost]
    with visit.database.snapshot() as connection:
        past = past_of(connection, host.served.model, (), now_us(), TRIED)
        try:
            opened = past.opened(wanted)
        except RulesError as error:
            raise Problem(422, {"detail": str(error)}) from None
        column, rows = past.table.text("shipment_id"), past.table.first_row[opened][:_EXAMPLES]
        named = [column.values[code] for code in column.codes[rows].tolist()]
        latest = select(func.max(Decision.position)).where(Decision.shipment_id.in_(named), Decision.what_if.is_(False))
        query = select(Decision.id, Decision.shipment_id, Decision.lane, Decision.received_at).where(
            Decision.position.in_(latest.group_by(Decision.shipment_id).scalar_subquery())
        )
        return past.judged(opened), list(connection.execute(query.order_by(Decision.received_at.desc())))


async def draft(visit: Visit) -> Response:
    """Draft entries from finds that an officer chose."""
    chosen = [str(one) for one in (await visit.form()).getlist("outcome")]
    if not chosen:
        raise Problem(422, {"detail": "Choose at least one find; several of one scheme give a better entry."})
    if not (await visit.post("/v1/proposals", {"outcome_ids": chosen}))["proposals"]:
        raise Problem(
            422, {"detail": "These finds share nothing that is rare in other traffic, so no entry was drafted."}
        )
    return visit.redirect("/rules#proposals")


async def decide(visit: Visit) -> Response:
    """Accept or decline a proposal, or end one that is in force, with a reason."""
    given = await visit.form()
    action = "accept" if given.get("action") == "accept" else "decline"
    decided = {"reason": str(given.get("reason", "")).strip()}
    state = (await visit.post(f"/v1/proposals/{visit.path['id']}/{action}", decided))["state"]
    return visit.redirect("/rules", done=state)


async def add_entry(visit: Visit) -> Response:
    """Add an entry to a list."""
    name = _list_of(visit)
    given = await visit.form()
    entry = {field: text for field, _ in LISTS[name][1] if (text := str(given.get(field, "")).strip())}
    if name == "suppressions" and (wanted := entry.get("rule_id")):
        known = sorted(rule.id for rule in await visit.run(_rules, visit))
        if wanted not in known:
            raise Problem(422, {"detail": f"No rule in force has the id {wanted}. There are: {', '.join(known)}."})
    await visit.post(f"/v1/{name}", entry)
    return visit.redirect("/rules", done="added")


async def remove_entry(visit: Visit) -> Response:
    """Remove an entry from a list."""
    await visit.delete(f"/v1/{_list_of(visit)}/{visit.path['id']}")
    return visit.redirect("/rules", done="removed")


def _list_of(visit: Visit) -> str:
    if (name := visit.path["kind"]) not in LISTS:
        raise Problem(404, {"detail": "There is no such list."})
    return name


PAGES: Final = (
    Page("GET", "/rules", Role.VIEWER, rules),
    Page("POST", "/rules/try", Role.LEAD, try_rule),
    Page("POST", "/rules/proposals", Role.LEAD, draft),
    Page("POST", "/rules/proposals/{id}", Role.LEAD, decide),
    Page("POST", "/rules/lists/{kind}", Role.LEAD, add_entry),
    Page("POST", "/rules/lists/{kind}/{id}/remove", Role.LEAD, remove_entry),
)
