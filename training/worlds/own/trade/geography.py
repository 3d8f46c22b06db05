"""Countries, places, postcodes and ports of the world, and the traffic between countries."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.priors import BadPrior, Priors
from training.worlds.own.trade.hashing import cumulate

COUNTRIES_FILE: Final = Path(__file__).with_name("countries.csv")
PLACES_FILE: Final = Path(__file__).with_name("places.csv")

EU: Final = frozenset({"DE", "FR", "NL", "IT", "ES", "PL", "BE", "SE", "IE"})
#: Pairs of countries (origin, destination) with parcel traffic by road.
BY_LAND: Final = frozenset(
    {("CA", "US"), ("MX", "US"), ("US", "CA"), ("US", "MX"), *((c, e) for c in ("TR", "GB") for e in EU)}
)
#: Road crossings and rail terminals, which are equally likely. Other countries use their first airport instead.
_CROSSINGS: Final = {"US": ("LRD", "OTM", "DET", "BUF", "ELP"), "CA": ("WND", "FOR"), "MX": ("NLD", "TIJ")}
_POSTCODES_PER_PLACE: Final = 14
_LETTERS: Final = "ABCDEFGHJKLMNPRSTUWXYZ"


@dataclass(frozen=True, slots=True)
class Geography:
    """Arrays over countries (c,) and places (p,).

    ``first_place`` and ``n_places`` (c,) delimit a country's places in arrays over places. ``postcode`` (p, k) contains k postcodes
    per place. ``first_port`` and ``n_ports`` (c, 3) delimit a country's airports, seaports and crossings in ``ports``.
    """

    codes: Texts
    index: dict[str, int]
    locale: list[str]
    currency: Texts
    dial: Texts
    city: Texts
    postcode: Texts
    first_place: Ints
    n_places: Ints
    ports: Texts
    first_port: Ints
    n_ports: Ints
    in_eu: Bools


def load_geography(priors: Priors, rng: np.random.Generator) -> Geography:
    """Read the tables of countries and places. ``rng`` generates postcodes from their patterns."""
    with COUNTRIES_FILE.open(encoding="utf-8", newline="") as file:
        countries = list(csv.DictReader(file))
    with PLACES_FILE.open(encoding="utf-8", newline="") as file:
        places = sorted(csv.DictReader(file), key=lambda row: [c["country"] for c in countries].index(row["country"]))
    codes = [row["country"] for row in countries]
    of_place = np.array([codes.index(row["country"]) for row in places], dtype=np.int64)
    n_places = np.bincount(of_place, minlength=len(codes))
    ports, first, count = _ports(countries, priors.table("trade_lanes.us_airports"))
    return Geography(
        codes=np.array(codes, dtype=object),
        index={code: i for i, code in enumerate(codes)},
        locale=[row["locale"] for row in countries],
        currency=np.array([row["currency"] for row in countries], dtype=object),
        dial=np.array([row["dial"] for row in countries], dtype=object),
        city=np.array([row["city"] for row in places], dtype=object),
        postcode=np.array(
            [[_filled(row["postcode"], rng) for _ in range(_POSTCODES_PER_PLACE)] for row in places], dtype=object
        ),
        first_place=np.concatenate([[0], np.cumsum(n_places)[:-1]]).astype(np.int64),
        n_places=n_places.astype(np.int64),
        ports=ports,
        first_port=first,
        n_ports=count,
        in_eu=np.array([code in EU for code in codes], dtype=np.bool_),
    )


def _ports(countries: list[dict[str, str]], us_airports: Mapping[str, float]) -> tuple[Texts, Ints, Ints]:
    flat: list[str] = []
    first = np.zeros((len(countries), 3), dtype=np.int64)
    count = np.zeros((len(countries), 3), dtype=np.int64)
    for c, row in enumerate(countries):
        airports = row["airports"].split()
        if row["country"] == "US":
            # Repeat each airport in proportion to its share, so that uniform draws follow the shares.
            airports = [code for code, share in us_airports.items() for _ in range(round(share * 100))]
        crossings = list(_CROSSINGS.get(row["country"], airports[:1]))
        for kind, names in enumerate((airports, row["seaports"].split(), crossings)):
            first[c, kind], count[c, kind] = len(flat), len(names)
            flat.extend(row["country"] + name for name in names)
    return np.array(flat, dtype=object), first, count


def _filled(pattern: str, rng: np.random.Generator) -> str:
    return "".join(
        str(rng.integers(10)) if char == "#" else _LETTERS[int(rng.integers(len(_LETTERS)))] if char == "@" else char
        for char in pattern
    )


CHANNELS: Final = ("express", "air_cargo", "postal", "truck", "ocean", "rail")
EXPRESS, AIR, POSTAL, TRUCK, OCEAN, RAIL = range(6)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH: Final = date(1970, 1, 1)
#: First day that the priors cover.
EARLIEST: Final = date(2017, 1, 1)
#: Middle of a United States fiscal year, which begins in October, as a fraction of the calendar year of the same name.
_FISCAL_MIDDLE: Final = 0.25


@dataclass(frozen=True, slots=True)
class TradeLanes:
    """Cells (origin, destination, channel) as parallel arrays (cells,), and their ``weight`` (periods, cells).

    A period is a month, or the part of a month under one regime. ``first_day`` is in days since epoch. ``regime_of_day`` (0 before
    the end of the exemption, 1 after its end for China and Hong Kong, 2 after its end for all), ``period_of_day``, ``year_of_day``
    (2020.5 is the middle of 2020) and ``volume_of_day`` have shape (days,).
    """

    origin: Ints
    destination: Ints
    channel: Ints
    weight: Floats
    cumulative: Floats
    first_day: int
    regime_of_day: Ints
    period_of_day: Ints
    year_of_day: Floats
    volume_of_day: Floats

    def expected(self) -> Floats:
        """Return the share of each cell in the traffic of the whole calendar, shape (cells,)."""
        days = np.bincount(self.period_of_day, self.volume_of_day, len(self.weight))
        share = (days / self.weight.sum(axis=1)) @ self.weight
        return np.asarray(share / share.sum())


def calendar(priors: Priors) -> list[date]:
    """Return all days of the world. Raises `BadPrior` if the calendar is empty or begins before `EARLIEST`."""
    first, last = priors.day("calendar.first_day"), priors.day("calendar.last_day")
    if first < EARLIEST or last < first:
        raise BadPrior(
            f"the calendar is {first} to {last}; expected a first day from {EARLIEST} on and a last day not before it"
        )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def fraction_of_year(day: date) -> float:
    """Return a day as a year with a fraction."""
    return day.year + (day.timetuple().tm_yday - 0.5) / 365.25


def _origins(destination: str, priors: Priors) -> dict[str, float]:
    name = (
        "trade_lanes.origins_to_us"
        if destination == "US"
        else "trade_lanes.origins_to_eu"
        if destination in EU
        else "trade_lanes.origins_elsewhere"
    )
    shares = dict(priors.table(name))
    rest = shares.pop("OTHER")
    for code, share in priors.table("trade_lanes.other_origins").items():
        shares[code] = shares.get(code, 0.0) + rest * share
    # Exclude trade within the customs union, which crosses no customs border.
    return {
        code: share for code, share in shares.items() if code != destination and not (code in EU and destination in EU)
    }


def _us_channels(priors: Priors, years: Floats) -> Floats:
    """Return the shares (periods, channels) of the channels to the United States, geometric between two published years."""
    early, late = (priors.row(f"channel.{name}", CHANNELS) for name in ("to_us_2018", "to_us_2024"))
    step = np.clip((years - 2018 - _FISCAL_MIDDLE) / 6, 0, 1)[:, None]
    shares = np.exp((1 - step) * np.log(np.maximum(early, 1e-12)) + step * np.log(np.maximum(late, 1e-12)))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _volume(priors: Priors, name: str, middle: float, years: Floats) -> Floats:
    """Return traffic relative to 2024 (periods,), from a table of yearly sums.

    The volume is piecewise linear between the middles of the years, with values such that each year has its published sum.
    ``middle`` is the middle of a year as a fraction of the calendar year. The volume is constant before the first and after the
    last middle.
    """
    table = priors.table(name)
    known = sorted(int(key) for key in table)
    total = np.array([table[str(year)] for year in known])
    # The integral over a year of the lines through three middles weights their values by 1/8, 6/8 and 1/8.
    n = len(known)
    parts = 0.75 * np.eye(n) + 0.125 * (np.eye(n, k=1) + np.eye(n, k=-1))
    parts[0, 0] += 0.125
    parts[-1, -1] += 0.125
    middles = np.linalg.solve(parts, total)
    return np.asarray(np.interp(years, np.array(known) + middle, middles) / table["2024"])


def build_trade_lanes(priors: Priors, geography: Geography) -> TradeLanes:
    """Return the cells with their weights per period. Raises `BadPrior` if the calendar is outside the priors' range."""
    days = calendar(priors)
    bounds = (priors.day("regime.cn_hk_to_us_from"), priors.day("regime.de_minimis_end"))
    regime = np.array([sum(day >= bound for bound in bounds) for day in days], dtype=np.int64)
    year = np.array([fraction_of_year(day) for day in days])
    month = np.array([day.year * 12 + day.month for day in days], dtype=np.int64)
    _, period = np.unique(month * 4 + regime, return_inverse=True)
    period = period.astype(np.int64)
    count = np.bincount(period)
    years, regimes = np.bincount(period, year) / count, (np.bincount(period, regime) / count).round().astype(np.int64)

    origin, destination, channel, weight = _cells(priors, geography, years)
    us = destination == geography.index["US"]
    eu = geography.in_eu[destination]
    weight[:, us] *= _volume(priors, "volume.us_million", _FISCAL_MIDDLE, years)[:, None]
    weight[:, eu] *= _volume(priors, "volume.eu_to_2024", 0.5, years)[:, None]
    # The exemption did not affect consignments by sea and rail.
    eastern = us & np.isin(origin, [geography.index[c] for c in ("CN", "HK")]) & ~np.isin(channel, (OCEAN, RAIL))
    weight[np.ix_(regimes >= 1, eastern)] *= priors.number("regime.cn_hk_to_us_multiplier")
    weight[np.ix_(regimes >= 2, us & (channel == POSTAL))] *= priors.number("regime.postal_to_us_multiplier")

    season, week = priors.row("calendar.season", _MONTHS), priors.row("calendar.weekdays", _DAYS)
    rhythm = np.array([season[day.month - 1] * week[day.weekday()] for day in days])
    volume = rhythm * weight.sum(axis=1)[period]
    first = (days[0] - EPOCH).days
    return TradeLanes(
        origin, destination, channel, weight, cumulate(weight), first, regime, period, year, np.asarray(volume)
    )


