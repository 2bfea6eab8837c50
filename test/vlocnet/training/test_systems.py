"""Systems of the comparison and ablations: effects of their options, and streaming."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from tiny_networks import HEIGHT, POSE_AND_ODOMETRY, WIDTH, make_config, randomize_statistics
from torch import nn
from torch._subclasses import FakeTensorMode

from localization_common.errors import ConfigError
from localization_common.files import tensor_files
from vlocnet_ros.commands import complexity
from vlocnet_ros.commands.train import train
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.lstm import FourDirections
from vlocnet_ros.network.named_tensors import flatten
from vlocnet_ros.network.systems import ABLATIONS, SYSTEMS, AblationName, SystemName
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import load_vlocnet, save_vlocnet
from vlocnet_ros.training import data
from vlocnet_ros.training.config import TrainConfig, restricted_to_system
from vlocnet_ros.training.losses import MultitaskLoss
from vlocnet_ros.training.module import OptimizerConfig

from .test_losses import two_frames

#: Sizes of the tiny network, to which a system's structure is reduced.
TINY = {
    name: getattr(make_config(), name)
    for name in ("width", "height", "stem", "mids", "expansion", "units", "classes", "segmentation_stem")
}
WITH_TRUNK = "odometry.current_trunk.res1.0.weight"


def tiny(system: SystemName, *ablations: AblationName) -> VLocNet:
    structure = SYSTEMS[system].structure("light", ablations=ablations)
    units = (1, 2, 6, 2) if structure.semantic_unit > 3 else TINY["units"]
    network = VLocNet(replace(structure, **TINY | {"units": units}, fc=64))
    randomize_statistics(network)
    return network.eval()


@pytest.mark.parametrize(
    ("system", "ablations"),
    [
        *((name, ()) for name in SYSTEMS),
        *(("vlocnetpp", (name,)) for name in ABLATIONS),
        ("vlocnet", ("own_trunk", "temporal_none", "relu")),
        ("odometry", ("own_trunk",)),
    ],
)
def test_streaming_equals_pairs(system, ablations, images):
    network = tiny(system, *ablations)
    tasks = network.config.tasks
    with torch.inference_mode():
        previous = network.encode(images[:1])
        for i in range(1, 4):
            current = network.encode(images[i : i + 1])
            streamed, paired = network.decode(current, previous), network(images[i - 1 : i], images[i : i + 1])
            for a, b in zip(streamed, paired, strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
            previous = current
    assert (streamed.translation is not None) == tasks.pose
    assert (streamed.relative_translation is not None) == tasks.odometry
    assert streamed.logits is None if not tasks.segmentation else streamed.logits.shape == (1, 3, HEIGHT, WIDTH)


def test_the_registry_is_complete():
    assert tuple(SYSTEMS) == get_args(SystemName)
    assert tuple(ABLATIONS) == get_args(AblationName)
    for changes in ABLATIONS.values():
        replace(VLocNetConfig(), **changes)


def test_a_system_leaves_out_what_the_data_cannot_train():
    structure = SYSTEMS["vlocnetpp"].structure("light", tasks=Tasks(segmentation=False, depth=False))
    assert structure.tasks == POSE_AND_ODOMETRY
    with pytest.raises(ConfigError, match="tasks"):
        SYSTEMS["adapnet"].structure("light", tasks=POSE_AND_ODOMETRY)


def test_single_frame_systems_do_not_use_the_previous_frame(images):
    for name in ("posenet", "bayesian_posenet", "lstm_pose", "svs_pose", "nnnet"):
        network = tiny(name)
        assert not network.config.paired
        with torch.inference_mode():
            a, b = (network(images[i : i + 1], images[3:]) for i in (0, 1))
        assert torch.equal(a.translation, b.translation), name


@pytest.mark.parametrize("fusion", ["concatenation", "adaptive"])
def test_temporal_fusion_uses_the_previous_frame(images, fusion):
    network = VLocNet(make_config(tasks=Tasks(True, False, False, False), temporal_fusion=fusion)).eval()
    randomize_statistics(network)
    assert network.config.paired
    with torch.inference_mode():
        a, b = (network(images[i : i + 1], images[3:]) for i in (0, 1))
    assert (a.translation - b.translation).abs().max() > 1e-6


def test_concatenation_is_linear_where_adaptive_fusion_cuts_off(images):
    torch.manual_seed(2)
    network = tiny("vlocnet")
    fuse, a, b = network.pose.temporal_fusion, torch.randn(2, 1, 16, 2, 2), torch.randn(2, 1, 16, 2, 2)
    none = fuse(torch.zeros_like(a[0]), torch.zeros_like(b[0]))
    together = fuse(a[0] + a[1], b[0] + b[1]) + none
    torch.testing.assert_close(together, fuse(a[0], b[0]) + fuse(a[1], b[1]))
    assert (together < 0).any()


def test_own_trunk_takes_the_gradient_that_sharing_gave_to_the_pose_stream(images):
    for sharing in (True, False):
        network = VLocNet(make_config(tasks=POSE_AND_ODOMETRY, hard_sharing=sharing, correlation=(1, 1)))
        network(images[:2], images[2:]).relative_translation.sum().backward()
        shared = network.trunk.res3[0].conv1.weight.grad
        assert (shared is not None) == sharing
        own = dict(network.named_parameters()).get(WITH_TRUNK)
        assert (own is None) == sharing
        if own is not None:
            assert own.grad.abs().max() > 0
    single = VLocNet(make_config(tasks=Tasks(False, True, False, False), hard_sharing=False))
    assert single.trunk is None
    assert WITH_TRUNK in single.state_dict()


def test_relu_leaves_no_elu_anywhere():
    network = VLocNet(make_config(activation="relu", correlation=(1, 1)))
    assert not [name for name, module in network.named_modules() if isinstance(module, nn.ELU)]
    elu = VLocNet(make_config(correlation=(1, 1)))
    assert not [name for name, module in elu.named_modules() if isinstance(module, nn.ReLU)]


def test_without_warping_labels_depend_on_one_frame_only(images):
    network = tiny("vlocnetpp", "no_warping")
    with torch.inference_mode():
        a, b = (network(images[i : i + 1], images[3:]) for i in (0, 1))
    assert torch.equal(a.logits, b.logits)
    # the weights of AdapNet fit, with and without fusion
    shapes = {name: value.shape for name, value in tiny("adapnet").state_dict().items()}
    assert shapes.items() <= {name: value.shape for name, value in network.state_dict().items()}.items()


@pytest.mark.parametrize("letter", "abcdef")
def test_semantics_enter_after_the_unit_that_the_ablation_names(images, letter):
    network = tiny("vlocnetpp", f"semantic_4{letter}")  # type: ignore[arg-type]
    order = []
    for index, unit in enumerate(network.pose.res4):
        unit.register_forward_hook(lambda *_, name="abcdef"[index]: order.append(name))
    network.pose.semantic_fusion.register_forward_hook(lambda *_: order.append("fusion"))
    network.encode(images[:1])
    assert order[order.index("fusion") - 1] == letter


def test_without_consistency_the_relative_terms_are_gone():
    prediction, targets = two_frames()
    total, terms = MultitaskLoss(consistency=False)(prediction, targets)
    whole = MultitaskLoss()
    assert set(terms) == {"x", "q", "x_vo", "q_vo"}
    first = replace(targets, pair=torch.tensor([False, False]))
    torch.testing.assert_close(total, whole(prediction, first)[0])
    assert whole(prediction, targets)[0] != total


def reference_lstm(lstm: nn.LSTM, steps: torch.Tensor, suffix: str) -> torch.Tensor:
    """Compute the last hidden state of an LSTM for (T, n) by its equations."""
    w, u = getattr(lstm, f"weight_ih_l0{suffix}"), getattr(lstm, f"weight_hh_l0{suffix}")
    b = getattr(lstm, f"bias_ih_l0{suffix}") + getattr(lstm, f"bias_hh_l0{suffix}")
    h = c = torch.zeros(lstm.hidden_size)
    for x in steps:
        i, f, g, o = (w @ x + u @ h + b).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h


def test_the_four_directions_are_read():
    module, x = FourDirections(32), torch.randn(2, 32)
    assert module.grid == (4, 8)
    assert FourDirections(2048).grid == (32, 64)  # as published
    grid = x[1].reshape(4, 8)
    v, h = module.vertical, module.horizontal
    down, up = reference_lstm(v, grid, ""), reference_lstm(v, grid.flip(0), "_reverse")
    right, left = reference_lstm(h, grid.T, ""), reference_lstm(h, grid.T.flip(0), "_reverse")
    with torch.no_grad():
        torch.testing.assert_close(module(x)[1], torch.cat([down, up, right, left]), atol=1e-6, rtol=1e-5)


def test_training_follows_the_system(wall_sequence, tmp_path, monkeypatch):
    """Check network, batches and card for the command's options."""
    monkeypatch.setattr(data, "open_sequences", lambda *_, **__: [wall_sequence])
    config = TrainConfig(
        train=(Path("wall"),),
        output=tmp_path / "a.safetensors",
        system="posenet",
        ablate=("relu",),
        width=WIDTH,
        height=HEIGHT,
        batch=4,
        optimizer=OptimizerConfig(steps=2, warmup=1),
        progress_bar=False,
        precision="32-true",
        accelerator="cpu",
        runs=tmp_path,
    )
    checkpoint = train(config)
    structure = checkpoint.network.config
    assert (structure.tasks, structure.temporal_fusion, structure.activation) == (
        SYSTEMS["posenet"].tasks,
        "none",
        "relu",
    )
    assert not structure.consistency
    assert checkpoint.card["system"] == "posenet"
    assert checkpoint.card["ablations"] == ["relu"]
    assert checkpoint.card["augmentation"]["viewpoint"] == 0.0
    assert restricted_to_system(replace(config, system="svs_pose")).augmentation.viewpoint > 0.0


