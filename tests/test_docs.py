"""Check that tables of the documentation agree with the code."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from features.goods.answers import Missing
from features.reference import class_definitions, recorded_law
from features.substances import KINDS
from models.scoring import DEFAULT_BASE_RATES
from models.scoring.scores import ALL_SCORE_COLUMNS
from service.core.metrics import Metrics
from service.core.settings import Settings, variables
from service.goods.answers import COLUMNS as GOODS_COLUMNS
from service.substances.answers import COLUMNS
from tools.law_cells import cells
from tools.pages import pages, with_model_note

DOCS = Path(__file__).resolve().parents[1] / "docs"


def first_cells(page: str) -> list[str]:
    """Return the first cell of each row of all tables of a page, as Markdown."""
    return re.findall(r"^\| ([^|]+) \|", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)


def code_words(page: str) -> list[str]:
    """Return the texts in backquotes of all first cells."""
    return [word for cell in first_cells(page) for word in re.findall(r"`([^`]+)`", cell)]


def test_generated_pages_agree_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEWAITER_HOST", raising=False)
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: run `make pages`"


def test_pages_written_by_hand_have_at_most_37800_words() -> None:
    root = DOCS.parent
    by_hand = {root / "README.md", root / "CONTRIBUTING.md", *DOCS.rglob("*.md")} - set(pages())
    words = [word for page in by_hand for word in page.read_text(encoding="utf-8").split()]
    assert sum(any(map(str.isalnum, word)) for word in words) <= 37_800


@pytest.mark.parametrize("measured", ["0123456789ab", "bundled"])
def test_the_page_of_figures_says_whether_the_bundled_model_was_measured(measured: str, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text('{"name": "tidewaiter", "version": "9"}', encoding="utf-8")
    digest = hashlib.sha256((tmp_path / "bundle.json").read_bytes()).hexdigest()[:12]
    line = f"Model: tidewaiter 8 ({digest if measured == 'bundled' else measured}): 3 heads."
    for before in ("This is the bundled model.", "**The bundled model is another one: tidewaiter 7.** Measure it."):
        page = with_model_note(f"# Performance\n\n{line}\n\n{before}\n\n## Targets\n", tmp_path)
        if measured == "bundled":
            assert f"{line}\n\nThis is the bundled model.\n\n## Targets\n" in page
        else:
            assert f"{line}\n\n**The bundled model is another one: tidewaiter 9 ({digest}).**" in page
    with pytest.raises(ValueError, match="names 0 measured models"):
        with_model_note("# Performance\n", tmp_path)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_has_a_target() -> None:
    for page in (*DOCS.parent.glob("*.md"), *DOCS.rglob("*.md")):
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if link.startswith("http"):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_setting_is_documented_with_its_default() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `TIDEWAITER_(\w+)` \| (\S+) \|", page, flags=re.MULTILINE))
    setting_of = variables()
    assert {f"TIDEWAITER_{name}" for name in documented} == set(setting_of)
    for name, shown in documented.items():
        field = Settings.model_fields[setting_of[f"TIDEWAITER_{name}"]]
        default: Any = field.get_default(call_default_factory=True)
        # A secret prints as asterisks, but the page documents its value.
        default = default.get_secret_value() if isinstance(default, SecretStr) else default
        assert shown == ("none" if default is None else f"`{default}`"), name


def test_columns_of_a_scored_file_are_documented_in_order() -> None:
    words = [word for word in code_words("scoring.md") if word in ALL_SCORE_COLUMNS]
    assert tuple(words) == ALL_SCORE_COLUMNS


def test_columns_of_a_resolved_file_are_documented_in_order() -> None:
    words = [word for word in code_words("substances.md") if word in COLUMNS]
    assert tuple(words) == COLUMNS


def test_columns_of_a_classified_file_and_missing_parts_are_documented() -> None:
    words = code_words("goods.md")
    assert tuple(word for word in words if word in GOODS_COLUMNS)[-len(GOODS_COLUMNS) :] == GOODS_COLUMNS
    assert {word for word in words if word in set(Missing)} == set(Missing)


def test_every_kind_of_match_and_every_class_definition_is_documented() -> None:
    words = code_words("substances.md")
    assert tuple(word for word in words if word in KINDS) == KINDS
    definitions = list(dict.fromkeys(row.definition for row in class_definitions()))
    assert [word for word in words if word in definitions] == definitions


def test_the_cells_of_the_first_questions_are_documented() -> None:
    counted: dict[str, Counter[str]] = {}
    for _, place, precision, _ in cells(date(2026, 12, 2)):
        counted.setdefault(place, Counter())[precision] += 1
    kinds = ("day", "year", "by", "not recorded")
    text = (DOCS / "law.md").read_text(encoding="utf-8")
    for place, number in counted.items():
        assert f"| {place} | {' | '.join(str(number[kind]) for kind in kinds)} |" in text, place
    day, year, by, none = (sum(number[kind] for number in counted.values()) for kind in kinds)
    flat = " ".join(text.split())
    assert f"{day + year + by + none} cells. {day} have a first day, {year} a year, {by} a day by" in flat
    assert f"and {none} are not recorded" in flat


def test_the_recorded_law_is_documented_with_its_groups_and_days() -> None:
    page = (DOCS / "law.md").read_text(encoding="utf-8")
    documented = {
        (place, group, day)
        for place, groups, day in re.findall(r"^\| [^|]+ \(`(\S+)`\) \| ([^|]+) \| (\S+) \|$", page, flags=re.MULTILINE)
        for group in re.findall(r"`(\w+)`", groups)
    }
    assert documented == {(row.jurisdiction, row.group, row.recorded_until.isoformat()) for row in recorded_law()}


def test_the_assumed_base_rates_are_documented() -> None:
    page = (DOCS / "scoring.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \| (\d+e-\d+) \|$", page, flags=re.MULTILINE)
    assert {head: float(rate) for head, rate in documented} == dict(DEFAULT_BASE_RATES)


def test_every_command_is_documented() -> None:
    from service.cli import app

    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    for group in app.registered_groups:
        typer_app = group.typer_instance
        assert typer_app is not None
        names |= {
            f"{typer_app.info.name} {command.name or getattr(command.callback, '__name__', '')}"
            for command in typer_app.registered_commands
        }
    documents = (*DOCS.glob("*.md"), DOCS.parent / "README.md")
    text = " ".join(word for page in documents for word in page.read_text(encoding="utf-8").split())
    assert names
    # One sentence documents these.
    lists, actions = ("lists", "dismissals", "suppressions", "permits"), ("import", "add", "show", "remove")
    assert (
        "`tidewaiter lists`, `dismissals`, `suppressions` and `permits` do the same, each with `import`, `add`, `show` and `remove`"
        in text
    )
    names -= {f"{topic} {action}" for topic in lists for action in actions}
    for name in names:
        assert f"tidewaiter {name}" in text or f"make {name}" in text, name


#: Tokens of the part of PromQL that the examples use.
PROMQL = re.compile(
    r"(?P<range>\[\d+[smhd]\](?:\s+offset\s+\d+[smhdw])?)|(?P<matchers>\{\w+(?:=~|!~|!=|=)\"[^\"]*\"(?:,\w+(?:=~|!~|!=|=)\"[^\"]*\")*\})"
    r"|(?P<by>(?:sum|max|min|avg)\s+by\s*\(\w+(?:,\s*\w+)*\)(?=\s*\())|(?P<operator>==|!=|>=|<=|[-+*/<>]|\b(?:and|or|unless)\b)"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-z_]+)|(?P<open>\()|(?P<close>\))|(?P<comma>,)|(?P<blank>\s+)"
)


def assert_is_promql(expression: str) -> None:
    """Check that tokens are known, brackets match, and operands and operators alternate."""
    depth, place, wants_operand = 0, 0, True
    while place < len(expression):
        token = PROMQL.match(expression, place)
        assert token is not None, expression[place:]
        kind, place = token.lastgroup, token.end()
        if kind in ("name", "number", "by"):
            assert wants_operand, expression[: token.end()]
            # A function and an aggregation are followed by their argument.
            wants_operand = kind == "by" or expression.startswith("(", place)
        elif kind in ("matchers", "range", "close"):
            assert not wants_operand, expression[: token.end()]
            depth -= kind == "close"
        elif kind == "open":
            assert wants_operand, expression[: token.end()]
            depth += 1
        elif kind in ("operator", "comma"):
            assert not wants_operand, expression[: token.end()]
            wants_operand = True
        assert depth >= 0, expression
    assert depth == 0, expression
    assert not wants_operand, expression


def test_example_alerts_use_metrics_and_reasons_that_exist() -> None:
    text = (DOCS / "alerts.yaml").read_text(encoding="utf-8")
    exported = {
        f"{metric.name}{suffix}" for metric in Metrics().registry.collect() for suffix in ("", "_total", "_bucket")
    }
    used = set(re.findall(r"tidewaiter_\w+", text))
    assert used <= exported
    assert len(used) >= 6
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert_is_promql(rule["expr"])
    source = (DOCS.parent / "service" / "core" / "http" / "protocol.py").read_text(encoding="utf-8")
    reasons = {*re.findall(r'Refusal\(\d+, "([\w-]+)"', source), "evicted", "slow-reader"}
    for pattern in re.findall(r'reason=~"([^"]+)"', text):
        for part in pattern.split("|"):
            assert any(re.fullmatch(part, reason) for reason in reasons), part
