"""Exported networks in ONNX Runtime and OpenVINO against the network in PyTorch, and files that are refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from exported_streams import assert_equal_streams, pictures
from tiny_networks import HEIGHT, WIDTH, make_config, randomize_statistics

from localization_common.camera import Camera
from localization_common.errors import CheckpointError, ConfigError
from localization_common.files.shipped_files import shipped
from vlocnet_ros.commands.export import export_onnx
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.backends.exported import ExportedBackend
from vlocnet_ros.runtime.backends.onnx_backend import open_onnx
from vlocnet_ros.runtime.backends.opening import open_backend, sha256
from vlocnet_ros.runtime.backends.openvino_backend import open_openvino
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.integrity.predicted_error import PredictedError
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.scene_pose import UNSOLVED

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
openvino = pytest.importorskip("openvino", reason="openvino is not installed")

SECOND = 1_000_000_000
#: True on a CPU with instructions for half precision.
HALF = not {"BF16", "FP16"}.isdisjoint(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
NETWORKS = {
    "everything": {
        "correlation": (1, 0),
        "alignment": (1, 1),
        "units": (1, 2, 2, 1),
        "semantic_unit": 0,
        "normalization": "local",
        "tasks": Tasks(coordinates=True),
        "coordinate_channels": 8,
    },
    "pose": {"tasks": Tasks(odometry=False, segmentation=False, depth=False)},
}


def make_checkpoint(path: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    network = VLocNet(make_config(**changes))
    randomize_statistics(network)
    camera = Camera(WIDTH, HEIGHT, 40.0, 41.0, 30.0, 25.0)
    numbers = len(UNSOLVED) if network.config.tasks.coordinates else network.config.fc
    slopes = np.random.default_rng(0).normal(size=(2, numbers))
    residuals = Residuals(frame_error=PredictedError(tuple(map(tuple, slopes.tolist())), (-2.0, -3.0)), sharpness=0.1)
    save_vlocnet(path, network, camera=camera, residuals=residuals, card={"seed": 3})
    return path


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request, tmp_path_factory) -> Path:
    """Path of an .onnx file beside its checkpoint."""
    checkpoint = make_checkpoint(tmp_path_factory.mktemp(request.param) / "tiny.safetensors", **NETWORKS[request.param])
    export_onnx(checkpoint, checkpoint.with_suffix(".onnx"))
    return checkpoint.with_suffix(".onnx")


LIBRARIES = {"onnx": open_onnx, "openvino": open_openvino}


@pytest.fixture(params=LIBRARIES)
def library(request) -> str:
    return request.param


def test_exported_networks_give_what_torch_gives(exported, library):
    network = load_vlocnet(exported.with_suffix(".safetensors")).network
    assert_equal_streams(LIBRARIES[library](exported, threads=1), network, pictures(HEIGHT, WIDTH))


@pytest.mark.parametrize("backend", ["torch", *LIBRARIES])
def test_all_but_the_labels_is_the_same_without_them(exported, backend):
    opened = open_backend(exported.with_suffix(".safetensors"), backend=backend, threads=1)[1]
    kept = [None, None]
    for image in pictures(HEIGHT, WIDTH):
        kept[0], whole = opened.step(image, kept[0])
        kept[1], rest = opened.step(image, kept[1], labels=False)
        if backend != "onnx":  # ONNX Runtime computes everything
            assert rest.logits is None
        for name, ours, theirs in zip(whole._fields, whole, rest, strict=True):
            if name != "logits":
                assert (ours is None) == (theirs is None), name
                assert ours is None or torch.allclose(ours, theirs, atol=1e-5), name


def export(checkpoint: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vlocnet_ros.commands.export", str(checkpoint), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_shipped_checkpoint_gives_the_same_in_all(tmp_path):
    checkpoint = shipped("models/vlocnet_apartment_light.safetensors")
    output = tmp_path / "light.onnx"
    done = export(checkpoint, "--output", str(output))
    assert done.returncode == 0, done.stderr
    loaded = load_vlocnet(checkpoint)
    for open_file in LIBRARIES.values():
        assert_equal_streams(open_file(output), loaded.network, pictures(loaded.camera.height, loaded.camera.width))


def test_only_features_for_the_next_frame_are_kept(exported):
    kept, _ = open_onnx(exported, threads=1).step(pictures(HEIGHT, WIDTH)[0], None)
    names = {name.removeprefix("previous.") for name in kept}
    if len(names) == 1:
        assert names == {"pose_5a"}
    else:
        assert names == {"pose_5a", "odometry_previous", "matched", "segmentation.res4f", "segmentation.res5c"}


def estimates(path: Path, **options: object) -> list[Estimate]:
    localizer = Localizer.from_checkpoint(path, threads=1, **options)
    localizer.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    stamps = [SECOND, SECOND + SECOND // 10, 3 * SECOND, 3 * SECOND + SECOND // 10]  # with a gap
    return [localizer.step(image, t) for image, t in zip(pictures(2 * HEIGHT, 2 * WIDTH), stamps, strict=True)]


def test_the_localizer_gives_the_same_with_all(exported, library):
    checkpoint = exported.with_suffix(".safetensors")
    for ours, theirs in zip(estimates(checkpoint), estimates(checkpoint, backend=library), strict=True):
        np.testing.assert_allclose(theirs.map_T_camera, ours.map_T_camera, atol=1e-4)
        np.testing.assert_allclose(theirs.pose_features, ours.pose_features, atol=1e-4)
        np.testing.assert_allclose(theirs.covariance, ours.covariance, rtol=0.01, atol=1e-6)
        assert (ours.previous_T_camera is None) == (theirs.previous_T_camera is None)
        if ours.previous_T_camera is not None:
            np.testing.assert_allclose(theirs.previous_T_camera, ours.previous_T_camera, atol=1e-4)
        if ours.labels is not None:
            assert (ours.labels == theirs.labels).mean() > 0.999


def test_the_file_can_be_used_without_the_checkpoint(exported, tmp_path):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(exported.read_bytes())
    checkpoint = load_vlocnet(exported.with_suffix(".safetensors"))
    description, backend = open_backend(copy)
    assert isinstance(backend, ExportedBackend)
    assert backend.origin == sha256(exported.with_suffix(".safetensors"))
    assert description.header() == checkpoint.header()
    assert len(estimates(copy)) == 4


def test_auto_measures_and_names_each_backend(exported, tmp_path):
    _, backend = open_backend(exported.with_suffix(".safetensors"), backend="auto", threads=1)
    chosen, rest = backend.name.split(" (measured: ")
    times = {name: float(ms) for name, ms in re.findall(r"(\w+)(?:, tiny\.onnx)? ([\d.]+) ms", rest)}
    assert set(times) == {"torch", "onnx", "openvino"}
    assert times[chosen.split(",")[0]] == min(times.values())
    alone = make_checkpoint(tmp_path / "alone.safetensors")
    assert open_backend(alone, backend="auto")[1].name == "torch"
    alone.with_suffix(".onnx").write_bytes(exported.read_bytes())  # made from another checkpoint
    _, backend = open_backend(alone, backend="auto")
    assert backend.name.startswith("torch; openvino, alone.onnx: ")
    assert backend.name.count("was made from another checkpoint") == 2


def test_half_precision_stays_close_or_is_refused(exported):
    """Require a refusal on a CPU without half precision: OpenVINO would silently compute in single precision there."""
    if not HALF:
        with pytest.raises(ConfigError, match="half: this CPU"):
            open_openvino(exported, half=True)
        return
    whole, half = (open_openvino(exported, half=half, threads=1) for half in (False, True))
    kept = [None, None]
    for image in pictures(HEIGHT, WIDTH):
        found = []
        for i, backend in enumerate((whole, half)):
            kept[i], prediction = backend.step(image, kept[i])
            found.append(prediction)
        for name, ours, theirs in zip(found[0]._fields, *found, strict=True):
            if ours is not None:
                assert not torch.equal(ours, theirs), name
                assert (theirs - ours).norm() < 0.05 * ours.norm(), name


def test_auto_measures_half_precision_only_if_it_is_allowed(exported):
    checkpoint = exported.with_suffix(".safetensors")
    names = [open_backend(checkpoint, backend="auto", half=half, threads=1)[1].name for half in (False, True)]
    assert "half precision" not in names[0]
    assert re.search(r"\btorch [\d.]+ ms.*torch, half precision [\d.]+ ms", names[1])
    outcome = "half precision [\\d.]+ ms" if HALF else "half precision: half: this CPU"
    assert re.search(rf"openvino, tiny\.onnx, {outcome}", names[1])


def test_a_file_of_an_older_version_is_refused(exported, tmp_path):
    if load_vlocnet(exported.with_suffix(".safetensors")).network.alignment is None:
        pytest.skip("a network without alignment is the same in older files")
    model = onnx.load(exported)
    header = next(entry for entry in model.metadata_props if entry.key == "header")
    for value, reason in ((None, "older version"), ([1.0, 2.0], "six positive numbers"), ("x", "motion_prior is 'x'")):
        changed = json.loads(header.value)
        changed.pop("motion_prior") if value is None else changed.update(motion_prior=value)
        header.value = json.dumps(changed)
        if value is None:
            changed["motion_prior"] = [1.0] * 6
        onnx.save(model, tmp_path / "old.onnx")
        with pytest.raises(CheckpointError, match=reason):
            open_onnx(tmp_path / "old.onnx")
        header.value = json.dumps(changed)


def test_a_file_of_another_checkpoint_is_refused(exported, tmp_path):
    checkpoint = make_checkpoint(tmp_path / "other.safetensors", classes=4)
    checkpoint.with_suffix(".onnx").write_bytes(exported.read_bytes())
    with pytest.raises(CheckpointError, match=r"another checkpoint.*vlocnet_export"):
        open_backend(checkpoint, backend="onnx")


def test_files_that_are_no_export_are_refused(exported, tmp_path):
    with pytest.raises(CheckpointError, match=r"absent\.onnx.*vlocnet_export"):
        open_backend(tmp_path / "absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(exported.read_bytes()[:-5000])
    with pytest.raises(CheckpointError, match=r"broken\.onnx"):
        open_backend(broken)
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(CheckpointError, match=r"foreign\.onnx.*format"):
        open_backend(tmp_path / "foreign.onnx")


def test_numbers_that_are_not_finite_and_impossible_sizes_are_refused(exported, tmp_path):
    model = onnx.load(exported)
    header = next(entry for entry in model.metadata_props if entry.key == "header")
    whole, path = header.value, tmp_path / "damaged.onnx"
    for old, new, reason in (
        ('"sharpness": 0.1', '"sharpness": NaN', r"residuals\.sharpness is nan"),
        ('"sharpness": 0.1', '"sharpness": 1e999', r"residuals\.sharpness is inf"),
        ('"units": [1', '"units": [100000000', "units is 100000000"),
    ):
        assert old in whole
        header.value = whole.replace(old, new)
        onnx.save(model, path)
        with pytest.raises(CheckpointError, match=reason) as refusal:
            open_onnx(path)
        assert str(path) in str(refusal.value)
    header.value = whole
    weight = next(w for w in model.graph.initializer if "fc1" in w.name and len(w.dims) > 1)
    weight.CopyFrom(onnx.numpy_helper.from_array(np.full(weight.dims, np.nan, dtype=np.float32), weight.name))
    onnx.save(model, path)
    with pytest.raises(CheckpointError, match=r"damaged\.onnx: translation of a grey image holds NaN"):
        open_onnx(path)
    with path.open("r+b") as file:
        file.truncate(3 << 30)  # a sparse file needs no space on the disk
    with pytest.raises(CheckpointError, match="3221225472 bytes, an ONNX file has at most"):
        open_onnx(path)


def test_invalid_choices_are_refused(exported):
    checkpoint = exported.with_suffix(".safetensors")
    with pytest.raises(ConfigError, match="half: backend onnx"):
        open_backend(checkpoint, backend="onnx", half=True)
    for backend in ("onnx", "openvino"):
        with pytest.raises(ConfigError, match="teapot"):
            open_backend(checkpoint, backend=backend, device="teapot")
    with pytest.raises(ConfigError, match="set device to cuda"):
        open_backend(checkpoint, backend="tensorrt")
    with pytest.raises(ConfigError, match="safetensors"):
        open_backend(exported, backend="torch")
    with pytest.raises(ConfigError, match="auto, torch, onnx, openvino, tensorrt"):
        open_backend(checkpoint, backend="tensorflow")
    with pytest.raises(ConfigError, match="teapot"):
        open_backend(exported, device="teapot")
    with pytest.raises(ConfigError, match="threads"):
        open_backend(exported, threads=0)


def test_the_command_names_the_error_and_keeps_an_existing_file(tmp_path):
    output = tmp_path / "out.onnx"
    output.write_text("before")
    done = export(tmp_path / "absent.safetensors", "--output", str(output))
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert output.read_text() == "before"
