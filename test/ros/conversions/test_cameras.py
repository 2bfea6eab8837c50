"""Tests of the conversion of CameraInfo to Camera and back."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Header

from localization_common.camera import Camera
from localization_common.messages import camera_from
from localization_common.ros.conversions import camera_to_info


@pytest.mark.parametrize(
    "camera",
    [
        Camera(640, 480, 525.0, 520.0, 319.5, 239.5, "plumb_bob", (0.1, -0.2, 0.001, 0.002, 0.03)),
        Camera(320, 240, 160.0, 160.0, 159.5, 119.5, "equidistant", (0.01, 0.02, 0.0, 0.0)),
        Camera(640, 480, 525.0, 520.0, 319.5, 239.5, "rational_polynomial", tuple(0.01 * i for i in range(8))),
    ],
)
def test_there_and_back(camera: Camera) -> None:
    assert camera_from(camera_to_info(camera, Header())) == camera


def test_a_camera_without_distortion_stays_so() -> None:
    camera = Camera.from_field_of_view(320, 240, 90.0)
    back = camera_from(camera_to_info(camera, Header()))
    assert not back.distorted
    assert (back.matrix == camera.matrix).all()


def test_projection_matrix_is_that_of_the_unrectified_image() -> None:
    camera = Camera(640, 480, 525.0, 520.0, 319.5, 239.5)
    info = camera_to_info(camera, Header())
    np.testing.assert_array_equal(info.p.reshape(3, 4)[:, :3], camera.matrix)
    np.testing.assert_array_equal(info.r.reshape(3, 3), np.eye(3))


def test_binning_shrinks_the_image_and_keeps_the_view() -> None:
    full = Camera(640, 480, 525.0, 520.0, 319.5, 239.5)
    info = camera_to_info(full, Header())
    info.binning_x = info.binning_y = 2
    half = camera_from(info)
    assert (half.width, half.height) == (320, 240)
    # The rays of the edges are equal.
    edges = np.array([[-0.5, -0.5], [639.5, 479.5]])
    np.testing.assert_allclose(half.rays((edges + 0.5) / 2.0 - 0.5), full.rays(edges), atol=1e-9)
