"""Words that name goods, as against brands and words without content.

A text without such a word neither supports nor contradicts a code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CODES, HsLevel
from training.goods.tables import UK, is_of, kinds_of_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.goods.tables import Corpus, Row

#: Kinds of sources whose texts contain brands. Words that occur in no other source may be brands.
_WITH_BRANDS: Final = ("shops", "parcels", "rulings")
#: Tables whose rows are brands.
BRANDS: Final = ("brands", "own_brands")
#: A brand that at least so many texts of other sources contain is also an ordinary word, such as "mango".
_ORDINARY: Final = 10
#: Minimum information of a word that is a vague text by itself. Customs reject "shoes" too, but this word names a chapter.
_LEAST_OF_VAGUE: Final = 3.0
#: Minimum number of texts with a word of a short vague text, and number of words of a short text. A few texts may have such a word
#: from their headline alone, such as "effets personnels".
_TEXTS_OF_VAGUE: Final = 20
_SHORT: Final = 2
#: Minimum information of a word about the chapter in nats. Articles, prepositions and conjunctions have .05 to .6.
_LEAST_INFORMATION: Final = 0.6


def naming_words(corpus: Corpus, rows: NDArray[np.int64], vague: Iterable[Row]) -> NDArray[np.uint8]:
    """Return 1 for each word of the vocabulary that names goods (words,).

    Args:
        rows: the training rows.
        vague: vague texts. A word of a short one must stand in several texts, and a word that is a vague text by itself must also
            say much about the chapter.
    """
    of_brands = np.isin(corpus.source, BRANDS)
    plain = rows[~np.isin(corpus.source[rows], _sources_with_brands())]
    sizes = corpus.word_ends - corpus.word_starts
    counts = corpus.counts(plain)
    names = counts > 0
    brands = rows[of_brands[rows] & (sizes[rows] == 1)]
    is_brand = np.zeros(len(corpus.vocabulary), dtype=bool)
    is_brand[corpus.words[corpus.word_starts[brands]]] = True
    names &= ~is_brand | (counts >= _ORDINARY)
    information = _information(corpus, plain)
    names &= information >= _LEAST_INFORMATION
    for row in vague:
        if len(row.words) > _SHORT or is_of(row, UK):
            continue
        for word in row.words:
            if (number := corpus.vocabulary.get(word)) is not None:
                names[number] &= counts[number] >= _TEXTS_OF_VAGUE
                names[number] &= len(row.words) > 1 or information[number] >= _LEAST_OF_VAGUE
    return names.astype(np.uint8)


def _sources_with_brands() -> list[str]:
    kinds = kinds_of_sources()
    return [*BRANDS, f"{UK}/parcel", *(name for kind in _WITH_BRANDS for name in kinds.get(kind, []))]


def _information(corpus: Corpus, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the information of each word about the chapter (words,).

    It is the divergence of the chapters of the word's texts from those of all texts. A fifth of a text
    with the chapters of all texts is added to the texts of each word.
    """
    size = len(CODES.names[HsLevel.CHAPTER])
    sizes = corpus.word_ends - corpus.word_starts
    used = np.zeros(len(corpus.rows), dtype=bool)
    used[rows] = corpus.labels[rows, HsLevel.CHAPTER] >= 0
    words = corpus.words[np.repeat(used, sizes)].astype(np.int64)
    labels = np.repeat(corpus.labels[used, HsLevel.CHAPTER], sizes[used])
    counts = np.bincount(words * size + labels, minlength=len(corpus.vocabulary) * size).reshape(-1, size)
    share = np.maximum(counts.sum(axis=0) / max(int(counts.sum()), 1), 1e-9)
    of_word = (counts + 0.2 * share) / (counts.sum(axis=1, keepdims=True) + 0.2)
    return np.asarray((of_word * np.log(of_word / share)).sum(axis=1), dtype=np.float64)
