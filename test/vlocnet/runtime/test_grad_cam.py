"""Grad-CAM++ against its definition, finite differences, and the receptive fields of convolutions."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config, randomize_statistics
from torch import Tensor, nn

from localization_common.camera import Camera
from localization_common.errors import ConfigError, InputError
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import FrameFeatures, VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.grad_cam import explain, grad_cam_plus_plus, spread
from vlocnet_ros.runtime.localizer import Localizer

SINGLE = Tasks(pose=True, odometry=False, segmentation=False, depth=False)


def weights_by_definition(features: Tensor, score: Tensor) -> Tensor:
    """Return weights (C,) of equations 10 and 11 of the paper, with derivatives of Y = exp(S) by autograd."""
    (first,) = torch.autograd.grad(score.exp(), features, create_graph=True)
    weights = torch.zeros(features.shape[1], dtype=features.dtype)
    for k in range(features.shape[1]):
        for cell in np.ndindex(*features.shape[2:]):
            place = (0, k, *cell)
            (second,) = torch.autograd.grad(first[place], features, create_graph=True)
            (third,) = torch.autograd.grad(second[place], features, retain_graph=True)
            alpha = second[place] / (2.0 * second[place] + features[0, k].sum() * third[place])
            weights[k] += (alpha * first[place].clamp_min(0.0)).detach()
    return weights


def test_linear_head_over_global_average_pooling_has_the_weights_of_the_definition() -> None:
    features = torch.rand(1, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    head = torch.tensor([0.7, -0.4, 1.9], dtype=torch.float64)
    score = head @ features.mean((0, 2, 3))
    (gradients,) = torch.autograd.grad(score, features, retain_graph=True)
    expected = torch.einsum("k,bkij->bij", weights_by_definition(features, score), features).clamp_min(0.0)
    # The definition is of dY/dA, which is exp(S) times dS/dA everywhere.
    found = grad_cam_plus_plus(features, gradients) * score.exp()
    torch.testing.assert_close(found, expected)
    # And by hand: each of the N cells has the gradient w / N, and weights add up to w / (2 + w mean(A)) where w > 0.
    by_hand = head.clamp_min(0.0) / (2.0 + head.clamp_min(0.0) * features.mean((0, 2, 3)))
    torch.testing.assert_close(found / score.exp(), torch.einsum("k,bkij->bij", by_hand, features))


def test_negative_features_do_not_give_huge_weights() -> None:
    features = torch.tensor([[[[-4.0, 2.0]]]])  # with their sum, the denominator would be 2 - 2 = 0
    gradients = torch.ones_like(features)
    torch.testing.assert_close(grad_cam_plus_plus(features, gradients), torch.tensor([[[0.0, 2.0 * 2.0 / 4.0]]]))


@pytest.mark.parametrize(("layer", "tasks"), [("res5", SINGLE), ("res4", SINGLE), ("res3", SINGLE), ("res4", Tasks())])
def test_gradients_are_those_of_finite_differences(layer: str, tasks: Tasks) -> None:
    """Compute the map again from the poses of copies of one frame, each with a small change of one feature."""
    network = VLocNet(make_config(tasks=tasks, width=WIDTH, height=32)).double().eval()
    randomize_statistics(network)
    network.pose.regressor.translation_mean.copy_(torch.tensor([3.0, -2.0, 0.5]))
    network.pose.regressor.translation_scale.copy_(torch.tensor([2.0, 0.5, 1.0]))
    readers = readers_of(network, layer)
    both = network.encode(torch.rand(2, 3, 32, WIDTH, dtype=torch.float64))
    current, previous = (both.select(torch.tensor([i])) for i in (1, 0))
    features, step = read(network, current, previous, readers[0]), 1e-5
    nudges = step * torch.eye(features.numel(), dtype=torch.float64).view(-1, *features.shape[1:])

    def scores(sign: float) -> Tensor:
        return score(network, current, previous, readers, features + sign * nudges)

    gradients = ((scores(1.0) - scores(-1.0)) / (2.0 * step)).view_as(features)
    stride = {"res5": 32, "res4": 16, "res3": 8}[layer]
    expected = spread(grad_cam_plus_plus(features, gradients), stride, height=32, width=WIDTH)
    heat = explain(network, current, previous, layer=layer)
    assert heat.std() > 0.01
    torch.testing.assert_close(heat, expected / expected.max(), atol=1e-4, rtol=0.0)


def readers_of(network: VLocNet, layer: str) -> list[nn.Module]:
    """Return the modules that read a block's features: the next block's convolution and shortcut, or the pooling."""
    pose = network.pose
    if layer == "res5":
        return [pose.regressor.pool]
    unit = {"res3": pose.res4, "res4": pose.res5}[layer][0]
    return [unit.conv1, unit.shortcut]


def read(network: VLocNet, current: FrameFeatures, previous: FrameFeatures, reader: nn.Module) -> Tensor:
    """Return the input of a module."""
    seen: list[Tensor] = []
    with reader.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
        repeat(network, current, previous, 1)
    return seen[0].detach()


def score(
    network: VLocNet, current: FrameFeatures, previous: FrameFeatures, readers: list[nn.Module], features: Tensor
) -> Tensor:
    """Return distances of the positions from the map's mean, in its units, with other inputs of the modules."""
    regressor = network.pose.regressor
    exact: list[Tensor] = []
    with ExitStack() as hooks:
        for reader in readers:
            hooks.enter_context(reader.register_forward_pre_hook(lambda _, inputs: (features,)))
        hooks.enter_context(regressor.fc2.register_forward_hook(lambda _, inputs, output: exact.append(output)))
        translation = repeat(network, current, previous, len(features))
    # The poses are in single precision, which is too coarse for finite differences.
    deviation = (translation - regressor.translation_mean) / regressor.translation_scale
    torch.testing.assert_close(exact[0], deviation, atol=1e-5, rtol=0.0)
    return exact[0].norm(dim=1)


