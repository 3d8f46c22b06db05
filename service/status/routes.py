"""Endpoints about the service: ``/v1/model``, ``/v1/schema``, ``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from anyio import to_thread
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import Field

from features.manifest.fields import FIELD, MANIFEST_NAMES
from models.lanes import misfit
from models.scoring import DEFAULT_BASE_RATES
from models.scoring.scores import ALL_SCORE_COLUMNS, score_columns
from service.core.chemistry import chemistry
from service.core.errors import DatabaseAway
from service.core.http.dependencies import AppMetrics, AppSettings, PlainJson, provided
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer, Probability
from service.lists.current import CurrentLists
from service.scoring.decision import DecisionStore
from service.scoring.model_host import ModelHost
from service.scoring.schemas import ModelName

if TYPE_CHECKING:
    from service.decisions.store import Store


class FeatureDescription(Answer):
    """One feature of the model."""

    name: str
    group: str
    meaning: str
    reason: str = Field(description="Code of the reason to which the feature contributes")
    monotone: Literal[-1, 0, 1] = Field(
        description="1: the risk never falls as the feature rises; -1: it never rises as the feature rises; 0: no constraint"
    )
    share_of_gain: Probability | None = Field(
        description="Share of the total gain in training; null if it was not recorded"
    )


class BaseRate(Answer):
    """Share of shipments with illicit content that the probabilities assume."""

    head: str
    rate: Probability
    source: Literal["configured", "assumed", "trained"] = Field(
        description="configured: set by this office; assumed: the documented default; trained: from the training data"
    )


class LaneThresholds(Answer):
    """Thresholds of the lanes."""

    red: float = Field(description="Uncorrected risk log-odds at or above which a shipment is red")
    yellow: float = Field(description="The same for yellow")
    red_share: Probability = Field(description="Share of base-rate traffic that the red threshold was set for")
    yellow_share: Probability


class RefusedBundle(Answer):
    """A refused bundle to which the store points, or a store whose pointer is damaged or lost."""

    folder: str
    problems: list[str]
    since: str


class ModelDescription(Answer):
    """The model in service: its card, its features and its limits."""

    name: str
    version: str
    digest: str
    created_at: str
    serving_since: str
    history: Literal["snapshot", "restored", "carried over"] = Field(
        description="snapshot: history began with the bundle's snapshot; restored: it continues from before the restart; "
        "carried over: it continues from the previous model"
    )
    predictor: Literal["kernels", "lightgbm"] = Field(
        description="Implementation that computes raw scores: this project's compiled kernels or LightGBM, with identical results"
    )
    heads: list[str]
    base_rates: list[BaseRate]
    lanes: LaneThresholds
    lane_warning: str | None = Field(
        description="Warning if, of at least 2,000 shipments that this model scored in this process, the share of red is outside "
        "0.25 to 1 % or the share of yellow outside 1 to 4 %; otherwise null"
    )
    random_share: Probability
    features: list[FeatureDescription]
    limits: list[str] = Field(description="Limits of the model's use")
    data: dict[str, Any] = Field(description="Training data")
    metrics: dict[str, Any] = Field(description="Quality of the model, and the data on which it was measured")
    card: dict[str, Any] = Field(description="The rest of the model card")
    refused: RefusedBundle | None = Field(description="A newer bundle that was refused, or a lost pointer")


class Column(Answer):
    """One field of the manifest."""

    name: str
    level: Literal["shipment", "consignor", "consignee", "item"]
    key: str = Field(description="Name of the member in its JSON object")
    kind: str
    description: str
    unit: str | None
    codes: dict[str, str] | None = Field(description="Accepted values and their meaning; null if any value is accepted")
    example: Any


class OutputColumn(Answer):
    """One column that scoring adds to a file."""

    name: str
    description: str


class ManifestSchema(Answer):
    """Columns of a manifest, flat and nested, with kinds, units and codes, and the columns that scoring adds."""

    required: list[str]
    columns: list[Column]
    output_columns: list[OutputColumn]
    limits: dict[str, int]


class Health(Answer):
    """State of a running process."""

    status: Literal["ok"]


class Chemistry(Answer):
    """State of OPSIN, which reads systematic names. All other lookups work without OPSIN."""

    systematic_names: Literal["ready", "starting", "unavailable"]
    problem: str | None = Field(description="Why OPSIN is unavailable")


class StoreState(Answer):
    """State of the database."""

    database: Literal["answers", "away"] = Field(description="away: decisions go to the journal on this machine")
    waiting: int = Field(
        description="Decisions in this process's journal that are not yet in the database", examples=[0]
    )
    lists: Literal["read", "unread"] = Field(
        description="unread: shipments are scored without the office's lists, with a warning, until the database has answered once"
    )
    history: Literal["complete", "incomplete"] = Field(
        description="incomplete: the history lacks the traffic from before the start. Either the database was away at the start, "
        "and the history is completed when the database is back, or the key does not fit the checkpoints, and the service needs a "
        "restart with the right key"
    )


class Readiness(Answer):
    """State of a service that is ready: its model is loaded and warm, and the database answers or a journal replaces it."""

    status: Literal["ready"]
    model: ModelName
    refused: RefusedBundle | None
    chemistry: Chemistry
    store: StoreState | None = Field(description="Null if the store is off")


router = APIRouter()

AppHost = Annotated[ModelHost, provided(ModelHost)]
AppLists = Annotated[CurrentLists, provided(CurrentLists)]
if TYPE_CHECKING:
    AppStore = Annotated[Store | None, provided(DecisionStore)]
else:
    AppStore = Annotated[Any, provided(DecisionStore)]

#: Description of each column that scoring adds to a file.
OUTPUT_MEANINGS: Final = {
    "risk": "Calibrated probability of illicit content of any kind, at the base rate in use; 9 significant digits",
    "percentile": "Share of reference traffic that scores lower",
    "risk_fentanyl_or_analogue": "Probability of fentanyl, an analogue or another synthetic opioid",
    "risk_precursor": "Probability of a fentanyl precursor",
    "risk_equipment": "Probability of tablet-press equipment",
    "item_risk": "The same probability for this row's goods item alone",
    "lane": "red, yellow or green: a recommendation",
    "selected_by": "What set the lane: score, rule, watch_list, unread or random; empty when green, unless an exemption made it so",
    "reason_1": "Strongest evidence for illicit content, as a sentence",
    "reason_2": "Second strongest evidence",
    "reason_3": "Third strongest evidence",
    "substance": "Substance that the declared chemical, CAS number or description resolved to",
    "substance_kind": "How the substance was recognised",
    "substance_hit": "true if a watched substance is declared",
    "warnings": "Problems of fields that did not prevent scoring",
    "model_version": "Version of the model",
    "bundle_digest": "SHA-256 of the model bundle",
    "one_in": "1 / risk, rounded: of this many shipments with this risk, one is illicit; at most 10,000,000",
    "rank_one_in": "1 / (1 - percentile), rounded: of this many reference shipments, one scores as high; at most 10,000,000",
    "rule_ids": "Ids of the rules that fired, separated by ;",
    "unread": "Fields that could not be read, in the form item: field; item: field",
}

#: Limits that apply to every model. The model card may add more.
LIMITS: Final = (
    "The model ranks and explains; a person decides. Lanes are recommendations.",
    "The model sees the manifest only: no images, scans or laboratory results.",
    "Base rates marked assumed are documented defaults; set the office's own before reading risk as a frequency.",
    "Country of origin alone does not justify an inspection; the card reports error rates by origin.",
)

#: Parts of the card that are separate members of the response.
_CARD_PARTS: Final = ("data", "features", "limits", "metrics")


@router.get(
    "/v1/model",
    summary="The model in service",
    tags=["about"],
    response_model=ModelDescription,
    responses=problems(500, 503),
)
@needs(Scope.READ)
async def model(host: AppHost, settings: AppSettings, metrics: AppMetrics, lists: AppLists) -> Response:
    """Return the model card: version, digest, data, metrics, features in order, base rates, lanes and limits. `refused` says why a
    newer bundle was refused, if one was. `lane_warning` says when the lanes do not fit the latest traffic.
    """
    served = host.served
    current = served.model
    card = current.card
    gain = {one.get("name"): one.get("share_of_gain") for one in card.get("features", []) if isinstance(one, dict)}
    rates = lists.settings.rates_for(current.heads, current.base_rates)
    return PlainJson(
        {
            "name": current.name,
            "version": current.version,
            "digest": current.digest,
            "created_at": current.created_at,
            "serving_since": served.since,
            "history": "restored" if served.history.is_resumed else served.history_from,
            "predictor": current.predictor,
            "heads": list(current.heads),
            "base_rates": [
                {"head": head, "rate": rate, "source": _rate_source(head, rate, settings.base_rates)}
                for head, rate in rates.items()
            ],
            "lanes": current.lanes.to_json(),
            "lane_warning": misfit(metrics.lanes.counts(current.digest), current.lanes),
            "random_share": settings.random_share,
            "features": [
                {
                    "name": feature.name,
                    "group": feature.group,
                    "meaning": feature.meaning,
                    "reason": feature.reason,
                    "monotone": feature.monotone,
                    "share_of_gain": gain.get(feature.name),
                }
                for feature in current.space.features
            ],
            "limits": [*LIMITS, *_texts(card.get("limits"))],
            "data": _mapping(card.get("data")),
            "metrics": _mapping(card.get("metrics")),
            "card": {name: value for name, value in card.items() if name not in _CARD_PARTS},
            "refused": host.refused.to_json() if host.refused else None,
        }
    )


@router.get(
    "/v1/schema",
    summary="Columns, codes and units",
    tags=["about"],
    response_model=ManifestSchema,
    responses=problems(500),
)
@needs(Scope.READ)
async def schema(host: AppHost, settings: AppSettings) -> Response:
    """Return the columns of a manifest, flat (`name`) and nested (`level` and `key`), and the columns that scoring adds."""
    output_columns = score_columns(host.served.model.heads) if host.ready else ALL_SCORE_COLUMNS
    return PlainJson(
        {
            "required": ["shipment_id", "one goods item with a value of any field"],
            "columns": [
                {
                    "name": field.name,
                    "level": field.level.value,
                    "key": field.key,
                    "kind": field.kind.value,
                    "description": field.description,
                    "unit": field.unit,
                    "codes": dict(field.codes) if field.codes else None,
                    "example": field.example,
                }
                for field in (FIELD[name] for name in MANIFEST_NAMES)
            ],
            "output_columns": [{"name": name, "description": OUTPUT_MEANINGS[name]} for name in output_columns],
            "limits": {
                "score_bytes": settings.max_score_bytes,
                "batch_bytes": settings.max_batch_bytes,
                "batch_shipments": settings.max_batch_shipments,
                "items": settings.max_items,
                "csv_bytes": settings.max_csv_bytes,
                "substance_queries": settings.max_substance_queries,
                "goods_queries": settings.max_goods_queries,
            },
        }
    )


@router.get("/healthz", summary="Liveness", tags=["operation"], response_model=Health, responses=problems(500))
async def healthz() -> Response:
    """Return 200 while the process runs, with or without a model."""
    return PlainJson({"status": "ok"})


@router.get(
    "/readyz",
    summary="Readiness",
    tags=["operation"],
    response_model=Readiness,
    responses=problems(500, 503),
)
async def readyz(host: AppHost, lists: AppLists, store: AppStore) -> Response:
    """Return 200 once a model is loaded and warm and the database answers; 503 otherwise. After a failed write, the database must
    also accept writes again. `refused` reports a newer bundle that was refused, or a lost pointer to the model. `chemistry` says
    whether systematic names can be read. `store` describes the database, the number of decisions that wait in the journal, and
    whether the office's lists have been read and the history is complete. With `TIDEWAITER_DATABASE_AWAY=journal`, the service is
    ready without its database.
    """
    identity = host.served.model.identity
    store_state = (
        None if store is None else await to_thread.run_sync(_store_state, store, lists, host.served.history.is_complete)
    )
    return PlainJson(
        {
            "status": "ready",
            "model": {"name": identity.name, "version": identity.version, "digest": identity.digest},
            "refused": host.refused.to_json() if host.refused else None,
            "chemistry": chemistry(),
            "store": store_state,
        }
    )


def _store_state(store: Store, lists: CurrentLists, is_complete: bool) -> dict[str, Any]:
    """Return the state of the store for `readyz`.

    Raises:
        DatabaseAway: the database does not answer or accept writes, and there is no journal.
    """
    problem = store.database.problem()
    if problem is not None and not store.has_journal:
        raise DatabaseAway(problem)
    return {
        "database": "answers" if problem is None else "away",
        "waiting": store.waiting,
        "lists": "read" if lists.are_read else "unread",
        "history": "complete" if is_complete else "incomplete",
    }


@router.get(
    "/metrics",
    name="metrics",
    summary="Prometheus metrics",
    tags=["operation"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(500)},
)
@needs(Scope.READ)
async def metrics_text(counted: AppMetrics) -> Response:
    """Return counts and durations of requests, shipments by lane, refused records, and the model in service."""
    return Response(counted.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _rate_source(head: str, rate: float, configured: dict[str, float]) -> str:
    if head in configured:
        return "configured"
    return "assumed" if DEFAULT_BASE_RATES.get(head) == rate else "trained"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(part) for part in value] if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {} if value is None else {"value": value}
