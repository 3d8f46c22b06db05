"""The authors' lessons as a file, from which the model of an office learns together with the office's own finds.

All finds of the worlds are kept, and a sample of the clean rows, whose weights are raised so that totals stay. Of each feature, at
most `MOST_VALUES` values are kept; every number counts as the nearest of them. The trees split halfway between two kept values, so
rounding moves no row to the other side of a split. The file depends on the features, but not on the evidence: the log-odds that
trees start from are computed when it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle.files import json_bytes, npz_bytes, parse_json, parse_npz, write_durably
from models.evidence import Prior
from models.scoring import RiskModel
from training.arrays import Bools, Floats, Ints
from training.authors.learning import Lessons, hide_unseen
from training.authors.leaving_out import Authors
from training.fitting.residual import combined, intercept

#: Maximum number of rows of the file.
ROWS: Final = 200_000
#: Maximum number of values of a feature: as many as LightGBM has bins (`ResidualParams.max_bin`), less one for missing values.
MOST_VALUES: Final = 126
#: Code of a missing value.
MISSING: Final = 255
_PROTOCOL: Final = 1
_ABOUT, _ARRAYS = "lessons.json", "lessons.npz"
#: Folder of the lessons that belong to the champion.
DEFAULT: Final = Path(__file__).resolve().parents[2] / "models" / "lessons"
_WRITE: Final = "`python -m training.authors --lessons DIR` writes lessons again"


class LessonsRefused(ValueError):
    """Error for lessons that are missing or damaged, or do not belong to a model. The message says how to write them again."""


@dataclass(frozen=True, slots=True)
class StoredLessons:
    """n lessons with F features.

    Attributes:
        names: names of the features.
        worlds: name of each author -> SHA-256 of each run of the author's world.
        values: (F, MISSING + 1) kept values of each feature, ascending, then NaN.
        codes: (F, n) position of each value, `MISSING` for a missing one.
        find: (n, K) whether the row is a find for the head.
        weight: (n,) weights.
        author: (n,) index of the author among ``worlds``.
        digest: SHA-256 of the arrays, empty until they are saved.
    """

    names: tuple[str, ...]
    worlds: Mapping[str, Sequence[str]]
    values: Floats
    codes: NDArray[np.uint8]
    find: Bools
    weight: Floats
    author: NDArray[np.int8]
    digest: str = field(default="", compare=False)

    @classmethod
    def of(cls, authors: Authors) -> StoredLessons:
        """Return all lessons of the authors."""
        worlds = {name: [taught.digest for taught in of_author] for name, of_author in authors.taught.items()}
        sizes = [sum(len(taught.find) for taught in of_author) for of_author in authors.taught.values()]
        author = np.repeat(np.arange(len(sizes), dtype=np.int8), sizes)
        return cls.pack(authors.lessons(slope=1.0, blind=False), authors.names, worlds, author)

    @classmethod
    def pack(
        cls, lessons: Lessons, names: tuple[str, ...], worlds: Mapping[str, Sequence[str]], author: NDArray[np.int8]
    ) -> StoredLessons:
        """Choose the values to keep, and return the lessons."""
        values = np.full((len(names), MISSING + 1), np.nan)
        for column, of_feature in enumerate(values):
            chosen = _values(lessons.matrix[:, column])
            of_feature[: len(chosen)] = chosen
        return cls(names, worlds, values, _codes(values, lessons.matrix), lessons.find, lessons.weight, author)

    def take(self, rows: Ints) -> StoredLessons:
        """Return some of the rows."""
        return StoredLessons(
            self.names,
            self.worlds,
            self.values,
            self.codes[:, rows],
            self.find[rows],
            self.weight[rows],
            self.author[rows],
        )

    def sampled(self, rows: int = ROWS, *, seed: int = 0) -> StoredLessons:
        """Return all finds, and a sample of the clean rows that makes about ``rows`` rows. Total weights stay."""
        find = np.asarray(self.find.any(axis=1), dtype=np.bool_)
        finds = int(find.sum())
        share = min(1.0, max(1, rows - finds) / max(1, len(find) - finds))
        kept = np.flatnonzero(find | (np.random.default_rng(seed).random(len(find)) < share))
        sample = self.take(kept)
        return replace(sample, weight=np.where(find[kept], sample.weight, sample.weight / share))

    def lessons(self, prior: Prior, slope: float) -> Lessons:
        """Return the rows, decoded. Trees start from ``slope`` times the prior, with an intercept per author."""
        matrix = np.empty((len(self.weight), len(self.names)))
        for column, codes in enumerate(self.codes):
            matrix[:, column] = self.values[column][codes]
        start = combined(slope * prior.log_odds(matrix))
        find = np.asarray(self.find.any(axis=1), dtype=np.bool_)
        for number in range(len(self.worlds)):
            rows = np.flatnonzero(self.author == number)
            if len(rows):
                weight = self.weight[rows] / self.weight[rows].sum()
                start[rows] += intercept(start[rows], find[rows], weight)
        hide_unseen(matrix, self.names)
        return Lessons(matrix, start[:, None], self.find, self.weight)

    def rounded(self, matrix: Floats) -> Floats:
        """Return feature rows (m, F) with each number replaced by the nearest kept value."""
        rounded = np.empty(matrix.shape)
        for column, codes in enumerate(_codes(self.values, matrix)):
            rounded[:, column] = self.values[column][codes]
        return rounded

    def check(self, model: RiskModel) -> None:
        """Raise `LessonsRefused` unless the lessons have the features of the model."""
        if self.names != model.space.names:
            differing = sorted({*self.names} ^ {*model.space.names})
            shown = ", ".join(differing[:5]) or "their order"
            raise LessonsRefused(f"The lessons have other features than model {model.version} ({shown}); {_WRITE}.")

    def save(self, folder: Path) -> str:
        """Write the lessons into a folder. Return the SHA-256 of their arrays."""
        weight = self.weight.astype(np.float32)
        content: dict[str, NDArray[Any]] = {
            "values": self.values,
            "codes": self.codes,
            "find": self.find,
            "weight": weight,
            "author": self.author,
        }
        arrays = npz_bytes(content)
        digest = hashlib.sha256(arrays).hexdigest()
        about = {
            "protocol": _PROTOCOL,
            "sha256": digest,
            "rows": len(self.weight),
            "finds": int(self.find.any(axis=1).sum()),
            "worlds": {name: list(runs) for name, runs in self.worlds.items()},
            "features": list(self.names),
        }
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / _ARRAYS, arrays)
        write_durably(folder / _ABOUT, json_bytes(about, sort_keys=False))
        return digest


def read_lessons(folder: Path) -> StoredLessons:
    """Read the lessons in a folder.

    Raises:
        LessonsRefused: a file is missing or damaged.
    """
    try:
        content = (folder / _ARRAYS).read_bytes()
        about: dict[str, Any] = parse_json((folder / _ABOUT).read_bytes())
        if about["protocol"] != _PROTOCOL:
            raise LessonsRefused(f"{folder}: protocol {about['protocol']}, but this code reads {_PROTOCOL}; {_WRITE}.")
        if hashlib.sha256(content).hexdigest() != about["sha256"]:
            raise LessonsRefused(f"{folder / _ARRAYS}: its SHA-256 differs from that in {_ABOUT}; {_WRITE}.")
        arrays = parse_npz(content)
        return StoredLessons(
            tuple(about["features"]), about["worlds"], arrays["values"], arrays["codes"], arrays["find"],
            arrays["weight"].astype(np.float64), arrays["author"], digest=about["sha256"],
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LessonsRefused(f"{error.filename}: no such file; {_WRITE}.") from None
    except (KeyError, TypeError) as error:
        raise LessonsRefused(f"{folder}: lacks {error}; {_WRITE}.") from None
    except ValueError as error:
        if isinstance(error, LessonsRefused):
            raise
        raise LessonsRefused(f"{folder}: {error}; {_WRITE}.") from None


def _values(column: Floats) -> Floats:
    """Return at most `MOST_VALUES` values of a feature, ascending: frequent ones, and quantiles of the others."""
    values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    if len(values) <= MOST_VALUES:
        return values
    frequent = counts * MOST_VALUES >= counts.sum()
    ends, parts = np.cumsum(np.where(frequent, 0, counts)), MOST_VALUES - int(frequent.sum())
    # The middle of each of `parts` equal shares of the rows with other values.
    middles = np.searchsorted(ends, (np.arange(parts) + 0.5) / parts * ends[-1])
    return np.unique(np.concatenate([values[frequent], values[middles]]))


def _codes(values: Floats, matrix: Floats) -> NDArray[np.uint8]:
    """Return the position (F, m) of the nearest of ``values`` (F, MISSING + 1) for each number of a matrix (m, F)."""
    codes = np.empty(matrix.shape[::-1], dtype=np.uint8)
    for column, of_feature in enumerate(values):
        known = of_feature[~np.isnan(of_feature)]
        numbers = np.ascontiguousarray(matrix[:, column])
        nearest = np.searchsorted((known[1:] + known[:-1]) / 2.0, numbers)
        codes[column] = np.where(np.isnan(numbers) | (len(known) == 0), MISSING, nearest)
    return codes