def test_checkpoints_without_these_options_give_the_same_results(tiny_checkpoint, images):
    tensors, header = tensor_files.load(tiny_checkpoint, kind="vlocnet")
    before = load_vlocnet(tiny_checkpoint).network(images, images.flip(0))
    new = ("activation", "regressor", "samples", "warping", "temporal_fusion", "hard_sharing", "consistency")
    header["config"] = {name: value for name, value in header["config"].items() if name not in new}
    tensor_files.save(tiny_checkpoint, kind="vlocnet", tensors=tensors, header=header)
    after = load_vlocnet(tiny_checkpoint).network(images, images.flip(0))
    for a, b in zip(flatten(after).values(), flatten(before).values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", SYSTEMS)
def test_checkpoints_store_these_options(name, tmp_path):
    network = tiny(name)
    save_vlocnet(tmp_path / "a.safetensors", network)
    assert load_vlocnet(tmp_path / "a.safetensors").network.config == network.config


def test_multiply_adds_are_those_of_the_layers(images):
    """Count again from the output shapes of convolutions and linear layers, and without computing."""
    network, counted = tiny("vlocnetpp_single"), []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda m, _, out: counted.append(m.weight[0].numel() * out.numel()))
    with torch.inference_mode():
        network(images[:1], images[:1])
    pair = sum(counted)
    found = complexity.size(network)
    assert found.pair == pair
    assert found.step < pair
    assert found.parameters == sum(p.numel() for p in network.parameters())
    with FakeTensorMode():
        assert complexity.size(VLocNet(network.config)) == found


def test_multiply_adds_of_an_lstm():
    network, plain = tiny("lstm_pose"), tiny("posenet")
    fc, features, units = 64, 32, 8  # an 8x8 grid read four times, by LSTMs of 8 units with four gates
    readers = 4 * 8 * (4 * units * (8 + units))
    regressors = 9 * features - 9 * fc
    assert complexity.size(network).step - complexity.size(plain).step == readers + regressors


def test_the_command_writes_what_it_prints(tmp_path, monkeypatch, capsys):
    path = tmp_path / "sizes.json"
    options = ["--systems", "posenet", "lstm_pose", "--model", "light", "--output", str(path)]
    monkeypatch.setattr("sys.argv", ["vlocnet_systems", *options])
    complexity.main()
    numbers = json.loads(path.read_text())
    assert {name: set(widths) for name, widths in numbers.items()} == {"posenet": {"light"}, "lstm_pose": {"light"}}
    printed = capsys.readouterr().out
    for widths in numbers.values():
        assert f"{widths['light']['parameters'] / 1e6:.2f} M parameters" in printed
