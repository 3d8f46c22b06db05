"""Published figures of trade that the simulated one can show, and how each is measured on a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from training.worlds.own.checks.margin_sample import Bools, Sample
from training.worlds.own.priors import Priors

Measure = Callable[[Sample, Priors], float]
#: Fewer shipments than this give no figure.
_FEWEST: Final = 60


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure: what it is, from which days, and between which values a simulated one is near enough.

    ``low`` and ``high`` allow for the publisher's rounding, for the world holding more than the publisher's population,
    and for a sample of some ten thousand shipments.
    """

    name: str
    published: float
    low: float
    high: float
    first: str
    last: str
    source: str
    measure: Measure


def _share(of: Bools, among: Bools) -> float:
    return float(of[among].mean()) if among.sum() >= _FEWEST else float("nan")


def _per_day(rows: Bools, first: str, last: str) -> float:
    return float(rows.sum()) / float((np.datetime64(last) - np.datetime64(first)).astype(int))


def _fiscal(year: int) -> tuple[str, str]:
    return f"{year - 1}-10-01", f"{year}-10-01"


def _volume(year: int) -> Measure:
    def measure(sample: Sample, priors: Priors) -> float:
        small = sample.to_us & sample.small
        return float((small & sample.during(*_fiscal(year))).sum() / (small & sample.during(*_fiscal(2024))).sum())

    return measure


def _growth_eu(first: tuple[str, str], second: tuple[str, str]) -> Measure:
    def measure(sample: Sample, priors: Priors) -> float:
        small = sample.in_eu & sample.small
        return float((small & sample.during(*second)).sum() / (small & sample.during(*first)).sum())

    return measure


def _during(first: str, last: str, measure: Callable[[Sample, Bools], float]) -> Measure:
    return lambda sample, priors: measure(sample, sample.during(first, last))


def _cumulative(limit_eur: float) -> Callable[[Sample, Bools], float]:
    def measure(sample: Sample, rows: Bools) -> float:
        elsewhere = rows & sample.parcels & ~sample.to_us & ~sample.in_eu
        return _share(sample.value_usd < limit_eur * 1.12, elsewhere)

    return measure


def _advance(origin: str | None) -> Callable[[Sample, Priors, Bools], float]:
    def measure(sample: Sample, priors: Priors, rows: Bools) -> float:
        mail = rows & sample.to_us & (sample.channel == "postal")
        if origin is not None:
            mail &= sample.origin == origin
        # The consignor's city is always among advance data, and known of some mail without.
        else_known = priors.table("mail.kept_without")["consignor_city"]
        return (_share(sample.has_city, mail) - else_known) / (1 - else_known)

    return measure


def _advance_in(first: str, last: str, origin: str | None = None) -> Measure:
    return lambda sample, priors: _advance(origin)(sample, priors, sample.during(first, last))


def _regime(rows: Callable[[Sample], Bools], before: tuple[str, str], after: tuple[str, str]) -> Measure:
    """Shipments a day after against before, the year's rhythm taken out."""

    def measure(sample: Sample, priors: Priors) -> float:
        own, rest = rows(sample), ~sample.to_us & ~sample.in_eu
        ratio = [_per_day(own & sample.during(*days), *days) for days in (before, after)]
        rhythm = [_per_day(rest & sample.during(*days), *days) for days in (before, after)]
        return ratio[1] / ratio[0] * rhythm[0] / rhythm[1]

    return measure


def _seen_once(sample: Sample, rows: Bools) -> float:
    importers = sample.importer[rows & (sample.importer > 0)]
    _, count = np.unique(importers, return_counts=True)
    return float((count == 1).mean()) if len(count) >= _FEWEST else float("nan")


def _platform(rank: int) -> Callable[[Sample, Bools], float]:
    def measure(sample: Sample, rows: Bools) -> float:
        _, count = np.unique(sample.platform[rows & (sample.platform != "")].astype(str), return_counts=True)
        return float(np.sort(count)[::-1][rank] / count.sum())

    return measure


def _violations(rows: Callable[[Sample], Bools]) -> Callable[[Sample, Bools], float]:
    return lambda sample, days: _share(sample.violated, days & rows(sample) & ~sample.illicit)


def _from_china(sample: Sample) -> Bools:
    return np.asarray(np.isin(sample.origin, ("CN", "HK")))


def _us_small(sample: Sample) -> Bools:
    return sample.to_us & sample.low_value


#: Shipments of the audit: which, the published rate, how far from it the world may be, and which rows they are.
_AUDITED: Final[tuple[tuple[str, float, float, Callable[[Sample], Bools]], ...]] = (
    ("all", 0.09, 0.012, lambda s: np.ones(len(s), dtype=np.bool_)),
    ("express", 0.02, 0.008, lambda s: np.asarray(s.channel == "express")),
    ("entry type 86", 0.12, 0.03, lambda s: np.asarray(s.filing == "T86")),
)


