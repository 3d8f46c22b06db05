"""Simple models that try to separate simulated illicit shipments without domain knowledge, by artefacts of a record's form.

Simulators often leak the label through lengths, digits, patterns, check digits, missing values and clock times: a party generated
by another function, a text truncated elsewhere, a sequential identifier. Each artefact is a number per goods item and does not
depend on the meaning of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeClassifier

from features.manifest.fields import FIELD, MANIFEST_NAMES, Kind
from training.arrays import Bools, Floats, Ints, Texts

#: Columns whose digits and patterns are examined as identifiers.
IDENTIFIERS: Final = (
    "shipment_id", "master_id", "house_id", "consignor_postcode", "consignor_phone", "consignor_email",
    "consignor_account_opened_on", "consignee_postcode", "consignee_phone", "consignee_email", "hs_code", "cas_number",
    "cus_number", "permit_number",
)  # fmt: skip
AMOUNTS: Final = tuple(name for name in MANIFEST_NAMES if FIELD[name].kind is Kind.NUMBER)
WORDS: Final = tuple(
    name for name in MANIFEST_NAMES if FIELD[name].kind is Kind.TEXT and name not in (*IDENTIFIERS, *AMOUNTS)
)
#: Number of patterns that have a separate rank. All rarer patterns share one rank.
_PATTERNS: Final = 30
_S10: Final = np.array([8, 6, 4, 2, 3, 5, 9, 7])
_S10_FORM: Final = re.compile(r"[A-Z]{2}\d{9}[A-Z]{2}")
_WAYBILL_FORM: Final = re.compile(r"\d{3}-\d{8}")
_CAS_FORM: Final = re.compile(r"(\d{2,7})-(\d{2})-(\d)")
_DIGIT, _NO_DIGIT, _LETTER = re.compile(r"[0-9]"), re.compile(r"[^0-9]+"), re.compile(r"[^\W0-9_]")
_CAPITAL, _PLAIN = re.compile(r"[^\W\d_a-z]"), re.compile(r"[\w\s]+")
#: Up to 15 digits, which 64-bit integers and floats represent exactly.
_AT_THE_END: Final = re.compile(r"[0-9]{1,15}$")
_DIGITS: Final = str.maketrans({str(d): "9" for d in range(10)})


def _of_uniques(texts: Texts, functions: Mapping[str, Callable[[str], float]]) -> dict[str, Floats]:
    """Return the values (n,) of each function for texts (n,), computed once per distinct text."""
    codes, values = pd.factorize(texts)
    return {
        name: np.fromiter((function(text) for text in values), np.float64, len(values))[codes]
        for name, function in functions.items()
    }


def pattern(text: str) -> str:
    """Return a text with letters replaced by A and digits by 9: 'G2 7EU' gives 'A9 9AA'."""
    return _LETTER.sub("A", _DIGIT.sub("9", text))


def template(text: str) -> str:
    """Return a text in one case with its digits replaced by 9, which approximates a generator's template."""
    return text.casefold().translate(_DIGITS)


def _digits(text: str) -> str:
    return _NO_DIGIT.sub("", text)


def check_digit(text: str) -> float:
    """Return 1 for a correct check digit, 0 for a wrong one, and -1 for a text without a check digit."""
    if _S10_FORM.fullmatch(text):
        remainder = 11 - int((np.array([int(c) for c in text[2:10]]) * _S10).sum()) % 11
        return float(int(text[10]) == {10: 0, 11: 5}.get(remainder, remainder))
    if _WAYBILL_FORM.fullmatch(text):
        return float(int(text[4:11]) % 7 == int(text[11]))
    if match := _CAS_FORM.fullmatch(text):
        body = match[1] + match[2]
        return float(sum(i * int(c) for i, c in enumerate(reversed(body), 1)) % 10 == int(match[3]))
    return -1.0


