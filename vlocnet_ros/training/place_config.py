"""Options of the training of a place: the defaults of a training that starts from the shipped general network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from localization_common.files.shipped_files import shipped
from localization_common.photometry.normalization import Normalization
from vlocnet_ros.network.systems import SYSTEMS, SystemName
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.config import TrainConfig

#: Network of odometry, depth and labels that was trained in many simulated apartments.
GENERAL = Path("models/vlocnet_home.safetensors")
#: Front end of a network that starts from no other.
_FRONT_END: Normalization = "local"

C = TypeVar("C", bound=TrainConfig)


@dataclass(frozen=True)
class PlaceTrainConfig(TrainConfig):
    """Options of `vlocnet_train` with other defaults; see `TrainConfig`."""

    system: SystemName = "vlocnetpp_scene"
    augmentation: AugmentationConfig = field(default_factory=lambda: AugmentationConfig(relight=0.3, narrow=0.1))
    initial: tuple[Path, ...] = (GENERAL,)


def with_general_network(config: C) -> C:
    """Return options that start from the shipped general network where they name it, and where its streams fit.

    Raises:
        ConfigError: it is missing.
    """
    if GENERAL not in config.initial:
        return config
    if config.model == "paper" or "segmenter" in SYSTEMS[config.system].changes:
        rest = tuple(path for path in config.initial if path != GENERAL)
        front_end = config.normalization or (None if rest else _FRONT_END)
        return replace(config, initial=rest, normalization=front_end)
    return replace(config, initial=tuple(shipped(str(path)) if path == GENERAL else path for path in config.initial))
