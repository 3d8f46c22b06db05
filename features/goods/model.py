"""The trained goods model: its arrays and settings (``features/goods/data``), the vectors and languages of words.

Its array functions give likely codes, the fit of a declared code, and vagueness.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CHEMICAL_CHAPTERS, CODES, HsLevel
from features.goods.ngrams import WordVectors, word_key
from features.goods.scores import (
    CodeWeights,
    Fit,
    FloatArray,
    Floats,
    Reading,
    Share,
    Statistic,
    fill_fit,
    fill_reading,
    fill_shares,
    fill_statistics,
)
from features.texts.words import TokenisedTexts

DATA: Final = Path(__file__).parent / "data"
#: Arrays of the model, one ``.npy`` file each.
ARRAYS: Final = (
    "grams", "gram_scale", "vague_grams", "word_keys", "word_vectors", "word_scale", "word_languages", "word_names",
    "chapters", "headings", "subheadings", "chapter_prior", "heading_prior", "subheading_prior", "declared",
)  # fmt: skip


class GoodsModelError(Exception):
    """The files of a goods model are missing, damaged or of another version."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Numbers of the model, from ``settings.json``.

    Attributes:
        languages: codes of the languages, in the order of the bits in the array ``word_languages``.
        chapter_scale, heading_scale, subheading_scale, heading_doubt, subheading_doubt: see `CodeWeights`.
        doubt: coefficients of the probability that a text says nothing about its goods, one per `Statistic`; see `fill_logistic`.
        vague: coefficients of the vagueness of a text: one per `Statistic`, then those of its vector.
        contradicted: threshold; a code with a lower log-likelihood ratio is contradicted.
        vague_flagged: minimum vagueness of a text that is flagged as vague.
    """

    languages: tuple[str, ...]
    chapter_scale: float
    heading_scale: float
    subheading_scale: float
    heading_doubt: float
    subheading_doubt: float
    doubt: tuple[float, ...]
    vague: tuple[float, ...]
    contradicted: float
    vague_flagged: float


class GoodsModel:
    """A goods model.

    Attributes:
        arrays: the arrays as stored. ``digest``: SHA-256 over the model's files. ``width``: dimensions of a text's vector.
        weights: weights of chapters and headings.
        subheadings: (subheadings, width + 1) weights, bias last. ``subheading_prior``: (subheadings,) share within the heading.
        subheading_ends: (headings,) end of each heading's subheadings.
        coefficients: ``doubt`` and ``vague`` of `Settings` as arrays.
        chemical: (chapters,) 1 for a chapter of chemicals. ``chemical_prior``: share of goods in these chapters.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]], settings: Settings, digest: str) -> None:
        self.arrays, self.settings, self.digest = arrays, settings, digest
        # Plain arrays, because each slice of a memory-mapped array costs a microsecond.
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self._position = {key: at for at, key in enumerate(arrays["word_keys"].tolist())}
        self._languages = arrays["word_languages"]
        scales = (arrays["gram_scale"].astype(np.float32), arrays["word_scale"].astype(np.float32))
        self._vectors = WordVectors(
            arrays["grams"],
            arrays["vague_grams"].astype(np.float32),
            arrays["word_vectors"],
            self._position,
            arrays["word_names"],
            np.concatenate(scales).astype(np.float64),
        )
        self.learned, self.fixed = arrays["grams"].shape[1], arrays["word_vectors"].shape[1]
        self.width = self.learned + self.fixed
        self.subheadings: Floats = arrays["subheadings"].astype(np.float32)
        self.subheading_prior: Floats = arrays["subheading_prior"]
        self.subheading_ends = CODES.ends[HsLevel.SUBHEADING]
        self.weights = CodeWeights(
            (np.ascontiguousarray(arrays["chapters"].astype(np.float32).T), arrays["headings"].astype(np.float32)),
            CODES.ends[HsLevel.HEADING],
            (arrays["chapter_prior"], arrays["heading_prior"]),
            arrays["declared"].astype(np.float32),
            (settings.chapter_scale, settings.heading_scale),
            settings.heading_doubt,
        )
        self.coefficients = np.array(settings.doubt), np.array(settings.vague)
        self.chemical = np.array(
            [chapter in CHEMICAL_CHAPTERS for chapter in CODES.names[HsLevel.CHAPTER]], dtype=np.uint8
        )
        self.chemical_prior = float(self.weights.chapter_prior[self.chemical == 1].sum())

    def word_rows(self, words: list[str]) -> NDArray[np.float64]:
        """Return the rows of words (n, width + 2), as `fill_vectors` reads them."""
        rows: NDArray[np.float64] = self._vectors.rows(words)
        return rows

    def languages_of(self, words: list[str]) -> NDArray[np.int64]:
        """Return the languages of the training texts that contain each word, as bits in the order of `Settings.languages`."""
        positions = [self._position.get(word_key(word)) for word in words]
        return np.array([0 if at is None else self._languages[at] for at in positions], dtype=np.int64)


