"""Equations 2 to 8 against hand computation and finite differences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from localization_common.geometry import quaternions, se3
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.training import losses
from vlocnet_ros.training.losses import COMPONENT_BOUNDS, TASK_BOUNDS, MultitaskLoss, Targets

UNIT = torch.tensor([1.0, 0.0, 0.0, 0.0])


def quaternion(degrees: float, axis: int = 2) -> torch.Tensor:
    q = torch.zeros(4)
    q[0], q[1 + axis] = math.cos(math.radians(degrees) / 2), math.sin(math.radians(degrees) / 2)
    return q


def two_frames() -> tuple[Prediction, Targets]:
    """Return a first frame 0 and frame 1, one metre ahead in the map's y, turned by 90 degrees about z."""
    truth_q = torch.stack([quaternion(90), quaternion(100)])
    targets = Targets(
        translation=torch.tensor([[1.0, 2.0, 3.0], [1.0, 3.0, 3.0]]),
        quaternion=truth_q,
        previous=torch.tensor([0, 0]),
        pair=torch.tensor([False, True]),
    )
    prediction = Prediction(
        translation=torch.tensor([[1.0, 2.0, 3.5], [1.0, 3.3, 3.0]]),
        quaternion=torch.stack([quaternion(90), quaternion(106)]),
        relative_translation=torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.2]]),
        relative_quaternion=torch.stack([UNIT, quaternion(12)]),
        logits=None,
        depth=None,
    )
    return prediction, targets


def chord(degrees: float) -> float:
    """Return the distance of unit quaternions with this angle between them."""
    return 2 * math.sin(math.radians(degrees) / 4)


def test_every_term_by_hand():
    prediction, targets = two_frames()
    _, terms = MultitaskLoss()(prediction, targets)
    expected = {
        "x": (0.5 + 0.3) / 2,
        "q": (0 + chord(6)) / 2,
        "x_rel": math.hypot(0.3, 0.5),  # predicted difference (0, 1.3, -0.5) against (0, 1, 0)
        "q_rel": chord(6),
        "x_vo": 0.2 / 2,  # in the previous frame's axes the motion is (1, 0, 0)
        "q_vo": chord(2) / 2,
    }
    assert set(terms) == set(expected)
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, abs=1e-5), name


def test_the_sum_is_weighted_on_three_levels():
    prediction, targets = two_frames()
    loss = MultitaskLoss()
    with torch.no_grad():
        for i, s in enumerate(loss.s.values()):
            s.fill_(0.3 * i - 1.0)
    total, t = loss(prediction, targets)
    s = {name: value.item() for name, value in loss.s.items()}

    def weigh(value: float, name: str) -> float:
        return value * math.exp(-s[name]) + s[name]

    euclidean = weigh(t["x"].item(), "x") + weigh(t["q"].item(), "q")
    relative = weigh(t["x_rel"].item(), "x_rel") + weigh(t["q_rel"].item(), "q_rel")
    odometry = weigh(t["x_vo"].item(), "x_vo") + weigh(t["q_vo"].item(), "q_vo")
    assert total.item() == pytest.approx(weigh(euclidean + relative, "loc") + weigh(odometry, "vo"), rel=1e-5)


def test_relative_targets_agree_with_matrices():
    rng = np.random.default_rng(3)
    poses = []
    for _ in range(3):
        q = rng.normal(size=4)
        poses.append(se3.from_parts(rng.normal(size=3), q))
    parts = [se3.to_parts(p) for p in poses]
    x = torch.tensor(np.stack([p[0] for p in parts]))
    q = torch.tensor(np.stack([p[1] for p in parts]))
    previous = torch.tensor([0, 0, 1])
    world, local, rotation = losses.relative_targets(Targets(x, q, previous, previous < torch.arange(3)))
    for i, j in ((1, 0), (2, 1)):
        motion = se3.inverse(poses[j]) @ poses[i]
        np.testing.assert_allclose(world[i], poses[i][:3, 3] - poses[j][:3, 3], atol=1e-12)
        np.testing.assert_allclose(local[i], motion[:3, 3], atol=1e-12)
        np.testing.assert_allclose(quaternions.to_matrix(rotation[i]), motion[:3, :3], atol=1e-12)


def test_gradients_are_finite_differences():
    torch.manual_seed(1)
    x, q = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 4, dtype=torch.float64)
    rx, rq = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 4, dtype=torch.float64)
    truth = quaternions.normalize(torch.randn(4, 4, dtype=torch.float64))
    targets = Targets(
        torch.randn(4, 3, dtype=torch.float64),
        truth,
        torch.tensor([1, 0, 3, 2]),
        torch.tensor([True, True, True, False]),
    )
    loss = MultitaskLoss().double()

    def total(x, q, rx, rq):
        p = Prediction(x, quaternions.normalize(q), rx, quaternions.normalize(rq), None, None)
        return loss(p, targets)[0]

    inputs = tuple(t.requires_grad_() for t in (x, q, rx, rq))
    assert torch.autograd.gradcheck(total, inputs)


