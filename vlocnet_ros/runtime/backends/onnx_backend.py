"""Streaming step in ONNX Runtime, from a file of `vlocnet_export`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from localization_common.errors import CheckpointError, ConfigError
from localization_common.files import tensor_files
from localization_common.files.configuration import MAX_PIXELS
from localization_common.files.paths import user_path
from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet
from vlocnet_ros.runtime.backends.backend import Image
from vlocnet_ros.runtime.checkpoint import KIND, Description

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, OrtValue

#: Names of the graph's inputs and outputs: the image, what is kept of a frame, and the fields of `Prediction`.
IMAGE, PREVIOUS, KEPT = "image", "previous.", "kept."
#: Key of the header: SHA-256 of the checkpoint file that the graph was made from.
ORIGIN = "checkpoint_sha256"
#: Largest file of protobuf, the format of ONNX files.
_MAX_BYTES = (1 << 31) - 1
#: Numbers of one input: those of 64 channels of the largest image that a network takes.
_MAX_NUMBERS = 64 * MAX_PIXELS


class OnnxBackend:
    """Runs an exported graph.

    Args:
        path: file written by `vlocnet_export`.
        device: ``cpu``, or ``cuda`` (``cuda:1``) where the installed ONNX Runtime can use it.
        threads: number of threads of the session; None: ONNX Runtime chooses.

    Attributes:
        description: description of the network, from the checkpoint.
        origin: SHA-256 of the checkpoint file, hexadecimal.

    Raises:
        CheckpointError: the file is missing, damaged or foreign.
        ConfigError: ONNX Runtime is not installed, or the device cannot be used.
    """

    network: VLocNet | None = None

    def __init__(self, path: str | Path, *, device: str = "cpu", threads: int | None = None) -> None:
        path = _exported(path)
        self._session = _session(path, device, threads)
        metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        header = tensor_files.read_header(path, metadata, KIND)
        self.description = Description.from_header(header, path)
        self.origin = str(header.get(ORIGIN, ""))
        self._outputs = [output.name for output in self._session.get_outputs()]
        shapes = {i.name: i.shape for i in self._session.get_inputs()}
        size = [1, 3, self.description.config.height, self.description.config.width]
        if shapes.pop(IMAGE, None) != size or {PREVIOUS + name for name in self._kept()} != set(shapes):
            raise CheckpointError(f"{path}: its inputs are not those of a streaming step; export it again")
        if not all(_reasonable(shape) for shape in shapes.values()):
            raise CheckpointError(f"{path}: its inputs have no fixed sizes, or too large ones; export it again")
        # Features do not depend on the frame before, so a first frame may be run with any at all to get its own.
        self._any = {name: _value(np.ones(shape, dtype=np.float32)) for name, shape in shapes.items()}
        self._require_numbers(path)

    def _require_numbers(self, path: Path) -> None:
        """Run once with a grey image: no other check covers the weights in the graph."""
        config = self.description.config
        try:
            _, prediction = self.step(np.full((config.height, config.width, 3), 128, dtype=np.uint8), None)
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise CheckpointError(f"{path}: cannot be run ({error}); export it again") from error
        if (prediction.translation is None) == config.tasks.pose:
            raise CheckpointError(f"{path}: its outputs are not those of its header's tasks; export it again")
        for name, tensor in prediction._asdict().items():
            if tensor is not None and not torch.isfinite(tensor).all():
                raise CheckpointError(
                    f"{path}: {name} of a grey image holds NaN or infinity: its weights are damaged; export it again"
                )

    def step(self, image: Image, previous: dict[str, OrtValue] | None) -> tuple[dict[str, OrtValue], Prediction]:
        """See `Backend.step`."""
        picture = _value(np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255.0))
        if previous is None:
            previous, _ = self._run(picture, self._any)
        return self._run(picture, previous)

    def _run(self, picture: OrtValue, previous: dict[str, OrtValue]) -> tuple[dict[str, OrtValue], Prediction]:
        values = self._session.run_with_ort_values(self._outputs, {IMAGE: picture, **previous})
        found = dict(zip(self._outputs, values, strict=True))
        kept = {PREVIOUS + name: found[KEPT + name] for name in self._kept()}
        fields = {name: found.get(name) for name in Prediction._fields}
        return kept, Prediction(**{n: None if v is None else torch.from_numpy(v.numpy()) for n, v in fields.items()})

    def _kept(self) -> list[str]:
        return [name[len(KEPT) :] for name in self._outputs if name.startswith(KEPT)]


def _exported(path: str | Path) -> Path:
    """Path of a file that ONNX Runtime may open."""
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


def _reasonable(shape: list[Any]) -> bool:
    """True if an input fits into memory."""
    return all(type(n) is int and n > 0 for n in shape) and math.prod(shape) <= _MAX_NUMBERS


def _session(path: Path, device: str, threads: int | None) -> InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(f"backend: ONNX Runtime cannot be used ({error}); type: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    providers: list[Any] = ["CPUExecutionProvider"]
    kind, _, number = device.partition(":")
    if kind == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(number or 0)}))
    elif kind != "cpu":
        raise ConfigError(f"device: {device!r} is not cpu, and this ONNX Runtime can use no other")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # its own exceptions have no common base
        raise CheckpointError(f"{path}: ONNX Runtime cannot read it ({error}); export it again") from error


def _value(array: np.ndarray[Any, Any]) -> OrtValue:
    from onnxruntime import OrtValue

    return OrtValue.ortvalue_from_numpy(array)
