"""Backtest of a model or of rules over a stored period, with the knowledge of that time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from features.groups.history.declarations import Declarations
from service.backtests.contender import Again, Contender
from service.backtests.decided import Decided, decided_at, known_of
from service.backtests.known import KnownThen
from service.backtests.replaying import batch_of, file_batches, first_history
from service.backtests.swap import compare
from service.core.database.times import iso_time
from service.history import log
from service.history.log import FILES
from service.history.replay import PAGE, advance
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from models.scoring import RiskModel, ScoreSettings
    from service.backtests.contender import Batch
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.history.key import Sealer

#: Entities of a memory of declarations that is replaced before it is used.
_FEW = 1


@dataclass(frozen=True, slots=True)
class Period:
    """A period of receipt, in microseconds since 1970; ``until`` is exclusive."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Past:
    """A store, with what opens the shipments that it could not decide on, and the settings of the service."""

    database: Database
    sealer: Sealer
    settings: Settings


def contender(past: Past, model: RiskModel, base: ScoreSettings, threads: int = 1) -> Contender:
    """Return a contender with the settings then in force, except ``base``, which are those of the present."""
    with past.database.snapshot() as connection:
        known = KnownThen(connection, past.settings, model, base)
    return Contender(past.database, model, known, Declarations(_FEW), threads)


def backtest(
    past: Past, period: Period, contenders: Sequence[Contender], progress: Callable[[int], object] = lambda _: None
) -> dict[str, Any]:
    """Return the comparison of a period as JSON values.

    Args:
        contenders: the second side; or both sides, otherwise the first are the decisions as they were made.
        progress: called with the number of decisions so far.
    """
    parts: list[list[Again]] = [[] for _ in contenders]
    scored = 0
    for batch in batches(past, period, contenders):
        for one, again in zip(contenders, parts, strict=True):
            again.append(one.score(batch))
        scored += len(batch.decided)
        progress(scored)
    sides = [Again.joined(part) for part in parts]
    with past.database.snapshot() as connection:
        positions = _common(sides)
        sides = [side.take(positions) for side in sides]
        decided = decided_at(connection, sides[0].position.tolist())
        known = known_of(connection, decided.shipment_id.tolist())
        left_out = _left_out(connection, period, len(decided))
    first: Decided | Again = decided if len(sides) == 1 else sides[0]
    return {
        "since": iso_time(period.since),
        "until": iso_time(period.until),
        **compare(first, sides[-1], decided.shipment_id, known),
        "left_out": left_out,
        "models_then": sorted({str(one) for one in decided.scorer.tolist() if one is not None}),
    }


def _common(sides: Sequence[Again]) -> set[int]:
    """Return the positions that all sides have scored."""
    found = set(sides[0].position.tolist())
    return found.intersection(*(side.position.tolist() for side in sides[1:]))


def batches(past: Past, period: Period, contenders: Sequence[Contender]) -> Iterator[Batch]:
    """Yield the decisions of a period: those of the service in the order of its history, then those on shipments of files."""
    database = past.database
    with database.read() as connection:
        stored = log.last_position(connection)
        history = first_history(connection, past.settings.store())
        first = connection.execute(
            select(func.min(Decision.history_order)).where(
                Decision.received_at >= period.since, Decision.received_at < period.until
            )
        ).scalar()
    if first is not None:
        before = log.pages(database, past.sealer, after=-1, since=None, size=PAGE, until=first - 1, stored=stored)
        for page in before:
            advance(history, page)
        for one in contenders:
            one.declarations = history.declarations.copy()
        later = log.pages(database, past.sealer, after=first - 1, since=None, size=PAGE, stored=stored)
        # An order is a time of scoring, just after that of receipt.
        for page in itertools.takewhile(lambda page: not page.entries or page.entries[0].order < period.until, later):
            advanced = advance(history, page)
            with database.read() as connection:
                batch = batch_of(connection, advanced)
            if batch is not None and len(inside := _inside(batch, period)):
                yield batch.take(inside)
    yield from file_batches(database, period.since, period.until)


def _inside(batch: Batch, period: Period) -> Any:
    received = batch.decided.received_at
    return ((received >= period.since) & (received < period.until)).nonzero()[0]


def _left_out(connection: Any, period: Period, scored: int) -> dict[str, int]:
    """Return the numbers of decisions of a period that are left out, by cause."""
    inside = (Decision.received_at >= period.since, Decision.received_at < period.until)
    no_place = Decision.history_order.is_(None) & Decision.via.not_in(FILES)
    causes: dict[str, tuple[Any, ...]] = {
        "what_if": (Decision.what_if.is_(True),),
        "erased": (Decision.what_if.is_(False), Decision.manifest.is_(None)),
        "far_from_the_present": (Decision.what_if.is_(False), Decision.manifest.is_not(None), no_place),
    }
    count = select(func.count()).select_from(Decision).where(*inside)
    found = {name: int(connection.execute(count.where(*wanted)).scalar_one()) for name, wanted in causes.items()}
    total = int(connection.execute(count).scalar_one())
    return found | {"not_scored": total - scored - sum(found.values())}
