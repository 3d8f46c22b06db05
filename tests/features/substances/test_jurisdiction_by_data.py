"""A jurisdiction is data alone: rows of tables and a structure test in a file, without code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from features.reference import reading

ADDED = {
    "control_listings.csv": [
        "Etonitazene,FJ,Invented Drugs Act,Schedule 1,listed,2001-02-03,,day,assumed,invented,",
        "Nitazenes (class),FJ,Invented Drugs Act,Schedule 1 (class),listed,2024-05-06,,day,assumed,invented,",
    ],
    "recorded_law.csv": ["FJ,nitazene,2026-01-01,assumed,invented,"],
    "class_definitions.csv": [
        "fj-nitazene,nitazene,FJ,Nitazenes (class),parent,whole molecule,none,false,,assumed,invented",
        "fj-nitazene,nitazene,FJ,Nitazenes (class),a,phenyl of the benzyl group,alkoxy up to three carbons,false,,assumed,invented",
        "fj-nitazene,nitazene,FJ,Nitazenes (class),b,amine,ethyl,false,,assumed,invented",
        "fj-nitazene,nitazene,FJ,Nitazenes (class),c,anywhere else,unclear,true,,assumed,invented",
    ],
}
STRUCTURES = """
[[definitions.fj-nitazene]]
pattern = "[CX4]([CX4][NX3;+0:1])n1c([CX4][c:2]2[c:2][c:2][c:2][c:2][c:2]2)nc2c1cccc2"
changes = [
    { at = [2], is = ["alkoxy<=3"], limb = "a" },
    { at = [1], is = ["ethyl"], limb = "b" },
    { at = [], is = ["nitro"], limb = "c", possible = true },
]
"""
ASK = """
import json, sys
from datetime import date
from pathlib import Path
from features.reference import reading
reading.DATA = Path(sys.argv[1])
from features.substances import Substances, listed_in_place, status
index = Substances.load()
answers = []
for text, day in json.loads(sys.argv[2]):
    match = index.match(text, chemical=True)
    on = date.fromisoformat(day)
    limbs = [(one.result, *one.limbs) for one in match.classes if one.definition == "fj-nitazene"]
    answers.append([listed_in_place(match, on, "FJ"), [one.by for one in status(match, on, "FJ").controlled], limbs])
print(json.dumps(answers))
"""


def test_an_invented_jurisdiction_is_added_by_rows_of_tables(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(reading.DATA, folder)
    for name, rows in ADDED.items():
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8") + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    path = folder / "class_structures.toml"
    path.write_text(path.read_text(encoding="utf-8") + STRUCTURES, encoding="utf-8")
    within = "CCN(CC)CCn1c(Cc2ccc(OCC)cc2)nc2ccccc12"  # etodesnitazene
    outside = "CCN(CC)CCn1c(Cc2ccc(SC)cc2)nc2ccccc12"
    questions = [
        ("etonitazene", "2001-02-02"),
        ("etonitazene", "2001-02-03"),
        (within, "2024-05-05"),
        (within, "2024-05-06"),
        (outside, "2024-05-06"),
        (outside, "2026-01-02"),
        ("isotonitazene", "2024-05-06"),
    ]
    run = [sys.executable, "-c", ASK, str(folder), json.dumps(questions)]
    answers = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    met, open_ended = [["met", "a", "b"]], [["possible", "a", "b", "c"]]
    assert answers == [
        [False, [], open_ended],
        [True, ["name"], open_ended],
        [False, [], met],
        [True, ["class"], met],
        [False, [], []],
        [None, [], []],
        [None, ["possible"], open_ended],
    ]
