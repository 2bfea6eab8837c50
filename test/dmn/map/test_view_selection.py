"""Large maps: only views near the belief are read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.map import map_reader
from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.map_reader import MapReader
from dmn_ros.map.view_selection import neighbourhoods, select_views, sum_of_new
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.localizer import Localizer
from localization_common.camera import Camera

CAMERA = Camera.from_field_of_view(64, 48, 90.0)
START, SPREAD = np.array([60.0, 40.0, 0.0]), np.diag([0.04, 0.04, 0.01])


def _large(tiny_map: ContextMap, count: int = 3000) -> ContextMap:
    """Make a map of views all over 120 x 80 metres, two of them at START."""
    random = np.random.default_rng(1)
    poses = random.uniform([0.0, 0.0, -3.1], [120.0, 80.0, 3.1], (count, 3))
    poses[:2] = START
    features = torch.from_numpy(random.standard_normal((count, *tiny_map.features.shape[1:]), dtype=np.float32))
    return dataclasses.replace(
        tiny_map,
        features=features,
        poses=poses,
        bounds=(0.0, 0.0, 120.0, 80.0),
        covariances=np.zeros((0, 3, 3)),
        reliability=np.zeros(0),
    )


def _image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def test_the_nearest_views_of_every_draw_come_first() -> None:
    torch.manual_seed(0)
    views, draws = torch.rand(500, 3) * 6.0, torch.rand(20, 3) * 6.0
    ahead = [torch.stack([p[:, 2].cos(), p[:, 2].sin()], 1) for p in (views, draws)]
    distance = torch.cdist(draws[:, :2], views[:, :2]) ** 2
    distance += torch.cdist(draws[:, :2] + 0.3 * ahead[1], views[:, :2] + 0.3 * ahead[0]) ** 2
    order = distance.argsort(dim=1)
    everything = select_views(views, draws, nearest=3, reach=0.3, most=500)
    assert everything.tolist() == sorted(set(order[:, :3].flatten().tolist()))
    few = select_views(views, draws, nearest=3, reach=0.3, most=8)
    expected: list[int] = []
    for view in order[:, :1].T.flatten().tolist():
        expected += [] if view in expected else [view]
    assert few.tolist() == sorted(expected[:8])


def test_new_views_are_counted_once() -> None:
    wanted, present = torch.tensor([4, 7, 4, 1, 9, 9]), torch.tensor([1, 2])
    assert sum_of_new(wanted, present).tolist() == [1, 2, 2, 2, 3, 3]


@pytest.fixture
def without_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every image as one that fits the belief: to a network without training, none does."""
    monkeypatch.setattr(ParticleFilter, "doubtful", lambda *_: False)


@pytest.mark.usefixtures("without_doubt")
def test_no_more_views_than_the_bound_are_evaluated_and_they_are_near(
    tiny_files: tuple[Path, Path], tiny_map: ContextMap, tmp_path: Path
) -> None:
    large = _large(tiny_map)
    large.save(tmp_path / "large.safetensors")
    config = FilterConfig(min_particles=50, max_particles=300, global_particles=300, max_evaluated_views=60)
    localizer = Localizer.from_files(tiny_files[0], tmp_path / "large.safetensors", filter_config=config)
    localizer.set_camera(CAMERA)
    localizer.step(_image(0), 0, [0.0, 0.0, 0.0])
    assert len(localizer.evaluated_views) > 60  # the robot may be anywhere
    localizer.step(_image(0), 1, [0.2, 0.0, 0.0])
    assert len(localizer.evaluated_views) <= 60  # although the belief is all over the map
    localizer.reset_gaussian(START, SPREAD)
    belief = localizer.step(_image(1), 2, [0.0, 0.0, 0.0])
    evaluated = localizer.evaluated_views
    assert 10 < len(evaluated) <= 60
    assert {0, 1} <= set(evaluated.tolist())
    reach = 1.5
    points = torch.from_numpy(belief.particles), torch.from_numpy(large.poses)
    read = egocentric.nearest_views(points[1], points[0], 1, reach)
    assert set(read.flatten().tolist()) <= set(evaluated.tolist())


