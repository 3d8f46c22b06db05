"""Options of a training run, and the data and windows of a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from models.lanes import RED_SHARE, YELLOW_SHARE
from models.scoring import RISK
from training.data.dataset import BadData, Dataset
from training.data.planning import FIVE, FOUR
from training.data.windows import Windows
from training.fitting.params import MANY_ROWS, MOST_SEEDS, BoosterSpec, BoostingParams
from training.fitting.search import MOST_SEARCHES

DEFAULT_ROWS: Final = 600_000
DEFAULT_THREADS: Final = 2
#: Worlds in simulated training data. A model that sees one draw of the priors learns that draw.
DEFAULT_DRAWS: Final = 4
#: What training starts from: the prior of evidence, or the champion.
PRIOR, CHAMPION = "prior", "champion"
#: Options that only training from the prior has, with their names on the command line.
_OF_PRIOR: Final = {
    "seeds": "--seeds",
    "searches": "--searches",
    "windows": "--windows",
    "cache": "--cache",
    "study": "--study",
    "params": "--param",
}
#: Largest default share of the red lane under an office's own label.
_MOST_RED: Final = 0.2


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Options of `tidewaiter train`.

    Attributes:
        data: A labelled file; by default ``rows`` goods items are simulated.
        mapping: A mapping file for the columns of ``data``.
        label: An office's own binary label column in ``data``.
        positive: The value of ``label`` that marks a find.
        holdout: A file that is not used in training and is scored at the end.
        predictions: Output file for the scores of ``holdout``.
        bundle: A new folder for the bundle.
        metrics: Output file for the metrics, in JSON.
        rows: Number of goods items to simulate.
        draws: Number of simulated worlds among which the rows are divided, each with its own draw of the priors.
        seed: Random seed; the same seed and number of threads give the same bundle.
        threads: Number of threads.
        tracking_uri: MLflow's tracking URI.
        study: Add the studies that need many refits: ablation and left-out typologies. For simulated data, also check that the
            world is not too easy, and compare it with published figures.
        ceiling_rows: Number of simulated rows for a reference model trained on true contents; None for no such model.
        seeds: Number of boosters with other random seeds that the model averages; by default 1, or up to 4 of an own label.
        searches: Number of booster settings to compare for an office's own label.
        result_delay_s: Seconds from declaration to result, for results without a time; None for the assumed delay.
        windows: Shares of the traffic per window: fit, stop, calibrate, lanes and, without a holdout, test.
        lanes: Shares of the traffic in the red and in the yellow lane; by default those of `lane_shares`.
        stored: Whether the data are the decisions of a store instead of a file.
        start: `PRIOR`, or `CHAMPION` to learn together with the lessons of the bundled champion (`training.office`).
        champion, lessons: Folders of the champion and of its lessons; by default the bundled ones.
        cache: A folder in which features are cached for later runs on the same data.
        track: Log the run to MLflow.
        params: Parameters of the boosters.
    """

    data: Path | None = None
    mapping: Path | None = None
    label: str | None = None
    positive: str | None = None
    holdout: Path | None = None
    predictions: Path | None = None
    bundle: Path | None = None
    metrics: Path | None = None
    rows: int = DEFAULT_ROWS
    draws: int = DEFAULT_DRAWS
    seed: int = 0
    threads: int = DEFAULT_THREADS
    tracking_uri: str | None = None
    study: bool = False
    ceiling_rows: int | None = None
    seeds: int | None = None
    searches: int = MOST_SEARCHES
    result_delay_s: int | None = None
    windows: tuple[float, ...] | None = None
    lanes: tuple[float | None, float | None] = (None, None)
    stored: bool = False
    start: str = PRIOR
    champion: Path | None = None
    lessons: Path | None = None
    cache: Path | None = None
    track: bool = True
    params: BoostingParams = field(default_factory=BoostingParams)

    def check(self) -> None:
        """Raise `BadData` for missing files and contradictory options."""
        if self.stored and self.data is not None:
            raise BadData("--from-store reads the store of the service, and --data a file: leave out one of them")
        if self.data is None:
            for name in ("mapping", "label", "positive"):
                if getattr(self, name) is not None:
                    raise BadData(f"--{name} describes a file, but no --data FILE was given")
        if self.positive is not None and self.label is None:
            raise BadData(
                "--positive is the value of a label column that marks a find, but no --label COLUMN was given"
            )
        if (self.holdout is None) != (self.predictions is None):
            raise BadData(
                "--holdout FILE and --predictions FILE go together: the scores of the first are written to the second"
            )
        for path in (self.data, self.mapping, self.holdout):
            if path is not None and not path.is_file():
                raise BadData(f"{path}: no such file")
        if self.ceiling_rows is not None and self.data is not None:
            raise BadData("--ceiling-rows compares with the truth, which only simulated data has: leave out --data")
        if self.rows < 1 or self.threads < 1 or not 0 <= self.seed < 2**31 - 1000:
            raise BadData("--rows and --threads are at least 1, and --seed is a whole number from 0 to 2147482647")
        if not 1 <= self.draws <= self.rows:
            raise BadData("--draws is at least 1, and at most as large as --rows")
        if not 1 <= (1 if self.seeds is None else self.seeds) <= MOST_SEEDS or not 1 <= self.searches <= MOST_SEARCHES:
            raise BadData(f"--seeds is a number from 1 to {MOST_SEEDS}, and --searches from 1 to {MOST_SEARCHES}")
        if any(share is not None and not 0.0 < share <= 0.5 for share in self.lanes):
            raise BadData("--red and --yellow are shares of the traffic in percent, above 0 and at most 50")
        self._check_start()
        self._check_times()
        bundle = self.bundle
        if bundle is not None and bundle.exists() and (not bundle.is_dir() or any(bundle.iterdir())):
            raise BadData(f"{bundle}: exists and is not empty; give a new folder for the bundle")

    def lane_shares(self, own_rate: float | None) -> tuple[float, float]:
        """Return the shares of red and yellow: the given ones, otherwise defaults.

        Args:
            own_rate: the share of finds under an office's own label; None for the manifest's label. If finds are frequent, the
                lanes grow with them: half of their share is red, and as much as their share is yellow.
        """
        rate = 0.0 if own_rate is None else own_rate
        usual = max(RED_SHARE, min(_MOST_RED, rate / 2)), max(YELLOW_SHARE, min(2 * _MOST_RED, rate))
        red, yellow = (one if given is None else given for one, given in zip(usual, self.lanes, strict=True))
        return red, min(yellow, 1.0 - red)

    def _check_start(self) -> None:
        if self.start not in (PRIOR, CHAMPION):
            raise BadData(f"--from is {CHAMPION} or {PRIOR}, not {self.start!r}")
        if self.start == PRIOR:
            if self.stored:
                raise BadData(f"--from-store learns from the {CHAMPION}: leave out --from {PRIOR}")
            return
        if (self.data is None and not self.stored) or self.label is not None:
            raise BadData(
                f"--from {CHAMPION} needs --data FILE with the label column `content`: the champion knows no other label; "
                f"use --from {PRIOR}"
            )
        changed = [option for name, option in _OF_PRIOR.items() if getattr(self, name) != getattr(TrainConfig(), name)]
        if changed:
            raise BadData(f"{', '.join(changed)} belongs to --from {PRIOR}: the champion's parameters are fixed")

    def _check_times(self) -> None:
        if self.result_delay_s is not None and self.result_delay_s < 0:
            raise BadData("--result-delay is a number of days, 0 or more")
        if self.windows is None:
            return
        names = list(FIVE if self.holdout is None else FOUR)
        if len(self.windows) != len(names) or min(self.windows) <= 0.0:
            raise BadData(f"--windows needs {len(names)} shares above 0, one each for {', '.join(names)}")


@dataclass(frozen=True, slots=True)
class Run:
    """Options, data and windows of a training run."""

    config: TrainConfig
    data: Dataset
    windows: Windows

    @property
    def seed(self) -> int:
        """The random seed of the run."""
        return self.config.seed

    @property
    def threads(self) -> int:
        """The number of threads of the run."""
        return self.config.threads

    @property
    def many_rows(self) -> bool:
        """True if the label is an office's own and the rows are so many that `BoostingParams.for_many_rows` applies."""
        return self.heads == (RISK,) and self.data.table.n_rows >= MANY_ROWS

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the heads that the labels cover."""
        return self.data.labels.heads

    def with_params(self, params: BoostingParams) -> Run:
        """Return a copy of the run with different boosting parameters."""
        return replace(self, config=replace(self.config, params=params))

    def booster_spec(self, names: tuple[str, ...], monotone: tuple[int, ...]) -> BoosterSpec:
        """Return the booster settings for features with these names and monotone constraints."""
        config = self.config
        seeds = config.seeds if config.seeds is not None else int(self.heads != (RISK,) or self.many_rows)
        return BoosterSpec(self.heads, names, monotone, config.params, self.seed, self.threads, seeds)
