"""Electronic advance data of mail: its frequency by year and origin, and the fields that are missing without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.worlds.own.priors import Priors
from training.worlds.own.trade.geography import Geography
from training.worlds.own.trade.shipments import Bools, Shipments
from training.worlds.own.trade.trade_lanes import POSTAL, TradeLanes

Columns = dict[str, NDArray[np.object_]]


class AdvanceData:
    """Model of advance data. Shipments of other channels than mail always have it, because carriers require it."""

    def __init__(self, priors: Priors, geography: Geography, trade_lanes: TradeLanes) -> None:
        missing = 1 - np.array([priors.by_year("mail.advance_data", year) for year in trade_lanes.year_of_day])
        eastern = np.isin(trade_lanes.origin, [geography.index[code] for code in ("CN", "HK")])
        # Published shares refer to mail to the United States.
        mail = (trade_lanes.channel == POSTAL) & (trade_lanes.destination == geography.index["US"])
        share = trade_lanes.weight[:, mail & eastern].sum(axis=1) / trade_lanes.weight[:, mail].sum(axis=1)
        share = share[trade_lanes.period_of_day]
        gap = priors.number("mail.gap_of_cn_hk")
        # (2, days): other origins, then China and Hong Kong, which sent data earlier. The weighted mean of both rows is the
        # published share.
        others = np.minimum(1.0, missing * (1 - gap * share) / (1 - share))
        self._missing = np.stack([others, (missing - others * (1 - share)) / share])
        self._eastern = np.isin(np.arange(len(geography.codes)), [geography.index[code] for code in ("CN", "HK")])
        self._present = dict(priors.table("mail.kept_without"))

    def sent(self, shipments: Shipments, day_index: NDArray[np.int64], rng: np.random.Generator) -> Bools:
        """Return which shipments have advance data, shape (n,)."""
        eastern = self._eastern[shipments.origin].astype(np.int64)
        without = rng.random(len(shipments)) < self._missing[eastern, day_index]
        return np.asarray(~(without & (shipments.channel == POSTAL)))

    def leave_out(self, columns: Columns, sent: Bools, rng: np.random.Generator) -> None:
        """Blank the fields that are missing without advance data. ``sent`` has one value per row of ``columns``."""
        without = np.flatnonzero(~sent)
        if not len(without):
            return
        for name, share in self._present.items():
            if name in columns:
                columns[name][without[rng.random(len(without)) >= share]] = ""
