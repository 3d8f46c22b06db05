"""The prior weighs feature rows by the rules of its groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest.fields import HEADS
from models.evidence import Evidence, EvidenceFault, Prior, parse_evidence

HEAD = """
[evidence]
title = "Test"
dated = 2026-11-27
author = "Example Office"
"""
BASES = "".join(
    f"""
[[entry]]
id = "base_{head}"
direction = "base"
heads = ["{head}"]
log_odds = {-10 - number}
range = [-20, 0]
basis = "assumed"
source = "test"
dated = 2026-11-27
"""
    for number, head in enumerate(HEADS)
)
GROUPS = """
[[group]]
id = "goods"
d = 0.25
text = "the goods"
[[group]]
id = "account"
d = 1.0
text = "the account"
"""
FEATURES = ("substance_opioid", "description_grade", "hs_chapter_unused", "account_age_days", "consignee_company")


def entry(identifier: str, log_odds: float, when: str, **keys: str) -> str:
    direction = "for" if log_odds > 0 else "against"
    values = {
        "heads": f'["{HEADS_LIST[0]}"]',
        "group": '"goods"',
        "reason": '"SUBSTANCE_DECLARED"',
        "range": f"[{min(log_odds, 1.4 * log_odds)}, {max(log_odds, 1.4 * log_odds)}]",
    } | keys
    lines = "\n".join(f"{name} = {value}" for name, value in values.items())
    return f"""
