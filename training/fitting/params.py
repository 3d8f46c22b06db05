"""Parameters of the boosters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self

#: Distance between the seeds of averaged boosters: more than a model has heads.
SEEDS_APART: Final = 10
#: Largest number of averaged boosters.
MOST_SEEDS: Final = 50
#: Number of trees between two reports of progress.
TREES_PER_CALL: Final = 10
#: Number of rows from which an office's boosters use `BoostingParams.for_many_rows`.
MANY_ROWS: Final = 500_000
#: Number of rows from which each tree then learns, and their largest share of the data. Fewer rows reduce accuracy.
_ROWS_PER_TREE: Final = 350_000
_MOST_SHARE: Final = 0.45
#: Share of the rows per tree below which LightGBM copies them, and number of rows from which bins are then made.
_COPIED_SHARE: Final = 0.5
_BINNED_ROWS: Final = 60_000


@dataclass(frozen=True, slots=True)
class BoostingParams:
    """Tuned parameters of the boosters; all others are LightGBM's defaults or fixed for reproducibility.

    Trees are small, use a third of the features each, and have large leaves, because there are only hundreds of finds.
    ``most_trees`` limits the number of trees; ``patience`` is the number of trees without improvement before stopping.
    """

    learning_rate: float = 0.06
    num_leaves: int = 8
    min_data_in_leaf: int = 60
    min_sum_hessian_in_leaf: float = 1.0
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.8
    bagging_freq: int = 1
    lambda_l2: float = 5.0
    max_bin: int = 127
    most_trees: int = 800
    patience: int = 60

    @property
    def unstopped_trees(self) -> int:
        """Number of trees if the stop window has no finds: moderate, too few to overfit."""
        return max(1, self.most_trees // 8)

    def for_many_rows(self, rows: int) -> Self:
        """Return parameters for `MANY_ROWS` rows or more: fewer trees in larger steps, each from a sample of the rows.

        A million rows would take half an hour with the parameters for small data. Parameters that differ from the defaults are
        kept.
        """
        usual = type(self)()
        faster: dict[str, float | int] = {
            "learning_rate": 0.1,
            "most_trees": 320,
            "patience": 36,
            "bagging_fraction": min(_MOST_SHARE, _ROWS_PER_TREE / rows),
        }
        changes = {name: value for name, value in faster.items() if getattr(self, name) == getattr(usual, name)}
        return replace(self, **changes)  # type: ignore[arg-type]

    def to_json(self) -> dict[str, float | int]:
        """Return the parameters as JSON values."""
        return asdict(self)

    def lightgbm(self, *, seed: int, threads: int, monotone: Sequence[int]) -> dict[str, Any]:
        """Return parameters for LightGBM. The same seed, data and number of threads give the same trees to the byte."""
        tuned = {k: v for k, v in self.to_json().items() if k not in ("most_trees", "patience")}
        # Histograms of copied rows are twice as fast by column as by row.
        copied = self.bagging_fraction < _COPIED_SHARE
        sampling = (
            {"force_col_wise": True, "bin_construct_sample_cnt": _BINNED_ROWS} if copied else {"force_row_wise": True}
        )
        return tuned | {
            "objective": "binary",
            # With the few finds of a stop window, the loss has less variance than average precision.
            "metric": "binary_logloss",
            "monotone_constraints": list(monotone),
            "monotone_constraints_method": "basic",
            "seed": seed,
            # A fixed seed lets boosters with different seeds share their bins.
            "data_random_seed": 1,
            "deterministic": True,
            **sampling,
            "num_threads": threads,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


@dataclass(frozen=True, slots=True)
class BoosterSpec:
    """Settings that all boosters of a model share.

    ``names`` and ``monotone`` (-1, 0 or 1) describe the F columns of the feature matrix. ``seeds`` is the number of boosters with
    other seeds that a refit averages; 0 lets it depend on the number of trees. ``watch`` is called with the number of trees, every
    `TREES_PER_CALL` trees.
    """

    heads: tuple[str, ...]
    names: tuple[str, ...]
    monotone: tuple[int, ...]
    params: BoostingParams
    seed: int
    threads: int
    seeds: int = 1
    watch: Callable[[int], None] | None = field(default=None, compare=False)

    def callbacks(self) -> list[Callable[..., None]]:
        """Return LightGBM's callbacks that report progress."""
        watch = self.watch
        if watch is None:
            return []

        def report(state: Any) -> None:
            if (state.iteration + 1) % TREES_PER_CALL == 0:
                watch(state.iteration + 1)

        return [report]

    def lightgbm(self, number: int = 0, repeat: int = 0) -> dict[str, Any]:
        """Return LightGBM's parameters for a booster. Each ``number``, and each ``repeat`` of it, has a different random seed."""
        seed = self.seed + number + repeat * SEEDS_APART
        return self.params.lightgbm(seed=seed, threads=self.threads, monotone=self.monotone)
