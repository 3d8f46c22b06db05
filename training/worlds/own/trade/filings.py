"""Filing types by destination, channel and day, and the advance data of mail.

Dates of laws determine when filing types begin and end.

House, master and shipment identifiers have the check digits of their standards.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Hashes, Ints, Texts
from training.worlds.own.priors import BadPrior, Priors
from training.worlds.own.trade.geography import (
    AIR,
    CHANNELS,
    EPOCH,
    EXPRESS,
    OCEAN,
    POSTAL,
    TRUCK,
    Geography,
    TradeLanes,
)
from training.worlds.own.trade.hashing import cumulate, pick, unit
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


#: UPU S10: weights of the eight digits.
_S10: Final = np.array([8, 6, 4, 2, 3, 5, 9, 7])


def padded(number: Ints, width: int) -> Texts:
    """Return decimal texts (n,) with leading zeros."""
    # `zfill` fails on an empty array.
    return np.char.zfill(number.astype(np.str_), width).astype(object) if len(number) else np.empty(0, dtype=object)


def s10(number: Ints, service: Texts, country: Texts) -> Texts:
    """Return UPU S10 item identifiers: two letters, eight digits, check digit, country."""
    digits = (number[:, None] // 10 ** np.arange(7, -1, -1)) % 10
    check = 11 - (digits * _S10).sum(axis=1) % 11
    check = np.where(check == 10, 0, np.where(check == 11, 5, check))
    return np.asarray(service + padded(number, 8) + check.astype(np.str_).astype(object) + country)


def air_waybill(prefix: Texts, serial: Ints) -> Texts:
    """Return air waybill numbers (IATA Resolution 600a): airline prefix, seven digits and their remainder modulo seven."""
    return np.asarray(prefix + "-" + padded(serial, 7) + (serial % 7).astype(np.str_).astype(object))


def house_ids(channel: Ints, key: Hashes, country: Texts, broken: Bools) -> Texts:
    """Return house document numbers (n,) by channel. In ``broken`` ones, the third character from the end is wrong.

    In the identifiers of mail, that character is the check digit.
    """
    number = (unit(key, 1) * 99_999_999).astype(np.int64)
    service = np.array(["LX", "LK", "RR", "CP", "EE", "UA", "CY", "LZ"], dtype=object)[
        (unit(key, 2) * 8).astype(np.int64)
    ]
    texts: Texts = np.asarray("BL" + padded(number, 9), dtype=object)
    posted = channel == POSTAL
    texts[posted] = s10(number[posted], service[posted], country[posted])
    sent = channel == EXPRESS
    texts[sent] = padded((unit(key[sent], 3) * 9e11 + 1e11).astype(np.int64), 12)
    flown = channel == AIR
    texts[flown] = "H" + padded(number[flown], 8)
    slips = np.flatnonzero(broken)
    texts[slips] = [
        f"{text[:-3]}{(int(text[-3]) + 1) % 10 if text[-3].isdigit() else 7}{text[-2:]}" for text in texts[slips]
    ]
    return texts


def master_ids(channel: Ints, prefix: Texts, key: Hashes, origin: Texts, destination: Texts, day: Ints) -> Texts:
    """Return master document numbers (n,). Consignments that travel together have equal ``key``."""
    serial = (unit(key, 4) * 9_999_999).astype(np.int64)
    texts: Texts = np.asarray("TR" + padded(serial, 8), dtype=object)
    flown = (channel == AIR) | (channel == EXPRESS)
    texts[flown] = air_waybill(prefix[flown], serial[flown])
    posted = channel == POSTAL
    texts[posted] = (
        origin[posted] + destination[posted] + "AUN" + padded(day[posted] % 10000, 4) + padded(serial[posted] % 1000, 3)
    )
    shipped = channel == OCEAN
    texts[shipped] = "OCNU" + padded(serial[shipped], 7)
    return texts
