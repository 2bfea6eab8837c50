"""Monte Carlo dropout: masks, mean and covariance, and the localizer's covariance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tiny_networks import HEIGHT, WIDTH, make_config, randomize_statistics

from localization_common.camera import Camera
from vlocnet_ros.network.regressor import Regressor
from vlocnet_ros.network.sampling import dropout_masks, summarize
from vlocnet_ros.network.systems import SYSTEMS
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer

SAMPLES = 40


@pytest.fixture
def network() -> VLocNet:
    """Tiny Bayesian PoseNet whose pose depends on the image."""
    torch.manual_seed(1)
    own = make_config(tasks=SYSTEMS["bayesian_posenet"].tasks, fc=64)
    made = VLocNet(replace(own, **SYSTEMS["bayesian_posenet"].changes))
    assert made.config.samples == SAMPLES
    randomize_statistics(made)
    return made.eval()


@pytest.mark.parametrize("kind", ["mlp", "lstm"])
def test_samples_are_passes_with_dropout(kind):
    """Compare a linear regressor's mean over all masks with its result without dropout, and the variance."""
    config = make_config(fc=64, dropout=0.25)
    regressor = Regressor(16, config, "quaternion", kind).eval()
    x = torch.randn(2, 16, 3, 4)
    with torch.no_grad():
        features = regressor.activation(regressor.fc1(regressor.pool(regressor.norm(x)).flatten(1)))
        translation, quaternion = regressor.sample(features, dropout_masks(4000, 64, 0.25))
        again, _ = regressor.sample(features, dropout_masks(4000, 64, 0.25))
        plain, _ = regressor(x)
    assert translation.shape == (4000, 2, 3)
    torch.testing.assert_close(quaternion.norm(dim=-1), torch.ones(4000, 2))
    assert torch.equal(translation, again)
    assert translation.std(0).min() > 0
    if kind == "mlp":
        torch.testing.assert_close(translation.mean(0), plain, atol=0.02, rtol=0.02)
        variance = (features.square() @ regressor.fc2.weight.square().T) * 0.25 / 0.75
        torch.testing.assert_close(translation.var(0), variance.detach(), rtol=0.1, atol=1e-6)


def poses_with(covariance: np.ndarray, count: int) -> tuple[Rotation, np.ndarray, Rotation]:
    """Return a rotation, and positions and rotations scattered about a pose with it, errors about the map's axes."""
    rng = np.random.default_rng(0)
    errors = rng.multivariate_normal(np.zeros(6), covariance, count)
    position, turned = np.array([3.0, -7.0, 1.5]), Rotation.from_rotvec([1.1, -0.7, 2.0])
    return turned, position + errors[:, :3], Rotation.from_rotvec(errors[:, 3:]) * turned


def test_summary_is_the_mean_and_the_covariance_about_the_maps_axes():
    root = np.random.default_rng(1).normal(size=(6, 6)) * 0.03
    covariance = root @ root.T
    turned, positions, rotations = poses_with(covariance, 3000)
    signs = np.random.default_rng(2).choice([-1.0, 1.0], 3000)
    q = torch.from_numpy(rotations.as_quat()[:, [3, 0, 1, 2]] * signs[:, None])
    t = torch.from_numpy(positions)
    other = torch.roll(t, 1, 0) * 2.0
    middle, mean, found = summarize(torch.stack([t, other], 1), torch.stack([q, q], 1))
    np.testing.assert_allclose(middle[0], positions.mean(0), atol=1e-9)
    apart = (Rotation.from_quat(mean[0].numpy()[[1, 2, 3, 0]]) * turned.inv()).magnitude()
    assert apart < 0.005
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(found[0].numpy() / scale, covariance / scale, atol=0.08)
    np.testing.assert_allclose(found[0, :3, :3], np.cov(positions.T), rtol=1e-9)
    np.testing.assert_allclose(found[1, :3, :3], 4.0 * np.cov(positions.T), rtol=1e-9)


def test_features_are_computed_once_and_poses_for_every_mask(network, images):
    rows = {}
    regressor = network.pose.regressor
    for name, module in {"res5": network.pose.res5[1], "fc1": regressor.fc1, "fc2": regressor.fc2}.items():
        module.register_forward_hook(lambda m, i, o, name=name: rows.setdefault(name, []).append(len(i[0])))
    with torch.inference_mode():
        prediction = network(images[:1], images[1:3])
    assert rows == {"res5": [2], "fc1": [2], "fc2": [2 * SAMPLES]}
    assert prediction.pose_covariance.shape == (2, 6, 6)
    eigenvalues = torch.linalg.eigvalsh(prediction.pose_covariance.double())
    assert eigenvalues.min() > 0.0
    assert not torch.allclose(*prediction.pose_covariance)


