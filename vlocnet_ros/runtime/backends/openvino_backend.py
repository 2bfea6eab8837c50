"""Streaming step in OpenVINO, on a CPU."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from localization_common.errors import CheckpointError, ConfigError
from vlocnet_ros.runtime.backends.backend import HALF
from vlocnet_ros.runtime.backends.exported import LABELS, ExportedBackend, Tensors, exported_file, is_output

if TYPE_CHECKING:
    import openvino


#: OpenVINO's names of the formats of half precision that a CPU may have, and of their hints; the first is taken.
_HINTS = {"BF16": "bf16", "FP16": "f16"}


def open_openvino(
    path: str | Path, *, device: str = "cpu", half: bool = False, threads: int | None = None
) -> ExportedBackend:
    """Open an exported file in OpenVINO.

    Args:
        path: file written by `vlocnet_export`.
        device: ``cpu``.
        half: half precision: bfloat16, or float16 where the CPU has only that.
        threads: number of threads; None: OpenVINO chooses.

    Raises:
        CheckpointError: the file is missing, damaged or foreign.
        ConfigError: OpenVINO is not installed, the device is none of its, or the CPU has no instructions for half
            precision.
    """
    path = exported_file(path)
    try:
        import openvino

        core = openvino.Core()
        formats = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except Exception as error:  # its own exceptions have no common base
        raise ConfigError(f"backend: OpenVINO cannot be used ({error}); type: pip install openvino") from error
    if device != "cpu":
        raise ConfigError(f"device: {device!r} is not cpu, on which backend openvino runs; take backend torch or onnx")
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": _hint(formats) if half else "f32"}
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        graph = _OpenVinoGraph(core.read_model(str(path)), core, options)
    except Exception as error:  # its own exceptions have no common base
        raise CheckpointError(f"{path}: OpenVINO cannot read it ({error}); export it again") from error
    return ExportedBackend(path, graph, "openvino" + half * HALF)


def _hint(formats: Collection[str]) -> str:
    """Return the hint for half precision on this CPU; where it has none, OpenVINO would silently compute in single."""
    for name, hint in _HINTS.items():
        if name in formats:
            return hint
    raise ConfigError("half: this CPU has no instructions for half precision; leave it off")


class _OpenVinoGraph:
    """`Graph` of a model of OpenVINO."""

    def __init__(self, model: openvino.Model, core: openvino.Core, options: dict[str, Any]) -> None:
        # the ONNX reader keeps the metadata of the file here
        stored = dict(model.get_rt_info().items())
        self.metadata: Mapping[str, str] = {
            str(key): str(value.value) for key, value in stored.get("framework", {}).items()
        }
        self.inputs: dict[str, list[Any]] = {i.any_name: _shape(i.get_partial_shape()) for i in model.inputs}
        self._all = _Compiled(model, core, options)
        self.outputs = list(self._all.tensors)
        self._without_labels = self._all
        if LABELS in self._all.tensors:
            rest = model.clone()
            rest.remove_result(rest.output(LABELS).get_node())
            self._without_labels = _Compiled(rest, core, options)

    def run(self, inputs: Tensors, labels: bool) -> Tensors:
        """See `Graph.run`."""
        compiled = self._all if labels else self._without_labels
        compiled.request.infer(inputs, share_inputs=True, share_outputs=True)
        found = compiled.request.output_tensors
        return {name: np.array(found[index].data) for name, index in compiled.tensors.items()}


class _Compiled:
    """Compiled model: its outputs' positions by name, and a request."""

    def __init__(self, model: openvino.Model, core: openvino.Core, options: dict[str, Any]) -> None:
        compiled = core.compile_model(model, "CPU", options)
        # one tensor may have several names, those of inner nodes too
        tensors = {name: i for i, output in enumerate(compiled.outputs) for name in output.get_names()}
        self.tensors = {name: i for name, i in tensors.items() if is_output(name)}
        self.request = compiled.create_infer_request()


def _shape(shape: Any) -> list[Any]:
    return [dimension.get_length() if dimension.is_static else None for dimension in shape]
