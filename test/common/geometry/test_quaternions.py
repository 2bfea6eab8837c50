"""Torch quaternions against scipy's rotations; gradients stay finite where those of a simple formula do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from localization_common.geometry import quaternions

torch.set_num_threads(1)


def random_rotations(seed: int, count: int = 50) -> Rotation:
    return Rotation.random(count, random_state=seed)


def tensor(rotation: Rotation) -> torch.Tensor:
    return torch.from_numpy(rotation.as_quat()[..., [3, 0, 1, 2]])


def same_rotation(q: torch.Tensor, rotation: Rotation) -> None:
    expected = tensor(rotation)
    np.testing.assert_allclose((q * expected).sum(-1).abs().numpy(), 1.0, atol=1e-12)


def test_product_and_conjugate_are_scipys() -> None:
    a, b = random_rotations(0), random_rotations(1)
    same_rotation(quaternions.multiply(tensor(a), tensor(b)), a * b)
    same_rotation(quaternions.conjugate(tensor(a)), a.inv())


def test_rotated_vectors_and_matrices_are_scipys() -> None:
    a = random_rotations(2)
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_allclose(
        quaternions.rotate(tensor(a), torch.from_numpy(vectors)).numpy(), a.apply(vectors), atol=1e-12
    )
    matrices = quaternions.to_matrix(tensor(a).reshape(5, 10, 4)).reshape(50, 3, 3)
    np.testing.assert_allclose(matrices.numpy(), a.as_matrix(), atol=1e-12)


def test_angle_is_scipys_and_independent_of_signs() -> None:
    a, b = random_rotations(3), random_rotations(4)
    expected = (a.inv() * b).magnitude()
    np.testing.assert_allclose(quaternions.angle_between(tensor(a), tensor(b)).numpy(), expected, atol=1e-9)
    np.testing.assert_allclose(quaternions.angle_between(tensor(a), -tensor(b)).numpy(), expected, atol=1e-9)


def test_angle_keeps_small_angles_in_single_precision() -> None:
    q = torch.tensor([1.0, 5e-6, 0.0, 0.0])
    angle = quaternions.angle_between(torch.tensor([1.0, 0.0, 0.0, 0.0]), q)
    assert angle.item() == pytest.approx(1e-5, rel=1e-3)


def test_nearer_sign_halves_the_sphere() -> None:
    reference = torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]])
    q = torch.tensor([[-0.9, 0.1, 0, 0], [0.9, 0.1, 0, 0], [0.0, -1.0, 0.0, 0.0]])
    nearer = quaternions.nearer_sign(q, reference)
    np.testing.assert_allclose(nearer.numpy(), [[0.9, -0.1, 0, 0], [0.9, 0.1, 0, 0], [0.0, 1.0, 0.0, 0.0]])


def test_normalised_quaternions_have_length_one_and_zero_stays_finite() -> None:
    q = torch.tensor([[3.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0]], requires_grad=True)
    unit = quaternions.normalize(q)
    np.testing.assert_allclose(unit.detach().numpy(), [[0.6, 0, 0.8, 0], [0, 0, 0, 0]], atol=1e-7)
    unit.sum().backward()
    assert q.grad is not None
    assert torch.isfinite(q.grad).all()


@pytest.mark.parametrize("other", [[1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
def test_gradient_of_the_angle_is_finite_where_arccos_has_none(other: list[float]) -> None:
    q = torch.tensor([1.0, 0.0, 0.0, 0.0], requires_grad=True)
    quaternions.angle_between(q, torch.tensor(other)).backward()
    assert q.grad is not None
    assert torch.isfinite(q.grad).all()


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(6, 4, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2))
    v = torch.randn(6, 3, dtype=torch.float64, generator=generator, requires_grad=True)

    def chain(a: torch.Tensor, b: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        c = quaternions.multiply(quaternions.normalize(a), quaternions.conjugate(quaternions.normalize(b)))
        turned = quaternions.rotate(c, v) + (quaternions.to_matrix(c) @ v.unsqueeze(-1)).squeeze(-1)
        return turned.sum(-1) + quaternions.angle_between(c, quaternions.normalize(b))

    assert torch.autograd.gradcheck(chain, (a, b, v))


def test_rotation_vectors_are_scipys_and_none_for_no_rotation() -> None:
    a = random_rotations(7)
    np.testing.assert_allclose(quaternions.rotation_vector(-tensor(a)).numpy(), a.as_rotvec(), atol=1e-9)
    tiny = Rotation.from_rotvec([[1e-9, 0.0, -2e-9], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(quaternions.rotation_vector(tensor(tiny)).numpy(), tiny.as_rotvec(), rtol=1e-9, atol=0)


@pytest.mark.parametrize("spread", [1e-3, 0.3, 2.0])
def test_mean_rotation_is_scipys_for_all_signs(spread: float) -> None:
    rng = np.random.default_rng(8)
    for turned in random_rotations(9, 5):
        samples = Rotation.from_rotvec(rng.normal(scale=spread, size=(40, 3))) * turned
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], 40))
        q = tensor(samples) * signs[:, None]
        same_rotation(quaternions.mean(q), samples.mean())
        both = quaternions.mean(torch.stack([q, tensor(samples * turned)], dim=1))
        same_rotation(both[1], (samples * turned).mean())
