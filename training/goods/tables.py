"""Sources of goods words, and their conversion to training arrays."""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CODES
from features.goods.ngrams import gram_ids
from features.texts.folding import words
from training.goods.descent import Examples

WORDS: Final = Path(__file__).parent / "words"
#: Source of the UK texts: descriptions of parcels and index terms of the tariff with codes, and texts that the authority rejects as
#: vague.
UK: Final = "uk_goods_words"
#: A source with more rows than this has a smaller weight per row, so that it does not dominate the others.
_FULL_WEIGHT_ROWS: Final = 8000


@dataclass(frozen=True, slots=True)
class Row:
    """Words of one text.

    Attributes:
        source: name of the table; for UK texts, followed by ``/`` and their kind.
        code: HS code of 2, 4 or 6 digits; "" for a vague text.
        text: the text itself if the source may be copied; otherwise empty.
        weight: number of texts that the row represents.
    """

    source: str
    language: str
    code: str
    words: tuple[str, ...]
    text: str = ""
    weight: float = 1.0


def source_facts() -> dict[str, dict[str, str]]:
    """Return the kind, publisher, licence, date and place of origin of each source (``sources.toml``)."""
    return tomllib.loads((WORDS / "sources.toml").read_text(encoding="utf-8"))


def kinds_of_sources() -> dict[str, list[str]]:
    """Return the names of the sources of each kind, sorted by kind."""
    facts = source_facts()
    kinds = sorted({fact["kind"] for fact in facts.values()})
    return {kind: [name for name, fact in facts.items() if fact["kind"] == kind] for kind in kinds}


def read_rows() -> list[Row]:
    """Return the rows of all sources, in a fixed order.

    Raises:
        OSError, ValueError: a table is missing or damaged.
    """
    rows = []
    for path in sorted(WORDS.glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows += [
                Row(name, r["language"], r["hs_code"], tuple(r["words"].split()), weight=float(r["weight"] or 1.0))
                for r in csv.DictReader(lines)
            ]
    with (WORDS / f"{UK}.csv").open(encoding="utf-8", newline="") as lines:
        for r in csv.DictReader(lines):
            text = r["description"]
            rows.append(Row(f"{UK}/{r['kind']}", "en", r["commodity_code"][:6], words(text), text))
    return rows


def is_of(row: Row, source: str) -> bool:
    """Return whether a row belongs to ``source``, to one of its parts, or to a group of sources whose names begin with it."""
    return row.source == source or row.source.startswith((f"{source}/", f"{source}_"))


class Corpus:
    """Rows as arrays for gradient descent (`training.goods.descent`).

    Attributes:
        rows: the n rows that have words.
        source: (n,) source of each row.
        vocabulary: word -> its number.
        labels: (n, 3) numbers of chapter, heading and subheading; -1 where unknown.
    """

    def __init__(self, rows: Iterable[Row], buckets: int) -> None:
        self.rows = [row for row in rows if row.words]
        self.source: NDArray[np.str_] = np.array([row.source for row in self.rows])
        self.vocabulary: dict[str, int] = {}
        for row in self.rows:
            for word in row.words:
                self.vocabulary.setdefault(word, len(self.vocabulary))
        numbers = [[self.vocabulary[word] for word in row.words] for row in self.rows]
        self.word_ends = np.cumsum([len(row) for row in numbers]).astype(np.int32)
        self.words = np.array([number for row in numbers for number in row], dtype=np.int32)
        grams = [gram_ids(word, buckets) for word in self.vocabulary]
        self.gram_ends = np.cumsum([len(ids) for ids in grams]).astype(np.int32)
        self.grams = np.concatenate(grams)
        self.labels = np.array([CODES.numbers(row.code) for row in self.rows], dtype=np.int32).reshape(-1, 3)

    @cached_property
    def word_starts(self) -> NDArray[np.int32]:
        """(n,) start of each text's words."""
        return np.concatenate([[0], self.word_ends[:-1]]).astype(np.int32)

    @cached_property
    def weight(self) -> NDArray[np.float32]:
        """(n,) weight of each row."""
        names, of_row, counts = np.unique(self.source, return_inverse=True, return_counts=True)
        by_source = np.sqrt(np.minimum(1.0, _FULL_WEIGHT_ROWS / counts))
        by_source[[name.startswith(UK) for name in names]] = 2.0
        return (by_source[of_row] * [row.weight for row in self.rows]).astype(np.float32)

    @cached_property
    def examples(self) -> Examples:
        """All rows as training examples."""
        return Examples(self.word_ends, self.words, self.gram_ends, self.grams, self.labels, self.weight)

    def counts(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of texts among ``rows`` with each word."""
        used = np.zeros(len(self.rows), dtype=bool)
        used[rows] = True
        sizes = self.word_ends - self.word_starts
        return np.bincount(self.words[np.repeat(used, sizes)], minlength=len(self.vocabulary))
