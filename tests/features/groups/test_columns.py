"""Declaration and row code of each feature group use the same columns."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from features.groups.base import Column, Group, GroupInput
from features.groups.history.history import History
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable

GROUPS = Path(__file__).parents[3] / "features" / "groups"
#: Groups with the same columns in every model. The history group copies the columns of the history, and those of the own
#: group depend on the office's data; both have tests of their own.
NAMES = sorted({group.name for group in FeatureSpace().groups} - {"history"})
SENTINEL = 123.25
GOODS = [
    ("cotton t-shirt men 12 pcs", "610910", "9", "0.2"),
    ("fentanyl citrate 99 % powder", "2933334000", "4", "0.1"),
    ("tablet press TDP 5 spare parts", "847989", "35", "0.9"),
    (None, None, None, None),
    ("亚麻衬衫", "291814", "12", "5"),
]


OTHER_FIELDS: dict[str, Sequence[str | None]] = {
    "gross_mass_kg": ["9", None, "7"],
    "package_count": ["1", "2"],
    "freight_charge": ["3", None],
    "channel": ["express", "ocean", None],
    "transport_mode": ["4", "1"],
    "package_type": ["DR", "BX"],
    "origin_country": ["CN", "US", None],
    "export_country": ["CN", "HK"],
    "consignor_country": ["CN", None],
    "consignee_country": ["US"],
    "loading_location": ["CNPVG", "HKHKG"],
    "unloading_location": ["USLAX"],
    "routing_countries": ["KR;CN", None],
    "carrier_id": ["DHL"],
    "consignor_name": ["Example Chem Co Ltd", "Ann Lee", None],
    "consignee_name": ["Ann Lee", "Po Box Forwarding"],
    "consignee_address": ["Flat 5, Long Road", None],
    "consignor_phone": ["+86 755 1", "+1 212", None],
    "consignor_email": ["a@gmail.com", None],
    "consignee_postcode": ["90210", "9"],
    "consignor_known": ["true", None],
    "consignor_account_opened_on": ["2020-01-01", None],
    "transaction_nature": ["31", "32", "21"],
    "house_id": ["RR473124829DE", "H-1", None],
    "master_id": ["125-12345675", None],
}


def table(n: int = 200) -> ManifestTable:
    columns: dict[str, Sequence[str | None]] = {
        "shipment_id": [f"S{i // 2}" for i in range(n)],
        "declared_at": ["2026-03-01"] * n,
        "currency": ["USD"] * n,
        "quantity": ["2"] * n,
        "declared_chemical": ["aniline"] * n,
        **{
            name: [GOODS[i % len(GOODS)][k] for i in range(n)]
            for k, name in enumerate(("goods_description", "hs_code", "customs_value", "net_mass_kg"))
        },
        **{name: [texts[i % len(texts)] for i in range(n)] for name, texts in OTHER_FIELDS.items()},
    }
    return ManifestTable.from_columns(
        {name: Coded.from_list(texts) for name, texts in columns.items()}, n, receipt=1_780_000_000
    )


@pytest.fixture(scope="module")
def rows() -> ManifestTable:
    return table()


@pytest.fixture(scope="module")
def fitted(rows: ManifestTable) -> dict[str, Group]:
    return {group.name: group for group in FeatureSpace().fit(rows).groups}


def sources_of(name: str) -> list[Path]:
    """Return the modules of a group, first the one that declares its columns. Groups with compiled row code have three."""
    parts = [GROUPS / name / f"{part}.py" for part in ("columns", "rows", "group")]
    return parts if parts[0].exists() else [GROUPS / f"{name}.py"]


def module_of(source: Path) -> str:
    return ".".join(source.relative_to(GROUPS.parents[1]).with_suffix("").parts)


def columns_of(name: str) -> type[Column]:
    module = importlib.import_module(module_of(sources_of(name)[0]))
    (columns,) = {
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Column) and kind is not Column
    }
    return columns


def filled(group: Group, rows: ManifestTable) -> np.ndarray:
    out = np.full((rows.n_rows, len(group.features)), SENTINEL)
    group.fill(GroupInput(rows, group.texts), np.empty((0, 0)), out)
    return out


@pytest.mark.parametrize("name", NAMES)
def test_features_are_the_columns_in_their_order(name: str, fitted: dict[str, Group]) -> None:
    columns = columns_of(name)
    assert [feature.name for feature in fitted[name].features] == [column.feature for column in columns]
    assert [*columns] == [*range(len(fitted[name].features))]


def test_every_column_of_every_group_is_written(rows: ManifestTable) -> None:
    space = FeatureSpace().fit(rows)
    matrix = np.full((rows.n_rows, len(space.names)), SENTINEL)
    history = History.empty().advance(rows).values
    for learned in (True, False):
        space.fill(rows, history, matrix, learned=learned)
    assert [name for name, column in zip(space.names, matrix.T, strict=True) if (column == SENTINEL).any()] == []


def from_source(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load a module of the project as plain Python from the given source, in place of the loaded one."""
    spec = importlib.util.spec_from_loader(name, SourceFileLoader(name, name))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(source, name, "exec"), vars(module))  # noqa: S102 - our own source, changed by one line
    return module


