"""Comparison of the simulated trade with published figures (``margin_figures.csv``).

Figures are measured on the office's table, or on the ground truth if they concern it, and never read from the priors. Assumed
figures are not compared, because a world always agrees with its own assumptions.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.reference import usd_per_unit
from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.priors import load_priors
from training.worlds.own.trade.geography import EU
from training.worlds.own.trade.names import WORDS
from training.worlds.own.world import WorldChunk, generate, joined

#: Words in the names of consignees that import for their business.
_FIRMS: Final = tuple(word for kind in ("business", "university", "hospital", "maker") for word in WORDS[kind])
_TRADERS: Final = tuple(
    word for kind in ("trader", "chemical", "pharma", "machinery", "laboratory") for word in WORDS[kind]
)
_FORMAL: Final = ("T01", "T11", "CUSDEC", "SAD")


@dataclass(slots=True)
class Sample:
    """Parallel arrays over shipments (n,). ``value_usd`` is NaN if an item lacks a value or an exchange rate.

    ``importer`` is a hash of the consignee's address, 0 unless a firm imports from a trader. ``chapter`` is the HS chapter of the
    first item, 0 if missing. ``moved`` states that the first item's country of origin differs from the export country.
    """

    day: NDArray[np.datetime64]
    destination: Texts
    origin: Texts
    channel: Texts
    filing: Texts
    value_usd: Floats
    gross_kg: Floats
    chapter: Ints
    importer: Ints
    platform: Texts
    has_city: Bools
    has_seller: Bools
    moved: Bools
    violated: Bools
    illicit: Bools
    opened: Bools
    found: Bools
    port: Texts

    def during(self, first: str, last: str) -> Bools:
        """Return whether each shipment (n,) was declared from the day ``first`` on, but before ``last``."""
        return np.asarray((self.day >= np.datetime64(first)) & (self.day < np.datetime64(last)))

    def covers(self, first: str, last: str) -> bool:
        """Return whether the sample covers a period, except at most four days at each end."""
        day = np.timedelta64(4, "D")
        return bool(self.day.min() <= np.datetime64(first) + day and self.day.max() >= np.datetime64(last) - day)

    @property
    def low_value(self) -> Bools:
        """True for shipments (n,) with a value up to USD 800 (EUR 150 to the EU) and at most 70 kg, except by sea and rail."""
        limit = np.where(self.in_eu, 150 * 1.1, 800.0)
        small = ~np.isin(self.channel, ("ocean", "rail")) & (self.gross_kg <= 70)
        return np.asarray(small & (np.nan_to_num(self.value_usd, nan=np.inf) <= limit))

    @property
    def small(self) -> Bools:
        """True for low-value shipments (n,), and for such shipments of unknown value, as of mail without advance data."""
        unknown = np.isnan(self.value_usd) & ~np.isin(self.channel, ("ocean", "rail")) & (self.gross_kg <= 70)
        return np.asarray(self.low_value | unknown)

    @property
    def parcels(self) -> Bools:
        """True for low-value shipments (n,) of at most 31.5 kg that do not go by truck."""
        return np.asarray(self.low_value & (self.channel != "truck") & (self.gross_kg <= 31.5))

    @property
    def to_us(self) -> Bools:
        return np.asarray(self.destination == "US")

    @property
    def in_eu(self) -> Bools:
        return np.isin(self.destination, list(EU))

    @property
    def formal(self) -> Bools:
        """True for formal entries (n,) of shipments that are not low-value."""
        return np.asarray(np.isin(self.filing, _FORMAL) & ~self.low_value)


def observed(world: WorldChunk) -> Sample:
    """Return the shipments of a world's rows."""
    office, truth = world.office, world.truth
    ids = office["shipment_id"]
    first = np.concatenate([[True], ids[1:] != ids[:-1]])
    shipment = np.cumsum(first) - 1
    n = int(shipment[-1]) + 1
    head = {name: column[first] for name, column in office.items()}
    value = _numbers(office["customs_value"]) * _rates(office["currency"], office["declared_at"])
    street = head["consignee_address"] + head["consignee_postcode"]
    business = np.flatnonzero(
        _contains_any(head["consignee_name"], _FIRMS) & _contains_any(head["consignor_name"], _TRADERS) & (street != "")
    )
    importer = np.zeros(n, dtype=np.int64)
    importer[business] = [zlib.crc32(text.encode()) | 1 << 32 for text in street[business]]
    # The place of unloading identifies the destination even if the consignee is missing.
    place = np.array([text[:2] for text in head["unloading_location"]], dtype=object)
    return Sample(
        day=np.array([text[:10] for text in head["declared_at"]], dtype="datetime64[D]"),
        destination=np.where(place == "ZZ", head["consignee_country"], place),
        origin=head["consignor_country"],
        channel=head["channel"],
        filing=head["filing_type"],
        value_usd=np.asarray(np.bincount(shipment, value, n), dtype=np.float64),
        gross_kg=_numbers(head["gross_mass_kg"]),
        chapter=_chapters(head["hs_code"]),
        importer=importer,
        platform=head["marketplace"],
        has_city=np.asarray(head["consignor_city"] != ""),
        has_seller=np.asarray(head["consignor_name"] != ""),
        moved=_moved(head["origin_country"], head["export_country"]),
        violated=np.asarray(truth["violation"][first] != ""),
        illicit=np.bincount(shipment, truth["content"] != "none", n) > 0,
        opened=np.asarray(head["inspection"] != "none"),
        found=np.bincount(shipment, (office["content"] != "") & (office["content"] != "none"), n) > 0,
        port=head["unloading_location"],
    )


