"""Calibrate a goods model on texts of sources that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from features.goods.amounts import without_amounts
from features.goods.codes import CODES, HsLevel
from features.goods.model import STATISTICS, GoodsModel, Settings, agreement, logistic, read_texts, statistics
from features.goods.ngrams import gram_ids
from features.goods.scores import Floats, Known, Statistic, fill_chapters, fill_vectors
from features.texts.cache import TextIndex
from features.texts.folding import folded, words
from features.texts.words import Count, TokenisedTexts

if TYPE_CHECKING:
    from training.goods.fitting import Arrays

FloatArray = NDArray[np.float64]

#: Share of correct codes that are flagged as contradictory, and of acceptable texts that are flagged as vague, in the calibration.
#: Up to 3 % of the correct codes of other kinds of texts are tolerable, so the first share leaves a margin: parcels have twice the
#: mean share of the samples.
CORRECT_FLAGGED: Final = 0.015
ACCEPTABLE_FLAGGED: Final = 0.045
#: Share of correct codes at which `_declared` counts the flagged codes of other texts.
_COMPARED_AT: Final = 0.02
#: Least gain in flagged codes of other texts for which a larger share in `_declared` is chosen.
_MATERIAL: Final = 0.005
#: Shares that are tried: of goods declared under other chapters (`_declared`), and of doubt about a level (`_fit_level`).
_SHARES: Final = np.array([0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4])


@dataclass(frozen=True, slots=True)
class Sample:
    """Texts that a model has not seen.

    Attributes:
        arrays: the model's arrays.
        texts: (n,) the texts.
        labels: (n, 3) numbers of their codes, -1 where unknown; all -1 for a vague text.
        weight: (n,) weights, which add up to 1.
    """

    arrays: Arrays
    texts: list[str]
    labels: NDArray[np.int32]
    weight: FloatArray


@dataclass(frozen=True, slots=True)
class Raw:
    """Reading of a sample by a model without calibration."""

    vectors: Floats
    known: FloatArray
    counts: NDArray[np.int32]


def tokenised(model: GoodsModel, texts: list[str]) -> tuple[TokenisedTexts, FloatArray]:
    """Return texts with their words, and the vectors of the words by slot."""
    index = TextIndex(len(texts) * 64)
    tokens = TokenisedTexts(without_amounts(texts), folded, index)
    rows = np.zeros((tokens.slots.room, model.width + 2))
    new = tokens.slots.new
    rows[np.asarray(tokens.slots.slots)[new]] = model.word_rows([tokens.pieces[at] for at in new])
    return tokens, rows


def _raw(model: GoodsModel, texts: list[str]) -> Raw:
    tokens, rows = tokenised(model, texts)
    vectors = np.empty((len(texts), model.width), dtype=np.float32)
    known = np.empty((len(texts), len(Known)))
    fill_vectors(tokens, rows, vectors, known)
    return Raw(vectors, known, np.asarray(tokens.counts).reshape(len(texts), len(Count)))


def _chapters(model: GoodsModel, vectors: Floats, scale: float) -> Floats:
    out = np.empty((len(vectors), len(CODES.names[HsLevel.CHAPTER])), dtype=np.float32)
    fill_chapters(vectors, model.weights.with_chapter_scale(scale), out)
    return out


def calibrate(samples: list[Sample], settings: Settings) -> tuple[Settings, NDArray[np.float16]]:
    """Return the settings that fit the samples, all with the same weight, and the matrix of `_declared`."""
    models = [GoodsModel(sample.arrays, settings, "") for sample in samples]
    raws = [_raw(model, sample.texts) for model, sample in zip(models, samples, strict=True)]
    settings = _fit_chapters(models, raws, samples, settings)
    declared = _declared(models, raws, samples, settings)
    scale, doubt = _fit_level(HsLevel.HEADING, models, raws, samples)
    settings = replace(settings, heading_scale=scale, heading_doubt=doubt)
    scale, doubt = _fit_level(HsLevel.SUBHEADING, models, raws, samples)
    return replace(settings, subheading_scale=scale, subheading_doubt=doubt), declared


def _fit_chapters(models: list[GoodsModel], raws: list[Raw], samples: list[Sample], settings: Settings) -> Settings:
    """Fit the scale of the chapters' log-odds and the coefficients of doubt by maximum likelihood."""
    best: tuple[float, float, FloatArray] = (np.inf, 1.0, np.zeros(STATISTICS))
    for scale in np.arange(0.4, 1.41, 0.1):
        of_label, prior, measures, weight = [], [], [], []
        for model, raw, sample in zip(models, raws, samples, strict=True):
            used = (sample.labels[:, HsLevel.CHAPTER] >= 0) & (raw.known[:, Known.WORDS] > 0)
            chapters = _chapters(model, raw.vectors, float(scale))
            labels = sample.labels[used, HsLevel.CHAPTER]
            of_label.append(chapters[np.flatnonzero(used), labels])
            prior.append(model.weights.chapter_prior[labels])
            measures.append(statistics(chapters, raw.known, raw.counts)[used])
            weight.append(sample.weight[used])
        loss, theta = _fit_doubt(
            np.concatenate(of_label), np.concatenate(prior), np.concatenate(measures), np.concatenate(weight)
        )
        if loss < best[0]:
            best = loss, float(scale), theta
    return replace(settings, chapter_scale=round(best[1], 2), doubt=tuple(np.round(best[2], 4).tolist()))


