"""Training of scene coordinates on a buffer of cells, with a network that stays."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from localization_common.training.learning_rate import warm_up_and_cosine
from localization_common.training.optimizers import build_optimizer
from vlocnet_ros.network.scene_coordinates import STRIDE, SceneCoordinateStream
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training import validation
from vlocnet_ros.training.batches import gather
from vlocnet_ros.training.cell_buffer import CellBuffer
from vlocnet_ros.training.coordinate_loss import coordinate_loss
from vlocnet_ros.training.training_frames import TrainingFrames

#: Cells in a step.
_CELLS = 4096
#: Largest learning rate, and steps until it is reached.
_RATE, _WARM_UP, _FLOOR = 2e-3, 100, 0.002
_WEIGHT_DECAY = 0.01
#: Seconds between two lines of progress; each has the errors on the validation frames.
_EVERY = 60.0
#: Number of cells that give the range of the features.
_SAMPLE = 50_000
#: Largest number of validation frames for such a line.
_FRAMES = 200


@dataclass
class HeldOutFrames:
    """Validation frames, whose features are computed once.

    Args:
        network: network with scene coordinates.
        frames: validation frames; None for none.
    """

    network: VLocNet
    frames: TrainingFrames | None
    _features: Tensor = field(init=False)

    def __post_init__(self) -> None:
        if self.frames is not None:
            self._chosen = torch.linspace(0, len(self.frames) - 1, min(len(self.frames), _FRAMES)).long()
            with torch.no_grad():
                parts = torch.split(self._chosen, 32)
                images = (self.frames.images[part].float() / 255.0 for part in parts)
                self._features = torch.cat([self.network.coordinate_features(one) for one in images])

    @torch.no_grad()
    def errors(self) -> dict[str, float]:
        """Return the median errors by name, see `validation.coordinate_errors`; empty without frames."""
        if self.frames is None or self.network.coordinates is None:
            return {}
        predicted = self.network.coordinates.predict(self._features).transpose(1, 2)
        rows, columns = self.frames.camera.height // STRIDE, self.frames.camera.width // STRIDE
        targets = gather(self.frames, self._chosen).targets
        grid = predicted.reshape(len(predicted), 4, rows, columns)
        found = validation.coordinate_errors(grid, targets, self.network.intrinsics)
        return {name: errors.median().item() for name, errors in found.items()}


def train_coordinates(
    network: VLocNet,
    buffer: CellBuffer,
    held_out: HeldOutFrames,
    *,
    seconds: float | None,
    steps: int | None,
    seed: int,
    half: bool = False,
) -> int:
    """Train the scene coordinates of a network, whose other weights do not change; return the number of steps.

    Args:
        network: network with scene coordinates.
        buffer: cells of the training images.
        held_out: frames for the lines of progress.
        seconds: length of the training; None to use steps.
        steps: length in steps; the training ends at the first of both limits.
        seed: seed of the batches.
        half: compute in bfloat16.
    """
    stream, optimizer = _prepared(network, buffer)
    generator = torch.Generator().manual_seed(seed)
    began = printed = time.monotonic()
    step, losses = 0, []
    while True:
        spent = time.monotonic() - began
        progress = max(spent / seconds if seconds else 0.0, step / steps if steps else 0.0)
        if progress >= 1.0:
            return step
        rate = warm_up_and_cosine(_RATE, step, progress, warm_up=_WARM_UP, floor=_FLOOR)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        features, cells = buffer.batch(_CELLS, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            coordinates = stream.predict(features)
        loss = coordinate_loss(coordinates, cells, network.intrinsics)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if time.monotonic() - printed >= _EVERY:
            print(_line(spent, progress, step, losses, held_out.errors()), flush=True)
            printed, losses = time.monotonic(), []


def _prepared(network: VLocNet, buffer: CellBuffer) -> tuple[SceneCoordinateStream, torch.optim.Optimizer]:
    """Set the range of the features to that of the buffer, and build the optimiser."""
    stream = network.coordinates
    assert stream is not None
    stream.set_feature_range(buffer.features[:: max(1, len(buffer) // _SAMPLE)])
    groups = [
        {"params": [p for p in stream.parameters() if (p.ndim > 1) == matrix], "weight_decay": decay, "share": 1.0}
        for matrix, decay in ((True, _WEIGHT_DECAY), (False, 0.0))
    ]
    return stream.train(), build_optimizer("muon", groups, _RATE)


def _line(spent: float, progress: float, step: int, losses: Sequence[float], errors: Mapping[str, float]) -> str:
    """Format a line of progress."""
    left = spent * (1.0 - progress) / progress / 60.0 if progress else 0.0
    shown = ", ".join(f"{name} {value:.3f}" for name, value in errors.items())
    return (
        f"{spent / 60.0:5.1f} min, {progress:.0%} done, {left:.0f} min left: step {step}, "
        f"loss {sum(losses) / len(losses):.2f}{'; held-out frames: ' if shown else ''}{shown}"
    )
