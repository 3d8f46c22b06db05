"""Compiled loop that ranks codes: the likeliest chapters, headings and subheadings of texts, with their probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cython
import numpy as np
from numpy.typing import NDArray

if not cython.compiled:
    from math import exp

if TYPE_CHECKING:
    from features.goods.model import GoodsModel

Floats = NDArray[np.float32]
FloatArray = NDArray[np.float64]
Ids = NDArray[np.int32]

#: Number of codes of each level in an answer.
RANKS = 3
_RANKS = cython.declare(cython.Py_ssize_t, RANKS)


def fill_likeliest(
    vectors: Floats, chapters: Floats, doubt: FloatArray, model: GoodsModel, ids: Ids, shares: FloatArray
) -> None:
    """Write the likeliest codes of texts.

    The words of a text give the probability of the chapter, of the heading within the chapter and of the subheading within the
    heading. Each level has a doubt, the probability that the words say nothing about it; the codes then have the probabilities of
    goods in general. Only subheadings of the likeliest headings are ranked.

    Args:
        vectors, chapters, doubt: (n, width), (n, chapters) and (n,), attributes of a `Reading`.
        ids: (n, 3 * RANKS) output: numbers of the likeliest chapters, headings and subheadings; -1 for a missing rank.
        shares: (n, 3 * RANKS) output: their probabilities.
    """
    weights = model.weights
    chapter_prior, heading_prior, subheading_prior = (
        weights.chapter_prior,
        weights.heading_prior,
        model.subheading_prior,
    )
    headings, subheadings = weights.headings, model.subheadings
    heading_ends, subheading_ends = weights.heading_ends, model.subheading_ends
    heading_scale, heading_trust = weights.heading_scale, 1.0 - weights.heading_doubt
    subheading_scale, subheading_trust = model.settings.subheading_scale, 1.0 - model.settings.subheading_doubt
    count = chapters.shape[1]
    buffer = np.empty(256, dtype=np.float64)
    scores = buffer
    chapter_buffer = np.empty(count, dtype=np.float64)
    remaining = chapter_buffer
    part_buffer = np.zeros(3 * RANKS, dtype=np.float64)
    parts = part_buffer
    for row in range(ids.shape[0]):
        for place in range(3 * _RANKS):
            ids[row, place] = -1
            shares[row, place] = 0.0
        trust = 1.0 - doubt[row]
        for code in range(count):
            remaining[code] = trust * chapters[row, code] + doubt[row] * chapter_prior[code]
        for rank in range(count):
            chapter = 0
            for code in range(1, count):
                if remaining[code] > remaining[chapter]:
                    chapter = code
            share = remaining[chapter]
            if rank < _RANKS:
                ids[row, rank], shares[row, rank] = chapter, share
            elif share <= shares[row, 2 * _RANKS - 1]:
                # No heading of this chapter, or of one less likely, can be among the likeliest headings.
                break
            remaining[chapter] = -1.0
            first, end = heading_ends[chapter - 1] if chapter > 0 else 0, heading_ends[chapter]
            fill_shares(vectors, row, headings, first, end, heading_scale, scores)
            certain = trust * chapters[row, chapter] * heading_trust
            for code in range(first, end):
                part = certain * scores[code - first]
                enter(ids, shares, parts, row, 1, code, part + (share - certain) * heading_prior[code], part)
        for rank in range(_RANKS, 2 * _RANKS):
            heading = ids[row, rank]
            if heading < 0:
                break
            certain = parts[rank] * subheading_trust
            share = shares[row, rank]
            first, end = subheading_ends[heading - 1] if heading > 0 else 0, subheading_ends[heading]
            fill_shares(vectors, row, subheadings, first, end, subheading_scale, scores)
            for code in range(first, end):
                part = certain * scores[code - first]
                enter(ids, shares, parts, row, 2, code, part + (share - certain) * subheading_prior[code], part)


def fill_shares(vectors: Floats, row: int, matrix: Floats, first: int, end: int, scale: float, out: FloatArray) -> None:
    """Write the probability that the words of a text give to each code from ``first`` to ``end``. The sum is 1."""
    width = vectors.shape[1]
    most = -1e30
    for code in range(first, end):
        score = matrix[code, width]
        # Four sums at once, so that the processor does not wait for each addition.
        a = b = c = d = 0.0
        for k in range(0, width - 3, 4):
            a += matrix[code, k] * vectors[row, k]
            b += matrix[code, k + 1] * vectors[row, k + 1]
            c += matrix[code, k + 2] * vectors[row, k + 2]
            d += matrix[code, k + 3] * vectors[row, k + 3]
        for k in range(width - width % 4, width):
            score += matrix[code, k] * vectors[row, k]
        score = (score + (a + b + (c + d))) * scale
        out[code - first] = score
        if score > most:
            most = score
    total = 0.0
    for code in range(first, end):
        out[code - first] = exp(out[code - first] - most)
        total += out[code - first]
    for code in range(first, end):
        out[code - first] /= total


def enter(
    ids: Ids, shares: FloatArray, parts: FloatArray, row: int, level: int, code: int, share: float, part: float
) -> None:
    """Enter a code of a level into a text's likeliest codes, if it is one of them. The first of equally likely codes stays.

    Args:
        parts: (3 * RANKS,) the part of each share that comes from the words. ``part`` is that of this code.
    """
    place = (level + 1) * _RANKS - 1
    if share <= shares[row, place]:
        return
    first = level * _RANKS
    while place > first and share > shares[row, place - 1]:
        ids[row, place], shares[row, place], parts[place] = (
            ids[row, place - 1],
            shares[row, place - 1],
            parts[place - 1],
        )
        place -= 1
    ids[row, place], shares[row, place], parts[place] = code, share, part
