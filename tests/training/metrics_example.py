"""Metrics of a run in the form that `training.evaluation` writes, with every section and invented numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.evaluation.metrics import Cause, without_value


def estimate(value: float, half: float | None = None) -> dict[str, float]:
    half = 0.1 * abs(value) if half is None else half
    return {"value": value, "low": value - half, "high": value + half}


def nothing(
    reason: str = "3 finds in this window; at least 10 are needed", cause: Cause = "too few finds"
) -> dict[str, Any]:
    return without_value(reason, cause)


def figures(strength: float, *, finds: int = 260, base_rate: float = 1.6e-6) -> dict[str, Any]:
    """Return the figures of one score. ``strength``, 0 to 1, is its recall at 0.5 % inspected."""
    recalls = {"0.001": 0.6 * strength, "0.005": strength, "0.01": strength**0.8, "0.05": strength**0.4}
    bins = []
    for low in np.linspace(-16.0, -5.0, 6).tolist():
        predicted, observed = 1 / (1 + np.exp(-low)), 1 / (1 + np.exp(-low - 0.15))
        bins.append(
            {
                "predicted": float(predicted),
                "observed": float(observed),
                "predicted_log_odds": low,
                "observed_log_odds": low + 0.15,
                "finds": finds // 6,
                "shipments": 11_000,
                "ratio": estimate(0.87),
            }
        )
    return {
        "shipments": 69_062,
        "finds": finds,
        "prevalence": finds / 69_062,
        "base_rate": base_rate,
        "pr_auc": estimate(0.8 * strength),
        "roc_auc": estimate(0.5 + 0.45 * strength, 0.02),
        "pr_auc_at": {"0.001": estimate(0.6 * strength), "1e-05": estimate(0.2 * strength)},
        "at_inspected_share": {
            share: {
                "recall": estimate(recall),
                "precision_at_base_rate": estimate(base_rate * recall / float(share)),
                "precision_in_window": estimate(min(0.9, 0.004 * recall / float(share))),
            }
            for share, recall in recalls.items()
        },
        "recall_at_false_positive_rate": {
            "0.01": estimate(strength**0.8),
            "0.001": estimate(0.6 * strength),
            "0.0001": nothing("6,000 clean shipments; a rate of 0.0001 needs 10000", "too little traffic"),
        },
        "reliability": bins,
    }


def calibration(ratio: float = 1.06) -> dict[str, Any]:
    one = figures(0.5)
    top = {"share": 0.01, "predicted": 0.00024, "observed": 0.00024 / ratio, "ratio": estimate(ratio, 0.08)}
    return {"top": top, "bins": one["reliability"]}


def _slice(recall: float, finds: int = 60) -> dict[str, Any]:
    return {
        "shipments": 9_000,
        "finds": finds,
        "pr_auc": estimate(0.7 * recall),
        "recall": {"0.005": estimate(recall), "0.01": estimate(min(1.0, recall * 1.2))},
        "false_positive_rate_red": 0.0052,
    }


def example_metrics() -> dict[str, Any]:
    """Return a document with every section."""
    heads = ("fentanyl_or_analogue", "precursor", "equipment")
    labels = {
        kind: {"risk": figures(strength), **{head: figures(strength - 0.1, finds=80) for head in heads}}
        for kind, strength in (("office", 0.52), ("truth", 0.55))
    }
    weak = {"random": 0.005, "watch_list_rules": 0.12, "price_rule": 0.06, "logistic_regression": 0.33}
    simpler = {**weak, "default_lightgbm": 0.35}
    return {
        "evaluated_on": "the test window, by the final model",
        "labels": labels,
        "calibration": {"office": calibration(), "truth": calibration(1.11)},
        "calibration_tenth": {"rows": 200_000, "prevalence": 0.00037, "office": calibration(0.97)},
        "lanes": {
            "red": {"clean_traffic": 0.0051, "shipments": 500, "finds": 0.52},
            "yellow": {"clean_traffic": 0.0198, "shipments": 1_500, "finds": 0.13},
            "green": {"clean_traffic": 0.9751, "shipments": 67_062, "finds": 0.35},
        },
        "false_positives_by_origin": {
            "origins": {
                "CN": {"clean_shipments": 30_000, "red_rate": 0.0081},
                "IN": {"clean_shipments": 4_000, "red_rate": 0.0049},
                "DE": {"clean_shipments": 6_000, "red_rate": 0.0033},
            },
            "all_clean_red_rate": 0.0052,
            "ratio": 2.4545,
            "cost": [
                {"max_ratio": 3.0, "recall": {"0.005": estimate(0.55)}},
                {"max_ratio": 2.0, "recall": {"0.005": estimate(0.53)}},
                {"max_ratio": 1.25, "recall": {"0.005": estimate(0.49)}},
            ],
        },
        "false_positives_by_items": {
            "1": {"clean_shipments": 40_000, "red_rate": 0.0044, "yellow_rate": 0.018},
            "2-3": {"clean_shipments": 20_000, "red_rate": 0.0058, "yellow_rate": 0.021},
            "10+": {"clean_shipments": 900, "red_rate": 0.0091, "yellow_rate": 0.034},
        },
        "slices": {
            "seen_consignor": {"seen": _slice(0.62), "never seen": _slice(0.44)},
            "seen_network": {"seen": _slice(0.61), "never seen": _slice(0.41)},
            "typology": {
                "P1": _slice(0.5),
                **{f"typology_{k:02d}": _slice(0.3 + 0.03 * k, finds=20 + k) for k in range(14)},
            },
            "channel": {
                "express": _slice(0.6),
                "postal": _slice(0.5),
                "ocean": {**_slice(0.0, 3), "pr_auc": nothing()},
            },
            "language": {"en": _slice(0.57), "zh": _slice(0.48), "ar": {**_slice(0.0, 0), "pr_auc": nothing()}},
        },
        "baselines": {
            name: {kind: _without_bins(figures(strength)) for kind in ("office", "truth")}
            for name, strength in simpler.items()
        },
        "parts": {
            name: {kind: _without_bins(figures(strength)) for kind in ("office", "truth")}
            for name, strength in (("prior", 0.5), ("trees", 0.4), ("both", 0.55))
        },
        "baselines_chose": {"depth_2_tree": {"features": ["account_age_days"]}},
        "misses_against": {
            name: {"0.005": {"ours": 0.45, "theirs": 1 - strength, "ratio": estimate(0.45 / (1 - strength), 0.04)}}
            for name, strength in simpler.items()
        },
        "pr_auc_against": {
            name: {"ours": estimate(0.44), "theirs": estimate(strength), "ratio": estimate(0.44 / strength)}
            for name, strength in {"prior": 0.4, "trees": 0.5, **simpler}.items()
        },
        "contributions": {
            "evidence": {"history": {"finds": 3.1, "red_clean": 2.5, "clean": -0.2}},
            "trees": {
                "history": {"finds": 0.4, "red_clean": 0.2, "clean": -0.1},
                "description": {"finds": 1.2, "red_clean": 1.4, "clean": 0.0},
            },
        },
        "ablation": {
            "history": {
                "features": 33,
                "pr_auc": estimate(0.31),
                "recall_0.005": estimate(0.44),
                "pr_auc_change": estimate(-0.13, 0.03),
            },
            "description": {
                "features": 20,
                "pr_auc": estimate(0.4),
                "recall_0.005": estimate(0.5),
                "pr_auc_change": estimate(-0.04, 0.03),
            },
        },
        "left_out_typologies": {
            "typology_01": {
                "name": "New shipper",
                "finds": 44,
                "recall_with": estimate(0.5),
                "recall_without": estimate(0.36),
                "ratio": estimate(0.72),
            },
            "typology_02": {
                "name": "Split consignment",
                "finds": 31,
                "recall_with": estimate(0.4),
                "recall_without": estimate(0.27),
                "ratio": estimate(0.675),
            },
            "average_ratio": estimate(0.6975, 0.05),
        },
        "ceiling": {
            "rows": 5_000_000,
            "labels": "truth",
            "pr_auc": estimate(0.47),
            "recall_0.005": estimate(0.58),
            "ours_pr_auc": estimate(0.44),
            "ours_recall_0.005": estimate(0.55),
            "prevalence": 0.0038,
            "share": estimate(0.936, 0.02),
            "depth_2_tree": {"recall_0.005": estimate(0.21)},
        },
        "too_easy": {
            "ok": False,
            "rows": 300_000,
            "sampled_rows": 60_000,
            "illicit_shipments": 900,
            "bars": [
                _bar("best single field", 0.71, 0.8, ok=True),
                _bar("artefacts alone, express", 0.581, 0.55, ok=False),
            ],
            "single_fields": [{"field": "customs_value", "roc_auc": 0.71}, {"field": "gross_mass_kg", "roc_auc": 0.68}],
            "depth_2_tree": {"express": 0.74, "postal": 0.72},
            "artefacts": {"express": [{"feature": "length of the name", "gain": 0.31}]},
        },
        "margins": [
            {
                "figure": "share of vague descriptions, express",
                "published": 0.02,
                "simulated": 0.0213,
                "low": 0.015,
                "high": 0.025,
                "ok": True,
                "source": "statistics.csv 41",
            },
            {
                "figure": "parcels per consignee",
                "published": 1.4,
                "simulated": 1.9,
                "low": 1.2,
                "high": 1.6,
                "ok": False,
                "source": "statistics.csv 12",
            },
            {
                "figure": "share of rail",
                "published": 0.1,
                "simulated": None,
                "low": 0.05,
                "high": 0.15,
                "ok": False,
                "source": "statistics.csv 7",
            },
        ],
    }


def _bar(name: str, value: float, limit: float, *, ok: bool) -> dict[str, Any]:
    low, high = value - 0.02, value + 0.02
    return {"name": name, "value": value, "limit": limit, "sense": "at most", "ok": ok, "low": low, "high": high}


def _without_bins(one: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key != "reliability"}


def example_card() -> dict[str, Any]:
    """Return a card as `training.reports.card` builds it, before its sections are written."""
    window = {"shipments": 1000, "finds": 20, "from": "2025-04-14T00:04:16Z", "to": "2025-12-10T06:37:42Z"}
    return {
        "description": "Probability, from the manifest alone, that a shipment holds watched content",
        "limits": ["It ranks shipments for a person to decide on.", "Origin alone must not be a reason to inspect."],
        "data": {
            "source": "simulated: 600000 goods items, seed 1",
            "sha256": "f66ef66dd85349de0f5c5136c64ca019bdb608eceb53df15268d9ef1dfdeb547",
            "goods_items": 600_000,
            "shipments": 427_655,
            "inspected_shipments": 42_068,
            "finds": {"fentanyl_or_analogue": 294, "precursor": 365, "equipment": 360},
            "rows_refused": 0,
            "notes": ["3 rows have no time"],
            "from": "2025-04-14",
            "to": "2026-10-31",
        },
        "windows": {
            "in_time": True,
            "label_delay_days": 14.62,
            "windows": {name: dict(window) for name in ("fit", "stop", "calibrate", "lanes", "test", "refit")},
            "notes": [],
        },
        "heads": {
            head: {
                "trees": 433,
                "finds_learned_from": 254,
                "training_prevalence": 0.0018,
                "base_rate": 1e-6,
                "base_rate_is": "assumed",
                "calibrator": "slope",
            }
            for head in ("fentanyl_or_analogue", "precursor", "equipment")
        },
        "training": {
            "seed": 1,
            "threads": 2,
            "parameters": {"learning_rate": 0.06, "num_leaves": 8},
            "share_of_clean_shipments_kept": {"fit": 1.0, "refit": 1.0},
        },
        "lanes": {"red_share": 0.005, "yellow_share": 0.02},
        "metrics": {},
        "monotone": {"consignor_finds": "rises"},
        "code": {"tidewaiter": "0.2.0", "libraries": {"lightgbm": "4.7.0"}},
        "features": [
            {
                "name": f"feature_{k}",
                "group": ("history", "description")[k % 2],
                "meaning": f"What field {k} says",
                "share_of_gain": 0.1 - 0.002 * k,
            }
            for k in range(40)
        ],
    }
