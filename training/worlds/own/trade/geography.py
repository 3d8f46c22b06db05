"""Countries, places, postcodes and ports of the world."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.worlds.own.priors import Priors
from training.worlds.own.trade.hashing import Ints

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

    codes: NDArray[np.object_]
    index: dict[str, int]
    locale: list[str]
    currency: NDArray[np.object_]
    dial: NDArray[np.object_]
    city: NDArray[np.object_]
    postcode: NDArray[np.object_]
    first_place: Ints
    n_places: Ints
    ports: NDArray[np.object_]
    first_port: Ints
    n_ports: Ints
    in_eu: NDArray[np.bool_]


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


def _ports(countries: list[dict[str, str]], us_airports: Mapping[str, float]) -> tuple[NDArray[np.object_], Ints, Ints]:
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
