"""Initial weights of a training: ImageNet, and streams of single tasks."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import make_config

from localization_common.errors import CheckpointError
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import load_vlocnet, save_vlocnet
from vlocnet_ros.training.imagenet import copy_weights, load_imagenet
from vlocnet_ros.training.initial_weights import copy_initial_weights


def test_imagenet_weights_are_copied_where_they_fit():
    network = VLocNet(make_config(stem=64, mids=(64, 4, 8, 8), expansion=4, units=(1, 2, 4, 2)))
    source = {}
    for key, shape in {
        "conv1.weight": (64, 64, 1, 1),
        "conv2.weight": (64, 64, 3, 3),
        "conv3.weight": (256, 64, 1, 1),
    }.items():
        source[f"stages.0.blocks.0.{key}"] = torch.randn(shape)
    source["stages.0.blocks.0.downsample.conv.weight"] = torch.randn(256, 64, 1, 1)
    for norm in ("norm1", "norm2", "norm3"):
        source[f"stages.0.blocks.0.{norm}.weight"] = torch.randn(64)
    source["stem.conv.weight"] = torch.randn(64, 3, 7, 7)
    for stage, (a, mid) in ((1, (256, 128)), (2, (512, 256)), (3, (1024, 512))):
        for unit in range(4):
            source[f"stages.{stage}.blocks.{unit}.conv1.weight"] = torch.randn(mid, a, 1, 1)
            source[f"stages.{stage}.blocks.{unit}.conv2.weight"] = torch.randn(mid, mid, 3, 3)
    assert copy_weights(network, source) == 3  # the first blocks of three streams; the others are narrower here
    assert torch.equal(network.trunk.res2[0].conv2[0].weight, source["stages.0.blocks.0.conv2.weight"])
    assert torch.equal(network.segmentation.block1[0].norm2.weight, source["stages.0.blocks.0.norm2.weight"])
    assert torch.equal(network.odometry.previous_trunk.res1[0].weight, source["stem.conv.weight"])


def test_without_internet_imagenet_weights_give_a_warning(tiny_network, monkeypatch):
    timm = pytest.importorskip("timm")

    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    before = {name: value.clone() for name, value in tiny_network.state_dict().items()}
    with pytest.warns(UserWarning, match="no route"):
        assert not load_imagenet(tiny_network)
    assert all(torch.equal(value, before[name]) for name, value in tiny_network.state_dict().items())


def test_joint_training_begins_at_the_accuracy_of_the_single_tasks(tmp_path, images):
    """Copy streams from single-task checkpoints; new fusions are the identity after the normalisation."""
    single = {
        "pose": Tasks(odometry=False, segmentation=False, depth=False),
        "segmentation": Tasks(pose=False, odometry=False),
    }
    networks, paths = {}, []
    for name, tasks in single.items():
        networks[name] = VLocNet(make_config(tasks=tasks, dropout=0.0))
        paths.append(tmp_path / f"{name}.safetensors")
        save_vlocnet(paths[-1], networks[name])
        networks[name] = load_vlocnet(
            paths[-1]
        ).network.train()  # training mode: normalised with the batch's statistics
    joint = VLocNet(make_config(dropout=0.0))
    taken, report = copy_initial_weights(joint, paths, images)
    assert "trunk.res1.0.weight" in taken
    assert not any(name.startswith("odometry") for name in taken)
    assert "trunk" in report
    assert "semantic_fusion: starts" in report
    with torch.inference_mode():
        both = joint.train()(images, images)
        torch.testing.assert_close(both.translation, networks["pose"](images, images).translation, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(both.logits, networks["segmentation"](images, images).logits, atol=1e-2, rtol=1e-2)
    assert torch.equal(joint.odometry.current_res4[0].conv1.weight, networks["pose"].pose.res4[0].conv1.weight)


def test_checkpoints_without_any_fitting_tensor_are_refused(tmp_path, images):
    path = tmp_path / "o.safetensors"
    save_vlocnet(
        path,
        VLocNet(make_config(tasks=Tasks(pose=False, segmentation=False, depth=False), stem=6, mids=(6, 6, 6, 6), fc=9)),
    )
    joint = VLocNet(make_config(tasks=Tasks(pose=False, odometry=False)))
    with pytest.raises(CheckpointError, match=r"o\.safetensors"):
        copy_initial_weights(joint, [path], images)