def _last_digits(text: str) -> float:
    return float(_digits(text)[-6:] or -1)


def _decimals(text: str) -> float:
    return float(len(text.partition(".")[2]))


_ANY: Final[dict[str, Callable[[str], float]]] = {
    "length": lambda text: float(len(text)),
    "missing": lambda text: float(text == ""),
}
_WORD: Final[dict[str, Callable[[str], float]]] = {
    "digits": lambda text: float(len(_digits(text))),
    "letters": lambda text: float(len(_LETTER.findall(text))),
    "words": lambda text: float(len(text.split())),
    "punctuation": lambda text: float(len(_PLAIN.sub("", text))),
    "capitals": lambda text: float(len(_CAPITAL.findall(text))),
    "spaces at the ends or doubled": lambda text: float(text != " ".join(text.split())),
    "not ASCII": lambda text: float(not text.isascii()),
}
_IDENTIFIER: Final[dict[str, Callable[[str], float]]] = {
    "digits": lambda text: float(len(_digits(text))),
    "first digit": lambda text: float(_digits(text)[:1] or -1),
    "last digit": lambda text: float(_digits(text)[-1:] or -1),
    "sum of digits": lambda text: float(sum(map(int, _digits(text)))),
    "last digits by 7": lambda text: _last_digits(text) % 7,
    "last digits by 97": lambda text: _last_digits(text) % 97,
    "last digits by 256": lambda text: _last_digits(text) % 256,
    "check digit": check_digit,
}
_AMOUNT: Final[dict[str, Callable[[str], float]]] = {
    "digits": lambda text: float(len(_digits(text.partition(".")[0]).lstrip("0"))),
    "decimals": _decimals,
    "trailing zeros": lambda text: float(len(text) - len(text.rstrip("0."))),
    "last digit": lambda text: float(_digits(text)[-1:] or -1),
    "last two digits": lambda text: float(_digits(text)[-2:] or -1),
    "first digit": lambda text: float(_digits(text).lstrip("0")[:1] or -1),
}


