"""Map files: what is written is read, and whatever is wrong with a file is said with its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.context_map import ContextMap
from dmn_ros.network.dmn import DMN
from localization_common import checkpoints
from localization_common.errors import MapError


def test_a_map_survives_its_file(tiny_map: ContextMap, tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    tiny_map.save(path)
    read = ContextMap.load(path)
    assert torch.equal(read.features, tiny_map.features)
    np.testing.assert_array_equal(read.poses, tiny_map.poses)
    assert (read.bounds, read.scale, read.frame_id) == (tiny_map.bounds, tiny_map.scale, "map")
    assert read.fingerprint == tiny_map.fingerprint


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"absent\.safetensors: no such file"):
        ContextMap.load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_truncated(tiny_map: ContextMap, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "map.safetensors"
    tiny_map.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MapError, match=r"map\.safetensors: not a complete"):
        ContextMap.load(path)


def test_a_checkpoint_is_no_map(tiny_files: tuple[Path, Path]) -> None:
    with pytest.raises(MapError, match=r"dmn\.safetensors: holds a 'dmn', not a 'context_map'"):
        ContextMap.load(tiny_files[0])


def test_foreign_program(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"features": torch.zeros(1)}, path)
    with pytest.raises(MapError, match=r"other\.safetensors: format"):
        ContextMap.load(path)


def test_newer_version_and_absent_fields(tiny_map: ContextMap, tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    tensors = {"features": tiny_map.features, "poses": torch.from_numpy(tiny_map.poses)}
    checkpoints.save(path, kind="context_map", tensors=tensors, header={"version": 99})
    with pytest.raises(MapError, match=r"map\.safetensors: map version 99"):
        ContextMap.load(path)
    checkpoints.save(path, kind="context_map", tensors=tensors, header={"version": 1})
    with pytest.raises(MapError, match=r"map\.safetensors: not a usable map \('bounds'\)"):
        ContextMap.load(path)


@pytest.mark.parametrize("field", ["features", "poses"])
def test_not_a_number(tiny_map: ContextMap, tmp_path: Path, field: str) -> None:
    tensors = {"features": tiny_map.features.clone(), "poses": torch.from_numpy(tiny_map.poses.copy())}
    tensors[field].view(-1)[0] = float("nan")
    header = {"version": 1, "bounds": [0, 0, 1, 1], "scale": 1.0, "frame_id": "map", "fingerprint": "x"}
    checkpoints.save(tmp_path / "m", kind="context_map", tensors=tensors, header=header)
    with pytest.raises(MapError, match="NaN"):
        ContextMap.load(tmp_path / "m")


def test_another_network_s_map_is_refused(tiny_map: ContextMap, tiny_config: NetworkConfig) -> None:
    torch.manual_seed(99)
    with pytest.raises(MapError, match=r"my_map: made with embedding network .* build the map again"):
        tiny_map.require_made_by(DMN(tiny_config).eval(), "my_map")


def test_a_failed_save_leaves_the_old_map(
    tiny_map: ContextMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.safetensors"
    tiny_map.save(path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MapError, match=r"map\.safetensors: .*no space left"):
        tiny_map.pruned(spacing_d=9.0, spacing_a=9.0, max_views=2).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_adding_a_view_grows_the_bounds(tiny_map: ContextMap) -> None:
    features = torch.ones_like(tiny_map.features[0])
    grown = tiny_map.add(features, [6.0, -1.0, 0.5])
    assert len(grown) == len(tiny_map) + 1
    assert grown.bounds == (-4.0, -3.0, 6.0, 3.0)
    np.testing.assert_array_equal(grown.poses[-1], [6.0, -1.0, 0.5])
    assert torch.equal(grown.features[-1], features)
    with pytest.raises(MapError, match="does not fit"):
        tiny_map.add(features[:, :1], [0.0, 0.0, 0.0])
    with pytest.raises(MapError, match="does not fit"):
        tiny_map.add(features, [0.0, float("nan"), 0.0])


def test_pruning_drops_what_is_covered_and_keeps_features_with_their_poses(tiny_map: ContextMap) -> None:
    doubled = tiny_map
    for features, pose in zip(tiny_map.features, tiny_map.poses, strict=True):
        doubled = doubled.add(features + 1.0, pose + 0.01)
    pruned = doubled.pruned(spacing_d=0.3, spacing_a=0.3, max_views=100)
    np.testing.assert_array_equal(pruned.poses[0], tiny_map.poses[0])
    assert len(pruned) == len(tiny_map)
    for features, pose in zip(pruned.features, pruned.poses, strict=True):
        index = int(np.flatnonzero((doubled.poses == pose).all(axis=1))[0])
        assert torch.equal(features, doubled.features[index])
