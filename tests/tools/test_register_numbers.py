"""The script that takes opioids and precursors from public registers."""

from __future__ import annotations

import json
from pathlib import Path

from tools.build_register_numbers import REGISTERS, rows


def record(name: str, smiles: str, cas: str, *categories: str) -> dict[str, object]:
    return {"names": [name], "smiles": smiles, "cas_num": cas, "categories": list(categories)}


def test_listed_substances_give_numbers_and_others_rows_by_class_or_category(tmp_path: Path) -> None:
    registers: dict[str, list[dict[str, object]]] = {name: [] for name in REGISTERS} | {
        "cayman": [
            record("Fentanyl (oxide) (CRM)", "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", "7732-18-5", "Opioids"),
            record("Fentanyl-d5", "CCC(=O)N(c1ccccc1)C1CCN(CCc2c([2H])cccc2)CC1", "118357-29-2", "Opioids"),
            record("Nonanoyl fentanyl", "CCCCCCCCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", "", "Opioids"),
            record("Aspirin", "CC(=O)Oc1ccccc1C(=O)O", "50-78-2", "Opioids"),
            record("Tianeptine", "CN1c2ccccc2C(NCCCCCCC(=O)O)c2ccc(Cl)cc2S1(=O)=O", "30123-17-2", "Opioids"),
        ],
        "cfsre": [record("Strangeopioid", "CCCCCCCC(CCN(C)C)c1ccccc1", "", "Novel Opioid")],
    }
    for name, records in registers.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(records))
    found = {row[0]: (row[1], row[3], row[6]) for row in rows(tmp_path)}
    assert found == {
        "Fentanyl": ("7732-18-5", "fentanyl", "false"),
        "Nonanoyl fentanyl": ("", "fentanyl", "true"),
        "Strangeopioid": ("", "other_opioid", "false"),
    }
