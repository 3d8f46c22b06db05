"""Check whether the simulated world is too easy: limits on how well simple models separate illicit shipments.

The limits concern artefacts: lengths, gaps, encodings, identifiers, formats, times, and single raw fields. They do not concern
the content of a declaration. Overt shipments are declared as the substance, in vague words of chemistry or machines, or as other
goods of the trade. They may be as conspicuous as published indicators say: boosters examine only the form of their identifiers,
their order and their times, and single fields exclude `CONTENT`. Illicit shipments that are declared as harmless goods are
examined in full.

`TooEasy` reads a world while it is generated. It retains all illicit shipments, a uniform sample of the lawful ones, and hashes
of texts. `TooEasy.report` fits the models and measures them on the ground truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.table import Table

from features.manifest.fields import HEADS
from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.checks import sceptic
from training.worlds.own.checks.kept import ORDER, Keeper, Sample, templates
from training.worlds.own.world import WorldChunk

FIELD_LIMIT, TREE_LIMIT, ARTEFACT_LIMIT, HONEST_WORDING, CLOCK_LIMIT = 0.80, 0.80, 0.55, 0.90, 0.55
ONLY_ILLICIT_LIMIT: Final = 0.02
#: Minimum number of illicit shipments or items for a measurement on a subset.
FEWEST: Final = 150
#: Columns that describe the goods.
CONTENT: Final = (
    "goods_description",
    "declared_chemical",
    "cas_number",
    "cus_number",
    "hs_code",
    "permit_number",
    "undg_number",
    # Chemicals are declared in kilograms, other goods in pieces.
    "quantity",
    "quantity_unit",
)
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
    sampled_rows: int
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
            "sampled_rows": self.sampled_rows,
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


class TooEasy:
    """Check of a world while it is generated. ``honest_rows`` is the approximate number of lawful goods items to retain."""

    def __init__(self, *, honest_rows: int = 80_000, seed: int = 0) -> None:
        self._keeper, self._seed = Keeper(honest_rows), seed

    def add(self, chunk: WorldChunk) -> None:
        """Add the next rows of the world, in order."""
        self._keeper.add(chunk)

    def report(self, *, thorough: bool = False, threads: int = 1) -> TooEasyReport:
        """Return all measurements. Call it after the last row.

        ``thorough`` adds further booster settings, on shipments and on goods items. Raises `ValueError` if no row is illicit.
        """
        sample = self._keeper.sample()
        if not sample.in_illicit.any():
            raise ValueError("too easy: the world has no illicit shipment; generate more rows")
        return _Examination(self._keeper, sample, self._seed, threads).report(thorough=thorough)


class _Examination:
    """Measurements on a sample."""

    def __init__(self, keeper: Keeper, sample: Sample, seed: int, threads: int) -> None:
        self._rows, self._lawful_values, self._templates = keeper.n_rows, keeper.lawful_values, keeper.templates
        self._sample, self._seed, self._threads = sample, seed, threads
        self._office, truth = sample.rows.office, sample.rows.truth
        self._illicit: Bools = np.asarray(truth["content"] != "none", dtype=np.bool_)
        shipment, _ = pd.factorize(self._office["shipment_id"])
        self._shipment: Ints = np.asarray(shipment, dtype=np.int64)
        self._first: Ints = np.concatenate([[0], np.flatnonzero(np.diff(self._shipment)) + 1])
        self._illicit_shipment = sample.in_illicit[self._first]
        self._when: Floats = np.asarray(sample.at / self._rows, dtype=np.float64)
        overt = np.isin(truth["declaration"], _OVERT)
        #: (n,) whether each row belongs to an overt shipment.
        self._overt: Bools = (np.bincount(self._shipment, overt) > 0)[self._shipment]
        self._misdeclared = self._illicit & ~overt
        network, _ = pd.factorize(truth["network_id"])
        self._cluster: Ints = np.asarray(network, dtype=np.int64)
        self._details: dict[str, Any] = {}

    def report(self, *, thorough: bool) -> TooEasyReport:
        bars = [*self._fields(), self._tree(), *self._order(), *self._artefacts(thorough=thorough)]
        bars += [*self._wordings(), *self._only_illicit(), self._duplicates()]
        return TooEasyReport(self._rows, len(self._illicit), int(self._illicit_shipment.sum()), bars, self._details)

    def _folds(self) -> Ints:
        return (self._sample.key % np.uint64(sceptic.FOLDS)).astype(np.int64)

    def _single_fields(self, fold: Ints) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Return scores of the fields outside `CONTENT` on all rows, and of all fields on rows of shipments that are not overt."""
        others = ~self._overt
        columns = {name: column for name, column in self._office.items() if name not in CONTENT}
        plain = sceptic.single_fields(columns, self._illicit, fold)
        # The own parties of a network recur in its shipments (typologies P1 and P5).
        plain = {name: score for name, score in plain.items() if name not in _RECURRING}
        columns = {name: column[others] for name, column in self._office.items()}
        return plain, sceptic.single_fields(columns, self._illicit[others], fold[others])

    def _not_overt(self) -> tuple[Bools, Ints]:
        """Return whether each row belongs to a shipment that is not overt, and the first of these rows of each shipment."""
        others = ~self._overt
        return others, np.flatnonzero(np.diff(self._shipment[others], prepend=-1))

    def _fields(self) -> Iterable[Bar]:
        plain, content = self._single_fields(self._folds())
        others, first = self._not_overt()
        of_shipment, content_of_shipment = (
            sceptic.of_shipments(plain, self._first),
            sceptic.of_shipments(content, first),
        )
        illicit = self._illicit_shipment[self._shipment[others]][first]
        by_field = {
            name: max(
                sceptic.either_way(values, self._illicit[others]),
                sceptic.either_way(content_of_shipment[name], illicit),
            )
            for name, values in content.items()
        }
        for name, values in plain.items():
            both = (
                sceptic.either_way(values, self._illicit),
                sceptic.either_way(of_shipment[name], self._illicit_shipment),
            )
            by_field[name] = max(by_field[name], *both)
        items = np.diff(np.append(self._first, len(self._illicit))).astype(np.float64)
        by_field["number of items"] = sceptic.either_way(items, self._illicit_shipment)
        label = self._sample.rows.truth["content"]
        kinds = [np.isin(label, list(contents)) for contents in HEADS.values()]
        kinds = [kind for kind in kinds if kind.sum() >= FEWEST]
        by_kind = {name: sceptic.either_way(values, *kinds) for name, values in plain.items()} if kinds else {}
        for key, title, figures in (
            ("single_fields", "best single field", by_field),
            ("single_fields_of_one_kind", "best single field for one kind of content", by_kind),
        ):
            if not figures:
                continue
            ranked = sorted(figures.items(), key=lambda entry: -entry[1])
            self._details[key] = [{"field": name, "roc_auc": value} for name, value in ranked]
            yield _most(f"{title} ({ranked[0][0]})", ranked[0][1], FIELD_LIMIT)

    def _tree(self) -> Bar:
        early = self._when < _FIT
        plain, content = self._single_fields(np.where(early, self._folds(), -1))
        others, first = self._not_overt()
        illicit = self._illicit_shipment[self._shipment[others]][first]
        sets = [
            (plain, self._illicit, early),
            (sceptic.of_shipments(plain, self._first), self._illicit_shipment, early[self._first]),
            (content, self._illicit[others], early[others]),
            (sceptic.of_shipments(content, first), illicit, early[others][first]),
        ]
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

    def _order(self) -> Iterable[Bar]:
        """Yield limits on order, clock time and numbering, and on the position of the illicit item in its shipment."""
        by_name: dict[str, Floats] = {name: self._sample.order[self._first, i] for i, name in enumerate(ORDER)}
        moment = sceptic.seconds(self._office["declared_at"])[self._first]
        by_name["second of the minute"] = (moment % 60).astype(np.float64)
        by_name["minute of the hour"] = (moment // 60 % 60).astype(np.float64)
        aucs = {
            name: (sceptic.either_way(score, self._illicit_shipment), self._illicit_shipment.sum())
            for name, score in by_name.items()
        }
        size = np.diff(np.append(self._first, len(self._illicit)))[self._shipment]
        inside = np.arange(len(self._illicit)) - self._first[self._shipment]
        several = self._sample.in_illicit & (size > 1)
        if self._illicit[several].sum() >= FEWEST:
            place = (inside / np.maximum(1, size - 1))[several]
            illicit = self._illicit[several]
            aucs["place in the shipment"] = (sceptic.either_way(place, illicit), illicit.sum())
        self._details["order"] = {name: value for name, (value, _) in aucs.items()}
        # The standard deviation of an uninformative score's ROC-AUC is about 0.29 / sqrt(positives).
        noise = {name: float(_NOISE / np.sqrt(count)) for name, (_, count) in aucs.items()}
        worst = max(aucs, key=lambda name: aucs[name][0] - noise[name])
        value = aucs[worst][0]
        low, high = max(0.0, value - noise[worst]), min(1.0, value + noise[worst])
        yield Bar(f"order, clock and numbering ({worst})", value, CLOCK_LIMIT, "at most", low <= CLOCK_LIMIT, low, high)

    def _artefacts(self, *, thorough: bool) -> Iterable[Bar]:
        early = self._when < 0.5
        columns = sceptic.of_columns(self._office, early)
        columns |= {name: self._sample.order[:, i] for i, name in enumerate(ORDER)}
        names = list(columns)
        form = [i for i, name in enumerate(names) if name in ORDER or name.startswith(_FORM)]
        x = np.column_stack([columns[name] for name in names])
        self._details["artefacts"] = {}
        yield from self._artefacts_of(x, names, "artefacts within", ~self._overt, thorough=thorough)
        if self._illicit_shipment[self._overt[self._first]].sum() >= FEWEST:
            overt = self._overt | ~self._sample.in_illicit
            yield from self._artefacts_of(
                x[:, form], [names[i] for i in form], "artefacts of overt shipments within", overt, thorough=False
            )

    def _artefacts_of(self, x: Floats, names: list[str], title: str, used: Bools, *, thorough: bool) -> Iterable[Bar]:
        """Yield limits on boosters on the artefacts ``x`` (n, names) of the rows ``used``."""
        highest = np.maximum.reduceat(x, self._first)
        codes, names_of = pd.factorize(self._office["channel"][self._first], sort=True)
        kinds = [("all channels, each ranked separately", np.ones(len(codes), dtype=np.bool_))]
        kinds += [(str(name), codes == code) for code, name in enumerate(names_of)]
        for kind, all_rows in kinds:
            rows = all_rows & used[self._first]
            if self._illicit_shipment[rows].sum() < FEWEST:
                continue
            own = rows[self._shipment]
            first = self._first[rows]
            shipments = (
                highest[rows],
                self._illicit_shipment[rows],
                self._when[first],
                codes[rows],
                self._cluster[first],
            )
            items = (x[own], self._illicit[own], self._when[own], codes[self._shipment[own]], self._cluster[own])
            name_of = f"{title} {kind}"
            runs = [(name_of, "usual", shipments)]
            if thorough or all_rows.all():
                runs.append((f"{name_of}, by item", "usual", items))
            if thorough and all_rows.all():
                runs += [(f"{name_of}, {setting} booster", setting, shipments) for setting in ("deep", "flat")]
            for name, setting, data in runs:
                yield self._artefact_bar(name, setting, names, *data)

    def _artefact_bar(
        self,
        title: str,
        setting: str,
        names: list[str],
        x: Floats,
        target: Bools,
        when: Floats,
        group: Ints,
        cluster: Ints,
    ) -> Bar:
        score, scored, gain = sceptic.boosted(x, target, when, group, setting, seed=self._seed, threads=self._threads)
        value, low, high = sceptic.bootstrap(target[scored], score[scored], cluster[scored], self._seed)
        self._details["artefacts"][title] = [
            {
                "artefact": names[i],
                "gain_share": float(gain[i] / max(gain.sum(), 1e-12)),
                "roc_auc": sceptic.either_way(x[:, i], target),
            }
            for i in np.argsort(-gain, kind="stable")[:_TOP].tolist()
        ]
        return Bar(title, value, ARTEFACT_LIMIT, "at most", low <= ARTEFACT_LIMIT, low, high)

    def _wordings(self) -> Iterable[Bar]:
        text = self._office["goods_description"]
        known = self._lawful_values["goods_description"].known(text[self._misdeclared])
        share = float(known.mean()) if len(known) else 1.0
        self._details["misdeclared"] = {
            "items": len(known),
            "also_honest": share,
            "only_illicit": _examples(text[self._misdeclared][~known]),
        }
        yield Bar(
            "misdeclared descriptions that also occur in lawful rows",
            share,
            HONEST_WORDING,
            "at least",
            share >= HONEST_WORDING,
        )
        first = self._templates.first(templates(text))
        late = self._when >= _TEST
        for name, rows in (("honest", ~self._sample.in_illicit), ("illicit", self._illicit)):
            new = float((first[late & rows] >= _FIT * self._rows).mean()) if (late & rows).any() else 0.0
            self._details[f"new_templates_{name}"] = new
            yield Bar(f"late text templates that are new since the fit window, {name}", new, 0.0, "above", new > 0.0)

    def _only_illicit(self) -> Iterable[Bar]:
        """Yield the limit on values of `COMMON` columns that only illicit rows have, relative to lawful rows with unique values."""
        by_column: dict[str, dict[str, Any]] = {}
        excess: dict[str, tuple[float, float]] = {}
        for name, seen in self._lawful_values.items():
            column = self._office[name]
            rows = (
                self._misdeclared if name in ("goods_description", "declared_chemical", "cas_number") else self._illicit
            )
            if not rows.any():
                continue
            only = ~seen.known(column[rows])
            unique = seen.count(column[~self._sample.in_illicit]) <= 1
            noise = 1.96 * float(np.sqrt(max(only.mean(), unique.mean()) / len(only)))
            excess[name] = (float(only.mean() - unique.mean()), noise)
            by_column[name] = {
                "illicit": float(only.mean()),
                "honest": float(unique.mean()),
                "examples": _examples(column[rows][only]),
            }
        self._details["only_illicit"] = by_column
        worst = max(excess, key=lambda name: excess[name][0] - excess[name][1])
        value, noise = excess[worst]
        yield Bar(
            f"illicit rows with values that no lawful row has, minus lawful rows with unique values ({worst})",
            value,
            ONLY_ILLICIT_LIMIT,
            "at most",
            value - noise <= ONLY_ILLICIT_LIMIT,
            value - noise,
            value + noise,
        )

    def _duplicates(self) -> Bar:
        """Return the limit on identifiers shared by several shipments, illicit relative to lawful."""
        values = {}
        for name in ("house_id", "shipment_id"):
            codes, _ = pd.factorize(self._office[name][self._first])
            blank = self._office[name][self._first] == ""
            again = (np.bincount(codes)[codes] > 1) & ~blank
            values[name] = {
                "illicit": float(again[self._illicit_shipment].mean()),
                "honest": float(again[~self._illicit_shipment].mean()),
            }
        self._details["duplicates"] = values
        worst = max(abs(value["illicit"] - value["honest"]) for value in values.values())
        return _most("repeated shipment or house numbers, difference of illicit and lawful", worst, ONLY_ILLICIT_LIMIT)


def _most(name: str, value: float, limit: float) -> Bar:
    return Bar(name, value, limit, "at most", value <= limit)


def _examples(texts: Texts) -> list[str]:
    values, counts = np.unique(texts.astype(str), return_counts=True)
    return [str(value) for value in values[np.argsort(-counts, kind="stable")][:8]]
