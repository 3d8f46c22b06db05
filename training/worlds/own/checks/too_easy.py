"""Check whether the simulated world is too easy: limits on how well simple models separate illicit shipments.

The limits concern artefacts: lengths, gaps, encodings, identifiers, formats, times, and single raw fields. They do not concern
the content of a declaration. Overt shipments are declared as the substance, in vague words of chemistry or machines, or as other
goods of the trade. They may be as conspicuous as published indicators say: boosters examine only the form of their identifiers,
their order and their times, and single fields exclude `CONTENT`. Illicit shipments that are declared as harmless goods are
examined in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.table import Table

from features.manifest.fields import HEADS
from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.checks import sceptic
from training.worlds.own.world import WorldChunk, generate, joined

FIELD_LIMIT, TREE_LIMIT, ARTEFACT_LIMIT, HONEST_WORDING, CLOCK_LIMIT = 0.80, 0.80, 0.55, 0.90, 0.55
ONLY_ILLICIT_LIMIT: Final = 0.02
#: Minimum number of illicit shipments or items for a measurement on a subset.
FEWEST: Final = 150
#: Maximum number of rows of an examined world. It has some 700 illicit shipments.
MOST_ROWS: Final = 100_000
#: Columns that describe the goods. Chemicals are declared in kilograms, other goods in pieces.
CONTENT: Final = (
    "goods_description", "declared_chemical", "cas_number", "cus_number", "hs_code", "permit_number", "undg_number",
    "quantity", "quantity_unit",
)  # fmt: skip
#: Columns in which every value should also occur in lawful rows. Texts of parties are not included, because the own parties of a
#: network occur only in illicit shipments.
COMMON: Final = (
    "filing_type", "channel", "transport_mode", "export_country", "routing_countries", "loading_location",
    "unloading_location", "carrier_id", "agent_name", "marketplace", "transaction_nature", "package_count",
    "package_type", "currency", "consignor_city", "consignor_country", "consignor_postcode", "consignor_known",
    "consignee_city", "consignee_country", "consignee_postcode", "item_number", "goods_description",
    "declared_chemical", "cas_number", "cus_number", "origin_country", "quantity_unit", "undg_number",
)  # fmt: skip
#: Beginnings of the names of artefacts that do not depend on the goods.
_FORM: Final = ("shipment_id ", "master_id ", "house_id ", "declared_at ")
_RECURRING: Final = frozenset(
    f"{party}_{field}: rate of the text"
    for party in ("consignor", "consignee")
    for field in ("name", "address", "phone", "email")
)
#: Declarations of overt shipments.
_OVERT: Final = ("named", "vague", "other")
#: Number of artefacts listed per booster.
_TOP: Final = 12
_NOISE: Final = 1.96 * 0.29
#: Positions in time: the end of the fit window, and the beginning of the late rows.
_FIT, _TEST = 0.6, 0.8
_DAY_S: Final = 86400


@dataclass(frozen=True, slots=True)
class Bar:
    """Limit with its measured value. ``sense`` is 'at most', 'at least' or 'above'.

    A value with a 95 % interval violates the limit only if the whole interval lies beyond it.
    """

    name: str
    value: float
    limit: float
    sense: str
    ok: bool
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class TooEasyReport:
    """Limits with their measured values. ``details`` contains numbers and texts only."""

    rows: int
    illicit_shipments: int
    bars: Sequence[Bar]
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(bar.ok for bar in self.bars)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values without NaN."""
        return {
            "ok": self.ok,
            "rows": self.rows,
            "illicit_shipments": self.illicit_shipments,
            "bars": [asdict(bar) for bar in self.bars],
            **self.details,
        }

    def table(self) -> Table:
        """Return a table for the terminal with one line per limit."""
        table = Table(title=f"Too easy? {self.rows:,} rows, {self.illicit_shipments:,} illicit shipments")
        for name in ("bar", "value", "95 % interval", "limit", ""):
            table.add_column(name, justify="left" if name in ("bar", "") else "right")
        for bar in self.bars:
            interval = "" if bar.low is None else f"{bar.low:.3f} to {bar.high:.3f}"
            verdict = "[green]holds[/]" if bar.ok else "[red]broken[/]"
            table.add_row(bar.name, f"{bar.value:.3f}", interval, f"{bar.sense} {bar.limit:.2f}", verdict)
        return table


