"""Benchmark of homes: places, tables, aims, and the vertical of hand-held recordings."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from localization_common.geometry import planar
from localization_sim.lights.lighting import TEST_LIGHTS
from localization_sim.rendering import mounted_camera

ROW = {
    "seed": 200, "calm": 0.5, "twin_room": False, "lens_deg": 90.0, "height_m": 0.6, "tilt_deg": 0.0,
    "light": "standard",
    "one_step_global": {"success_mean": 0.9, "success_most_likely": 0.95},
    "sequential_global_camera_frames": {"success_mean": 1.0},
    "sequential_global_weighed_frames": {"success_mean": 1.0, "median_m": 0.08, "median_deg": 2.0},
    "closest_context": {"success": 0.7}, "uninformed": {"success": 0.01},
    "kidnapped": [{"near": True, "frames": 5, "published": True}, {"near": False, "frames": 21, "published": False}],
}  # fmt: skip
GROUP = "New apartments"


@pytest.fixture(scope="module")
def tables(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("homes_tables")


def rows(**changed: Any) -> dict[str, dict[str, Any]]:
    places = {f"apartment {seed}, home": deepcopy(ROW) for seed in range(200, 206)}
    places["apartment 200, home"] |= changed
    return {GROUP: places}


def test_means_have_intervals_and_every_place_has_a_row(tables: ModuleType) -> None:
    one = {"success_mean": 0.3, "success_most_likely": 0.5}
    means, places = tables.tables(rows(one_step_global=one))
    (row,) = means.cells()
    assert row[:2] == ["home", "6"]
    # five times 90 and once 30: the deviation is 24.5, and Student's factor for five degrees of freedom 2.571
    assert row[2] == f"80.0 ± {2.571 * 24.495 / 6**0.5:.1f} %"
    assert row[-2:] == ["50.0 ± 0.0 %", "13"]
    assert len(places.rows) == 6
    assert places.cells()[0][2] == "30 %"
    assert places.cells()[1][1] == "calm 0.5, 90 deg, 0.6 m"


def test_a_refused_camera_is_in_no_mean(tables: ModuleType) -> None:
    values = rows()
    values[GROUP]["apartment 200, home"] = {"refused": "sees only 40%"}
    means, places = tables.tables(values)
    assert means.cells()[0][1] == "5"
    assert places.cells()[0][1] == "camera refused"


def test_aims_are_those_of_the_network_in_the_first_group(tables: ModuleType) -> None:
    missed = [name for name, text in tables.notes(rows(), "home").items() if "missed" in text]
    assert missed == []
    worse = rows(sequential_global_camera_frames={"success_mean": 0.5})
    missed = [name for name, text in tables.notes(worse, "home").items() if "missed" in text]
    assert missed == [f"home, {GROUP}, 10 frames: at least 98 %"]
    assert tables.notes(rows(), "another") == {}


def test_test_seeds_are_recorded_with_test_lights(import_benchmark: Callable[[str], ModuleType]) -> None:
    places, config = import_benchmark("homes_places"), import_benchmark("homes_config").HomesConfig()
    homes = places.homes(config, varied=False)
    assert [home.seed for home in homes] == list(range(200, 230))
    varied = places.homes(config, varied=True)
    assert len(varied) == 15
    assert {home.light for home in varied} <= set(TEST_LIGHTS)
    assert len({home.recording.field_of_view for home in varied}) == 15
    assert not {home.recording.output for home in homes} & {home.recording.output for home in varied}


def test_the_vertical_of_a_camera_that_looks_down_is_found(import_benchmark: Callable[[str], ModuleType]) -> None:
    random = np.random.default_rng(0)
    poses = np.stack(
        [
            planar.to_se3(random.uniform(-1.5, 1.5, 3))
            @ mounted_camera(tilt=float(random.uniform(0.3, 0.6)), roll=float(random.normal(0.0, 0.03)))
            for _ in range(200)
        ]
    )
    turn = np.eye(4)
    turn[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0]
    turn[:3, :3] *= np.linalg.det(turn[:3, :3])
    found = import_benchmark("homes_hand_held").levelled(turn @ poses)
    difference = found[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1)
    assert (difference[:, 2, 2] > np.cos(np.radians(1.0))).all()  # the same vertical
