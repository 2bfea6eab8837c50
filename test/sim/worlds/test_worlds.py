"""Tests of random worlds: pictures, reproducibility, and interrupted generation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from localization_common.datasets.world_difficulty import measure_difficulty
from localization_common.datasets.world_shards import read_world_shards
from localization_common.errors import DatasetError
from localization_sim.commands.generate_worlds import WorldGeneration, WorldShard, generate, plan_shards
from localization_sim.worlds.drawing import Name, draw_worlds
from localization_sim.worlds.maze_layout import draw_layout
from localization_sim.worlds.mazes import CLEARANCE, draw_cameras
from localization_sim.worlds.stage import WorldStage
from localization_sim.worlds.view import StageView

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def test_stage_shows_things_where_they_are_and_each_view_in_its_place() -> None:
    """Draw a red box ahead (+x), a green one to the left (+y), a blue one behind and above."""
    with WorldStage(StageView(width=24, height=16, count=7, field_of_view=60.0), textures=1) as stage:
        stage.begin()
        stage.light((0.0, 0.0, -1.0), ambient=1.0, diffuse=0.0)
        stage.solid("box", (2.0, 0.0, 0.0), (0.1, 0.1, 0.1), 0.0, RED)
        stage.solid("box", (0.0, 2.0, 0.0), (0.1, 0.1, 0.1), 0.0, GREEN)
        stage.solid("box", (-2.0, 0.0, 0.5), (0.1, 0.1, 0.1), 0.0, BLUE)
        yaws = np.array([0.0, np.pi / 2, np.pi, -np.pi / 2, 0.3, 0.0, np.pi, 0.0, 0.0, np.pi / 2])
        pitches = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.2, np.arctan(0.25), 0.0, 0.0, 0.0])
        images = stage.draw(np.zeros((10, 3)), yaws, pitches).astype(float)
    focal = 8.0 / np.tan(np.radians(30.0))
    expected = {
        0: (0, 0.0, 0.0),
        1: (1, 0.0, 0.0),
        2: (2, 0.0, -0.25),
        4: (0, np.tan(0.3), 0.0),
        5: (0, 0.0, np.tan(0.2)),
        6: (2, 0.0, 0.0),
        9: (1, 0.0, 0.0),  # more views than the buffer holds
    }
    for view, (channel, right, down) in expected.items():
        weight = images[view, ..., channel] / images[view, ..., channel].sum()
        v, u = np.mgrid[0:16, 0:24]
        centre = (weight * u).sum(), (weight * v).sum()
        np.testing.assert_allclose(centre, (11.5 + focal * right, 7.5 + focal * down), atol=0.3)
        others = [c for c in range(3) if c != channel]
        assert images[view][..., others].max() == 0
    assert images[3].max() == 0


def test_stage_paints_panels_upright_and_forgets_the_world_before() -> None:
    marked = np.zeros((64, 64, 3), np.uint8)
    marked[:32, :32] = 255  # upper left
    with WorldStage(StageView(width=32, height=32, count=2), textures=2) as stage:
        stage.solid("sphere", (0.5, 0.0, 0.0), (0.1, 0.1, 0.1), 0.0, RED)
        stage.begin()
        stage.panel((1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (1.0, 1.0), stage.texture(marked), glow=1.0)
        ahead, behind = stage.draw(np.zeros((2, 3)), np.array([0.0, np.pi]))
        v, u = np.nonzero(ahead[..., 0] > 200)
        assert u.max() <= 16
        assert v.max() <= 16
        assert len(u) > 100
        assert behind.max() == 0
        stage.texture(marked[::-1])
        stage.begin()
        stage.panel((1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (1.0, 1.0), stage.texture(marked[:, ::-1]), glow=1.0)
        (ahead,) = stage.draw(np.zeros((1, 3)), np.array([0.0]))
        assert np.nonzero(ahead[..., 0] > 200)[1].min() >= 15  # the new texture, not one of before


def test_fog_hides_what_is_far_and_is_gone_in_the_next_world() -> None:
    """Draw a wall at distance 4 in fog from 2 to 6: half of the wall's colour remains, less in the corners."""
    with WorldStage(StageView(width=9, height=9, count=3, field_of_view=90.0), textures=1) as stage:
        for fog in (RED, None, GREEN, BLUE, None):
            stage.begin()
            stage.light((0.0, 0.0, -1.0), ambient=0.2, diffuse=0.0)
            stage.panel((4.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (9.0, 9.0), None)
            stage.panel((-8.0, 0.0, 0.0), (1.0, 0.0, 0.0), (18.0, 18.0), None)
            if fog is not None:
                stage.fog((2.0, 6.0), fog)
            ahead, again, behind = stage.draw(np.zeros((3, 3)), np.array([0.0, 0.0, np.pi]))
            np.testing.assert_array_equal(ahead, again)
            clear, colour = np.full(3, 51.0), 255 * np.array(fog or (0.2, 0.2, 0.2))
            np.testing.assert_allclose(behind.mean((0, 1)), colour, atol=1)
            np.testing.assert_allclose(ahead[4, 4], (clear + colour) / 2, atol=2)
            share = (np.hypot(4.0, np.hypot(4.0, 4.0) * 8 / 9) - 2.0) / 4.0
            np.testing.assert_allclose(ahead[0, 0], clear + min(share, 1.0) * (colour - clear), atol=6)


@pytest.fixture(scope="module")
def rooms_twice():  # type: ignore[no-untyped-def]
    """Draw rooms 2..7, and rooms 5..6 on another stage."""
    return draw_worlds("rooms", 3, "test", range(2, 8)), draw_worlds("rooms", 3, "test", range(5, 7))


def test_a_world_depends_on_its_seed_split_and_number_only(rooms_twice) -> None:  # type: ignore[no-untyped-def]
    many, few = rooms_twice
    np.testing.assert_array_equal(few.images, many.images[3:5])
    np.testing.assert_array_equal(few.poses, many.poses[3:5])
    others = [draw_worlds("rooms", 3, "train", range(5, 7)), draw_worlds("rooms", 4, "test", range(5, 7))]
    for other in others:
        assert not np.isclose(other.poses, few.poses).any()


def test_rooms_are_seen_from_a_ring_inward(rooms_twice) -> None:  # type: ignore[no-untyped-def]
    rooms, _ = rooms_twice
    assert rooms.images.shape == (6, 10, 32, 32, 3)
    x, y, yaw = np.moveaxis(rooms.poses.astype(float), -1, 0)
    radius = np.hypot(x, y)
    assert radius.min() > 0.42
    assert radius.max() <= 1.0
    assert (np.cos(yaw) * -x + np.sin(yaw) * -y > 0.0).mean() > 0.9  # the middle is ahead, not behind
    assert rooms.images.std(axis=(2, 3)).mean() > 20.0  # pictures have contrast
    assert len(np.unique(rooms.images.reshape(60, -1), axis=0)) == 60


def small(directory: Path, **changes: int) -> WorldGeneration:
    settings = {"train": 3, "validation": 0, "test": 2, "seed": 1, "processes": 1} | changes
    return WorldGeneration("rooms", directory, shard_megabytes=0.062, **settings)


def test_an_interrupted_generation_continues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(small(tmp_path, train=3, processes=2))
    read = read_world_shards(tmp_path / "train")
    np.testing.assert_array_equal(read.images, draw_worlds("rooms", 1, "train", range(3)).images)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["00000.safetensors"] * 2 + [
        "00001.safetensors"
    ]

    first, second = sorted((tmp_path / "train").iterdir())
    kept = first.read_bytes(), first.stat().st_mtime_ns
    complete = second.read_bytes()
    second.unlink()
    generate(small(tmp_path, train=3))
    assert second.read_bytes() == complete  # byte by byte
    assert (first.read_bytes(), first.stat().st_mtime_ns) == kept

    generate(small(tmp_path, train=4))  # the last shard was not full
    np.testing.assert_array_equal(read_world_shards(tmp_path / "train").images[:3], read.images)
    assert len(read_world_shards(tmp_path / "train")) == 4
    assert len(read_world_shards(tmp_path / "train", limit=3)) == 3
    capsys.readouterr()
    generate(small(tmp_path, train=3))
    assert "already" in capsys.readouterr().out
    with pytest.raises(DatasetError, match="other worlds"):
        generate(small(tmp_path, seed=2))


def test_killed_generation_leaves_whole_shards_and_no_workers(tmp_path: Path) -> None:
    arguments = ["rooms", "--train", "150", "--test", "0", "--validation", "0", "--shard-megabytes", "0.155"]
    command = [sys.executable, "-m", "localization_sim.commands.generate_worlds", *arguments, "--output", str(tmp_path)]
    with subprocess.Popen([*command, "--processes", "2"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "/150 worlds" in process.stdout.readline()
        process.kill()
        rest = process.stdout.read()  # ends when the last worker, which also holds the pipe, has ended
    assert "150/150" not in rest
    left = list((tmp_path / "train").glob("[0-9]*"))
    assert 0 < len(left) < 30
    assert sum(len(load_file(path)["images"]) for path in left) == 5 * len(left)  # all are whole
    generate(WorldGeneration("rooms", tmp_path, train=150, test=0, validation=0, shard_megabytes=0.155, processes=1))
    finished = read_world_shards(tmp_path / "train")
    np.testing.assert_array_equal(finished.images[-3:], draw_worlds("rooms", 0, "train", range(147, 150)).images)
    assert len(finished) == 150


def test_every_world_is_in_one_shard() -> None:
    shards: list[WorldShard] = plan_shards(small(Path("here"), train=7, validation=1, test=4))
    for split, total in (("train", 7), ("validation", 1), ("test", 4)):
        numbers = [n for s in shards if s.split == split for n in range(s.first, s.first + s.count)]
        assert numbers == list(range(total))
    assert len({shard.path for shard in shards}) == len(shards)


@pytest.mark.parametrize("cells", [7, 8, 10])
def test_mazes_are_connected_round_a_solid_core(cells: int) -> None:
    for seed in range(20):
        free = draw_layout(np.random.default_rng(seed), cells)
        assert free.shape == (2 * cells - 1,) * 2
        assert cv2.connectedComponents(free.astype(np.uint8), connectivity=4)[0] == 2  # solid, and one free part
        middle = slice(cells - 2, cells + 1)
        assert not free[middle, middle].any()
        assert 0.3 < free.mean() < 0.7


def test_mazes_have_the_requested_loops_and_halls() -> None:
    def loops(free: np.ndarray) -> int:
        edges = (free[1:] & free[:-1]).sum() + (free[:, 1:] & free[:, :-1]).sum()
        return int(edges - free.sum() + 1)

    streams = [np.random.default_rng(seed) for seed in range(10)]
    assert [loops(draw_layout(s, 8, loops=0.0, halls=0)) for s in streams] == [0] * 10  # a tree
    assert np.mean([loops(draw_layout(s, 8, loops=0.3, halls=0)) for s in streams]) > 4
    assert np.mean([loops(draw_layout(s, 8, loops=0.0, halls=8)) for s in streams]) > 4
    layouts = {draw_layout(s, 8).tobytes() for s in streams}
    assert len(layouts) == 10


def test_maze_views_are_taken_in_corridors() -> None:
    free = draw_layout(np.random.default_rng(3), 7)
    poses = draw_cameras(np.random.default_rng(4), free, 2000)
    places = (poses[:, :2] + 1.0) / 2.0 * len(free)
    distance = cv2.distanceTransform(
        np.pad(free, 1).astype(np.uint8).repeat(20, 0).repeat(20, 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    pixels = np.floor((places + 1.0) * 20).astype(int)
    clearance = distance[pixels[:, 1], pixels[:, 0]] / 20
    assert clearance.min() > CLEARANCE - 0.1
    visited = np.unique(np.floor(places).astype(int), axis=0)
    assert len(visited) == free.sum()  # everywhere
    assert np.histogram(poses[:, 2], 8, (-np.pi, np.pi))[0].min() > 180  # in all directions


@pytest.mark.parametrize(("name", "count", "shape"), [("rooms", 100, (10, 32, 32)), ("mazes", 3, (300, 32, 32))])
def test_worlds_are_as_hard_as_the_papers(name: Name, count: int, shape: tuple[int, int, int]) -> None:
    """Compare with the paper: 2.9 % (rooms) and 3.7 % (mazes) without images. The nearest context is not enough."""
    worlds = draw_worlds(name, 0, "validation", range(count))
    assert worlds.images.shape == (count, *shape, 3)
    assert worlds.images.std(axis=(2, 3)).mean() > 15.0
    difficulty = measure_difficulty(worlds, queries=min(100, shape[0] - 4))
    assert 0.005 < difficulty.uninformed < 0.06
    assert difficulty.best_constant < 0.35
    assert 0.25 < difficulty.closest_context < 0.65
