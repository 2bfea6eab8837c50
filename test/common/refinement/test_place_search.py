"""Search in the whole map: at similar keyframes, and the doubts about what is found there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from synthetic_views import CAMERA, MAP_T_SCENE, NOISE, angle_deg, features_of, make_map, scene

from localization_common.keyframes.frame_correction import exponential
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.place_search import PlaceSearch, best_of
from localization_common.refinement.search import MapSearch, SearchResult

POINTS, LOOKS = scene(300)
IMAGE = np.zeros((240, 320, 3), dtype=np.uint8)
#: Keyframe 1.6 m behind the one that the scene's appearances are from.
BEHIND = MAP_T_SCENE @ exponential(np.array([0.0, 0.0, -1.6, 0.0, 0.0, 0.0]))


def opened(known: KeyframeMap, **numbers: int) -> tuple[PlaceSearch, MapSearch]:
    config = RefinementConfig(**numbers)
    search = MapSearch(known, CAMERA, config)
    return PlaceSearch(known, search, config), search


def known_map(keyframe: np.ndarray = MAP_T_SCENE, **changes: object) -> KeyframeMap:
    vectors = ImageVectors.of([LOOKS])
    return make_map(POINTS, LOOKS, keyframe[None], image_vectors=vectors, **changes)


def accepted(results: list[SearchResult]) -> SearchResult:
    best = best_of(results)
    assert best is not None
    assert best.solution is not None
    assert not best.rejection
    return best


def test_a_view_far_from_its_keyframe_is_found() -> None:
    """The keyframe only shows which points may be visible: the pose is 1.6 m from it."""
    places, search = opened(known_map(BEHIND))
    features = features_of(POINTS, LOOKS, MAP_T_SCENE, noise=NOISE)[0]
    found = accepted(places.similar(IMAGE, features))
    assert np.linalg.norm(found.solution.map_T_camera[:3, 3] - MAP_T_SCENE[:3, 3]) < 0.005
    assert angle_deg(found.solution.map_T_camera, MAP_T_SCENE) < 0.1
    assert "outside the gate" in search.near(BEHIND, search.widest, features, inliers=24).rejection
    assert places.doubt(found, [found]) == ""


def test_points_around_the_found_pose_are_searched_once_more() -> None:
    """Retrieve a keyframe 2.1 m ahead, from which many points are too close to be matched."""
    ahead = MAP_T_SCENE @ exponential(np.array([0.0, 0.0, 2.1, 0.0, 0.0, 0.0]))
    vectors = ImageVectors.of([scene(300, seed=5)[1], LOOKS])
    known = make_map(POINTS, LOOKS, np.stack([MAP_T_SCENE, ahead]), image_vectors=vectors)
    places, _ = opened(known, retrieved=1)
    first, again = places.similar(IMAGE, features_of(POINTS, LOOKS, MAP_T_SCENE, noise=NOISE)[0])
    assert 24 < first.inliers < 250
    assert again.inliers > 1.2 * first.inliers
    assert best_of([first, again]) is again


def test_an_image_of_another_place_is_found_nowhere() -> None:
    places, _ = opened(known_map())
    other, looks = scene(300, seed=11)
    best = best_of(places.similar(IMAGE, features_of(other, looks, MAP_T_SCENE)[0]))
    assert best is None or best.rejection
    assert opened(known_map(), retrieved=0)[0].similar(IMAGE, features_of(POINTS, LOOKS, MAP_T_SCENE)[0]) == []


def test_a_view_that_two_places_show_is_doubted() -> None:
    places, _ = opened(known_map())
    here = accepted(places.similar(IMAGE, features_of(POINTS, LOOKS, MAP_T_SCENE)[0]))
    assert here.solution is not None
    moved = here.solution.map_T_camera @ exponential(np.array([2.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    there = replace(here, solution=replace(here.solution, map_T_camera=moved))
    assert places.doubt(here, [here, there]) == "it agrees with several places in the map"
    assert places.doubt(here, [here, replace(there, rejection="few points")]) == ""


def test_other_places_than_known_ones_are_searched() -> None:
    """Put one keyframe beside the first, within one metre, and one behind."""
    beside = MAP_T_SCENE @ exponential(np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0]))
    known = make_map(
        POINTS, LOOKS, np.stack([MAP_T_SCENE, beside, BEHIND]), image_vectors=ImageVectors.of([LOOKS, LOOKS, LOOKS])
    )
    places, _ = opened(known)
    features = features_of(POINTS, LOOKS, MAP_T_SCENE, noise=NOISE)[0]
    assert [len(places.others(IMAGE, features, poses)) for poses in ([], [beside], [MAP_T_SCENE, BEHIND])] == [2, 1, 0]
    for found in places.others(IMAGE, features, []):
        assert np.linalg.norm(accepted([found]).solution.map_T_camera[:3, 3] - MAP_T_SCENE[:3, 3]) < 0.005


def test_a_view_of_one_piece_of_furniture_is_doubted() -> None:
    """Show points within 0.7 m only: they may have been moved together."""
    centre = MAP_T_SCENE[:3, 3] + 1.3 * MAP_T_SCENE[:3, 2]
    points = centre + np.random.default_rng(0).uniform(-0.35, 0.35, (300, 3))
    known = make_map(points, LOOKS, MAP_T_SCENE[None], image_vectors=ImageVectors.of([LOOKS]))
    places, _ = opened(known)
    found = best_of(places.similar(IMAGE, features_of(points, LOOKS, MAP_T_SCENE)[0]))
    assert found is not None
    assert not found.rejection
    assert "which may have been moved" in places.doubt(found, [])
