"""SegNet, UpNet and ParseNet: VGG's convolutions, and what each adds to them."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config, randomize_statistics
from torch import nn

from vlocnet_ros.network.systems import SEGMENTATION, SYSTEMS
from vlocnet_ros.network.vgg_baselines import VGG_BASELINES, ParseNet, SegNet
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.training.imagenet import load_imagenet


def tiny(name: str) -> VLocNet:
    network = VLocNet(make_config(tasks=SEGMENTATION, segmenter=name))
    randomize_statistics(network)
    return network.eval()


@pytest.mark.parametrize("name", VGG_BASELINES)
def test_at_paper_width_the_encoder_is_vgg16(name):
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    with torch.device("meta"):
        reference = models.vgg16_bn(weights=None).features
        ours = VGG_BASELINES[name](SYSTEMS[name].structure("paper")).down
    kernels = [[m.weight.shape for m in n.modules() if isinstance(m, nn.Conv2d)] for n in (ours, reference)]
    assert kernels[0] == kernels[1]


def test_imagenet_weights_give_vggs_features(monkeypatch):
    timm = pytest.importorskip("timm")
    torchvision = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    source = torchvision.vgg16_bn(weights=None)
    randomize_statistics(source)
    for module in source.features:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.bias, 0.0, 0.1)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: source)
    network = VLocNet(SYSTEMS["segnet"].structure("paper")).eval()
    assert load_imagenet(network)
    image = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        x = image
        for group in network.baseline.down:
            x = nn.functional.max_pool2d(group(x), 2)
        torch.testing.assert_close(x, source.eval().features(image), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", VGG_BASELINES)
def test_logits_have_the_size_of_the_image(name):
    network = tiny(name)
    with torch.inference_mode():
        logits = network(torch.rand(2, 3, HEIGHT, WIDTH), torch.rand(2, 3, HEIGHT, WIDTH)).logits
    assert logits.shape == (2, 3, HEIGHT, WIDTH)
    assert logits.std() > 0.0


def test_segnet_unpools_as_torch_does(monkeypatch):
    """Compare with max_unpool2d, for sizes that halve to odd ones."""
    network = tiny("segnet").baseline
    assert isinstance(network, SegNet)
    image = torch.randn(1, 3, 40, 56)
    with torch.inference_mode():
        found = network.encode(image)
        x, places = image, []
        for group in network.down:
            x = group(x)
            size = x.shape
            x, index = nn.functional.max_pool2d(x, 2, return_indices=True)
            places.append((index, size))
        for group, (index, size) in zip(network.up, reversed(places), strict=True):
            x = group(nn.functional.max_unpool2d(x, index, 2, output_size=list(size)))
    torch.testing.assert_close(found, x)


def test_parsenet_sees_the_whole_image_in_each_cell():
    network = tiny("parsenet").baseline
    assert isinstance(network, ParseNet)
    features = torch.rand(1, network.scale.shape[1], 6, 8)
    changed = features.clone()
    changed[..., 0, 0] += 1.0
    with torch.inference_mode():
        difference = (network.decode(changed) - network.decode(features)).abs()
    assert difference[..., -1, -1].max() > 1e-4


def test_it_runs_from_a_checkpoint(tmp_path):
    save_vlocnet(tmp_path / "segnet.safetensors", tiny("segnet"))
    localizer = Localizer.from_checkpoint(tmp_path / "segnet.safetensors")
    localizer.set_camera(localizer.camera)
    image = torch.randint(0, 255, (HEIGHT, WIDTH, 3), dtype=torch.uint8).numpy()
    assert localizer.step(image, 1).labels.shape == (HEIGHT, WIDTH)
