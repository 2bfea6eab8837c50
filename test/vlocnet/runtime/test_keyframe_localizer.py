"""Localizer without a network, in the simulated apartment: lost, confirmed, carried on by the wheels, lost again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import CameraError, ConfigError, InputError
from localization_common.geometry import se3
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.refinement.acceptance import Status
from localization_common.refinement.refiner import Guess, Refiner
from vlocnet_ros.runtime.dead_reckoning import ReckoningConfig
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.replay import estimates, recorded_odometry, replay

Images = Callable[[int], np.ndarray]


def noise(seed: int) -> np.ndarray:
    """Return an image that shows no place."""
    return np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)


def opened(
    queries: Sequence, keyframe_map: Path, *, odometry: bool = True, **limits: tuple[float, float]
) -> KeyframeLocalizer:
    wheels = recorded_odometry(queries) if odometry else None
    known = Refiner(KeyframeMap.load(keyframe_map))
    localizer = KeyframeLocalizer(known, wheels, reckoning=ReckoningConfig(**limits))
    localizer.set_camera(queries.camera)
    return localizer


def run(localizer: KeyframeLocalizer, queries: Sequence, positions: range, image: Images | None = None) -> list:
    read = image or queries.read_image
    return [localizer.step(read(i), int(queries.stamps[i])) for i in positions]


def healths(found: list[Estimate]) -> list[Health]:
    return [estimate.health for estimate in found]


def metres_off(found: list[Estimate], queries: Sequence, positions: range) -> np.ndarray:
    return pose_errors(np.stack([e.map_T_camera for e in found]), queries.map_T_camera[positions]).metres


@pytest.mark.parametrize("odometry", [True, False])
def test_three_frames_that_agree_end_the_search(queries: Sequence, keyframe_map: Path, odometry: bool) -> None:
    found = run(opened(queries, keyframe_map, odometry=odometry), queries, range(8))
    assert healths(found) == [Health.LOST] * 2 + [Health.OK] * 6
    assert found[0].reason == "no frame was confirmed yet; no guess; 1 of 3 frames agree on another place"
    assert [e.refinement.status for e in found[2:4]] == [Status.RELOCATED, Status.REFINED]
    assert metres_off(found[2:], queries, range(2, 8)).max() < 0.02
    for estimate in found[2:]:
        assert np.sqrt(estimate.covariance.diagonal()[:3]).max() < 0.03
        assert (estimate.labels, estimate.regressed_T_camera, estimate.consistency) == (None, None, None)
        assert (estimate.previous_T_camera is None) == (not odometry)
    assert set(found[-1].timings) == {"features", "refine", "total"}
    assert found[-1].timings["total"] >= found[-1].timings["refine"] > 0.0


def test_the_wheels_carry_the_pose_on_with_a_growing_covariance(queries: Sequence, keyframe_map: Path) -> None:
    localizer = opened(queries, keyframe_map)
    (confirmed,) = run(localizer, queries, range(3))[2:]
    blind = run(localizer, queries, range(3, 8), noise)
    assert healths(blind) == [Health.OK] * 5
    assert [e.refinement.status for e in blind] == [Status.REFUSED] * 5
    moved = queries.odom_T_base @ queries.base_T_camera
    for i, estimate in enumerate(blind, start=3):
        expected = confirmed.map_T_camera @ se3.inverse(moved[2]) @ moved[i]
        np.testing.assert_allclose(estimate.map_T_camera, expected, atol=1e-9)
    traces = [np.trace(e.covariance[:3, :3]) for e in [confirmed, *blind]]
    assert (np.diff(traces) > 0.0).all()
    assert metres_off(blind, queries, range(3, 8)).max() < 0.1
    again = run(localizer, queries, range(8, 10))
    assert [e.refinement.status for e in again] == [Status.REFINED] * 2
    assert metres_off(again, queries, range(8, 10)).max() < 0.02


def test_beyond_the_limits_the_pose_is_uncertain_and_then_withheld(queries: Sequence, keyframe_map: Path) -> None:
    localizer = opened(queries, keyframe_map, certain=(0.1, 0.6), published=(0.25, 1.5))
    run(localizer, queries, range(3))
    blind = run(localizer, queries, range(3, 16), noise)
    order = [Health.OK, Health.UNCERTAIN, Health.LOST]
    places = [order.index(health) for health in healths(blind)]
    assert places == sorted(places)
    assert set(places) >= {1, 2}
    assert "since the last confirmed frame" in blind[-1].reason
    assert "nor with any place in the map" in blind[-1].reason


def test_without_odometry_a_pose_is_published_for_a_moment_only(queries: Sequence, keyframe_map: Path) -> None:
    localizer = opened(queries, keyframe_map, odometry=False)
    run(localizer, queries, range(3))
    assert healths(run(localizer, queries, range(3, 6), noise)) == [
        Health.UNCERTAIN, Health.LOST, Health.LOST,
    ]  # fmt: skip
    assert run(localizer, queries, range(6, 7))[0].health is Health.OK  # the same place: the history still leads there


def test_a_frame_that_shows_another_place_than_the_wheels_is_skipped(queries: Sequence, keyframe_map: Path) -> None:
    """Let the wheels slip by two metres at one frame, as if the robot had been carried."""
    assert queries.odom_T_base is not None
    ahead = se3.from_parts([2.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    slip = queries.odom_T_base[4] @ ahead @ se3.inverse(queries.odom_T_base[4])
    odometry = np.concatenate([queries.odom_T_base[:4], slip @ queries.odom_T_base[4:]])
    found = run(opened(replace(queries, odom_T_base=odometry), keyframe_map), queries, range(8))
    assert healths(found)[3:] == [Health.OK, Health.SKIPPED, Health.SKIPPED, Health.OK, Health.OK]
    assert "2 of 3 frames agree on another place" in found[5].reason
    assert metres_off(found[6:], queries, range(6, 8)).max() < 0.02


def test_unusable_images_do_not_lose_the_pose(queries: Sequence, keyframe_map: Path) -> None:
    """The wheels measure the motion across them."""
    localizer = opened(queries, keyframe_map)
    run(localizer, queries, range(3))
    for i in (3, 4):
        with pytest.raises(InputError, match="constant"):
            localizer.step(np.zeros_like(noise(0)), int(queries.stamps[i]))
    with pytest.raises(CameraError, match="160x120"):
        localizer.step(queries.read_image(5)[::2, ::2].copy(), int(queries.stamps[5]))
    (after,) = run(localizer, queries, range(6, 7))
    assert (after.health, after.refinement.status) == (Health.OK, Status.REFINED)


def test_a_camera_that_has_stopped_is_refused(queries: Sequence, keyframe_map: Path) -> None:
    localizer = opened(queries, keyframe_map)
    same = queries.read_image(0)
    for second in range(2):
        localizer.step(same, second * 10**9)
    with pytest.raises(InputError, match="has the camera stopped"):
        localizer.step(same, 2 * 10**9)


def test_a_reset_and_another_camera_begin_a_new_search(queries: Sequence, keyframe_map: Path) -> None:
    localizer = opened(queries, keyframe_map)
    for i, forget in enumerate((localizer.reset, lambda: localizer.set_camera(queries.camera))):
        assert run(localizer, queries, range(4 * i, 4 * i + 3))[2].health is Health.OK
        forget()
        assert run(localizer, queries, range(4 * i + 3, 4 * i + 4))[0].health is Health.LOST
    with pytest.raises(CameraError, match="less than half"):
        localizer.set_camera(Camera.from_field_of_view(100, 80, 90.0))


def test_a_hint_is_for_one_frame_and_a_wrong_one_does_no_harm(queries: Sequence, keyframe_map: Path) -> None:
    hinted, plain = opened(queries, keyframe_map), opened(queries, keyframe_map)
    wrong = queries.map_T_camera[0].copy()
    wrong[:3, 3] += (1.5, 1.0, 0.0)
    for i in range(6):
        hinted.hint(Guess(wrong, 0.01 * np.eye(6)))
        one, other = (run(localizer, queries, range(i, i + 1))[0] for localizer in (hinted, plain))
        assert one.health is other.health
        np.testing.assert_allclose(one.map_T_camera, other.map_T_camera, atol=1e-9)


def test_frames_that_overlap_are_as_one_after_the_other(queries: Sequence, keyframe_map: Path) -> None:
    expected = run(opened(queries, keyframe_map), queries, range(5))
    localizer, found = opened(queries, keyframe_map), []
    with ThreadPoolExecutor(max_workers=1) as second:
        for i in range(5):
            pending = localizer.begin(queries.read_image(i), int(queries.stamps[i]))
            found.append(second.submit(pending.finish))
    for one, other in zip(found, expected, strict=True):
        assert one.result().health is other.health
        np.testing.assert_array_equal(one.result().map_T_camera, other.map_T_camera)


def test_it_replays_a_recording_as_any_localizer(queries: Sequence, keyframe_map: Path) -> None:
    localizer = KeyframeLocalizer.with_map(keyframe_map, recorded_odometry(queries))
    few = queries.select(np.arange(5))
    assert healths(estimates(localizer, few)) == [Health.LOST] * 2 + [Health.OK] * 3
    assert [frame.refusal for frame in replay(localizer, few)] == [""] * 5
    assert recorded_odometry(replace(few, odom_T_base=None)) is None


def test_there_is_no_network(queries: Sequence, keyframe_map: Path) -> None:
    localizer = opened(queries, keyframe_map)
    assert (localizer.tasks.names, localizer.class_names, localizer.explains) == (("pose",), (), False)
    with pytest.raises(ConfigError, match="give a checkpoint"):
        localizer.explain()
    with pytest.raises(ConfigError, match="give a checkpoint"):
        localizer.labels_in_image(noise(0)[:, :, 0])
