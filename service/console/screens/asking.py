"""Questions without a shipment of the office: what if a manifest were different, what a chemical is, what goods words mean."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from features.manifest.fields import ITEM_NAMES
from features.readers import Unreadable, open_table
from service.console.roles import Role
from service.console.screens.evidence import changes_between
from service.console.visit import Page, Problem, Visit
from service.core.examples import EXAMPLE_PRECURSOR

#: Fields of the form, in its order: flat name and label.
FORM: Final = (
    ("goods_description", "Goods description"),
    ("declared_chemical", "Declared chemical"),
    ("cas_number", "CAS number"),
    ("hs_code", "HS code"),
    ("origin_country", "Origin of the goods"),
    ("net_mass_kg", "Net mass, kg"),
    ("customs_value", "Value"),
    ("currency", "Currency"),
    ("channel", "Channel"),
    ("consignor_name", "Consignor"),
    ("consignor_country", "Country of the consignor"),
    ("consignee_name", "Consignee"),
    ("consignee_city", "City of the consignee"),
    ("consignee_country", "Country of the consignee"),
)
_PARTIES: Final = ("consignor", "consignee")


async def trying(visit: Visit) -> Response:
    """Show the form with an example, or the manifest of a stored decision."""
    manifest: Any = EXAMPLE_PRECURSOR
    if of := visit.query("decision").get("decision"):
        manifest = (await visit.get(f"/v1/decisions/{of}"))["manifest"] or EXAMPLE_PRECURSOR
    return await visit.page("try.html", form=FORM, texts=(_json(manifest), ""), result=None)


async def try_out(visit: Visit) -> Response:
    """Score a manifest, and a changed one if there is one, without an effect on history and queue."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    if given.get("as") == "form":
        first, texts = nested({name: text for name, _ in FORM if (text := given.get(name, "").strip())}), None
    else:
        first = read_manifest(given.get("first", ""), "the manifest")
        texts = (given.get("first", ""), given.get("changed", ""))
    changed = given.get("changed", "").strip()
    second = read_manifest(changed, "the changed manifest") if changed else None
    answers = [await _scored(visit, one) for one in (first, second) if one is not None]
    result = {
        "answers": answers,
        "changes": [] if second is None else changes_between(first, second),
        "reasons": [] if second is None else moved_between(answers[0]["reasons"], answers[1]["reasons"]),
    }
    return await visit.page("try.html", "manifests", texts=texts or (_json(first), ""), result=result)


def _json(manifest: Any) -> str:
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2).decode()


async def _scored(visit: Visit, manifest: dict[str, Any]) -> Any:
    return await visit.post("/v1/score", manifest, {"update_history": "false", "explain": "all"})


def read_manifest(given: str, what: str) -> dict[str, Any]:
    """Return a manifest from JSON, or from a header and the rows of one shipment, which are read as those of a file.

    Args:
        what: name of the text in messages.

    Raises:
        Problem: the text is neither; it says where reading ended.
    """
    text = given.strip()
    if not text.startswith(("{", "[")):
        return _of_rows(text, what)
    try:
        manifest = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Problem(
            422,
            {"detail": f"In {what}, line {error.lineno}, column {error.colno}: {error.msg}; expected one JSON object."},
        ) from None
    if not isinstance(manifest, dict):
        raise Problem(422, {"detail": f"In {what}: expected one JSON object with the shipment, not a list."})
    return manifest


def _of_rows(text: str, what: str) -> dict[str, Any]:
    expected = "Expected one JSON object, or a header and the rows of one shipment."
    try:
        with open_table(io.BytesIO(text.encode()), name=what) as reader:
            chunk = next(iter(reader))
    except Unreadable as error:
        raise Problem(422, {"detail": f"{error} {expected}"}) from None
    if chunk.rejected:
        first = chunk.rejected[0]
        raise Problem(422, {"detail": f"In {what}, line {first.line}: {first.reason}"})
    rows = [
        {name: column.values[code] for name, column in chunk.columns.items() if (code := column.codes[row]) >= 0}
        for row in range(chunk.n_rows)
    ]
    references = list(dict.fromkeys(row.get("shipment_id", "") for row in rows))
    if len(references) > 1:
        detail = f"In {what}: the rows are of {len(references)} shipments ({', '.join(references[:3])}); give one, or use Files."
        raise Problem(422, {"detail": detail})
    head = {name: value for row in reversed(rows) for name, value in row.items() if name not in ITEM_NAMES}
    return nested(head) | {"items": [{name: row[name] for name in ITEM_NAMES if name in row} for row in rows]}


def nested(flat: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON form of flat fields of one shipment with one goods item."""
    manifest: dict[str, Any] = {"shipment_id": "TRY"}
    item = {}
    for name, value in flat.items():
        role = name.partition("_")[0]
        if name in ITEM_NAMES:
            item[name] = value
        elif role in _PARTIES:
            manifest.setdefault(role, {})[name[len(role) + 1 :]] = value
        else:
            manifest[name] = value
    return manifest | ({"items": [item]} if item else {})


def moved_between(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the reasons that came, went, or changed words or weight: the largest change first.

    The n-th reason of a code before is compared with the n-th after, so that a reason whose number moved is one row.
    """
    old, new = _by_code(before), _by_code(after)
    found = []
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        weights = [one and one["weight"] for one in (was, now)]
        change = (weights[1] or 0.0) - (weights[0] or 0.0)
        if was is None or now is None or was["text"] != now["text"] or abs(change) >= 0.1:
            state = "new" if was is None else "gone" if now is None else "changed"
            text = (now or was or {})["text"]
            instead_of = was["text"] if was and now and was["text"] != now["text"] else None
            found.append(
                {
                    "text": text,
                    "instead_of": instead_of,
                    "state": state,
                    "before": weights[0],
                    "after": weights[1],
                    "change": change,
                }
            )
    return sorted(found, key=lambda one: -abs(one["change"]))


def _by_code(reasons: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], Mapping[str, Any]]:
    """Return reasons by code and their number among those of the code."""
    seen: Counter[str] = Counter()
    found = {}
    for one in reasons:
        found[one["code"], seen[one["code"]]] = one
        seen[one["code"]] += 1
    return found


async def substances(visit: Visit) -> Response:
    """Look up a chemical: the answer in a sentence, then its listings and what is not recorded."""
    asked = visit.query("q", "jurisdiction", "as_of")
    answer = await visit.get("/v1/substances", asked) if "q" in asked else None
    return await visit.page("substances.html", "result" if visit.is_part else None, asked=asked, answer=answer)


async def goods(visit: Visit) -> Response:
    """Look up goods words: likely codes, whether a declared code fits, and what the words lack."""
    asked = visit.query("q", "hs_code")
    answer = await visit.get("/v1/goods", asked) if "q" in asked else None
    return await visit.page("goods.html", "result" if visit.is_part else None, asked=asked, answer=answer)


PAGES: Final = (
    Page("GET", "/try", Role.OFFICER, trying),
    Page("POST", "/try", Role.OFFICER, try_out),
    Page("GET", "/substances", Role.VIEWER, substances),
    Page("GET", "/goods", Role.VIEWER, goods),
)
