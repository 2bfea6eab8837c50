"""`vlocnet_export`: export a checkpoint's step for one frame as an ONNX file, for ONNX Runtime.

The inputs of the graph are an image and the kept features of the previous frame; the outputs are the prediction and the
features of this frame to keep. The file contains the header of the checkpoint, so that it can be used without it.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import tyro
from torch import Tensor, nn

from localization_common.command_line import command, options_of
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.errors import ConfigError
from localization_common.files import tensor_files
from localization_common.files.atomic_write import write_whole
from localization_common.files.outputs import require_writable_file
from localization_common.place.choice import named_or_part, open_if_given
from vlocnet_ros.commands.export_int8 import export_int8
from vlocnet_ros.network.folding import folded
from vlocnet_ros.network.named_tensors import flatten, unflatten
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.backends.exported import IMAGE, KEPT, MOTION_PRIOR, ORIGIN, PREVIOUS
from vlocnet_ros.runtime.backends.opening import SINGLE, sha256
from vlocnet_ros.runtime.checkpoint import KIND, load_vlocnet

if TYPE_CHECKING:
    from torch.onnx import ONNXProgram

#: Version of ONNX's operators: the first with the grid sampling that the network uses.
OPSET = 20


@dataclass(frozen=True)
class ExportConfig:
    """Export a checkpoint's step for one frame as an ONNX file.

    Attributes:
        checkpoint: safetensors file; by default the place's.
        output: ONNX file to write; by default beside the checkpoint, where the node's ``backend: onnx`` finds it.
        int8: sequences of the place with poses. A second file is written, NAME.int8.onnx, whose convolutions compute
            with 8-bit integers. The first half of each sequence calibrates it, the second half compares its errors with
            those of the first file; if they are larger by more than 5 %, the second file is not kept.
        recording: options for reading the sequences; the place is that of the checkpoint, too.
    """

    checkpoint: tyro.conf.Positional[Path | None] = None
    output: Path | None = None
    int8: tuple[Path, ...] = ()
    recording: RecordingArgument = field(default_factory=RecordingOptions)


class StreamingStep(nn.Module):
    """Network as a function of tensors only.

    Args:
        network: network in evaluation mode.

    Attributes:
        predicted: names of the first outputs, fields of `Prediction`.
        kept: names of the features that the next frame needs, which are the other inputs and outputs.
        example: one example for each input.
    """

    def __init__(self, network: VLocNet) -> None:
        super().__init__()
        self.network = network
        image = torch.rand(1, 3, network.config.height, network.config.width)
        with torch.no_grad():
            features = network.encode(image)
        previous = {name: tensor.clone().requires_grad_() for name, tensor in flatten(features).items()}
        outputs = flatten(network.decode(features, unflatten(features, previous)))
        total = torch.stack([tensor.sum() for tensor in outputs.values()]).sum()
        gradients = torch.autograd.grad(total, list(previous.values()), allow_unused=True)
        self.predicted = list(outputs)
        self.kept = [name for name, gradient in zip(previous, gradients, strict=True) if gradient is not None]
        self.example = (image, *(previous[name].detach() for name in self.kept))

    def forward(self, image: Tensor, *previous: Tensor) -> tuple[Tensor, ...]:
        """Compute prediction and features to keep from an image (1, 3, H, W) and the previous frame's kept features."""
        features = self.network.encode(image)
        before = unflatten(features, dict(zip(self.kept, previous, strict=True)))
        prediction, found = flatten(self.network.decode(features, before)), flatten(features)
        return (*prediction.values(), *(found[name] for name in self.kept))


def export_onnx(checkpoint: Path, output: Path) -> None:
    """Write the ONNX file of a checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be read, or the file cannot be written.
        ConfigError: onnx and onnxscript are not installed.
    """
    loaded = load_vlocnet(checkpoint)
    program = _program(StreamingStep(folded(loaded.network)).eval())
    header = loaded.header() | {ORIGIN: sha256(checkpoint)}
    if loaded.network.alignment is not None:
        header[MOTION_PRIOR] = loaded.network.alignment.prior_std.tolist()
    program.model.metadata_props.update(format=tensor_files.FORMAT, kind=KIND, header=json.dumps(header))
    write_whole(output, program.model_proto.SerializeToString())


@torch.no_grad()
def _program(step: StreamingStep) -> ONNXProgram:
    try:
        import onnx  # noqa: F401 - the import fails here instead of inside torch
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"export needs onnx and onnxscript ({error}); type: pip install onnx onnxscript") from error
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            step,
            step.example,
            dynamo=True,
            opset_version=OPSET,
            input_names=[IMAGE, *(PREVIOUS + name for name in step.kept)],
            output_names=[*step.predicted, *(KEPT + name for name in step.kept)],
        )
    assert program is not None
    return program


def main() -> None:
    """Entry point of `vlocnet_export`."""
    with command("vlocnet_export"):
        config = options_of(ExportConfig, __doc__)
        require_writable_file(config.output)
        place = open_if_given(config.recording.place)
        checkpoint = named_or_part(config.checkpoint, place, "vlocnet", "checkpoint")
        output = config.output or checkpoint.with_suffix(SINGLE)
        opened = (s for path in config.int8 for s in open_sequences(path, config.recording))
        sequences = [announce(s).with_poses() for s in opened]
        export_onnx(checkpoint, output)
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
        if sequences:
            print(export_int8(output, sequences))


if __name__ == "__main__":
    main()
