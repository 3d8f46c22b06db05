"""Choose real words for the goods of the project's own world.

    python -m tools.build_world_words

The result is ``training/worlds/own/goods_words.csv.gz`` with the columns ``hs6,words``. The words describe goods of a subheading
in shops, parcels and tariff indexes; they come from the tables in ``training/goods/words``.
"""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path
from typing import Final

from features.goods.codes import CODES
from features.substances import Substances
from training.goods.tables import Row, read_rows

TABLE: Final = Path(__file__).parents[1] / "training/worlds/own/goods_words.csv.gz"
#: Sources whose wordings resemble those of manifests.
_SOURCES: Final = ("products", "own_", "shopify_taxonomy", "uk_goods_words", "us_scheduleb2019")
_MAX_WORDINGS: Final = 30
_MAX_LENGTH: Final = 60
_PLAIN: Final = re.compile(r"[a-z0-9 '.,/&+()-]+")


def wording(row: Row) -> str | None:
    """Return the wording of a row for a manifest in English; None if the row does not suit."""
    if row.language != "en" or not row.source.startswith(_SOURCES) or len(row.code) < 4:
        return None
    text = (row.text or " ".join(row.words)).casefold()
    return text if 3 <= len(text) <= _MAX_LENGTH and _PLAIN.fullmatch(text) else None


def main() -> None:
    """Write the table."""
    of_code: dict[str, set[str]] = defaultdict(set)
    for row in read_rows():
        if (text := wording(row)) is not None:
            of_code[row.code].add(text)
    index = Substances.load()
    lines = []
    for hs6 in CODES.names[2]:
        # If a subheading has too few wordings, take those of its heading. Order them by a hash, so that the choice is stable.
        ranked = [sorted(of_code[code], key=_rank) for code in (hs6, hs6[:4])]
        chosen = [text for text in dict.fromkeys([*ranked[0], *ranked[1]]) if index.match(text) is None][:_MAX_WORDINGS]
        lines += [f"{hs6},{text}\n" for text in chosen if "," not in text]
    with TABLE.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(("hs6,words\n" + "".join(lines)).encode())
    print(f"{len(lines):,} wordings, {TABLE.stat().st_size / 1e6:.2f} MB")


def _rank(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()


if __name__ == "__main__":
    main()
