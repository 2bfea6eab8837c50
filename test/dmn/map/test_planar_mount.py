"""Mounts: read from the pose of an optical frame, and compared."""

import math

import numpy as np
import pytest

from dmn_ros.map.planar_mount import UNKNOWN, conflict, mount_of
from localization_common.geometry import planar, se3

MAPPED = (0.2, 0.05, 0.5)


def test_a_mount_is_the_optical_frame_seen_from_above():
    base_T_camera = planar.to_se3(np.array(MAPPED)) @ se3.BODY_T_OPTICAL
    base_T_camera[2, 3] = 0.6
    assert mount_of(base_T_camera) == pytest.approx(MAPPED)


@pytest.mark.parametrize("found", [MAPPED, (0.23, 0.03, 0.5), (0.2, 0.05, 0.55)])
def test_mounts_that_are_nearly_the_same_do_not_conflict(found):
    assert conflict(MAPPED, found) == ""


@pytest.mark.parametrize("found", [(0.3, 0.05, 0.5), (0.2, 0.05, 0.7), (0.2, 0.05, 0.5 + math.pi)])
def test_mounts_that_differ_conflict_and_the_text_has_both(found):
    text = conflict(MAPPED, found)
    assert f"({found[0]:.2f} m, {found[1]:.2f} m, {round(math.degrees(found[2]))} deg)" in text
    assert "(0.20 m, 0.05 m, 29 deg)" in text


def test_a_turn_is_compared_the_short_way_round():
    assert conflict((0.1, 0.0, math.pi - 0.01), (0.1, 0.0, -math.pi + 0.01)) == ""


def test_a_map_without_mount_conflicts_with_nothing():
    assert conflict(UNKNOWN, (0.5, 0.0, 1.0)) == ""
