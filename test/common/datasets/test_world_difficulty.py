"""Answers without pictures, on poses for which their success is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from localization_common.datasets.world_difficulty import (
    DifficultyCheck,
    best_constant_success,
    measure_difficulty,
    pick_views,
    show,
)
from localization_common.datasets.world_shards import shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError


def worlds(poses: np.ndarray, visits: np.ndarray | None = None) -> WorldSet:
    images = np.zeros((*poses.shape[:2], 4, 4, 3), np.uint8)
    if visits is None:
        visits = np.zeros(poses.shape[:2], np.uint8)
    return WorldSet("poses", images, poses.astype(np.float32), visits)


def test_poses_all_over_the_square() -> None:
    """Test uniform poses: a disc of squared radius 0.2 covers 15.7 % of the square; with heading, 2.1 % of poses."""
    random = np.random.default_rng(0)
    uniform = random.uniform([-1, -1, -np.pi], [1, 1, np.pi], (4000, 8, 3))
    found = measure_difficulty(worlds(uniform))
    assert found.uninformed == pytest.approx(np.pi * 0.2 / 4, abs=0.01)
    ball = 4 / 3 * np.pi * 0.2**1.5 / np.sqrt(0.5)
    assert found.uninformed_with_yaw == pytest.approx(ball / (8 * np.pi), abs=0.004)
    assert 0.157 <= found.best_constant < 0.17
    # Four independent discs, without their parts beyond the border.
    inner = np.mean([(((uniform[:, 0, :2] - uniform[:, 1, :2]) ** 2).sum(-1) < 0.2)])
    assert found.closest_context == pytest.approx(1 - (1 - inner) ** 4, abs=0.02)
    assert found.closest_context_with_yaw < found.closest_context / 4


def test_known_poses() -> None:
    here, near, far, turned = [0.5, 0.5, 3.1], [0.5, 0.9, -3.1], [-0.9, -0.9, 0.0], [0.5, 0.6, 1.5]
    # Contexts are of one visit, and queries of the other one.
    for first, second, success, with_yaw in ((here, near, 1, 1), (here, far, 0, 0), (here, turned, 1, 0)):
        poses = np.array([[first] * 4 + [second] * 4])
        found = measure_difficulty(worlds(poses, np.array([[0] * 4 + [1] * 4], np.uint8)))
        assert (found.closest_context, found.closest_context_with_yaw) == (success, with_yaw)
        assert found.uninformed == 0.0


def test_best_constant_finds_the_place_of_most() -> None:
    positions = np.array([[0.8, 0.8]] * 3 + [[0.8, 0.6]] * 4 + [[-0.9, 0.0]] * 3)
    assert best_constant_success(positions) == 0.7


def test_views_are_picked_once_and_of_different_visits() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        contexts, queries = pick_views(np.zeros(10, np.uint8), 4, 6, random)
        assert sorted([*contexts, *queries]) == list(range(10))
        contexts, queries = pick_views(np.array([0, 0, 1, 1, 1, 2], np.uint8), 1, 1, random)
        visits = np.array([0, 0, 1, 1, 1, 2])
        assert visits[contexts[0]] != visits[queries[0]]
    with pytest.raises(DatasetError, match="4 contexts"):
        pick_views(np.zeros(7, np.uint8), 4, 4, random)


def test_command_prints_its_measurements_beside_the_papers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poses = np.tile(np.array([[[0.1, 0.0, 0.0], [0.9, 0.9, 0.0]]]), (3, 5, 1))
    rooms = worlds(poses)
    write_shard(shard_path(tmp_path, 0), WorldSet("rooms", rooms.images, rooms.poses, rooms.visits), first=0, recipe={})
    show(DifficultyCheck((tmp_path,), contexts=4, queries=6))
    _, ours, published = capsys.readouterr().out.splitlines()
    expected = measure_difficulty(rooms, contexts=4, queries=6)
    assert expected.uninformed == pytest.approx(0.5, abs=0.2)
    assert f"3 of them {100 * expected.uninformed:6.1f}" in ours
    assert ours.split("|")[0].split()[-1] == f"{100 * expected.closest_context:.1f}"
    assert published.split("|")[0].split()[-2:] == ["2.9", "11.4"]
