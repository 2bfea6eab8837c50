"""Tests of rendering: pictures agree with poses, with each other and with the geometry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from localization_common.camera import Camera
from localization_common.errors import CameraError
from localization_common.geometry import planar, se3
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.drive_paths import plan_drive
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.solid import CLASS_NAMES
from localization_sim.rendering import Renderer, mounted_camera

CAMERA = Camera.from_field_of_view(160, 120, 90.0)


def pose(x: float, y: float, yaw: float) -> npt.NDArray[np.float64]:
    return planar.to_se3(np.array([x, y, yaw])) @ mounted_camera()


def points_in_map(depth: npt.NDArray[np.float32], map_T_camera: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Points (H, W, 3) of the pixels' surfaces in the map."""
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones_like(u)], axis=-1)
    return (rays * depth[..., None]) @ map_T_camera[:3, :3].T + map_T_camera[:3, 3]


def test_known_points_appear_where_they_project(apartment: Apartment) -> None:
    """Render small balls at known places with a camera that is turned about all three axes."""
    balls = np.array([[2.0, 0.3, 0.7], [3.0, -0.8, 1.1], [1.5, 0.5, 0.2], [2.5, -0.2, 0.4]])
    names = ("table", "seat", "rug", "door")
    scene = ApartmentScene()
    for name, ball in zip(names, balls, strict=True):
        scene.ellipsoid(name, tuple(ball), (0.08, 0.08, 0.08), scene.material())
    model, labels = scene.compile((640, 480))
    camera = Camera.from_field_of_view(640, 480, 80.0)
    map_T_camera = pose(0.1, 0.05, 0.1)
    tilt = se3.from_parts([0.0, 0.0, 0.0], [0.99, 0.06, -0.04, 0.08])
    map_T_camera = map_T_camera @ tilt
    with Renderer(Apartment(0, apartment.plan, model, labels, apartment.space), camera) as renderer:
        renderer.look_from(map_T_camera)
        seen, depth = renderer.labels(), renderer.depth()
    in_camera = (balls - map_T_camera[:3, 3]) @ map_T_camera[:3, :3]
    for name, (x, y, z) in zip(names, in_camera, strict=True):
        v, u = np.nonzero(seen == CLASS_NAMES.index(name))
        expected = (camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy)
        # A ball's outline is an ellipse whose middle is a little off the projected centre: a fifth of a pixel here.
        np.testing.assert_allclose((u.mean(), v.mean()), expected, atol=0.4, err_msg=name)
        centre = depth[round(expected[1]), round(expected[0])]
        ray = np.array([x, y, z]) / z
        assert abs(centre - (z - 0.04 / np.linalg.norm(ray))) < 0.005, name
    assert (seen == 255).mean() > 0.5  # nothing there: unlabelled


def test_floor_ceiling_and_rugs_lie_where_labels_and_depth_say(renderer: Renderer) -> None:
    checked = dict.fromkeys(("floor", "ceiling", "rug"), 0)
    heights = {"floor": (-0.01, 0.01), "ceiling": (2.3, 2.51), "rug": (0.0, 0.012)}
    for room in renderer.apartment.plan.rooms:
        for yaw in (0.4, 2.0, 3.7, 5.3):
            map_T_camera = pose(*room.centre, yaw)
            renderer.look_from(map_T_camera)
            labels = renderer.labels()
            height = points_in_map(renderer.depth(), map_T_camera)[..., 2]
            for name, (low, high) in heights.items():
                here = height[labels == CLASS_NAMES.index(name)]
                checked[name] += here.size
                # Pixels on an outline may take the depth from one side and the label from the other.
                assert here.size == 0 or ((here > low) & (here < high)).mean() > 0.98, (name, room.kind, yaw)
    assert min(checked.values()) > 3000