@torch.no_grad()
def repeat(network: VLocNet, current: FrameFeatures, previous: FrameFeatures, copies: int) -> Tensor:
    """Return positions (copies, 3) of one frame."""
    semantics = None if current.segmentation is None else current.segmentation.res5c.expand(copies, -1, -1, -1)
    pose_5a = network.pose.encode(current.trunk.repeat(copies, 1, 1, 1), semantics)
    return network.pose.decode(pose_5a, previous.pose_5a.expand(copies, -1, -1, -1))[0]


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_a_cell_has_its_maximum_at_the_centre_of_its_receptive_field(stride: int) -> None:
    coarse = torch.zeros(1, 112 // stride, 160 // stride)
    coarse[0, 2, 3] = 1.0
    fine = spread(coarse, stride, height=112, width=160)[0]
    assert fine.shape == (112, 160)
    assert divmod(int(fine.argmax()), 160) == (2 * stride, 3 * stride)
    assert fine[2 * stride, 3 * stride + stride // 2] == pytest.approx(0.5)
    torch.testing.assert_close(spread(torch.ones(2, 4, 5), 32, height=112, width=160), torch.ones(2, 112, 160))


def test_receptive_fields_agree_with_the_position_of_the_map() -> None:
    """Check the centre of a res4 cell's receptive field: row and column times 16, without half a stride."""
    network = VLocNet(make_config(tasks=SINGLE, width=160, height=160)).eval()
    image = torch.rand(1, 3, 160, 160, requires_grad=True)
    weight = 0.0
    for channel in range(16):
        cell = network.pose.res4(network.trunk(image))[0, channel, 5, 5]
        weight += torch.autograd.grad(cell, image)[0].abs().sum((0, 1))
    pixels = torch.arange(160.0)
    for axis in (0, 1):
        centre = float((weight.sum(1 - axis) * pixels).sum() / weight.sum())
        assert centre == pytest.approx(5 * 16, abs=3.0)


@pytest.fixture
def frames() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [image.repeat(8, 0).repeat(8, 1) for image in rng.integers(0, 255, (3, 12, 16, 3), dtype=np.uint8)]


def make_localizer(path, **options) -> Localizer:
    localizer = Localizer.from_checkpoint(path, **options)
    localizer.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    return localizer


@pytest.mark.parametrize("half", [False, True])
def test_explaining_does_not_change_the_following_estimates(tiny_checkpoint, frames, half) -> None:
    explained, plain = (make_localizer(tiny_checkpoint, half=half) for _ in range(2))
    before = {name: tensor.clone() for name, tensor in explained._backend.network.state_dict().items()}
    for i, frame in enumerate(frames):
        a, b = (one.step(frame, (i + 1) * 100_000_000) for one in (explained, plain))
        assert np.array_equal(a.map_T_camera, b.map_T_camera)
        assert a.previous_T_camera is None or np.array_equal(a.previous_T_camera, b.previous_T_camera)
        assert np.array_equal(a.labels, b.labels)
        heats = [explained.explain(layer=layer) for layer in ("res5", "res4", "res3", "res5")]
        assert np.array_equal(heats[0], heats[3])
        for heat in heats:
            assert (heat.shape, heat.dtype) == ((HEIGHT, WIDTH), np.float32)
            assert (heat.min() >= 0.0, heat.max()) == (True, pytest.approx(1.0))
    assert all(torch.equal(before[name], tensor) for name, tensor in explained._backend.network.state_dict().items())
    assert all(p.grad is None for p in explained._backend.network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in explained._backend.network.modules())


def test_the_last_pair_is_explained(tiny_checkpoint, tiny_network, frames) -> None:
    localizer = make_localizer(tiny_checkpoint)
    for i, frame in enumerate(frames[:2]):
        localizer.step(frame, (i + 1) * 100_000_000)
    images = [torch.from_numpy(localizer._adapter(f)).permute(2, 0, 1)[None].float() / 255.0 for f in frames[:2]]
    network = localizer._backend.network
    first, second = (network.encode(image) for image in images)
    torch.testing.assert_close(torch.from_numpy(localizer.explain()), explain(network, second, first)[0])
    assert not torch.equal(explain(network, second, first), explain(network, second, second))


def test_impossible_explanations_are_refused(tmp_path, tiny_checkpoint, frames) -> None:
    localizer = make_localizer(tiny_checkpoint)
    with pytest.raises(InputError, match="step"):
        localizer.explain()
    localizer.step(frames[0], 1)
    with pytest.raises(ConfigError, match="res6"):
        localizer.explain(layer="res6")
    localizer.reset()
    with pytest.raises(InputError, match="step"):
        localizer.explain()
    network = VLocNet(make_config(tasks=Tasks(pose=False, segmentation=False, depth=False)))
    save_vlocnet(tmp_path / "odometry.safetensors", network)
    without = make_localizer(tmp_path / "odometry.safetensors")
    without.step(frames[0], 1)
    with pytest.raises(ConfigError, match="pose stream"):
        without.explain()
