"""History features by a search through all earlier shipments: slow, and independent of the code under test."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

DAY = 86400
LIMIT = 80_000
CHEMISTRY = {"28", "29", "38"}


@dataclass(frozen=True)
class Declared:
    """One shipment. Empty texts are missing. ``known`` is the time from which its result is known, or -1."""

    reference: str
    seconds: int
    consignor: str
    consignee: str
    address: str
    cents: int
    phone: str = ""
    find: bool = False
    known: int = -1
    press: int = 0
    codes: tuple[str, ...] = ()
    city: str = ""
    postcode: str = ""

    def located(self) -> Declared:
        """Return the shipment with the place appended to consignee and address, so that they differ between places."""
        at = self.postcode or self.city
        return replace(
            self, consignee=self.consignee and self.consignee + at, address=self.address and self.address + at
        )

    @property
    def place(self) -> tuple[str, str]:
        """Kind and name of the place: the city, otherwise the area of the postcode; two empty texts without both."""
        return ("city", self.city) if self.city else ("area", self.postcode[:3]) if self.postcode else ("", "")

    @property
    def code(self) -> str:
        """The code that represents the shipment: the lowest of chemistry, otherwise the lowest; empty without codes."""
        codes = [code for code in self.codes if code]
        return min(codes, key=lambda code: (code[:2] not in CHEMISTRY, code[:4]), default="")


def windowed(now: int, earlier: Iterable[tuple[int, int]], days: int) -> float:
    """Return the sum of (seconds, amount) pairs over the window of ``days`` that ends now.

    It is the sum over the current block, plus the sum over the previous block times the remaining fraction of the current one.
    """
    block = now // (days * DAY)
    inside = list(earlier)
    present = sum(amount for at, amount in inside if at // (days * DAY) == block)
    previous = sum(amount for at, amount in inside if at // (days * DAY) == block - 1)
    hours = days * 24
    return (present * hours + previous * (hours - now // 3600 % hours)) / hours


def features(shipments: list[Declared]) -> list[dict[str, float]]:
    """Return the features that `replay` must give for each shipment. Times must ascend, and references differ."""
    out = []
    shipments = [one.located() for one in shipments]
    for i, own in enumerate(shipments):
        past = shipments[:i]
        at: dict[str, float] = {}
        visible = [j for j, one in enumerate(shipments) if one.known >= 0 and _visible(one) <= own.seconds // DAY]
        results = [shipments[j] for j in visible]
        groups: dict[str, Callable[[Declared], tuple[str, ...]]] = {
            "consignor": lambda one: (one.consignor,),
            "consignee": lambda one: (one.consignee,),
            "address": lambda one: (one.address,),
            "pair": lambda one: (one.consignor, one.consignee),
        }
        for kind, key in groups.items():
            if not all(key(own)):
                continue
            same_key = [one for one in past if key(one) == key(own)]
            at[f"{kind}_shipments"] = math.log1p(len(same_key))
            for days in (1, 7, 30, 365):
                at[f"{kind}_recent_{days}"] = windowed(own.seconds, ((one.seconds, 1) for one in same_key), days)
                cents = windowed(own.seconds, ((one.seconds, one.cents) for one in same_key), days)
                at[f"{kind}_value_{days}"] = math.log1p(cents / 100)
            at[f"{kind}_finds"] = sum(one.find for one in results if key(one) == key(own))
            at[f"{kind}_clean"] = sum(not one.find for one in results if key(one) == key(own))
            if same_key:
                at[f"{kind}_first_seen_days"] = own.seconds // DAY - same_key[0].seconds // DAY
                at[f"{kind}_last_seen_days"] = own.seconds // DAY - same_key[-1].seconds // DAY
        for kind, other, name in (
            ("consignor", "consignee", "consignees"),
            ("consignor", "address", "addresses"),
            ("consignee", "consignor", "consignors"),
            ("address", "consignee", "names"),
            ("address", "consignor", "consignors"),
        ):
            if getattr(own, kind):
                met = [one for one in past if getattr(one, kind) == getattr(own, kind) and getattr(one, other)]
                first = {getattr(one, other): one for one in reversed(met)}
                at[f"{kind}_{name}"] = len(first)
                at[f"{kind}_new_{name}_30"] = windowed(own.seconds, ((one.seconds, 1) for one in first.values()), 30)
        if own.address:
            sent = [(one.seconds, one.press) for one in past if one.address == own.address]
            at["address_press_30"] = windowed(own.seconds, sent, 30)
        if own.consignor:
            same_key = [one for one in past if one.consignor == own.consignor]
            repeats = sum(a.cents == b.cents > 0 for a, b in pairwise(same_key))
            if same_key:
                at["consignor_value_repeats"] = repeats / len(same_key)
                if own.cents:
                    at["consignor_value_same"] = float(same_key[-1].cents == own.cents)
        for name, keys in (("pair", ["pair"]), ("delivery", ["consignee", "address"])):
            at |= _split(own, past, name, [groups[key] for key in keys])
        at |= _linked(own, past, shipments)
        at |= _city(own, past)
        at |= _goods(own, past)
        if own.phone:
            same_key = [one for one in past if one.phone == own.phone]
            at["consignor_contact_names"] = sum(
                bool(a.consignor and b.consignor and a.consignor != b.consignor) for a, b in pairwise(same_key)
            )
            at["consignor_contact_finds"] = sum(one.find for one in results if one.phone == own.phone)
        out.append(at)
    return out


def _city(own: Declared, past: list[Declared]) -> dict[str, float]:
    if not own.consignor or not own.place[1]:
        return {}
    sent = [one for one in past if one.consignor == own.consignor]
    to_city = [one for one in sent if one.place == own.place]
    at = {"consignor_city_recent_7": windowed(own.seconds, ((one.seconds, 1) for one in to_city), 7)}
    # A consignee is new for a consignor only once, in the city of the first shipment to it.
    first = {one.consignee: one for one in reversed(sent) if one.consignee}
    new = [(one.seconds, 1) for one in first.values() if one.place == own.place]
    at["consignor_city_new_consignees_30"] = windowed(own.seconds, new, 30)
    return at


def _goods(own: Declared, past: list[Declared]) -> dict[str, float]:
    at: dict[str, float] = {}
    heading = own.code[:4]
    if heading and own.place[1]:
        same = [one for one in past if one.place == own.place and one.code[:4] == heading]
        at["city_heading_recent_7"] = windowed(own.seconds, ((one.seconds, 1) for one in same), 7)
    if not own.consignor:
        return at
    coded = [one.code for one in past if one.consignor == own.consignor and one.code]
    chemistry = sum(code[:2] in CHEMISTRY for code in coded)
    same_heading = sum(code[:4] == heading for code in coded)
    at["consignor_chapters"] = len({code[:2] for code in coded})
    if heading:
        at["consignor_heading_shipments"] = math.log1p(same_heading)
        if own.consignee:
            pair = own.consignor, own.consignee
            between = [one.code for one in past if (one.consignor, one.consignee) == pair]
            at["pair_heading_shipments"] = math.log1p(sum(code[:4] == heading for code in between))
    if coded:
        at["consignor_chemistry_share"] = chemistry / len(coded)
        if own.code:
            same_chapter = sum(code[:2] == own.code[:2] for code in coded)
            at["consignor_chapter_share"] = (same_chapter + 0.5) / (len(coded) + 1)
            others = (len(coded) - chemistry + 0.5) / (len(coded) + 1)
            at["consignor_chemistry_turn"] = others if own.code[:2] in CHEMISTRY else 0.0
        if heading:
            at["consignor_heading_share"] = (same_heading + 0.5) / (len(coded) + 1)
    return at


def _visible(one: Declared) -> int:
    return max(one.known // DAY, one.seconds // DAY) + 1


def _split(
    own: Declared, past: list[Declared], name: str, keys: list[Callable[[Declared], tuple[str, ...]]]
) -> dict[str, float]:
    keys = [key for key in keys if all(key(own))]
    if not keys:
        return {}
    count, sums = 0, []
    for key in keys:
        today = [
            one
            for one in past
            if key(one) == key(own) and one.seconds // DAY == own.seconds // DAY and 0 < one.cents < LIMIT
        ]
        if today and 0 < own.cents < LIMIT:
            together = sum(one.cents for one in today) + own.cents
            sums.append(math.log(together / LIMIT))
            count = max(count, len(today) if together >= LIMIT else 0)
    return {f"{name}_split": float(count)} | ({f"{name}_split_value": max(sums)} if sums else {})


def _linked(own: Declared, past: list[Declared], shipments: list[Declared]) -> dict[str, float]:
    def has_find(one: Declared, party: str) -> bool:
        """Return whether a find was known for a party of a shipment at the time of the shipment."""
        value = getattr(one, party)
        return bool(value) and any(
            other.find and other.known >= 0 and getattr(other, party) == value and _visible(other) <= one.seconds // DAY
            for other in shipments
        )

    at: dict[str, float] = {}
    for kind, others in (
        ("consignor", ("consignee", "address")),
        ("consignee", ("consignor",)),
        ("address", ("consignor",)),
    ):
        if getattr(own, kind):
            same_party = [one for one in past if getattr(one, kind) == getattr(own, kind)]
            at[f"{kind}_linked_shipments"] = sum(any(has_find(one, other) for other in others) for one in same_party)
    return at
