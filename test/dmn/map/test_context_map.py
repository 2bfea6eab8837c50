"""Map files: written maps are read again, and errors name the file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map import context_map
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network.dmn import DMN
from localization_common.errors import MapError
from localization_common.files import tensor_files


def test_a_map_survives_its_file(tiny_map: ContextMap, tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    tiny_map.save(path)
    read = ContextMap.load(path)
    assert torch.equal(read.features, tiny_map.features)
    np.testing.assert_array_equal(read.poses, tiny_map.poses)
    assert (read.bounds, read.scale, read.frame_id) == (tiny_map.bounds, tiny_map.scale, "map")
    assert read.fingerprint == tiny_map.fingerprint
    mounted = dataclasses.replace(tiny_map, mount=(0.1, -0.2, 0.3))
    mounted.save(path)
    assert ContextMap.load(path).mount == (0.1, -0.2, 0.3)
    with pytest.raises(MapError, match="mount"):
        dataclasses.replace(tiny_map, mount=(0.1, float("nan"), 0.3))


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
    tensor_files.save(path, kind="context_map", tensors=tensors, header={"version": 99})
    with pytest.raises(MapError, match=r"map\.safetensors: map version 99"):
        ContextMap.load(path)
    tensor_files.save(path, kind="context_map", tensors=tensors, header={"version": 1})
    with pytest.raises(MapError, match=r"map\.safetensors: not a usable map \('bounds'\)"):
        ContextMap.load(path)


@pytest.mark.parametrize("field", ["features", "poses"])
def test_not_a_number(tiny_map: ContextMap, tmp_path: Path, field: str) -> None:
    tensors = {"features": tiny_map.features.clone(), "poses": torch.from_numpy(tiny_map.poses.copy())}
    tensors[field].view(-1)[0] = float("nan")
    header = {"version": 1, "bounds": [0, 0, 1, 1], "scale": 1.0, "frame_id": "map", "fingerprint": "x"}
    tensor_files.save(tmp_path / "m", kind="context_map", tensors=tensors, header=header)
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


def test_pruning_drops_covered_views_and_keeps_features_with_their_poses(tiny_map: ContextMap) -> None:
    doubled = tiny_map
    for features, pose in zip(tiny_map.features, tiny_map.poses, strict=True):
        doubled = doubled.add(features + 1.0, pose + 0.01)
    pruned = doubled.pruned(spacing_d=0.3, spacing_a=0.3, max_views=100)
    np.testing.assert_array_equal(pruned.poses[0], tiny_map.poses[0])
    assert len(pruned) == len(tiny_map)
    for features, pose in zip(pruned.features, pruned.poses, strict=True):
        index = int(np.flatnonzero((doubled.poses == pose).all(axis=1))[0])
        assert torch.equal(features, doubled.features[index])


def test_covariances_are_kept_with_their_views_and_in_the_file(tiny_map: ContextMap, tmp_path: Path) -> None:
    assert tiny_map.covariances.shape == (len(tiny_map), 3, 3)
    assert not tiny_map.covariances.any()
    covariance = np.array([[0.2, 0.05, 0.0], [0.05, 0.1, 0.02], [0.0, 0.02, 0.04]])
    grown = tiny_map.add(tiny_map.features[0], [3.0, 2.0, 0.5], covariance)
    grown.save(tmp_path / "m")
    read = ContextMap.load(tmp_path / "m")
    np.testing.assert_array_equal(read.covariances[-1], covariance)
    assert not read.covariances[:-1].any()
    pruned = read.pruned(spacing_d=100.0, spacing_a=100.0, max_views=2)
    assert pruned.covariances.shape == (len(pruned), 3, 3)
    with pytest.raises(MapError, match="does not fit"):
        tiny_map.add(tiny_map.features[0], [0.0, 0.0, 0.0], np.full((3, 3), np.nan))
    with pytest.raises(MapError, match="do not belong"):
        dataclasses.replace(tiny_map, covariances=np.zeros((2, 3, 3)))


def test_a_map_of_the_version_before_is_read(tiny_map: ContextMap, tmp_path: Path) -> None:
    header = {"version": 1, "bounds": [-1, -2, 3, 4], "scale": 5.0, "frame_id": "map", "fingerprint": "x"}
    tensors = {"features": tiny_map.features, "poses": torch.from_numpy(tiny_map.poses)}
    tensor_files.save(tmp_path / "m", kind="context_map", tensors=tensors, header=header)
    read = ContextMap.load(tmp_path / "m")
    np.testing.assert_array_equal(read.poses, tiny_map.poses)
    assert not read.covariances.any()
    assert read.mount == (0.0, 0.0, 0.0)
    header["version"] = 2
    tensor_files.save(tmp_path / "m", kind="context_map", tensors=tensors, header=header)
    with pytest.raises(MapError, match="covariances"):
        ContextMap.load(tmp_path / "m")


def test_merging_keeps_the_more_certain_of_views_that_cover_each_other(tiny_map: ContextMap) -> None:
    def one(x: float, variance: float, value: float) -> ContextMap:
        features = torch.full_like(tiny_map.features[:1], value)
        return dataclasses.replace(
            tiny_map,
            features=features,
            poses=np.array([[x, 0.0, 0.0]]),
            covariances=np.eye(3)[None] * variance,
            reliability=np.ones(1),
            bounds=(x - 1.0, -1.0, x + 1.0, 1.0),
        )

    def merged(a: ContextMap, b: ContextMap) -> list[float]:
        both = a.merged(b, spacing_d=0.5, spacing_a=0.5)
        assert both.bounds == (min(a.bounds[0], b.bounds[0]), -1.0, max(a.bounds[2], b.bounds[2]), 1.0)
        assert len(both.covariances) == len(both.features) == len(both)
        return both.features[:, 0, 0, 0].tolist()

    assert merged(one(0.0, 0.1, 1.0), one(0.3, 0.2, 2.0)) == [1.0]
    assert merged(one(0.0, 0.2, 1.0), one(0.3, 0.1, 2.0)) == [2.0]
    assert merged(one(0.0, 0.1, 1.0), one(0.3, 0.1, 2.0)) == [1.0]
    assert merged(one(0.0, 0.1, 1.0), one(0.7, 0.2, 2.0)) == [1.0, 2.0]
    for name, value in (("frame_id", "odom"), ("scale", 2.0), ("fingerprint", "y"), ("mount", (0.1, 0.0, 0.0))):
        with pytest.raises(MapError, match=name):
            tiny_map.merged(dataclasses.replace(tiny_map, **{name: value}), spacing_d=1.0, spacing_a=1.0)


def test_embeddings_of_a_large_file_stay_in_it(
    tiny_map: ContextMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.safetensors"
    tiny_map.save(path)
    held = ContextMap.load(path)
    assert str(path) not in Path("/proc/self/maps").read_text()
    monkeypatch.setattr(context_map, "_MAPPED_BYTES", 100)
    mapped = ContextMap.load(path)
    assert str(path) in Path("/proc/self/maps").read_text()
    assert torch.equal(mapped.features, held.features)
    mapped.pruned(spacing_d=9.0, spacing_a=9.0, max_views=2).save(path)  # over the file that it is read from
    assert torch.equal(mapped.features, held.features)
