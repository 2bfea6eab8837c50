"""Exported networks with 8-bit integers: results, use, and refusal where the poses become worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import make_config, randomize_statistics

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from vlocnet_ros.commands import export_int8 as command
from vlocnet_ros.commands.export import export_onnx
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.backends.opening import open_backend
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """Path of the .onnx file of a small network."""
    torch.manual_seed(0)
    network = VLocNet(make_config(mids=(8, 8, 16, 16)))
    randomize_statistics(network)
    path = tmp_path_factory.mktemp("int8") / "small.onnx"
    save_vlocnet(path.with_suffix(".safetensors"), network)
    export_onnx(path.with_suffix(".safetensors"), path)
    return path


def poses(path: Path, sequence: Sequence) -> np.ndarray:
    localizer = Localizer.from_checkpoint(path, backend="onnx", threads=1, fuse=False)
    localizer.set_camera(sequence.camera)
    steps = (localizer.step(sequence.read_image(i), int(sequence.stamps[i])) for i in range(len(sequence)))
    return np.stack([step.map_T_camera for step in steps])


def test_convolutions_have_eight_bits_and_poses_stay_the_same(exported, apartment_drive):
    text = command.export_int8(exported, [apartment_drive])
    small = exported.with_suffix(".int8.onnx")
    graph = onnx.load(small).graph
    eight_bits = [w for w in graph.initializer if w.data_type == onnx.TensorProto.INT8 and len(w.dims) == 4]
    wide = [w for w in onnx.load(exported).graph.initializer if len(w.dims) == 4 and w.dims[1] >= 8]
    assert len(eight_bits) > 20
    assert len(eight_bits) <= len(wide)
    assert "median m" in text
    assert "in single precision" in text
    single, eight = (poses(path, apartment_drive) for path in (exported, small))
    difference = np.linalg.norm(single[:, :3, 3] - eight[:, :3, 3], axis=1)
    assert 1e-5 < np.median(difference) < 0.02 * np.abs(single[:, :3, 3]).max()
    description, backend = open_backend(small, backend="onnx")
    assert backend.name == "onnx int8"
    assert description.camera == Camera(**vars(open_backend(exported, backend="onnx")[0].camera))


def test_a_file_whose_poses_are_worse_is_not_kept(exported, apartment_drive, monkeypatch):
    monkeypatch.setattr(command, "_WORST", 0.5)
    with pytest.raises(ConfigError, match=r"int8\.onnx: errors grew by more than.*median m"):
        command.export_int8(exported, [apartment_drive])
    assert not exported.with_suffix(".int8.onnx").exists()