def test_the_pose_is_the_mean_of_single_passes(network, images):
    """Run each pass as a single frame, with its mask set by hand."""
    translations, quaternions = [], []
    dropout = network.pose.regressor.dropout
    with torch.inference_mode():
        found = network(images[:1], images[:1])
        features = network.encode(images[:1]).pose_5a
        for mask in dropout_masks(SAMPLES, 64, 0.5):
            hook = dropout.register_forward_hook(lambda m, i, o, mask=mask: o * mask)
            translation, quaternion = network.pose.decode(features, features)
            hook.remove()
            translations.append(translation)
            quaternions.append(quaternion)
    middle, mean, covariance = summarize(torch.stack(translations), torch.stack(quaternions))
    torch.testing.assert_close(found.translation, middle)
    torch.testing.assert_close(found.quaternion, mean)
    torch.testing.assert_close(found.pose_covariance, covariance, atol=1e-6, rtol=1e-4)


def test_training_draws_new_masks_and_gives_no_covariance(network, images):
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    a, b = (network(images[:1], images[:1]) for _ in range(2))
    assert a.pose_covariance is None
    assert not torch.equal(a.translation, b.translation)


def test_masks_are_not_stored_and_are_the_same_after_loading(network, images, tmp_path):
    save_vlocnet(tmp_path / "a.safetensors", network)
    assert not [name for name in network.state_dict() if "masks" in name]
    stored = load_vlocnet(tmp_path / "a.safetensors").network
    assert torch.equal(stored.pose.masks, network.pose.masks)
    assert 0.4 < (network.pose.masks > 0).float().mean() < 0.6


def images_of(height: int, width: int, count: int = 2) -> list[np.ndarray]:
    """Return images of random blocks."""
    small = np.random.default_rng(0).integers(0, 255, (count, height // 8, width // 8, 3), dtype=np.uint8)
    return [image.repeat(8, 0).repeat(8, 1) for image in small]


def covariances(path: Path, **options: object) -> list[np.ndarray]:
    localizer = Localizer.from_checkpoint(path, threads=1, **options)
    localizer.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    first, second = images_of(2 * HEIGHT, 2 * WIDTH)
    return [localizer.step(image, 10**9 * (1 + i)).covariance for i, image in enumerate((first, second, first))]


def test_the_localizers_covariance_is_the_residuals_and_the_samples(network, tmp_path):
    path, residuals = tmp_path / "a.safetensors", Residuals()
    save_vlocnet(path, network, residuals=residuals)
    found = covariances(path)
    spread = [c - np.asarray(residuals.pose) for c in found]
    assert np.array_equal(found[0], found[2])
    assert not np.allclose(spread[0], spread[1], rtol=1e-3)
    localizer = Localizer.from_checkpoint(path)
    _, prediction = localizer._backend.step(images_of(HEIGHT, WIDTH)[0], None)
    localizer.set_camera(Camera.from_field_of_view(WIDTH, HEIGHT, 90.0))
    estimate = localizer.step(images_of(HEIGHT, WIDTH)[0], 1)
    expected = np.asarray(residuals.pose) + prediction.pose_covariance[0].double().numpy()
    np.testing.assert_allclose(estimate.covariance, expected, rtol=1e-12)
    assert np.linalg.eigvalsh(prediction.pose_covariance[0].double().numpy()).min() > 0.0
    plain = VLocNet(replace(network.config, samples=0)).eval()
    save_vlocnet(path, plain, residuals=residuals)
    np.testing.assert_array_equal(covariances(path)[0], np.asarray(residuals.pose))


def test_half_precision_keeps_the_covariance(network, tmp_path):
    save_vlocnet(tmp_path / "a.safetensors", network)
    for half, whole in zip(*(covariances(tmp_path / "a.safetensors", half=h) for h in (True, False)), strict=True):
        np.testing.assert_allclose(half, whole, rtol=0.1, atol=0.05 * np.abs(whole).max())


def test_an_exported_network_samples_too(network, tmp_path):
    from exported_streams import assert_equal_streams, pictures  # skips where ONNX is not installed

    from vlocnet_ros.commands.export import export_onnx
    from vlocnet_ros.runtime.backends.onnx_backend import open_onnx

    checkpoint = tmp_path / "a.safetensors"
    save_vlocnet(checkpoint, network)
    export_onnx(checkpoint, checkpoint.with_suffix(".onnx"))
    assert_equal_streams(
        open_onnx(checkpoint.with_suffix(".onnx")), load_vlocnet(checkpoint).network, pictures(HEIGHT, WIDTH, 3)
    )
    for ours, theirs in zip(covariances(checkpoint), covariances(checkpoint, backend="onnx"), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-5)
