"""Benchmark of buildings: scores of starts, aims, and frames and keyframes that are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import building_floors
from building_floors import CAMERA, Floor, held_out, mapping_keyframes
from building_starts import StartedFrame, scores
from building_tables import notes, tables

#: Floor that is mapped and driven in a few seconds.
SMALL = Floor("office, 60 m2", 60.0, 12, 1)


def start(number: int, metres: list[float | None], confirmed: bool = True) -> list[StartedFrame]:
    """Return the frames of a start, five a second, with these errors of the poses; None: no pose."""
    frames, lost = [], True
    for i, error in enumerate(metres):
        published = error is not None
        found = StartedFrame(
            number, 0.2 * i, lost, published, published and confirmed, error or 0.0, 50.0 if lost else 20.0
        )
        lost = lost and not (published and not found.wrong)
        frames.append(found)
    return frames


def test_starts_are_scored() -> None:
    found = [
        *start(0, [None, None, 0.01, 0.02]),  # right after 0.4 s
        *start(1, [None, 0.9, 0.03, 0.01]),  # wrong, then right after 0.4 s
        *start(2, [None] * 4),
        *start(3, [None] * 18 + [0.04, 0.02]),  # right after 3.6 s, too late
    ]
    scored = scores(found, within=3.0)
    assert scored["starts"] == 4
    assert scored["right_within"] == 0.5
    assert scored["wrong_starts"] == 1
    assert scored["wrong"] == pytest.approx(1 / 7)
    assert scored["median_m"] == pytest.approx(0.02)
    assert scored["confirmed"] == 1.0
    assert (scored["lost_ms"], scored["tracking_ms"]) == (50.0, 20.0)


def test_a_floor_without_any_pose_has_no_accuracy() -> None:
    scored = scores(start(0, [None] * 5), within=3.0)
    assert (scored["right_within"], scored["median_m"], scored["tracking_ms"]) == (0.0, None, None)


def test_aims_compare_floors() -> None:
    about = {
        "keyframes": 10, "points": 20, "repeated": 0.1, "megabytes": 24.0, "build_s": 1.0, "repeated_s": 2.0,
        "memory_mb": 600.0, "area": 1200.0,
    }  # fmt: skip
    floors = {
        name: scores(start(0, [None, 0.01, 0.01]), within=3.0) | about
        for name in ("apartment", "office, 1200 m2", "office, 5000 m2")
    }
    floors["office, 5000 m2"]["memory_mb"] = 1000.0
    noted = notes(floors)
    assert noted["1,200 m2, map: at most 30 MB"] == "24.0 MB: met"
    assert noted["1,200 m2 over the apartment, frame of a lost robot: at most 1.2 times"] == "1.00 times: met"
    assert noted["5,000 m2 over 1,200 m2, memory: at most 1.5 times"] == "1.67 times: **missed**"
    assert [len(table.rows) for table in tables(floors)] == [3, 3]


def test_frames_and_keyframes_are_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, frames = mapping_keyframes(SMALL, tmp_path), held_out(SMALL, tmp_path, starts=3, seconds=0.4)
    monkeypatch.setattr(building_floors, "open_apartment", None)  # nothing is rendered again
    again, kept = mapping_keyframes(SMALL, tmp_path), held_out(SMALL, tmp_path, starts=3, seconds=0.4)
    assert len(made.given) == 12
    np.testing.assert_array_equal(made.features[3].descriptors, again.features[3].descriptors)
    np.testing.assert_array_equal(frames.first, kept.first)
    position = int(kept.first[1]) + 2
    image = kept.sequence.read_image(position)
    assert image.shape == (CAMERA.height, CAMERA.width, 3)
    np.testing.assert_array_equal(image, frames.sequence.read_image(position))
    assert kept.sequence.odom_T_base is not None
