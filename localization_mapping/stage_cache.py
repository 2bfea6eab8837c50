"""Results of stages on disk, so that a killed mapping goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from localization_common.files.atomic_write import write_whole

Arrays = dict[str, npt.NDArray[Any]]

#: Version of the stages: another one makes results of earlier programs unused.
_VERSION = 1


class StageCache:
    """Arrays of finished stages in a folder; a file is complete at any time.

    Args:
        folder: folder of the files; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def arrays(self, stage: str, inputs: str, compute: Callable[[], Mapping[str, npt.NDArray[Any]]]) -> Arrays:
        """Return the arrays of a stage; computed only if they are not there for the same inputs.

        Args:
            stage: name of the stage.
            inputs: text of all that the result depends on.
            compute: computes the arrays.
        """
        if self._folder is None:
            return dict(compute())
        key = hashlib.sha256(f"{_VERSION} {inputs}".encode()).hexdigest()[:16]
        path = self._folder / f"{stage}-{key}.safetensors"
        if path.is_file():
            # A file that the disk damaged is computed again.
            with suppress(SafetensorError, OSError):
                return load_file(path)
        arrays = {name: np.ascontiguousarray(array) for name, array in compute().items()}
        write_whole(path, save(arrays))
        return arrays