def _fit_doubt(of_label: Floats, prior: Floats, measures: FloatArray, weight: FloatArray) -> tuple[float, FloatArray]:
    """Return the lowest loss, and the coefficients of doubt that give it."""

    # Doubt is fitted before the vagueness of letters, so this statistic must have no effect.
    measures = np.where(np.arange(measures.shape[1]) == Statistic.LETTERS_VAGUE, 0.0, measures)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        doubt = logistic(measures @ theta)
        likelihood = (1.0 - doubt) * of_label + doubt * prior
        slope = weight * (prior - of_label) / likelihood * doubt * (1.0 - doubt)
        penalty = 1e-4 * np.square(theta[1:]).sum()
        gradient = -(measures.T @ slope)
        gradient[1:] += 2e-4 * theta[1:]
        return float(-(weight * np.log(likelihood)).sum() + penalty), gradient

    start = np.zeros(measures.shape[1])
    start[0] = -2.0
    result = minimize(loss, start, jac=True, method="L-BFGS-B")
    return float(result.fun), np.asarray(result.x)


def _declared(
    models: list[GoodsModel], raws: list[Raw], samples: list[Sample], settings: Settings
) -> NDArray[np.float16]:
    """Return the share of goods of each chapter that are declared under each chapter, (chapters, chapters).

    Shares of other chapters are estimated from codes of the sources that disagree with the words.
    """
    size = len(CODES.names[HsLevel.CHAPTER])
    counts = np.zeros((size, size))
    for model, raw, sample in zip(models, raws, samples, strict=True):
        used = (sample.labels[:, HsLevel.CHAPTER] >= 0) & (raw.known[:, Known.WORDS] > 0)
        chapters = _chapters(model, raw.vectors, settings.chapter_scale)
        doubt = logistic(statistics(chapters, raw.known, raw.counts) @ np.array(settings.doubt))
        weight = (sample.weight * (1.0 - doubt))[used]
        labels = sample.labels[used, HsLevel.CHAPTER]
        for label in np.unique(labels):
            of_label = labels == label
            counts[:, label] += weight[of_label] @ chapters[used][of_label]
    prior = models[0].weights.chapter_prior
    np.fill_diagonal(counts, 0.0)
    neighbours = counts + 0.2 * counts.sum() / size * prior[None, :]
    np.fill_diagonal(neighbours, 0.0)
    neighbours /= neighbours.sum(axis=1, keepdims=True)
    # Choose the share of other chapters at which most codes of other texts are flagged. Maximum likelihood would choose 0.2 or
    # more, which also excuses wrong codes: of left-out index terms, 62 % of the codes of another chapter would be flagged, instead
    # of 71 % with a share of 0.
    best: tuple[float, float] = (-1.0, 0.0)
    for share in _SHARES:
        matrix = (1.0 - share) * np.eye(size) + share * neighbours
        flagged = [
            _flagged_codes(_ratios(model, raw, settings, matrix), sample)
            for model, raw, sample in zip(models, raws, samples, strict=True)
        ]
        if float(np.mean(flagged)) > best[0] + _MATERIAL:
            best = float(np.mean(flagged)), float(share)
    return np.asarray((1.0 - best[1]) * np.eye(size) + best[1] * neighbours, dtype=np.float16)


