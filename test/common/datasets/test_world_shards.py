"""Shards of worlds: written worlds are read back, and damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from localization_common.datasets.open_worlds import open_worlds
from localization_common.datasets.world_shards import read_world_shards, shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError

RECIPE = {"domain": "noise", "seed": 0}


def worlds(count: int, views: int = 3, seed: int = 0) -> WorldSet:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, views, 8, 16, 3), dtype=np.uint8)
    poses = random.uniform(-1.0, 1.0, (count, views, 3)).astype(np.float32)
    return WorldSet("noise", images, poses, random.integers(0, 2, (count, views), dtype=np.uint8), 20.0, True)


def test_shards_are_read_as_written_in_order(tmp_path: Path) -> None:
    parts = [worlds(4, seed=0), worlds(4, seed=1), worlds(1, seed=2)]
    for number, part in enumerate(parts):
        write_shard(shard_path(tmp_path, number), part, first=4 * number, recipe=RECIPE)
    read = read_world_shards(tmp_path)
    for name in ("images", "poses", "visits"):
        np.testing.assert_array_equal(getattr(read, name), np.concatenate([getattr(p, name) for p in parts]))
    assert (read.name, read.metres_per_unit, read.panoramic, read.views, len(read)) == ("noise", 20.0, True, 3, 9)
    np.testing.assert_array_equal(open_worlds(tmp_path, limit=5).poses, read.poses[:5])
    np.testing.assert_array_equal(read.select(np.array([6, 2])).images, read.images[[6, 2]])


def test_shards_of_different_worlds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no shards"):
        read_world_shards(tmp_path)
    write_shard(shard_path(tmp_path, 0), worlds(2), first=0, recipe=RECIPE)
    write_shard(shard_path(tmp_path, 2), worlds(2), first=4, recipe=RECIPE)
    with pytest.raises(DatasetError, match=r"00001\.safetensors: missing"):
        read_world_shards(tmp_path)
    write_shard(shard_path(tmp_path, 1), worlds(2), first=2, recipe=RECIPE | {"seed": 1})
    with pytest.raises(DatasetError, match="differently"):
        read_world_shards(tmp_path)
    write_shard(shard_path(tmp_path, 1), worlds(1), first=3, recipe=RECIPE)
    with pytest.raises(DatasetError, match="begins with world 3, not 2"):
        read_world_shards(tmp_path)
    write_shard(shard_path(tmp_path, 1), worlds(2), first=2, recipe=RECIPE)
    assert len(read_world_shards(tmp_path)) == 6
    whole = shard_path(tmp_path, 1).read_bytes()
    shard_path(tmp_path, 1).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"00001\.safetensors"):
        read_world_shards(tmp_path)


def test_worlds_must_be_consistent_and_normalised() -> None:
    good = worlds(2)
    with pytest.raises(DatasetError, match="the largest is 2"):
        WorldSet("far", good.images, good.poses * 0 + 2, good.visits)
    with pytest.raises(DatasetError, match="finite"):
        WorldSet("nan", good.images, good.poses * np.float32(np.nan), good.visits)
    with pytest.raises(DatasetError, match="poses"):
        WorldSet("short", good.images, good.poses[:1], good.visits)
    with pytest.raises(DatasetError, match="images"):
        WorldSet("float", good.images.astype(np.float32), good.poses, good.visits)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="no worlds"):
        good.select(slice(0, 0))
