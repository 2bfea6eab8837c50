"""Tests of the choice of keyframes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from made_room import circle, shifted
from painted_room import drive

from localization_common.datasets.sequence import Sequence
from localization_mapping.drive_keyframes import choose_keyframes
from localization_mapping.frame_selection import motion_progress, sharpest_of_stretches, sharpness
from localization_mapping.options import MappingOptions
from localization_mapping.progress import silent


def test_progress_counts_keyframe_distances_and_turns() -> None:
    poses = np.stack([shifted(0, 0, 0), shifted(0.2, 0, 0), shifted(0.2, 0, 30), shifted(0.2, 0.1, 30)])
    progress = motion_progress(poses, metres=0.1, radians=np.radians(10.0))
    np.testing.assert_allclose(progress, [0.0, 2.0, 5.0, 6.0], atol=1e-9)


def test_sharpest_frame_of_each_stretch_is_chosen() -> None:
    progress = np.array([0.0, 0.4, 0.8, 1.2, 1.6, 3.5])
    sharp = np.array([1.0, 3.0, 2.0, 5.0, 9.0, 0.1])
    assert sharpest_of_stretches(progress, sharp).tolist() == [1, 4, 5]


def test_standing_robot_gives_one_keyframe() -> None:
    assert sharpest_of_stretches(np.zeros(20), np.linspace(0.0, 1.0, 20)).tolist() == [19]


def test_blur_lowers_sharpness_and_brightness_does_not(room: Sequence) -> None:
    image = room.read_image(0)
    darker = (0.5 * image + 20.0).astype(np.uint8)
    blurred = cv2.blur(image, (9, 1))
    assert sharpness(darker) == pytest.approx(sharpness(image), rel=0.05)
    assert sharpness(blurred) < 0.7 * sharpness(image)


def test_blurred_frames_lose(room: Sequence) -> None:
    """Frames of 4 cm steps; every second one is blurred, and keyframes are 8 cm apart."""
    blurred = Sequence(
        **{name: getattr(room, name) for name in ("name", "camera", "frame_numbers", "stamps", "map_T_camera")},
        read_image=lambda i: cv2.blur(room.read_image(i), (9, 1)) if i % 2 == 0 else room.read_image(i),
        odom_T_base=room.odom_T_base,
    )
    chosen = choose_keyframes(blurred, MappingOptions(keyframe_degrees=90.0), silent)
    assert len(chosen) >= 10
    assert (chosen % 2 == 1).sum() >= len(chosen) - 1  # one stretch may hold a single frame


@pytest.fixture(scope="module")
def room() -> Sequence:
    poses = circle(24, turns=0.146)
    return drive(poses, poses)
