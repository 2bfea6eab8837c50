"""Streaming step from a file of `vlocnet_export`, run by a library for such files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files import tensor_files
from localization_common.files.configuration import MAX_PIXELS
from localization_common.files.paths import user_path
from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet
from vlocnet_ros.runtime.backends.backend import Image
from vlocnet_ros.runtime.checkpoint import KIND, Description

Tensors = dict[str, npt.NDArray[np.float32]]

#: Names of the graph's inputs and outputs: the image, what is kept of a frame, and the fields of `Prediction`.
IMAGE, PREVIOUS, KEPT = "image", "previous.", "kept."
#: Output of the segmentation stream's decoder, which no other output depends on.
LABELS = "logits"
#: Keys of the header: SHA-256 of the checkpoint file that the graph was made from; `Backend.motion_prior`; number
#: format of the convolutions, "int8" or absent.
ORIGIN, MOTION_PRIOR, NUMBERS = "checkpoint_sha256", "motion_prior", "numbers"
#: Largest file of protobuf, the format of ONNX files.
_MAX_BYTES = (1 << 31) - 1
#: Numbers of one input: those of 64 channels of the largest image that a network takes.
_MAX_NUMBERS = 64 * MAX_PIXELS


class Graph(Protocol):
    """An opened file.

    Attributes:
        metadata: texts beside the graph.
        inputs: shapes of the inputs by their names.
        outputs: names of the outputs.
    """

    metadata: Mapping[str, str]
    inputs: dict[str, list[Any]]
    outputs: list[str]

    def run(self, inputs: Tensors, labels: bool) -> Tensors:
        """Compute all outputs, or all but `LABELS`; they stay valid after the next call."""
        ...


class ExportedBackend:
    """Runs an exported graph.

    Args:
        path: file written by `vlocnet_export`.
        graph: the same file, opened by a library.
        library: name of the library, for messages.

    Attributes:
        description: description of the network, from the checkpoint.
        origin: SHA-256 of the checkpoint file, hexadecimal.
        name: library and number format.

    Raises:
        CheckpointError: the file is damaged or foreign.
    """

    network: VLocNet | None = None

    def __init__(self, path: Path, graph: Graph, library: str) -> None:
        self._graph = graph
        header = tensor_files.read_header(path, graph.metadata, KIND)
        self.description = Description.from_header(header, path)
        self.origin = str(header.get(ORIGIN, ""))
        self.name = f"{library} {header[NUMBERS]}" if NUMBERS in header else library
        self.motion_prior = _motion_prior(header, self.description, path)
        self._kept = [name[len(KEPT) :] for name in graph.outputs if name.startswith(KEPT)]
        shapes = dict(graph.inputs)
        size = [1, 3, self.description.config.height, self.description.config.width]
        if shapes.pop(IMAGE, None) != size or {PREVIOUS + name for name in self._kept} != set(shapes):
            raise CheckpointError(f"{path}: its inputs are not those of a streaming step; export it again")
        if not all(_reasonable(shape) for shape in shapes.values()):
            raise CheckpointError(f"{path}: its inputs have no fixed sizes, or too large ones; export it again")
        # Features do not depend on the frame before, so a first frame may be run with any at all to get its own.
        self._any: Tensors = {name: np.ones(shape, dtype=np.float32) for name, shape in shapes.items()}
        self._require_numbers(path)

    def _require_numbers(self, path: Path) -> None:
        """Run once with a grey image: no other check covers the weights in the graph."""
        config = self.description.config
        try:
            _, prediction = self.step(np.full((config.height, config.width, 3), 128, dtype=np.uint8), None)
        except Exception as error:  # the libraries' own exceptions have no common base
            raise CheckpointError(f"{path}: cannot be run ({error}); export it again") from error
        if (prediction.translation is None) == config.tasks.pose:
            raise CheckpointError(f"{path}: its outputs are not those of its header's tasks; export it again")
        for name, tensor in prediction._asdict().items():
            if tensor is not None and not torch.isfinite(tensor).all():
                raise CheckpointError(
                    f"{path}: {name} of a grey image holds NaN or infinity: its weights are damaged; export it again"
                )

    def step(self, image: Image, previous: Tensors | None, labels: bool = True) -> tuple[Tensors, Prediction]:
        """See `Backend.step`."""
        picture = picture_input(image)
        if previous is None:
            previous, _ = self._run(picture, self._any, False)
        return self._run(picture, previous, labels)

    def _run(self, picture: npt.NDArray[np.float32], previous: Tensors, labels: bool) -> tuple[Tensors, Prediction]:
        found = self._graph.run({IMAGE: picture, **previous}, labels)
        kept = {PREVIOUS + name: found[KEPT + name] for name in self._kept}
        fields = {name: found.get(name) for name in Prediction._fields}
        return kept, Prediction(**{n: None if v is None else torch.from_numpy(v) for n, v in fields.items()})


def is_output(name: str) -> bool:
    """Return True for the name of an output of the graph: a field of `Prediction`, or a feature to keep."""
    return name in Prediction._fields or name.startswith(KEPT)


def picture_input(image: Image) -> npt.NDArray[np.float32]:
    """Input (1, 3, H, W) of a graph for an image (H, W, 3), uint8 RGB."""
    picture = np.empty((1, 3, *image.shape[:2]), dtype=np.float32)
    np.multiply(image.transpose(2, 0, 1), np.float32(1.0 / 255.0), out=picture[0])
    return picture


def exported_file(path: str | Path) -> Path:
    """Path of a file that a library may open.

    Raises:
        CheckpointError: there is no such file, or it is too large.
    """
    try:
        path = user_path(path, "exported network")
        size = path.stat().st_size if path.is_file() else None
    except ConfigError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if size is None:
        raise CheckpointError(f"{path}: no such file; vlocnet_export makes it from a checkpoint")
    if size > _MAX_BYTES:
        raise CheckpointError(f"{path}: {size} bytes, an ONNX file has at most {_MAX_BYTES}; export it again")
    return path


def _motion_prior(header: Mapping[str, Any], description: Description, path: Path) -> npt.NDArray[np.float64] | None:
    if not description.config.aligned:
        return None
    try:
        prior = np.array(header[MOTION_PRIOR], dtype=np.float64)
    except KeyError:
        raise CheckpointError(f"{path}: was exported by an older version; export it again") from None
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: {MOTION_PRIOR} is {header[MOTION_PRIOR]!r} ({error}); export it again"
        ) from error
    if prior.shape != (6,) or not (np.isfinite(prior).all() and (prior > 0.0).all()):
        raise CheckpointError(f"{path}: {MOTION_PRIOR} must be six positive numbers; export it again")
    return prior


def _reasonable(shape: list[Any]) -> bool:
    """True if an input fits into memory."""
    return all(type(n) is int and n > 0 for n in shape) and math.prod(shape) <= _MAX_NUMBERS
