"""Scoring of tables of goods items: calibrated risks, triage lanes and explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import History, HistoryRows
from features.space import FeatureSpace
from features.table.table import ManifestTable
from models.calibration import (
    LEAST_SPARED,
    Calibrator,
    Calibrators,
    ReferenceScores,
    combine,
    shift,
    shifted_probabilities,
    spare_facts,
)
from models.evidence import EntryWeights, Evidence, Prior
from models.lanes import LANE_NAMES, RED, YELLOW, Lanes, random_share
from models.permits import mark_permits
from models.reasons import ScoredTable, SubstanceAnswers
from models.rules import OfficeRules, Rulebook, RuleSet, default_rules
from models.rules.ruling import EXPLORATION, RANDOM, SELECTED_BY
from models.scoring.explaining import Explain, Explainer, ScoredItems, shipments_to_explain
from models.scoring.scores import Chosen, ModelIdentity, Scores
from models.scoring.settings import RISK, ScoreSettings
from models.trees import Predictor, StoredRows

if TYPE_CHECKING:
    # LightGBM takes half a second to import and is needed only to load a model.
    import lightgbm as lgb

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

#: Lane names by lane code.
_LANES: Final = np.array(LANE_NAMES)
_DEFAULT_SETTINGS: Final = ScoreSettings()


class AdvancingHistory(Protocol):
    """History for scoring: `History`, or a history with a lock that threads share."""

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        """See `features.groups.history.history.History.advance`."""
        ...


@dataclass(frozen=True, slots=True)
class _BaseRateShifts:
    """Base rates of one model under given settings, with the shifts of log-odds that they need.

    Attributes:
        rates: base rate per head.
        log_odds: (K + 1,) shift of each head's log-odds from its training prevalence to its base rate, then that of the risk.
    """

    settings: ScoreSettings
    rates: Mapping[str, float]
    log_odds: FloatArray


@dataclass(slots=True, eq=False)
class RiskModel:
    """Trained model with everything that scoring needs. Scoring does not change it, so threads may share one.

    Attributes:
        name, version: identify the model. ``digest`` is the SHA-256 of its ``bundle.json``, empty until it is saved.
        created_at: time of training, ISO 8601, UTC.
        heads: names in order: the three heads of `features.manifest.fields.HEADS`, or ``("risk",)`` for an office's own binary
            label.
        space: the fitted feature space.
        boosters: the LightGBM booster of each head, trained on the features of the space, in order. Heads may share one.
        factors: factor of each head, which multiplies each leaf value of its booster; 1 for heads that are not named.
        calibrators: one per head and one for ``risk``. A model of the single head ``risk`` has only that calibrator.
        prevalence: prevalence per head, and of ``risk``, for which the calibrated values hold. Usually the ``prevalence`` of the
            calibrator.
        base_rates: default base rate per head, for calls whose settings give none.
        lanes, reference: based on the risk log-odds before the shift to base rates.
        history: snapshot from which scoring starts. Callers advance a copy of it, unless they score one file only.
        card: model card as plain JSON values.
        check: stored rows whose raw log-odds the model must reproduce, if the bundle has any.
        kernels: whether compiled kernels may replace LightGBM if they reproduce its results.
        evidence: evidence whose prior is added to the log-odds of the boosters; None if the model uses data only.
        rules: rules of the bundle. Settings may add those of an office.
    """

    name: str
    version: str
    created_at: str
    heads: tuple[str, ...]
    space: FeatureSpace
    boosters: Mapping[str, lgb.Booster]
    calibrators: Mapping[str, Calibrator]
    prevalence: Mapping[str, float]
    base_rates: Mapping[str, float]
    lanes: Lanes
    reference: ReferenceScores
    history: History
    card: dict[str, Any]
    digest: str = ""
    check: StoredRows | None = None
    kernels: bool = True
    evidence: Evidence | None = None
    rules: RuleSet = field(default_factory=default_rules)
    factors: Mapping[str, float] = field(default_factory=dict)
    _prior: Prior = field(init=False, repr=False)
    _predictor: Predictor = field(init=False, repr=False)
    _explainer: Explainer = field(init=False, repr=False)
    _calibrate_heads: Calibrators = field(init=False, repr=False)
    _calibrate_risk: Calibrators = field(init=False, repr=False)
    _spares_facts: bool = field(init=False, repr=False)
    _substance_answers: SubstanceAnswers = field(init=False, repr=False)
    _last_shifts: _BaseRateShifts | None = field(init=False, repr=False, default=None)
    _last_rulebook: tuple[OfficeRules | None, Rulebook] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self._check_heads()
        self.factors = {head: self.factors.get(head, 1.0) for head in self.heads}
        self._predictor = Predictor(
            [self.boosters[head] for head in self.heads],
            list(self.factors.values()),
            kernels=self.kernels,
            stored=self.check,
        )
        self._prior = Prior(self.evidence, self.heads, self.space.names)
        self._explainer = Explainer.of(self._predictor, self._prior, self.space.features)
        self._calibrate_heads = Calibrators([self.calibrators[head] for head in self.heads])
        self._calibrate_risk = Calibrators([self.calibrators[RISK]])
        self._spares_facts = self.calibrators[RISK].spares_facts
        self._substance_answers = SubstanceAnswers()

    def _check_heads(self) -> None:
        """Raise a ValueError if a part has other heads than the model, or a booster other features."""
        with_risk = {*self.heads, RISK}
        for part, names, expected in (
            ("boosters", set(self.boosters), set(self.heads)),
            ("calibrators", set(self.calibrators), with_risk),
            ("prevalence", set(self.prevalence), with_risk),
            ("base rates", set(self.base_rates), set(self.heads)),
        ):
            if names != expected:
                raise ValueError(
                    f"The {part} of a model with heads {list(self.heads)} must be {sorted(expected)}, got {sorted(names)}."
                )
        if RISK in self.heads and len(self.heads) > 1:
            raise ValueError(f"A head may be called {RISK!r} only if it is the only one.")
        features = list(self.space.names)
        for head, booster in self.boosters.items():
            if booster.feature_name() != features:
                raise ValueError(
                    f"The booster of {head} was trained on other features than those of this space, or in another order."
                )

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(self.name, self.version, self.digest, self.lanes)

    @property
    def predictor(self) -> str:
        """Implementation in use: ``kernels`` or ``lightgbm``. Both give the same raw log-odds."""
        return self._predictor.name

    @property
    def monotone_features(self) -> dict[str, int]:
        """Direction of each monotone feature: the risk may only rise (+1) or only fall (-1) with it."""
        return {feature.name: feature.monotone for feature in self.space.features if feature.monotone}

    def predict_raw(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Return the raw log-odds (n, K), the sum of prior and trees, of a feature matrix (n, F) with the columns of the space.

        Raises:
            ValueError: the matrix has another number of columns.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self.space.names):
            raise ValueError(
                f"The matrix needs {len(self.space.names)} columns, one per feature; got shape {matrix.shape}."
            )
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        raw = self._predictor.raw(rows, threads)
        if self.evidence is not None:
            raw += self._prior.log_odds(rows)
        return raw

    def calibrate(self, raw: FloatArray, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log-odds calibrated at the training prevalence, per head (n, K) and of the risk (n,).

        Args:
            raw: (n, K) raw log-odds of the feature matrix ``matrix`` (n, F).
        """
        heads = self._calibrate_heads(raw)
        if self.heads == (RISK,):
            return heads, heads[:, 0]
        if not self._spares_facts:
            return heads, self._calibrate_risk(combine(heads)[:, None])[:, 0]
        together = combine(raw)[:, None]
        risk = self._calibrate_risk(together)
        rows = np.flatnonzero(together[:, 0] > LEAST_SPARED)
        if len(rows):
            facts = self._prior.facts(matrix[rows])
            heads[rows] = spare_facts(heads[rows], raw[rows], facts)
            risk[rows] = spare_facts(risk[rows], together[rows], np.asarray(facts.any(axis=1, keepdims=True)))
        return heads, risk[:, 0]

    def score(
        self,
        table: ManifestTable,
        history: AdvancingHistory,
        *,
        update_history: bool = True,
        explain: Explain = "none",
        settings: ScoreSettings | None = None,
        threads: int = 1,
    ) -> Scores:
        """Score a table of accepted rows.

        Args:
            history: state from earlier shipments. The shipments of the table advance it unless ``update_history`` is False. Callers
                whose threads share a history must hold a lock.
            explain: ``shown`` explains red and yellow shipments, ``all`` every shipment.
            threads: number of threads for large tables. A few rows always use one.

        Raises:
            ValueError: the table contains refused rows, or the settings do not fit this model's heads.
        """
        self._shifts(settings)
        _check_accepted(table)
        rows = history.advance(table, update=update_history)
        return self.score_rows(table, rows, explain=explain, settings=settings, threads=threads)

    def score_rows(
        self,
        table: ManifestTable,
        rows: HistoryRows,
        *,
        explain: Explain = "none",
        settings: ScoreSettings | None = None,
        threads: int = 1,
    ) -> Scores:
        """Score a table like `score`, with the history ``rows`` that `advance` returned for it.

        Of the history itself, only the memory of declarations is used: it keeps the lanes of earlier declarations, and remembers
        the lanes of these.

        Raises:
            ValueError: as for `score`.
        """
        shifts = self._shifts(settings)
        settings = shifts.settings
        _check_accepted(table)
        measured = self.space.measure(table, rows.values)
        matrix, substances = measured.matrix, measured.substances
        register = settings.rules.register if settings.rules is not None else None
        mark_permits(table, matrix, self._explainer.by_reason.columns, register, substances)
        raw = self.predict_raw(matrix, threads)
        head_log_odds, item_log_odds = self.calibrate(raw, matrix)
        p = shifted_probabilities(head_log_odds, item_log_odds, shifts.log_odds)
        item_heads, item_risk = p[:, :-1], p[:, -1]
        risk_log_odds, riskiest_row = _largest_items(item_log_odds, table.shipment, table.first_row)
        capacity = None if settings.capacity is None else settings.capacity.get(self.digest)
        cuts = None if capacity is None else capacity.rows(table)
        red = None if cuts is None else cuts.red
        by_score = self.not_by_country_alone(self.lanes.assign(risk_log_odds, red), matrix, table, red)
        evidence = EntryWeights(self._prior, matrix) if self.evidence is not None else None
        ruling = self.rulebook(settings).rule_on(table, matrix, substances, evidence, settings.lists)
        lanes, selected_by = ruling.lanes(by_score, _randomly_selected(table, settings))
        ruling.amend(rows.amend(table, lanes), lanes, selected_by)
        probability = None
        if cuts is not None:
            # Last, so that a later declaration does not keep a lane that exploration chose.
            explored, probability = cuts.explore(risk_log_odds, lanes == RED)
            lanes[explored], selected_by[explored] = RED, SELECTED_BY[EXPLORATION]
            chosen = np.flatnonzero(explored)
            ruling.explored = dict(zip(chosen.tolist(), probability[chosen].tolist(), strict=True))
        explained = shipments_to_explain(explain, lanes, risk_log_odds, settings.max_explained)
        return Scores(
            table=table,
            model=self.identity,
            risk=item_risk[riskiest_row],
            percentile=self.reference.percentile(risk_log_odds),
            heads=dict(zip(self.heads, _largest_per_shipment(item_heads, table.first_row), strict=True)),
            item_risk=item_risk,
            item_heads=item_heads,
            risk_log_odds=risk_log_odds,
            lane=_LANES[lanes],
            selected_by=selected_by,
            riskiest_row=riskiest_row,
            explained=self._explainer.explain(
                explained,
                riskiest_row[explained],
                ScoredItems(matrix, raw),
                ScoredTable(table, substances, self.space, register),
            ),
            substances=substances,
            late=rows.late,
            base_rates=shifts.rates,
            substance_answers=self._substance_answers,
            ruling=ruling,
            lane_by_score=by_score,
            chosen=Chosen(
                self.lanes.red if cuts is None else cuts.red,
                None if cuts is None else cuts.group,
                _probability(lanes, selected_by, settings) if probability is None else probability,
                float(shifts.log_odds[-1]),
            ),
        )

    def risk_of(self, risk_log_odds: FloatArray, settings: ScoreSettings | None = None) -> FloatArray:
        """Return the risk (n,) at the base rates of given settings, from uncorrected log-odds (n,)."""
        log_odds = np.clip(risk_log_odds + self._shifts(settings).log_odds[-1], -700.0, 700.0)
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))

    def rulebook(self, settings: ScoreSettings | None = None) -> Rulebook:
        """Return the rules in force under given settings, compiled for this model. The last result is cached.

        Raises:
            RulesError: a rule names a feature that this model does not have, or has the id of a bundled rule.
        """
        office = None if settings is None else settings.rules
        last = self._last_rulebook
        if last is not None and last[0] is office:
            return last[1]
        columns = {name: column for column, name in enumerate(self.space.names)}
        rulebook = Rulebook(columns, self.rules, office)
        self._last_rulebook = office, rulebook
        return rulebook

    def _shifts(self, settings: ScoreSettings | None) -> _BaseRateShifts:
        """Return the base rates of this model under given settings. The last result is cached.

        Raises:
            ValueError: the settings do not fit this model's heads.
        """
        settings = _DEFAULT_SETTINGS if settings is None else settings
        last = self._last_shifts
        if last is not None and last.settings is settings:
            return last
        rates = settings.rates_for(self.heads, self.base_rates)
        shifts = self._last_shifts = _BaseRateShifts(
            settings,
            rates,
            np.array(
                [
                    *(shift(0.0, self.prevalence[head], rates[head]) for head in self.heads),
                    shift(0.0, self.prevalence[RISK], fsum(rates.values())),
                ]
            ),
        )
        return shifts

    def not_by_country_alone(
        self,
        lanes: NDArray[np.int8],
        matrix: FloatArray,
        table: ManifestTable,
        threshold: FloatArray | None = None,
    ) -> NDArray[np.int8]:
        """Return lane codes (S,) with yellow for shipments that are red only because of countries and places.

        A red shipment must stay red with every feature of `FeatureSpace.country_neutral` at its neutral value. Risk, percentile
        and reasons do not change.

        Args:
            threshold: (S,) lower bound of the red lane; default that of the model's lanes.
        """
        red = lanes == RED
        if not np.count_nonzero(red):
            return lanes
        rows = np.flatnonzero(red[table.shipment])
        neutral = matrix[rows]
        neutral[:, self.space.neutral_columns] = self.space.neutral_values
        _, item_log_odds = self.calibrate(self.predict_raw(neutral), neutral)
        largest = np.full(len(lanes), -np.inf)
        np.maximum.at(largest, table.shipment[rows], item_log_odds)
        least = self.lanes.red if threshold is None else threshold
        return np.where(red & (largest < least), np.int8(YELLOW), lanes).astype(np.int8)

    def explain_rows(self, matrix: FloatArray, head: str) -> FloatArray:
        """Return the contributions (n, F + E + 1) to one head's raw log-odds for a feature matrix (n, F).

        The columns are the F features, the E entries of evidence and the base value.
        """
        return self._explainer.contributions(np.ascontiguousarray(matrix, dtype=np.float64), self.heads.index(head))

    @property
    def prior(self) -> Prior:
        """Prior of the model's evidence. Without evidence, it is 0 and has no entries."""
        return self._prior