def _rates(currency: Texts, moment: Texts) -> Floats:
    keys = list(zip(currency.tolist(), (text[:7] for text in moment), strict=True))
    rates = {
        (code, month): usd_per_unit(code, date.fromisoformat(f"{month}-01")) or np.nan for code, month in set(keys)
    }
    return np.array([rates[key] for key in keys])


def _numbers(texts: Texts) -> Floats:
    return np.array([float(text) if text else np.nan for text in texts.tolist()], dtype=np.float64)


def _contains_any(texts: Texts, words: tuple[str, ...]) -> Bools:
    return np.array([any(word in text for word in words) for text in texts.tolist()], dtype=np.bool_)


def _chapters(texts: Texts) -> Ints:
    return np.array([int(text[:2]) if text[:2].isdigit() else 0 for text in texts.tolist()], dtype=np.int64)


def _moved(origin: Texts, export: Texts) -> Bools:
    return np.asarray((origin != "") & (export != "") & (origin != export))


_FIGURES_FILE: Final = Path(__file__).with_name("margin_figures.csv")
#: Calendars that together cover the periods of all figures: the years of growth, and the changes of law since 2025.
CALENDARS: Final = ((date(2017, 1, 1), date(2025, 8, 1)), (date(2025, 4, 14), date(2026, 10, 31)))
ROWS: Final = 60_000
#: Minimum number of shipments for a share.
MIN_SHIPMENTS: Final = 60
#: Yearly mean exchange rates in US dollars per euro, for published thresholds and means.
_USD_PER_EUR_THRESHOLD: Final = 1.12
_USD_PER_EUR_2024: Final = 1.08

#: Takes the sample, the rows (n,) of the figure's period, and the figure's argument. Returns NaN for too few shipments.
Measure = Callable[[Sample, Bools, str], float]


def _share(of: Bools, among: Bools) -> float:
    return float(of[among].mean()) if among.sum() >= MIN_SHIPMENTS else float("nan")


def _per_day(rows: Bools, first: str, last: str) -> float:
    return float(rows.sum()) / float((np.datetime64(last) - np.datetime64(first)).astype(int))


def _from_china(sample: Sample) -> Bools:
    return np.asarray(np.isin(sample.origin, ("CN", "HK")))


def _us_small(sample: Sample) -> Bools:
    return sample.to_us & sample.low_value


def _us_volume_against_2024(sample: Sample, rows: Bools, argument: str) -> float:
    small = sample.to_us & sample.small
    year, base = (sample.during(f"{int(end) - 1}-10-01", f"{end}-10-01") for end in (argument, "2024"))
    return float((small & year).sum() / (small & base).sum())


