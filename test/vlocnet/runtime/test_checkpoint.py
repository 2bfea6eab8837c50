"""Checkpoints are read as they were written, and damaged ones are refused with their name."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from tiny_networks import HEIGHT, WIDTH

from localization_common.camera import Camera
from localization_common.errors import CheckpointError
from localization_common.files import tensor_files
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.integrity.consensus import ConsensusConfig
from vlocnet_ros.runtime.integrity.predicted_error import PredictedError
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty


def test_a_checkpoint_is_read_as_it_was_written(tmp_path, tiny_network, images):
    camera = Camera(WIDTH, HEIGHT, 50.0, 51.0, 30.0, 20.0)
    shape = tuple(map(tuple, np.eye(6).tolist()))
    uncertainty = Uncertainty((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), shape)
    fc = tiny_network.config.fc
    frame_error = PredictedError(((0.1,) * fc, (0.2,) * fc), (-2.0, -3.0))
    tracking = TrackingConfig(ConsensusConfig(window=9), agreement=3.0)
    residuals = Residuals(frame_error=frame_error, uncertainty=uncertainty, sharpness=4.5, tracking=tracking)
    path = tmp_path / "a.safetensors"
    names = ("a", "b", "c")
    save_vlocnet(path, tiny_network, camera=camera, class_names=names, residuals=residuals, card={"seed": 3})
    loaded = load_vlocnet(path)
    assert (loaded.camera, loaded.class_names, loaded.residuals) == (camera, names, residuals)
    assert loaded.card == {"seed": 3}
    assert loaded.network.config == tiny_network.config
    assert not loaded.network.training
    torch.testing.assert_close(loaded.network.intrinsics, torch.tensor([50.0, 51.0, 30.0, 20.0]))
    with torch.inference_mode():
        for a, b in zip(loaded.network(images, images.flip(0)), tiny_network(images, images.flip(0)), strict=True):
            torch.testing.assert_close(a, b, atol=2e-2, rtol=2e-2)  # weights are stored in half precision


def test_parameters_are_stored_in_half_precision_and_statistics_in_full(tiny_checkpoint):
    tensors = safetensors.torch.load_file(tiny_checkpoint)
    assert tensors["pose.regressor.fc2.weight"].dtype == torch.float16
    assert tensors["pose.regressor.translation_mean"].dtype == torch.float32
    assert tensors["trunk.res2.0.norm1.running_var"].dtype == torch.float32


def test_a_second_round_trip_changes_nothing(tmp_path, tiny_checkpoint):
    first = load_vlocnet(tiny_checkpoint)
    save_vlocnet(tmp_path / "b.safetensors", first.network, camera=first.camera, class_names=first.class_names)
    second = load_vlocnet(tmp_path / "b.safetensors")
    for (name, a), b in zip(first.network.state_dict().items(), second.network.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_files_without_predicted_errors_are_read(tiny_checkpoint):
    """Read a file of an earlier version, with a covariance from four numbers of evidence."""
    shape = np.eye(6).tolist()
    header = tensor_files.load(tiny_checkpoint, kind="vlocnet")[1]["residuals"]
    del header["frame_error"], header["tracking"]["consensus"]["recency"]
    header["tracking"]["consensus"]["decay"] = 20.0
    exponents = {"position": [0.1, 0.2, 0.3, 0.4], "rotation": [0.5, 0.6, 0.7, 0.8], "shape": shape}
    rewrite(tiny_checkpoint, header={"residuals": header | {"uncertainty": exponents}})
    residuals = load_vlocnet(tiny_checkpoint).residuals
    assert residuals.tracking.consensus.recency == 20.0
    assert residuals.frame_error is None
    np.testing.assert_array_equal(residuals.expected(np.ones(16)), 0.0)
    assert residuals.uncertainty is not None
    evidence = np.array([1.0, -2.0, -3.0, -4.0])
    expected = np.exp(np.repeat([evidence @ [0.1, 0.2, 0.3, 0.4], evidence @ [0.5, 0.6, 0.7, 0.8]], 3))
    np.testing.assert_allclose(residuals.uncertainty.scales(np.array([*evidence, 7.0, 8.0])), expected)


def rewrite(path, *, header=None, drop=None, poison=None):
    tensors, old = tensor_files.load(path, kind="vlocnet")
    for name in drop or ():
        del tensors[name]
    for name in poison or ():
        tensors[name] = torch.full_like(tensors[name], float("nan"))
    tensor_files.save(path, kind="vlocnet", tensors=tensors, header=old | (header or {}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"header": {"config": {"width": 1}}}, "does not describe"),
        ({"header": {"config": {"colour": 1}}}, "colour"),
        ({"header": {"camera": {"width": 64}}}, "does not describe"),
        ({"header": {"residuals": {"pose": [[1.0]]}}}, "6x6"),
        (
            {"header": {"residuals": {"frame_error": {"slopes": [[1.0], [1.0]], "offsets": [0.0, 0.0]}}}},
            "of 1 features",
        ),
        ({"drop": ["pose.regressor.fc2.weight"]}, "do not fit"),
        ({"poison": ["pose.regressor.fc2.weight"]}, "NaN"),
    ],
)
def test_damage_is_refused_with_the_file_and_the_reason(tiny_checkpoint, changes, message):
    rewrite(tiny_checkpoint, **changes)
    with pytest.raises(CheckpointError, match=message) as error:
        load_vlocnet(tiny_checkpoint)
    assert tiny_checkpoint.name in str(error.value)


def test_camera_of_another_size_is_refused(tmp_path, tiny_network, tiny_checkpoint):
    with pytest.raises(CheckpointError, match="32x32"):
        save_vlocnet(tmp_path / "c.safetensors", tiny_network, camera=Camera(32, 32, 20.0, 20.0, 16.0, 16.0))
    camera = {"width": 32, "height": 32, "fx": 1.0, "fy": 1.0, "cx": 1.0, "cy": 1.0}
    rewrite(tiny_checkpoint, header={"camera": camera})
    with pytest.raises(CheckpointError, match="32x32"):
        load_vlocnet(tiny_checkpoint)


def test_truncated_and_foreign_files_are_refused(tmp_path, tiny_checkpoint):
    short = tmp_path / "short.safetensors"
    short.write_bytes(tiny_checkpoint.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"short\.safetensors"):
        load_vlocnet(short)
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(1)}, foreign, {"header": json.dumps({})})
    with pytest.raises(CheckpointError, match=r"foreign\.safetensors"):
        load_vlocnet(foreign)
    with pytest.raises(CheckpointError, match="no such file"):
        load_vlocnet(tmp_path / "absent.safetensors")


def test_light_is_small_enough_for_the_repository(tmp_path):
    path = tmp_path / "light.safetensors"
    save_vlocnet(path, VLocNet(VLocNetConfig.light(classes=12)))
    assert path.stat().st_size <= 10_000_000