def of_columns(office: Mapping[str, Texts], learn: Bools) -> dict[str, Floats]:
    """Return artefacts (n,) of the manifest's columns by '<column> <artefact>'.

    Patterns are ranked by their frequency in the rows of ``learn``.
    """
    by_name: dict[str, Floats] = {}
    for name in MANIFEST_NAMES:
        functions = dict(_ANY)
        if name in IDENTIFIERS:
            functions |= _IDENTIFIER
        elif name in AMOUNTS:
            functions |= _AMOUNT
        elif name in WORDS:
            functions |= _WORD
        for artefact, values in _of_uniques(office[name], functions).items():
            by_name[f"{name} {artefact}"] = values
        if name in (*IDENTIFIERS, *AMOUNTS):
            by_name[f"{name} pattern"] = _pattern_ranks(office[name], learn)
    moment = seconds(office["declared_at"])
    by_name["declared_at second of the minute"] = (moment % 60).astype(np.float64)
    by_name["declared_at minute of the hour"] = (moment // 60 % 60).astype(np.float64)
    by_name["fields missing"] = np.sum([by_name[f"{name} missing"] for name in MANIFEST_NAMES], axis=0)
    return by_name


def _pattern_ranks(texts: Texts, learn: Bools) -> Floats:
    """Return the frequency rank (n,) of each text's pattern in the rows of ``learn``, at most `_PATTERNS`."""
    codes, values = pd.factorize(texts)
    pattern_codes, _ = pd.factorize(np.array([pattern(text) for text in values], dtype=object))
    own = pattern_codes[codes]
    counts = np.bincount(own[learn], minlength=int(own.max()) + 1 if len(own) else 0)
    rank = np.empty(len(counts))
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(rank, _PATTERNS)[own]


def numbers_at_the_end(texts: Texts) -> Ints:
    """Return up to 15 digits at the end of each text as a number (n,); 0 without a digit at the end."""
    matches = (_AT_THE_END.search(text) for text in texts.tolist())
    return np.array([int(match[0]) if match else 0 for match in matches], dtype=np.int64)


def seconds(texts: Texts) -> Ints:
    """Return ISO times in UTC as seconds since 1970 (n,); 0 for blank texts and other formats."""
    codes, values = pd.factorize(texts)
    parsed = pd.to_datetime(pd.Series(values, dtype=str), format="%Y-%m-%dT%H:%M:%SZ", errors="coerce")
    stamps = parsed.to_numpy().astype("datetime64[s]")
    return np.asarray(np.where(np.isnat(stamps), 0, stamps.astype(np.int64))[codes])


FOLDS: Final = 5
_SMOOTHING: Final = 20.0
_BINS: Final = 32
_RESAMPLES: Final = 200


def auc(target: Bools, score: Floats) -> float:
    """Return the ROC-AUC, with ties counted half; NaN if a class is missing."""
    return _auc_of_ranks(target, rankdata(score))


def either_way(score: Floats, *targets: Bools) -> float:
    """Return the best ROC-AUC over the targets and both directions of the score, at least 0.5."""
    rank = rankdata(score)
    values = (_auc_of_ranks(target, rank) for target in targets)
    return max((max(value, 1 - value) for value in values if value == value), default=0.5)


def _auc_of_ranks(target: Bools, rank: Floats) -> float:
    positives = int(target.sum())
    negatives = len(target) - positives
    if not positives or not negatives:
        return float("nan")
    return float((rank[target].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def bootstrap(target: Bools, score: Floats, cluster: Ints, seed: int) -> tuple[float, float, float]:
    """Return the ROC-AUC with its 95 % interval. Positives are resampled by ``cluster`` (n,), such as their network."""
    rng = np.random.default_rng([seed, 61])
    negative = np.sort(score[~target])
    below = np.searchsorted(negative, score[target], side="left") + np.searchsorted(
        negative, score[target], side="right"
    )
    # The ROC-AUC is the mean, over positives, of the share of negatives below, so sums of shares per cluster can be resampled.
    share = below / (2 * len(negative))
    _, own = np.unique(cluster[target], return_inverse=True)
    n = int(own.max()) + 1
    total, size = np.bincount(own, share, n), np.bincount(own, minlength=n)
    drawn = rng.integers(n, size=(_RESAMPLES, n))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    # The negatives are too many to resample. Their variance is estimated from their ranks among the positives.
    other = 1 - np.searchsorted(np.sort(score[target]), negative, side="left") / max(1, len(share))
    spread = float(np.std(other)) / np.sqrt(len(negative))
    means = means + spread * rng.standard_normal(_RESAMPLES)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(share.mean()), float(low), float(high)


def out_of_fold_rate(codes: Ints, target: Bools, fold: Ints) -> Floats:
    """Return the smoothed target rate of each row's code (n,), estimated on the other folds.

    Rows of fold -1, which are not used to estimate rates, get the rate of all folds.
    """
    size = int(codes.max()) + 1
    learn = fold >= 0
    mean = float(target[learn].mean())
    counts = np.stack([np.bincount(codes[fold == k], minlength=size) for k in range(FOLDS)])
    hits = np.stack([np.bincount(codes[fold == k], target[fold == k], size) for k in range(FOLDS)])
    out = np.empty(len(codes))
    for k in (-1, *range(FOLDS)):
        rows = fold == k
        others = [j for j in range(FOLDS) if j != k]
        count, hit = counts[others].sum(axis=0), hits[others].sum(axis=0)
        out[rows] = ((hit + _SMOOTHING * mean) / (count + _SMOOTHING))[codes[rows]]
    return out


def numbers(texts: Texts) -> Floats:
    """Return a column as numbers (n,); NaN for texts that are not numbers."""
    codes, values = pd.factorize(texts)
    return pd.to_numeric(pd.Series(values, dtype=str), errors="coerce").to_numpy(dtype=np.float64)[codes]


def single_fields(office: Mapping[str, Texts], target: Bools, fold: Ints) -> dict[str, Floats]:
    """Return scores (n,) of single fields: presence, length, numeric value, and target rates of values."""
    scores: dict[str, Floats] = {}
    learn = fold >= 0
    for name in (name for name in MANIFEST_NAMES if name in office):
        codes, values = pd.factorize(office[name])
        scores[f"{name}: missing"] = np.fromiter((text == "" for text in values), np.float64, len(values))[codes]
        length = np.fromiter((len(text) for text in values), np.int64, len(values))[codes]
        scores[f"{name}: length"] = length.astype(np.float64)
        scores[f"{name}: rate of the length"] = out_of_fold_rate(length, target, fold)
        scores[f"{name}: rate of the text"] = out_of_fold_rate(codes, target, fold)
        value = numbers(office[name])
        if np.isfinite(value).mean() > 0.05:
            scores[f"{name}: number"] = np.nan_to_num(value, nan=-1.0)
        if FIELD[name].kind is Kind.NUMBER:
            edges = np.unique(np.nanquantile(value[learn], np.linspace(0, 1, _BINS + 1)[1:-1]))
            bins = np.where(np.isfinite(value), 1 + np.searchsorted(edges, value), 0)
            scores[f"{name}: rate of the size"] = out_of_fold_rate(bins, target, fold)
    moment = seconds(office["declared_at"])
    for name, part in (("hour", moment // 3600 % 24), ("weekday", moment // 86400 % 7), ("day", moment // 86400)):
        scores[f"declared_at: rate of the {name}"] = out_of_fold_rate(part - int(part.min()), target, fold)
    return scores


def depth_two(scores: Mapping[str, Floats], target: Bools, early: Bools) -> float:
    """Return the best ROC-AUC of trees of depth two, fitted on the early part and tested on the late part.

    Return 0.5 if a part lacks a class.
    """
    if not all(0 < target[part].sum() < part.sum() for part in (early, ~early)):
        return 0.5
    x = np.column_stack(list(scores.values()))
    best = 0.5
    for leaf in (20, 200):
        tree = DecisionTreeClassifier(max_depth=2, min_samples_leaf=leaf, class_weight="balanced", random_state=0)
        tree.fit(x[early], target[early])
        best = max(best, auc(target[~early], tree.predict_proba(x[~early])[:, 1]))
    return best


def boosted(
    x: Floats, target: Bools, when: Floats, group: Ints, *, seed: int, threads: int
) -> tuple[Floats, Bools, Floats]:
    """Return out-of-time scores (n,) of boosters, a mask (n,) of the scored rows, and the gain of each column.

    ``when`` (n,) is the position in time, 0 to 1. One booster is trained on the first half and scores the third quarter. Another
    is trained on the first three quarters and scores the last one. Scores are relative ranks among the records of the same
    ``group`` (n,) and quarter, because raw scores of different boosters or channels cannot be compared.
    """
    parameters = {
        "objective": "binary",
        "num_leaves": 15,
        "min_data_in_leaf": 40,
        "learning_rate": 0.05,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 10.0,
        "max_bin": 63,
        "num_threads": threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    score, scored, gain = np.zeros(len(target)), when >= 0.5, np.zeros(x.shape[1])
    for start, stop in ((0.5, 0.75), (0.75, 2.0)):
        learn, test = when < start, (when >= start) & (when < stop)
        booster = lgb.train(parameters, lgb.Dataset(x[learn], target[learn].astype(np.float64)), 150)
        raw = pd.Series(np.asarray(booster.predict(x[test]), dtype=np.float64))
        score[test] = raw.groupby(group[test]).rank(pct=True)
        gain += booster.feature_importance("gain")
    return score, scored, gain
