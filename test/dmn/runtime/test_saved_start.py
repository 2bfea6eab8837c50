"""Starts at a saved pose, with the shipped network in its apartment: used at once if right, left soon if wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dmn_ros.filter.belief import Belief
from dmn_ros.runtime.localizer import Localizer
from localization_common.datasets.sequence import Sequence
from localization_common.files.shipped_files import shipped
from localization_common.geometry import planar

COVARIANCE = np.diag([0.1**2, 0.1**2, 0.05**2])


@pytest.fixture(scope="module")
def localizer(queries: Sequence) -> Localizer:
    files = (shipped(f"models/{name}.safetensors") for name in ("dmn_apartment", "apartment_map"))
    localizer = Localizer.from_files(*files)
    localizer.set_camera(queries.camera)
    return localizer


@torch.inference_mode()
def drive(localizer: Localizer, queries: Sequence, saved: np.ndarray) -> list[tuple[Belief, float]]:
    """Beliefs of a drive of 3 s from a saved pose, each with its distance to the true pose."""
    localizer.reset_saved(saved, COVARIANCE)
    found = []
    for i, stamp in enumerate(queries.stamps):
        belief = localizer.step(queries.read_image(i), int(stamp), planar.from_se3(queries.odom_T_base[i]))
        true = planar.from_se3(queries.map_T_base[i])
        found.append((belief, float(np.hypot(*(belief.most_likely - true)[:2]))))
    return found


def test_a_right_pose_is_published_on_the_first_image(localizer: Localizer, queries: Sequence) -> None:
    off = np.array([0.1, -0.1, 0.05])
    found = drive(localizer, queries, planar.from_se3(queries.map_T_base[0]) + off)
    assert found[0][0].localized
    assert max(metres for _, metres in found) < 0.3
    # views that look alike take up to a third of the weight for some frames
    assert np.mean([belief.localized for belief, _ in found]) > 0.6


def test_a_wrong_pose_is_left_within_three_seconds(localizer: Localizer, queries: Sequence) -> None:
    true = planar.from_se3(queries.map_T_base[0])
    views = localizer.context_map.poses
    far = [view for view in views if np.hypot(*(view - true)[:2]) > 2.0][::6]
    assert len(far) >= 5
    published_wrong = 0
    for saved in far:
        found = drive(localizer, queries, saved)
        published_wrong += found[0][0].localized and found[0][1] > 0.5
        last, metres = found[-1]
        assert last.localized
        assert metres < 0.5
    assert published_wrong <= 0.2 * len(far)