def _cells(priors: Priors, geography: Geography, years: Floats) -> tuple[Ints, Ints, Ints, Floats]:
    """Return origin, destination, channel (cells,) and share (periods, cells) before volumes and regimes."""
    cells: list[tuple[int, int, int]] = []
    weights: list[Floats] = []
    to_us = _us_channels(priors, years)
    elsewhere = np.tile(priors.row("channel.elsewhere", CHANNELS), (len(years), 1))
    by_land = np.tile(priors.row("channel.by_land", CHANNELS), (len(years), 1))
    for destination, share in priors.table("trade_lanes.destinations").items():
        for origin, part in _origins(destination, priors).items():
            if (origin, destination) in BY_LAND:
                shares = by_land
            else:
                shares = (to_us if destination == "US" else elsewhere).copy()
                shares[:, TRUCK] = 0.0
                if not (origin == "CN" and destination in EU):
                    shares[:, RAIL] = 0.0
                shares /= shares.sum(axis=1, keepdims=True)
            for channel in np.flatnonzero(shares.sum(axis=0) > 0).tolist():
                cells.append((geography.index[origin], geography.index[destination], channel))
                weights.append(share * part * shares[:, channel])
    origins, destinations, channels = np.array(cells, dtype=np.int64).T
    return origins, destinations, channels, np.array(weights).T.copy()
