"""Inspections by the simulated office: rules with a capacity, random inspections, leads from investigations, and labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.reference import HsRole, hs_of_interest
from training.arrays import Bools, Floats, Hashes, Ints, Texts
from training.worlds.own.priors import Priors
from training.worlds.own.trade.items import Items
from training.worlds.own.trade.parties import FORWARDER
from training.worlds.own.trade.plan import CONTENTS, DAY_S, Shipments

#: Words in descriptions that the office's rules match: published names of substance groups and kinds of equipment.
_WATCHED: Final = re.compile(
    r"fentan|nitazen|piperid|norfent|anpp|phenethyl|propionyl|pill press|tablet press|die set|punch and die|capsule fill|precursor"
)
_WATCHED_ROLES: Final = (HsRole.FENTANYL, HsRole.NITAZENE, HsRole.PRECURSOR, HsRole.EQUIPMENT)
NOT_INSPECTED, RANDOM, TARGETED = range(3)
INSPECTIONS: Final = ("none", "random", "targeted")


@dataclass(slots=True)
class Outcome:
    """Results of inspections.

    Per shipment (n,): ``inspection`` is an index of INSPECTIONS. ``probability`` of selection is NaN if unknown. ``known_s`` is
    the time of the result. ``whole_shipment`` states that the find is recorded for the whole shipment, and ``seized`` that there
    was a find. Per item (m,): ``found`` is an index of CONTENTS.
    """

    inspection: Ints
    probability: Floats
    known_s: Ints
    found: Ints
    whole_shipment: Bools
    seized: Bools


class WatchList:
    """Numbers of parties or addresses with finds, and the earliest time at which a find was known."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def add(self, numbers: Hashes, known_s: Ints) -> None:
        for number, second in zip(numbers.tolist(), known_s.tolist(), strict=True):
            self._known[number] = min(second, self._known.get(number, second))

    def holds(self, numbers: Hashes, time_s: Ints) -> Bools:
        """Return whether each number (n,) was on the list at its time ``time_s`` (n,)."""
        if not self._known:
            return np.zeros(len(numbers), dtype=np.bool_)
        listed = np.array(sorted(self._known), dtype=np.uint64)
        since = np.array([self._known[int(number)] for number in listed.tolist()], dtype=np.int64)
        at = np.minimum(np.searchsorted(listed, numbers), len(listed) - 1)
        return np.asarray((listed[at] == numbers) & (since[at] <= time_s))


class Office:
    """Simulated customs office. Its watch lists contain consignors and consignees with finds, and the addresses of both."""

    def __init__(self, priors: Priors) -> None:
        self._capacity, self._random = priors.number("inspection.targeted"), priors.number("inspection.random")
        self._detection, self._shipment_level = (
            priors.number("inspection.detection"),
            priors.number("inspection.shipment_level"),
        )
        self._delay = priors.number("inspection.delay_days")
        self._leads = priors.number("inspection.leads_on_clean"), priors.number("inspection.leads_on_illicit")
        self._watch = priors.number("inspection.watch_list")
        self._lists = [WatchList() for _ in range(4)]
        self._watched_hs = frozenset(hs6 for hs6, row in hs_of_interest().items() if row.role in _WATCHED_ROLES)

    def inspect(
        self,
        shipments: Shipments,
        items: Items,
        texts: Texts,
        hs: Texts,
        value_usd: Floats,
        gross_kg: Floats,
        account_shown: Bools,
        rng: np.random.Generator,
    ) -> Outcome:
        """Select and inspect shipments, and add finds to the watch lists.

        ``texts``, ``hs`` and ``value_usd`` (m,), and ``gross_kg`` and ``account_shown`` (n,), are declared values.
        """
        n, s = len(shipments), items.shipment
        score = self._rules(shipments, s, texts, hs, value_usd, gross_kg, account_shown) + 0.55 * rng.random(n)
        target = score > np.quantile(score, 1 - self._capacity) if n > 1 else np.zeros(n, dtype=np.bool_)
        drawn = ~target & (rng.random(n) < self._random)
        illicit = shipments.plan_row >= 0
        lead = ~target & ~drawn & (rng.random(n) < np.where(illicit, self._leads[1], self._leads[0]))
        inspection = np.where(target | lead, TARGETED, np.where(drawn, RANDOM, NOT_INSPECTED))
        probability = np.where(target, 1.0, np.where(drawn, self._random, np.nan))
        days = 1 + (self._delay - 1) * rng.beta(1.6, 3.0, n)
        # Leads come from investigations, which take longer than inspections.
        days = np.where(lead, days + 10 * rng.random(n), days)
        detected = (inspection != NOT_INSPECTED) & (rng.random(n) < self._detection)
        whole_shipment = detected & illicit & (rng.random(n) < self._shipment_level)
        found = np.where(detected[s], items.content, 0)
        of_shipment = np.zeros(n, dtype=np.int64)
        np.maximum.at(of_shipment, s, found)
        found = np.where(whole_shipment[s], of_shipment[s], found)
        known_s = shipments.time_s + (days * DAY_S).astype(np.int64)
        seized = detected & illicit
        for watched, numbers in zip(self._lists, _numbers(shipments), strict=True):
            watched.add(numbers[seized], known_s[seized])
        return Outcome(inspection, probability, known_s, found, whole_shipment, seized)

    def _rules(
        self,
        shipments: Shipments,
        s: Ints,
        texts: Texts,
        hs: Texts,
        value_usd: Floats,
        gross_kg: Floats,
        account_shown: Bools,
    ) -> Floats:
        n = len(shipments)
        words = np.fromiter(
            (_WATCHED.search(text.lower()) is not None for text in texts.tolist()), dtype=np.bool_, count=len(texts)
        )
        listed = np.fromiter((code[:6] in self._watched_hs for code in hs.tolist()), dtype=np.bool_, count=len(hs))
        score = np.bincount(s, words * 1.0 + listed * 0.7, n).clip(max=1.8)
        value = np.bincount(s, value_usd, n)
        score += 0.6 * ((gross_kg > 1) & (value < 4 * gross_kg))
        score += 0.5 * (account_shown & (shipments.day - shipments.consignor.opened_on < 45))
        score += 0.3 * (shipments.consignee.kind == FORWARDER)
        score += 0.25 * (shipments.export != shipments.origin)
        on_list = [
            watched.holds(numbers, shipments.time_s)
            for watched, numbers in zip(self._lists, _numbers(shipments), strict=True)
        ]
        return np.asarray(score + self._watch * np.logical_or.reduce(on_list))


def _numbers(shipments: Shipments) -> tuple[Hashes, Hashes, Hashes, Hashes]:
    consignor, consignee = shipments.consignor, shipments.consignee
    return consignor.number, consignor.address, consignee.number, consignee.address


def content_texts(outcome: Outcome, s: Ints) -> Texts:
    """Return the labels (m,): '' without a result, and 'none' if the inspection found nothing in the item."""
    names = np.array(CONTENTS, dtype=object)
    return np.where((outcome.inspection != NOT_INSPECTED)[s], names[outcome.found], "")