def _ratios(model: GoodsModel, raw: Raw, settings: Settings, declared: FloatArray) -> FloatArray:
    """Return the log-likelihood ratio of each chapter for each text of a sample, (n, chapters)."""
    chapters = _chapters(model, raw.vectors, settings.chapter_scale)
    doubt = logistic(statistics(chapters, raw.known, raw.counts) @ np.array(settings.doubt))[:, None]
    doubt[raw.known[:, Known.WORDS] == 0] = 1.0
    shares = np.maximum(chapters @ declared, 0.0) / model.weights.chapter_prior
    return np.asarray(np.log((1.0 - doubt) * shares + doubt), dtype=np.float64)


def _flagged_codes(ratios: FloatArray, sample: Sample) -> float:
    """Return the share of chapters of random other texts that are flagged when `_COMPARED_AT` of the right ones are flagged."""
    at = np.flatnonzero(sample.labels[:, HsLevel.CHAPTER] >= 0)
    labels, weight = sample.labels[at, HsLevel.CHAPTER], sample.weight[at]
    threshold = _quantile(ratios[at, labels], weight, _COMPARED_AT)
    others = np.random.default_rng(0).permutation(labels)
    differ = others != labels
    if not differ.any():
        return 0.0
    return float(np.average(ratios[at, others][differ] < threshold, weights=weight[differ]))


def _fit_level(level: HsLevel, models: list[GoodsModel], raws: list[Raw], samples: list[Sample]) -> tuple[float, float]:
    """Return the scale of a level's log-odds and the doubt about it, given the level above."""
    scores: list[FloatArray] = []
    prior: list[Floats] = []
    weight: list[FloatArray] = []
    sizes: list[int] = []
    for model, raw, sample in zip(models, raws, samples, strict=True):
        weights, given = (
            (model.weights.headings, model.weights.heading_prior)
            if level is HsLevel.HEADING
            else (model.subheadings, model.subheading_prior)
        )
        ends, parent = CODES.ends[level], CODES.parents[level]
        for row in np.flatnonzero((sample.labels[:, level] >= 0) & (raw.known[:, Known.WORDS] > 0)).tolist():
            label = int(sample.labels[row, level])
            above = int(parent[label])
            first, end = int(ends[above - 1]) if above else 0, int(ends[above])
            if end - first < 2:
                continue
            values = weights[first:end, :-1] @ raw.vectors[row] + weights[first:end, -1]
            # The label's score comes first.
            values[[0, label - first]] = values[[label - first, 0]]
            scores.append(values)
            prior.append(given[label])
            weight.append(sample.weight[row])
            sizes.append(end - first)
    flat, starts = np.concatenate(scores), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    given_prior, weights_ = np.array(prior), np.array(weight)
    best: tuple[float, float, float] = (np.inf, 1.0, 0.0)
    for scale in np.arange(0.3, 1.41, 0.1):
        scaled = np.exp(scale * (flat - np.repeat(np.maximum.reduceat(flat, starts), sizes)))
        of_label = scaled[starts] / np.add.reduceat(scaled, starts)
        for share in _SHARES:
            loss = -float((weights_ * np.log((1.0 - share) * of_label + share * given_prior)).sum())
            if loss < best[0]:
                best = loss, float(scale), float(share)
    return round(best[1], 2), best[2]