def too_easy(
    rows: int, seed: int, *, draws: int = 1, calendar: tuple[date | None, date | None] = (None, None), threads: int = 1
) -> TooEasyReport:
    """Examine the world of a seed, with at most `MOST_ROWS` rows. Arguments are those of `training.worlds.own.write`.

    Raises:
        ValueError: no row is illicit.
    """
    first_day, last_day = calendar
    chunks = generate(min(rows, MOST_ROWS), seed, draws=draws, first_day=first_day, last_day=last_day)
    return examine(joined(list(chunks)), seed=seed, threads=threads)


def examine(world: WorldChunk, *, seed: int = 0, threads: int = 1) -> TooEasyReport:
    """Return all measurements on a whole world. Raises `ValueError` if no row is illicit."""
    if (world.truth["content"] == "none").all():
        raise ValueError("too easy: the world has no illicit shipment; generate more rows")
    return _Examination(world, seed, threads).report()


class _Examination:
    """Measurements on a world."""

    def __init__(self, world: WorldChunk, seed: int, threads: int) -> None:
        self._seed, self._threads = seed, threads
        self._office, self._truth = world.office, world.truth
        self._illicit: Bools = np.asarray(self._truth["content"] != "none", dtype=np.bool_)
        shipment, ids = pd.factorize(self._office["shipment_id"])
        self._shipment: Ints = np.asarray(shipment, dtype=np.int64)
        self._first: Ints = np.flatnonzero(np.diff(self._shipment, prepend=-1))
        self._size: Ints = np.bincount(self._shipment)
        self._illicit_shipment: Bools = np.bincount(self._shipment, self._illicit) > 0
        self._lawful: Bools = ~self._illicit_shipment[self._shipment]
        self._when: Floats = np.arange(world.n_rows) / world.n_rows
        keys = pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)
        self._fold: Ints = (keys % np.uint64(sceptic.FOLDS)).astype(np.int64)[self._shipment]
        overt = np.isin(self._truth["declaration"], _OVERT)
        #: (n,) whether each row belongs to an overt shipment.
        self._overt: Bools = (np.bincount(self._shipment, overt) > 0)[self._shipment]
        self._misdeclared = self._illicit & ~overt
        self._details: dict[str, Any] = {}

    def report(self) -> TooEasyReport:
        bars = [*self._fields(), self._tree(), self._clock(), *self._artefacts()]
        bars += [*self._wordings(), self._only_illicit(), self._duplicates()]
        return TooEasyReport(len(self._illicit), int(self._illicit_shipment.sum()), bars, self._details)

    def _single_fields(self, fold: Ints) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return scores of the fields outside `CONTENT` on all rows, and of all fields on rows of shipments that are not overt."""
        others = ~self._overt
        columns = {name: column for name, column in self._office.items() if name not in CONTENT}
        plain = sceptic.single_fields(columns, self._illicit, fold)
        # The own parties of a network recur in its shipments (typologies P1 and P5).
        plain = {name: score for name, score in plain.items() if name not in _RECURRING}
        columns = {name: column[others] for name, column in self._office.items()}
        return plain, sceptic.single_fields(columns, self._illicit[others], fold[others])

    def _fields(self) -> Iterable[Bar]:
        plain, content = self._single_fields(self._fold)
        by_field = {name: sceptic.either_way(score, self._illicit[~self._overt]) for name, score in content.items()}
        for name, score in plain.items():
            by_field[name] = max(by_field[name], sceptic.either_way(score, self._illicit))
        by_field["number of items"] = sceptic.either_way(self._size.astype(np.float64), self._illicit_shipment)
        kinds = [np.isin(self._truth["content"], list(contents)) for contents in HEADS.values()]
        kinds = [kind for kind in kinds if kind.sum() >= FEWEST]
        by_kind = {name: sceptic.either_way(score, *kinds) for name, score in plain.items()} if kinds else {}
        for key, title, figures in (
            ("single_fields", "best single field", by_field),
            ("single_fields_of_one_kind", "best single field for one kind of content", by_kind),
        ):
            if figures:
                ranked = sorted(figures.items(), key=lambda entry: -entry[1])
                self._details[key] = [{"field": name, "roc_auc": value} for name, value in ranked]
                yield _most(f"{title} ({ranked[0][0]})", ranked[0][1], FIELD_LIMIT)

    def _tree(self) -> Bar:
        early, others = self._when < _FIT, ~self._overt
        plain, content = self._single_fields(np.where(early, self._fold, -1))
        sets = [(plain, self._illicit, early), (content, self._illicit[others], early[others])]
        # Target rates of parties are not stable over time, and a tree of depth two would waste its splits on them.
        kinds = {"no rates": ": rate of", "no rates of texts": ": rate of the text", "all": "\0"}
        values = {
            kind: max(
                sceptic.depth_two({name: x for name, x in scores.items() if without not in name}, target, learn)
                for scores, target, learn in sets
            )
            for kind, without in kinds.items()
        }
        self._details["depth_2_tree"] = values
        return _most("tree of depth 2, out of time", max(values.values()), TREE_LIMIT)

    def _order(self) -> dict[str, Floats]:
        """Return position, time and number of each row (n,): its place in the world and in the day, and those of its shipment."""
        moment, rows = sceptic.seconds(self._office["declared_at"]), np.arange(len(self._illicit))
        starts = np.flatnonzero(np.diff(moment // _DAY_S, prepend=-1))
        number = sceptic.numbers_at_the_end(self._office["shipment_id"][self._first])
        of_first = moment[self._first]
        of_shipment = {
            "seconds since the last": np.diff(of_first, prepend=of_first[0]),
            "step of the number": np.diff(number, prepend=number[0]),
            "number by 10": number % 10,
            "number by 97": number % 97,
        }
        place = rows - np.repeat(starts, np.diff(np.append(starts, len(rows))))
        of_row = {"row": rows, "place in the day": place, **{k: v[self._shipment] for k, v in of_shipment.items()}}
        return {name: values.astype(np.float64) for name, values in of_row.items()}

    def _clock(self) -> Bar:
        """Return the limit on order, clock time and numbering, and on the position of the illicit item in its shipment."""
        moment = sceptic.seconds(self._office["declared_at"])
        by_name = self._order() | {
            "second of the minute": (moment % 60).astype(np.float64),
            "minute of the hour": (moment // 60 % 60).astype(np.float64),
        }
        illicit = self._illicit_shipment
        aucs = {
            name: (sceptic.either_way(score[self._first], illicit), illicit.sum()) for name, score in by_name.items()
        }
        size = self._size[self._shipment]
        several = ~self._lawful & (size > 1)
        if self._illicit[several].sum() >= FEWEST:
            inside = np.arange(len(size)) - self._first[self._shipment]
            place, illicit = (inside / np.maximum(1, size - 1))[several], self._illicit[several]
            aucs["place in the shipment"] = (sceptic.either_way(place, illicit), illicit.sum())
        self._details["order"] = {name: value for name, (value, _) in aucs.items()}
        # The standard deviation of an uninformative score's ROC-AUC is about 0.29 / sqrt(positives).
        noise = {name: float(_NOISE / np.sqrt(count)) for name, (_, count) in aucs.items()}
        worst = max(aucs, key=lambda name: aucs[name][0] - noise[name])
        value = aucs[worst][0]
        low, high = max(0.0, value - noise[worst]), min(1.0, value + noise[worst])
        return Bar(
            f"order, clock and numbering ({worst})", value, CLOCK_LIMIT, "at most", low <= CLOCK_LIMIT, low, high
        )

    def _artefacts(self) -> Iterable[Bar]:
        """Yield limits on boosters on artefacts, of shipments and of items. Scores are ranked within each channel."""
        order = self._order()
        columns = sceptic.of_columns(self._office, self._when < 0.5) | order
        form = {name: x for name, x in columns.items() if name in order or name.startswith(_FORM)}
        self._details["artefacts"] = {}
        yield from self._artefacts_of(columns, "artefacts", ~self._overt)
        if self._illicit_shipment[self._overt[self._first]].sum() >= FEWEST:
            yield from self._artefacts_of(form, "artefacts of overt shipments", self._overt | self._lawful)

    def _artefacts_of(self, columns: dict[str, Floats], title: str, used: Bools) -> Iterable[Bar]:
        x, target = np.column_stack(list(columns.values())), self._illicit
        channel, _ = pd.factorize(self._office["channel"])
        network, _ = pd.factorize(self._truth["network_id"])
        first = self._first[used[self._first]]
        of_shipments = np.maximum.reduceat(x, self._first)[used[self._first]]
        for name, rows, x_of, target_of in (
            (title, first, of_shipments, self._illicit_shipment[used[self._first]]),
            (f"{title}, by item", used, x[used], target[used]),
        ):
            if target_of.sum() < FEWEST:
                continue
            score, scored, gain = sceptic.boosted(
                x_of, target_of, self._when[rows], channel[rows], seed=self._seed, threads=self._threads
            )
            value, low, high = sceptic.bootstrap(target_of[scored], score[scored], network[rows][scored], self._seed)
            self._details["artefacts"][name] = [
                {
                    "artefact": list(columns)[i],
                    "gain_share": float(gain[i] / max(gain.sum(), 1e-12)),
                    "roc_auc": sceptic.either_way(x_of[:, i], target_of),
                }
                for i in np.argsort(-gain, kind="stable")[:_TOP].tolist()
            ]
            yield Bar(name, value, ARTEFACT_LIMIT, "at most", low <= ARTEFACT_LIMIT, low, high)

    def _wordings(self) -> Iterable[Bar]:
        text = self._office["goods_description"]
        words = text[self._misdeclared]
        known = _among(words, text[self._lawful])
        share = float(known.mean()) if len(known) else 1.0
        self._details["misdeclared"] = {
            "items": len(known),
            "also_honest": share,
            "only_illicit": _examples(words[~known]),
        }
        name = "misdeclared descriptions that also occur in lawful rows"
        yield Bar(name, share, HONEST_WORDING, "at least", share >= HONEST_WORDING)
        codes, values = pd.factorize(text)
        template, _ = pd.factorize(np.array([sceptic.template(value) for value in values], dtype=object)[codes])
        first = self._when[np.unique(template, return_index=True)[1]][template]
        late = self._when >= _TEST
        for name, rows in (("honest", self._lawful), ("illicit", self._illicit)):
            new = float((first[late & rows] >= _FIT).mean()) if (late & rows).any() else 0.0
            self._details[f"new_templates_{name}"] = new
            yield Bar(f"late text templates that are new since the fit window, {name}", new, 0.0, "above", new > 0.0)

    def _only_illicit(self) -> Bar:
        """Return the limit on values of `COMMON` columns that only illicit rows have, relative to unique values of lawful rows."""
        by_column: dict[str, dict[str, Any]] = {}
        excess: dict[str, tuple[float, float]] = {}
        for name in COMMON:
            is_text = name in ("goods_description", "declared_chemical", "cas_number")
            values = self._office[name][self._misdeclared if is_text else self._illicit]
            if not len(values):
                continue
            lawful = self._office[name][self._lawful]
            only, unique = ~_among(values, lawful), ~pd.Series(lawful).duplicated(keep=False)
            noise = 1.96 * float(np.sqrt(max(only.mean(), unique.mean()) / len(only)))
            excess[name] = (float(only.mean() - unique.mean()), noise)
            by_column[name] = {
                "illicit": float(only.mean()),
                "honest": float(unique.mean()),
                "examples": _examples(values[only]),
            }
        self._details["only_illicit"] = by_column
        worst = max(excess, key=lambda name: excess[name][0] - excess[name][1])
        value, noise = excess[worst]
        title = f"illicit rows with values that no lawful row has, minus lawful rows with unique values ({worst})"
        low = value - noise
        return Bar(title, value, ONLY_ILLICIT_LIMIT, "at most", low <= ONLY_ILLICIT_LIMIT, low, value + noise)

    def _duplicates(self) -> Bar:
        """Return the limit on identifiers shared by several shipments, illicit relative to lawful."""
        values = {}
        for name in ("house_id", "shipment_id"):
            number = pd.Series(self._office[name][self._first])
            again = np.asarray(number.duplicated(keep=False) & (number != ""))
            values[name] = {
                "illicit": float(again[self._illicit_shipment].mean()),
                "honest": float(again[~self._illicit_shipment].mean()),
            }
        self._details["duplicates"] = values
        worst = max(abs(value["illicit"] - value["honest"]) for value in values.values())
        return _most("repeated shipment or house numbers, difference of illicit and lawful", worst, ONLY_ILLICIT_LIMIT)


def _most(name: str, value: float, limit: float) -> Bar:
    return Bar(name, value, limit, "at most", value <= limit)


def _among(values: Texts, known: Texts) -> Bools:
    """Return whether each value (n,) is among the known ones."""
    return np.asarray(pd.Series(values, dtype=object).isin(known))


def _examples(texts: Texts) -> list[str]:
    return [str(text) for text in pd.Series(texts, dtype=object).value_counts(sort=True).index[:8]]
