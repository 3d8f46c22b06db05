"""Measure a goods model on labelled and on vague texts."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from features.goods.classifier import agreement, read_texts
from features.goods.codes import HsLevel
from features.goods.model import GoodsModel
from training.goods.calibrating import tokenised

CERTAIN: Final = 0.85


def measure(model: GoodsModel, texts: list[str], labels: NDArray[np.int32]) -> dict[str, float]:
    """Return the measures of labelled texts.

    To measure contradiction, a second copy of each text gets the code of a random other text from another chapter.

    Args:
        labels: (n, 3) numbers of chapter, heading and subheading, -1 where unknown.
    """
    tokens, rows = tokenised(model, texts)
    reading = read_texts(model, tokens, rows)
    chapters = reading.chapter_probabilities(model)
    label, at = labels[:, HsLevel.CHAPTER], np.arange(len(texts))
    order = np.argsort(-chapters, axis=1)
    top = chapters.max(axis=1)
    right = order[:, 0] == label
    wrong = np.random.default_rng(0).permutation(len(texts))
    other = np.flatnonzero(label[wrong] != label).astype(np.int32)
    fit = agreement(model, reading, at.astype(np.int32), np.ascontiguousarray(labels[:, : HsLevel.SUBHEADING])).sum(
        axis=1
    )
    contrary = agreement(model, reading, other, np.ascontiguousarray(labels[wrong[other], : HsLevel.SUBHEADING])).sum(
        axis=1
    )
    between = (top >= CERTAIN) & (top < 0.95)
    return {
        "texts": float(len(texts)),
        "chapter_top_1": float(right.mean()),
        "chapter_top_3": float((order[:, :3] == label[:, None]).any(axis=1).mean()),
        "probability_of_chapter": float(chapters[at, label].mean()),
        "roc_auc": float(roc_auc_score(np.r_[np.ones(len(fit)), np.zeros(len(contrary))], np.r_[fit, contrary])),
        "correct_code_flagged": float((fit < model.settings.contradicted).mean()),
        "other_code_flagged": float((contrary < model.settings.contradicted).mean()),
        "share_certain": float((top >= CERTAIN).mean()),
        "right_between_0.85_and_0.95": float(right[between].mean()) if between.any() else float("nan"),
        "acceptable_flagged_vague": float((reading.vague >= model.settings.vague_flagged).mean()),
    }


def measure_vague(model: GoodsModel, vague: list[str], acceptable: list[str]) -> dict[str, float]:
    """Return the measures of vague texts against acceptable ones."""
    values = []
    for texts in (vague, acceptable):
        tokens, rows = tokenised(model, texts)
        values.append(read_texts(model, tokens, rows).vague)
    of_vague, of_acceptable = values
    threshold = np.quantile(of_acceptable, 0.95)
    return {
        "texts": float(len(vague)),
        "vague_flagged": float((of_vague >= model.settings.vague_flagged).mean()),
        "found_at_0.05_false_alarms": float((of_vague > threshold).mean()),
        "roc_auc": float(
            roc_auc_score(np.r_[np.ones(len(of_vague)), np.zeros(len(of_acceptable))], np.r_[of_vague, of_acceptable])
        ),
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return measures as a table in Markdown, one column per set of texts."""
    names = list(dict.fromkeys(name for result in results.values() for name in result))
    lines = [f"| measure | {' | '.join(results)} |", f"|---|{'---:|' * len(results)}"]
    for name in names:
        cells = [
            "" if name not in result else f"{result[name]:,.0f}" if name == "texts" else f"{result[name]:.3f}"
            for result in results.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def contributions_table(rows: list[dict[str, str | float]]) -> str:
    """Return contributions as a table in Markdown: the measures of all sources first, then the changes without each kind."""
    names = list(rows[0])[2:]
    heads = " | ".join(name.replace("_", " ") for name in names)
    lines = [f"| without | texts | {heads} |", f"|---|---:|{'---:|' * len(names)}"]
    for row in rows:
        cells = [
            f"{float(row[name]):.3f}" if row is rows[0] else f"{float(row[name]) - float(rows[0][name]):+.3f}"
            for name in names
        ]
        lines.append(f"| {row['without']} | {float(row['texts_fewer']):,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)
