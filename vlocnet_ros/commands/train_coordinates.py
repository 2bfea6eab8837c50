"""Stage of a schedule that trains scene coordinates on the features of a network that stays."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from localization_common.place.choice import open_if_given
from localization_common.training.precision import chosen_precision
from vlocnet_ros.commands.train import prepare_torch, publish
from vlocnet_ros.runtime.checkpoint import Checkpoint, load_vlocnet
from vlocnet_ros.training.cell_buffer import copies_of, fill_buffer
from vlocnet_ros.training.checkpoint_card import describe
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.coordinate_training import HeldOutFrames, train_coordinates
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.start import starting_network

#: Largest share of the time for the features of the images.
_FEATURES = 0.3


def train_on_cells(config: TrainConfig, data: TrainingData, *, about: Mapping[str, Any]) -> Checkpoint:
    """Train scene coordinates, write checkpoint and card; return the checkpoint.

    Args:
        config: options; of the optimiser, only the length is used.
        data: frames.
        about: additional entries of the card.
    """
    prepare_torch(config)
    place = open_if_given(config.recording.place)
    began, minutes = time.monotonic(), config.optimizer.minutes
    card = describe(config, data.frames) | dict(about)
    network, _ = starting_network(config, data)
    copies = copies_of(len(data.frames), None if minutes is None else _FEATURES * minutes)
    buffer = fill_buffer(network, data.frames, config.augmentation, copies=copies, seed=config.seed)
    print(f"{len(buffer)} cells", flush=True)
    seconds = None if minutes is None else max(1.0, 60.0 * minutes - (time.monotonic() - began))
    held_out = HeldOutFrames(network, data.validation)
    steps = train_coordinates(
        network,
        buffer,
        held_out,
        seconds=seconds,
        steps=config.optimizer.steps,
        seed=config.seed,
        half=chosen_precision(config.precision, "cpu") == "bf16-mixed",
    )
    card |= {"minutes": round((time.monotonic() - began) / 60.0, 1), "steps": steps, "copies": copies}
    return load_vlocnet(publish(config, network.eval(), data, card, place))
