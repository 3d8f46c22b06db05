"""Segments of trade, played out as flows between parties."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

from training.worlds.levant_freezone.parties import (
    AGENTS,
    CARRIERS,
    DAYS,
    GOODS,
    KINDS,
    PLACE,
    SCALARS,
    START,
    TRADES,
    UN_LISTING,
    WORDS,
    Dice,
    Plan,
    Town,
    route,
)


def profile(dice: Dice, text: str, width: int, one: bool = False) -> list[str]:
    """Choose the kinds of goods of a flow; of one trade if wanted."""
    chosen: list[str] = []
    for _ in range(1 + int(dice.u() * width)):
        word = dice.weigh(text)
        word = dice.weigh(TRADES) if word == "*" else word
        word = GOODS[chosen[0]]["trade"] if chosen and one else word
        chosen.append(word[1:] if word[0] == "@" else dice.of(KINDS[word]))
    return chosen


def flow(dice: Dice, town: Town, segment: dict[str, Any], number: int) -> list[Plan]:
    """Plan one order or run of business: a sender, a receiver and dates."""
    start = (number * 0.6180339887) % 1.0 * DAYS  # evenly spread, so that no period is without a group
    kinds = profile(dice, segment["goods"], segment.get("width", 2), segment["name"] == "maker")
    later = profile(dice, segment.get("later", segment["goods"]), segment.get("width", 2))
    sender = town.find("from", segment, GOODS[kinds[0]]["trade"], start)
    receiver = town.find("to", segment, GOODS[kinds[0]]["trade"], start, sender.country)
    way, channel = route(dice, sender.country, receiver.country, segment), dice.weigh(segment["chan"])
    if channel == "truck" and not {sender.country, receiver.country} <= set(SCALARS["road"].split()):
        channel = "air_cargo"
    carrier, agent = dice.of(CARRIERS[channel].split()), dice.of(AGENTS)
    currency = dice.of(["USD", "USD", "USD", PLACE[sender.country]["cur"], PLACE[receiver.country]["cur"]])
    illicit = bool(segment.get("content"))
    runs = min(1 + dice.more(segment.get("k", 1) * (1 if illicit or dice.hit(0.85) else 3)), 7 if illicit else 99)
    plans, day, new = [], start, None
    content = dice.weigh(segment["content"]) if illicit else "none"
    for index in range(runs):
        if index:
            day += -math.log(1 - dice.u()) * segment.get("gap", 24)
        if day >= DAYS:
            day = start + (DAYS - start) * dice.u() if illicit else day % DAYS  # old business runs on from before
        to, by = receiver, sender
        if index and dice.hit(segment.get("split", 0)):  # the same door under another name
            to = replace(town.alias(receiver, segment, day), key=receiver.key, phone=receiver.phone)
        changed = segment.get("rename") and index >= max(1, runs // 2)
        if changed or (index and segment.get("master")):  # a later name, or houses of one sender under several names
            new = by = new if changed and new else town.alias(sender, segment, day)
        shifted = changed or ("later" in segment and not segment.get("rename") and day > UN_LISTING + 20 * dice.n())
        master = f"{number}" if segment.get("master") else ""
        plans.append(
            Plan(
                day,
                segment,
                by,
                to,
                channel,
                later if shifted else kinds,
                content,
                way,
                carrier,
                agent,
                currency,
                master,
            )
        )
    for index in range(dice.more(segment.get("cover", 0.0))):  # the same sender's honest business
        base = plans[index % runs]
        honest = {"name": "", "chan": "", "items": 1.0, "mix": 0.6}
        other = (
            base.receiver if dice.hit(0.4) else town.make("trader", "general", base.receiver.country, segment, base.day)
        )
        when = base.day + 0.05 * index if base.master else dice.u() * DAYS
        plans.append(
            replace(
                base,
                day=min(when, DAYS - 0.01),
                segment=honest,
                receiver=other,
                content="none",
                kinds=profile(dice, "*:1", 3),
                facts={},
            )
        )
    return plans


def plan_all(dice: Dice, total: int) -> list[Plan]:
    """Play all segments until each has its share; what is left goes to the marketplaces."""
    town, plans, number, owed = Town(dice), list[Plan](), 0, 0.0
    segments = WORDS["segment"]
    base = sum(s["share"] for s in segments if not s.get("hard") and not s.get("content"))
    factor = (0.996 - sum(s["share"] for s in segments) + base) / base
    for segment in [*segments, {**next(s for s in segments if s["name"] == "market"), "share": 1.0}]:
        special = segment.get("hard") or segment.get("content")
        owed += segment["share"] * (1.0 if special else factor) * total
        part: list[Plan] = []
        own = 0
        while own < round(owed) and len(plans) + len(part) < total:
            number += 1
            new = flow(dice, town, segment, number)
            mine = [p for p in new if p.segment is segment][: round(owed) - own]
            part += mine + [p for p in new if p.segment is not segment]
            own += len(mine)
        owed -= own
        plans += part[: total - len(plans)]
    for plan in plans:  # quiet days push goods to the next
        date = START + dt.timedelta(days=plan.day)
        new_year = plan.sender.country == "CN" and (date.month, date.day // 12) in ((1, 2), (2, 0))
        quiet = 0.45 * (date.weekday() in (4, 6)) + 0.4 * new_year
        if dice.hit(quiet) and plan.day < DAYS - 3:
            plan.day += 1 + 2 * dice.u() * (0 if plan.master else 1)
        plan.sender.opened = min(plan.sender.opened, plan.day - 1 - 2 * dice.u())
    return sorted(plans, key=lambda p: p.day)
