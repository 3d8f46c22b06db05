"""The page about rules: its examples work, and its tables agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

from models.permits import Register
from models.rules import OfficeRules, default_rules, known_names, parse_rules
from models.rules.conditions import FACTS, Op
from models.rules.rule import Effect
from tests.models.rules.shipments import fired_for, shipment

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return str(text)


def test_the_example_rule_fires_for_its_goods_from_a_new_shipper() -> None:
    office = OfficeRules((parse_rules(example("toml"), known_names(), "docs/rules.md"),))
    new = {"name": "Example Trading", "country": "DE", "account_opened_on": "2026-04-20"}
    resin = {"goods_description": "epoxy resin 1 kg"}
    assert fired_for(shipment(resin, consignor=new), office) == ["resin-from-new-shippers"]
    assert fired_for(shipment(resin, consignor=new | {"known": True}), office) == []
    assert fired_for(shipment(resin, consignor=new, channel="ocean"), office) == []
    assert fired_for(shipment(resin), office) == []


def test_the_example_register_makes_its_permit_count() -> None:
    office = OfficeRules(register=Register.from_text(example("csv")))
    item = {"goods_description": "fentanyl citrate", "permit_number": "IP-2026-0042"}
    assert fired_for(shipment(item)) != []
    assert fired_for(shipment(item), office) == []


def test_the_commands_are_those_of_the_command_line() -> None:
    from service.trials.command import rules_app

    commands = {command.name or getattr(command.callback, "__name__", "") for command in rules_app.registered_commands}
    assert (
        commands == set(re.findall(r"^tidewaiter rules (\w+)", example("sh"), flags=re.MULTILINE)) == {"check", "try"}
    )


def test_every_default_rule_fact_effect_and_comparison_is_documented() -> None:
    section = PAGE.partition("\n## The default set\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(r"^\| `([^`]+)` \| (\w+) \|", section, flags=re.MULTILINE))
    lane = {Effect.AT_MOST_GREEN: "green", Effect.AT_LEAST_YELLOW: "yellow", Effect.AT_LEAST_RED: "red"}
    assert documented == {rule.id: lane[rule.effect] for rule in default_rules().rules}
    for name, fact in FACTS.items():
        assert f"| `{name}` | {fact.meaning[0].lower()}{fact.meaning[1:]} |" in PAGE
    for word in (*Effect, *Op):
        assert f"`{word}`" in PAGE
