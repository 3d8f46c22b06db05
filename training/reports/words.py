"""Formatting of figures and names, shared by console, reports, cards and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from features.reference import typologies

NONE: Final = "not measured"

_NAMES: Final = {
    "fentanyl_or_analogue": "fentanyl or analogue",
    "keyword_watch_list": "keyword watch-list",
    "watch_list_rules": "watch-list rules",
    "depth_2_tree": "depth-2 tree",
    "default_lightgbm": "default LightGBM",
    "lightgbm": "LightGBM",
}
_SHORT_CAUSES: Final[Mapping[str, str]] = {"too few finds": "too few"}
_LABELS: Final = {"office": "office labels", "truth": "the truth"}


def name_text(name: str) -> str:
    """Return the readable form of a metric name."""
    return _NAMES.get(name, str(name).replace("_", " "))


def slice_text(name: str, value: str) -> str:
    """Return the readable form of a slice value; a typology gets its published name."""
    typology = typologies().get(value) if name == "typology" else None
    return name_text(value) if typology is None else f"{value} {typology.name}"


def labels_text(kind: str) -> str:
    """Return the readable form of a kind of label."""
    return _LABELS.get(kind, f"{kind} labels")


def number_text(value: Any) -> str:
    """Format a number briefly: with three decimals from 0.01 to 10, otherwise with three or more significant digits.

    Counts keep all digits, with thousands separators.
    """
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value != 0 and abs(value) < 0.01:
            return f"{value:.3g}"
        if abs(value) >= 1e6:
            return f"{value:,.0f}"
        return f"{value:.3f}" if abs(value) < 10 else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def share_text(value: Any) -> str:
    """Format a share in percent."""
    if not isinstance(value, int | float):
        return NONE
    percent = 100 * float(value)
    return (
        f"{percent:.0f} %" if percent == round(percent) else f"{percent:.1f} %" if percent >= 10 else f"{percent:.3g} %"
    )


def rate_text(rate: Any) -> str:
    """Format a rate of finds without powers of ten: ``1.6 in a million shipments``."""
    if not isinstance(rate, int | float):
        return NONE
    return f"{1e6 * rate:.3g} in a million shipments" if rate < 1e-3 else share_text(rate)


def estimate_text(estimate: Any, *, percent: bool = False) -> str:
    """Format an estimate as ``0.472 (0.335 to 0.685)``, optionally in percent. Without a value, return the reason."""
    if isinstance(estimate, int | float) and not isinstance(estimate, bool):
        estimate = {"value": float(estimate)}
    if not isinstance(estimate, Mapping) or "value" not in estimate:
        return NONE
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    if value is None:
        return why_none(estimate)
    if percent:
        text, *ends = (f"{100 * float(one):.3g}" for one in (value, low, high) if one is not None)
        return f"{text} % ({ends[0]} to {ends[1]})" if len(ends) == 2 else f"{text} %"
    if low is None or high is None:
        return _digits(float(value))
    return f"{_digits(float(value))} ({_digits(float(low))} to {_digits(float(high))})"


def short_estimate(estimate: Any, *, percent: bool = False) -> str:
    """Format an estimate in compact form: ``47 (33-68)``, ``0.472 (0.33-0.68)``."""
    if not isinstance(estimate, Mapping):
        return "-"
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    if value is None:
        return _SHORT_CAUSES.get(str(estimate.get("cause")), "-")
    scale = 100.0 if percent else 1.0
    text = _percent_digits(scale * float(value)) if percent else _digits(float(value))
    if low is None or high is None:
        return text
    ends = (_percent_digits(scale * float(end)) if percent else _two_decimals(float(end)) for end in (low, high))
    return f"{text} ({('..' if low < 0 else '-').join(ends)})"


def why_none(estimate: Mapping[str, Any]) -> str:
    """Return why an estimate has no value: its cause, or the full reason if that has no cause."""
    return str(estimate.get("cause") or estimate.get("reason") or NONE)


def one_in(estimate: Any) -> str:
    """Format a small share as ``1 in 6,600 (4,700 to 9,300)``, and a larger one in percent."""
    value = estimate.get("value") if isinstance(estimate, Mapping) else None
    if value is None or value >= 0.05:
        return estimate_text(estimate, percent=True)
    if value <= 0:
        return "none"
    low, high = estimate.get("low"), estimate.get("high")
    interval = f" ({_rounded(1 / high)} to {_rounded(1 / low) if low else 'none'})" if high and low is not None else ""
    return f"1 in {_rounded(1 / value)}{interval}"


def _rounded(value: float) -> str:
    """Round to two significant digits."""
    return f"{int(float(f'{value:.2g}')):,}" if value < 1e6 else f"{float(f'{value / 1e6:.2g}'):g} million"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) < 0.01:
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _two_decimals(value: float) -> str:
    return f"{value:.1g}" if 0 < abs(value) < 0.01 else f"{value:.2f}"


def _percent_digits(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 9.95 and value != 0 else f"{value:.0f}"
