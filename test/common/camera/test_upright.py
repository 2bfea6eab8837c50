"""Tilted cameras, rotated upright: they agree with a level camera at the same place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from localization_common.camera import Camera
from localization_common.camera.upright import level_adapter, level_rotation
from localization_common.errors import CameraError
from localization_common.geometry import planar
from localization_sim.rendering import mounted_camera

Array = npt.NDArray[np.float64]
TARGET = Camera.from_field_of_view(64, 48, 90.0)
WIDE = Camera.from_field_of_view(320, 240, 100.0)


def rotation(yaw: float, tilt: float = 0.0, roll: float = 0.0) -> Array:
    """Rotation of an optical frame; degrees."""
    turned = planar.to_se3(np.array([0.0, 0.0, np.radians(yaw)]))
    return (turned @ mounted_camera(tilt=np.radians(tilt), roll=np.radians(roll)))[:3, :3]


def picture(camera: Camera, base_R_camera: Array) -> npt.NDArray[np.uint8]:
    """Picture of a sphere of smooth colours around the camera."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=float), np.arange(camera.height, dtype=float))
    rays = camera.rays(np.stack([u.ravel(), v.ravel()], axis=1))
    seen = np.column_stack([rays, np.ones(len(rays))]) @ base_R_camera.T
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    colours = np.sin(seen @ np.array([[3.0, 1.0, 0.0], [1.0, 4.0, 2.0], [5.0, 0.0, 6.0]]))
    return np.rint(127.0 + 120.0 * colours).astype(np.uint8).reshape(camera.height, camera.width, 3)


@pytest.mark.parametrize(("tilt", "roll"), [(20.0, 0.0), (-15.0, 0.0), (0.0, 25.0), (12.0, -18.0)])
@pytest.mark.parametrize("yaw", [0.0, 130.0])
def test_an_upright_picture_is_that_of_a_level_camera(yaw: float, tilt: float, roll: float) -> None:
    held = rotation(yaw, tilt, roll)
    adapter = level_adapter(WIDE, TARGET, held, partial=True)
    assert adapter.coverage > 0.6
    found = adapter(picture(WIDE, held))[adapter.seen].astype(float)
    expected = picture(TARGET, rotation(yaw))[adapter.seen].astype(float)
    assert np.abs(found - expected).mean() < 1.0
    inverted = level_adapter(WIDE, TARGET, rotation(yaw, -tilt, -roll), partial=True)
    assert np.abs(inverted(picture(WIDE, held)).astype(float) - picture(TARGET, rotation(yaw))).mean() > 10.0


def test_the_heading_of_the_optical_axis_stays() -> None:
    camera_R_level = level_rotation(rotation(40.0, 30.0, 20.0))
    np.testing.assert_allclose(rotation(40.0, 30.0, 20.0) @ camera_R_level, rotation(40.0), atol=1e-12)


def test_what_a_tilted_camera_does_not_see_has_the_mean_colour() -> None:
    held = rotation(0.0, 25.0)
    adapter = level_adapter(TARGET, TARGET, held, partial=True)
    assert adapter.partial
    assert not adapter.seen[0].any()  # it looks down: the top of the level view is not seen
    adapted = adapter(picture(TARGET, held))
    assert (adapted[~adapter.seen] == np.rint(adapted[adapter.seen].mean(axis=0))).all()


def test_depth_and_labels_follow_the_rotation_in_both_directions() -> None:
    held = rotation(0.0, 10.0, 5.0)
    adapter = level_adapter(WIDE, TARGET, held, partial=True)
    labels = (picture(WIDE, held)[..., 0] > 127).astype(np.uint8)
    level = adapter.nearest(labels)
    expected = (picture(TARGET, rotation(0.0))[..., 0] > 127).astype(np.uint8)
    assert (level == expected)[level != 255].mean() > 0.97
    back = adapter.back(level)
    assert (back == labels)[back != 255].mean() > 0.95


def test_a_camera_that_looks_at_the_floor_is_refused() -> None:
    with pytest.raises(CameraError, match="tilted so far that it sees only"):
        level_adapter(TARGET, TARGET, rotation(0.0, 75.0), partial=True)


def test_networks_without_partial_views_get_the_picture_as_it_is() -> None:
    image = picture(TARGET, rotation(0.0, 20.0))
    np.testing.assert_array_equal(level_adapter(TARGET, TARGET, rotation(0.0, 20.0))(image), image)
