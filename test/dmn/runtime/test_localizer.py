"""Localizer: the calls of nodes and of the evaluation of bags."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network import egocentric
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.localizer import Localizer
from localization_common.camera import Camera
from localization_common.errors import CameraError, CheckpointError, InputError, MapError
from localization_common.geometry import planar
from localization_sim.rendering import mounted_camera

CAMERA = Camera.from_field_of_view(64, 48, 90.0)
CONFIG = FilterConfig(min_particles=50, max_particles=300, global_particles=300, reference_poses=16)


def _image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def localizer(tiny_files: tuple[Path, Path]) -> Localizer:
    made = Localizer.from_files(*tiny_files, filter_config=CONFIG)
    made.set_camera(CAMERA)
    return made


def _drive(localizer: Localizer, frames: int = 6) -> list[Belief]:
    return [localizer.step(_image(i), i * 200_000_000, [0.15 * i, 0.02 * i, 0.05 * i]) for i in range(frames)]


def test_the_same_seed_and_frames_give_the_same_beliefs(tiny_files: tuple[Path, Path]) -> None:
    runs = []
    for _ in range(2):
        localizer = Localizer.from_files(*tiny_files, filter_config=CONFIG)
        localizer.set_camera(CAMERA)
        runs.append(_drive(localizer))
    localizer.reset_uniform()
    runs.append(_drive(localizer))
    other = Localizer.from_files(*tiny_files, filter_config=dataclasses.replace(CONFIG, random_seed=1))
    other.set_camera(CAMERA)
    for first, second, third, different in zip(*runs, _drive(other), strict=True):
        np.testing.assert_array_equal(first.particles, second.particles)
        np.testing.assert_array_equal(first.weights, second.weights)
        np.testing.assert_array_equal(first.particles, third.particles)
        assert not np.array_equal(first.mean, different.mean)


def test_a_belief_is_whole(localizer: Localizer) -> None:
    belief = _drive(localizer, 1)[0]
    assert belief.observed
    assert belief.stamp == 0
    assert belief.particles.shape == (len(belief.weights), 3)
    assert belief.weights.sum() == pytest.approx(1.0)
    assert belief.effective_sample_size == pytest.approx(1 / np.square(belief.weights).sum())
    np.testing.assert_allclose(belief.covariance, belief.covariance.T)
    assert belief.spread == pytest.approx(np.sqrt(belief.covariance[0, 0] + belief.covariance[1, 1]))
    assert not belief.localized  # the weights are random
    assert "of the weight" in belief.reason
    assert {"image", "network", "particles", "filter", "total"} <= set(belief.timings)


def test_a_robot_that_stands_still_does_not_weigh_again(localizer: Localizer) -> None:
    first = localizer.step(_image(0), 0, [1.0, 2.0, 0.3])
    still = localizer.step(_image(1), 1, [1.05, 2.0, 0.3])
    assert not still.observed
    moved = egocentric.compose(
        torch.from_numpy(first.particles), torch.tensor([0.05 * np.cos(0.3), -0.05 * np.sin(0.3), 0.0])
    )
    np.testing.assert_allclose(still.particles, moved.numpy(), atol=1e-6)
    np.testing.assert_allclose(still.weights, first.weights)
    assert localizer.step(
        _image(2), 2, [1.15, 2.0, 0.3]
    ).observed  # further than update_min_d from the last weighed image
    assert localizer.step(_image(3), 3, [1.15, 2.0, 0.45]).observed  # update_min_a


def test_an_update_can_be_requested(localizer: Localizer) -> None:
    localizer.step(_image(0), 0, [0.0, 0.0, 0.0])
    localizer.request_update()
    assert localizer.step(_image(1), 1, [0.0, 0.0, 0.0]).observed
    assert not localizer.step(_image(2), 2, [0.0, 0.0, 0.0]).observed


BAD_IMAGES = {
    "grey": np.zeros((48, 64), np.uint8),
    "float": np.zeros((48, 64, 3), np.float32),
    "constant": np.full((48, 64, 3), 90, np.uint8),
    "empty": np.zeros((0, 0, 3), np.uint8),
    "another size": np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_bad_image_changes_nothing(localizer: Localizer, tiny_files: tuple[Path, Path], name: str) -> None:
    untouched = Localizer.from_files(*tiny_files, filter_config=CONFIG)
    untouched.set_camera(CAMERA)
    for one in (localizer, untouched):
        one.step(_image(0), 0, [0.0, 0.0, 0.0])
    with pytest.raises(InputError):
        localizer.step(BAD_IMAGES[name], 1, [0.5, 0.0, 0.0])
    with pytest.raises(InputError, match="odometry"):
        localizer.step(_image(1), 1, [float("nan"), 0.0, 0.0])
    after, expected = (one.step(_image(2), 2, [0.3, 0.0, 0.0]) for one in (localizer, untouched))
    np.testing.assert_array_equal(after.particles, expected.particles)


def test_a_clock_that_goes_back_drops_the_odometry_s_reference(localizer: Localizer) -> None:
    config = localizer.filter_config
    localizer.step(_image(0), 10, [0.0, 0.0, 0.0])
    localizer.reset_gaussian([0.0, 0.0, 0.0], np.diag([1e-6, 1e-6, 1e-6]))
    localizer.step(_image(0), 20, [8.0, 0.0, 0.0])
    belief = localizer.step(_image(1), 5, [0.0, 5.0, 0.0])
    assert belief.observed
    assert np.hypot(*belief.mean[:2]) < 10 * config.min_noise_d  # the jump of 9 m was no motion


def test_the_network_gets_the_poses_of_cameras(tiny_files: tuple[Path, Path]) -> None:
    network, camera, _ = load_network(tiny_files[0])
    context_map, mount = ContextMap.load(tiny_files[1]), (0.5, -0.3, 0.7)
    cameras = planar.compose(context_map.poses, np.array(mount))
    still = dataclasses.replace(CONFIG, min_noise_d=0.0, min_noise_a=0.0)
    mounted = Localizer(network, camera, dataclasses.replace(context_map, mount=mount), filter_config=still)
    bare = Localizer(network, camera, dataclasses.replace(context_map, poses=cameras), filter_config=still)
    base, covariance = np.array([1.0, -0.5, 0.4]), np.diag([0.25, 0.25, 0.0])
    weights = []
    for localizer, mean in ((mounted, base), (bare, planar.compose(base, np.array(mount))), (bare, base)):
        localizer.set_camera(CAMERA)
        localizer.reset_uniform(seed=3)
        localizer.reset_gaussian(mean, covariance)
        weights.append(np.log(localizer.step(_image(), 0, [0.0, 0.0, 0.0]).weights))
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-5)
    assert np.abs(weights[0] - weights[2]).max() > 1e-3


def test_an_initial_pose_is_moved_by_odometry(localizer: Localizer) -> None:
    localizer.reset_gaussian([1.0, -1.0, np.pi / 2], np.diag([0.01, 0.01, 0.001]))
    localizer.step(_image(0), 0, [5.0, 5.0, 0.0])
    belief = localizer.step(_image(1), 1, [6.0, 5.0, 0.0])
    np.testing.assert_allclose(belief.mean, [1.0, 0.0, np.pi / 2], atol=0.25)
    assert belief.localized
    assert belief.reason == ""
    np.testing.assert_allclose(belief.most_likely[:2], belief.mean[:2], atol=0.1)


def test_a_pose_that_images_do_not_fit_is_not_published(localizer: Localizer) -> None:
    localizer.reset_gaussian([1.0, -1.0, 0.0], np.diag([0.01, 0.01, 0.001]))
    assert localizer.step(_image(0), 0, [0.0, 0.0, 0.0]).localized
    localizer._filter.fit = -2.0  # random weights give no evidence
    belief = localizer.step(_image(1), 1, [0.0, 0.0, 0.0])
    assert not belief.localized
    assert "worse than the whole map" in belief.reason


def test_a_lost_robot_is_localized_from_its_second_image_on(tiny_files: tuple[Path, Path]) -> None:
    lenient = dataclasses.replace(CONFIG, localized_share=1e-3, localized_fit=-10.0)
    localizer = Localizer.from_files(*tiny_files, filter_config=lenient)
    localizer.set_camera(CAMERA)
    first, second = _drive(localizer, 2)
    assert not first.localized
    assert "too few images" in first.reason
    assert second.localized


def test_a_cluster_that_another_localizer_agrees_with_is_published_sooner(tiny_files: tuple[Path, Path]) -> None:
    def drive(proposed: tuple[float, float] | None, trust: float) -> list[Belief]:
        localizer = Localizer.from_files(*tiny_files, filter_config=dataclasses.replace(CONFIG, proposal_trust=trust))
        localizer.set_camera(CAMERA)
        localizer.reset_gaussian([0.0, 0.0, 0.0], np.diag([0.3, 0.3, 0.05]))
        proposal = None if proposed is None else PlanarGaussian(np.array([*proposed, 0.0]), np.eye(3) * 0.01)
        steps = [(0, 0.0, proposal), (1, 0.02, None), (2, 0.2, None)]  # stands nearly still, then drives on
        return [localizer.step(_image(0), stamp, [x, 0.0, 0.0], proposed) for stamp, x, proposed in steps]

    alone = drive(None, 0.9)
    assert [belief.localized for belief in alone] == [False] * 3
    centre = tuple(alone[0].most_likely[:2])
    agreed = drive(centre, 0.9)
    assert [belief.localized for belief in agreed] == [True, True, False]  # until an image is weighed without
    assert not any(belief.localized for belief in drive((centre[0] + 2.0, centre[1]), 0.9))
    ignored = drive(centre, 0.0)
    assert not ignored[0].localized
    np.testing.assert_array_equal(agreed[0].particles, ignored[0].particles)  # the belief is the same
    np.testing.assert_array_equal(agreed[0].weights, ignored[0].weights)


@pytest.mark.parametrize(
    ("mean", "covariance"),
    [
        ([0.0, 0.0], np.eye(3)),
        ([0.0, np.inf, 0.0], np.eye(3)),
        ([0.0, 0.0, 0.0], -np.eye(3)),
        ([0.0, 0.0, 0.0], np.array([[1.0, 0.5, 0], [0, 1, 0], [0, 0, 1]])),
        ([0.0, 0.0, 0.0], np.eye(2)),
    ],
)
def test_an_impossible_initial_pose_is_refused(localizer: Localizer, mean: list[float], covariance: np.ndarray) -> None:
    with pytest.raises(InputError):
        localizer.reset_gaussian(mean, covariance)


def test_a_narrow_camera_is_refused(localizer: Localizer) -> None:
    with pytest.raises(CameraError, match="wider lens"):
        localizer.set_camera(Camera.from_field_of_view(64, 48, 50.0))


def test_narrow_and_tilted_cameras_need_a_training_with_partial_views(tiny_files: tuple[Path, Path]) -> None:
    network, camera, _ = load_network(tiny_files[0])
    context_map = ContextMap.load(tiny_files[1])
    narrow = Camera.from_field_of_view(64, 48, 60.0)
    tilted = mounted_camera(tilt=np.radians(20.0))[:3, :3]
    trained = copy.deepcopy(network)
    trained.config = dataclasses.replace(network.config, partial_views=True)
    as_it_is, accepted = (Localizer(n, camera, context_map, filter_config=CONFIG) for n in (network, trained))
    with pytest.raises(CameraError, match="wider lens"):
        as_it_is.set_camera(narrow)
    accepted.set_camera(narrow)
    assert accepted.view_share == pytest.approx(np.tan(np.radians(30.0)) ** 2, abs=0.03)
    as_it_is.set_camera(CAMERA, tilted)
    accepted.set_camera(CAMERA, tilted)
    assert as_it_is.view_share == 1.0
    assert 0.6 < accepted.view_share < 0.8
    weights = [localizer.step(_image(), 0, [0.0, 0.0, 0.0]).weights for localizer in (as_it_is, accepted)]
    assert not np.array_equal(*weights)


def test_another_resolution_gives_the_same_weights(tiny_files: tuple[Path, Path]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    means = []
    for factor in (1, 4):
        localizer = Localizer.from_files(*tiny_files, filter_config=CONFIG)
        localizer.set_camera(Camera.from_field_of_view(32 * factor, 24 * factor, 90.0))
        means.append(localizer.step(picture.repeat(factor, 0).repeat(factor, 1), 0, [0.0, 0.0, 0.0]).weights)
    np.testing.assert_allclose(means[0], means[1], rtol=1e-4)


def test_views_are_added_saved_and_loaded(localizer: Localizer, tmp_path: Path) -> None:
    _drive(localizer, 2)
    localizer.add_context(_image(9), [2.0, 1.0, 0.5])
    assert len(localizer.context_map) == 7
    localizer.save_map(tmp_path / "grown.safetensors")
    localizer.load_map(tmp_path / "grown.safetensors")
    np.testing.assert_allclose(localizer.context_map.poses[-1], [2.0, 1.0, 0.5])
    assert _drive(localizer, 2)[-1].observed


def test_an_unusable_map_is_refused_and_the_old_one_stays(
    localizer: Localizer, tiny_map: ContextMap, tmp_path: Path
) -> None:
    dataclasses.replace(tiny_map, fingerprint="another").save(tmp_path / "foreign.safetensors")
    before = localizer.context_map
    for name, reason in (("foreign.safetensors", "made with embedding network"), ("none.safetensors", "no such file")):
        with pytest.raises(MapError, match=f"{name}: .*{reason}|{name}: {reason}"):
            localizer.load_map(tmp_path / name)
        assert localizer.context_map is before
    assert _drive(localizer, 1)[0].observed


def test_a_damaged_checkpoint_is_refused(tiny_files: tuple[Path, Path]) -> None:
    checkpoint, map_path = tiny_files
    with pytest.raises(CheckpointError, match="holds a 'context_map', not a 'dmn'"):
        load_network(map_path)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=r"dmn\.safetensors: not a complete"):
        Localizer.from_files(checkpoint, map_path)


def test_half_precision_is_near_full(tiny_files: tuple[Path, Path]) -> None:
    weights = []
    for half in (False, True):
        localizer = Localizer.from_files(*tiny_files, filter_config=CONFIG, half=half)
        localizer.set_camera(CAMERA)
        weights.append(localizer.step(_image(0), 0, [0.0, 0.0, 0.0]).weights)
    assert not np.array_equal(weights[0], weights[1])
    np.testing.assert_allclose(weights[0], weights[1], rtol=0.05)
