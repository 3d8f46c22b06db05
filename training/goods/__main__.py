"""Train the goods classifier.

    python -m training.goods --out DIR [--without SOURCE ...]

A source named by --without is used in no part of the model, and the model is measured on it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from features.goods.codes import HsLevel
from features.goods.model import GoodsModel, agreement, read_texts, write
from training.goods.calibrating import Sample, calibrate, fit_vagueness, set_contradicted, tokenised
from training.goods.fitting import (
    Arrays,
    Fitted,
    Settings,
    arrays_of,
    fit,
    languages,
    neutral,
    token_vectors,
    word_vectors,
)
from training.goods.tables import UK, Corpus, Row, is_of, read_rows

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


#: Groups of sources. Each is left out in turn, and predictions for its sources then calibrate the model. The second group are texts
#: of shops, texts like index terms (Nice Classification), and titles of products (HSCodeComp).
GROUPS: Final = ((UK,), ("shopify", "nice_goods", "hscodecomp"))
_CALIBRATION_TEXTS: Final = 4000
#: Parts of the UK texts.
_UK_PARTS: Final = (f"{UK}/index_term", f"{UK}/parcel")
console = Console(stderr=True)


class Trainer:
    """Fits models on a corpus without some of its sources."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        rows = read_rows()
        self.vague = [row for row in rows if not row.code]
        self.corpus = Corpus([row for row in rows if row.code], settings.buckets)
        console.print(f"{len(self.corpus.rows):,} texts, {len(self.corpus.vocabulary):,} words")
        tokens = token_vectors(list(self.corpus.vocabulary))
        everything = np.arange(len(self.corpus.rows))
        self.fixed = word_vectors(tokens, self.corpus.counts(everything), settings.fixed)

    def rows_without(self, *sources: str) -> NDArray[np.int64]:
        """Return the labelled rows that belong to none of the sources."""
        outside = np.array([not any(is_of(row, source) for source in sources) for row in self.corpus.rows])
        return np.flatnonzero(outside & (self.corpus.labels[:, HsLevel.CHAPTER] >= 0))

    def fit(self, rows: NDArray[np.int64], title: str) -> Fitted:
        with console.status(f"{title}: {len(rows):,} texts") as status:

            def show(epoch: int, loss: float, _: Fitted) -> None:
                status.update(f"{title}: pass {epoch + 1} of {self.settings.epochs}, loss {loss:.3f}")

            return fit(self.corpus, rows, self.fixed, self.settings, show)

    def texts(self, source: str, most: int | None = None) -> tuple[list[str], NDArray[np.int32], NDArray[np.float64]]:
        """Return texts, labels and weights of a source. The parts of the UK texts have equal total weights."""
        rows = np.flatnonzero([is_of(row, source) for row in self.corpus.rows])
        rows = rows[self.corpus.labels[rows, HsLevel.CHAPTER] >= 0]
        if most is not None and len(rows) > most:
            rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
        parts = self.corpus.source[rows]
        _, of_row, counts = np.unique(parts, return_inverse=True, return_counts=True)
        weight = 1.0 / (counts[of_row] * len(counts)) if source == UK else np.full(len(rows), 1.0 / len(rows))
        return [_text(self.corpus.rows[row]) for row in rows.tolist()], self.corpus.labels[rows], weight


def _text(row: Row) -> str:
    return row.text or " ".join(row.words)


def train(trainer: Trainer, without: tuple[str, ...]) -> GoodsModel:
    """Return a calibrated model fitted on all sources except ``without``."""
    samples, vague = [], []
    for group in GROUPS:
        sources = [source for source in group if source not in without]
        if not sources:
            continue
        rows = trainer.rows_without(*group, *without)
        fitted = trainer.fit(rows, f"without {', '.join(group)}")
        arrays = arrays_of(trainer.corpus, rows, fitted, trainer.vague)
        samples += [Sample(arrays, *trainer.texts(source, _CALIBRATION_TEXTS)) for source in sources]
        own = [row for row in trainer.vague if is_of(row, UK) == (UK in group)]
        vague += [[_text(row) for row in own], *[[]] * (len(sources) - 1)]
    width = trainer.settings.learned + trainer.settings.fixed
    settings, declared = calibrate(samples, replace(neutral(width), languages=languages(trainer.corpus)))
    settings, vague_grams = fit_vagueness(samples, vague, settings)
    calibrated: Arrays = {"declared": declared, "vague_grams": vague_grams.astype(np.float16)}
    settings = set_contradicted(samples, settings, calibrated)
    rows = trainer.rows_without(*without)
    arrays = arrays_of(trainer.corpus, rows, trainer.fit(rows, "all sources"), trainer.vague)
    return GoodsModel({**arrays, **calibrated}, settings, "")


def report(trainer: Trainer, model: GoodsModel, sources: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return the measures of a model on some sources. The UK texts are measured by kind."""
    results: dict[str, dict[str, float]] = {}
    for source in sources:
        for part in _UK_PARTS if source == UK else (source,):
            texts, labels, _ = trainer.texts(part, 20_000)
            results[part] = measure(model, texts, labels)
        if source == UK:
            found = [_text(row) for row in trainer.vague if is_of(row, UK)]
            results[f"{UK}/vague"] = measure_vague(model, found, trainer.texts(UK)[0])
    return results


def main(
    out: Annotated[Path, typer.Option(help="Folder of the model's files.")],
    without: Annotated[list[str] | None, typer.Option(help="A source to leave out and measure on; repeatable.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the texts.")] = Settings().epochs,
) -> None:
    """Train the goods classifier and write it to a folder, with `measures.json` and `measures.md`."""
    left_out = tuple(without or ())
    trainer = Trainer(replace(Settings(), epochs=epochs))
    unknown = [source for source in left_out if not any(is_of(row, source) for row in trainer.corpus.rows)]
    if unknown:
        names = ", ".join(sorted({row.source for row in trainer.corpus.rows}))
        raise typer.BadParameter(f"no source has the name {unknown[0]!r}; there are {names}")
    model = train(trainer, left_out)
    write(out, model.arrays, model.settings)
    results = report(trainer, model, left_out)
    (out / "measures.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "measures.md").write_text(table(results) + "\n", encoding="utf-8")
    console.print(table(results), markup=False)


if __name__ == "__main__":
    typer.run(main)
