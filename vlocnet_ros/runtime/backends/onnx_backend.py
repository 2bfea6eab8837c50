"""Streaming step in ONNX Runtime, on a CPU, or on a GPU with CUDA or TensorRT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from localization_common.errors import CheckpointError, ConfigError
from vlocnet_ros.runtime.backends.exported import ExportedBackend, Tensors, exported_file

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

#: Providers of ONNX Runtime for a GPU, by the name of the backend.
_ON_GPU = {"onnx": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}


def open_onnx(
    path: str | Path, *, device: str = "cpu", threads: int | None = None, backend: str = "onnx"
) -> ExportedBackend:
    """Open an exported file in ONNX Runtime.

    Args:
        path: file written by `vlocnet_export`.
        device: ``cpu``, or ``cuda`` (``cuda:1``) where the installed ONNX Runtime can use it.
        threads: number of threads of the session; None: ONNX Runtime chooses.
        backend: ``onnx``, or ``tensorrt`` for NVIDIA's compiler on a GPU, which needs minutes at the first start.

    Raises:
        CheckpointError: the file is missing, damaged or foreign.
        ConfigError: ONNX Runtime is not installed, or the device cannot be used.
    """
    path = exported_file(path)
    return ExportedBackend(path, open_graph(path, device=device, threads=threads, backend=backend), backend)


def open_graph(path: Path, *, device: str = "cpu", threads: int | None = None, backend: str = "onnx") -> OnnxGraph:
    """Open the graph of a file; arguments and errors as in `open_onnx`."""
    return OnnxGraph(_session(path, device, threads, backend))


class OnnxGraph:
    """`Graph` of a session of ONNX Runtime."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self.metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        self.inputs: dict[str, list[Any]] = {i.name: list(i.shape) for i in session.get_inputs()}
        self.outputs = [output.name for output in session.get_outputs()]

    def run(self, inputs: Tensors, labels: bool = True) -> Tensors:
        """See `Graph.run`. ONNX Runtime computes all nodes, even if their outputs are not requested."""
        values: list[np.ndarray[Any, Any]] = self._session.run(self.outputs, inputs)
        return dict(zip(self.outputs, values, strict=True))


def _session(path: Path, device: str, threads: int | None, backend: str) -> InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(f"backend: ONNX Runtime cannot be used ({error}); type: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    providers: list[Any] = ["CPUExecutionProvider"]
    kind, _, number = device.partition(":")
    if kind == "cuda" and _ON_GPU[backend] in onnxruntime.get_available_providers():
        providers.insert(0, (_ON_GPU[backend], {"device_id": int(number or 0)}))
    elif kind != "cpu":
        raise ConfigError(f"device: {device!r} is not cpu, and this ONNX Runtime can use no other")
    elif backend == "tensorrt":
        raise ConfigError(f"backend: tensorrt runs on a GPU, but device is {device!r}; set device to cuda")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # its own exceptions have no common base
        raise CheckpointError(f"{path}: ONNX Runtime cannot read it ({error}); export it again") from error
