"""Tables and aims of the benchmark of the mapping: units, verdicts, missing parts."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

MAP = {
    "keyframes": 80, "median_m": 0.0105, "p95_m": 0.025, "median_deg": 0.2, "scale_error": -0.0017, "frames": 474,
    "located": 1.0, "frames_median_m": 0.011, "frames_p95_m": 0.03, "metric": True, "seconds": 101.0,
    "odometry": {"median_m": 0.047},
}  # fmt: skip
FOUND = {
    "frames": 446, "answered": 0.96, "median_m": 0.012, "p95_m": 0.03, "median_deg": 0.21, "wrong": 0, "p50_ms": 22.0,
}  # fmt: skip
PLAIN = "keyframe localizer without a network"
GRID = {"cells": 900, "iou": 0.91, "free_found": 0.95, "free_right": 0.96, "in_wall": 0, "in_obstacle": 3}


@pytest.fixture(scope="module")
def tables(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("mapping_tables")


def numbers(tables: ModuleType) -> dict[str, Any]:
    return {
        "maps": {
            "train_00": dict.fromkeys(tables.WHEELS, MAP),
            tables.EXTENDED: {tables.RECORDED: MAP},
            tables.REDKITCHEN: {"none": MAP | {"metric": False, "odometry": None}},
        },
        "localization": {
            "train_00": {tables.PLAIN: FOUND, tables.REFINED: FOUND},
            tables.EXTENDED: {tables.MOVED: FOUND | {"median_m": 0.008}},
            tables.REDKITCHEN: {tables.PLAIN: FOUND},
        },
        "occupancy": {tables.POINTS: GRID},
        "time": {"localization_map": 130.0, "first pose": 9.0},
        "starts": {"both": {"starts": 100, "in_time": 96, "wrong": 0, "median_s": 1.2}},
        "left_out": {tables.RPY: "../shared/data/tum"},
    }


def missed(tables: ModuleType, values: dict[str, Any]) -> set[str]:
    return {name for name, text in tables.notes(values).items() if "missed" in text}


def test_good_numbers_miss_nothing(tables: ModuleType) -> None:
    noted = tables.notes(numbers(tables))
    assert missed(tables, numbers(tables)) == set()
    assert noted["train_00, odometry as recorded, keyframes, scale error: at most 0.5 %"].startswith("0.17 %: met")
    assert noted["from the bag to a localized robot: at most 240 s"].startswith("139.00 s")
    assert noted[f"left out: {tables.RPY}"] == "no ../shared/data/tum"


def test_cells_have_the_units_of_their_columns(tables: ModuleType) -> None:
    found = {table.title: table.cells() for table in tables.tables(numbers(tables))}
    assert found["Maps"][0] == [
        "train_00", "as recorded", "80", "1.05 cm", "2.50 cm", "0.20 deg", "-0.17 %", "100.0 %", "1.10 cm", "4.7 cm",
        "101 s",
    ]  # fmt: skip
    assert found["Maps"][-1][6] == ""  # a map without a scale has no scale error
    assert found["Localization in the maps"][0][3:6] == ["96.0 %", "1.20 cm", "3.00 cm"]
    assert found["Occupancy grid and floor plan"][0][2:5] == ["0.910", "95.0 %", "96.0 %"]


@pytest.mark.parametrize(
    ("path", "bad", "aim"),
    [
        (("maps", "train_00", "as recorded", "median_m"), 0.013, "train_00, odometry as recorded, keyframes, position"),
        (("maps", "train_00", "as recorded", "scale_error"), -0.006, "train_00, odometry as recorded, keyframes, scal"),
        (("maps", "train_00", "twice as bad", "median_m"), 0.03, "train_00, odometry twice as bad, keyframes, positi"),
        (("maps", "RedKitchen", "none", "located"), 0.999, "RedKitchen, frames located"),
        (("localization", "train_00", PLAIN, "answered"), 0.94, f"train_00, {PLAIN}, answered"),
        (("localization", "train_00", "refined poses", "wrong"), 1, "train_00, refined poses, off by over 0.5 m"),
        (("localization", "RedKitchen", PLAIN, "median_m"), None, f"RedKitchen, {PLAIN}, position"),
        (("occupancy", "points alone", "in_wall"), 1, "points alone, free cells in walls"),
        (("starts", "both", "in_time"), 94, "both, starts with a pose within 3 s"),
        (("time", "first pose"), 120.0, "from the bag to a localized robot"),
    ],
)
def test_a_bad_number_misses_its_aim_alone(
    tables: ModuleType, path: tuple[str, ...], bad: float | None, aim: str
) -> None:
    values = numbers(tables)
    group = values
    for name in path[:-1]:
        group[name] = dict(group[name])
        group = group[name]
    group[path[-1]] = bad
    (found,) = missed(tables, values)
    assert found.startswith(aim)


def test_parts_that_were_not_measured_have_no_table(tables: ModuleType) -> None:
    nothing = {name: {} for name in ("maps", "localization", "occupancy", "time", "starts", "left_out")}
    assert tables.tables(nothing) == []
    assert tables.notes(nothing) == {}
