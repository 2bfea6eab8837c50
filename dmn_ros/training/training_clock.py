"""How long a training took, the runs that it was resumed from included."""

from __future__ import annotations

import time
from typing import Any

import lightning


class ClockedModule(lightning.LightningModule):
    """A module that counts its minutes and keeps them in its checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self._earlier, self._resumed = 0.0, time.monotonic()

    @property
    def minutes(self) -> float:
        """Spent so far, earlier runs included."""
        return self._earlier + (time.monotonic() - self._resumed) / 60.0

    def on_fit_start(self) -> None:
        """Start the clock."""
        self._resumed = time.monotonic()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Remember the time spent."""
        checkpoint["minutes"] = self.minutes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the time spent before; older checkpoints do not tell it."""
        self._earlier = float(checkpoint.get("minutes", 0.0))
