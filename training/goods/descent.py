"""Stochastic gradient descent of the goods classifier, one example at a time.

A text is the sum of its words' vectors over the square root of their number. A word's vector has a learned part, the mean of
the vectors of its n-grams, and a fixed part, distilled from a sentence encoder. Three softmaxes share the text's vector: the
chapter among all chapters, the heading among those of the chapter, the subheading among those of the heading. Steps are those of
AdaGrad (Duchi, Hazan and Singer 2011) with one scale per row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

if not cython.compiled:
    from math import exp, log

#: Constants of a linear congruential generator (Knuth, MMIX). Draws use the upper bits of its state.
_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407
_MASK = 0xFFFFFFFFFFFFFFFF

#: Maximum number of words of a text, and of n-grams of these words, in one step.
_MOST_WORDS = 64
_MOST_GRAMS = 8192

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with their codes.

    Attributes:
        word_ends, words: ``words`` contains the numbers of the words of all texts; ``word_ends`` (n,) is the end of each text in
            it.
        gram_ends, grams: ``grams`` contains the buckets of the n-grams of all words; ``gram_ends`` (w,) is the end of each word in
            it.
        labels: (n, 3) numbers of chapter, heading and subheading among all codes of the level; -1 where unknown.
        weight: (n,) weight of each text.
    """

    word_ends: Ids
    words: Ids
    gram_ends: Ids
    grams: Ids
    labels: Ids
    weight: Floats


@dataclass(frozen=True, slots=True)
class Tree:
    """The codes of a level among those of the level above.

    Attributes:
        ends: (parents,) end of each parent's children, which are adjacent.
        parent: (children,) parent of each child.
    """

    ends: Ids
    parent: Ids


@dataclass(frozen=True, slots=True)
class Weights:
    """Learned weights, with the sums of squared gradients of AdaGrad per row.

    Attributes:
        grams: (buckets, d) vectors of n-grams.
        fixed: (w, f) fixed vectors of words, which are not learned.
        codes: per level (codes, d + f + 1); the last column is the bias.
    """

    grams: Floats
    fixed: Floats
    codes: tuple[Floats, Floats, Floats]
    gram_squares: Floats
    code_squares: tuple[Floats, Floats, Floats]


@dataclass(frozen=True, slots=True)
class Rates:
    """Settings of a pass.

    Attributes:
        step: AdaGrad's step.
        level: weight of each level's loss.
        drop_word, drop_grams: probability that a word is left out, and that its learned part is left out.
        longest: mean number of words drawn from a text with more words.
    """

    step: float
    level: tuple[float, float, float]
    drop_word: float
    drop_grams: float
    longest: float


def descend(
    examples: Examples, order: Ids, trees: tuple[Tree, Tree, Tree], weights: Weights, rates: Rates, seed: int
) -> Any:
    """Take one step per example of ``order`` and return the mean loss of the chapters."""
    learned, fixed = weights.grams.shape[1], weights.fixed.shape[1]
    width = learned + fixed
    buffer, scores = np.zeros(2 * width + 2, dtype=np.float32), np.zeros(4096, dtype=np.float32)
    chosen, siblings = np.zeros(_MOST_WORDS, dtype=np.int32), np.zeros(2, dtype=np.int32)
    rows, factors = np.zeros(_MOST_GRAMS, dtype=np.int32), np.zeros(_MOST_GRAMS, dtype=np.float32)
    state = np.array([(seed * _MULTIPLIER + _INCREMENT) & _MASK], dtype=np.uint64)
    total = mass = 0.0
    word_ends, words, labels, weight = examples.word_ends, examples.words, examples.labels, examples.weight
    table, squares, vectors, step = weights.grams, weights.gram_squares, weights.fixed, rates.step
    for at in range(order.shape[0]):
        example = order[at]
        first = word_ends[example - 1] if example > 0 else 0
        count = _draw(words[first : word_ends[example]], rates, state, chosen)
        if count == 0:
            continue
        share = 1.0 / count**0.5
        for k in range(2 * width + 2):
            buffer[k] = 0.0
        size = _place(examples, chosen[:count], share, rows, factors)
        for j in range(size):
            for k in range(learned):
                buffer[k] += factors[j] * table[rows[j], k]
        for j in range(count):
            word = chosen[j] if chosen[j] >= 0 else -1 - chosen[j]
            for k in range(fixed):
                buffer[learned + k] += share * vectors[word, k]
        buffer[width] = 1.0
        for level in range(3):
            label = labels[example, level]
            if label < 0:
                break
            tree = trees[level]
            above = tree.parent[label]
            siblings[0] = tree.ends[above]
            siblings[1] = siblings[0] - (tree.ends[above - 1] if above > 0 else 0)
            of_level = weight[example] * rates.level[level]
            loss = _level_step(
                buffer, scores, label, siblings, weights.codes[level], weights.code_squares[level], step, of_level
            )
            if level == 0:
                total += loss * weight[example]
                mass += weight[example]
        # In the buffer, the gradient of the text's vector follows the vector and the 1.
        norm = 0.0
        for k in range(learned):
            norm += buffer[width + 1 + k] * buffer[width + 1 + k] / learned
        for j in range(size):
            row = rows[j]
            squares[row] += norm * factors[j] * factors[j]
            rate = step * factors[j] / (squares[row] + 1e-8) ** 0.5
            for k in range(learned):
                table[row, k] -= rate * buffer[width + 1 + k]
    return total / mass if mass > 0.0 else 0.0


