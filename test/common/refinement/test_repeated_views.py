"""Keyframes with a similar view at another place are marked."""

from __future__ import annotations

import numpy as np
from synthetic_views import CAMERA, MAP_T_SCENE, features_of, make_map, scene

from localization_common.keyframes.frame_correction import exponential
from localization_common.refinement.repeated_views import mark_repeated_views

AWAY = exponential(np.array([20.0, 0.0, 0.0, 0.0, 0.0, 0.0]))


def test_a_room_that_repeats_is_marked_and_another_is_not() -> None:
    """Use two similar rooms 20 m apart, and a third one; two keyframes in each."""
    points, looks = scene(200)
    other, other_looks = scene(200, seed=11)
    moved = MAP_T_SCENE @ AWAY @ np.linalg.inv(MAP_T_SCENE)
    rooms = [points, (points @ moved[:3, :3].T) + moved[:3, 3], (other @ moved[:3, :3].T) + 2.0 * moved[:3, 3]]
    aside = exponential(np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0]))
    offset = np.eye(4)
    offset[:3, 3] = 2.0 * moved[:3, 3]
    starts = [MAP_T_SCENE, moved @ MAP_T_SCENE, offset @ MAP_T_SCENE]
    keyframes = np.stack([start @ step for start in starts for step in (np.eye(4), aside)])
    descriptors = [looks, looks, other_looks]
    features = [features_of(rooms[k // 2], descriptors[k // 2], pose, seed=k)[0] for k, pose in enumerate(keyframes)]
    sight = np.concatenate([room - start[:3, 3] for room, start in zip(rooms, starts, strict=True)])
    metres = np.linalg.norm(sight, axis=1)
    keyframe_map = make_map(
        np.concatenate(rooms),
        np.concatenate(descriptors),
        keyframes,
        directions=(sight / metres[:, None]).astype(np.float32),
        ranges=metres.astype(np.float32),
    )
    marked = mark_repeated_views(keyframe_map, features, CAMERA)
    assert marked.repeated_view.tolist() == [True] * 4 + [False] * 2
    assert not keyframe_map.repeated_view.any()


def test_a_single_keyframe_has_no_repeated_view() -> None:
    points, looks = scene(100)
    keyframe_map = make_map(points, looks, MAP_T_SCENE[None])
    assert mark_repeated_views(
        keyframe_map, [features_of(points, looks, MAP_T_SCENE)[0]], CAMERA
    ).repeated_view.tolist() == [False]
