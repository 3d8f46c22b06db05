"""RiskModel: a table of goods items becomes calibrated, laned, explained risks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.calibration.addition import added
from models.calibration.calibration import Calibrator, Calibrators, combine, probability, shift
from models.calibration.percentile import ReferenceScores
from models.calibration.shipments import gather_shipments
from models.lanes import GREEN, LANE_NAMES, RED, YELLOW, Lanes, random_share
from models.reasons.reasons import Explanations, ReasonGroups
from models.reasons.source import Source
from models.scoring.scores import ModelIdentity, Scores
from models.scoring.settings import RISK, ScoreSettings
from models.trees.predictor import Predictor, StoredRows

if TYPE_CHECKING:
    import lightgbm as lgb

    from features.groups.history.history import History, HistoryRows
    from features.space import FeatureSpace
    from features.table.table import ManifestTable
    from models.scoring.protocols import AdvancingHistory

FloatArray = NDArray[np.float64]
Explain = Literal["none", "shown", "all"]

#: Contributions of this many items at a time: F + 1 doubles each, so some megabytes.
_EXPLAINED_AT_A_TIME: Final = 4096


#: By lane: what selected a shipment, and the lane's name.
_SELECTED: Final = np.array([None, "score", "score"], dtype=np.object_)
_LANES: Final = np.array(LANE_NAMES)
_DEFAULT_SETTINGS: Final = ScoreSettings()


@dataclass(frozen=True, slots=True)
class _Expressed:
    """Settings as one model expresses its scores with them.

    Attributes:
        rates: base rate per head.
        head_shifts: (K,), risk_shift: what moves log-odds from the training prevalence to these rates.
    """

    settings: ScoreSettings
    rates: Mapping[str, float]
    head_shifts: FloatArray
    risk_shift: float


@dataclass(slots=True, eq=False)
class RiskModel:
    """A trained model with everything its scores need. It is only read while scoring, so threads may share one.

    Attributes:
        name, version: which model; ``digest`` is the SHA-256 of its ``bundle.json``, empty before it was ever saved.
        created_at: when it was trained, ISO 8601, UTC.
        heads: names in order. The three heads of `features.manifest.fields.HEADS`, or ``("risk",)`` for an office's own binary
        label.
        space: the fitted feature space.
        boosters: one LightGBM booster per head, trained on the space's features by their names, in order.
        calibrators: one per head, and ``risk``. A one-headed ``risk`` model has that calibrator alone.
        prevalence: training prevalence per head, and ``risk``: the prevalence the calibrated values hold at. This is
            each calibrator's own ``prevalence`` unless the caller knows better.
        base_rates: base rate per head, unless the settings of a call say otherwise.
        lanes, reference: on the uncorrected risk log-odds.
        history: the snapshot scoring starts from. Callers advance a copy of it, unless they score one file and no more.
        card: the model card, plain JSON.
        check: rows whose raw log-odds must come out as they are stored, if the model has any.
        kernels: whether compiled kernels may take over from LightGBM where they give its own results.
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
    _groups: ReasonGroups = field(init=False, repr=False)
    _predictor: Predictor = field(init=False, repr=False)
    _calibrate_heads: Calibrators = field(init=False, repr=False)
    _calibrate_risk: Calibrators = field(init=False, repr=False)
    _country_columns: NDArray[np.intp] = field(init=False, repr=False)
    _country_neutral: FloatArray = field(init=False, repr=False)
    _last: _Expressed | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        named = {*self.heads, RISK}
        for what, given, wanted in (
            ("boosters", set(self.boosters), set(self.heads)),
            ("calibrators", set(self.calibrators), named),
            ("prevalence", set(self.prevalence), named),
            ("base rates", set(self.base_rates), set(self.heads)),
        ):
            if given != wanted:
                raise ValueError(
                    f"The {what} of a model with heads {list(self.heads)} are {sorted(wanted)}, got {sorted(given)}."
                )
        if RISK in self.heads and len(self.heads) > 1:
            raise ValueError(f"A head may be called {RISK!r} only when it is the only one.")
        names = list(self.space.names)
        for head, booster in self.boosters.items():
            if booster.feature_name() != names:
                raise ValueError(
                    f"The booster of {head} was not trained on the features of this space, in their order."
                )
        self._groups = ReasonGroups(self.space.features)
        self._predictor = Predictor(
            [self.boosters[head] for head in self.heads], kernels=self.kernels, stored=self.check
        )
        self._calibrate_heads = Calibrators([self.calibrators[head] for head in self.heads])
        self._calibrate_risk = Calibrators([self.calibrators[RISK]])
        neutral = self.space.country_neutral
        self._country_columns = np.array([names.index(name) for name in neutral], dtype=np.intp)
        self._country_neutral = np.array(list(neutral.values()), dtype=np.float64)

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(self.name, self.version, self.digest)

    @property
    def predictor(self) -> str:
        """What computes raw log-odds, the same either way: ``kernels`` or ``lightgbm``."""
        return self._predictor.name

    @property
    def monotone_features(self) -> dict[str, int]:
        """Features the risk may only rise (+1) or only fall (-1) with, everything else equal."""
        return {feature.name: feature.monotone for feature in self.space.features if feature.monotone}

    def predict_raw(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Raw log-odds (n, K) of a feature matrix (n, F) whose columns are the space's, in order.

        Raises:
            ValueError: the matrix has another number of columns.
        """
        if matrix.ndim != 2 or matrix.shape[1] != len(self.space.names):
            raise ValueError(f"A matrix of {len(self.space.names)} features is needed, got shape {matrix.shape}.")
        return self._predictor.raw(np.ascontiguousarray(matrix, dtype=np.float64), threads)

    def calibrate(self, raw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Calibrated log-odds per head (n, K) and risk log-odds (n,) of raw log-odds (n, K), at the training
        prevalence."""
        heads = self._calibrate_heads(raw)
        if self.heads == (RISK,):
            return heads, heads[:, 0]
        return heads, self._calibrate_risk(combine(heads)[:, None])[:, 0]

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
            history: what earlier shipments showed; advanced by this table's shipments unless ``update_history`` is
            False.
                It is not locked here: a caller whose threads share one holds a lock.
            explain: ``shown`` explains red and yellow shipments, ``all`` every one.
            threads: for LightGBM; a few rows are always scored with one.

        Raises:
            ValueError: the table still holds refused rows, or the settings do not fit this model's heads.
        """
        self._expressed(settings)
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
        """`score` of a table of which ``rows`` tell what the history said when it came; depends on nothing else.

        Raises:
            ValueError: as `score`.
        """
        expressed = self._expressed(settings)
        settings = expressed.settings
        _check_accepted(table)
        measured = self.space.measure(table, rows.values)
        matrix, substances = measured.matrix, measured.substances
        raw = self.predict_raw(matrix, threads)
        head_log_odds, item_log_odds = self.calibrate(raw)
        # Added to log-odds once per shipment and once per item, the same constant gives the same values.
        item_heads = probability(head_log_odds + expressed.head_shifts)
        item_risk = probability(item_log_odds + expressed.risk_shift)

        count = table.n_shipments
        risk_log_odds, riskiest = np.empty(count), np.empty(count, dtype=np.int64)
        heads, codes = np.empty((len(self.heads), count)), np.empty(count, dtype=np.int8)
        lanes = self.lanes
        reds = gather_shipments(
            table.first_row, item_log_odds, item_heads, lanes.yellow, lanes.red, risk_log_odds, heads, riskiest, codes
        )
        if reds:
            codes = self.not_by_country_alone(codes, matrix, table)
        selected = _SELECTED[codes]
        if settings.random_share > 0.0 and settings.random_key and count:
            drawn = random_share(_shipment_ids(table), settings.random_key, settings.random_share)
            codes[drawn] = RED
            selected[drawn] = "random"
        shown = _to_explain(explain, codes, risk_log_odds, settings.max_explained)
        return Scores(
            table=table,
            model=self.identity,
            risk=item_risk[riskiest],
            percentile=self.reference.percentile(risk_log_odds),
            heads=dict(zip(self.heads, heads, strict=True)),
            item_risk=item_risk,
            item_heads=item_heads,
            risk_log_odds=risk_log_odds,
            lane=_LANES[codes],
            selected_by=selected,
            riskiest_row=riskiest,
            explained=self._explain(shown, riskiest, item_heads, raw, matrix, Source(table, substances, self.space)),
            substances=substances,
            late=rows.late,
            base_rates=expressed.rates,
        )

    def _expressed(self, settings: ScoreSettings | None) -> _Expressed:
        """What settings come to for this model; those of the last call are remembered.

        Raises:
            ValueError: the settings do not fit this model's heads.
        """
        settings = _DEFAULT_SETTINGS if settings is None else settings
        last = self._last
        if last is not None and last.settings is settings:
            return last
        rates = settings.rates_for(self.heads, self.base_rates)
        expressed = self._last = _Expressed(
            settings,
            rates,
            np.array([shift(0.0, self.prevalence[head], rates[head]) for head in self.heads]),
            float(shift(0.0, self.prevalence[RISK], added(rates.values()))),
        )
        return expressed

    def not_by_country_alone(
        self, codes: NDArray[np.int8], matrix: FloatArray, table: ManifestTable
    ) -> NDArray[np.int8]:
        """Lanes (S,) in which red shipments that would not be red on a usual route become yellow.

        Countries and places may add to a risk, never decide that it is red: a red shipment must be red with every
        feature of `FeatureSpace.country_neutral` at its neutral value. Risk, percentile and reasons stay as they are.
        """
        red = codes == RED
        rows = np.flatnonzero(red[table.shipment])
        if not len(rows):
            return codes
        neutral = matrix[rows]
        neutral[:, self._country_columns] = self._country_neutral
        _, item_log_odds = self.calibrate(self.predict_raw(neutral))
        rest = np.full(len(codes), -np.inf)
        np.maximum.at(rest, table.shipment[rows], item_log_odds)
        return np.where(red & (self.lanes.assign(rest) != RED), np.int8(YELLOW), codes).astype(np.int8)

    def explain_rows(self, matrix: FloatArray, head: str) -> FloatArray:
        """Contributions (n, F + 1) of a feature matrix to one head's raw log-odds; the last column is the base
        value."""
        return self._predictor.contributions(np.ascontiguousarray(matrix, dtype=np.float64), self.heads.index(head))

    def _explain(
        self,
        shipments: NDArray[np.int64],
        riskiest: NDArray[np.int64],
        item_heads: FloatArray,
        raw: FloatArray,
        matrix: FloatArray,
        source: Source,
    ) -> Explanations:
        """Explain some shipments by their riskiest items' likeliest heads."""
        if not len(shipments):
            return Explanations.none(source, self._groups)
        rows = riskiest[shipments]
        # The head with the largest corrected p; argmax takes the first of equal ones.
        heads = item_heads[rows].argmax(axis=1)
        # A copy: a view would keep the whole matrix alive for a few rows.
        values = matrix[rows]
        count = len(rows), len(self._groups.codes)
        weights, leads, base_values = np.empty(count), np.empty(count, dtype=np.int32), np.empty(len(rows))
        for k in range(len(self.heads)):
            of_head = np.flatnonzero(heads == k)
            for start in range(0, len(of_head), _EXPLAINED_AT_A_TIME):
                part = of_head[start : start + _EXPLAINED_AT_A_TIME]
                contributions = self._predictor.contributions(values[part], k)
                weights[part], leads[part] = self._groups.weigh(contributions)
                base_values[part] = contributions[:, -1]
        return Explanations(
            source,
            self._groups,
            shipments.tolist(),
            rows.tolist(),
            [self.heads[k] for k in heads.tolist()],
            base_values.tolist(),
            raw[rows, heads].tolist(),
            values,
            weights,
            leads,
        )


def _check_accepted(table: ManifestTable) -> None:
    if table.refused.any():
        raise ValueError(f"{int(table.refused.sum())} rows of the table are refused; score table.accepted().")


def _shipment_ids(table: ManifestTable) -> list[str]:
    column = table.text("shipment_id")
    return [column.values[code] for code in column.codes[table.first_row].tolist()]


def _to_explain(
    explain: Explain, codes: NDArray[np.int8], risk_log_odds: FloatArray, limit: int | None
) -> NDArray[np.int64]:
    """Shipments to explain, in their order; under a limit the riskiest."""
    if explain == "none":
        return np.empty(0, dtype=np.int64)
    shipments = np.arange(len(codes)) if explain == "all" else np.flatnonzero(codes > GREEN)
    if limit is not None and len(shipments) > limit:
        riskiest_first = np.argsort(-risk_log_odds[shipments], kind="stable")[:limit]
        shipments = np.sort(shipments[riskiest_first])
    return shipments.astype(np.int64)