def test_two_views_agree_in_depth_colour_and_labels(renderer: Renderer) -> None:
    """Check that pixels of one view, moved to another by depth and poses, are on the same surface."""
    trajectory = plan_drive(renderer.apartment, "test")
    compared = 0
    for moment in np.linspace(3.0, trajectory.duration - 3.0, 12):
        first, second = (planar.to_se3(trajectory.at(t)) @ mounted_camera() for t in (moment, moment + 0.6))
        renderer.look_from(first)
        points, image, labels = points_in_map(renderer.depth(), first), renderer.colour(), renderer.labels()
        renderer.look_from(second)
        depth, other_image, other_labels = renderer.depth(), renderer.colour(), renderer.labels()
        in_second = (points.reshape(-1, 3) - second[:3, 3]) @ second[:3, :3]
        in_front = in_second[:, 2] > 0.1
        u = np.full(len(in_second), -1.0)
        v = u.copy()
        u[in_front] = CAMERA.fx * in_second[in_front, 0] / in_second[in_front, 2] + CAMERA.cx
        v[in_front] = CAMERA.fy * in_second[in_front, 1] / in_second[in_front, 2] + CAMERA.cy
        visible = (u > 0) & (v > 0) & (u < CAMERA.width - 1) & (v < CAMERA.height - 1)
        i, j = np.rint(v[visible]).astype(int), np.rint(u[visible]).astype(int)
        error = np.abs(depth[i, j] - in_second[visible, 2]) / in_second[visible, 2]
        same = error < 0.03  # else hidden in the other view, or half a pixel off on a slanted surface
        assert same.mean() > 0.85
        assert np.median(error) < 0.006
        assert (labels.reshape(-1)[visible][same] == other_labels[i, j][same]).mean() > 0.97
        colours = image.reshape(-1, 3)[visible][same].astype(float), other_image[i, j][same].astype(float)
        assert np.corrcoef(colours[0].ravel(), colours[1].ravel())[0, 1] > 0.85
        compared += int(same.sum())
    assert compared > 50_000


def test_pictures_are_well_exposed_and_show_all_classes(renderer: Renderer) -> None:
    trajectory = plan_drive(renderer.apartment, "test")
    pixels = np.zeros(256)
    for moment in np.linspace(0.0, trajectory.duration, 40):
        renderer.look_from(planar.to_se3(trajectory.at(moment)) @ mounted_camera())
        image = renderer.colour()
        assert image.shape == (120, 160, 3)
        assert 50 < image.mean() < 200
        assert image.std() > 20
        pixels += np.bincount(renderer.labels().ravel(), minlength=256)
    shares = pixels / pixels.sum()
    assert shares[255] < 1e-4  # a crack of a pixel between two panels now and then
    assert shares[: len(CLASS_NAMES)].min() > 0.004


def test_depth_is_finite_and_positive(renderer: Renderer) -> None:
    renderer.look_from(pose(*renderer.apartment.plan.rooms[0].centre, 0.0))
    depth = renderer.depth()
    assert depth.dtype == np.float32
    assert depth.min() > 0.02
    assert depth.max() < 12.0


def test_same_pose_gives_the_same_picture(renderer: Renderer) -> None:
    here, there = (pose(*room.centre, 1.0) for room in renderer.apartment.plan.rooms[:2])
    renderer.look_from(here)
    first = renderer.colour()
    renderer.look_from(there)
    assert (renderer.colour() != first).mean() > 0.5
    renderer.look_from(here)
    np.testing.assert_array_equal(renderer.colour(), first)


def test_cameras_that_opengl_cannot_show_are_refused(apartment: Apartment) -> None:
    for camera in (
        Camera(160, 120, 80.0, 80.0, 70.0, 59.5),
        Camera(160, 120, 80.0, 81.0, 79.5, 59.5),
        Camera(160, 120, 80.0, 80.0, 79.5, 59.5, distortion=(0.1, 0.0, 0.0, 0.0)),
    ):
        with pytest.raises(CameraError, match="centred"):
            Renderer(apartment, camera)
