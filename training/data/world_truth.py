"""Ground truth of simulated tables. Apart from the data sets, because adapting and an office's own data need no simulator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import HEADS
from training.arrays import Bools, Ints, Texts
from training.worlds.own.trade.plan import CONTENTS, STRENGTHS, TRACES, T

Codes = NDArray[np.int8]
TextColumn = Sequence[str] | Texts

#: Code of the network and strength of lawful shipments.
HONEST: Final = -1


@dataclass(frozen=True, slots=True)
class WorldTruth:
    """Ground truth of a table with n shipments and m goods items.

    Attributes:
        network: (n,) number of the network; `HONEST` for lawful trade.
        typologies: (n, len(`TRACES`)) whether the shipment shows the typology.
        strength: (n,) index into `STRENGTHS`, or `HONEST`.
        content: (m,) index into `CONTENTS`.
        reaction: (n,) index into ``reactions``, -1 if the network did not change its behaviour.
        reactions: Names of reactions.
    """

    network: Ints
    typologies: Bools
    strength: Codes
    content: Codes
    reaction: Codes
    reactions: tuple[str, ...] = ()

    def heads(self) -> Bools:
        """Return whether each goods item has a content of the head, shape (m, heads)."""
        of_content = np.array([[name in HEADS[head] for head in HEADS] for name in CONTENTS], dtype=np.bool_)
        return np.asarray(of_content[self.content])


class TruthColumns:
    """Builder that stores chunks of the columns `training.worlds.own.world.TRUTH` as codes, about 15 bytes per row."""

    def __init__(self) -> None:
        self._code_of: dict[str, dict[str, int]] = {name: {"": 0} for name in ("typologies", "reaction", "network_id")}
        self._parts: dict[str, list[NDArray[Any]]] = {}
        self.n_rows = 0

    def add(self, truth: Mapping[str, TextColumn]) -> None:
        """Append a chunk; '' means missing. Raises `ValueError` for an unknown content or strength."""
        n = len(truth["content"])
        for name, codes in (("content", CONTENTS), ("strength", ("", *STRENGTHS))):
            fixed = {value: code for code, value in enumerate(codes)}
            self._add(name, self._coded(name, truth[name], fixed).astype(np.int8))
        for name, code_of in self._code_of.items():
            texts = truth[name] if name in truth else [""] * n
            for text in dict.fromkeys(texts):
                code_of.setdefault(text, len(code_of))
            self._add(name, self._coded(name, texts, code_of))
        self.n_rows += n

    def _coded(self, name: str, texts: TextColumn, code_of: Mapping[str, int]) -> NDArray[np.int32]:
        try:
            return np.fromiter(map(code_of.__getitem__, texts), dtype=np.int32, count=len(texts))
        except KeyError as error:
            raise ValueError(f"Got {name} {error}, but expected one of {', '.join(sorted(code_of))}") from None

    def _add(self, name: str, codes: NDArray[Any]) -> None:
        self._parts.setdefault(name, []).append(codes)

    def of(self, rows: Ints, first_row: Ints) -> WorldTruth:
        """Return the truth of a table that consists of the collected ``rows`` (m,), in that order.

        ``first_row`` (n,) is the first row of each shipment. Raises `ValueError` for an unknown typology.
        """
        column = {name: np.concatenate(parts)[rows] for name, parts in self._parts.items()}
        shown = np.zeros((len(self._code_of["typologies"]), len(TRACES)), dtype=np.bool_)
        for text, code in self._code_of["typologies"].items():
            shown[code, [_trace(name) for name in text.split(";") if name]] = True
        numbers = [_network(text) for text in self._code_of["network_id"]]
        return WorldTruth(
            np.array(numbers, dtype=np.int64)[column["network_id"][first_row]],
            shown[column["typologies"][first_row]],
            (column["strength"][first_row] - 1).astype(np.int8),
            column["content"],
            (column["reaction"][first_row] - 1).astype(np.int8),
            tuple(self._code_of["reaction"])[1:],
        )


def _trace(name: str) -> int:
    if name not in T:
        raise ValueError(f"Got typology {name!r}, but expected one of {', '.join(TRACES)}")
    return T[name]


def _network(text: str) -> int:
    if not text:
        return HONEST
    if not text[1:].isdigit():
        raise ValueError(f"Got network_id {text!r}, but expected a letter and a number, as in N00012")
    return int(text[1:])
