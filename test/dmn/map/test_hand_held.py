"""Hand-held recordings: images are rotated upright by the roll and pitch of each pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.hand_held import upright
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import CameraError, DatasetError
from localization_common.geometry import planar
from localization_sim.rendering import mounted_camera

CAMERA, TARGET = Camera.from_field_of_view(96, 72, 100.0), Camera.from_field_of_view(32, 24, 90.0)
#: Tilt and roll of each frame in degrees; the fourth looks at the floor.
HELD = ((0.0, 0.0), (12.0, 20.0), (-10.0, 5.0), (80.0, 0.0), (10.0, -15.0))
HEADINGS = (0.0, 1.0, 2.0, 0.0, 3.0)


def _pose(heading: float, tilt: float, roll: float) -> npt.NDArray[np.float64]:
    turned = mounted_camera(1.4, 0.0, tilt=np.radians(tilt), roll=np.radians(roll))
    return planar.to_se3(np.array([1.0, 2.0, heading])) @ turned


def _picture(camera: Camera, map_T_camera: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Picture of a sphere of smooth colours."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=float), np.arange(camera.height, dtype=float))
    rays = camera.rays(np.stack([u.ravel(), v.ravel()], axis=1))
    seen = np.column_stack([rays, np.ones(len(rays))]) @ map_T_camera[:3, :3].T
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    colours = np.sin(seen @ np.array([[3.0, 1.0, 0.0], [1.0, 4.0, 2.0], [5.0, 0.0, 6.0]]))
    return np.rint(127.0 + 120.0 * colours).astype(np.uint8).reshape(camera.height, camera.width, 3)


@pytest.fixture
def recording() -> Sequence:
    poses = np.stack([_pose(heading, *held) for heading, held in zip(HEADINGS, HELD, strict=True)])
    pictures = [_picture(CAMERA, pose) for pose in poses]
    numbers = np.arange(len(HELD))
    return Sequence("hand", CAMERA, numbers, numbers * 10**9, poses, pictures.__getitem__)


def test_frames_show_what_a_level_camera_sees(recording: Sequence) -> None:
    frames = read_frames(upright(recording, TARGET, partial_views=True), TARGET)
    assert frames.stamps.tolist() == [0, 10**9, 2 * 10**9, 4 * 10**9]  # without the one that looks at the floor
    np.testing.assert_allclose(frames.poses[:, 2], planar.wrap_angle(np.array([0.0, 1.0, 2.0, 3.0])), atol=1e-9)
    for image, pose in zip(frames.images.numpy(), frames.poses, strict=True):
        expected = _picture(TARGET, _pose(float(pose[2]), 0.0, 0.0))
        middle = np.abs(image.astype(float) - expected)[6:18, 8:24]
        assert middle.mean() < 3.0


def test_a_network_without_partial_views_gets_the_pictures_as_they_are(recording: Sequence) -> None:
    frames = upright(recording, TARGET, partial_views=False)
    assert len(frames) == len(HELD)
    expected = _picture(TARGET, _pose(1.0, 0.0, 0.0))[6:18, 8:24]
    assert np.abs(frames.read_image(1).astype(float)[6:18, 8:24] - expected).mean() > 10.0


def test_a_lens_that_is_too_narrow_and_frames_that_are_all_tilted_are_refused(recording: Sequence) -> None:
    with pytest.raises(DatasetError, match="no frames"):
        upright(recording.select([3]), TARGET, partial_views=True)
    with pytest.raises(CameraError, match="is needed"):
        upright(recording, Camera.from_field_of_view(32, 24, 120.0), partial_views=False)
