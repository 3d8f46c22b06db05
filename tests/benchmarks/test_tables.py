"""Tables of figures, for a terminal and for a page."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmarks.tables import Table, number, share, times

TABLE = Table("Speed", ("server", "req/s"), (("ours [x]", "2,100"), ("a|b", "12.0")), "Requests a second.")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.000"),
        (0.00123, "0.00123"),
        (0.0456, "0.046"),
        (0.9994, "0.999"),
        (1.0, "1.00"),
        (9.99, "9.99"),
        (12.345, "12.3"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (-1234.5, "-1,234"),
        (2_000_000.0, "2,000,000"),
        (None, "-"),
        (float("nan"), "-"),
    ],
)
def test_numbers_have_three_digits_or_all_before_the_point(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_ratios_and_shares() -> None:
    assert (times(3.21), times(None), share(0.125)) == ("3.21x", "-", "12.5 %")


def test_markdown_is_a_table_with_heading_and_note() -> None:
    assert TABLE.markdown() == (
        "### Speed\n\nRequests a second.\n\n| server | req/s |\n|---|---:|\n| ours [x] | 2,100 |\n| a/b | 12.0 |\n"
    )


def test_a_terminal_shows_every_cell_as_it_is() -> None:
    out = io.StringIO()
    TABLE.show(Console(file=out, width=80))
    for text in ("Speed", "server", "ours [x]", "2,100", "a|b", "Requests a second."):
        assert text in out.getvalue()


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns, got the row"):
        Table("Speed", ("server", "req/s"), (("ours",),))
