"""Duration of a training, with the runs that it was resumed from."""

from __future__ import annotations

import time
from typing import Any

import lightning


class ClockedModule(lightning.LightningModule):
    """Lightning module that counts its minutes and stores them in its checkpoints."""

    def __init__(self) -> None:
        super().__init__()
        self._earlier, self._resumed = 0.0, time.monotonic()

    @property
    def minutes(self) -> float:
        """Minutes of training so far, with earlier runs."""
        return self._earlier + (time.monotonic() - self._resumed) / 60.0

    def on_fit_start(self) -> None:
        """Start the clock."""
        self._resumed = time.monotonic()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the minutes."""
        checkpoint["minutes"] = self.minutes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the minutes of earlier runs; older checkpoints do not contain them."""
        self._earlier = float(checkpoint.get("minutes", 0.0))
