"""Cameras against closed forms and OpenCV's own projection."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.errors import CameraError

PINHOLE = Camera(640, 480, 525.0, 520.0, 320.0, 240.0)
BARREL = Camera(640, 480, 350.0, 352.0, 322.0, 238.0, "plumb_bob", (-0.3, 0.1, 0.001, -0.002, -0.01))
FOUR = Camera(640, 480, 350.0, 350.0, 320.0, 240.0, "plumb_bob", (-0.2, 0.05, 0.001, 0.0005))
# Coefficients like those of an Azure Kinect.
RATIONAL = Camera(
    1280,
    720,
    600.0,
    600.0,
    640.0,
    360.0,
    "rational_polynomial",
    (0.52, -2.65, 0.0005, -0.0002, 1.53, 0.40, -2.46, 1.46),
)
PRISM = Camera(
    640,
    480,
    500.0,
    500.0,
    320.0,
    240.0,
    "rational_polynomial",
    (0.1, -0.05, 1e-3, 1e-3, 0, 0.05, 0, 0, 1e-3, 2e-4, -1e-3, 3e-4),
)
FISHEYE = Camera(1280, 720, 400.0, 402.0, 640.0, 360.0, "equidistant", (0.01, -0.02, 0.003, -0.001))
BARE_FISHEYE = Camera(640, 480, 300.0, 300.0, 320.0, 240.0, "equidistant")
ALL = [PINHOLE, BARREL, FOUR, RATIONAL, PRISM, FISHEYE, BARE_FISHEYE]


def some_rays(count: int = 200, reach: float = 0.6) -> np.ndarray:
    return np.random.default_rng(0).uniform(-reach, reach, (count, 2))


def test_a_pinholes_pixels_in_closed_form() -> None:
    pixels = PINHOLE.project(np.array([[0.0, 0.0], [0.2, -0.1]]))
    np.testing.assert_allclose(pixels, [[320, 240], [320 + 105, 240 - 52]], atol=1e-12)
    np.testing.assert_array_equal(PINHOLE.matrix, [[525, 0, 320], [0, 520, 240], [0, 0, 1]])


@pytest.mark.parametrize("camera", [BARREL, FOUR, RATIONAL, PRISM])
def test_polynomial_lenses_project_like_opencv(camera: Camera) -> None:
    points = np.concatenate([some_rays(), np.ones((200, 1))], axis=1)
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera.matrix, np.array(camera.distortion))
    np.testing.assert_allclose(camera.project(points[:, :2]), expected[:, 0], atol=1e-9)


@pytest.mark.parametrize("camera", [FISHEYE, BARE_FISHEYE])
def test_fisheyes_project_like_opencv(camera: Camera) -> None:
    points = np.concatenate([some_rays(reach=3.0), np.ones((200, 1))], axis=1)[:, None]
    coefficients = np.array(camera.distortion or (0.0,) * 4)
    expected, _ = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), camera.matrix, coefficients)
    np.testing.assert_allclose(camera.project(points[:, 0, :2]), expected[:, 0], atol=1e-9)


def test_a_fisheye_without_coefficients_is_still_no_pinhole() -> None:
    angle = np.radians(60.0)
    pixel = BARE_FISHEYE.project(np.array([[np.tan(angle), 0.0]]))
    np.testing.assert_allclose(pixel, [[320 + 300 * angle, 240]], atol=1e-9)
    assert BARE_FISHEYE.distorted


@pytest.mark.parametrize("camera", ALL)
def test_rays_lead_back_to_their_pixels_up_to_the_corners(camera: Camera) -> None:
    u, v = np.meshgrid(np.linspace(0, camera.width - 1, 30), np.linspace(0, camera.height - 1, 30))
    pixels = np.stack([u.ravel(), v.ravel()], axis=1)
    if camera.distortion_model == "equidistant":  # corners of a fisheye may look backwards
        pixels = pixels[np.linalg.norm((pixels - (camera.cx, camera.cy)) / camera.fx, axis=1) < 1.4]
    np.testing.assert_allclose(camera.project(camera.rays(pixels)), pixels, atol=1e-4)


def test_field_of_view_reaches_the_images_borders() -> None:
    camera = Camera.from_field_of_view(320, 240, 90.0)
    rays = camera.rays(np.array([[-0.5, 119.5], [319.5, 119.5], [159.5, 119.5]]))
    np.testing.assert_allclose(rays, [[-1, 0], [1, 0], [0, 0]], atol=1e-12)


@pytest.mark.parametrize("camera", [PINHOLE, BARREL, FISHEYE])
def test_resizing_keeps_what_each_point_of_the_image_shows(camera: Camera) -> None:
    small = camera.resized(camera.width // 4, camera.height // 3)
    rays = some_rays(reach=0.3)
    share = (camera.project(rays) + 0.5) / (camera.width, camera.height)
    np.testing.assert_allclose((small.project(rays) + 0.5) / (small.width, small.height), share, atol=1e-9)


def test_a_camera_sees_its_own_pixels_and_no_others() -> None:
    u, v = np.meshgrid(np.arange(640.0), np.arange(480.0))
    own = np.stack([u.ravel(), v.ravel()], axis=1)
    for camera in (PINHOLE, FOUR):
        assert camera.sees(camera.rays(own)).all()
    outside = PINHOLE.rays(np.array([[-1.0, 240.0], [640.0, 240.0], [320.0, -1.0], [320.0, 480.0]]))
    assert not PINHOLE.sees(outside).any()


@pytest.mark.parametrize(
    ("distortion", "turn"),
    [
        (("plumb_bob", (-0.3, 0.0, 0.0, 0.0, 0.0)), np.sqrt(1 / 0.9)),  # r - 0.3 r^3 grows up to r^2 = 1 / 0.9
        (("equidistant", (-0.3, 0.0, 0.0, 0.0)), np.tan(np.sqrt(1 / 0.9))),  # the same in the angle
    ],
)
def test_rays_beyond_where_the_polynomial_turns_back_are_not_seen(
    distortion: tuple[str, tuple[float, ...]], turn: float
) -> None:
    camera = Camera(640, 480, 200.0, 200.0, 320.0, 240.0, *distortion)
    rays = np.array([[0.98 * turn, 0.0], [1.02 * turn, 0.0], [1.3 * turn, 0.0]])
    assert (camera.project(rays)[:, 0] < 640).all()  # by their pixels alone all would be inside
    np.testing.assert_array_equal(camera.sees(rays), [True, False, False])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 480, 500, 500, 320, 240), "not positive"),
        ((640, 480, 0, 500, 320, 240), "calibrated"),
        ((640, 480, np.nan, 500, 320, 240), "calibrated"),
        ((640, 480, 500, 500, np.inf, 240), "calibrated"),
        ((640, 480, 500, 500, 320, 240, "fov"), "'fov'; known are"),
        ((640, 480, 500, 500, 320, 240, "plumb_bob", (0.1, 0.2)), "not 2"),
        ((640, 480, 500, 500, 320, 240, "equidistant", (0.1,) * 5), "not 5"),
        ((640, 480, 500, 500, 320, 240, "plumb_bob", (np.nan,) * 5), "NaN"),
    ],
)
def test_impossible_cameras_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(CameraError, match=message):
        Camera(*arguments)


@pytest.mark.parametrize("degrees", [0.0, 180.0, -10.0])
def test_impossible_fields_of_view_are_refused(degrees: float) -> None:
    with pytest.raises(CameraError, match="between 0 and 180"):
        Camera.from_field_of_view(320, 240, degrees)
