"""Checkpoints are read back without a change, and each kind of damage has its own message."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from localization_common.errors import CheckpointError
from localization_common.files import tensor_files

HEADER = {"config": {"width": 8, "sizes": [1, 2]}, "class_names": ["floor", "wäll"], "card": {"minutes": 3.5}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 6, generator=generator)
    return {"a.weight": weight, "a.turned": weight.T, "half": weight.half(), "count": torch.tensor(7)}


def save(path: Path) -> None:
    tensor_files.save(path, kind="vlocnet", tensors=tensors(), header=HEADER)


def test_tensors_and_header_come_back(path: Path) -> None:
    save(path)
    loaded, header = tensor_files.load(path, kind="vlocnet")
    assert header == HEADER
    assert loaded.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_missing_folders_are_made_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "net.safetensors"
    save(deep)
    assert [p.name for p in deep.parent.iterdir()] == ["net.safetensors"]
    assert deep.stat().st_mode & 0o777 == 0o644


def test_other_programs_read_the_file(path: Path) -> None:
    save(path)
    assert torch.equal(safetensors.torch.load_file(path)["a.weight"], tensors()["a.weight"])


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused_by_name(path: Path, share: float) -> None:
    save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match=r"net\.safetensors.*not a complete"):
        tensor_files.load(path, kind="vlocnet")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors: no such file"):
        tensor_files.load(tmp_path / "nowhere.safetensors", kind="vlocnet")
    with pytest.raises(CheckpointError, match="is not a file"):
        tensor_files.load(tmp_path, kind="vlocnet")


def test_foreign_files_are_refused(path: Path) -> None:
    safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="format None"):
        tensor_files.load(path, kind="vlocnet")
    path.write_text("not tensors at all, but long enough to hold a length")
    with pytest.raises(CheckpointError, match="not a complete"):
        tensor_files.load(path, kind="vlocnet")


def test_a_pickle_is_refused_and_not_run(path: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    path.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(CheckpointError):
        tensor_files.load(path, kind="vlocnet")
    assert not mark.exists()


def test_another_kind_is_refused(path: Path) -> None:
    save(path)
    with pytest.raises(CheckpointError, match="'vlocnet', not a 'context_map'"):
        tensor_files.load(path, kind="context_map")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"header": "{"}, "header cannot be read"),
        ({"header": "[1]"}, "header is a list"),
        ({"format": "deep_localization/99"}, "99"),
    ],
)
def test_a_damaged_header_is_refused(path: Path, change: dict[str, str], message: str) -> None:
    metadata = {"format": tensor_files.FORMAT, "kind": "vlocnet", "header": json.dumps(HEADER)} | change
    safetensors.torch.save_file({"w": torch.zeros(2)}, path, metadata)
    with pytest.raises(CheckpointError, match=message):
        tensor_files.load(path, kind="vlocnet")


def test_a_write_that_fails_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        tensor_files.save(path, kind="vlocnet", tensors={"w": torch.ones(3)}, header={})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_loaded_tensors_do_not_change_with_the_file(path: Path) -> None:
    save(path)
    loaded, _ = tensor_files.load(path, kind="vlocnet")
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert torch.equal(loaded["a.weight"], tensors()["a.weight"])


def test_tied_weights_are_saved_twice(path: Path) -> None:
    weight = torch.arange(6.0)
    tensor_files.save(path, kind="vlocnet", tensors={"a": weight, "b": weight}, header={})
    loaded, _ = tensor_files.load(path, kind="vlocnet")
    assert torch.equal(loaded["a"], weight)
    assert torch.equal(loaded["b"], weight)


def test_equal_contents_give_equal_bytes(tmp_path: Path) -> None:
    """Test two processes with different hash seeds: the order of the names in a file must not depend on them."""
    tensors = {f"layer{i}": torch.full((3, i + 1), float(i)) for i in range(20)}
    for name in "abcd":
        tensor_files.save(tmp_path / name, kind="test", tensors=tensors, header={"b": 1, "a": [2, 3]})
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1
    loaded, header = tensor_files.load(tmp_path / "a", kind="test")
    assert header == {"b": 1, "a": [2, 3]}
    assert all(torch.equal(loaded[key], tensors[key]) for key in tensors)
