"""Measures of published figures on a sample of simulated shipments.

Each function in `MEASURES` takes the sample, the rows (n,) of the figure's period, the figure's argument and the priors. It
returns the measured value, or NaN if there are too few shipments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from training.worlds.own.checks.margin_sample import Bools, Sample
from training.worlds.own.priors import Priors

#: Minimum number of shipments for a share.
MIN_SHIPMENTS: Final = 60
#: Yearly mean exchange rates in US dollars per euro, for published thresholds and means.
_USD_PER_EUR_THRESHOLD: Final = 1.12
_USD_PER_EUR_2024: Final = 1.08

Measure = Callable[[Sample, Bools, str, Priors], float]


def _share(of: Bools, among: Bools) -> float:
    return float(of[among].mean()) if among.sum() >= MIN_SHIPMENTS else float("nan")


def _per_day(rows: Bools, first: str, last: str) -> float:
    return float(rows.sum()) / float((np.datetime64(last) - np.datetime64(first)).astype(int))


def _fiscal_year(year: int) -> tuple[str, str]:
    return f"{year - 1}-10-01", f"{year}-10-01"


def _from_china(sample: Sample) -> Bools:
    return np.asarray(np.isin(sample.origin, ("CN", "HK")))


def _us_small(sample: Sample) -> Bools:
    return sample.to_us & sample.low_value


def us_volume_against_2024(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Low-value shipments to the United States in a fiscal year relative to 2024."""
    small = sample.to_us & sample.small
    year = small & sample.during(*_fiscal_year(int(argument)))
    return float(year.sum() / (small & sample.during(*_fiscal_year(2024))).sum())


