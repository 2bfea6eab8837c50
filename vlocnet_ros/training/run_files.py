"""What a run keeps on disk: its state, to go on from after an interruption, and the weights that did best."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, Checkpoint


class KeepState(Checkpoint):
    """The state of an unfinished run, after each validation.

    Written aside, then renamed: whenever the process is killed, the file is the whole state before or the whole state
    after. (Lightning writes to the system's temporary directory and moves, which to another file system is a copy.)
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        aside = self.path.with_suffix(".part")
        trainer.save_checkpoint(aside)  # which all processes take part in
        if trainer.is_global_zero:
            os.replace(aside, self.path)


class KeepBest(Callback):
    """The weights that did best on validation, and an end to a training that gets no better.

    Args:
        path: where they are.
        save: writes the network's weights of this moment there.
        patience: validations without a better one after which training ends; 0 for never.

    Attributes:
        score: the best so far (`validation.score`), infinite before the first.
        waited: validations since.
    """

    def __init__(self, path: Path, save: Callable[[Path], None], patience: int = 0) -> None:
        self.path, self.patience = path, patience
        self.score, self.waited = math.inf, 0
        self._save = save

    @property
    def exists(self) -> bool:
        """Whether any validation has been passed."""
        return self.score < math.inf

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stop(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        score = float(trainer.callback_metrics.get("val/score", math.inf))
        if not math.isfinite(score):
            return  # nothing to judge by
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
