"""Train the goods classifier.

    python -m training.goods --out DIR [--without SOURCE ...]

A source left out is in no part of the model, and the model is measured on it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from features.goods.model import GoodsModel, write
from training.goods.assembling import Arrays, arrays_of, languages, neutral
from training.goods.calibrating import Sample, calibrate, fit_vagueness, set_contradicted
from training.goods.encoder import token_vectors, word_vectors
from training.goods.fitting import Fitted, Settings, fit
from training.goods.measuring import measure, measure_vague, table
from training.goods.tables import UK, Corpus, Row, is_of, read_rows

#: Groups of sources. Each is left out in turn, and what the model then says of it calibrates the model.
GROUPS: Final = (UK, "shopify")
_CALIBRATION_TEXTS: Final = 4000
_VAGUE: Final = "vague"
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
        return np.flatnonzero(outside & (self.corpus.labels[:, 0] >= 0))

    def fit(self, rows: NDArray[np.int64], title: str) -> Fitted:
        with console.status(f"{title}: {len(rows):,} texts") as status:

            def show(epoch: int, loss: float, _: Fitted) -> None:
                status.update(f"{title}: pass {epoch + 1} of {self.settings.epochs}, loss {loss:.3f}")

            return fit(self.corpus, rows, self.fixed, self.settings, show)

    def texts(self, source: str, most: int | None = None) -> tuple[list[str], NDArray[np.int32], NDArray[np.float64]]:
        """Return texts, labels and weights of a source; its parts weigh the same."""
        rows = np.flatnonzero([is_of(row, source) for row in self.corpus.rows])
        rows = rows[self.corpus.labels[rows, 0] >= 0]
        if most is not None and len(rows) > most:
            rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
        parts = self.corpus.source[rows]
        _, of_row, counts = np.unique(parts, return_inverse=True, return_counts=True)
        weight = 1.0 / (counts[of_row] * len(counts)) if source == UK else np.full(len(rows), 1.0 / len(rows))
        return [_text(self.corpus.rows[row]) for row in rows.tolist()], self.corpus.labels[rows], weight


def _text(row: Row) -> str:
    return row.text or " ".join(row.words)


def train(trainer: Trainer, without: tuple[str, ...]) -> GoodsModel:
    """Return the calibrated model of all sources but those left out."""
    samples, vague = [], []
    for group in GROUPS:
        if group in without:
            continue
        rows = trainer.rows_without(group, *without)
        fitted = trainer.fit(rows, f"without {group}")
        samples.append(Sample(arrays_of(trainer.corpus, rows, fitted), *trainer.texts(group, _CALIBRATION_TEXTS)))
        own = [row for row in trainer.vague if is_of(row, UK) == (group == UK)]
        vague.append([_text(row) for row in own] if group in (UK, "shopify") else [])
    width = trainer.settings.learned + trainer.settings.fixed
    settings, declared = calibrate(samples, replace(neutral(width), languages=languages(trainer.corpus)))
    settings, vague_grams = fit_vagueness(samples, vague, settings)
    calibrated: Arrays = {"declared": declared, "vague_grams": vague_grams.astype(np.float16)}
    settings = set_contradicted(samples, settings, calibrated)
    rows = trainer.rows_without(*without)
    arrays = arrays_of(trainer.corpus, rows, trainer.fit(rows, "all sources"))
    return GoodsModel({**arrays, **calibrated}, settings, "")


def report(trainer: Trainer, model: GoodsModel, sources: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return the measures of a model on some sources; the UK texts by kind."""
    results: dict[str, dict[str, float]] = {}
    for source in sources:
        for part in (f"{UK}/index_term", f"{UK}/parcel") if source == UK else (source,):
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
        raise typer.BadParameter(f"no source is called {unknown[0]!r}; there are {names}")
    model = train(trainer, left_out)
    write(out, model.arrays, model.settings)
    results = report(trainer, model, left_out)
    (out / "measures.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "measures.md").write_text(table(results) + "\n", encoding="utf-8")
    console.print(table(results), markup=False)


if __name__ == "__main__":
    typer.run(main)
