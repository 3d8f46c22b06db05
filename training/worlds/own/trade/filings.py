"""Filing types by destination, channel and day, and the advance data of mail.

Dates of laws determine when filing types begin and end.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.priors import BadPrior, Priors
from training.worlds.own.trade.geography import AIR, CHANNELS, EPOCH, EXPRESS, POSTAL, TRUCK, Geography, TradeLanes
from training.worlds.own.trade.hashing import cumulate, pick
from training.worlds.own.trade.plan import Shipments

FILINGS: Final = (
    "ACAS_STD",
    "ACAS_EXP",
    "ACAS_ECOM",
    "ACAS_POST",
    "ITMATT",
    "T86",
    "S321",
    "T11",
    "T01",
    "CUSCAR",
    "CUSDEC",
    "SAD",
    "ICS2_F20",
    "ICS2_F24",
    "ICS2_F27",
    "ICS2_F32",
    "ICS2_F43",
    "ICS2_F50",
)
FILING: Final = {name: i for i, name in enumerate(FILINGS)}
#: Prior with a first day -> the filing types that begin on that day, and the type that is used before it.
_BEGINNINGS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "filing.acas_from": (("ACAS_STD", "ACAS_EXP", "ACAS_ECOM", "ACAS_POST"), "CUSCAR"),
    "filing.ics2_post_and_express_from": (("ICS2_F32", "ICS2_F43"), "CUSDEC"),
    "filing.ics2_air_from": (("ICS2_F24", "ICS2_F27"), "SAD"),
    "filing.ics2_sea_from": (("ICS2_F20", "ICS2_F50"), "CUSCAR"),
}


class Filings:
    """Sampler of filing types, and share of entry type 86 in small traffic to the United States."""

    def __init__(self, priors: Priors, geography: Geography, trade_lanes: TradeLanes) -> None:
        self._us, self._in_eu = geography.index["US"], geography.in_eu
        self._usual = np.stack([_table(priors, place) for place in ("elsewhere", "to_eu", "to_us")])
        self._from = np.zeros(len(FILINGS), dtype=np.int64)
        self._before = np.arange(len(FILINGS))
        for name, (which, before) in _BEGINNINGS.items():
            rows = [FILING[filing] for filing in which]
            self._from[rows] = _number(priors.day(name))
            self._before[rows] = FILING[before]
        self._t86_from, self._end = _number(priors.day("filing.t86_from")), _number(priors.day("regime.de_minimis_end"))
        self._trade_lanes = trade_lanes
        self._s321 = priors.number("filing.s321_of_express")
        self._day = trade_lanes.first_day + np.arange(len(trade_lanes.period_of_day))
        level = np.array([priors.by_year("hs.low_value_share", year) for year in trade_lanes.year_of_day])
        most = max(priors.table("hs.low_value_share").values())
        #: (days,) share of classified low-value goods relative to its maximum.
        self.progress: Floats = level / most
        open_ = (self._day >= self._t86_from) & (self._day < self._end)
        self._t86 = np.where(open_, priors.number("filing.t86_of_air") * self.progress, 0.0)

    def t86_share(self, small: float) -> float:
        """Return the share of entry type 86 in all traffic. ``small`` is the share of consignments that are not business ones."""
        trade_lanes = self._trade_lanes
        cells = (trade_lanes.destination == self._us) & np.isin(trade_lanes.channel, (AIR, TRUCK))
        of_period = trade_lanes.weight[:, cells].sum(axis=1) / trade_lanes.weight.sum(axis=1)
        volume = trade_lanes.volume_of_day / trade_lanes.volume_of_day.sum()
        return float((volume * of_period[trade_lanes.period_of_day] * self._t86).sum() * small)

    def draw(self, destination: Ints, channel: Ints, day_index: Ints, bulk: Bools, rng: np.random.Generator) -> Ints:
        """Return filing types (n,) as indices of `FILINGS`.

        ``bulk`` marks business consignments. ``day_index`` counts from the first day.
        """
        n = len(channel)
        u, v = rng.random(n), rng.random(n)
        day = self._day[day_index]
        place = np.where(destination == self._us, 2, self._in_eu[destination].astype(np.int64))
        usual = pick(self._usual[place, channel], u)
        usual = np.where(day < self._from[usual], self._before[usual], usual)
        small = (destination == self._us) & ~bulk
        t86 = small & np.isin(channel, (AIR, TRUCK)) & (v < self._t86[day_index])
        usual = np.where(t86, FILING["T86"], usual)
        s321 = small & (channel == EXPRESS) & (day < self._end) & (v < self._s321)
        return np.where(s321, FILING["S321"], usual)


def _number(day: date) -> int:
    return (day - EPOCH).days


def _table(priors: Priors, place: str) -> Floats:
    """Return cumulative shares, shape (channels, filings)."""
    rows = []
    for channel in CHANNELS:
        name = f"filing.{place}_{channel}"
        shares = priors.table(name)
        if unknown := set(shares) - set(FILINGS):
            raise BadPrior(f"{name} contains {sorted(unknown)}; known filings are {', '.join(FILINGS)}")
        rows.append([shares.get(filing, 0.0) for filing in FILINGS])
    return cumulate(np.array(rows))


Columns = dict[str, Texts]


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

    def sent(self, shipments: Shipments, day_index: Ints, rng: np.random.Generator) -> Bools:
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
