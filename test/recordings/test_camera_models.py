"""Calibrations of bags and nodes: models, binning, regions, and messages that are no calibration."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from camera_cases import CASES, FIVE, FOURTEEN, K, P, info, lens
from message_ways import Case, assert_right, assert_same, outcome, through_bag, through_ros

from localization_common.camera import Camera
from localization_common.messages import camera_from, is_rectified_topic


@pytest.fixture(scope="module")
def from_bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cases that were written to one bag and read from it."""
    return through_bag(CASES, Path(tmp_path_factory.mktemp("cameras")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bags_and_nodes_read_the_same(case: Case, from_bag: dict[str, Any]) -> None:
    value = outcome(case, from_bag[case.name])
    assert_right(case, value)
    assert_same(value, outcome(case, through_ros(case)))


TILTED = Camera(640, 480, 525.0, 520.0, 319.5, 239.5, "rational_polynomial", FOURTEEN)


def test_a_tilted_sensor_projects_like_opencv() -> None:
    rays = np.random.default_rng(0).uniform(-0.5, 0.5, (200, 2))
    points = np.concatenate([rays, np.ones((200, 1))], axis=1)
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.reshape(K, (3, 3)), np.array(FOURTEEN))
    np.testing.assert_allclose(TILTED.project(rays), expected[:, 0], atol=1e-9)


def test_rays_of_a_tilted_sensor_lead_back_to_its_pixels() -> None:
    u, v = np.meshgrid(np.linspace(0, 639, 20), np.linspace(0, 479, 20))
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    rays = TILTED.rays(pixels)
    np.testing.assert_allclose(TILTED.project(rays), pixels, atol=1e-4)
    assert TILTED.sees(rays).all()


def test_ros_1_writes_the_matrices_in_capitals() -> None:
    fields = {name: getattr(info("plumb_bob", FIVE), name) for name in ("width", "height", "roi", "distortion_model")}
    message = SimpleNamespace(**fields, binning_x=0, binning_y=0, D=list(FIVE), K=list(K), P=list(P))
    assert camera_from(message) == lens("plumb_bob", *FIVE)
    assert camera_from(message, rectified=True).fx == 500.0


@pytest.mark.parametrize(
    "name", ["/image_rect", "/a/image_rect_color/compressed", "/left/rect/image", "image_rectified"]
)
def test_topics_of_rectified_images(name: str) -> None:
    assert is_rectified_topic(name)


@pytest.mark.parametrize("name", ["/image", "/camera/image_raw", "/direct/image", "/rectangle/image/compressed", "/"])
def test_topics_of_other_images(name: str) -> None:
    assert not is_rectified_topic(name)