def fit_vagueness(samples: list[Sample], vague: list[list[str]], settings: Settings) -> tuple[Settings, Floats]:
    """Fit the vagueness of texts by logistic regression.

    The first regression is on the n-grams of the words, cross-validated. The second is on its result, the other statistics of the
    text and the fixed part of its vector.

    Args:
        samples: acceptable texts.
        vague: vague texts for the model of each sample.

    Returns:
        The settings, and the weights (buckets,) of the n-grams.
    """
    inputs: list[FloatArray] = []
    labels: list[NDArray[np.bool_]] = []
    weights: list[FloatArray] = []
    texts: list[str] = []
    acceptable: list[tuple[int, int]] = []
    for sample, of_sample in zip(samples, vague, strict=True):
        model = GoodsModel(sample.arrays, settings, "")
        for group, is_vague in ((sample.texts, False), (of_sample, True)):
            if group:
                if not is_vague:
                    acceptable.append((len(texts), len(texts) + len(group)))
                inputs.append(vague_inputs(model, group))
                labels.append(np.full(len(group), is_vague))
                weights.append(np.full(len(group), 1.0 / len(group)) if is_vague else sample.weight)
                texts += group
    x, y, w = np.concatenate(inputs), np.concatenate(labels), np.concatenate(weights)
    w *= len(w) / w.sum()
    buckets = len(samples[0].arrays["grams"])
    grams = _gram_matrix(texts, buckets)
    of_grams = LogisticRegression(C=3.0, max_iter=2000)
    # Keep texts with the same first word in one fold, because the entries of a list often share it.
    groups = np.unique([text.split(" ")[0].casefold() for text in texts], return_inverse=True)[1]
    x[:, Statistic.LETTERS_VAGUE] = cross_val_predict(
        of_grams, grams, y, groups=groups, cv=GroupKFold(5), params={"sample_weight": w}, method="decision_function"
    )
    vague_grams = of_grams.fit(grams, y, sample_weight=w).coef_[0].astype(np.float16).astype(np.float32)
    x[:, Statistic.LETTERS_VAGUE] -= of_grams.intercept_[0]
    scale = x.std(axis=0)
    # The first statistic is constant.
    scale[scale < 1e-6] = 1.0
    fitted = LogisticRegression(C=0.3, max_iter=3000).fit(x / scale, y, sample_weight=w)
    coefficients = fitted.coef_[0] / scale
    coefficients[0] += fitted.intercept_[0]
    learned = GoodsModel(samples[0].arrays, settings, "").learned
    # The learned part of the vectors has no influence.
    vague_weights = np.concatenate([coefficients[:STATISTICS], np.zeros(learned), coefficients[STATISTICS:]])
    # The regression on n-grams is cross-validated, so the flagged share holds for new texts.
    vagueness = logistic(x @ coefficients)
    flagged = max(_quantile(vagueness[start:end], w[start:end], 1.0 - ACCEPTABLE_FLAGGED) for start, end in acceptable)
    settings = replace(settings, vague=tuple(np.round(vague_weights, 5).tolist()), vague_flagged=round(flagged, 4))
    return settings, vague_grams


def _gram_matrix(texts: list[str], buckets: int) -> csr_matrix:
    """Return the n-grams of texts (n, buckets), scaled as in the sums of `features.goods`."""
    values: list[FloatArray] = []
    columns: list[NDArray[np.int32]] = []
    ends = [0]
    for text in texts:
        own = words(text)
        for word in own:
            ids = gram_ids(word, buckets)
            columns.append(ids)
            values.append(np.full(len(ids), 1.0 / np.sqrt(len(ids) * len(own))))
        ends.append(ends[-1] + sum(len(ids) for ids in columns[len(columns) - len(own) :]))
    return csr_matrix((np.concatenate(values), np.concatenate(columns), ends), shape=(len(texts), buckets))


def vague_inputs(model: GoodsModel, texts: list[str]) -> FloatArray:
    """Return the inputs of vagueness, (n, STATISTICS + fixed dimensions). Before `fit_vagueness`, the vagueness of letters is 0."""
    raw = _raw(model, texts)
    chapters = _chapters(model, raw.vectors, model.settings.chapter_scale)
    return np.hstack([statistics(chapters, raw.known, raw.counts), raw.vectors[:, model.learned :].astype(np.float64)])


def set_contradicted(samples: list[Sample], settings: Settings, arrays: Arrays) -> Settings:
    """Set the threshold of contradiction at which `CORRECT_FLAGGED` of the right codes are flagged: the mean over the samples.

    Args:
        arrays: the calibrated arrays, which replace those of the samples' models.
    """
    fits = []
    for sample in samples:
        model = GoodsModel({**sample.arrays, **arrays}, settings, "")
        tokens, rows = tokenised(model, sample.texts)
        reading = read_texts(model, tokens, rows)
        labelled = np.flatnonzero(sample.labels[:, HsLevel.CHAPTER] >= 0)
        fit = agreement(
            model,
            reading,
            labelled.astype(np.int32),
            np.ascontiguousarray(sample.labels[labelled, : HsLevel.SUBHEADING]),
        )
        fits.append(_quantile(fit.sum(axis=1), sample.weight[labelled], CORRECT_FLAGGED))
    return replace(settings, contradicted=round(float(np.mean(fits)), 3))


def _quantile(values: FloatArray, weight: FloatArray, share: float) -> float:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(below.searchsorted(share)), len(values) - 1)])
