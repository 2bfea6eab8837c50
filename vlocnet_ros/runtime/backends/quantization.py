"""8-bit integers for the convolutions of an exported network, with ranges from frames of the place."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable
from collections.abc import Sequence as Many
from pathlib import Path
from typing import Any

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError, DatasetError
from localization_common.files.atomic_write import write_whole
from vlocnet_ros.runtime.backends.exported import NUMBERS, ExportedBackend, Graph, Tensors, exported_file
from vlocnet_ros.runtime.backends.onnx_backend import open_graph
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.replay import replay

#: Convolutions with fewer input channels stay in single precision: those of the image, whose errors all others inherit.
_LEAST_CHANNELS = 8
#: Largest number of frames from which the ranges of the activations are measured.
FRAMES = 128


def quantize(file: Path, output: Path, inputs: Iterable[Tensors]) -> None:
    """Write a copy of an exported file whose convolutions compute with 8-bit integers.

    The ranges of the activations are the largest that the frames give; each channel of the weights has its own scale.

    Args:
        file: file of `vlocnet_export`, in single precision.
        output: file to write.
        inputs: inputs of the graph for some frames; see `frame_inputs`.

    Raises:
        CheckpointError: the file cannot be written.
        ConfigError: onnx is not installed.
    """
    try:
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    except ImportError as error:
        raise ConfigError(f"int8 needs onnx and onnxruntime ({error}); type: pip install onnx onnxruntime") from error

    class Frames(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Tensors | None:
            return seen.popleft() if seen else None

    seen = deque(inputs)
    model = onnx.load(file)
    weights = {weight.name: weight.dims for weight in model.graph.initializer}
    nodes = [n.name for n in model.graph.node if n.op_type == "Conv" and _wide(weights.get(n.input[1]))]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "int8.onnx"
        # QuantType.QUInt8 and no reduced range: the recommendation of ONNX Runtime for CPUs with VNNI
        kinds: dict[str, Any] = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        quantize_static(model, path, Frames(), per_channel=True, nodes_to_quantize=nodes, **kinds)
        made = onnx.load(path)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    texts["header"] = json.dumps(json.loads(texts["header"]) | {NUMBERS: "int8"})
    del made.metadata_props[:]
    onnx.helper.set_model_props(made, texts)
    write_whole(output, made.SerializeToString())


def _wide(shape: Any) -> bool:
    return shape is not None and shape[1] >= _LEAST_CHANNELS


class _Recording:
    """`Graph` that keeps all inputs."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self.seen = graph, list[Tensors]()
        self.metadata, self.inputs, self.outputs = graph.metadata, graph.inputs, graph.outputs

    def run(self, inputs: Tensors, labels: bool) -> Tensors:
        self.seen.append(inputs)
        return self._graph.run(inputs, labels)


def frame_inputs(file: Path, sequences: Many[Sequence]) -> list[Tensors]:
    """Return the inputs of a graph for up to `FRAMES` frames of a place, in pairs of neighbours.

    Raises:
        CheckpointError: the file cannot be read.
        DatasetError: the localizer accepted no pair of a sequence.
    """
    graph = _Recording(open_graph(exported_file(file)))
    backend = ExportedBackend(file, graph, "onnx")
    localizer = Localizer(backend.description, backend, fuse=False)
    share = max(1, FRAMES // (2 * len(sequences)))
    return [inputs for sequence in sequences for inputs in _pairs(localizer, graph, sequence, share)]


def _pairs(localizer: Localizer, graph: _Recording, sequence: Sequence, count: int) -> list[Tensors]:
    pairs = sequence.pairs()
    chosen = pairs[np.linspace(0, len(pairs) - 1, min(len(pairs), count)).astype(int)]
    kept: list[Tensors] = []
    for pair in chosen:
        graph.seen.clear()
        if all(frame.estimate is not None for frame in replay(localizer, sequence, positions=pair.tolist())):
            kept += graph.seen[-2:]  # before them, the first frame ran with features of no frame
    if not kept:
        raise DatasetError(f"{sequence.name}: the network accepted no pair of its frames; take frames of the place")
    return kept