def eu_growth(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Low-value shipments to the EU in a second period relative to a first; the argument lists the bounds of both periods."""
    first, first_end, second, second_end = argument.split()
    small = sample.in_eu & sample.small
    return float((small & sample.during(second, second_end)).sum() / (small & sample.during(first, first_end)).sum())


def us_mean_value_usd(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Mean value of low-value shipments to the United States in US dollars."""
    return float(np.nanmean(sample.value_usd[rows & _us_small(sample)]))


def us_share_from_china(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of China in low-value shipments to the United States."""
    return _share(sample.origin == "CN", rows & _us_small(sample))


def us_value_share_from_china_and_hong_kong(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of China and Hong Kong in the value of low-value shipments to the United States."""
    small = rows & _us_small(sample)
    return float(np.nansum(sample.value_usd[small & _from_china(sample)]) / np.nansum(sample.value_usd[small]))


def us_share_by_air_carriers(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of express carriers and air cargo in low-value shipments to the United States."""
    return _share(np.isin(sample.channel, ("express", "air_cargo")), rows & _us_small(sample))


def us_express_in_express_and_mail(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of express in all express and mail shipments to the United States."""
    both = rows & sample.to_us & np.isin(sample.channel, ("express", "postal"))
    return _share(sample.channel == "express", both)


def us_share_not_by_post(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of low-value shipments to the United States outside the post."""
    return _share(sample.channel != "postal", rows & _us_small(sample))


def us_share_classified(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of low-value shipments to the United States with a classification."""
    return _share(sample.chapter > 0, rows & sample.to_us & sample.small)


def us_mail_with_advance_data(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of mail to the United States with advance data; the argument may name an origin."""
    mail = rows & sample.to_us & (sample.channel == "postal")
    if argument:
        mail &= sample.origin == argument
    # The consignor's city is always part of advance data, and is also known for some mail without advance data.
    known_without = priors.table("mail.kept_without")["consignor_city"]
    return (_share(sample.has_city, mail) - known_without) / (1 - known_without)


def parcels_under_half_kg(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of parcels below 0.5 kg; the argument may name an origin."""
    parcels = rows & sample.parcels
    if argument:
        parcels = parcels & (sample.origin == argument)
    return _share(sample.gross_kg < 0.5, parcels)


def parcels_up_to_2_kg(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of parcels of at most 2 kg."""
    return _share(sample.gross_kg <= 2, rows & sample.parcels)


def elsewhere_parcels_under_eur(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of parcels outside the US and EU with a value below a limit in euros."""
    elsewhere = rows & sample.parcels & ~sample.to_us & ~sample.in_eu
    return _share(sample.value_usd < float(argument) * _USD_PER_EUR_THRESHOLD, elsewhere)


def eu_mean_value_eur(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Mean value of parcels to the EU in euros."""
    return float(np.nanmean(sample.value_usd[rows & sample.in_eu & sample.parcels])) / _USD_PER_EUR_2024


def eu_share_from_china(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of China in low-value parcels to the EU."""
    return _share(sample.origin == "CN", rows & sample.in_eu & sample.parcels)


def parcels_of_clothing(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of clothing and footwear in classified parcels."""
    return _share(np.isin(sample.chapter, (61, 62, 64)), rows & sample.parcels & (sample.chapter > 0))


def share_of_platform(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of the platform of a given rank (1: the most used) in shipments with a platform."""
    platforms = sample.platform[rows & (sample.platform != "")].astype(str)
    _, count = np.unique(platforms, return_counts=True)
    return float(np.sort(count)[::-1][int(argument) - 1] / count.sum())


def us_air_arrivals_at_jfk(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of JFK in arrivals by air in the United States."""
    return _share(sample.port == "USJFK", rows & sample.to_us & np.isin(sample.channel, ("express", "air_cargo")))


def violations(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of lawful shipments with a violation; the argument may name a channel or a filing."""
    lawful = rows & ~sample.illicit
    if argument:
        lawful = lawful & ((sample.channel == argument) | (sample.filing == argument))
    return _share(sample.violated, lawful)


def formal_from_third_country(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of formal entries whose goods originate outside the exporting country."""
    return _share(sample.moved, rows & sample.formal)


def formal_without_seller(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of formal entries without a seller, mail excluded."""
    return _share(~sample.has_seller, rows & sample.formal & (sample.channel != "postal"))


def importers_seen_once(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of importing firms with a single shipment."""
    importers = sample.importer[rows & (sample.importer > 0)]
    _, count = np.unique(importers, return_counts=True)
    return float((count == 1).mean()) if len(count) >= MIN_SHIPMENTS else float("nan")


def opened_with_find(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of opened illicit shipments in which the content was found."""
    return float(sample.found[rows & sample.illicit & sample.opened].mean())


def daily_us_from_china_after_against_before(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Ratio of daily shipments from China and Hong Kong to the US, without sea and rail, after to before the exemption's end."""
    concerned = _from_china(sample) & sample.to_us & ~np.isin(sample.channel, ("ocean", "rail"))
    return _after_over_before(sample, concerned, argument)


def daily_us_mail_after_against_before(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Ratio of daily mail items to the United States after to before the exemption's end."""
    return _after_over_before(sample, sample.to_us & (sample.channel == "postal"), argument)


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


def us_share_of_filings(sample: Sample, rows: Bools, argument: str, priors: Priors) -> float:
    """Share of the given filings in shipments to the United States."""
    return _share(np.isin(sample.filing, argument.split()), rows & sample.to_us)


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        measure.__name__: measure
        for measure in (
            us_volume_against_2024, eu_growth, us_mean_value_usd, us_share_from_china,
            us_value_share_from_china_and_hong_kong, us_share_by_air_carriers, us_express_in_express_and_mail,
            us_share_not_by_post, us_share_classified, us_mail_with_advance_data, parcels_under_half_kg, parcels_up_to_2_kg,
            elsewhere_parcels_under_eur, eu_mean_value_eur, eu_share_from_china, parcels_of_clothing, share_of_platform,
            us_air_arrivals_at_jfk, violations, formal_from_third_country, formal_without_seller, importers_seen_once,
            opened_with_find, daily_us_from_china_after_against_before, daily_us_mail_after_against_before,
            us_share_of_filings,
        )
    }
)  # fmt: skip
