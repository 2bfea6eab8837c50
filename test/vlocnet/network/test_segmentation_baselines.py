"""FCN and DeepLabV3: torchvision's models at paper width, the multiply-adds of AdapNet at light width."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config, randomize_statistics
from torch import nn
from torch._subclasses import FakeTensorMode

from localization_common.errors import ConfigError
from vlocnet_ros.commands import complexity
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.commands.train import train
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.folding import folded
from vlocnet_ros.network.systems import SEGMENTATION, SYSTEMS
from vlocnet_ros.network.vgg_baselines import VGG_BASELINES
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.training import data
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.imagenet import load_imagenet
from vlocnet_ros.training.module import OptimizerConfig

pytest.importorskip("torchvision", reason="torchvision is not installed")
BASELINES = ("fcn", "deeplabv3")


def tiny(segmenter: str) -> VLocNet:
    network = VLocNet(make_config(tasks=SEGMENTATION, segmenter=segmenter, atrous_rates=(1, 2, 3)))
    randomize_statistics(network)
    return network.eval()


@pytest.mark.parametrize("name", BASELINES)
def test_at_paper_width_it_is_torchvisions_model(name):
    from torchvision.models import segmentation

    network = VLocNet(replace(SYSTEMS[name].structure("paper", classes=5), width=64, height=48)).eval()
    make = getattr(segmentation, f"{name}_resnet50")
    reference = make(weights=None, weights_backbone=None, num_classes=5)
    randomize_statistics(reference)
    ours = network.baseline.state_dict()
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in reference.state_dict().items()}
    network.baseline.load_state_dict(reference.state_dict())
    image = torch.rand(1, 3, 48, 64)
    normalised = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )
    with torch.inference_mode():
        expected = reference.eval()(normalised)["out"]
        torch.testing.assert_close(network(image, image).logits, expected, atol=1e-4, rtol=1e-4)
    assert expected.std() > 0


@pytest.mark.parametrize("name", [*BASELINES, *VGG_BASELINES])
def test_at_light_width_it_multiplies_about_as_much_as_adapnet(name):
    with FakeTensorMode():
        ours, theirs = (complexity.size(VLocNet(SYSTEMS[n].structure("light"))).step for n in (name, "adapnet"))
    assert 0.85 < ours / theirs < 1.15


def test_light_pyramid_has_three_scales_within_a_small_map():
    """Check that no dilated kernel has only its middle weight inside the feature map."""
    config = SYSTEMS["deeplabv3"].structure("light")
    rows, columns = config.height // 8, config.width // 8
    network = VLocNet(config)
    dilations = {m.dilation[0] for m in network.baseline.classifier.modules() if isinstance(m, nn.Conv2d)} - {1}
    assert dilations == {3, 6, 9}
    assert max(dilations) < min(rows, columns)
    with torch.inference_mode():
        features = network.eval().encode(torch.rand(1, 3, config.height, config.width)).baseline
    assert features.shape[2:] == (rows, columns)


def test_they_are_trained_evaluated_and_run_as_any_other_system(wall_sequence, tmp_path, monkeypatch):
    """Overfit to three stripes of the wall, which differ in their texture only."""
    monkeypatch.setattr(data, "open_sequences", lambda *_, **__: [wall_sequence])
    config = TrainConfig(
        train=(Path("wall"),),
        output=tmp_path / "a.safetensors",
        system="fcn",
        width=WIDTH,
        height=HEIGHT,
        batch=8,
        optimizer=OptimizerConfig(steps=120, warmup=10, learning_rate=4e-3),
        augmentation=AugmentationConfig(viewpoint=0.0, shift=0.0, light=0.0, erase=0.0),
        progress_bar=False,
        precision="32-true",
        accelerator="cpu",
        runs=tmp_path,
    )
    checkpoint = train(config)
    assert checkpoint.config.segmenter == "fcn"
    assert checkpoint.config.tasks == SEGMENTATION
    numbers = evaluate(config.output, [wall_sequence]).numbers
    assert numbers["segmentation"]["pixel_accuracy"] > 0.95
    assert not {"pose", "odometry"} & set(numbers)
    localizer = Localizer.from_checkpoint(config.output)
    localizer.set_camera(wall_sequence.camera)
    estimate = localizer.step(wall_sequence.read_image(0), 1)
    assert estimate.labels.shape == (HEIGHT, WIDTH)
    assert (localizer.labels_in_image(estimate.labels) == wall_sequence.read_labels(0)).mean() > 0.9


@pytest.mark.parametrize("segmenter", [*BASELINES, *VGG_BASELINES])
def test_folding_changes_nothing(segmenter, images):
    network = tiny(segmenter)
    with torch.inference_mode():
        expected = network(images, images).logits
        torch.testing.assert_close(folded(network)(images, images).logits, expected, atol=1e-5, rtol=1e-5)
    count = [sum(isinstance(m, nn.BatchNorm2d) for m in n.modules()) for n in (network, folded(network))]
    assert count[1] < count[0]


def test_the_exported_network_gives_the_same(tmp_path):
    from exported_streams import assert_equal_streams, pictures  # skips where ONNX is not installed

    from vlocnet_ros.commands.export import export_onnx
    from vlocnet_ros.runtime.backends.onnx_backend import open_onnx

    checkpoint, network = tmp_path / "a.safetensors", tiny("deeplabv3")
    save_vlocnet(checkpoint, network)
    export_onnx(checkpoint, checkpoint.with_suffix(".onnx"))
    stored = Localizer.from_checkpoint(checkpoint)._backend.network
    assert_equal_streams(open_onnx(checkpoint.with_suffix(".onnx")), stored, pictures(HEIGHT, WIDTH, 2))


@pytest.mark.parametrize("name", BASELINES)
def test_imagenet_weights_are_those_of_the_backbone(name, monkeypatch):
    timm = pytest.importorskip("timm")
    source = timm.create_model("resnet50", pretrained=False)
    randomize_statistics(source)
    names = []
    monkeypatch.setattr(timm, "create_model", lambda model, **_: names.append(model) or source)
    network = VLocNet(SYSTEMS[name].structure("paper"))
    head = {n: t.clone() for n, t in network.baseline.classifier.state_dict().items()}
    assert load_imagenet(network)
    assert names[0].startswith("resnet50.")
    theirs = source.state_dict()
    for tensor_name, tensor in network.baseline.backbone.state_dict().items():
        assert torch.equal(tensor, theirs[tensor_name]), tensor_name
    assert all(torch.equal(t, head[n]) for n, t in network.baseline.classifier.state_dict().items())


def test_they_have_no_other_streams():
    with pytest.raises(ConfigError, match="stands alone"):
        make_config(segmenter="fcn", tasks=Tasks(pose=False, odometry=False))
    with pytest.raises(ConfigError, match="atrous_rates"):
        make_config(segmenter="deeplabv3", tasks=SEGMENTATION, atrous_rates=(0, 1, 2))


def test_only_such_a_checkpoint_needs_torchvision(tmp_path):
    """Run without torchvision: other checkpoints are opened, this one is refused with a reason."""
    save_vlocnet(tmp_path / "fcn.safetensors", tiny("fcn"))
    save_vlocnet(tmp_path / "adapnet.safetensors", VLocNet(make_config(tasks=SEGMENTATION)))
    program = """
import sys
sys.modules["torchvision"] = None
from vlocnet_ros.runtime.localizer import Localizer
from localization_common.errors import LocalizationError
Localizer.from_checkpoint("adapnet.safetensors")
try:
    Localizer.from_checkpoint("fcn.safetensors")
except LocalizationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pip install torchvision" in done.stdout


def test_labels_come_from_one_frame(images):
    network = tiny("fcn")
    with torch.inference_mode():
        a, b = (network(images[i : i + 1], images[3:]).logits for i in (0, 1))
    np.testing.assert_array_equal(a, b)
