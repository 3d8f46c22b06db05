"""Two new schemes that begin during the year, and the entries that an officer writes by hand against them.

A scheme is an abstract pattern of manifests after published indicators: goods that do not fit the declared code or value, parties
that change while the pattern stays, new accounts (FinCEN advisory FIN-2019-A006). Words, parties and amounts are invented. Lawful
trade in the same goods goes on before and after. The first scheme scores near the top, the second in the middle of the traffic. The
entries were written from the patterns alone, without knowledge of `tidewaiter propose`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np

#: Columns of a manifest row.
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """How shipments of a kind are declared.

    Attributes:
        kg, usd: least and largest mass and value of a shipment.
        account_days: least and largest age of the sender's account.
        firms: number of senders at a time.
        lasts: weeks after which all senders are replaced; 0 for never.
        agents: agents who file. Empty: the agent of the shipment that gives all other fields.
    """

    kg: tuple[float, float]
    usd: tuple[float, float]
    account_days: tuple[int, int]
    firms: int
    lasts: int
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme, the lawful trade that looks like it, and the entry against it.

    Attributes:
        name: its name in the figures.
        content: content of its shipments.
        goods: declared goods, of the lawful trade too.
        codes: declared HS codes.
        first, second: words of the names of its senders.
        entry: rule of an office, in TOML.
    """

    name: str
    content: str
    goods: tuple[str, ...]
    codes: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    illicit: Pattern
    lawful: Pattern
    entry: str

    def row(self, template: Row, *, illicit: bool, week: int, draw: np.random.Generator) -> Row:
        """Return the template of another shipment with goods, sender and amounts of the scheme or of the lawful trade."""
        kind = self.illicit if illicit else self.lawful
        wave = week // kind.lasts if kind.lasts else 0
        number = int(draw.integers(kind.firms))
        # The same senders for all shipments of a wave, whatever else was drawn.
        of_firm = np.random.default_rng([*self.name.encode(), illicit, wave, number])
        firm = f"{of_firm.choice(self.first)} {of_firm.choice(self.second)} {'Co' if number % 2 else 'Ltd'}"
        street = f"No {of_firm.integers(2, 98)} Sample Road, Unit {of_firm.integers(1, 40)}"
        opened = int(of_firm.integers(*kind.account_days))
        declared = dt.datetime.fromisoformat(template["declared_at"])
        kg, usd = draw.uniform(*kind.kg), draw.uniform(*kind.usd)
        stated = draw.random() < 0.85
        return template | {
            "goods_description": str(draw.choice(self.goods)),
            "hs_code": str(draw.choice(self.codes)) if draw.random() < 0.9 else "",
            "consignor_name": firm,
            "consignor_address": street,
            "consignor_phone": "",
            "consignor_email": "",
            "consignor_account_opened_on": (declared - dt.timedelta(days=opened)).date().isoformat() if stated else "",
            "consignor_known": "",
            "agent_name": str(draw.choice(kind.agents)) if kind.agents else template["agent_name"],
            "net_mass_kg": f"{kg:.2f}",
            "gross_mass_kg": f"{kg * 1.1:.2f}",
            "customs_value": f"{usd:.2f}",
            "currency": "USD",
            "freight_charge": f"{min(usd, 12.0 + 2.0 * kg):.2f}",
            "quantity": str(draw.integers(1, 4)),
            "quantity_unit": "",
            "declared_chemical": "",
            "cas_number": "",
            "cus_number": "",
            "undg_number": "",
            "permit_number": "",
        }


SALT: Final = Scheme(
    "reef salt",
    "precursor",
    (
        "reef salt mix",
        "aquarium mineral salt",
        "marine salt for aquarium",
        "REEF SALT refill bag",
        "mineral salt aquaria",
    ),
    ("382499", "250100", "283329"),
    ("Bluefin", "Coralis", "Lagoon", "Tidepool", "Anemone", "Seabright", "Atoll"),
    ("Reef Supply", "Aqua Trade", "Marine Goods", "Aquatics", "Pet Articles"),
    Pattern((0.8, 3.0), (9.0, 28.0), (12, 75), 5, 5),
    Pattern((2.0, 12.0), (24.0, 140.0), (220, 2400), 12, 0),
    r"""
[[rule]]
id = "reef-salt-from-new-accounts"
when = {all = [
    {field = "goods_description", op = "matches", value = '\b(reef|aquari\w+|marine)\b.*\bsalt\b|\bsalt\b.*\baquari\w+'},
    {feature = "customs_value_usd", op = "lt", value = 30},
    {any = [
        {feature = "account_age_days", op = "lt", value = 90},
        {field = "consignor_account_opened_on", op = "missing"},
    ]},
]}
effect = "at_least_red"
reason = "Aquarium salt of low value is sent by a new account, as in the finds"
citation = "Order of the targeting unit after finds"
author = "Targeting unit"
""",
)

BURRS: Final = Scheme(
    "grinder burrs",
    "equipment",
    (
        "coffee grinder burr set",
        "burrs for coffee grinder",
        "spare burr assembly",
        "GRINDER BURR kit",
        "burr set hardened steel",
    ),
    ("850990", "821000", "732690"),
    ("Arabella", "Monte Crema", "Robusta", "Kaffa", "Brewline", "Portafil", "Crema"),
    ("Parts", "Coffee Tools", "Barista Goods", "Kitchen Spares", "Trading"),
    Pattern((4.0, 11.0), (18.0, 60.0), (200, 1500), 6, 6, ("Harbourline Forwarding", "Quickstep Cargo Desk")),
    Pattern((0.3, 2.5), (25.0, 190.0), (150, 2600), 14, 0),
    r"""
[[rule]]
id = "heavy-grinder-burrs"
when = {all = [
    {field = "goods_description", op = "matches", value = '\bburrs?\b'},
    {field = "net_mass_kg", op = "gt", value = 3},
    {feature = "customs_value_usd", op = "lt", value = 70},
]}
effect = "at_least_red"
reason = "Grinder burrs are too heavy for their value, as in the finds"
citation = "Order of the targeting unit after finds"
author = "Targeting unit"
""",
)

SCHEMES: Final = (SALT, BURRS)
