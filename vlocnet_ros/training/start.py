"""Network at the start of a training: structure, camera, scales of the data, and initial weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from localization_common.errors import ConfigError
from localization_common.geometry import se3
from vlocnet_ros.network.scene_coordinates import SceneCoordinateStream
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import set_camera
from vlocnet_ros.training.batches import gather
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.coordinate_loss import cells_of
from vlocnet_ros.training.data import TrainingData, structure
from vlocnet_ros.training.imagenet import load_imagenet
from vlocnet_ros.training.initial_weights import copy_initial_weights
from vlocnet_ros.training.outcome import copy_of_weights
from vlocnet_ros.training.training_frames import TrainingFrames

#: Scale of scene coordinates without depth, metres.
_ROOM = 2.0
#: Smallest scale of scene coordinates, metres.
_FLAT = 0.1
#: Number of images that show the range of the features.
_SEEN_IMAGES = 32
#: Number of frames whose points give the range of the map.
_SEEN_FRAMES = 200


def starting_network(config: TrainConfig, data: TrainingData) -> tuple[VLocNet, set[str]]:
    """Build the network; return it with the names of the tensors that were copied from other checkpoints.

    Raises:
        ConfigError: the data has ground truth for none of the streams, or the augmentation does not suit them.
        CheckpointError: an initial checkpoint does not fit.
    """
    frames = data.frames
    tasks = data.trainable(config.tasks)
    if tasks is None:
        raise ConfigError(f"tasks: the data has ground truth for none of {config.tasks}")
    if config.augmentation.mirror > 0.0 and tasks.pose:
        raise ConfigError("augmentation.mirror: a mirrored image has no pose in the map; leave the pose stream out")
    print(f"streams: {tasks}")
    network = VLocNet(structure(config, tasks=tasks, classes=len(frames.class_names) or 10))
    set_camera(network, frames.camera)
    set_scales(network, frames, forward=config.clip > 0)
    taken: set[str] = set()
    some = frames.images[:: max(1, len(frames) // _SEEN_IMAGES)].float() / 255.0
    if config.initial:
        taken, report = copy_initial_weights(network, config.initial, some)
        print(report)
    elif config.model == "paper" and config.imagenet:
        load_imagenet(network)
    if network.coordinates is not None and "coordinates.feature_mean" not in taken:
        with torch.no_grad():
            network.coordinates.set_feature_range(network.eval().coordinate_features(some).flatten(0, 1))
    return network.train(), taken


def first_of_combination(config: TrainConfig, data: TrainingData) -> dict[str, Tensor] | None:
    """Return the weights with the first checkpoint alone, with which a combination is compared; None for a training."""
    if config.optimizer.steps != 0 or len(config.initial) < 2:
        return None
    return copy_of_weights(starting_network(replace(config, initial=config.initial[:1]), data)[0])


def set_map_range(stream: SceneCoordinateStream, frames: TrainingFrames, intrinsics: Tensor) -> None:
    """Set mean and scale of the scene coordinates to those of the points that the frames show.

    Without depth, these are the positions of the camera, and a scale of some metres: the size of a room.
    """
    points, scale = frames.translation, frames.translation.std(0).clamp_min(_ROOM)
    if frames.depth is not None:
        some = torch.linspace(0, len(frames) - 1, min(len(frames), _SEEN_FRAMES)).long()
        size = frames.camera.height, frames.camera.width
        cells = cells_of(gather(frames, some).targets, *size, intrinsics)
        if cells.known.any():
            points = cells.points[cells.known]
            scale = points.std(0).clamp_min(_FLAT)
    stream.mean.copy_(points.mean(0))
    stream.scale.copy_(scale)


def set_scales(network: VLocNet, frames: TrainingFrames, *, forward: bool) -> None:
    """Set the scales of the regressors, whose outputs are of the order of one, to the range of the data."""
    if network.pose is not None and network.config.neighbours == 0:  # poses relative to neighbours are of some metres
        network.pose.regressor.translation_mean.copy_(frames.translation.mean(0))
        network.pose.regressor.translation_scale.copy_(frames.translation.std(0).clamp_min(0.05))
    if network.coordinates is not None:
        set_map_range(network.coordinates, frames, network.intrinsics)
    if network.odometry is not None:
        t, q = frames.translation.double().numpy(), frames.quaternion.double().numpy()
        poses = np.stack([se3.from_parts(a, b) for a, b in zip(t, q, strict=True)])
        motions = se3.inverse(poses[frames.pairs[:, 0]]) @ poses[frames.pairs[:, 1]]
        parts = [se3.to_parts(motion) for motion in motions]
        both = np.stack([p[0] for p in parts])
        regressor = network.odometry.regressor
        if forward:  # otherwise pairs are used in both directions of time, and the mean motion is 0
            regressor.translation_mean.copy_(torch.tensor(both.mean(0), dtype=torch.float32))
        scale = torch.tensor(np.sqrt((both**2).mean(0)), dtype=torch.float32).clamp_min(0.005)
        regressor.translation_scale.copy_(scale)
        turning = torch.tensor(np.sqrt((np.stack([p[1] for p in parts])[:, 1:] ** 2).mean(0)), dtype=torch.float32)
        regressor.rotation_scale.copy_(torch.cat([torch.tensor([1e-3]), turning.clamp_min(0.002)]))
