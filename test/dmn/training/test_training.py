"""Training examples and steps, on a tiny place that is drawn here."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map.drive_frames import DriveFrames
from dmn_ros.map.map_building import MapOptions
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import load_network, network_camera, save_network
from dmn_ros.training.training_config import TrainingConfig
from dmn_ros.training.training_data import TrainingBatches, TrainingPlace
from dmn_ros.training.training_module import DriveTrainingModule
from dmn_ros.training.validation import ValidationBatches, held_out_drive
from localization_common.errors import ConfigError
from localization_common.training.progress_lines import ProgressLines

BOUNDS = (-2.0, -2.0, 2.0, 2.0)
QUICK = TrainingConfig(
    particles=48, contexts=(6, 10), worlds=2, queries=4, learning_rate=3e-3, mirror=0.0, recolour=0.0, relight=0.0
)


def _picture(pose: np.ndarray) -> np.ndarray:
    """Draw the picture of a camera of 90 degrees at a pose: coloured bars on a circle of 8 m."""
    angles = pose[2] - np.linspace(-np.pi / 4, np.pi / 4, 32)
    hit = pose[:2] + 4.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    bearing = np.arctan2(hit[:, 1], hit[:, 0])
    row = np.stack([np.cos(bearing), np.sin(bearing), np.cos(3 * bearing)], axis=1) * 120 + 127
    return np.repeat(row[None], 24, axis=0).astype(np.uint8)


def _place(drives: int = 2, frames: int = 60) -> TrainingPlace:
    random = np.random.default_rng(0)
    made = []
    for i in range(drives):
        poses = random.uniform([-1.5, -1.5, -np.pi], [1.5, 1.5, np.pi], (frames, 3))
        images = torch.from_numpy(np.stack([_picture(p) for p in poses]))
        made.append(DriveFrames(f"drive {i}", images, poses, poses, np.arange(frames) * 200_000_000))
    return TrainingPlace("circle", tuple(made), BOUNDS)


def test_batches_have_their_shapes_and_depend_on_the_seed_only(tiny_config: NetworkConfig) -> None:
    batches = [next(iter(TrainingBatches([_place()], tiny_config, QUICK))) for _ in range(2)]
    batch = batches[0]
    a, n = batch.view_images.shape[:2]
    assert (a, 6 <= n <= 10) == (2, True)
    assert batch.view_images.shape[2:] == (3, 24, 32)
    assert batch.query_images.shape == (2, 4, 3, 24, 32)
    assert batch.particles.shape == (2, 4, 48, 3)
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one, other)
    changed = next(iter(TrainingBatches([_place()], tiny_config, dataclasses.replace(QUICK, seed=1))))
    assert not torch.equal(changed.query_poses, batch.query_poses)


def test_queries_are_of_another_drive_than_the_map(tiny_config: NetworkConfig) -> None:
    place = _place()
    places = [{tuple(np.round(p / [5.0, 5.0, 1.0], 4)) for p in drive.poses} for drive in place.drives]
    batch = next(iter(TrainingBatches([place], tiny_config, QUICK)))
    for views, queries in zip(batch.view_poses, batch.query_poses, strict=True):
        homes = [
            {i for i, drive_poses in enumerate(places) if tuple(np.round(p.numpy().astype(float), 4)) in drive_poses}
            for p in (*views, *queries)
        ]
        of_views, of_queries = set.union(*homes[: len(views)]), set.union(*homes[len(views) :])
        assert len(of_views) == len(of_queries) == 1
        assert of_views != of_queries


def test_a_mirrored_place_has_the_pictures_of_a_mirrored_camera(tiny_config: NetworkConfig) -> None:
    """Compare mirrored pictures with pictures that are drawn at mirrored poses."""
    config = dataclasses.replace(QUICK, mirror=1.0)
    batch = next(iter(TrainingBatches([_place()], tiny_config, config)))
    pose = batch.query_poses[0, 0].numpy().astype(float) * [5.0, 5.0, 1.0]
    expected = _picture(pose * [1.0, -1.0, -1.0])[:, ::-1].astype(float).mean(axis=0) / 255
    found = batch.query_images[0, 0].permute(1, 2, 0).numpy().astype(float).mean(axis=0)
    for channel in range(3):  # light was changed: a gamma, a gain, an offset
        assert np.corrcoef(expected[:, channel], found[:, channel])[0, 1] > 0.97


def test_particles_are_partly_near_the_truth_and_partly_everywhere(tiny_config: NetworkConfig) -> None:
    config = dataclasses.replace(QUICK, particles=400)
    batch = next(iter(TrainingBatches([_place()], tiny_config, config)))
    distance = (batch.particles - batch.query_poses.unsqueeze(2))[..., :2].norm(dim=-1) * 5.0
    assert (distance < 0.5).float().mean() > 0.08
    assert (distance > 1.5).float().mean() > 0.2
    tracking = next(iter(TrainingBatches([_place()], tiny_config, dataclasses.replace(config, objective="pose"))))
    assert not tracking.log_density.any()
    spread = (tracking.particles - tracking.query_poses.unsqueeze(2)).flatten(0, 2).std(0)
    torch.testing.assert_close(spread, torch.tensor([0.3, 0.3, 0.5236]), atol=0.02, rtol=0)  # the paper's, in units


@pytest.mark.parametrize("objective", ["softmax", "pose"])
def test_the_objective_decreases_on_a_tiny_place(tiny_config: NetworkConfig, objective: str) -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(QUICK, objective=objective)
    module = DriveTrainingModule(DMN(tiny_config).train(), config, minutes=1.0)
    batch = next(iter(TrainingBatches([_place()], tiny_config, config)))
    optimizer = torch.optim.AdamW(module.parameters(), config.learning_rate)
    losses = []
    for _ in range(40):
        loss = module.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    gradients = {name: p.grad for name, p in module.named_parameters()}
    assert all(g is not None and torch.isfinite(g).all() for g in gradients.values())
    assert losses[-1] < 0.8 * losses[0]


def test_validation_localises_the_held_out_drive(tiny_config: NetworkConfig) -> None:
    place = _place()
    batches = list(ValidationBatches([(place, _place(1, 90).drives[0])], tiny_config, MapOptions()))
    assert len(batches) == 10
    assert batches[0].particles.shape == (1, 8, 2048, 3)
    low, high = batches[0].particles.amin((0, 1, 2)), batches[0].particles.amax((0, 1, 2))
    torch.testing.assert_close(
        low * torch.tensor([5.0, 5.0, 1.0]), torch.tensor([-2.0, -2.0, -torch.pi]), atol=0.01, rtol=0
    )
    torch.testing.assert_close(
        high * torch.tensor([5.0, 5.0, 1.0]), torch.tensor([2.0, 2.0, torch.pi]), atol=0.01, rtol=0
    )


def test_the_command_trains_resumes_and_writes_a_checkpoint_with_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dmn_ros.commands import train

    monkeypatch.setattr(train, "ProgressLines", lambda: ProgressLines(every=0.0))
    monkeypatch.setattr(train, "read_place", lambda *_, **__: _big_place())
    monkeypatch.setattr("sys.argv", ["dmn_train", "somewhere"])
    arguments = train.TrainCommand(
        places=[tmp_path],
        output=tmp_path / "out.safetensors",
        minutes=1.0,
        network="paper",
        training=dataclasses.replace(QUICK, evaluate_every=2, worlds=1),
        runs=tmp_path / "logs",
        accelerator="cpu",
        precision="32-true",
        max_steps=2,
        progress_bar=False,
    )
    first = train.train(arguments)
    assert first.global_step == 2
    state = torch.load(tmp_path / "logs" / "last.ckpt", weights_only=True)
    torch.save({**state, "minutes": 0.5}, tmp_path / "half.ckpt")
    resumed = train.train(dataclasses.replace(arguments, resume=tmp_path / "half.ckpt", max_steps=4))
    assert resumed.global_step == 4
    assert state["minutes"] > 0.0
    assert resumed.minutes > 0.5
    lines = re.findall(r"(\d+)% done, \d+ min left: step (\d), \d+\.\d steps/s, loss", capsys.readouterr().out)
    assert [step for _, step in lines] == ["1", "2", "3", "4"]
    assert int(lines[-1][0]) >= 50  # share of the time, in which the earlier run's half minute counts
    network, camera, header = load_network(arguments.output)
    assert network.config == dataclasses.replace(NetworkConfig.paper(), view_angle=90.0)
    assert camera.width == 32
    for name, value in resumed.network.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value)
    assert header["card"]["command"] == "dmn_train somewhere; then dmn_train somewhere"
    assert header["card"]["steps"] == 4
    card = (tmp_path / "out.md").read_text()
    for part in ("dmn_train somewhere", "circle", "Seed 0", "4 steps"):
        assert part in card


def _big_place() -> TrainingPlace:
    place = _place()
    images = [d.images.repeat_interleave(2, 1)[:, :32] for d in place.drives]
    drives = tuple(dataclasses.replace(d, images=i) for d, i in zip(place.drives, images, strict=True))
    return dataclasses.replace(place, drives=drives)


def test_validation_in_places_of_their_own_localises_their_last_drives(tiny_config: NetworkConfig) -> None:
    place = _place(drives=3)
    mapped, drive = held_out_drive(place)
    assert (mapped.drives, drive) == (place.drives[:2], place.drives[2])
    batches = list(ValidationBatches([(mapped, drive), (place, drive)], tiny_config, MapOptions()))
    assert len(batches) == 20
    with pytest.raises(ConfigError, match="needs two drives to validate"):
        held_out_drive(_place(drives=1))


def test_trainings_with_narrow_views_make_networks_that_accept_them() -> None:
    from dmn_ros.commands import train

    for share in (0.0, 0.2):
        arguments = train.TrainCommand(training=dataclasses.replace(QUICK, narrow=share))
        assert train._starting_network(arguments).config.partial_views == (share > 0.0)


def test_a_training_on_keeps_front_end_and_cameras_of_its_network(tmp_path: Path, tiny_config: NetworkConfig) -> None:
    from dmn_ros.commands import train

    initial = tmp_path / "home.safetensors"
    config = dataclasses.replace(tiny_config, normalization="local", partial_views=True)
    save_network(initial, DMN(config), network_camera(config, 90.0), {})
    arguments = train.TrainCommand(initial=initial)
    assert train._starting_network(arguments).config == config
    assert train._starting_network(dataclasses.replace(arguments, normalization="none")).config.normalization == "none"
    assert train._starting_network(train.TrainCommand()).config.normalization == "none"
