"""Samples of simulated shipments as small arrays, for the comparison with published figures."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference import usd_per_unit
from training.worlds.own.chunks import WorldChunk
from training.worlds.own.trade.geography import EU
from training.worlds.own.trade.hashing import Floats, Ints
from training.worlds.own.trade.names import WORDS

Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
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
    account: Bools
    port: Texts

    def __len__(self) -> int:
        return len(self.day)

    def during(self, first: str, last: str) -> Bools:
        """Return whether each shipment (n,) was declared from the day ``first`` on, but before ``last``."""
        return np.asarray((self.day >= np.datetime64(first)) & (self.day < np.datetime64(last)))

    def covers(self, first: str, last: str) -> bool:
        """Return whether the sample covers a period, except at most four days at each end."""
        if not len(self):
            return False
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


class Observer:
    """Builder of a `Sample` from the chunks of a world, in about a hundred bytes per shipment."""

    def __init__(self) -> None:
        self._parts: list[Sample] = []
        self._rates: dict[tuple[str, str], float] = {}

    def add(self, chunk: WorldChunk) -> None:
        """Add the next rows."""
        office, truth = chunk.office, chunk.truth
        ids = office["shipment_id"]
        first = np.concatenate([[True], ids[1:] != ids[:-1]])
        shipment = np.cumsum(first) - 1
        n = int(shipment[-1]) + 1
        head = {name: column[first] for name, column in office.items()}
        at = np.array([text[:10] for text in head["declared_at"]], dtype="datetime64[D]")
        value = _numbers(office["customs_value"]) * self._rate(office["currency"], office["declared_at"])
        street = head["consignee_address"] + head["consignee_postcode"]
        business = np.flatnonzero(
            _contains_any(head["consignee_name"], _FIRMS)
            & _contains_any(head["consignor_name"], _TRADERS)
            & (street != "")
        )
        importer = np.zeros(n, dtype=np.int64)
        importer[business] = [zlib.crc32(text.encode()) | 1 << 32 for text in street[business]]
        # The place of unloading identifies the destination even if the consignee is missing.
        place = np.array([text[:2] for text in head["unloading_location"]], dtype=object)
        self._parts.append(
            Sample(
                day=at,
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
                account=np.asarray(head["consignor_account_opened_on"] != ""),
                port=head["unloading_location"],
            )
        )

    def sample(self) -> Sample:
        """Return the sample of all shipments so far. Raises `ValueError` if there are no shipments."""
        if not self._parts:
            raise ValueError("no rows were added; expected at least one chunk of a world")
        return Sample(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in self._parts])
                for field in fields(Sample)
            }
        )

    def _rate(self, currency: Texts, moment: Texts) -> Floats:
        keys = list(zip(currency.tolist(), (text[:7] for text in moment), strict=True))
        for code, month in set(keys) - set(self._rates):
            self._rates[code, month] = usd_per_unit(code, date.fromisoformat(f"{month}-01")) or np.nan
        return np.array([self._rates[key] for key in keys])


def _numbers(texts: Texts) -> Floats:
    return np.array([float(text) if text else np.nan for text in texts.tolist()], dtype=np.float64)


def _contains_any(texts: Texts, words: tuple[str, ...]) -> Bools:
    return np.array([any(word in text for word in words) for text in texts.tolist()], dtype=np.bool_)


def _chapters(texts: Texts) -> Ints:
    return np.array([int(text[:2]) if text[:2].isdigit() else 0 for text in texts.tolist()], dtype=np.int64)


def _moved(origin: Texts, export: Texts) -> Bools:
    return np.asarray((origin != "") & (export != "") & (origin != export))
