"""Files of any content are read, rejected row by row, or refused with a reason. A reader raises no other error.

Hypothesis damages sound files and builds hostile ones. ``make fuzz`` tries many more than the gate. Inputs that once failed are
in ``corpus/files``.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.readers import ColumnMapping, MappingError, Unreadable, open_table
from features.substances import Substances
from features.table.table import Coded, ManifestTable
from models.bundle import BundleRefused, ModelStore, StoreError, load, save
from models.bundle.audit import MANIFEST, seal, sha256
from models.bundle.files import json_bytes
from models.permits import Register, RegisterError
from models.rules import RulesError
from models.rules.office import DEFAULT as DEFAULT_RULES
from models.rules.reading import parse_rules
from models.scoring import RiskModel
from tests.fuzz.effort import fuzzed
from tests.models.small_model import train

ROOT: Final = Path(__file__).parents[2]
CORPUS: Final = Path(__file__).parent / "corpus"
HOSTILE: Final = ("", '"', '""', "\x00", "\ufeff", "\u202e", "=1+1", "a" * 70_000, "1e308", "1e-300", "5e-324",
                  "-0", "NaN", "inf",
                  "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1,000.5", "\ud83d\ude00", ";", "\r",
                  "\n", "\t|,", "\u0660",
                  "437-38-7", "CC(=O)N", "N-phenyl-N-(piperidin-4-yl)propanamide", "[" * 200, "293339.0")  # fmt: skip
texts = st.sampled_from([text.encode("utf-16", "surrogatepass").decode("utf-16") for text in HOSTILE]) | st.text(
    max_size=30
)
NAMES: Final = ("shipment_id", "declared_at", "goods_description", "declared_chemical", "cas_number", "hs_code", "net_mass_kg",
                "gross_mass_kg", "customs_value", "currency", "quantity", "freight_charge", "consignor_name", "consignee_name",
                "consignee_address", "consignor_account_opened_on", "routing_countries", "item_number")  # fmt: skip
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12)


def damaged(data: bytes, changes: list[tuple[float, int]], keep: float) -> bytes:
    """Return the share ``keep`` of the data from its beginning, with bytes changed at relative positions."""
    changed = bytearray(data)
    for place, byte in changes:
        changed[int(place * (len(changed) - 1))] = byte
    return bytes(changed[: max(1, int(keep * len(changed)))])


kept_shares = st.just(1.0) | st.floats(0, 1)


def read(path: Path) -> None:
    """Read a file to its end. Each row is in a chunk or rejected."""
    with suppress(Unreadable, MappingError), open_table(path) as reader:
        for chunk in reader:
            assert len(chunk.lines) == chunk.n_rows == chunk.raw.num_rows
            assert all(0 <= reject.position <= chunk.n_rows for reject in chunk.rejected)
            table = ManifestTable.from_columns(chunk.columns, chunk.n_rows, decimal=reader.decimal)
            assert table.accepted().n_rows + len(table.refusals()) == chunk.n_rows


def sound_files() -> dict[str, bytes]:
    """Return a small manifest in each format."""
    rows = [
        {name: f"{name} {number}" for name in NAMES} | {"net_mass_kg": "1.5", "hs_code": "392690"}
        for number in range(20)
    ]
    text = ",".join(NAMES) + "\n" + "".join(",".join(f'"{value}"' for value in row.values()) + "\n" for row in rows)
    lines = "".join(json.dumps({"shipment_id": row["shipment_id"], "items": [row]}) + "\n" for row in rows)
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row | {"net_mass_kg": 1.5} for row in rows]), parquet)
    return {
        "in.csv": text.encode(), "in.jsonl": lines.encode(), "in.parquet": parquet.getvalue(),
        "in.csv.gz": gzip.compress(text.encode(), mtime=0), "utf16.csv": text.encode("utf-16"),
    }  # fmt: skip


SOUND: Final = sound_files()


@fuzzed()
@given(st.sampled_from(sorted(SOUND)), edits, kept_shares)
def test_damaged_manifests(tmp_path_factory: pytest.TempPathFactory, name: str, changes: Any, keep: float) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(damaged(SOUND[name], changes, keep))
    read(path)


@fuzzed()
@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.jsonl", "a.parquet", "a.csv.gz"]))
def test_manifests_of_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    read(path)


@fuzzed()
@given(
    st.lists(st.lists(texts, min_size=1, max_size=5), max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_csv_of_hostile_cells(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, end: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    lines = [delimiter.join(NAMES[:4]), *(delimiter.join(row) for row in rows)]
    path.write_bytes(end.join(lines).encode("utf-8", "surrogatepass"))
    read(path)


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


@fuzzed()
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, texts)), min_size=1, max_size=6))
def test_shipments_of_hostile_values_are_scored_and_explained(model: RiskModel, rows: list[dict[str, str]]) -> None:
    columns = {name: Coded.from_list([row.get(name) for row in rows]) for name in NAMES}
    table = ManifestTable.from_columns(columns, len(rows)).accepted()
    if table.n_rows:
        answers = model.score(table, model.history.copy(), explain="all").answers()
        json.dumps(answers, allow_nan=False)
        assert all(0.0 < answer["risk"] < 1.0 for answer in answers)


CHEMICAL: Final = ("fent", "anyl", "4-", "N-", "(", ")", "[", "]", "piperidin", "phenyl", "propan", "amide",
                   "carf", "-", " ", ",", "'", "1-",
                   "2-", "CC", "c1ccccc1", "N1", "=O", "InChI=1S/", "/c", "HCl", "437-38-7", "\u829c\u592a\u5c3c",
                   "\u0444\u0435\u043d", "boc", "\u200b", "0")  # fmt: skip


@fuzzed()
@given(st.lists(st.sampled_from(CHEMICAL), max_size=12).map("".join) | texts, st.booleans())
def test_chemicals_of_any_text_are_resolved_or_not(text: str, chemical: bool) -> None:
    index = Substances.load()
    match = index.match(text, chemical=chemical)
    assert match is None or match.substance
    index.match_cas(text)


@pytest.fixture(scope="module")
def sound_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "sound"
    save(train(), folder)
    return folder


BUNDLE_FILES: Final = ("bundle.json", "space.json", "space.npz", "reference.npz", "history.npz", "rules.toml",
                       "check.npz", "card.json",
                       "booster_precursor.txt")  # fmt: skip


@fuzzed()
@given(st.sampled_from(BUNDLE_FILES), edits, kept_shares, st.booleans())
def test_damaged_bundles(sound_bundle: Path, name: str, changes: Any, keep: float, resealed: bool) -> None:
    """A damaged bundle is refused or loads, even if its sums were computed again after the damage."""
    # LightGBM ends the process on some damaged texts of trees. Sums protect against damage, and a signature against malice.
    resealed = resealed and not name.startswith("booster")
    folder = sound_bundle.with_name("damaged")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound_bundle, folder)
    data = damaged((folder / name).read_bytes(), changes, keep)
    (folder / name).write_bytes(data)
    if resealed and name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = {"sha256": sha256(data), "size": len(data)}
        manifest["seal"] = seal(manifest)
        (folder / MANIFEST).write_bytes(json_bytes(manifest))
    with suppress(BundleRefused):
        load(folder)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@fuzzed()
@given(st.data())
def test_bundles_with_any_value_in_their_manifest(sound_bundle: Path, data: st.DataObject) -> None:
    folder = sound_bundle.with_name("any")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound_bundle, folder)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    place = manifest
    key = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(values)
    try:
        manifest["seal"] = seal(manifest)
        (folder / MANIFEST).write_bytes(json_bytes(manifest))
    except ValueError:  # Infinity and NaN have no canonical form.
        (folder / MANIFEST).write_text(json.dumps(manifest))
    with suppress(BundleRefused):
        load(folder)


@fuzzed()
@given(st.binary(max_size=80))
def test_pointers_of_any_bytes(sound_bundle: Path, data: bytes) -> None:
    store = sound_bundle.with_name("store")
    store.mkdir(exist_ok=True)
    (store / "current").write_bytes(data)
    with suppress(StoreError):
        ModelStore(store).current()


RULES: Final = DEFAULT_RULES.read_bytes()
MAPPINGS: Final = {path.name: path.read_bytes() for path in sorted((ROOT / "docs" / "mappings").glob("*.toml"))}


@fuzzed()
@given(edits, kept_shares)
def test_damaged_rules(changes: Any, keep: float) -> None:
    read_rules(damaged(RULES, changes, keep).decode("utf-8", "replace"))


def read_rules(text: str) -> None:
    from models.rules import known_names

    with suppress(RulesError):
        parse_rules(text, known_names())


leaves = st.fixed_dictionaries(
    {},
    optional={
        "field": texts | st.sampled_from(NAMES),
        "feature": texts,
        "evidence": texts,
        "op": st.sampled_from(["eq", "ne", "in", "lt", "matches", "missing"]) | texts,
        "value": values,
    },
)


@fuzzed()
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": texts,
                "when": st.fixed_dictionaries(
                    {},
                    optional={"all": st.lists(leaves, max_size=3), "any": values, "not": st.lists(leaves, max_size=2)},
                )
                | values,
                "effect": st.sampled_from(["at_least_red", "at_most_green"]) | texts,
                "reason": texts,
            },
            optional={"from": texts, "citation": values},
        ),
        max_size=3,
    )
)
def test_rules_of_any_value(rules: list[dict[str, Any]]) -> None:
    read_rules("".join(f"[[rule]]\n{toml_of(rule)}" for rule in rules))


def toml_of(table: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {inline(value)}\n" for key, value in table.items())


def inline(value: Any) -> str:
    """Return a value as TOML in one line; None becomes an empty text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps("" if value is None else value)


