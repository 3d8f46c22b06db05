"""Settings of scores: base rates, the random share, and the number of explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from models.calibration import is_number
from models.capacity import CapacityLanes
from models.rules import OfficeRules, Screening

#: Name of the combined risk, and of the only head of a model that is trained on an office's own binary label.
RISK: Final = "risk"

#: ASSUMED share of shipments with illicit content per head, used where an office sets none.
#:
#: ``fentanyl_or_analogue`` is rounded up from two derived figures of the reference data (`statistics.csv`): id 95,
#: about 0.7 fentanyl finds per million express parcels (131 finds among some 200 million, United States, 2022), and id
#: 96, about 0.4 per million mail pieces (227 among some 600 million, 2017). Their denominators are assumptions, and finds are a
#: lower bound of content. No rate per shipment is published for ``precursor`` and ``equipment``; a third of the first is
#: assumed.
DEFAULT_BASE_RATES: Final[Mapping[str, float]] = MappingProxyType(
    {"fentanyl_or_analogue": 1e-6, "precursor": 3e-7, "equipment": 3e-7}
)


def check_base_rate(head: str, rate: float) -> float:
    """Return ``rate`` as a float.

    Raises:
        ValueError: it is not a number strictly between 0 and 1.
    """
    if not is_number(rate) or not 0.0 < rate < 1.0:
        raise ValueError(f"The base rate of {head} must be a share between 0 and 1, for example 1e-6; got {rate!r}.")
    return float(rate)


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Settings of scoring. Only the register in ``rules`` changes the order of shipments by risk.

    Attributes:
        base_rates: share of shipments with illicit content per head. Other heads keep the bundle's base rate: that of
            `DEFAULT_BASE_RATES` (assumed) or, for a model of an office's own label, the prevalence of its data.
        random_share: share of shipments raised to red at random, 0 to 1.
        random_key: secret key of the random selection; required if the share is above 0.
        max_explained: maximum number of shipments that one call explains, the riskiest first; None for no limit. An explanation
            costs about a hundred times as much as a score.
        rules: the office's rules and register; None for the rules of the bundle alone.
        lists: the office's watch lists, dismissals and suppressions; None if the office has none.
        capacity: digest of a model -> its lanes by the office's capacity; None if no capacity is configured. Other models have the
            lanes of their bundles.
    """

    base_rates: Mapping[str, float] | None = None
    random_share: float = 0.0
    random_key: str | bytes | None = None
    max_explained: int | None = None
    rules: OfficeRules | None = None
    lists: Screening | None = None
    capacity: Mapping[str, CapacityLanes] | None = None

    def __post_init__(self) -> None:
        for head, rate in (self.base_rates or {}).items():
            check_base_rate(head, rate)
        if not 0.0 <= self.random_share <= 1.0:
            raise ValueError(f"The random share must lie in [0, 1], got {self.random_share!r}.")
        if self.random_share > 0.0 and not self.random_key:
            raise ValueError(
                "A random share above 0 needs a random key: without a key, anyone can compute the selection."
            )
        if self.random_share > 0.0 and self.capacity is not None:
            raise ValueError("Exploration replaces the random share where a capacity is configured; set one of them.")
        if self.max_explained is not None and self.max_explained < 0:
            raise ValueError(f"max_explained must be 0 or more, got {self.max_explained!r}.")

    def rates_for(self, heads: tuple[str, ...], bundled: Mapping[str, float]) -> dict[str, float]:
        """Return the base rate of each head, from these settings, otherwise from the bundle.

        Raises:
            ValueError: a rate is set for a head that the model does not have, or the rates add up to 1 or more.
        """
        own = self.base_rates or {}
        unknown = sorted(set(own) - set(heads))
        if unknown:
            raise ValueError(f"Base rates are set for unknown heads {unknown}; this model has {list(heads)}.")
        rates = {head: float(own.get(head, bundled[head])) for head in heads}
        if sum(rates.values()) >= 1.0:
            raise ValueError(f"The base rates of all heads add up to {sum(rates.values())!r}; they must stay below 1.")
        return rates
