"""Table and aims of the benchmark of the light: units, bounds, verdicts."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import ModuleType
from typing import Any

import pytest

ROW = {
    "vlocnet": {
        "regressed": {"median_m": 0.042}, "odometry": {"rpe_percent": 2.7}, "segmentation": {"miou": 0.912},
    },
    "published": {"confirmed": 0.951, "confirmed_median_m": 0.015},
    "dmn": {
        "one_step_global": {"success_mean": 0.93}, "sequential_global_camera_frames": {"success_mean": 1.0},
    },
    "refined": {"confirmed": 0.98, "confirmed_median_m": 0.005, "confirmed_wrong": 0},
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("lights_tables")


def numbers() -> dict[str, Any]:
    return {"standard": deepcopy(ROW), "dark": deepcopy(ROW)}


def missed(tables: ModuleType, values: dict[str, Any]) -> list[str]:
    return [name for name, text in tables.notes(values).items() if "missed" in text]


def test_good_numbers_miss_nothing_and_have_units(tables: ModuleType) -> None:
    assert missed(tables, numbers()) == []
    (table,) = tables.tables(numbers())
    assert table.cells()[1] == [
        "dark", "95.1 %", "1.50 cm", "4.2 cm", "2.7 %", "0.912", "93 %", "100 %", "98.0 %", "0.50 cm", "0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "key", "bad", "aim"),
    [
        ("published", ("confirmed",), 0.89, "dark, vlocnet, published"),
        ("published", ("confirmed_median_m",), 0.041, "dark, vlocnet, position"),
        ("published", ("confirmed_median_m",), None, "dark, vlocnet, position"),
        ("dmn", ("sequential_global_camera_frames", "success_mean"), 0.96, "dark, dmn, 10 frames"),
        ("refined", ("confirmed",), 0.96, "dark, refined, confirmed"),
        ("refined", ("confirmed_wrong",), 1, "dark, refined, wrong"),
    ],
)
def test_a_bad_number_misses_its_aim_alone(
    tables: ModuleType, part: str, key: tuple[str, ...], bad: float | None, aim: str
) -> None:
    values = numbers()
    group = values["dark"][part]
    for name in key[:-1]:
        group = group[name]
    group[key[-1]] = bad
    (found,) = missed(tables, values)
    assert found.startswith(aim)


def test_the_standard_light_must_lose_nothing(tables: ModuleType) -> None:
    values = numbers()
    values["standard"]["published"]["confirmed_median_m"] = 0.025
    assert missed(tables, values) == ["standard, vlocnet, position, median: at most 2 cm"]