def _largest_items(item_log_odds: FloatArray, shipment: IntArray, first_row: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the largest log-odds (S,) of each shipment, and the row (S,) of the first item with this value.

    Args:
        item_log_odds: (n,) log-odds of the items.
        shipment: (n,) shipment of each item, in ascending order.
        first_row: (S,) first row of each shipment; every shipment has at least one item.
    """
    if len(first_row) == len(item_log_odds):
        return item_log_odds, first_row
    largest = np.maximum.reduceat(item_log_odds, first_row)
    candidates = np.flatnonzero(item_log_odds == largest[shipment])
    return largest, candidates[shipment[candidates].searchsorted(np.arange(len(first_row)))]


def _largest_per_shipment(items: FloatArray, first_row: IntArray) -> FloatArray:
    """Return the largest value (K, S) per shipment of each column of ``items`` (n, K)."""
    columns = np.ascontiguousarray(items.T)
    return columns if len(first_row) == len(items) else np.maximum.reduceat(columns, first_row, axis=1)


def _check_accepted(table: ManifestTable) -> None:
    if table.refusals():
        raise ValueError(f"{int(table.refused.sum())} rows of the table are refused; score table.accepted().")


def _probability(lanes: NDArray[np.int8], selected_by: NDArray[np.object_], settings: ScoreSettings) -> FloatArray:
    """Return the probability (S,) with which each shipment was to be inspected, without a capacity.

    A red shipment is to be inspected, and each other one if it belongs to the random share.
    """
    certain = (lanes == RED) & (selected_by != SELECTED_BY[RANDOM]) if settings.random_share else lanes == RED
    return np.where(certain, 1.0, settings.random_share)


def _randomly_selected(table: ManifestTable, settings: ScoreSettings) -> NDArray[np.bool_] | None:
    """Return whether each shipment (S,) belongs to the random share; None if the settings have no random share."""
    if not (settings.random_share > 0.0 and settings.random_key and table.n_shipments):
        return None
    column = table.text("shipment_id")
    ids = [column.values[code] for code in column.codes[table.first_row].tolist()]
    return random_share(ids, settings.random_key, settings.random_share)