[[entry]]
id = "{identifier}"
direction = "{direction}"
log_odds = {log_odds}
when = [{when}]
basis = "assumed"
source = "test"
dated = 2026-11-27
text = "said"
{lines}
"""


HEADS_LIST = list(HEADS)
OPIOID = '{ feature = "substance_opioid", at_least = 2 }'
GRADE = '{ feature = "description_grade", above = 0 }'
NEW = '{ feature = "account_age_days", from = 100, to = 0 }'


def prior(*entries: str) -> Prior:
    return Prior(parse_evidence((HEAD + GROUPS + BASES + "".join(entries)).encode()), HEADS_LIST, FEATURES)


def row(**values: float) -> np.ndarray:
    return np.array([[values.get(name, np.nan) for name in FEATURES]])


def test_without_evidence_a_head_has_its_base_value() -> None:
    assert prior(entry("a", 3.0, OPIOID)).log_odds(row(substance_opioid=1.0)).tolist() == [[-10.0, -11.0, -12.0]]


def test_an_entry_moves_only_the_heads_that_it_concerns() -> None:
    moved = prior(entry("a", 3.0, OPIOID, heads=f'["{HEADS_LIST[1]}"]')).log_odds(row(substance_opioid=2.0))
    assert moved.tolist() == [[-10.0, -8.0, -12.0]]


def test_the_strongest_of_a_group_counts_in_full_and_the_rest_times_d_for_and_against_separately() -> None:
    weighed = prior(
        entry("weak", 2.0, GRADE),
        entry("strong", 6.0, OPIOID),
        entry("against", -4.0, OPIOID),
        entry("more_against", -1.0, GRADE),
    )
    matrix = row(substance_opioid=2.0, description_grade=1.0)
    contributions = dict(
        zip([e.id for e in weighed.entries], weighed.contributions(matrix, 0)[0].tolist(), strict=True)
    )
    assert contributions == {"weak": 0.5, "strong": 6.0, "against": -4.0, "more_against": -0.25}
    assert weighed.log_odds(matrix)[0, 0] == pytest.approx(-10.0 + 0.5 + 6.0 - 4.0 - 0.25)


def test_of_alternatives_only_the_strongest_counts() -> None:
    weighed = prior(
        entry("destination", 6.0, OPIOID, one_of='"law"'),
        entry("transit", 5.0, OPIOID, one_of='"law"'),
        entry("words", 2.0, GRADE),
    )
    matrix = row(substance_opioid=2.0, description_grade=1.0)
    contributions = dict(
        zip([e.id for e in weighed.entries], weighed.contributions(matrix, 0)[0].tolist(), strict=True)
    )
    assert contributions == {"words": 0.5, "destination": 6.0, "transit": 0.0}


def test_groups_add_up() -> None:
    weighed = prior(entry("named", 6.0, OPIOID), entry("new", 2.0, NEW, group='"account"', reason='"NEW_CONSIGNOR"'))
    assert weighed.log_odds(row(substance_opioid=2.0, account_age_days=0.0))[0, 0] == -10.0 + 6.0 + 2.0


@pytest.mark.parametrize(
    ("days", "share"), [(-5.0, 2.0), (0.0, 2.0), (25.0, 1.5), (50.0, 1.0), (100.0, 0.0), (1e9, 0.0)]
)
def test_a_ramp_gives_part_of_the_weight(days: float, share: float) -> None:
    weighed = prior(entry("new", 2.0, NEW, group='"account"'))
    assert weighed.contributions(row(account_age_days=days), 0)[0].tolist() == [share]


@pytest.mark.parametrize(
    ("condition", "fires"),
    [
        ("at_least = 2", [2.0, 3.0]),
        ("above = 2", [3.0]),
        ("at_most = 2", [1.0, 2.0]),
        ("below = 2", [1.0]),
        ("equals = 2", [2.0]),
        ("at_least = 1, below = 3", [1.0, 2.0]),
    ],
)
def test_a_step_holds_within_its_bounds(condition: str, fires: list[float]) -> None:
    weighed = prior(entry("a", 1.0, f'{{ feature = "description_grade", {condition} }}'))
    assert [x for x in (1.0, 2.0, 3.0) if weighed.contributions(row(description_grade=x), 0)[0, 0]] == fires


def test_all_clauses_must_hold_and_of_any_the_strongest_term_counts() -> None:
    weighed = prior(
        entry("both", 4.0, f"{OPIOID}, {GRADE}"),
        entry("either", 2.0, f"{{ any = [{OPIOID}, {GRADE}] }}", group='"goods"', one_of='"other"'),
    )
    for opioid, grade, both, either in [(0, 0, 0, 0), (2, 0, 0, 2), (0, 1, 0, 2), (2, 1, 4, 0.5), (np.nan, 1, 0, 2)]:
        contributions = weighed.contributions(row(substance_opioid=opioid, description_grade=grade), 0)[0].tolist()
        assert dict(zip([e.id for e in weighed.entries], contributions, strict=True)) == {
            "both": both,
            "either": either,
        }


def test_a_missing_value_never_fires_an_entry() -> None:
    conditions = ("at_least = -1e300", "at_most = 1e300", "from = 0, to = 1", "from = 1, to = 0")
    weighed = prior(
        *(entry(f"e{k}", 1.0, f'{{ feature = "description_grade", {c} }}') for k, c in enumerate(conditions))
    )
    assert weighed.log_odds(row()).tolist() == [[-10.0, -11.0, -12.0]]
    assert prior(
        entry("a", 1.0, OPIOID, where='[{ feature = "consignee_company", equals = 0 }]')
    ).log_odds(row(substance_opioid=2.0))[0, 0] == -10.0  # fmt: skip


finite = st.floats(-20, 20, allow_nan=False)
values = st.lists(st.one_of(st.just(float("nan")), st.sampled_from([0.0, 1.0, 2.0]), finite), min_size=5, max_size=5)


@given(rows=st.lists(values, min_size=1, max_size=70), weights=st.lists(finite.filter(bool), min_size=4, max_size=4))
def test_one_row_and_many_rows_are_equal_to_the_last_bit_and_contributions_add_up(
    rows: list[list[float]], weights: list[float]
) -> None:
    ramp = '{ feature = "substance_opioid", from = -3.3, to = 7.1 }'
    weighed = prior(
        entry("a", weights[0], ramp),
        entry("b", weights[1], GRADE, one_of='"x"'),
        entry("c", weights[2], OPIOID, one_of='"x"'),
        entry("d", weights[3], NEW, group='"account"'),
    )
    matrix = np.array(rows)
    together = weighed.log_odds(matrix)
    assert b"".join(weighed.log_odds(matrix[k : k + 1]).tobytes() for k in range(len(rows))) == together.tobytes()
    for head in range(3):
        contributions = weighed.contributions(matrix, head)
        assert np.abs(weighed.base[head] + contributions.sum(axis=1) - together[:, head]).max() <= 1e-9


def test_a_feature_that_the_model_does_not_have_is_named() -> None:
    evidence = parse_evidence((HEAD + GROUPS + BASES + entry("press", 1.0, GRADE)).encode())
    with pytest.raises(ValueError, match=r"does not have: description_grade \(press\)"):
        Prior(evidence, HEADS_LIST, ("substance_opioid",))


def test_a_model_of_an_offices_own_label_has_no_prior() -> None:
    evidence = parse_evidence((HEAD + GROUPS + BASES + entry("a", 1.0, OPIOID)).encode())
    own = Prior(evidence, ("risk",), FEATURES)
    assert own.entries == ()
    assert own.log_odds(row(substance_opioid=2.0)).tolist() == [[0.0]]
    assert own.contributions(row(), 0).shape == (1, 0)


def test_entries_of_two_groups_that_rest_on_the_same_field_are_refused() -> None:
    one, two = entry("named", 3.0, OPIOID), entry("grade", 1.0, GRADE, group='"account"')
    with pytest.raises(EvidenceFault) as fault:
        parse_evidence((HEAD + GROUPS + BASES + one + two).encode())
    assert fault.value.problems == [
        "entry grade: rests on goods_description as entry named does, so both belong in one group, "
        "not in account and goods"
    ]


def test_a_limiting_field_may_stand_in_entries_of_several_groups() -> None:
    limited = entry("new", 1.0, NEW, group='"account"', where=f"[{OPIOID}]")
    assert prior(entry("named", 3.0, OPIOID), limited).entries[1].fields == ("consignor_account_opened_on",)


GOOD = entry("a", 1.5, GRADE)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            GOOD.replace("log_odds = 1.5", "log_odds = 4.5"),
            "entry a: log_odds 4.5 must lie in its range [1.5, 2.0999999999999996]",
        ),
        (GOOD.replace('"for"', '"against"'), "cannot be evidence against"),
        (GOOD.replace("description_grade", "grade"), "entry a: when: the feature 'grade' is unknown"),
        (GOOD.replace("above = 0", "over = 0"), "unknown condition 'over' on description_grade"),
        (GOOD.replace("above = 0", "above = true"), "needs numbers"),
        (GOOD.replace("above = 0", "from = 1, to = 1"), "two different ends"),
        (GOOD.replace("above = 0", "at_least = 2, at_most = 1"), "no value of description_grade meets"),
        (GOOD.replace('source = "test"', ""), "entry a: source is missing"),
        (GOOD.replace('"assumed"', '"felt"'), "basis must be published or assumed, got 'felt'"),
        (GOOD.replace('"SUBSTANCE_DECLARED"', '"HUNCH"'), "unknown reason 'HUNCH'"),
        (GOOD.replace('"goods"', '"bads"'), "entry a: unknown group 'bads'"),
        (GOOD.replace("dated = 2026-11-27", 'dated = "now"'), "dated must be a day"),
        (GOOD.replace(HEADS_LIST[0], "weapons"), "heads must be some of"),
        (GOOD.replace("said", "{colour}"), "text: unknown place 'colour'"),
        (GOOD + "weight = 3\n", "unknown key 'weight'"),
        (GOOD + GOOD, "entry a: the id is used twice"),
        (BASES.replace("base_", "second_"), "needs one base entry, but has 2"),
        ("nonsense", "file: not TOML"),
    ],
)
def test_an_invalid_file_is_refused_and_the_fault_named(text: str, problem: str) -> None:
    with pytest.raises(EvidenceFault) as fault:
        parse_evidence((HEAD + GROUPS + BASES + text).encode())
    assert problem in str(fault.value)


def test_the_digest_is_the_hash_of_the_file() -> None:
    source = (HEAD + GROUPS + BASES).encode()
    evidence: Evidence = parse_evidence(source)
    assert evidence.source == source
    assert evidence.digest != parse_evidence(source + b"\n").digest
