"""Rule files: conditions and values that are read, and faults with line, rule and field."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest.fields import FIELD, FIELDS, Kind, Level
from models.rules import RulesError, default_rules, joined, known_names, load_rules, parse_rules
from models.rules.conditions import All, Leaf, Not, Op, Subject, leaves
from models.rules.conditions import Any as AnyOf
from models.rules.rule import Effect

SOUND = """\
# A comment before.
[[rule]]
id = "first"
when = {field = "channel", op = "eq", value = "postal"}
effect = "at_least_yellow"
reason = "Because"

[[rule]]
id = "second"
when = {all = [
    {feature = "hs_equipment", op = "ge", value = 1},
    {not = [{field = "consignee_name", op = "missing"}]},
]}
effect = "at_least_red"
reason = "Because"
citation = "A law"
author = "An office"
from = 2026-01-01
until = 2026-12-31
"""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def faults(text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(RulesError) as caught:
        parse_rules(text, known_names(), "office.toml")
    return [(fault.line, fault.rule, fault.field, fault.problem) for fault in caught.value.faults]


def test_a_valid_file_is_read_completely() -> None:
    first, second = parse_rules(SOUND, known_names()).rules
    assert (first.id, first.effect, first.line) == ("first", Effect.AT_LEAST_YELLOW, 2)
    assert first.when == Leaf(Subject.FIELD, "channel", Op.EQ, ("postal",))
    assert (first.first_s, first.last_s, first.citation) == (None, None, "")
    assert second.when == All(
        (
            Leaf(Subject.FEATURE, "hs_equipment", Op.GE, (1.0,)),
            Not((Leaf(Subject.FIELD, "consignee_name", Op.MISSING),)),
        )
    )
    assert second.first_s == (dt.datetime(2026, 1, 1, tzinfo=dt.UTC) - EPOCH).total_seconds()
    # The last day is included.
    assert second.last_s == (dt.datetime(2027, 1, 1, tzinfo=dt.UTC) - EPOCH).total_seconds() - 1
    assert (second.citation, second.author) == ("A law", "An office")


@pytest.mark.parametrize(
    ("old", "new", "line", "rule", "field", "words"),
    [
        ('id = "second"', 'id = "a b"', 9, "number 2", "id", "letters, digits"),
        ('id = "second"', 'id = "first"', 9, "first", "id", "the rule in line 2 already has this id"),
        ('id = "second"\n', "", 8, "number 2", "id", "is missing"),
        ('effect = "at_least_red"', 'effect = "red"', 14, "second", "effect", "at_least_yellow, at_least_red, at_most_green"),
        ('"hs_equipment"', '"hs_equipmnt"', 11, "second", "when.all[0].feature", "hs_equipment"),
        ('"consignee_name"', '"consignee"', 12, "second", "when.all[1].not[0].field", "is not a field"),
        ('"consignee_name"', '"content"', 12, "second", "when.all[1].not[0].field", "label"),
        ('op = "ge"', 'op = ">="', 11, "second", "when.all[0].op", "eq, ne, in"),
        ('op = "ge", value = 1', 'op = "ge"', 11, "second", "when.all[0].value", "is missing"),
        ('op = "ge", value = 1', 'op = "ge", value = "1"', 11, "second", "when.all[0].value", "a number"),
        ('op = "ge", value = 1', 'op = "matches", value = "1"', 11, "second", "when.all[0].op", "a number"),
        ('op = "ge", value = 1', 'op = "in", value = []', 11, "second", "when.all[0].value", "one or more"),
        ('op = "ge", value = 1', 'op = "in", value = [1,\n"2"]', 12, "second", "when.all[0].value[1]", "a number"),
        ('op = "missing"', 'op = "missing", value = 1', 12, "second", "when.all[1].not[0].value", "no value"),
        ('op = "missing"', 'op = "lt", value = "x"', 12, "second", "when.all[1].not[0].op", "the kind text"),
        ('op = "missing"', 'op = "matches", value = "("', 12, "second", "when.all[1].not[0].value", "regular expression"),
        ('"channel", op = "eq", value = "postal"', '"channel", op = "eq", value = "pigeon"', 4, "first", "when.value", "postal"),
        ("{not = [", "{any = [], not = [", 12, "second", "when.all[1]", "exactly one"),
        ("{not = [", "{none = [", 12, "second", "when.all[1].none", "unknown key"),
        ("until = 2026-12-31", "until = 2025-12-31", 19, "second", "until", "before"),
        ("from = 2026-01-01", 'from = "soon"', 18, "second", "from", "a day or a time"),
        ('author = "An office"', "author = 3", 17, "second", "author", "a text"),
        ('author = "An office"', 'autor = "An office"', 17, "second", "autor", "unknown key"),
        ('reason = "Because"\ncitation', 'reason = " "\ncitation', 15, "second", "reason", "a text"),
        ("# A comment before.", "rules = 1", 1, "", "rules", "contains only [[rule]] tables"),
        ("until = 2026-12-31", "until = = 3", 19, "", "", "not TOML"),
    ],
)  # fmt: skip
def test_a_fault_names_line_rule_and_field(old: str, new: str, line: int, rule: str, field: str, words: str) -> None:
    assert old in SOUND
    [(found_line, found_rule, found_field, problem)] = faults(SOUND.replace(old, new, 1))
    assert (found_line, found_rule, found_field) == (line, rule, field)
    assert words in problem


def test_all_faults_are_reported_in_the_order_of_their_lines_and_in_words() -> None:
    broken = SOUND.replace('op = "ge"', 'op = "like"').replace('"first"', '""').replace("until", "till")
    with pytest.raises(RulesError) as caught:
        parse_rules(broken, known_names(), "office.toml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "office.toml: the rules are invalid:"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "- line 3, rule number 1, field id",
        "- line 11, rule second, field when.all[0].op",
        "- line 19, rule second, field till",
    ]


def test_missing_files_and_files_that_are_not_text_are_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes('# a\nreason = "é"'.encode("latin-1"))
    for name, words in (("latin.toml", "line 2: the file is not UTF-8"), ("none.toml", "No such file")):
        with pytest.raises(RulesError, match=words):
            load_rules(tmp_path / name, known_names())


def test_deep_nesting_and_huge_numbers_are_faults_not_crashes() -> None:
    deep = SOUND.replace('{field = "channel", op = "eq", value = "postal"}', "{not = [" * 400 + "1" + "]}" * 400)
    assert any("deep" in fault[3] or "nested" in fault[3] for fault in faults(deep))
    huge = SOUND.replace('op = "ge", value = 1', f"op = 'ge', value = {'9' * 400}")
    assert faults(huge)[0][2] == "when.all[0].value"
    for number in ("inf", "nan"):
        assert (
            faults(SOUND.replace('op = "ge", value = 1', f"op = 'ge', value = {number}"))[0][2] == "when.all[0].value"
        )


def test_values_take_the_normal_form_of_their_field() -> None:
    text = SOUND.replace(
        '"channel", op = "eq", value = "postal"', '"origin_country", op = "in", value = ["China", "hkg"]'
    )
    assert [leaf.values for leaf in leaves(parse_rules(text, known_names()).rules[0].when)] == [("CN", "HK")]
    flag = SOUND.replace('"channel", op = "eq", value = "postal"', '"consignor_known", op = "eq", value = true')
    assert [leaf.values for leaf in leaves(parse_rules(flag, known_names()).rules[0].when)] == [("true",)]


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else f"'{value}'"


EXAMPLES = {Kind.FLAG: True, Kind.NUMBER: 1.5, Kind.TIME: "2026-05-04"}
LEAVES = st.one_of(
    st.builds(
        lambda field, op: {"field": field.name, "op": op},
        st.sampled_from([field for field in FIELDS if field.level is not Level.LABEL]),
        st.sampled_from(["present", "missing"]),
    ),
    st.builds(
        lambda field, op: {"field": field.name, "op": op, "value": EXAMPLES.get(field.kind, field.example)},
        st.sampled_from([field for field in FIELDS if field.level is not Level.LABEL]),
        st.sampled_from(["eq", "ne"]),
    ),
    st.builds(
        lambda name, op, value: {"feature": name, "op": op, "value": value},
        st.sampled_from(sorted(known_names().features)),
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
        st.floats(-1e9, 1e9),
    ),
)
CONDITIONS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda key, parts: {key: parts}, st.sampled_from(["all", "any", "not"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def read_back(condition: object) -> Any:
    """Return a condition in the form of its file."""
    if isinstance(condition, Leaf):
        return {condition.subject.value: condition.name, "op": condition.op.value}
    assert isinstance(condition, All | AnyOf | Not)
    return {type(condition).__name__.lower(): [read_back(part) for part in condition.parts]}


def without_values(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        key: [without_values(part) for part in value] if isinstance(value, list) else value
        for key, value in tree.items()
        if key != "value"
    }


@given(st.lists(CONDITIONS, min_size=1, max_size=3), st.sampled_from(sorted(Effect)))
def test_any_valid_rules_are_read_as_they_were_written(conditions: list[dict[str, Any]], effect: str) -> None:
    text = "\n".join(
        f"[[rule]]\nid = 'r{number}'\nwhen = {toml(condition)}\neffect = '{effect}'\nreason = 'Because'"
        for number, condition in enumerate(conditions)
    )
    rules = parse_rules(text, known_names()).rules
    assert [read_back(rule.when) for rule in rules] == [without_values(condition) for condition in conditions]
    assert {rule.effect for rule in rules} == {effect}


@given(CONDITIONS, st.data())
def test_a_broken_leaf_is_found_at_its_line(condition: dict[str, Any], data: st.DataObject) -> None:
    places: list[tuple[str, dict[str, Any]]] = []

    def walk(tree: dict[str, Any], path: str) -> None:
        for key in ("all", "any", "not"):
            for number, part in enumerate(tree.get(key, [])):
                walk(part, f"{path}.{key}[{number}]")
        if "op" in tree:
            places.append((path, tree))

    walk(condition, "when")
    path, leaf = data.draw(st.sampled_from(places))
    leaf["op"] = "resembles"
    text = f"[[rule]]\nid = 'one'\nwhen = {toml(condition)}\neffect = 'at_least_red'\nreason = 'Because'"
    line = text[: text.index("resembles")].count("\n") + 1
    assert [fault[:3] for fault in faults(text)] == [(line, "one", f"{path}.op")]


@given(st.text(max_size=200) | st.text("[]{}=,.'\"#\n rule", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_rules(text, known_names())
    except RulesError as error:
        found = error.faults
    else:
        return
    assert found


def test_two_sets_share_no_id() -> None:
    own = parse_rules(SOUND.replace('"second"', '"opioid-without-permit"'), known_names(), "office.toml")
    with pytest.raises(
        RulesError, match=r"office.toml.*\n.*line 8, rule opioid-without-permit, field id: .*default set"
    ):
        joined([default_rules(), own])


def test_every_default_rule_names_its_source_and_its_author() -> None:
    rules = default_rules().rules
    assert [rule.id for rule in rules if not (rule.citation and rule.author and rule.reason)] == []
    for rule in rules:
        assert rule.fields
        assert set(rule.fields) <= set(FIELD)


def test_a_named_pipe_is_refused_instead_of_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rules.toml")
    with pytest.raises(RulesError, match="not a regular file"):
        load_rules(tmp_path / "rules.toml", known_names())
