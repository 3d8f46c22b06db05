"""Write the table of entries in ``docs/evidence.md`` again: ``python -m tools.evidence_table``."""

from __future__ import annotations

from pathlib import Path

from models.evidence import Entry, Evidence, read_evidence

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evidence.md"
START = "<!-- entries: written by tools/evidence_table.py -->"
END = "<!-- end of entries -->"
_HEADS = {"fentanyl_or_analogue": "F", "precursor": "P", "equipment": "E"}


def with_table(page: str, evidence: Evidence) -> str:
    """Return the text of the page with the table of these entries."""
    before, _, rest = page.partition(START)
    after = rest.partition(END)[2]
    return f"{before}{START}\n{table(evidence)}{END}{after}"


def table(evidence: Evidence) -> str:
    """Return the entries as Markdown tables, one per group."""
    lines = ["", "Base values:", "", *_rows([entry for entry in evidence.entries if entry.direction == "base"])]
    for group in evidence.groups.values():
        lines += ["", f"`{group.id}` (d = {group.d:g}): {group.text}", ""]
        lines += _rows([entry for entry in evidence.entries if entry.group == group.id])
    return "\n".join([*lines, "", ""])


def _rows(entries: list[Entry]) -> list[str]:
    return ["| entry | heads | log-odds | range | basis | source |", "|---|---|---|---|---|---|"] + [
        f"| `{entry.id}` | {' '.join(_HEADS[head] for head in entry.heads)} | {entry.log_odds:+g} | "
        f"{entry.low:g} to {entry.high:g} | {entry.basis} | {entry.source} |"
        for entry in entries
    ]


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), read_evidence()), encoding="utf-8")


if __name__ == "__main__":
    main()
