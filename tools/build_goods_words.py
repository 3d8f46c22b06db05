"""Reduce goods texts of public sources to tables of words by HS code.

    python -m tools.build_goods_words RAW_DIR

RAW_DIR contains one CSV per source with the columns ``source,language,kind,text,hs_code``; the parts of a tariff's path are joined
by " > ". The tables in ``training/goods/words`` contain only the facts which words belong to which code. Their columns are
``language,hs_code,words,weight``, where the words are folded, distinct and in alphabetical order. The weight is empty for 1.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

from features.reference.codes import hs_texts
from features.texts.folding import words

TABLES: Final = Path(__file__).parents[1] / "training/goods/words"
#: Languages that the tables keep.
LANGUAGES: Final = ("de", "en", "es", "fr", "it", "ja", "ko", "nl", "pt", "ru", "zh")
#: Suffix of a source's name that states its language.
_LANGUAGE: Final = re.compile(r"(_[a-z]{2}){1,2}$")
#: Words that occur with codes of more chapters than this say nothing about the goods ("Other", "Parts").
_MOST_CHAPTERS: Final = 4
_MOST_WORDS: Final = 24
#: Sources of titles of products, and those among them with an open licence.
_TITLES: Final = "products_"
_LICENSED: Final = ("products_dummyjson", "products_magento", "products_pcparts")
#: Least number of titles that share a word, and that share a pair of words.
_FEWEST_TITLES: Final = (2, 4)

Text = tuple[str, str, str, str]
Row = tuple[str, str, str]


def read(path: Path) -> Iterator[tuple[str, Text]]:
    """Yield the source and (language, kind, text, code) of each row of a file."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")):
        if "text" in row and row["language"] in LANGUAGES:
            yield row["source"], (row["language"], row["kind"], row["text"], row["hs_code"] or "")


def parts(texts: list[Text]) -> Iterator[tuple[str, str, str]]:
    """Yield (language, code, part) of tariff paths: each part with the code that all lines below it share."""
    codes: dict[tuple[str, ...], str] = {}
    for language, _, text, code in texts:
        path = (language, *(part.strip() for part in text.split(" > ")))
        for end in range(2, len(path) + 1):
            before = codes.get(path[:end])
            codes[path[:end]] = code if before is None else _shared(before, code)
    for path, code in codes.items():
        if len(code) >= 2:
            yield path[0], code, path[-1]


def _shared(first: str, second: str) -> str:
    """Return the digits that two codes begin with."""
    length = next((at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    return min(first, second, key=len) if length is None else first[:length]


def rows_of(texts: list[Text]) -> Iterator[Row]:
    """Yield (language, code, words) of a source's texts."""
    known = hs_texts()
    tariff = [text for text in texts if text[1] == "heading"]
    single = [(language, code, text) for language, kind, text, code in texts if kind not in ("heading", "vague")]
    for language, code, text in (*parts(tariff), *single):
        level = min(len(code) // 2 * 2, 6)
        tokens = sorted(words(text))[:_MOST_WORDS]
        # A code of another edition of the HS keeps the levels that this edition shares.
        shared = next((code[:digits] for digits in (6, 4, 2) if digits <= level and code[:digits] in known), None)
        if tokens and shared is not None:
            yield language, shared, " ".join(tokens)


def vague_rows_of(texts: list[Text]) -> Iterator[Row]:
    """Yield (language, "", words) of the texts that a source names as too vague."""
    for language, kind, text, _ in texts:
        if kind == "vague" and (tokens := sorted(words(text))[:_MOST_WORDS]):
            yield language, "", " ".join(tokens)


def shared_words(texts: list[Text]) -> Iterator[Row]:
    """Yield (language, code, words) for single words and pairs of words that several titles of one heading share.

    Lists of titles without a stated licence are reduced to these facts; no title can be read from them.
    """
    seen: dict[tuple[str, str, tuple[str, ...]], int] = defaultdict(int)
    known = hs_texts()
    for language, _, text, code in texts:
        shared = next((code[:digits] for digits in (6, 4, 2) if code[:digits] in known and len(code) >= digits), None)
        if shared is None:
            continue
        own = sorted(words(text)[:_MOST_WORDS])
        for word in own:
            seen[language, shared, (word,)] += 1
        for pair in combinations(own, 2):
            seen[language, shared, pair] += 1
    for (language, code, group), count in seen.items():
        # The number after the comma is the weight: the words count like so many texts.
        weight = int(math.log2(count))
        if count >= _FEWEST_TITLES[len(group) - 1]:
            yield language, code, f"{' '.join(group)},{weight}" if weight > 1 else " ".join(group)


def informative(rows: Iterable[Row]) -> list[Row]:
    """Return the sorted distinct rows, without those whose words occur with codes of many chapters."""
    distinct = sorted(rows)
    chapters: dict[tuple[str, str], set[str]] = defaultdict(set)
    for language, code, text in distinct:
        chapters[language, text].add(code[:2])
    return [row for row in distinct if len(chapters[row[0], row[2]]) <= _MOST_CHAPTERS]


def main(folder: str) -> None:
    """Write the tables of all sources in a folder."""
    sources: dict[str, list[Text]] = defaultdict(list)
    for path in sorted(Path(folder).iterdir()):
        if path.name.endswith((".csv", ".csv.gz")):
            for source, text in read(path):
                sources[source].append(text)
    tables: dict[str, list[Row]] = defaultdict(list)
    titles: list[Text] = []
    for source, texts in sources.items():
        if source.startswith(_TITLES) and source not in _LICENSED:
            titles += texts
        else:
            tables[_LANGUAGE.sub("", source)] += set(rows_of(texts))
        tables["vague"] += vague_rows_of(texts)
    tables["products"] += shared_words(titles)
    TABLES.mkdir(exist_ok=True)
    for name, rows in sorted(tables.items()):
        kept = informative(rows)
        if not kept:
            continue
        # A fixed time of modification makes the file reproducible.
        with (TABLES / f"{name}.csv.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
            packed.write(b"language,hs_code,words,weight\n")
            packed.write(
                "".join(
                    f"{language},{code},{text}{'' if ',' in text else ','}\n" for language, code, text in kept
                ).encode()
            )
        languages = sorted({row[0] for row in kept})
        print(
            f"{name:28s} {len(kept):8,d} rows  {(TABLES / f'{name}.csv.gz').stat().st_size / 1e6:6.2f} MB  {' '.join(languages)}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
