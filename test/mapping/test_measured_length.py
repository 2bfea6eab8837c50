"""Lengths that a user measured: wrong ones, and those that a map does not need, are refused before any work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from deep_localization.place_building import command
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_mapping.mapping import map_drives
from localization_mapping.measured_length import MeasuredLength


@pytest.mark.parametrize(
    ("distance", "height", "message"),
    [
        ((0, 20, 1.0), 0.5, "give one of them"),
        ((0, 30, -1.0), None, "positive number of metres"),
        ((0, 30, float("nan")), None, "positive number of metres"),
        ((0, 30, float("inf")), None, "positive number of metres"),
        ((30, 30, 1.0), None, "--distance 30 30 1: give two different frames"),
        (None, 0.0, "--camera-height 0: give a positive number of metres"),
        (None, float("nan"), "positive number of metres"),
    ],
)
def test_wrong_lengths_are_refused(distance: tuple[int, int, float] | None, height: float | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MeasuredLength(distance, height)


def test_a_wrong_length_is_one_line_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["localization_map", "nowhere", "--output", "place", "--distance", "50", "50", "1"])
    with pytest.raises(SystemExit, match=r"^localization_map: --distance 50 50 1: give two different frames"):
        command.main()


@contextmanager
def no_work(label: str, total: int) -> Iterator[None]:
    """Fail when a stage of the mapping begins."""
    pytest.fail(f"{label} began")
    yield


def video() -> Sequence:
    """Frames 0, 3, ... 57 without odometry and depth."""
    return Sequence(
        name="kitchen",
        camera=Camera.from_field_of_view(64, 48, 80.0),
        frame_numbers=3 * np.arange(20),
        stamps=100_000_000 * np.arange(20),
        map_T_camera=np.full((20, 4, 4), np.nan),
        read_image=lambda _: np.zeros((48, 64, 3), dtype=np.uint8),
    )


@pytest.mark.parametrize("length", [MeasuredLength((0, 30, 1.0)), MeasuredLength(None, 0.5)], ids=str)
def test_a_length_that_is_not_used_is_refused(length: MeasuredLength) -> None:
    with_wheels = replace(video(), odom_T_base=np.tile(np.eye(4), (20, 1, 1)))
    with_depth = replace(video(), read_depth=lambda _: np.ones((48, 64), dtype=np.float32))
    with pytest.raises(ConfigError, match=rf"^{length}: kitchen has wheel odometry, and the scale comes from that"):
        map_drives([with_wheels], length=length, progress=no_work)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=rf"^{length}: kitchen has depth images, and the scale comes from that"):
        map_drives([with_depth], length=length, progress=no_work)  # type: ignore[arg-type]


@pytest.mark.parametrize("frames", [(0, 31), (-3, 30), (0, 60)])
def test_frames_that_are_not_there_are_refused(frames: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=r"kitchen has no frame -?\d+; its frames are numbered 0 to 57, with gaps"):
        map_drives([video()], length=MeasuredLength((*frames, 1.0)), progress=no_work)  # type: ignore[arg-type]
