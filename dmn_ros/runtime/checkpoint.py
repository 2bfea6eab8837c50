"""DMN checkpoints: weights, configuration, the camera they were trained with, and a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dmn_ros.config import MappingConfig, NetworkConfig
from dmn_ros.network.dmn import DMN
from dmn_ros.network.systems import build_network
from localization_common.camera import Camera
from localization_common.errors import CheckpointError, LocalizationError
from localization_common.files import tensor_files
from localization_common.files.configuration import from_dict, to_dict
from localization_common.files.network_weights import network_of

KIND = "dmn"
#: Kind of the networks trained on worlds: map units, no camera, no robot.
WORLDS_KIND = "dmn_worlds"


def save_network(path: str | Path, network: DMN, camera: Camera, card: dict[str, Any]) -> None:
    """Write a checkpoint; the card holds data, command, seed, commit, minutes and numbers."""
    header = {"config": to_dict(network.config), "camera": to_dict(camera), "card": card}
    tensor_files.save(path, kind=KIND, tensors=network.state_dict(), header=header)


def load_network(path: str | Path) -> tuple[DMN, Camera, dict[str, Any]]:
    """Load a network in evaluation mode, its camera, and the header.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind, or its weights do not fit its configuration.
    """
    tensors, header = tensor_files.load(path, kind=KIND, mapped=True)
    try:
        config = from_dict(NetworkConfig, header["config"])
        camera = from_dict(Camera, header["camera"])
    except (KeyError, LocalizationError) as error:
        raise CheckpointError(f"{path}: not a usable dmn checkpoint ({error}); copy or train it again") from error
    if (camera.width, camera.height) != (config.image_width, config.image_height):
        raise CheckpointError(
            f"{path}: camera {camera.width}x{camera.height}, but network input {config.image_width}x"
            f"{config.image_height}; copy or train it again"
        )
    return network_of(path, tensors, lambda: DMN(config)), camera, header


def save_world_network(path: str | Path, network: DMN, mapping: MappingConfig, card: dict[str, Any]) -> None:
    """Write a network that was trained on worlds."""
    header = {"mapping": to_dict(mapping), "card": card}
    tensor_files.save(path, kind=WORLDS_KIND, tensors=network.state_dict(), header=header)


def load_world_network(path: str | Path) -> tuple[DMN, MappingConfig, dict[str, Any]]:
    """Load a network in evaluation mode, its configuration, and the card.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind, or its weights do not fit its configuration.
    """
    tensors, header = tensor_files.load(path, kind=WORLDS_KIND, mapped=True)
    try:
        mapping = from_dict(MappingConfig, header["mapping"])
        card = dict(header["card"])
    except (KeyError, TypeError, ValueError, LocalizationError) as error:
        raise CheckpointError(
            f"{path}: not a usable checkpoint of dmn_train_worlds ({error}); train it again"
        ) from error
    return network_of(path, tensors, lambda: build_network(mapping)), mapping, card


def network_camera(config: NetworkConfig, horizontal_deg: float) -> Camera:
    """Camera of the network's input: no distortion, square pixels, centred."""
    return Camera.from_field_of_view(config.image_width, config.image_height, horizontal_deg)