def _eu_growth(sample: Sample, rows: Bools, argument: str) -> float:
    """Return the traffic of a second period relative to a first; the argument lists the bounds of both periods."""
    first, first_end, second, second_end = argument.split()
    small = sample.in_eu & sample.small
    return float((small & sample.during(second, second_end)).sum() / (small & sample.during(first, first_end)).sum())


def _us_value_share_from_china_and_hong_kong(sample: Sample, rows: Bools, argument: str) -> float:
    small = rows & _us_small(sample)
    return float(np.nansum(sample.value_usd[small & _from_china(sample)]) / np.nansum(sample.value_usd[small]))


def _us_mail_with_advance_data(sample: Sample, rows: Bools, argument: str) -> float:
    mail = rows & sample.to_us & (sample.channel == "postal") & _of(sample.origin, argument)
    # The consignor's city is always part of advance data, and is also known for some mail without advance data.
    known_without = load_priors().table("mail.kept_without")["consignor_city"]
    return (_share(sample.has_city, mail) - known_without) / (1 - known_without)


def _of(values: Any, argument: str) -> Bools:
    """Return whether each value (n,) is the one that the argument names; an empty argument includes all."""
    return np.asarray(values == argument) if argument else np.ones(len(values), dtype=np.bool_)


def _elsewhere_parcels_under_eur(sample: Sample, rows: Bools, argument: str) -> float:
    elsewhere = rows & sample.parcels & ~sample.to_us & ~sample.in_eu
    return _share(sample.value_usd < float(argument) * _USD_PER_EUR_THRESHOLD, elsewhere)


def _share_of_platform(sample: Sample, rows: Bools, argument: str) -> float:
    """Return the share of the platform of a given rank (1: the most used) in shipments with a platform."""
    platforms = sample.platform[rows & (sample.platform != "")].astype(str)
    _, count = np.unique(platforms, return_counts=True)
    return float(np.sort(count)[::-1][int(argument) - 1] / count.sum())


def _importers_seen_once(sample: Sample, rows: Bools, argument: str) -> float:
    _, count = np.unique(sample.importer[rows & (sample.importer > 0)], return_counts=True)
    return float((count == 1).mean()) if len(count) >= MIN_SHIPMENTS else float("nan")


def _after_over_before(sample: Sample, concerned: Bools, argument: str) -> float:
    """Return the ratio of shipments per day after to before a change, corrected for the seasonality of other traffic.

    The argument consists of three days: the start, the day of the change, and the end.
    """
    start, change, end = argument.split()
    rest = ~sample.to_us & ~sample.in_eu
    before, after = (start, change), (change, end)
    per_day = [_per_day(concerned & sample.during(*days), *days) for days in (before, after)]
    rest_per_day = [_per_day(rest & sample.during(*days), *days) for days in (before, after)]
    return per_day[1] / per_day[0] * rest_per_day[0] / rest_per_day[1]


def _mean(values: Any) -> float:
    return float(np.nanmean(values))


