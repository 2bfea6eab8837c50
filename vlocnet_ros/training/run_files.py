"""Files of a run: its state, to resume it after an interruption, and the best weights."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, Checkpoint


class KeepState(Checkpoint):
    """Save the state of an unfinished run after each validation.

    The file is written under another name, then renamed: if the process is killed, it holds the complete state of the
    previous or of this validation. (Lightning writes to the system's temporary directory and moves the file; to another
    file system, that is a copy.)
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        aside = self.path.with_suffix(".part")
        trainer.save_checkpoint(aside)  # all processes take part in it
        if trainer.is_global_zero:
            os.replace(aside, self.path)


class KeepBest(Callback):
    """Save the weights with the best validation, and end a training that does not improve.

    Args:
        path: file of the best weights.
        save: function that writes the network's present weights to a file.
        patience: validations without improvement after which training ends; 0 for no limit.

    Attributes:
        score: best score so far (`validation.score`), infinite before the first.
        waited: number of validations since then.
    """

    def __init__(self, path: Path, save: Callable[[Path], None], patience: int = 0) -> None:
        self.path, self.patience = path, patience
        self.score, self.waited = math.inf, 0
        self._save = save

    @property
    def exists(self) -> bool:
        """True if there was a validation."""
        return self.score < math.inf

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stop(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        score = float(trainer.callback_metrics.get("val/score", math.inf))
        if not math.isfinite(score):
            return  # no validation errors
        if score < self.score:
            self.score, self.waited = score, 0
            if trainer.is_global_zero:
                self._save(self.path)
        else:
            self.waited += 1
        self._stop(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"score": self.score, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.score, self.waited = state_dict["score"], state_dict["waited"]

    def _stop(self, trainer: lightning.Trainer) -> None:
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True
