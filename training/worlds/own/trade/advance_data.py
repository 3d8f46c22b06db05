"""Electronic data sent ahead of mail: by year and origin, and what a record without them lacks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.worlds.own.priors import Priors
from training.worlds.own.trade.geography import Geography
from training.worlds.own.trade.shipments import Bools, Shipments
from training.worlds.own.trade.trade_lanes import POSTAL, Lanes

Columns = dict[str, NDArray[np.object_]]


class AdvanceData:
    """Which shipments have advance data. Other channels always have them: without, they would not be carried."""

    def __init__(self, priors: Priors, geography: Geography, lanes: Lanes) -> None:
        missing = 1 - np.array([priors.by_year("mail.advance_data", year) for year in lanes.year_of_day])
        eastern = np.isin(lanes.origin, [geography.index[code] for code in ("CN", "HK")])
        # The published shares are of mail to the United States.
        mail = (lanes.channel == POSTAL) & (lanes.destination == geography.index["US"])
        share = lanes.weight[:, mail & eastern].sum(axis=1) / lanes.weight[:, mail].sum(axis=1)
        share = share[lanes.period_of_day]
        gap = priors.number("mail.gap_of_cn_hk")
        # (2, days): China and Hong Kong sent data earlier than the others; together they come to the published share.
        others = np.minimum(1.0, missing * (1 - gap * share) / (1 - share))
        self._missing = np.stack([others, (missing - others * (1 - share)) / share])
        self._eastern = np.isin(np.arange(len(geography.codes)), [geography.index[code] for code in ("CN", "HK")])
        self._kept = dict(priors.table("mail.kept_without"))

    def sent(self, shipments: Shipments, day_index: NDArray[np.int64], rng: np.random.Generator) -> Bools:
        """(n,) shipments with advance data."""
        eastern = self._eastern[shipments.origin].astype(np.int64)
        without = rng.random(len(shipments)) < self._missing[eastern, day_index]
        return np.asarray(~(without & (shipments.channel == POSTAL)))

    def leave_out(self, columns: Columns, sent: Bools, rng: np.random.Generator) -> None:
        """Blank what is not known of rows without advance data; ``sent`` is per row of ``columns``."""
        without = np.flatnonzero(~sent)
        if not len(without):
            return
        for name, kept in self._kept.items():
            if name in columns:
                columns[name][without[rng.random(len(without)) >= kept]] = ""