def write(folder: Path, arrays: dict[str, NDArray[Any]], settings: Settings) -> None:
    """Write a model's files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", arrays[name], allow_pickle=False)
    text = json.dumps({name: getattr(settings, name) for name in Settings.__slots__}, indent=1)
    (folder / "settings.json").write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> GoodsModel:
    """Read a model.

    Raises:
        GoodsModelError: a file is missing or damaged, or the model was trained on another edition of the HS.
    """
    try:
        # Memory-mapped files cost no time at the start, and processes share their memory.
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        data = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
        settings = Settings(**{**data, **lists})
    except (OSError, ValueError, TypeError) as error:
        raise GoodsModelError(f"The goods model in {folder} cannot be read: {error}") from error
    sizes = [len(names) for names in CODES.names]
    if [arrays[name].shape[0] for name in ("chapters", "headings", "subheadings")] != sizes:
        raise GoodsModelError(f"The goods model in {folder} was trained on another edition of the HS.")
    if wrong := _misshapen(arrays, settings):
        raise GoodsModelError(f"The goods model in {folder} is damaged: {', '.join(wrong)} do not fit the other files.")
    digest = sha256()
    for name in (*(f"{name}.npy" for name in ARRAYS), "settings.json"):
        digest.update((folder / name).read_bytes())
    return GoodsModel(arrays, settings, digest.hexdigest())


def _misshapen(arrays: dict[str, NDArray[Any]], settings: Settings) -> list[str]:
    """Return the names of the arrays and settings whose size does not fit the others.

    Compiled loops do not check indices, so a wrong size would make them read foreign memory.
    """
    buckets, learned = arrays["grams"].shape if arrays["grams"].ndim == 2 else (0, 0)
    words, fixed = arrays["word_vectors"].shape if arrays["word_vectors"].ndim == 2 else (0, 0)
    width = learned + fixed
    chapters, headings, subheadings = (len(names) for names in CODES.names)
    shapes = {
        "grams": (buckets, learned), "gram_scale": (learned,), "vague_grams": (buckets,),
        "word_keys": (words,), "word_vectors": (words, fixed), "word_scale": (fixed,),
        "word_languages": (words,), "word_names": (words,),
        "chapters": (chapters, width + 1), "headings": (headings, width + 1), "subheadings": (subheadings, width + 1),
        "chapter_prior": (chapters,), "heading_prior": (headings,), "subheading_prior": (subheadings,),
        "declared": (chapters, chapters),
    }  # fmt: skip
    wrong = [name for name, shape in shapes.items() if arrays[name].shape != shape]
    # Buckets are chosen by a bit mask.
    if buckets < 1 or buckets & (buckets - 1):
        wrong.append("grams")
    sizes = {"doubt": len(Statistic), "vague": len(Statistic) + width}
    return [*dict.fromkeys(wrong), *(name for name, size in sizes.items() if len(getattr(settings, name)) != size)]


@cache
def goods_model() -> GoodsModel:
    """Return the bundled model."""
    return read(DATA)


__all__ = ["STATISTICS", "Reading", "agreement", "logistic", "read_texts", "shares", "statistics"]

#: Number of statistics of a text.
STATISTICS: Final = len(Statistic)
#: Constants, because ``len`` of an enum counts its members on every call.
_FIT: Final = len(Fit)
_SHARES: Final = len(Share)
_CHAPTERS: Final = len(CODES.names[HsLevel.CHAPTER])


def read_texts(model: GoodsModel, texts: TokenisedTexts, rows: FloatArray) -> Reading:
    """Return the model's reading of texts.

    Args:
        rows: (slots, width + 2) `GoodsModel.word_rows` of the words in each slot.
    """
    reading = Reading(len(texts.folded), model.width, _CHAPTERS)
    fill_reading(texts, rows, model.weights, model.coefficients, model.settings.vague_flagged, reading)
    return reading


def shares(reading: Reading, model: GoodsModel) -> FloatArray:
    """Return the evidence of texts about chapters, shape (len(Share), n). `Share` names the rows."""
    out = np.empty((_SHARES, len(reading.doubt)))
    fill_shares(reading, model.weights, model.chemical, model.chemical_prior, out)
    return out


def statistics(chapters: Floats, known: FloatArray, counts: NDArray[np.int32]) -> FloatArray:
    """Return the statistics of texts, shape (n, STATISTICS). `Statistic` names the columns."""
    out = np.empty((len(chapters), STATISTICS))
    fill_statistics(chapters, known, counts, out)
    return out


def logistic(values: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0))), dtype=np.float64)


def agreement(model: GoodsModel, reading: Reading, text_of: NDArray[np.int32], codes: NDArray[np.int32]) -> FloatArray:
    """Return log-likelihood ratios of codes given texts, shape (m, 2). `Fit` names the columns.

    Args:
        text_of: (m,) index of each code's text; negative without a text.
        codes: (m, 2) numbers of chapter and heading; negative if unknown.
    """
    out = np.empty((len(text_of), _FIT))
    fill_fit(reading, text_of, codes, model.weights, out)
    return out