#: Measures by their name in the file, whose column ``name`` says what they mean.
MEASURES: Final[Mapping[str, Measure]] = {
    "us_volume_against_2024": _us_volume_against_2024,
    "eu_growth": _eu_growth,
    "us_mean_value_usd": lambda s, rows, _: _mean(s.value_usd[rows & _us_small(s)]),
    "us_share_from_china": lambda s, rows, _: _share(s.origin == "CN", rows & _us_small(s)),
    "us_value_share_from_china_and_hong_kong": _us_value_share_from_china_and_hong_kong,
    "us_share_by_air_carriers": lambda s, rows, _: _share(
        np.isin(s.channel, ("express", "air_cargo")), rows & _us_small(s)
    ),
    "us_express_in_express_and_mail": lambda s, rows, _: _share(
        s.channel == "express", rows & s.to_us & np.isin(s.channel, ("express", "postal"))
    ),
    "us_share_not_by_post": lambda s, rows, _: _share(s.channel != "postal", rows & _us_small(s)),
    "us_share_classified": lambda s, rows, _: _share(s.chapter > 0, rows & s.to_us & s.small),
    "us_mail_with_advance_data": _us_mail_with_advance_data,
    "parcels_under_half_kg": lambda s, rows, origin: _share(s.gross_kg < 0.5, rows & s.parcels & _of(s.origin, origin)),
    "parcels_up_to_2_kg": lambda s, rows, _: _share(s.gross_kg <= 2, rows & s.parcels),
    "elsewhere_parcels_under_eur": _elsewhere_parcels_under_eur,
    "eu_mean_value_eur": lambda s, rows, _: _mean(s.value_usd[rows & s.in_eu & s.parcels]) / _USD_PER_EUR_2024,
    "eu_share_from_china": lambda s, rows, _: _share(s.origin == "CN", rows & s.in_eu & s.parcels),
    "parcels_of_clothing": lambda s, rows, _: _share(
        np.isin(s.chapter, (61, 62, 64)), rows & s.parcels & (s.chapter > 0)
    ),
    "share_of_platform": _share_of_platform,
    "us_air_arrivals_at_jfk": lambda s, rows, _: _share(
        s.port == "USJFK", rows & s.to_us & np.isin(s.channel, ("express", "air_cargo"))
    ),
    # The argument names a channel or a filing, or neither.
    "violations": lambda s, rows, of: _share(s.violated, rows & ~s.illicit & (_of(s.channel, of) | _of(s.filing, of))),
    "formal_from_third_country": lambda s, rows, _: _share(s.moved, rows & s.formal),
    "formal_without_seller": lambda s, rows, _: _share(~s.has_seller, rows & s.formal & (s.channel != "postal")),
    "importers_seen_once": _importers_seen_once,
    "opened_with_find": lambda s, rows, _: float(s.found[rows & s.illicit & s.opened].mean()),
    "daily_us_from_china_after_against_before": lambda s, _, days: _after_over_before(
        s, _from_china(s) & s.to_us & ~np.isin(s.channel, ("ocean", "rail")), days
    ),
    "daily_us_mail_after_against_before": lambda s, _, days: _after_over_before(
        s, s.to_us & (s.channel == "postal"), days
    ),
    "us_share_of_filings": lambda s, rows, filings: _share(np.isin(s.filing, filings.split()), rows & s.to_us),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """Published figure with its period (``first`` to the day before ``last``), and the range for the simulated value.

    The range from ``low`` to ``high`` allows for the publisher's rounding, for differences between the simulated and the
    published population, and for the sampling error of some ten thousand shipments. ``measure`` is a name in `MEASURES`, and
    ``argument`` its argument.
    """

    name: str
    published: float
    low: float
    high: float
    first: str
    last: str
    measure: str
    argument: str
    source: str


def _read() -> tuple[Figure, ...]:
    with _FIGURES_FILE.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return tuple(
        Figure(name, float(published), float(low), float(high), *texts) for name, published, low, high, *texts in rows
    )


FIGURES: Final = _read()


def margins(sample: Sample, figures: Sequence[Figure] = FIGURES) -> list[dict[str, Any]]:
    """Return one JSON object per figure whose period the sample covers: figure, published, simulated, low, high, ok, source.

    ``simulated`` is null if there are too few shipments.
    """
    result = []
    for figure in figures:
        if not sample.covers(figure.first, figure.last):
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            value = MEASURES[figure.measure](sample, sample.during(figure.first, figure.last), figure.argument)
        simulated = value if np.isfinite(value) else None
        result.append(
            {
                "figure": figure.name,
                "published": figure.published,
                "simulated": simulated,
                "low": figure.low,
                "high": figure.high,
                "ok": simulated is not None and figure.low <= simulated <= figure.high,
                "source": figure.source,
            }
        )
    return result


def compare(seed: int, *, rows: int = ROWS) -> list[dict[str, Any]]:
    """Measure all figures on worlds of ``rows`` goods items, one per calendar in `CALENDARS`. See `margins` for the result."""
    by_figure: dict[str, dict[str, Any]] = {}
    for first, last in CALENDARS:
        world = joined(list(generate(rows, seed, first_day=first, last_day=last)))
        by_figure |= {margin["figure"]: margin for margin in margins(observed(world))}
    return [by_figure[figure.name] for figure in FIGURES if figure.name in by_figure]
