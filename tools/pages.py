"""Write what is made from the code, pages and the catalogue of texts: ``python -m tools.pages`` (``make pages``)."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from features.manifest.fields import FIELDS
from models.bundle import champion_dir
from models.evidence import Entry, read_evidence

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
GENERATED: Final = DOCS / "generated"
PERFORMANCE: Final = DOCS / "performance.md"
CONSOLE: Final = DOCS.parent / "service" / "console"
_HEADS: Final = {"fentanyl_or_analogue": "F", "precursor": "P", "equipment": "E"}
_NOTE: Final = "`make pages` writes this page from the code.\n"


def pages() -> dict[Path, str]:
    """Return the text of each page that is made from the code."""
    return {
        GENERATED / "api.md": endpoints(),
        GENERATED / "evidence.md": entries(),
        GENERATED / "manifest.md": manifest_fields(),
        PERFORMANCE: with_model_note(PERFORMANCE.read_text(encoding="utf-8")),
        CONSOLE / "locale" / "messages.pot": texts(),
    }


def texts() -> str:
    """Return the catalogue of the console's texts in gettext's format, for translators. Each text names its files."""
    catalog = Catalog(charset="utf-8")
    methods = [("templates/**.html", "jinja2.ext.babel_extract"), ("**.py", "python")]
    options = {"templates/**.html": {"trimmed": "false", "silent": "false"}}
    for file, _, message, comments, context in extract_from_dir(str(CONSOLE), methods, options):
        catalog.add(message, locations=[(file, 1)], auto_comments=comments, context=context)
    written = io.BytesIO()
    write_po(written, catalog, omit_header=True, include_lineno=False, sort_output=True, width=120)
    return written.getvalue().decode()


def endpoints() -> str:
    """Return the table of endpoints, with the scope that a key needs."""
    from service.app import create_app
    from service.core.settings import Settings

    paths: dict[str, dict[str, Any]] = create_app(Settings()).openapi()["paths"]
    rows = [
        f"| `{method.upper()} {path}` | {endpoint['summary']} | {_scopes(endpoint)} |"
        for path, methods in paths.items()
        for method, endpoint in methods.items()
    ]
    head = [_title("Endpoints"), "| endpoint | what it does | scope |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _scopes(endpoint: dict[str, Any]) -> str:
    return ", ".join(f"`{scope}`" for one in endpoint.get("security", []) for scope in one.get("key", [])) or "none"


def entries() -> str:
    """Return the entries of evidence, one table per group."""
    evidence = read_evidence()
    lines = [_title("Entries of evidence")]
    lines += [
        "F is `fentanyl_or_analogue`, P `precursor`, E `equipment`. The conditions are in `models/evidence/evidence.toml`.",
        "",
    ]
    lines += ["Base values:", "", *_rows([entry for entry in evidence.entries if entry.direction == "base"])]
    for group in evidence.groups.values():
        lines += ["", f"`{group.id}` (d = {group.d:g}): {group.text}", ""]
        lines += _rows([entry for entry in evidence.entries if entry.group == group.id])
    return "\n".join([*lines, ""])


def _rows(of_group: list[Entry]) -> list[str]:
    return ["| entry | heads | log-odds | range | basis | source |", "|---|---|---|---|---|---|"] + [
        f"| `{entry.id}` | {' '.join(_HEADS[head] for head in entry.heads)} | {entry.log_odds:+g} | "
        f"{entry.low:g} to {entry.high:g} | {entry.basis} | {entry.source} |"
        for entry in of_group
    ]


def manifest_fields() -> str:
    """Return the table of the fields of a manifest."""
    rows = []
    for field in FIELDS:
        codes = f" Codes: {', '.join(f'`{code}`' for code in field.codes)}." if field.codes else ""
        unit = f" Unit: {field.unit}." if field.unit else ""
        rows.append(f"| `{field.name}` | {field.kind.value} | {field.description}.{codes}{unit} |")
    head = [_title("Fields of a manifest"), "| column | kind | meaning |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _title(text: str) -> str:
    return f"# {text}\n\n{_NOTE}"


def with_model_note(page: str, folder: Path | None = None) -> str:
    """Return the page of benchmarks with a true statement, below the measured model, on whether it is the bundled one.

    Args:
        folder: folder of the bundled model; default: the champion.
    """
    path = (champion_dir() if folder is None else folder) / "bundle.json"
    bundle, digest = json.loads(path.read_bytes()), hashlib.sha256(path.read_bytes()).hexdigest()[:12]

    def noted(found: re.Match[str]) -> str:
        if found["digest"] == digest:
            note = "This is the bundled model."
        else:
            note = (
                f"**The bundled model is another one: {bundle['name']} {bundle['version']} ({digest}).** "
                "`make benchmarks` measures it."
            )
        return f"{found['model']}\n\n{note}\n"

    line = r"^(?P<model>Model: .+ \((?P<digest>[0-9a-f]{12})\).*)\n\n(?:This is the bundled|\*\*The bundled).*\n"
    changed, count = re.subn(line, noted, page, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"The page names {count} measured models; exactly one was expected.")
    return changed


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