def _draw(words: Any, rates: Rates, state: Any, chosen: Any) -> Any:
    """Draw words of a text into ``chosen`` and return their number. A word without its learned part is written as -1 - word.

    Only few words of a long text are drawn, because manifests truncate texts.
    """
    size = words.shape[0]
    count = 0
    drop, drop_grams = rates.drop_word, rates.drop_grams
    if size > 0 and 1.0 - rates.longest / size > drop:
        drop = 1.0 - rates.longest / size
    for place in range(size):
        state[0] = (state[0] * _MULTIPLIER + _INCREMENT) & _MASK
        draw = (state[0] >> 33) / 2147483648.0
        if (draw < drop and size > 1) or count == chosen.shape[0]:
            continue
        state[0] = (state[0] * _MULTIPLIER + _INCREMENT) & _MASK
        draw = (state[0] >> 33) / 2147483648.0
        chosen[count] = -1 - words[place] if draw < drop_grams else words[place]
        count += 1
    return count


def _place(examples: Examples, chosen: Any, share: Any, rows: Any, factors: Any) -> Any:
    """Write the n-grams of the chosen words and their factors in the text's vector. Return their number."""
    ends, grams = examples.gram_ends, examples.grams
    size = 0
    for j in range(chosen.shape[0]):
        word = chosen[j]
        if word < 0:
            continue
        start = ends[word - 1] if word > 0 else 0
        for g in range(start, ends[word]):
            if size < rows.shape[0]:
                rows[size] = grams[g]
                factors[size] = share / (ends[word] - start)
                size += 1
    return size


def _level_step(
    buffer: Any, scores: Any, label: Any, siblings: Any, codes: Any, squares: Any, step: Any, weight: Any
) -> Any:
    """Update one softmax, add its gradient with respect to the text's vector to ``buffer``, and return the loss.

    Args:
        buffer: the text's vector, 1, and the gradient.
        scores: working memory.
        siblings: end and number of the codes with the label's parent.
        codes, squares: weights of the level.
    """
    size = siblings[1]
    first = siblings[0] - size
    width = codes.shape[1] - 1
    most = -1e30
    for i in range(size):
        score = 0.0
        for k in range(width + 1):
            score += codes[first + i, k] * buffer[k]
        scores[i] = score
        if score > most:
            most = score
    sum_ = 0.0
    for i in range(size):
        scores[i] = exp(scores[i] - most)
        sum_ += scores[i]
    loss = log(sum_) - log(scores[label - first])
    norm = 0.0
    for k in range(width + 1):
        norm += buffer[k] * buffer[k]
    norm /= width + 1
    for i in range(size):
        residual = weight * (scores[i] / sum_ - (1.0 if first + i == label else 0.0))
        if -1e-5 < residual < 1e-5:
            continue
        row = first + i
        for k in range(width):
            buffer[width + 1 + k] += residual * codes[row, k]
        squares[row] += residual * residual * norm
        rate = step * residual / (squares[row] + 1e-8) ** 0.5
        for k in range(width + 1):
            codes[row, k] -= rate * buffer[k]
    return loss
