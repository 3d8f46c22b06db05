"""Count false hits of the substance index per shipment of lawful goods, by kind of match.

``python -m tools.false_hits [--rows N] [--seeds N]`` simulates goods items of lawful trade and resolves their descriptions. A hit
is a true declaration if the description contains a name, synonym, abbreviation or CAS number of the substance, or a stem of its
class. Such items are left out, because the law decides about them, not the recogniser. Every other hit counts as false and is
printed.

The logarithm of recall over false hits per shipment limits the weight of a kind of match in ``models/evidence/evidence.toml``. No
false hit in n texts counts as one in n.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter

from features.reference import substances
from features.substances import Match, Substances
from training.worlds.own import generate

#: Stems of the names of class members, by which a person would recognise these too.
_STEMS = ("fentan", "nitaz", "piperidin", "benzimidazol")


def main() -> None:
    """Print texts, false hits and limits."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="goods items per world")
    parser.add_argument("--seeds", type=int, default=8, help="number of worlds")
    options = parser.parse_args()
    index, names = Substances.load(), _names()
    texts: Counter[str] = Counter()
    for seed in range(options.seeds):
        for chunk in generate(rows=options.rows, seed=30_000 + seed):
            lawful = (chunk.truth["content"] == "none") & (chunk.truth["network_id"] == "")
            texts.update(chunk.office["goods_description"][lawful].tolist())
    texts.pop("", None)
    false: Counter[str] = Counter()
    declared = 0
    distinct = list(texts)
    for text, match in zip(distinct, index.match_all(distinct), strict=True):
        if match is None or not match.hit:
            continue
        if _declares(text, match, names):
            declared += texts[text]
            continue
        false[match.kind] += texts[text]
        print(f"{match.kind}\t{match.substance}\t{texts[text]}\t{text}")
    n = texts.total() - declared
    print(f"{n:,} harmless goods items, {len(texts):,} different descriptions; {declared:,} true declarations left out")
    for kind in ("exact", "identifier", "systematic", "translated", "misspelt", "class"):
        print(f"{kind:12} {false[kind]:6} false, at most {max(false[kind], 1) / n:.2e} per item")


def _names() -> dict[str, list[str]]:
    return {
        row.name: [_plain(name) for name in (row.name, *row.synonyms, *row.abbreviations, row.cas) if name]
        for row in substances()
    }


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _declares(text: str, match: Match, names: dict[str, list[str]]) -> bool:
    """Return whether the text itself contains a name of the matched substance, or a stem of the names of its class."""
    plain = _plain(text)
    if match.kind == "class" and any(stem in plain for stem in _STEMS):
        return True
    return any(name and name in plain for name in (*names.get(match.substance, ()), _plain(match.cas)))


if __name__ == "__main__":
    main()
