"""What was really inside simulated shipments and who sent them: codes, kept apart from anything a model learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import HEADS
from training.worlds.own.networks.plan import CONTENTS, STRENGTHS
from training.worlds.own.networks.traces import TRACES, T

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]
Texts = Sequence[str] | NDArray[np.object_]

#: A shipment of honest trade, where a network or a strength would stand.
HONEST: Final = -1


@dataclass(frozen=True, slots=True)
class WorldTruth:
    """The truth of a table: n shipments, m goods items.

    ``network`` (n,) is the network's number, `HONEST` for honest trade; ``typologies`` (n, len(`TRACES`)); ``strength``
    (n,) into `STRENGTHS`, or `HONEST`; ``violation`` (n,): the filing breaks some rule, drugs apart; ``reaction`` (n,) into
    ``reactions``, -1 where the network went on as before; ``content`` (m,) into `CONTENTS`.
    """

    network: Ints
    typologies: Bools
    strength: Codes
    violation: Bools
    content: Codes
    reaction: Codes
    reactions: tuple[str, ...] = ()

    def heads(self) -> Bools:
        """(m, heads): whether each goods item holds what a head looks for."""
        of_content = np.array([[name in HEADS[head] for head in HEADS] for name in CONTENTS], dtype=np.bool_)
        return np.asarray(of_content[self.content])

    def take(self, shipments: Ints, rows: Ints) -> WorldTruth:
        """The truth of some shipments, whose goods items are ``rows``."""
        return WorldTruth(
            self.network[shipments],
            self.typologies[shipments],
            self.strength[shipments],
            self.violation[shipments],
            self.content[rows],
            self.reaction[shipments],
            self.reactions,
        )


class TruthColumns:
    """Collects chunks of the columns `training.worlds.own.world.TRUTH` as codes: some 15 bytes a row."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, int]] = {name: {"": 0} for name in ("typologies", "reaction", "network_id")}
        self._parts: dict[str, list[NDArray[Any]]] = {}
        self.n_rows = 0

    def add(self, truth: Mapping[str, Texts]) -> None:
        """Add a chunk, '' for what is missing. Raises `ValueError` for a content or strength that the world does not know."""
        n = len(truth["content"])
        for name, codes in (("content", CONTENTS), ("strength", ("", *STRENGTHS))):
            known = {value: code for code, value in enumerate(codes)}
            self._add(name, self._coded(name, truth[name], known).astype(np.int8))
        for name, known in self._known.items():
            texts = truth[name] if name in truth else [""] * n
            for text in dict.fromkeys(texts):
                known.setdefault(text, len(known))
            self._add(name, self._coded(name, texts, known))
        self._add("violation", np.fromiter(map(bool, truth["violation"]), dtype=np.bool_, count=n))
        self.n_rows += n

    def _coded(self, name: str, texts: Texts, known: Mapping[str, int]) -> NDArray[np.int32]:
        try:
            return np.fromiter(map(known.__getitem__, texts), dtype=np.int32, count=len(texts))
        except KeyError as error:
            raise ValueError(f"Got {name} {error}, but expected one of {', '.join(sorted(known))}") from None

    def _add(self, name: str, codes: NDArray[Any]) -> None:
        self._parts.setdefault(name, []).append(codes)

    def of(self, rows: Ints, first_row: Ints) -> WorldTruth:
        """The truth of a table that consists of ``rows`` (m,) of what was collected, in their order, its shipments
        starting at ``first_row`` (n,). Raises `ValueError` for a typology that the world does not know.
        """
        column = {name: np.concatenate(parts)[rows] for name, parts in self._parts.items()}
        shown = np.zeros((len(self._known["typologies"]), len(TRACES)), dtype=np.bool_)
        for text, code in self._known["typologies"].items():
            shown[code, [_trace(name) for name in text.split(";") if name]] = True
        numbers = [_network(text) for text in self._known["network_id"]]
        return WorldTruth(
            np.array(numbers, dtype=np.int64)[column["network_id"][first_row]],
            shown[column["typologies"][first_row]],
            (column["strength"][first_row] - 1).astype(np.int8),
            column["violation"][first_row],
            column["content"],
            (column["reaction"][first_row] - 1).astype(np.int8),
            tuple(self._known["reaction"])[1:],
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