def _figures() -> tuple[Figure, ...]:
    found: list[Figure] = []

    def add(
        name: str, published: float, near: tuple[float, float], days: tuple[str, str], source: str, m: Measure
    ) -> None:
        found.append(Figure(name, published, near[0], near[1], *days, source, m))

    for year, million in ((2018, 411), (2021, 771), (2022, 685), (2023, 1050)):
        ratio = million / 1360
        name = f"low-value shipments to the US, fiscal year {year} against 2024"
        days = (_fiscal(year)[0], _fiscal(2024)[1])
        add(name, ratio, (0.85 * ratio, 1.15 * ratio), days, "statistics 4 to 10", _volume(year))
    years = [(f"{y}-01-01", f"{y + 1}-01-01") for y in (2022, 2023, 2024)]
    for before, after in pairwise(years):
        name = f"low-value parcels to the EU, {after[0][:4]} against {before[0][:4]}"
        add(name, 2.0, (1.5, 2.55), (before[0], after[1]), "statistics 111", _growth_eu(before, after))
    july = ("2024-07-01", "2024-08-01"), ("2025-07-01", "2025-08-01")
    add(
        "low-value parcels to the EU, July 2025 against July 2024",
        1.36,
        (1.05, 1.7),
        (july[0][0], july[1][1]),
        "statistics 111",
        _growth_eu(*july),
    )

    def during(
        name: str,
        published: float,
        near: tuple[float, float],
        days: tuple[str, str],
        source: str,
        measure: Callable[[Sample, Bools], float],
    ) -> None:
        add(name, published, near, days, source, _during(*days, measure))

    two = ("2022-10-01", "2024-10-01")
    during(
        "mean value to the US, fiscal year 2023 (USD)",
        51.9,
        (40, 62),
        _fiscal(2023),
        "statistics 9 and 14",
        lambda s, r: float(np.nanmean(s.value_usd[r & _us_small(s)])),
    )
    during(
        "share of China in low-value shipments to the US, fiscal years 2023 and 2024",
        0.60,
        (0.55, 0.66),
        two,
        "statistics 18",
        lambda s, r: _share(s.origin == "CN", r & _us_small(s)),
    )
    during(
        "share of China and Hong Kong in their value, fiscal years 2018 to 2021",
        0.674,
        (0.58, 0.76),
        ("2017-10-01", "2021-10-01"),
        "statistics 19",
        lambda s, r: float(
            np.nansum(s.value_usd[r & _us_small(s) & _from_china(s)]) / np.nansum(s.value_usd[r & _us_small(s)])
        ),
    )
    during(
        "share by express carrier and air cargo, fiscal year 2023",
        0.84,
        (0.75, 0.90),
        _fiscal(2023),
        "statistics 34",
        lambda s, r: _share(np.isin(s.channel, ("express", "air_cargo")), r & _us_small(s)),
    )
    during(
        "share of express in express and mail, fiscal year 2018",
        161 / 636,
        (0.19, 0.34),
        _fiscal(2018),
        "statistics 36",
        lambda s, r: _share(s.channel == "express", r & s.to_us & np.isin(s.channel, ("express", "postal"))),
    )
    during(
        "share not by post, May to August 2025",
        0.95,
        (0.88, 0.99),
        ("2025-05-02", "2025-07-31"),
        "statistics 35",
        lambda s, r: _share(s.channel != "postal", r & _us_small(s)),
    )
    for year, share in ((2020, 0.29), (2023, 0.79)):
        during(
            f"low-value shipments to the US with a classification, {year}",
            share,
            (share - 0.09, share + 0.09),
            (f"{year}-01-01", f"{year + 1}-01-01"),
            "statistics 40",
            lambda s, r: _share(s.chapter > 0, r & s.to_us & s.small),
        )
    add(
        "mail to the US with advance data, 2017",
        0.43,
        (0.34, 0.52),
        ("2017-01-01", "2018-01-01"),
        "statistics 53 and 54",
        _advance_in("2017-01-01", "2018-01-01"),
    )
    add(
        "mail to the US with advance data, 2018",
        0.57,
        (0.49, 0.65),
        ("2018-01-01", "2019-01-01"),
        "statistics 55",
        _advance_in("2018-01-01", "2019-01-01"),
    )
    summer = ("2019-06-01", "2019-11-01")
    add(
        "mail to the US with advance data, August 2019",
        0.60,
        (0.53, 0.71),
        summer,
        "statistics 56",
        _advance_in(*summer),
    )
    add("the same from China, August 2019", 0.85, (0.76, 0.92), summer, "statistics 57", _advance_in(*summer, "CN"))
    past = ("2017-01-01", "2025-04-01")
    survey = ("2019-01-01", "2025-04-01")
    during(
        "parcels under 0.5 kg",
        0.45,
        (0.40, 0.52),
        past,
        "statistics 102",
        lambda s, r: _share(s.gross_kg < 0.5, r & s.parcels),
    )
    during(
        "parcels from China under 0.5 kg",
        0.495,
        (0.42, 0.55),
        survey,
        "statistics 103",
        lambda s, r: _share(s.gross_kg < 0.5, r & s.parcels & (s.origin == "CN")),
    )
    during(
        "parcels up to 2 kg (figure not checked at its source)",
        0.84,
        (0.77, 0.90),
        past,
        "statistics 104",
        lambda s, r: _share(s.gross_kg <= 2, r & s.parcels),
    )
    for limit, share in ((10, 0.16), (25, 0.38), (50, 0.60), (100, 0.83)):
        during(
            f"parcels outside the US and EU under EUR {limit}",
            share,
            (share - 0.07, share + 0.07),
            survey,
            "statistics 105 and 107",
            _cumulative(limit),
        )
    during(
        "mean value to the EU, 2024 (EUR; published: below 9)",
        9.0,
        (5.0, 9.5),
        ("2024-01-01", "2025-04-01"),
        "statistics 108",
        lambda s, r: float(np.nanmean(s.value_usd[r & s.in_eu & s.parcels])) / 1.08,
    )
    during(
        "share of China in low-value parcels to the EU, 2024",
        0.91,
        (0.85, 0.95),
        ("2024-01-01", "2025-01-01"),
        "statistics 113",
        lambda s, r: _share(s.origin == "CN", r & s.in_eu & s.parcels),
    )
    during(
        "clothing and footwear among parcels",
        0.33,
        (0.27, 0.41),
        survey,
        "statistics 114",
        lambda s, r: _share(np.isin(s.chapter, (61, 62, 64)), r & s.parcels & (s.chapter > 0)),
    )
    for rank, share in ((0, 0.24), (1, 0.21)):
        during(
            f"share of the {('most', 'second most')[rank]} used platform",
            share,
            (share - 0.06, share + 0.08),
            survey,
            "statistics 115",
            _platform(rank),
        )
    during(
        "share of JFK in arrivals by air",
        0.19,
        (0.15, 0.23),
        two,
        "statistics 167 and 11",
        lambda s, r: _share(s.port == "USJFK", r & s.to_us & np.isin(s.channel, ("express", "air_cargo"))),
    )
    for name, share, width, rows in _AUDITED:
        during(
            f"shipments with a violation: {name}",
            share,
            (share - width, share + width),
            two,
            "statistics 98",
            _violations(rows),
        )
    during(
        "formal entries whose goods are from another country than they were sent from",
        0.20,
        (0.14, 0.26),
        past,
        "statistics 165",
        lambda s, r: _share(s.moved, r & s.formal),
    )
    during(
        "formal entries without a seller",
        0.096,
        (0.06, 0.14),
        past,
        "statistics 166",
        lambda s, r: _share(~s.has_seller, r & s.formal & (s.channel != "postal")),
    )
    during("importing firms seen once", 0.33, (0.26, 0.40), ("2025-04-14", "2026-10-31"), "statistics 166", _seen_once)
    during(
        "opened shipments with drugs in which they were found",
        0.93,
        (0.84, 0.99),
        ("2025-04-14", "2026-10-31"),
        "statistics 61",
        lambda s, r: float(s.found[r & s.illicit & s.opened].mean()),
    )
    add(
        "shipments from China and Hong Kong to the US a day, after 2025-05-02 against before",
        0.25,
        (0.19, 0.31),
        ("2025-04-14", "2025-08-29"),
        "statistics 185",
        _regime(
            lambda s: _from_china(s) & s.to_us & ~np.isin(s.channel, ("ocean", "rail")),
            ("2025-04-14", "2025-05-02"),
            ("2025-05-02", "2025-08-29"),
        ),
    )
    add(
        "mail to the US a day, after 2025-08-29 against before",
        0.19,
        (0.12, 0.26),
        ("2025-05-02", "2025-12-31"),
        "statistics 186",
        _regime(
            lambda s: s.to_us & (s.channel == "postal"), ("2025-05-02", "2025-08-29"), ("2025-08-29", "2025-12-31")
        ),
    )
    during(
        "entry type 86 and section 321 after 2025-08-29",
        0.0,
        (0.0, 0.0),
        ("2025-08-29", "2026-10-31"),
        "policy dates",
        lambda s, r: _share(np.isin(s.filing, ("T86", "S321")), r & s.to_us),
    )
    during(
        "entry type 86 before 2019-09-28",
        0.0,
        (0.0, 0.0),
        ("2017-01-01", "2019-09-28"),
        "policy dates",
        lambda s, r: _share(s.filing == "T86", r & s.to_us),
    )
    return tuple(found)


FIGURES: Final = _figures()