def test_a_learned_weight_converges_to_the_logarithm_of_its_loss():
    prediction, targets = two_frames()
    prediction = prediction._replace(relative_translation=None, relative_quaternion=None)
    loss = MultitaskLoss()
    optimizer = torch.optim.Adam([loss.s["x"]], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(prediction, targets)[0].backward()
        optimizer.step()
    assert loss.s["x"].item() == pytest.approx(math.log(0.4), abs=0.01)


def test_a_quaternion_and_its_negative_have_the_same_loss():
    prediction, targets = two_frames()
    loss = MultitaskLoss()
    total = loss(prediction, targets)[0]
    for changed in (
        (prediction._replace(quaternion=-prediction.quaternion), targets),
        (prediction._replace(relative_quaternion=-prediction.relative_quaternion), targets),
        (prediction, replace(targets, quaternion=targets.quaternion * torch.tensor([[-1.0], [1.0]]))),
    ):
        torch.testing.assert_close(loss(*changed)[0], total)


def test_relative_terms_use_the_networks_own_previous_pose():
    prediction, targets = two_frames()
    prediction = prediction._replace(translation=prediction.translation.clone().requires_grad_())
    loss = MultitaskLoss()
    with torch.no_grad():
        loss.s["x"].fill_(50.0)  # removes the direct term
    loss(prediction, targets)[0].backward()
    assert prediction.translation.grad[0].abs().max() > 1e-3


def test_first_frames_have_no_relative_terms():
    prediction, targets = two_frames()
    _, terms = MultitaskLoss()(prediction, replace(targets, pair=torch.tensor([False, False])))
    assert "x_rel" not in terms
    assert "q_rel" not in terms


def test_cross_entropy_counts_labelled_pixels_only():
    logits = torch.randn(2, 3, 4, 5)
    labels = torch.randint(0, 3, (2, 4, 5))
    labels[0, 0] = labels[1] = 255
    p = torch.softmax(logits, dim=1).numpy()
    kept = [-math.log(p[0, labels[0, r, c], r, c]) for r in range(1, 4) for c in range(5)]
    assert losses.segmentation(logits, labels).item() == pytest.approx(np.mean(kept), rel=1e-5)
    assert losses.segmentation(logits, torch.full_like(labels, 255)).item() == 0.0


def test_depth_counts_known_pixels_only():
    truth = torch.tensor([[[2.0, float("nan")], [4.0, 0.0]]])
    predicted = torch.tensor([[[[4.0, 9.0], [4.0, 9.0]]]], requires_grad=True)
    loss = losses.log_depth(predicted, truth)
    assert loss.item() == pytest.approx(math.log(2) / 2)
    loss.backward()
    assert torch.isfinite(predicted.grad).all()
    assert predicted.grad[0, 0, 0, 1] == 0


def test_learned_weights_have_bounds():
    loss = MultitaskLoss()
    with torch.no_grad():
        for s in loss.s.values():
            s.fill_(-99.0)
    loss.clamp_()
    assert loss.s["x"].item() == COMPONENT_BOUNDS[0]
    assert loss.s["loc"].item() == TASK_BOUNDS[0]
    with torch.no_grad():
        loss.s["q"].fill_(99.0)
    loss.clamp_()
    assert loss.s["q"].item() == COMPONENT_BOUNDS[1]


def test_consistency_never_has_more_weight_than_the_poses():
    loss = MultitaskLoss()
    with torch.no_grad():
        for name, value in {"x": -1.0, "x_rel": -4.0, "q": -4.0, "q_rel": -3.5}.items():
            loss.s[name].fill_(value)
    loss.clamp_()
    assert {name: loss.s[name].item() for name in ("x", "x_rel", "q", "q_rel")} == {
        "x": -1.0,
        "x_rel": -1.0,
        "q": -4.0,
        "q_rel": -3.5,
    }


def test_initial_weights_are_those_of_posenets_successors():
    s = MultitaskLoss().s
    assert (s["x"].item(), s["q"].item(), s["x_rel"].item(), s["q_vo"].item()) == (0.0, -3.0, 0.0, -3.0)


def test_smoothing_is_a_square_for_small_differences_and_the_norm_for_large_ones():
    zero = torch.zeros(1, 3)
    small, large = torch.tensor([[3e-3, 4e-3, 0.0]]), torch.tensor([[300.0, 400.0, 0.0]])
    assert losses.euclidean(small, zero, 1.0).item() == pytest.approx(5e-3**2 / 2, rel=2e-2)
    assert losses.euclidean(large, zero, 1.0).item() == pytest.approx(500.0 - 1.0, rel=1e-3)
    assert losses.euclidean(small, zero).item() == pytest.approx(5e-3)
    prediction, targets = two_frames()
    plain, smooth = (MultitaskLoss()(prediction, targets, s)[1] for s in ((0.0, 0.0), (0.1, 0.0)))
    assert smooth["x_vo"] < plain["x_vo"]
    assert smooth["x"] == plain["x"]
    assert smooth["q_vo"] == plain["q_vo"]
