"""Tables and aims of the benchmark of buildings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark_file import Cell, Column, Table, judged

Numbers = Mapping[str, Any]

#: Seconds after which a lost robot has a right pose, and the share of the starts.
WITHIN, SHARE = 3.0, 0.9
#: Floors of the aims.
APARTMENT, LARGE, LARGEST = "apartment", "office, 1200 m2", "office, 5000 m2"


def tables(floors: Mapping[str, Numbers]) -> list[Table]:
    """Make the tables of maps and of localization."""
    map_columns = (
        Column("floor"),
        Column("keyframes", "{:,}"),
        Column("points", "{:,}"),
        Column("views that repeat", "{:.0%}"),
        Column("map", "{:.1f} MB"),
        Column("points and adjustment", "{:.0f} s"),
        Column("repeated views", "{:.0f} s"),
    )
    map_rows: list[list[Cell]] = [
        [name, *(f[k] for k in ("keyframes", "points", "repeated", "megabytes", "build_s", "repeated_s"))]
        for name, f in floors.items()
    ]
    columns = (
        Column("floor"),
        Column(f"right pose within {WITHIN:g} s", "{:.0%}"),
        Column("starts with a wrong pose", "{} of {}"),
        Column("refined, median", "{:.1f} cm"),
        Column("confirmed once found", "{:.1%}"),
        Column("wrong of all published", "{:.2%}"),
        Column("frame of a lost robot", "{:.0f} ms"),
        Column("frame of a tracked robot", "{:.0f} ms"),
        Column("memory", "{:.0f} MB"),
    )
    keys = ("confirmed", "wrong", "lost_ms", "tracking_ms", "memory_mb")
    rows: list[list[Cell]] = [
        [name, f["right_within"], [f["wrong_starts"], f["starts"]], _cm(f["median_m"]), *(f[k] for k in keys)]
        for name, f in floors.items()
    ]
    return [Table("Maps", map_columns, map_rows), Table("Localization", columns, rows)]


def _cm(metres: float | None) -> float | None:
    return None if metres is None else 100.0 * metres


def notes(floors: Mapping[str, Numbers]) -> dict[str, str]:
    """Compare with the aims."""
    noted: dict[str, str] = {}
    if LARGE in floors:
        f = floors[LARGE]
        noted |= {
            "1,200 m2, refined, median: at most 1.5 cm": _judged(_cm(f["median_m"]), 1.5, "{:.2f} cm"),
            "1,200 m2, map: at most 30 MB": _judged(f["megabytes"], 30.0, "{:.1f} MB"),
            "1,200 m2, memory: at most 1,000 MB": _judged(f["memory_mb"], 1000.0, "{:.0f} MB"),
            f"1,200 m2, right pose within {WITHIN:g} s: in {100 * SHARE:.0f} of 100 starts": (
                f"{round(f['right_within'] * f['starts'])} of {f['starts']}: {judged(f['right_within'] >= SHARE)}"
            ),
        }
        if APARTMENT in floors:
            noted |= _ratio("1,200 m2 over the apartment", f, floors[APARTMENT], {"tracking_ms": 1.2, "lost_ms": 1.2})
    if LARGE in floors and LARGEST in floors:
        limits = {"tracking_ms": 1.2, "lost_ms": 1.2, "memory_mb": 1.5}
        noted |= _ratio("5,000 m2 over 1,200 m2", floors[LARGEST], floors[LARGE], limits)
    return noted


_NAMES = {"tracking_ms": "frame of a tracked robot", "lost_ms": "frame of a lost robot", "memory_mb": "memory"}


def _ratio(what: str, floor: Numbers, other: Numbers, limits: Mapping[str, float]) -> dict[str, str]:
    return {
        f"{what}, {_NAMES[key]}: at most {limit:g} times": _judged(floor[key] / other[key], limit, "{:.2f} times")
        for key, limit in limits.items()
        if floor[key] is not None and other[key] is not None
    }


def _judged(value: float | None, limit: float, form: str) -> str:
    return f"none: {judged(False)}" if value is None else f"{form.format(value)}: {judged(value <= limit)}"
