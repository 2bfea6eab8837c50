"""Structure of VLocNet++: streaming, sharing, shapes, sizes, gradients."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import HEIGHT, POSE_AND_ODOMETRY, WIDTH, make_config, randomize_statistics

from localization_common.errors import ConfigError
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.correlation import Correlation
from vlocnet_ros.network.residual import ResidualUnit
from vlocnet_ros.network.vlocnetpp import FrameFeatures, VLocNet
from vlocnet_ros.training.losses import MultitaskLoss, Targets


def tensors(features: FrameFeatures) -> list[torch.Tensor]:
    return [*(f for f in features[:3] if f is not None), *(features.segmentation or ())]


def test_outputs_have_the_documented_shapes(tiny_network, images):
    p = tiny_network(images, images.flip(0))
    assert p.translation.shape == p.relative_translation.shape == (4, 3)
    assert p.quaternion.shape == p.relative_quaternion.shape == (4, 4)
    assert p.logits.shape == (4, 3, HEIGHT, WIDTH)
    assert p.depth.shape == (4, 1, HEIGHT, WIDTH)
    torch.testing.assert_close(p.quaternion.norm(dim=1), torch.ones(4))
    low, high = tiny_network.config.depth_range
    assert ((p.depth >= low) & (p.depth <= high)).all()


@pytest.mark.parametrize("places", [("res4f", "res5c"), ("res3d", "res4f"), ("res3d",)])
@pytest.mark.parametrize(
    ("correlation", "at", "alignment"), [(None, "res3", ()), ((2, 1), "res3", (1, 2)), ((2, 1), "res2", ())]
)
def test_streaming_equals_pairs(images, places, correlation, at, alignment):
    network = VLocNet(make_config(warp_places=places, correlation=correlation, correlation_at=at, alignment=alignment))
    randomize_statistics(network)
    network.eval()
    with torch.inference_mode():
        previous = network.encode(images[:1])
        for i in range(1, 4):
            current = network.encode(images[i : i + 1])
            streamed = network.decode(current, previous)
            paired = network(images[i - 1 : i], images[i : i + 1])
            for a, b in zip(streamed, paired, strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
            previous = current


def test_features_do_not_depend_on_earlier_frames(tiny_network, images):
    with torch.inference_mode():
        single = tiny_network.encode(images[2:3])
        for before in (images[:1], images[1:2]):
            # earlier frames do not change the kept features
            tiny_network.decode(tiny_network.encode(images[2:3]), tiny_network.encode(before))
            again = tiny_network.encode(images[2:3])
            for a, b in zip(tensors(single), tensors(again), strict=True):
                assert torch.equal(a, b)


def test_prediction_uses_the_previous_frame_in_every_output(tiny_network, images):
    with torch.inference_mode():
        current = tiny_network.encode(images[:1])
        a = tiny_network.decode(current, tiny_network.encode(images[1:2]))
        b = tiny_network.decode(current, tiny_network.encode(images[2:3]))
    for name in ("translation", "quaternion", "relative_translation", "relative_quaternion", "logits"):
        assert (getattr(a, name) - getattr(b, name)).abs().max() > 1e-6, name
    assert torch.equal(a.depth, b.depth)  # depends on this frame only


def test_warp_places_change_what_is_fused(images):
    names = {}
    for places in (("res4f", "res5c"), ("res3d", "res4f"), ()):
        names[places] = set(VLocNet(make_config(warp_places=places)).segmentation.fusions)
        assert names[places] == set(places)


def test_encoding_a_current_frame_only_skips_the_previous_side(tiny_network, images):
    assert tiny_network.encode(images, keep=False).odometry_previous is None
    assert tiny_network.encode(images).odometry_previous.shape == (4, 16, 3, 4)


def test_hard_sharing_through_res3_and_nowhere_else(tiny_network, images):
    calls = []
    hook = tiny_network.trunk.res3.register_forward_hook(lambda *_: calls.append(1))
    features = tiny_network.encode(images)
    hook.remove()
    assert calls == [1]  # one pass serves pose and odometry's current side
    tiny_network.zero_grad()
    tiny_network.decode(features, features).relative_translation.sum().backward()
    assert tiny_network.trunk.res3[0].conv1.weight.grad.abs().max() > 0
    assert tiny_network.pose.res4[0].conv1.weight.grad is None
    shared = {id(p) for p in tiny_network.trunk.parameters()}
    assert not shared & {id(p) for p in tiny_network.odometry.parameters()}


def test_segmentation_encoder_has_output_stride_16(tiny_network, images):
    features = tiny_network.encode(images).segmentation
    assert [WIDTH // f.shape[-1] for f in features] == [4, 8, 16, 16]


def test_adapnet_has_its_multi_scale_units_where_the_paper_has_them():
    segmentation = VLocNet(make_config(units=(3, 4, 6, 3))).segmentation

    def dilations(block: torch.nn.Module) -> list[list[int]]:
        return [[conv.dilation[0] for conv in unit.conv2] for unit in block]

    assert dilations(segmentation.block1) == [[1]] * 3
    assert dilations(segmentation.block2) == [[1]] * 3 + [[1, 2]]
    assert dilations(segmentation.block3) == [[1]] * 2 + [[1, 2]] * 4
    assert dilations(segmentation.block4) == [[2, 4]] * 3


def test_multi_scale_unit_has_as_many_parameters_as_half_a_plain_one_in_its_3x3():
    def count(u: ResidualUnit) -> int:
        return sum(conv.weight.numel() for conv in u.conv2)

    assert count(ResidualUnit(8, 8, 8, dilations=(1, 2))) == count(ResidualUnit(8, 8, 8))


def test_semantic_features_reach_the_pose(tiny_network, images):
    tiny_network.zero_grad()
    features = tiny_network.encode(images)
    tiny_network.decode(features, features).translation.sum().backward()
    assert tiny_network.segmentation.block4[-1].conv3.weight.grad.abs().max() > 0
    fusion = tiny_network.pose.semantic_fusion
    assert fusion.weight_a.shape == (1, 16, 1, 1)
    # 4c: the two units before the fusion get no gradient from semantics
    assert tiny_network.pose.semantic_unit == 2


def test_correlation_has_its_maximum_at_the_displacement():
    """Shift features by two cells to the right and one down in the previous frame."""
    correlation = Correlation(make_config(correlation=(3, 1)), (3, 1))
    previous = torch.randn(1, 8, 6, 12)
    current = previous.roll((-1, -2), dims=(2, 3))
    volume = correlation.volume(current, previous)
    assert volume.shape == (1, 21, 6, 12)
    inside = volume[0, :, 1:-1, 3:-3]
    expected = (1 + 1) * 7 + (2 + 3)  # row of displacements, then column
    torch.testing.assert_close(inside[expected], torch.ones_like(inside[expected]))
    assert (inside.argmax(0) == expected).all()
    assert correlation(current, previous).shape == (1, 16, 2, 3)


@pytest.mark.parametrize(("correlation", "at"), [(None, "res3"), ((1, 1), "res3"), ((1, 1), "res2")])
def test_gradient_reaches_every_parameter(images, correlation, at):
    network = VLocNet(make_config(dropout=0.0, correlation=correlation, correlation_at=at)).train()
    randomize_statistics(network)
    previous = torch.tensor([1, 0, 3, 2])
    quaternion = torch.nn.functional.normalize(torch.randn(4, 4), dim=1)
    labels = torch.randint(0, 3, (4, HEIGHT, WIDTH), dtype=torch.uint8)
    depth = torch.rand(4, HEIGHT, WIDTH) + 1.0
    pair = torch.ones(4, dtype=torch.bool)
    features = network.encode(images)
    prediction = network.decode(features, features.select(previous))
    loss = MultitaskLoss()
    total, _ = loss(prediction, Targets(torch.randn(4, 3), quaternion, previous, pair, labels, depth))
    total.backward()
    parameters = [*network.named_parameters(), *loss.named_parameters()]
    # Depth is in the data, and the network has neither scene coordinates nor neighbours.
    parameters = [(name, p) for name, p in parameters if name not in ("s.photometric", "s.coordinates", "s.neighbours")]
    assert not [name for name, p in parameters if p.grad is None or not p.grad.abs().max() > 0]


def test_streams_can_be_left_out(images):
    network = VLocNet(make_config(tasks=POSE_AND_ODOMETRY)).eval()
    p = network(images, images)
    assert p.logits is None
    assert p.depth is None
    assert p.translation is not None
    odometry = VLocNet(make_config(tasks=Tasks(pose=False, segmentation=False, depth=False))).eval()
    p = odometry(images, images)
    assert p.translation is None
    assert p.relative_translation.shape == (4, 3)
    segmentation = VLocNet(make_config(tasks=Tasks(pose=False, odometry=False, depth=False))).eval()
    assert segmentation(images, images).logits.shape == (4, 3, HEIGHT, WIDTH)
    assert segmentation.trunk is None


def test_depth_without_labels_keeps_the_encoder(images):
    tasks = Tasks(segmentation=False)
    network = VLocNet(make_config(tasks=tasks, alignment=(1,), dropout=0.0)).train()
    randomize_statistics(network)
    assert network.segmentation.decoder is None
    previous = torch.tensor([1, 0, 3, 2])
    features = network.encode(images)
    p = network.decode(features, features.select(previous))
    assert p.logits is None
    assert p.depth.shape == (4, 1, HEIGHT, WIDTH)
    sum((t * torch.randn_like(t)).sum() for t in p if t is not None).backward()
    assert not [n for n, q in network.named_parameters() if q.grad is None or not q.grad.abs().max() > 0]
    torch.testing.assert_close(p.grey, images.mean(1, keepdim=True))  # for direct alignment
    single = VLocNet(make_config(tasks=Tasks(pose=False, odometry=False, segmentation=False)))
    assert single.trunk is None
    assert single(images, images).depth is not None
    with pytest.raises(ConfigError, match="tasks"):
        Tasks(pose=False, odometry=False, segmentation=False, depth=False)


def test_paper_has_the_size_of_its_resnets():
    with torch.device("meta"):
        network = VLocNet(VLocNetConfig.paper(classes=10))
    millions = {name: sum(p.numel() for p in m.parameters()) / 1e6 for name, m in network.named_children()}
    # A ResNet-50 without classifier has 23.5 million parameters.
    pose = millions["trunk"] + millions["pose"]
    fusions = (2048 * 2 * 2048 + (1024 + 2048) * 1024) / 1e6
    regressor = (2048 * 1024 + 1024 * 7) / 1e6
    assert pose == pytest.approx(23.5 + fusions + regressor, abs=0.2)
    assert sum(millions.values()) < 120


def test_light_fits_a_checkpoint_of_ten_megabytes():
    with torch.device("meta"):
        network = VLocNet(VLocNetConfig.light(classes=12))
    assert sum(p.numel() for p in network.parameters()) * 2 < 9.7e6  # half precision


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 100),
        ("units", (1, 2, 2, 1)),
        ("mids", (3, 4, 8, 8)),
        ("classes", 1),
        ("warp_places", ("res2",)),
        ("dropout", 1.0),
        ("activation", "tanh"),
        ("rotation", "euler"),
        ("temporal_fusion", "sum"),
        ("samples", 3),
        ("depth_range", (2.0, 1.0)),
        ("skips", (1,)),
        ("pool", (0, 1)),
        ("fc", 0),
    ],
)
def test_invalid_configurations_are_refused(field, value):
    with pytest.raises(ConfigError, match=field.split("_")[0]):
        make_config(**{field: value})


@pytest.mark.parametrize("normalization", ["picture", "local"])
def test_the_light_does_not_change_the_prediction_of_a_normalised_network(images, normalization):
    """Both images get darker, the second one more, and of another colour."""
    network = VLocNet(make_config(normalization=normalization, alignment=(1, 2)))
    randomize_statistics(network)
    network.eval()
    bright = 0.2 + 0.7 * images
    balance = torch.tensor([0.9, 0.7, 0.5]).view(1, 3, 1, 1)
    with torch.inference_mode():
        expected = network(bright[:1], bright[1:2])
        seen = network(0.8 * bright[:1], balance * bright[1:2])
        network.front_end.kind = "none"
        unprotected = network(0.8 * bright[:1], balance * bright[1:2])
    for name in ("translation", "relative_translation", "depth"):
        before, after, without = (getattr(p, name) for p in (expected, seen, unprotected))
        assert (after - before).norm() < 0.15 * (without - before).norm(), name
