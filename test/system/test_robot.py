"""Tests of a kidnapped robot and of unknown starts: shipped networks on rendered frames of the apartment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from deep_localization.evaluation.offline import proposals_of
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network import egocentric
from dmn_ros.runtime.checkpoint import load_network
from dmn_ros.runtime.localizer import Localizer
from filter_trials import FilterTrial, frames_until, run_trial
from kidnapping import Kidnapping, kidnapped
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.shipped_files import shipped
from localization_common.geometry import planar
from localization_sim import drive as drives
from localization_sim.rendering import open_apartment
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer


@pytest.fixture(scope="module")
def loop() -> Iterator[Sequence]:
    """Held-out loop; each frame is rendered once, when it is read."""
    with open_apartment(0, Camera.from_field_of_view(160, 120, 90.0)) as renderer:
        sequence = drives.as_sequence(renderer, drives.plan(renderer, "test"), labels=False)
        yield replace(sequence, read_image=cache(sequence.read_image))


def shipped_localizer(drive: Sequence, config: FilterConfig) -> Localizer:
    """Open the shipped DMN and map with this filter."""
    files = [shipped(f"models/{name}.safetensors") for name in ("dmn_apartment", "apartment_map")]
    localizer = Localizer.from_files(*files, filter_config=config, threads=1)
    localizer.set_camera(drive.camera)
    return localizer


@pytest.mark.parametrize("recovery", [True, False])
def test_a_kidnapped_robot_is_found_with_recovery_and_stays_lost_without(loop: Sequence, recovery: bool) -> None:
    off = {} if recovery else {"recovery_alpha_slow": 0.0, "recovery_alpha_fast": 0.0}
    localizer = shipped_localizer(loop, FilterConfig(**off))
    found = []
    for seed in (1, 2, 15, 71):  # recovery that draws uniformly has none of these after twelve frames
        kidnapping = Kidnapping(seed=seed)
        trial = run_trial(localizer, kidnapped(loop, kidnapping), seed)
        assert trial.localised[kidnapping.before - 1], seed
        assert trial.errors[kidnapping.before] > 2.5, seed
        found.append(bool(trial.localised[kidnapping.before + 11] if recovery else trial.near[-1]))
    assert sum(found) >= 3 if recovery else not any(found), found


def test_proposals_halve_the_frames_of_a_filter_with_few_particles(loop: Sequence) -> None:
    vlocnet = VlocnetLocalizer.from_checkpoint(shipped("models/vlocnet_apartment_light.safetensors"), threads=1)
    localizer = shipped_localizer(loop, FilterConfig(min_particles=100, global_particles=100))
    without, with_them = [], []
    for seed, begin in enumerate((20, 65, 110, 155, 200, 245, 290, 335, 380, 425)):
        few = loop.select(np.arange(begin, begin + 12))
        proposals = proposals_of(vlocnet, few)
        assert set(proposals) <= set(few.stamps.tolist())
        without.append(frames_until(run_trial(localizer, few, seed).near))
        with_them.append(frames_until(run_trial(localizer, few, seed, proposals).near))
    assert np.mean(with_them) <= 0.5 * np.mean(without), (with_them, without)


def test_a_pose_that_vlocnet_agrees_with_is_published_sooner(loop: Sequence) -> None:
    """Use the shipped number of particles: the first images find the place, and publication takes longer."""
    vlocnet = VlocnetLocalizer.from_checkpoint(shipped("models/vlocnet_apartment_light.safetensors"), threads=1)
    frames: dict[float, list[int]] = {0.0: [], 0.9: []}
    localizers = {trust: shipped_localizer(loop, FilterConfig(proposal_trust=trust)) for trust in frames}
    for seed, begin in enumerate((40, 150, 260, 370)):
        few = loop.select(np.arange(begin, begin + 10))
        proposals = proposals_of(vlocnet, few)
        for trust, localizer in localizers.items():
            trial = run_trial(localizer, few, seed, proposals)
            frames[trust].append(frames_until(trial.localised))
            assert not (trial.published & ~trial.near).any(), (trust, begin)
    assert np.mean(frames[0.9]) <= 0.7 * np.mean(frames[0.0]), frames


def test_views_that_show_another_place_become_unreliable(loop: Sequence) -> None:
    """Exchange the pictures of a third of the views along a drive, as if rooms were refurnished."""
    known = ContextMap.load(shipped("models/apartment_map.safetensors"))
    part = loop.select(np.arange(100, 200))
    truth, views = (torch.from_numpy(poses).float() for poses in (planar.from_se3(part.map_T_base), known.poses))
    mixed = egocentric.nearest_views(views, truth, 2, 1.5).unique()[::3]
    features = known.features.clone()
    features[mixed] = known.features[(mixed + len(known) // 2) % len(known)]
    network, camera, _ = load_network(shipped("models/dmn_apartment.safetensors"))
    localizer = Localizer(network, camera, replace(known, features=features))
    localizer.set_camera(loop.camera)
    run_trial(localizer, part, 0)
    reliability = localizer.context_map.reliability
    wrong = np.isin(np.arange(len(known)), mixed.numpy())
    judged = reliability != 1.0
    assert judged[wrong].sum() >= 4
    assert (reliability[wrong & judged] < 0.5).mean() >= 0.75
    assert np.median(reliability[wrong & judged]) < 0.1
    assert (reliability[~wrong] > 0.5).mean() >= 0.95


def test_the_odometry_of_a_kidnapped_robot_has_no_gap(loop: Sequence) -> None:
    kidnapping = Kidnapping(before=4, after=5, metres=3.0, seed=1)
    begin, goal = kidnapping.positions(loop)
    torn = kidnapped(loop, kidnapping)
    assert len(torn) == 9
    truth = planar.from_se3(torn.map_T_base)
    np.testing.assert_allclose(truth, planar.from_se3(loop.map_T_base)[np.r_[begin : begin + 4, goal : goal + 5]])
    assert np.linalg.norm(truth[4, :2] - truth[3, :2]) >= 3.0
    assert loop.odom_T_base is not None
    assert torn.odom_T_base is not None
    np.testing.assert_allclose(torn.odom_T_base[4], torn.odom_T_base[3], atol=1e-12)
    for part, source in ((slice(0, 4), begin), (slice(4, 9), goal)):
        moved = planar.from_se3(np.linalg.inv(torn.odom_T_base[part][0]) @ torn.odom_T_base[part])
        expected = planar.from_se3(
            np.linalg.inv(loop.odom_T_base[source]) @ loop.odom_T_base[source : source + len(moved)]
        )
        np.testing.assert_allclose(moved, expected, atol=1e-9)
    assert len({Kidnapping(seed=seed).positions(loop) for seed in range(20)}) > 15
    with pytest.raises(DatasetError, match=r"that begin 100\.0 m away"):
        Kidnapping(metres=100.0).positions(loop)


def test_frames_are_counted_until_all_later_ones_are_good() -> None:
    for good, expected in (("1111", 1), ("0111", 2), ("1101", 4), ("1110", 5), ("0000", 5)):
        assert frames_until(np.array([letter == "1" for letter in good])) == expected
    trial = FilterTrial(np.array([0.4, 0.6, 0.4]), np.array([True, True, False]))
    assert trial.near.tolist() == [True, False, True]
    assert trial.localised.tolist() == [True, False, False]
