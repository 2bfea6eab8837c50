"""Tables and aims of the benchmark of the mapping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmark_file import Cell, Column, Table, judged

Numbers = dict[str, Any]

#: Wheels of the rows, with the factor of their errors.
WHEELS = {"as recorded": 1.0, "twice as bad": 2.0, "five times as bad": 5.0}
RECORDED, NO_WHEELS = "as recorded", "none"
#: Largest median of the keyframes' positions by the wheels, metres.
_MEDIANS = {"as recorded": 0.012, "twice as bad": 0.02, "five times as bad": 0.05}
#: Names of rows of several drives, and of places without odometry.
TOGETHER, EXTENDED = "train_00, train_01, train_02", "train_00, train_01, then another after furniture moved"
REDKITCHEN, RPY = "RedKitchen", "TUM fr1/rpy"
#: Names of rows of localization.
PLAIN, REFINED, MOVED, WITH_OFFSET = (
    "keyframe localizer without a network",
    "refined poses",
    "refined poses, furniture moved",
    "offset of the true poses' camera removed",
)
POINTS, DEPTH = "points alone", "with depth images"

_MAPS = (
    Column("drives"),
    Column("odometry"),
    Column("keyframes", "{:d}"),
    Column("position, median", "{:.2f} cm"),
    Column("position, 95th percentile", "{:.2f} cm"),
    Column("rotation, median", "{:.2f} deg"),
    Column("scale error", "{:+.2f} %"),
    Column("frames located", "{:.1f} %"),
    Column("all frames, position, median", "{:.2f} cm"),
    Column("odometry alone, position, median", "{:.1f} cm"),
    Column("time", "{:.0f} s"),
)
_LOCALIZATION = (
    Column("map"),
    Column("poses"),
    Column("frames", "{:d}"),
    Column("answered", "{:.1f} %"),
    Column("position, median", "{:.2f} cm"),
    Column("position, 95th percentile", "{:.2f} cm"),
    Column("rotation, median", "{:.2f} deg"),
    Column("off by over 0.5 m", "{:d}"),
    Column("a frame, median", "{:.0f} ms"),
)
_GRID = (
    Column("grid"),
    Column("cells compared", "{:d}"),
    Column("IoU of free space", "{:.3f}"),
    Column("free cells found", "{:.1f} %"),
    Column("free cells that are free", "{:.1f} %"),
    Column("free cells in walls", "{:d}"),
    Column("free cells in obstacles", "{:d}"),
)
_TIMES = (Column("part"), Column("time", "{:.1f} s"))
_STARTS = (
    Column("localizer"),
    Column("starts", "{:d}"),
    Column("pose within 3 s of driving", "{:d}"),
    Column("wrong by over 0.5 m", "{:d}"),
    Column("time to the first pose, median", "{:.1f} s"),
)


def tables(numbers: Numbers) -> list[Table]:
    """Make the tables of the parts that were measured."""
    maps = [(drives, wheels, row) for drives, rows in numbers["maps"].items() for wheels, row in rows.items()]
    found = [(place, poses, row) for place, rows in numbers["localization"].items() for poses, row in rows.items()]
    parts = [
        Table("Maps", _MAPS, [_map(*each) for each in maps]),
        Table("Localization in the maps", _LOCALIZATION, [_localization(*each) for each in found]),
        Table("Occupancy grid and floor plan", _GRID, [_grid(name, row) for name, row in numbers["occupancy"].items()]),
        Table("From the bag to a localized robot", _TIMES, [[name, s] for name, s in numbers["time"].items()]),
        Table("Started anywhere", _STARTS, [_start(name, row) for name, row in numbers["starts"].items()]),
    ]
    return [table for table in parts if table.rows]


def notes(numbers: Numbers) -> dict[str, str]:
    """Aims with the values reached, and missing data."""
    aims = (*_of_maps(numbers), *_of_localization(numbers), *_of_others(numbers))
    return dict(aims) | {f"left out: {name}": f"no {paths}" for name, paths in numbers["left_out"].items()}


def _map(drives: str, wheels: str, row: Numbers) -> list[Cell]:
    alone = row.get("odometry")
    return [
        drives,
        wheels,
        row["keyframes"],
        100.0 * row["median_m"],
        100.0 * row["p95_m"],
        row["median_deg"],
        100.0 * row["scale_error"] if row["metric"] else None,
        100.0 * row["located"],
        100.0 * row["frames_median_m"],
        100.0 * alone["median_m"] if alone else None,
        row["seconds"],
    ]


def _localization(place: str, poses: str, row: Numbers) -> list[Cell]:
    metres = [None if row[name] is None else 100.0 * row[name] for name in ("median_m", "p95_m")]
    return [
        place, poses, row["frames"], 100.0 * row["answered"], *metres, row["median_deg"], row["wrong"], row["p50_ms"],
    ]  # fmt: skip


def _grid(name: str, row: Numbers) -> list[Cell]:
    shares = [100.0 * row[key] for key in ("free_found", "free_right")]
    return [name, row["cells"], row["iou"], *shares, row["in_wall"], row["in_obstacle"]]


def _start(name: str, row: Numbers) -> list[Cell]:
    return [name, row["starts"], row["in_time"], row["wrong"], row["median_s"]]


def _of_maps(numbers: Numbers) -> Iterator[tuple[str, str]]:
    for drives, rows in numbers["maps"].items():
        for wheels, row in rows.items():
            if wheels not in WHEELS:
                continue
            name = f"{drives}, odometry {wheels}, keyframes"
            if drives in (TOGETHER, EXTENDED):
                yield _at_most(f"{name}, position, median", 100.0 * row["median_m"], 1.5, "cm")
                continue
            yield _at_most(f"{name}, position, median", 100.0 * row["median_m"], 100.0 * _MEDIANS[wheels], "cm")
            if wheels == RECORDED:
                yield _at_most(f"{name}, position, 95th percentile", 100.0 * row["p95_m"], 3.0, "cm")
                yield _at_most(f"{name}, rotation, median", row["median_deg"], 0.3, "deg")
                yield _at_most(f"{name}, scale error", 100.0 * abs(row["scale_error"]), 0.5, "%")
    for place, bound in ((REDKITCHEN, 4.0), (RPY, 2.0)):
        rows = numbers["maps"].get(place, {})
        for row in [rows[NO_WHEELS]] if NO_WHEELS in rows else []:
            yield _at_most(f"{place}, keyframes, position, median", 100.0 * row["median_m"], bound, "cm")
            located = 100.0 * row["located"]
            yield f"{place}, frames located: all", f"{located:.1f} %: {judged(located == 100.0)}"


def _of_localization(numbers: Numbers) -> Iterator[tuple[str, str]]:
    for place, rows in numbers["localization"].items():
        for poses, row in rows.items():
            metres, degrees = _BOUNDS.get((place == REDKITCHEN, poses), (None, None))
            if metres is None:
                continue
            name = f"{place}, {poses}"
            yield _at_most(f"{name}, position, median", _cm(row["median_m"]), metres, "cm")
            if degrees is not None:
                yield _at_most(f"{name}, rotation, median", row["median_deg"], degrees, "deg")
            if poses == PLAIN:
                answered = 100.0 * row["answered"]
                yield f"{name}, answered: at least 95 %", f"{answered:.1f} %: {judged(answered >= 95.0)}"
            yield f"{name}, off by over 0.5 m: never", f"{row['wrong']} frames: {judged(row['wrong'] == 0)}"


#: Largest medians, cm and degrees, by RedKitchen or apartment, and by the poses.
_BOUNDS: dict[tuple[bool, str], tuple[float, float | None]] = {
    (False, PLAIN): (1.5, 0.3),
    (False, REFINED): (1.5, 0.3),
    (False, MOVED): (1.0, None),
    (True, PLAIN): (2.0, 1.0),
}


def _of_others(numbers: Numbers) -> Iterator[tuple[str, str]]:
    if numbers["time"]:
        yield _at_most("from the bag to a localized robot", sum(numbers["time"].values()), 240.0, "s")
    for name, row in numbers["occupancy"].items():
        yield f"{name}, IoU of free space: at least 0.85", f"{row['iou']:.3f}: {judged(row['iou'] >= 0.85)}"
        yield f"{name}, free cells in walls: none", f"{row['in_wall']}: {judged(row['in_wall'] == 0)}"
    for name, row in numbers["starts"].items():
        share = 100.0 * row["in_time"] / row["starts"]
        yield f"{name}, starts with a pose within 3 s: at least 95 %", f"{share:.0f} %: {judged(share >= 95.0)}"
        yield f"{name}, starts wrong by over 0.5 m: none", f"{row['wrong']}: {judged(row['wrong'] == 0)}"


def _at_most(quantity: str, value: float | None, bound: float, unit: str) -> tuple[str, str]:
    shown = "no pose" if value is None else f"{value:.2f} {unit}"
    return f"{quantity}: at most {bound:g} {unit}", f"{shown}: {judged(value is not None and value <= bound)}"


def _cm(metres: float | None) -> float | None:
    return None if metres is None else 100.0 * metres
