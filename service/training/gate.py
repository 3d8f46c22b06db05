"""The gate of ``tidewaiter promote``: reads the office's results, runs the checks, shows them and refuses a candidate that fails.

The checks themselves are in `training.gate`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from models.bundle import ModelStore
    from models.scoring import RiskModel
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from training.gate.checks import Verdict
    from training.gate.labels import OfficeLabels

#: Latest stored shipments that are scored: enough for a capacity of 1 %, and scored by two models in a minute.
MOST_SHIPMENTS: Final = 30_000
_SECOND: Final = 1_000_000
_DAY: Final = 86_400


class GateRefused(RuntimeError):
    """Error for a candidate that failed checks. The message names them."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The checks before a promotion.

    Attributes:
        reason: why a failing candidate is put into service nevertheless; None refuses it.
        json_file: file for the verdicts.
    """

    settings: Settings
    reason: str | None = None
    json_file: Path | None = None

    def examine(self, folder: Path) -> dict[str, Any]:
        """Run the checks of a verified bundle and show them. Return facts about them for the audit chain.

        Raises:
            GateRefused: a check failed, and there is no reason.
        """
        from service.core.commands import to_stdout
        from training.gate.checks import failed, table_of

        verdicts = verdicts_on(folder, self.settings)
        names = failed(verdicts)
        if verdicts:
            console = to_stdout()
            console.print(table_of(verdicts, console.width))
        if self.json_file is not None:
            document = {"failed": names, "checks": [verdict.to_json() for verdict in verdicts]}
            self.json_file.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        if names and self.reason is None:
            texts = [f"{one.check}: {one.text}" for one in verdicts if one.answer == "fail"]
            checks = ", ".join(f"`{name}`" for name in names)
            raise GateRefused(
                f"Not put into service: the {'check' if len(names) == 1 else 'checks'} {checks} failed.\n"
                + "\n".join(texts)
                + "\nTo put it into service nevertheless: --force --reason TEXT"
            )
        forced = {} if self.reason is None else {"forced_because": self.reason, "failed_checks": names}
        return {"checks": {verdict.check: verdict.answer for verdict in verdicts}, **forced}


def verdicts_on(folder: Path, settings: Settings) -> list[Verdict]:
    """Return the verdicts on a bundle; none if it is in service already.

    Raises:
        BundleRefused: the bundle, or the model in service and the bundled champion, cannot be loaded.
    """
    from features.space import FeatureSpace
    from models.bundle import champion_dir, describe, load, purpose
    from models.scoring import RISK
    from training.gate import cases, checks, labels, worlds

    store = settings.store()
    in_service = _in_service(store)
    if describe(folder).digest == describe(in_service).digest:
        return []
    before, after = purpose(in_service).predicts, purpose(folder).predicts
    if before != after:
        text = f"{folder.name} predicts {after}, but the model in service predicts {before}."
        return [checks.Verdict("label", "fail", text)]
    same = checks.Verdict("label", "pass", f"Both predict {after}.")
    ours, theirs = (load(one, kernels=settings.kernels) for one in (folder, in_service))
    sample = worlds.sample()
    verdicts = [same, checks.speed(ours, theirs, sample)]
    if ours.heads == (RISK,) or ours.space.names != FeatureSpace().names:
        names = (labels.NAME, worlds.NAME, worlds.CALIBRATION, cases.NAME, worlds.ORIGINS)
        text = "The office's own label: no test set and no case has it."
        return [*verdicts, *(checks.Verdict(name, checks.NOT_ENOUGH, text) for name in names)]
    tested = worlds.scored_worlds(ours, theirs)
    other = foreign(ours, [in_service, champion_dir(), *store.versions()])
    return [
        *verdicts,
        labels.labels(ours, theirs, office_labels(settings, [ours, theirs])),
        worlds.ranking(tested),
        worlds.calibration(tested, other),
        worlds.origins(tested),
        cases.officer(ours, theirs),
    ]


def _in_service(store: ModelStore) -> Path:
    """Return the folder of the model in service, or of the bundled champion if that one is damaged and needs a replacement."""
    from models.bundle import BundleRefused, champion_dir, describe

    folder = store.current()
    if folder is not None:
        try:
            describe(folder)
            return folder
        except (BundleRefused, OSError):
            pass
    return champion_dir()


def foreign(model: RiskModel, folders: list[Path]) -> str | None:
    """Return why the calibrators are not those of the model, for one that keeps those of its parent; otherwise None.

    Adapting and learning from an office's finds leave the calibrators alone. A parent that is not installed proves nothing.

    Args:
        folders: bundles among which the parent may be.
    """
    from models.bundle.audit import read_manifest
    from training.adapting.adapt import CARD_KEY

    parent = (model.card.get(CARD_KEY) or {}).get("parent", {}).get("digest")
    for folder in folders:
        info, manifest = read_manifest(folder, None)
        if info.digest == parent:
            own = {name: calibrator.to_json() for name, calibrator in model.calibrators.items()}
            if own != manifest["calibrators"]:
                return f"Its calibrators are not those of model {info.version}, from which it was adapted and which keep them."
            return None
    return None


def office_labels(settings: Settings, models: list[RiskModel]) -> OfficeLabels | str:
    """Return the newest matured results in the store, or why there are none."""
    from importlib.util import find_spec

    from service.core.database.engine import NoDatabase, open_existing
    from service.core.errors import DatabaseAway
    from training.data.dataset import BadData

    if not settings.keeps_decisions:
        return "The store is off."
    if find_spec("pandera") is None:
        return "Needs the packages for training."
    try:
        database = open_existing(settings.database_url.get_secret_value())
    except (NoDatabase, DatabaseAway):
        return "There is no store, or it is away."
    try:
        return _read(database, settings, max(_learned_until(model) for model in models))
    except BadData as error:
        return f"Not enough: {error}."
    finally:
        database.close()


def _learned_until(model: RiskModel) -> int:
    """Return the end of the last day of the labels that a model learned from, in seconds since 1970; 0 if its card names none."""
    last = (model.card.get("data") or {}).get("to")
    return 0 if last is None else int(datetime.fromisoformat(last).replace(tzinfo=UTC).timestamp()) + _DAY


def _read(database: Database, settings: Settings, learned_s: int) -> OfficeLabels:
    """Read the newest shipments and their results.

    Args:
        learned_s: end of what the models learned from.
    """
    import numpy as np

    from service.core.database.times import now_us
    from service.history.key import Sealer, secret_of
    from service.training.from_store import load
    from service.training.known import Cut
    from training.data.dataset import rows_of
    from training.gate.labels import OfficeLabels

    tomorrow_s = (now_us() // _SECOND // _DAY + 1) * _DAY
    loaded = load(database, Sealer(secret_of(settings)), settings.store(), Cut(tomorrow_s * _SECOND), lambda _: None)
    assert loaded.replayed is not None
    assert loaded.lineage is not None
    data, labels = loaded.data, loaded.data.labels
    declared_s = data.table.declared_s
    newest = np.arange(max(0, len(declared_s) - MOST_SHIPMENTS), len(declared_s))
    matured = labels.inspected & (declared_s < tomorrow_s - loaded.lineage["label_delay_days"] * _DAY)
    # A shipment with other contraband is neither a find nor clean.
    matured &= labels.weight > 0.0
    return OfficeLabels(
        data.table.take(rows_of(data.table, newest)),
        loaded.replayed.values[newest],
        data.shipment_has_find()[newest],
        matured[newest],
        (matured & labels.stated & (declared_s >= learned_s))[newest],
        labels.weight[newest],
    )
