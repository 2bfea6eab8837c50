"""Fixtures of the system tests: a small computed drive with all data that can be scored, and tiny random models."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import network_camera, save_network
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar, se3
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, save_vlocnet
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
BOUNDS = (-1.0, -3.0, 7.0, 3.0)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Set torch to one thread, because tests share the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def import_benchmark() -> Callable[[str], ModuleType]:
    """Import a script of benchmarks/ by its name as a module, which can import the other scripts."""

    def imported(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(BENCHMARKS))
            return importlib.import_module(name)

    return imported


def make_drive(count: int = 60, *, step_m: float = 0.1, width: int = 64, height: int = 48) -> Sequence:
    """Make a drive along x, 0.1 m and 0.2 s a frame; camera 0.2 m ahead of and 0.6 m above the base; labels 0 and 1."""
    base_T_camera = np.eye(4)
    base_T_camera[:3, :3] = se3.BODY_R_OPTICAL
    base_T_camera[:3, 3] = (0.2, 0.0, 0.6)
    poses = np.stack([np.arange(count) * step_m, np.zeros(count), np.zeros(count)], axis=1)
    map_T_base = planar.to_se3(poses)
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[:, width // 2 :] = 1

    def read_image(position: int) -> np.ndarray:
        return np.random.default_rng(position).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return Sequence(
        name="straight",
        camera=Camera.from_field_of_view(width, height, 90.0),
        frame_numbers=np.arange(count),
        stamps=1_700_000_000_000_000_000 + np.arange(count) * 200_000_000,
        map_T_camera=map_T_base @ base_T_camera,
        read_image=read_image,
        read_labels=lambda position: labels,
        class_names=("wall", "floor"),
        base_T_camera=base_T_camera,
        odom_T_base=map_T_base,
    )


@pytest.fixture
def drive() -> Sequence:
    """Drive of 60 frames straight ahead."""
    return make_drive()


@pytest.fixture(name="make_drive", scope="session")
def drive_maker() -> Callable[..., Sequence]:
    """Function that makes drives of other lengths and speeds."""
    return make_drive


@pytest.fixture(scope="session")
def short_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bag of 16 frames with a pause of two seconds in the middle."""
    from localization_common.datasets.rosbag2_writer import write_sequence

    path = tmp_path_factory.mktemp("bags") / "short"
    write_sequence(make_drive(26).select(np.r_[0:8, 18:26]), path)
    return path


@dataclass(frozen=True)
class TinyModels:
    """Files of random models."""

    vlocnet: Path
    dmn: Path
    map: Path
    pose_alone: Path  # vlocnet without odometry stream


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """Save both networks with all parts, a few channels each, and random weights."""
    folder = tmp_path_factory.mktemp("models")
    models = TinyModels(*(folder / f"{name}.safetensors" for name in ("vlocnet", "dmn", "map", "pose")))
    torch.manual_seed(0)
    config = VLocNetConfig(
        width=64, height=48, stem=4, mids=(2, 4, 4, 4), expansion=2, units=(1, 2, 3, 2), fc=8, classes=2,
        segmentation_stem=4, depth_channels=4, semantic_unit=1,
    )  # fmt: skip
    # Random poses contradict random odometry; they must be published nevertheless.
    forgiving = Residuals(tracking=TrackingConfig(agreement=1e6))
    save_vlocnet(models.vlocnet, VLocNet(config).eval(), class_names=("wall", "floor"), residuals=forgiving)
    pose = VLocNet(replace(config, tasks=Tasks(odometry=False, segmentation=False, depth=False))).eval()
    save_vlocnet(models.pose_alone, pose, residuals=forgiving)
    config = NetworkConfig(
        image_width=32, image_height=24, block_widths=(8, 8), block_strides=((2, 2), (2, 2)), feature_channels=8,
        hidden_channels=8, key_size=8, value_size=8, pair_size=16, gate_size=16, nearest_views=4,
    )  # fmt: skip
    network = DMN(config).eval()
    save_network(models.dmn, network, network_camera(config, 90.0), {})
    generator = np.random.default_rng(0)
    with torch.inference_mode():
        features = network.context_embedding(torch.from_numpy(generator.random((6, 3, 24, 32), dtype=np.float32)))
    poses = generator.uniform([-0.5, -2.5, -3.0], [6.5, 2.5, 3.0], (6, 3))
    ContextMap(features, poses, BOUNDS, 5.0, "map", network.context_fingerprint()).save(models.map)
    return models
