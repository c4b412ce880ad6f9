"""Format numbers for readers. Every report, table and sentence uses these, so a number looks the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bakeoff.runs.results import MetricValue


def number(value: float) -> str:
    """Format a measured value: four decimals below 10, two below 1,000, none above.

    >>> number(0.78412), number(27.3419), number(12345.6)
    ('0.7841', '27.34', '12,346')
    """
    if not math.isfinite(value):
        return "infinite" if value > 0 else "none"
    decimals = 4 if abs(value) < 10 else 2 if abs(value) < 1000 else 0
    return f"{value:,.{decimals}f}"


def interval(metric: MetricValue) -> str:
    """Return `0.7660 to 0.8010`, or an empty string where no interval was computed."""
    if metric.low is None or metric.high is None:
        return ""
    return f"{number(metric.low)} to {number(metric.high)}"


def percent(share: float, decimals: int = 1) -> str:
    """Format 0.125 as `12.5%`. A share that is not 0 never reads as 0."""
    smallest = 10.0**-decimals
    if 0 < share * 100 < smallest / 2:
        return f"below {smallest:g}%"
    return f"{share * 100:.{decimals}f}%"


def signed(value: float) -> str:
    """Format with one decimal and a true minus sign: `−0.5`, `3.6`."""
    return f"{value:.1f}".replace("-0.0", "0.0").replace("-", "−")


def plus(value: float) -> str:
    """Format as `signed`, with a plus sign where the value is positive."""
    text = signed(value)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"


def p_value(value: float) -> str:
    """Format a p-value: `0.13`, `0.0042`, `below 0.0001`."""
    return "below 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.01 else f"{value:.2f}"


def level(confidence: float) -> str:
    """Format 0.95 as `95%`, without needless decimals."""
    return f"{confidence * 100:.6g}%"


def duration(seconds: float) -> str:
    """Format seconds: `0.4 s`, `48 s`, `14 min 30 s`, `2 h 5 min`, `1 h`."""
    if seconds == 0:
        return "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        large, small, units = whole // 60, whole % 60, ("min", "s")
    else:
        minutes = round(seconds / 60)
        large, small, units = minutes // 60, minutes % 60, ("h", "min")
    return f"{large} {units[0]} {small} {units[1]}" if small else f"{large} {units[0]}"


def size(count: int) -> str:
    """Format bytes in decimal units: `512 B`, `1.4 kB`, `538 MB`, `2.4 GB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def money(dollars: float) -> str:
    """Format USD: `$0`, `$0.0031`, `$0.42`, `$1,250`."""
    if dollars == 0:
        return "$0"
    if dollars < 0.0001:
        return "below $0.0001"
    decimals = 4 if dollars < 0.1 else 2 if dollars < 1000 else 0
    return f"${dollars:,.{decimals}f}"


def count(value: int) -> str:
    """Format a count with separators: `2,132`."""
    return f"{value:,}"


def passes(value: float) -> str:
    """Format a number of passes over the data: `5`, `1.25`, `0.004`."""
    return f"{value:,.2f}".rstrip("0").rstrip(".") if value >= 0.01 else f"{value:.1g}"


def parameters(value: int | None) -> str:
    """Format a number of parameters: `0`, `950`, `1.3 k`, `134.5 M`, or `unknown`."""
    if value is None:
        return "unknown"
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return str(value)


def times(ratio: float) -> str:
    """Format a ratio as a factor: `0.05 times`, `3.1 times`, `140 times`."""
    if ratio < 0.005:
        return "less than 0.01 times"
    return f"{ratio:.2f} times" if ratio < 1 else f"{ratio:.1f} times" if ratio < 100 else f"{ratio:,.0f} times"


def listed(words: list[str]) -> str:
    """Join words: `a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def either(words: Iterable[str]) -> str:
    """Join the distinct words with "or", in order: `words`, `words or tokens`."""
    return " or ".join(dict.fromkeys(words))