@pytest.mark.usefixtures("without_doubt")
def test_a_bound_that_holds_every_view_that_is_read_changes_no_likelihood(
    tiny_files: tuple[Path, Path], tiny_map: ContextMap
) -> None:
    """Use one reference pose in a corner; the particles read the views around them in both cases."""
    large = _large(tiny_map, 400)
    beliefs = []
    for most in (399, 400):
        config = FilterConfig(
            min_particles=50, max_particles=300, global_particles=300, max_evaluated_views=most, reference_poses=1
        )
        localizer = Localizer.from_files(*tiny_files, filter_config=config)
        localizer.set_camera(CAMERA)
        localizer._set_map(large, "large")
        localizer.reset_gaussian(START, SPREAD)
        beliefs.append(localizer.step(_image(1), 1, [0.0, 0.0, 0.0]))
        assert (len(localizer.evaluated_views) == 400) == (most == 400)
    np.testing.assert_allclose(beliefs[0].weights, beliefs[1].weights, rtol=1e-4)


def test_poses_of_a_neighbourhood_are_near_each_other() -> None:
    torch.manual_seed(0)
    poses = torch.rand(1000, 3) * 100.0
    groups = neighbourhoods(poses, 50)
    assert torch.equal(torch.cat(groups).sort().values, torch.arange(1000))
    assert max(len(group) for group in groups) <= 50
    extents = [(poses[group, :2].amax(0) - poses[group, :2].amin(0)).max() for group in groups]
    assert np.mean(extents) < 35.0
    assert [len(group) for group in neighbourhoods(poses[:30], 50)] == [30]


def test_likelihoods_everywhere_are_those_of_a_reader_with_all_views(tiny_network: DMN, tiny_map: ContextMap) -> None:
    large, few = _large(tiny_map, 500), 60
    torch.manual_seed(0)
    poses = torch.rand(3000, 3) * torch.tensor([120.0, 80.0, 6.0])
    image, cpu = np.ascontiguousarray(_image(2)[:24, :32]), torch.device("cpu")
    readers = [MapReader(tiny_network, device=cpu, half=False, most_views=most) for most in (few, len(large))]
    for reader in readers:
        reader.use(large)
    assert [reader.large for reader in readers] == [True, False]
    found = readers[0].read_everywhere(image, poses).log_likelihood
    expected = readers[1].read(image, poses, torch.zeros(len(poses)), poses[:1]).log_likelihood
    assert expected.std() > 1e-4
    equal = (found - expected).abs() < 1e-5
    assert equal.float().mean() > 0.99  # the last of the nearest views is a matter of rounding for few poses
    assert readers[0].evaluated_views.tolist() == list(range(len(large)))


@pytest.mark.usefixtures("without_doubt")
def test_views_are_prepared_when_the_map_is_read_or_when_they_are_needed(
    tiny_files: tuple[Path, Path], tiny_map: ContextMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare the beliefs, and count the views that a step prepares."""
    beliefs = []
    for kept in (3000, 0):
        monkeypatch.setattr(map_reader, "_KEPT_VIEWS", kept)
        config = FilterConfig(min_particles=50, max_particles=300, global_particles=300, max_evaluated_views=60)
        localizer = Localizer.from_files(*tiny_files, filter_config=config)
        localizer.set_camera(CAMERA)
        localizer._set_map(_large(tiny_map), "large")
        prepared = _counted(localizer, monkeypatch)
        localizer.reset_gaussian(START, SPREAD)
        beliefs.append(localizer.step(_image(1), 1, [0.0, 0.0, 0.0]))
        assert prepared == ([] if kept else [len(localizer.evaluated_views)])
    np.testing.assert_allclose(beliefs[0].weights, beliefs[1].weights, rtol=1e-4)


def _counted(localizer: Localizer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """List that gets the number of views of each map that is prepared from now on; maps of one view are left out."""
    network, counts = localizer._reader._network, list[int]()
    prepare = network.prepare_map

    def counted(views: torch.Tensor, poses: torch.Tensor) -> object:
        if views.shape[1] > 1:
            counts.append(views.shape[1])
        return prepare(views, poses)

    monkeypatch.setattr(network, "prepare_map", counted)
    return counts
