"""Tables and aims of the benchmark of the DMN's speed."""

from __future__ import annotations

from typing import Any

from benchmark_file import Cell, Column, Table, judged
from dmn_speed_updates import MANY_VIEWS, PARTICLES, SHIPPED_VIEWS, VIEWS

#: Largest times in milliseconds; smallest ratios of speed and of memory to the direct evaluation.
LIMITS = {"shipped_ms": 9.0, "factorised_ms": 3.5, "n64_ms": 50.0, "filter_2k_ms": 0.7, "filter_200k_ms": 67.0}
FASTER, SMALLER = 20.0, 10.0
LIMITED = {
    "shipped_ms": f"the shipped network, {PARTICLES} particles, {SHIPPED_VIEWS} views",
    "factorised_ms": f"factorised update, {PARTICLES} particles, {VIEWS} views",
    "n64_ms": f"factorised update, {MANY_VIEWS} views",
    "filter_2k_ms": "filter alone, 2,000 particles",
    "filter_200k_ms": "filter alone, 200,000 particles",
}
#: Smallest number of rooms that are generated in a second.
ROOMS = 40.0


def tables(found: dict[str, Any]) -> list[Table]:
    """Make the tables of the update and the filter, and of the update's scaling."""
    ratio, best, middle = found["faster_than_direct"], "{:.2f} ms", "{:.2f} ms"
    columns = (
        Column("update"),
        Column("best", best),
        Column("median", middle),
        Column("faster than direct", "{:.1f}x"),
    )
    names = {
        "direct": f"direct, {PARTICLES} particles, {VIEWS} views",
        "factorised": "factorised",
        "half": "factorised, bfloat16",
        "n64": f"factorised, {MANY_VIEWS} views",
        "filter_2k": "filter alone, 2,000 particles",
        "filter_200k": "filter alone, 200,000 particles",
    }
    rows: list[list[Cell]] = [
        [text, found[f"{name}_ms"], found["median_ms"][name], ratio.get(name)] for name, text in names.items()
    ]
    grown: list[list[Cell]] = [[name, ms] for name, ms in found["scaling_ms"].items()]
    grown.append([LIMITED["shipped_ms"], found["shipped_ms"]])
    return [
        Table("One belief update, without the CNN of the image", columns, rows),
        Table(
            f"One factorised update with K particles (N={VIEWS}) or N views (K={PARTICLES})",
            (Column("size"), Column("best", best)),
            grown,
        ),
    ]


def notes(found: dict[str, Any]) -> dict[str, str]:
    """Aims, and the values reached."""
    noted = {
        f"{LIMITED[name]}: at most {most:g} ms": f"{found[name]:.2f} ms: {judged(found[name] <= most)}"
        for name, most in LIMITS.items()
    }
    faster, smaller = found["faster_than_direct"]["factorised"], found["direct_mb"] / found["factorised_mb"]
    noted[f"speed of factorised over direct: at least {FASTER:g} times"] = (
        f"{faster:.1f} times: {judged(faster >= FASTER)}"
    )
    difference = found["max_abs_difference"]
    noted["largest difference of factorised from direct: at most 1e-05"] = (
        f"{difference:.1e}: {judged(difference <= 1e-5)}"
    )
    noted[f"memory of factorised: at least {SMALLER:g} times less than direct"] = (
        f"{smaller:.0f} times ({found['factorised_mb']:.1f} MB, {found['direct_mb']:.0f} MB): "
        f"{judged(smaller >= SMALLER)}"
    )
    rooms = found["rooms_per_s"]
    noted[f"rooms generated in a second: at least {ROOMS:g}"] = f"{rooms:.0f}: {judged(rooms >= ROOMS)}"
    return noted
