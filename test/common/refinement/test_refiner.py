"""Sequences of frames with a map: refined, relocated or refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from synthetic_views import CAMERA, MAP_T_SCENE, NOISE, features_of, make_map, scene, small

from localization_common.camera import Camera
from localization_common.errors import CameraError
from localization_common.geometry import se3
from localization_common.keyframes.features import Features
from localization_common.keyframes.frame_correction import FrameCorrection, exponential
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.retrieval import thumbnail
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.refiner import Guess, Refinement, Refiner, Status

POINTS, LOOKS = scene(300)
COVARIANCE = np.diag([0.05**2] * 3 + [np.radians(1.5) ** 2] * 3)
#: Pose outside the map.
WRONG = Guess(MAP_T_SCENE @ exponential(np.array([8.0, 0.0, -5.0, 0.0, 2.0, 0.0])), COVARIANCE)
STILL = Motion(np.eye(4), np.diag([0.01**2] * 3 + [0.005**2] * 3))
IMAGE = cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8), (320, 240))
NOTHING = Features(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32), np.empty(0))


def known_map(**changes: object) -> KeyframeMap:
    return make_map(POINTS, LOOKS, MAP_T_SCENE[None], thumbnails=thumbnail(IMAGE)[None], **changes)


def opened(keyframe_map: KeyframeMap | None = None, **numbers: int) -> Refiner:
    refiner = Refiner(keyframe_map or known_map(), RefinementConfig(**numbers))
    refiner.set_camera(CAMERA)
    return refiner


def view(pose: np.ndarray, seed: int = 0) -> Features:
    return features_of(POINTS, LOOKS, pose, noise=NOISE, seed=seed)[0]


def near(pose: np.ndarray, seed: int = 0) -> Guess:
    return Guess(pose @ small(np.random.default_rng(seed), 0.04, 1.0), COVARIANCE)


def metres_off(found: Refinement, pose: np.ndarray) -> float:
    assert found.map_T_camera is not None
    return float(np.linalg.norm(found.map_T_camera[:3, 3] - pose[:3, 3]))


def test_a_guess_nearby_is_refined() -> None:
    found = opened().step(IMAGE, [near(MAP_T_SCENE)], features=view(MAP_T_SCENE))
    assert found.status is Status.REFINED
    assert metres_off(found, MAP_T_SCENE) < 0.003
    assert found.covariance is not None
    assert 1e-4 < np.sqrt(np.diag(found.covariance)).max() < 0.005
    assert len(found.pixels) > 100
    assert ((found.pixels > -1.0) & (found.pixels < (320, 240))).all()
    assert found.matches >= len(found.pixels)
    assert set(found.timings) == {"features", "solve"}


def test_the_most_probable_guess_may_be_wrong() -> None:
    found = opened().step(IMAGE, [WRONG, near(MAP_T_SCENE)], features=view(MAP_T_SCENE))
    assert found.status is Status.REFINED
    assert metres_off(found, MAP_T_SCENE) < 0.003


def test_pixels_are_those_of_the_camera() -> None:
    """Use a map with a lens correction: pixels belong to the distorted image."""
    lens = LensCorrection(1.03, 0.02)
    features = view(MAP_T_SCENE)
    found = opened(known_map(lens=lens)).step(IMAGE, [near(MAP_T_SCENE)], features=features)
    expected = CAMERA.project(lens.distort(features.rays))
    assert len(found.pixels) > 100
    distance = np.linalg.norm(found.pixels[:, None] - expected, axis=2)
    assert distance.min(axis=1).max() < 1e-6


def test_poses_are_given_in_the_frame_of_the_maps_poses() -> None:
    """Move the adjusted map by 3 cm: guesses and results stay, and their covariance includes the correction."""
    moved = exponential(np.array([0.03, 0.0, 0.0, 0.0, 0.02, 0.0]))
    given = MAP_T_SCENE[None] @ moved
    variance = np.stack([np.full(6, 0.01**2), np.zeros(6)])
    keyframe_map = known_map(correction=FrameCorrection(given, MAP_T_SCENE[None], 0.07, 0.12, variance))
    found = opened(keyframe_map).step(IMAGE, [Guess(given[0], 1e-8 * np.eye(6))], features=view(MAP_T_SCENE))
    assert metres_off(found, given[0]) < 0.003
    assert found.covariance is not None
    assert (np.diag(found.covariance) > 0.01**2).all()


@pytest.mark.parametrize("guesses", [[], [WRONG]])
def test_a_pose_far_from_all_guesses_is_accepted_after_several_frames(guesses: list[Guess]) -> None:
    refiner, pose = opened(), MAP_T_SCENE
    step = Motion(small(np.random.default_rng(1), 0.03, 1.0), STILL.covariance)
    for frame in range(4):
        found = refiner.step(IMAGE, guesses, motion=step, features=view(pose, frame))
        assert found.status is [Status.REFUSED, Status.REFUSED, Status.RELOCATED, Status.REFINED][frame]
        assert (found.map_T_camera is None) == (found.status is Status.REFUSED)
        if frame < 2:
            assert f"{frame + 1} of 3 frames agree on another place" in found.reason
        else:
            assert metres_off(found, pose) < 0.01
        pose = pose @ step.previous_T_camera


@pytest.mark.parametrize("motion", [None, Motion(exponential(np.array([0.0, 0.0, 1.0, 0, 0, 0])), STILL.covariance)])
def test_frames_that_the_odometry_contradicts_are_refused(motion: Motion | None) -> None:
    refiner = opened()
    for frame in range(6):
        found = refiner.step(IMAGE, [WRONG], motion=motion, features=view(MAP_T_SCENE, frame))
        assert found.status is Status.REFUSED
        assert "1 of 3 frames" in found.reason


def test_the_frames_must_be_consecutive() -> None:
    """Insert a frame without features between two frames that agree."""
    refiner = opened()
    seen = [view(MAP_T_SCENE, 0), view(MAP_T_SCENE, 1), NOTHING, view(MAP_T_SCENE)]
    reasons = [refiner.step(IMAGE, [WRONG], motion=STILL, features=features).reason for features in seen]
    assert "2 of 3 frames" in reasons[1]
    assert "nor with any place" in reasons[2]
    assert "1 of 3 frames" in reasons[3]


def test_a_repeated_view_is_confirmed_at_once_only_at_the_expected_pose() -> None:
    there = MAP_T_SCENE @ exponential(np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0]))
    beyond = MAP_T_SCENE @ exponential(np.array([1.6, 0.0, 0.0, 0.0, 0.0, 0.0]))  # the middle of a room, 1.1 m further
    keyframe_map = make_map(
        POINTS,
        LOOKS,
        np.stack([MAP_T_SCENE, beyond]),
        thumbnails=np.tile(thumbnail(IMAGE), (2, 1)),
        repeated_view=np.array([False, True]),
    )
    refiner = opened(keyframe_map)
    for frame in range(4):
        found = refiner.step(IMAGE, [near(there)], motion=STILL, features=view(there, frame))
        assert found.status is Status.REFUSED
        assert found.map_T_camera is None
    refiner.reset()
    assert refiner.step(IMAGE, [near(MAP_T_SCENE)], motion=STILL, features=view(MAP_T_SCENE)).status is Status.REFINED
    step = Motion(se3.inverse(MAP_T_SCENE) @ there, STILL.covariance)
    found = refiner.step(IMAGE, [near(there)], motion=step, features=view(there))
    assert found.status is Status.REFINED
    assert metres_off(found, there) < 0.005
    assert refiner.step(IMAGE, [near(there)], motion=None, features=view(there)).status is Status.REFUSED


def test_the_expected_pose_is_used_if_the_guess_is_wrong() -> None:
    refiner = opened()
    refiner.step(IMAGE, [near(MAP_T_SCENE)], features=view(MAP_T_SCENE))
    step = Motion(small(np.random.default_rng(3), 0.1, 3.0), STILL.covariance)
    pose = MAP_T_SCENE @ step.previous_T_camera
    found = refiner.step(IMAGE, [WRONG], motion=step, features=view(pose))
    assert found.status is Status.REFINED
    assert metres_off(found, pose) < 0.005
    refiner.reset()
    assert refiner.step(IMAGE, [WRONG], motion=STILL, features=view(pose)).status is Status.REFUSED


def test_images_without_features_or_of_another_place_are_refused() -> None:
    refiner = opened()
    rng = np.random.default_rng(5)
    black = np.zeros((240, 320, 3), dtype=np.uint8)
    noise = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    for image in (black, noise):
        for guesses in ([], [near(MAP_T_SCENE)], [WRONG]):
            found = refiner.step(image, guesses, motion=STILL)
            assert found.status is Status.REFUSED
            assert (found.map_T_camera, found.covariance, len(found.pixels)) == (None, None, 0)
            assert "nor with any place in the map" in found.reason
    other, looks = scene(300, seed=11)
    for frame in range(5):
        elsewhere = features_of(other, looks, MAP_T_SCENE, seed=frame)[0]
        assert refiner.step(IMAGE, [near(MAP_T_SCENE)], motion=STILL, features=elsewhere).status is Status.REFUSED


def test_a_hint_is_searched_and_needs_the_same_confirmation_as_a_place_in_the_map() -> None:
    """Switch retrieval off, so that only the hint leads to the place."""
    refiner = opened(retrieved=0)
    statuses = [
        refiner.step(IMAGE, [], hints=[near(MAP_T_SCENE, k)], motion=STILL, features=view(MAP_T_SCENE, k)).status
        for k in range(4)
    ]
    assert statuses == [Status.REFUSED, Status.REFUSED, Status.RELOCATED, Status.REFINED]


def test_a_wrong_hint_changes_nothing() -> None:
    plain, hinted = opened(), opened()
    for frame in range(5):
        features = view(MAP_T_SCENE, frame)
        one = plain.step(IMAGE, [], motion=STILL, features=features)
        other = hinted.step(IMAGE, [], hints=[WRONG], motion=STILL, features=features)
        assert (one.status, one.reason) == (other.status, other.reason)
        np.testing.assert_array_equal(one.map_T_camera, other.map_T_camera)
    away = hinted.step(IMAGE, [], hints=[WRONG], motion=STILL, features=NOTHING)
    assert (away.status, away.contradicts) == (Status.REFUSED, False)


def test_a_frame_that_agrees_with_another_place_than_the_previous_frames_contradicts_them() -> None:
    refiner = opened()
    assert not refiner.step(IMAGE, [], motion=STILL, features=view(MAP_T_SCENE)).contradicts  # nothing is expected yet
    for frame in range(2):
        refiner.step(IMAGE, [], motion=STILL, features=view(MAP_T_SCENE, frame))
    carried = MAP_T_SCENE @ exponential(np.array([0.0, 0.0, -1.3, 0.0, 0.0, 0.0]))
    found = [refiner.step(IMAGE, [], motion=STILL, features=view(carried, k)) for k in range(4)]
    assert [f.contradicts for f in found] == [True, True, False, False]
    assert [f.status for f in found] == [Status.REFUSED, Status.REFUSED, Status.RELOCATED, Status.REFINED]
    assert metres_off(found[-1], carried) < 0.01


def test_a_pose_far_from_all_keyframes_is_refined_through_the_keyframe_that_shows_the_same() -> None:
    """Put the only keyframe 5.5 m behind: from there each point looks too different for a search at the pose."""
    behind = MAP_T_SCENE @ exponential(np.array([0.0, 0.0, -5.5, 0.0, 0.0, 0.0]))
    refiner = opened(make_map(POINTS, LOOKS, behind[None], image_vectors=ImageVectors.of([LOOKS])))
    found = [refiner.step(IMAGE, [], motion=STILL, features=view(MAP_T_SCENE, k)) for k in range(5)]
    assert [f.status for f in found[2:]] == [Status.RELOCATED, Status.REFINED, Status.REFINED]
    assert metres_off(found[-1], MAP_T_SCENE) < 0.01


def test_things_that_may_have_been_moved_give_no_first_pose() -> None:
    """Show points within 0.7 m only."""
    centre = MAP_T_SCENE[:3, 3] + 1.3 * MAP_T_SCENE[:3, 2]
    points = centre + np.random.default_rng(0).uniform(-0.35, 0.35, (300, 3))
    refiner = opened(make_map(points, LOOKS, MAP_T_SCENE[None], image_vectors=ImageVectors.of([LOOKS])))
    for frame in range(5):
        features = features_of(points, LOOKS, MAP_T_SCENE, noise=NOISE, seed=frame)[0]
        found = refiner.step(IMAGE, [], motion=STILL, features=features)
        assert (found.status, found.contradicts) == (Status.REFUSED, False)
        assert "which may have been moved" in found.reason
    assert refiner.step(IMAGE, [near(MAP_T_SCENE)], motion=STILL, features=features).status is Status.REFINED


def test_without_retrieval_a_wrong_guess_is_refused() -> None:
    refiner = opened(retrieved=0)
    for frame in range(4):
        found = refiner.step(IMAGE, [WRONG], motion=STILL, features=view(MAP_T_SCENE, frame))
        assert found.status is Status.REFUSED


def test_a_fitting_camera_is_needed_before_the_first_frame() -> None:
    with pytest.raises(CameraError, match="set_camera"):
        Refiner(known_map()).step(IMAGE, [])
    with pytest.raises(CameraError, match="less than half"):
        Refiner(known_map()).set_camera(Camera.from_field_of_view(100, 80, 80.0))
    with pytest.raises(CameraError, match="its camera has"):
        opened().step(IMAGE[:100], [])