def with_inserted_column(name: str, position: int, monkeypatch: pytest.MonkeyPatch) -> type[Group]:
    """Return the class of a group whose enum of columns has one more member."""
    declared, *others = sources_of(name)
    source = declared.read_text(encoding="utf-8")
    (enum,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Column" for base in node.bases)
    )
    members = [node for node in enum.body if isinstance(node, ast.Assign)]
    lines = source.splitlines()
    at = members[position].lineno - 1 if position < len(members) else (members[-1].end_lineno or 0)
    lines.insert(at, '    INSERTED = "VALUE_MISSING", "A column that nothing writes"')
    loaded = from_source(module_of(declared), "\n".join(lines), monkeypatch)
    for path in others:
        loaded = from_source(module_of(path), path.read_text(encoding="utf-8"), monkeypatch)
    (group,) = (
        kind
        for kind in vars(loaded).values()
        if isinstance(kind, type) and issubclass(kind, Group) and kind is not Group
    )
    return group


@pytest.mark.parametrize("where", [0.0, 0.5, 1.0], ids=["first", "in the middle", "last"])
@pytest.mark.parametrize("name", NAMES)
def test_inserting_a_column_moves_no_value_to_another(
    name: str, where: float, fitted: dict[str, Group], rows: ManifestTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = fitted[name]
    position = int(where * len(group.features))
    wider = with_inserted_column(name, position, monkeypatch)()
    assert wider.features[position].name == "inserted"
    wider.restore(*group.state())
    some = rows.take(np.arange(40))
    np.testing.assert_array_equal(np.delete(filled(wider, some), position, axis=1), filled(group, some))


def code_of_groups() -> list[Path]:
    return [path for name in NAMES for path in sources_of(name) if path.name != "columns.py"]


@pytest.mark.parametrize("path", code_of_groups(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_constant_for_a_column_has_the_name_of_its_member(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.Assign):
            continue
        for part in ast.walk(node.value):
            if isinstance(part, ast.Attribute) and ast.unparse(part.value).endswith("Column"):
                target = ast.unparse(node.targets[0])
                is_number = "cython.declare" in ast.unparse(node.value)
                assert not is_number or part.attr.endswith(target.removeprefix("_")), f"{target} is {part.attr}"


@pytest.mark.parametrize("path", code_of_groups(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_column_is_written_by_a_literal_number(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("matrix", "out", "rows", "row"):
            index = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
            is_column = isinstance(node.slice, ast.Tuple) or ast.unparse(node.value) == "row"
            assert not (is_column and isinstance(index, ast.Constant)), f"{path}, line {node.lineno}"
