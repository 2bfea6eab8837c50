"""Files of a run: its state, to resume it after an interruption, and the best weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning
from lightning.pytorch.callbacks import Callback, Checkpoint

from vlocnet_ros.training.validation import score


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

    The weights at the start take part if the trainer validates them (its sanity check).

    Args:
        path: file of the best weights.
        save: function that writes the network's present weights to a file.
        patience: validations without improvement after which training ends; 0 for no limit.

    Attributes:
        start: errors of the weights at the start, by name; empty if they were not validated.
        best: errors of the best weights.
        step: step of the best weights.
        waited: number of validations since then.
    """

    def __init__(self, path: Path, save: Callable[[Path], None], patience: int = 0) -> None:
        self.path, self.patience = path, patience
        self.start: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.step, self.waited = 0, 0
        self._save = save

    @property
    def exists(self) -> bool:
        """True if there was a validation."""
        return bool(self.best)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._stop(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, Validated)
        errors = dict(pl_module.validated)
        if trainer.state.fn != "fit" or not errors:
            return
        if trainer.sanity_checking:
            self.start = errors
        if score(errors) < score(self.best):
            self.best, self.step, self.waited = errors, trainer.global_step, 0
            if trainer.is_global_zero:
                self._save(self.path)
        else:
            self.waited += 1
        self._stop(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"start": self.start, "best": self.best, "step": self.step, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.start, self.best = dict(state_dict["start"]), dict(state_dict["best"])
        self.step, self.waited = state_dict["step"], state_dict["waited"]

    def _stop(self, trainer: lightning.Trainer) -> None:
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True


@runtime_checkable
class Validated(Protocol):
    """Module with the errors of its last validation, by name."""

    validated: dict[str, float]
