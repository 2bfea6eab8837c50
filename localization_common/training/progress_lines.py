"""Progress of a training in lines of text, for terminals and logs without a progress bar."""

from __future__ import annotations

import math
import time
from typing import Any, Protocol, runtime_checkable

import lightning
import torch
from lightning.pytorch.callbacks import Callback

#: Seconds between two lines.
_EVERY = 60.0


@runtime_checkable
class TimedTraining(Protocol):
    """Module that knows its progress.

    Attributes:
        trained_seconds: seconds of training so far, with earlier runs.
        progress: completed share of the training, 0..1.
    """

    @property
    def trained_seconds(self) -> float: ...

    @property
    def progress(self) -> float: ...


class ProgressLines(Callback):
    """Prints the completed share, the speed, the loss and the remaining time once a minute.

    Args:
        every: seconds between two lines.
    """

    def __init__(self, every: float = _EVERY) -> None:
        self._every = every
        self._printed, self._step = time.monotonic(), 0
        self._losses: list[float] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._printed, self._step = time.monotonic(), trainer.global_step

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, *_: Any
    ) -> None:
        assert isinstance(pl_module, TimedTraining)
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if isinstance(loss, torch.Tensor):
            self._losses.append(float(loss.detach()))
        passed = time.monotonic() - self._printed
        if passed < self._every or not trainer.is_global_zero:
            return
        pace = (trainer.global_step - self._step) / passed
        print(progress_line(pl_module, trainer.global_step, pace, self._losses), flush=True)
        self._printed, self._step, self._losses = time.monotonic(), trainer.global_step, []


def progress_line(module: TimedTraining, step: int, pace: float, losses: list[float]) -> str:
    """Format one line.

    Args:
        module: module that is trained.
        step: number of completed steps.
        pace: steps per second.
        losses: losses since the last line.
    """
    minutes, share = module.trained_seconds / 60.0, module.progress
    left = f", {math.ceil(minutes * (1.0 - share) / share)} min left" if share > 0.0 else ""
    loss = f", loss {sum(losses) / len(losses):.2f}" if losses else ""
    return f"{minutes:5.1f} min, {share:.0%} done{left}: step {step}, {pace:.1f} steps/s{loss}"
