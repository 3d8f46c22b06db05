"""Origins, destinations, channels and days: how much moves where under each regime."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from training.world.geography import BY_LAND, EU, Geography
from training.world.hashing import Floats, Ints, cumulate
from training.world.priors import Priors

CHANNELS: Final = ("express", "air_cargo", "postal", "truck", "ocean", "rail")
EXPRESS, AIR, POSTAL, TRUCK, OCEAN, RAIL = range(6)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Lanes:
    """Cells (origin, destination, channel), parallel arrays (cells,), and their ``weight`` (regimes, cells).

    ``first_day`` is days since epoch; ``regime_of_day`` and ``volume_of_day`` (days,) cover the calendar.
    """

    origin: Ints
    destination: Ints
    channel: Ints
    weight: Floats
    cumulative: Floats
    first_day: int
    regime_of_day: Ints
    volume_of_day: Floats

    def expected(self) -> Floats:
        """(cells,) share of each cell in the traffic of the whole calendar."""
        share = np.zeros(len(self.origin))
        for regime in range(len(self.weight)):
            days = self.volume_of_day[self.regime_of_day == regime].sum()
            share += days * self.weight[regime] / self.weight[regime].sum()
        return np.asarray(share / share.sum())


def _origins(destination: str, priors: Priors) -> dict[str, float]:
    name = (
        "lanes.origins_to_us"
        if destination == "US"
        else "lanes.origins_to_eu"
        if destination in EU
        else "lanes.origins_elsewhere"
    )
    shares = dict(priors.table(name))
    rest = shares.pop("OTHER")
    for code, share in priors.table("lanes.other_origins").items():
        shares[code] = shares.get(code, 0.0) + rest * share
    # Trade inside the customs union crosses no customs border.
    return {
        code: share for code, share in shares.items() if code != destination and not (code in EU and destination in EU)
    }


def _channels(origin: str, destination: str, priors: Priors) -> dict[str, float]:
    if (origin, destination) in BY_LAND:
        return dict(priors.table("channel.by_land"))
    shares = dict(priors.table("channel.to_us" if destination == "US" else "channel.elsewhere"))
    shares["truck"] = 0.0
    if not (origin == "CN" and destination in EU):
        shares["rail"] = 0.0
    total = sum(shares.values())
    return {channel: share / total for channel, share in shares.items()}


def build_lanes(priors: Priors, geography: Geography) -> Lanes:
    """The cells with their weights in the three regimes: before, after the end for CN and HK, after the end for all."""
    cells: list[tuple[int, int, int]] = []
    weights: list[tuple[float, float, float]] = []
    cn_hk, post = priors.number("regime.cn_hk_to_us_multiplier"), priors.number("regime.postal_to_us_multiplier")
    for destination, share in priors.table("lanes.destinations").items():
        for origin, part in _origins(destination, priors).items():
            for channel, fraction in _channels(origin, destination, priors).items():
                base = share * part * fraction
                if base == 0:
                    continue
                # Sea and rail consignments were not what the exemption had let grow.
                second = base * (
                    cn_hk
                    if destination == "US" and origin in ("CN", "HK") and channel not in ("ocean", "rail")
                    else 1.0
                )
                third = second * (post if destination == "US" and channel == "postal" else 1.0)
                cells.append((geography.index[origin], geography.index[destination], CHANNELS.index(channel)))
                weights.append((base, second, third))
    weight = np.array(weights).T
    origin_, destination_, channel_ = np.array(cells, dtype=np.int64).T
    first, last = priors.day("calendar.first_day"), priors.day("calendar.last_day")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    bounds = (priors.day("regime.cn_hk_to_us_from"), priors.day("regime.de_minimis_end"))
    regime = np.array([sum(day >= bound for bound in bounds) for day in days], dtype=np.int64)
    season, week = priors.table("calendar.season"), priors.table("calendar.weekdays")
    rhythm = np.array([season[_MONTHS[day.month - 1]] * week[_DAYS[day.weekday()]] for day in days])
    return Lanes(
        origin_,
        destination_,
        channel_,
        weight,
        cumulate(weight),
        (first - EPOCH).days,
        regime,
        rhythm * weight.sum(axis=1)[regime],
    )
