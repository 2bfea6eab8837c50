"""Places that look alike: what the last frames show decides between them."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import CAMERA, MAP_T_SCENE, NOISE, features_of, make_map, scene, small

from localization_common.geometry import se3
from localization_common.keyframes.features import Features
from localization_common.keyframes.frame_correction import exponential
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.alike_places import AlikePlaces
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.refiner import Refinement, Refiner, Status
from localization_common.refinement.search import MapSearch

IMAGE = np.zeros((240, 320, 3), dtype=np.uint8)
STILL = Motion(np.eye(4), np.diag([0.01**2] * 3 + [0.005**2] * 3))
NOTHING = Features(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32), np.empty(0))
POINTS, LOOKS = scene(300)
#: Pose in the second room of what has the pose of one in the first.
OTHER = se3.from_parts([20.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])


def rooms(own: int | np.ndarray) -> KeyframeMap:
    """Map of two rooms, each with these points of its own, or this number; the other points look the same in both."""
    which = np.arange(len(LOOKS)) < own if isinstance(own, int) else own
    other = np.where(which[:, None], scene(len(LOOKS), seed=21)[1], LOOKS)
    moved = POINTS + OTHER[:3, 3]
    sight = np.tile(POINTS - MAP_T_SCENE[:3, 3], (2, 1))
    metres = np.linalg.norm(sight, axis=1)
    return make_map(
        np.concatenate([POINTS, moved]),
        np.concatenate([LOOKS, other]),
        np.stack([MAP_T_SCENE, OTHER @ MAP_T_SCENE]),
        directions=(sight / metres[:, None]).astype(np.float32),
        ranges=metres.astype(np.float32),
        image_vectors=ImageVectors.of([LOOKS, other]),
        repeated_view=np.array([True, True]),
    )


def opened(known: KeyframeMap) -> Refiner:
    refiner = Refiner(known)
    refiner.set_camera(CAMERA)
    return refiner


def view(pose: np.ndarray, seed: int = 0, *, count: int = 300, first: int = 0) -> Features:
    """Features of the image at a pose of the first room; of points from a first one on."""
    rows = slice(first, first + count)
    return features_of(POINTS[rows], LOOKS[rows], pose, noise=NOISE, seed=seed)[0]


def still(refiner: Refiner, frames: int, **numbers: int) -> list[Refinement]:
    return [refiner.step(IMAGE, [], motion=STILL, features=view(MAP_T_SCENE, k, **numbers)) for k in range(frames)]


@pytest.mark.parametrize(("own", "found"), [(200, True), (60, False), (0, False)])
def test_points_of_one_room_only_decide_between_rooms_that_look_alike(own: int, found: bool) -> None:
    results = still(opened(rooms(own)), 10)
    if found:
        assert [r.status for r in results[:6]] == [Status.REFUSED] * 4 + [Status.RELOCATED, Status.REFINED]
        pose = results[4].map_T_camera
        assert pose is not None
        assert np.linalg.norm(pose[:3, 3] - MAP_T_SCENE[:3, 3]) < 0.01
    else:
        assert all(r.status is Status.REFUSED for r in results)
        assert "it agrees with several places in the map" in results[-1].reason


def test_weak_frames_together_show_a_place() -> None:
    """Show 20 points at a time, fewer than the 24 that a single frame needs; each frame shows others."""
    refiner = opened(rooms(300))
    step = Motion(small(np.random.default_rng(1), 0.02, 1.0), STILL.covariance)
    pose, found = MAP_T_SCENE, []
    for frame in range(8):
        found.append(refiner.step(IMAGE, [], motion=step, features=view(pose, frame, count=20, first=20 * frame)))
        pose = pose @ step.previous_T_camera
    assert all(r.matches <= 20 for r in found)
    assert Status.RELOCATED in [r.status for r in found]
    few = still(opened(rooms(300)), 8, count=20)
    assert all(r.status is Status.REFUSED for r in few)
    assert "48 are needed" in few[-1].reason


@pytest.mark.parametrize("repeats", [True, False])
def test_a_corner_that_several_rooms_have_shows_no_place(repeats: bool) -> None:
    """Show points within 2.8 m only."""
    points = MAP_T_SCENE[:3, 3] + 2.0 * MAP_T_SCENE[:3, 2] + np.random.default_rng(0).uniform(-0.9, 0.9, (300, 3))
    vectors, marked = ImageVectors.of([LOOKS]), np.array([repeats])
    refiner = opened(make_map(points, LOOKS, MAP_T_SCENE[None], image_vectors=vectors, repeated_view=marked))
    for frame in range(6):
        features = features_of(points, LOOKS, MAP_T_SCENE, noise=NOISE, seed=frame)[0]
        found = refiner.step(IMAGE, [], motion=STILL, features=features)
    assert found.status is (Status.REFUSED if repeats else Status.REFINED)
    assert ("which may have been moved" in found.reason) == repeats


def test_chance_matches_show_no_place() -> None:
    """Shift half of the rays, so that less than 65 % of the matches agree."""
    refiner = opened(rooms(300))
    for frame in range(8):
        seen = view(MAP_T_SCENE, frame)
        rays = seen.rays.copy()
        rays[: len(rays) // 2] += np.random.default_rng(frame).uniform(0.012, 0.02, (len(rays) // 2, 2))
        found = refiner.step(IMAGE, [], motion=STILL, features=Features(rays, seen.descriptors, seen.sizes))
        assert found.status is Status.REFUSED
    assert "65% are needed" in found.reason


def test_a_place_that_the_present_image_shows_less_than_another_does_not_count() -> None:
    other = scene(len(LOOKS), seed=21)[1]
    for shown, reason in ((range(60), ""), (range(20), "agrees more with another place")):
        refiner = opened(rooms(200))
        still(refiner, 4)
        looks = np.concatenate([LOOKS[: len(shown)], other[len(shown) : 80]])
        mixed = features_of(POINTS[:80], looks, MAP_T_SCENE, noise=NOISE, seed=9)[0]
        found = refiner.step(IMAGE, [], motion=STILL, features=mixed)
        assert found.status is (Status.REFUSED if reason else Status.RELOCATED)
        assert reason in found.reason


def test_without_motion_between_frames_they_do_not_add_up() -> None:
    refiner = opened(rooms(200))
    for frame in range(8):
        found = refiner.step(IMAGE, [], motion=None, features=view(MAP_T_SCENE, frame))
        assert found.status is Status.REFUSED
        assert "1 of 5 frames" in found.reason


def test_a_place_outlasts_frames_that_show_nothing() -> None:
    for blank, kept in ((15, True), (16, False)):
        refiner = opened(rooms(200))
        still(refiner, 4)
        for _ in range(blank):
            assert refiner.step(IMAGE, [], motion=STILL, features=NOTHING).status is Status.REFUSED
        assert (still(refiner, 1)[0].status is Status.RELOCATED) == kept


def test_points_count_that_agree_with_one_place_and_not_with_the_other() -> None:
    known, config = rooms(200), RefinementConfig()
    search = MapSearch(known, CAMERA, config)
    alike, features = AlikePlaces(search, config), view(MAP_T_SCENE)
    for _ in range(2):
        alike.move(STILL)
        alike.follow(features)
        poses = known.correction.adjusted
        alike.add([search.near(pose, search.widest, features, inliers=24) for pose in poses])
    best = alike.best()
    assert best is not None
    assert best.map_T_camera[0, 3] < 10.0
    assert len(best.points) > 150
    assert alike.doubt(best) == ""
    alike.move(Motion(exponential(np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])), STILL.covariance))
    assert alike.follow(NOTHING) == []
    alike.add([])
    assert "does not confirm" in alike.doubt(best)
    alike.move(None)
    assert alike.best() is None