@fuzzed()
@given(st.sampled_from(sorted(MAPPINGS)), edits, kept_shares)
def test_damaged_mappings(name: str, changes: Any, keep: float) -> None:
    read_mapping(damaged(MAPPINGS[name], changes, keep).decode("utf-8", "replace"))


@fuzzed()
@given(
    st.dictionaries(
        st.sampled_from(["files", "columns", "join", "constants", "values", "scale", "dates", "fields"]),
        st.dictionaries(st.sampled_from(NAMES) | texts, values, max_size=3),
        max_size=4,
    )
)
def test_mappings_of_any_value(document: dict[str, dict[str, Any]]) -> None:
    read_mapping("".join(f"[{name}]\n{toml_of(table)}" for name, table in document.items()))


def read_mapping(text: str) -> None:
    """Read a mapping, and a file with it."""
    with suppress(MappingError, Unreadable):
        mapping = ColumnMapping.from_text(text)
        with open_table(io.BytesIO(SOUND["in.csv"]), mapping=mapping) as reader:
            for chunk in reader:
                ManifestTable.from_columns(chunk.columns, chunk.n_rows, decimal=reader.decimal)


REGISTER: Final = (ROOT / "training" / "gate" / "officer" / "register.csv").read_bytes()


@fuzzed()
@given(edits, kept_shares)
def test_damaged_registers(changes: Any, keep: float) -> None:
    with suppress(RegisterError):
        Register.from_text(damaged(REGISTER, changes, keep).decode("utf-8", "replace"))


@pytest.mark.parametrize("path", sorted((CORPUS / "files").glob("*")), ids=lambda path: path.name)
def test_inputs_that_once_failed_are_read_or_refused(path: Path) -> None:
    if path.suffix == ".toml":
        (read_rules if path.name.startswith("rules") else read_mapping)(path.read_text("utf-8"))
    else:
        read(path)
