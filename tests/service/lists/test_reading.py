"""Reading of files of list entries: their header."""

from __future__ import annotations

import pytest

from service.lists.reading import FORMS, Faulty, Known, read_file


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("watch_entries", "kind,text,reason and optionally list,country,place,threshold,lane,source,expires_at"),
        ("dismissals", "entry_id,party,reason and optionally expires_at"),
        ("suppressions", "reason,expires_at and optionally rule_id,list,entry_id,consignor"),
        (
            "permits",
            "permit_number,party_name,party_country,valid_from,valid_until and optionally reason,substance",
        ),
    ],
)
@pytest.mark.parametrize("header", ["reason", "reason,colour", "reason,reason"])
def test_a_wrong_header_is_refused_and_required_and_optional_columns_are_named(
    topic: str, expected: str, header: str
) -> None:
    with pytest.raises(Faulty) as refused:
        read_file(FORMS[topic].topic, f"{header}\n", Known())
    assert refused.value.faults == (
        ("line 1", f"the columns are {header}; expected {expected}, each once, in any order"),
    )


@pytest.mark.parametrize("topic", FORMS)
def test_the_required_columns_suffice(topic: str) -> None:
    form = FORMS[topic]
    assert read_file(form.topic, f"{','.join(form.needed)}\n", Known()).rejected == []
