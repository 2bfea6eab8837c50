"""Exchange of the network between two frames: the confirmed pose is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_networks import make_config

from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.acceptance import Status
from localization_common.refinement.refiner import Refiner
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.network_exchange import SeenFrame, with_network
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.runtime.replay import recorded_odometry

CHECKPOINT = Path(__file__).resolve().parents[3] / "models" / "vlocnet_apartment_light.safetensors"


@pytest.fixture
def lost_network(queries: Sequence, tmp_path: Path) -> Localizer:
    """Network that gives no guess after its first frame; its odometry is good."""
    known = load_vlocnet(CHECKPOINT)
    never = replace(known.residuals, tracking=TrackingConfig(agreement=1e-9, patience=1e-9, coherence=1e-9))
    path = tmp_path / "lost.safetensors"
    save_vlocnet(path, known.network, camera=known.camera, class_names=known.class_names, residuals=never)
    network = Localizer.from_checkpoint(path)
    network.set_camera(queries.camera)
    return network


def run(localizer: FrameLocalizer, queries: Sequence, positions: range) -> list[Estimate]:
    return [localizer.step(queries.read_image(i), int(queries.stamps[i])) for i in positions]


def seen(queries: Sequence, position: int) -> SeenFrame:
    return SeenFrame(queries.read_image(position), int(queries.stamps[position]))


@pytest.mark.parametrize("before", ["keyframes alone", "another network"])
def test_the_next_frame_is_refined_from_the_pose_before(
    before: str, queries: Sequence, keyframe_map: Path, lost_network: Localizer
) -> None:
    """A network that is lost has no guess: only the previous pose and its odometry lead to the place."""
    refiner = Refiner(KeyframeMap.load(keyframe_map))
    old: FrameLocalizer = KeyframeLocalizer(refiner, recorded_odometry(queries))
    if before == "another network":
        old = RefiningLocalizer(Localizer.from_checkpoint(CHECKPOINT), refiner)
    old.set_camera(queries.camera)
    run(old, queries, range(4))
    new = with_network(old, lost_network, seen(queries, 3))
    assert isinstance(new, RefiningLocalizer)
    found = run(new, queries, range(4, 7))
    assert [e.refinement.status for e in found if e.refinement] == [Status.REFINED] * 3
    assert [e.health for e in found] == [Health.OK] * 3
    assert found[0].previous_T_camera is not None
    assert found[0].labels is not None


def test_without_a_last_frame_the_place_is_searched_again(
    queries: Sequence, keyframe_map: Path, lost_network: Localizer
) -> None:
    old = KeyframeLocalizer.with_map(keyframe_map, recorded_odometry(queries))
    old.set_camera(queries.camera)
    new = with_network(old, lost_network, None)
    assert [e.refinement.status for e in run(new, queries, range(3)) if e.refinement][1:] == [Status.REFINED] * 2


def test_a_network_alone_begins_a_new_consensus_and_keeps_the_pair(queries: Sequence) -> None:
    old, new = (Localizer.from_checkpoint(CHECKPOINT) for _ in range(2))
    for localizer in (old, new):
        localizer.set_camera(queries.camera)
    run(old, queries, range(4))
    assert with_network(old, new, seen(queries, 3)) is new
    (found,) = run(new, queries, range(4, 5))
    assert found.previous_T_camera is not None
    assert found.health.published
    assert np.linalg.norm(found.map_T_camera[:3, 3] - queries.map_T_camera[4, :3, 3]) < 0.2


def test_a_network_without_pose_stream_is_refused(queries: Sequence, keyframe_map: Path, tmp_path: Path) -> None:
    network = VLocNet(make_config(tasks=Tasks(pose=False, segmentation=False, depth=False))).eval()
    save_vlocnet(tmp_path / "o.safetensors", network, residuals=Residuals())
    old = KeyframeLocalizer.with_map(keyframe_map)
    with pytest.raises(ConfigError, match="streams are odometry"):
        with_network(old, Localizer.from_checkpoint(tmp_path / "o.safetensors"), None)
