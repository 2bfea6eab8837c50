"""Variants of running VLocNet++ for vlocnet_speed, each as a function that processes the next frame.

As a program it processes a few frames with one variant and prints the peak memory in megabytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from localization_common.camera import Camera
from process_memory import peak_mb
from vlocnet_ros.commands.export import export_onnx
from vlocnet_ros.network.named_tensors import flatten
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.backends.exported import IMAGE, ExportedBackend, Tensors, picture_input
from vlocnet_ros.runtime.backends.onnx_backend import open_onnx
from vlocnet_ros.runtime.backends.opening import INT8, SINGLE
from vlocnet_ros.runtime.backends.openvino_backend import open_openvino
from vlocnet_ros.runtime.backends.quantization import quantize
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import Checkpoint, load_vlocnet
from vlocnet_ros.runtime.direct_alignment import View
from vlocnet_ros.runtime.frame_motion import FrameMotion

Image = npt.NDArray[np.uint8]
FrameFunction = Callable[[], object]
Step = Callable[[Image, Any], tuple[Any, Prediction]]

PAIR, STEP = "pair", "step"
#: It computes less than the others, so that no aim counts it.
UNLABELLED = "openvino without labels"
#: Descriptions of the variants. Networks compute in single precision unless another one is given. All of them end with
#: direct alignment where the network has it.
VARIANTS = {
    PAIR: "both frames of a pair, eager",
    STEP: "streaming step, eager: backend torch",
    "half": "streaming step, eager, bfloat16 (float16 on a GPU): backend torch, half",
    "compiled": "streaming step, torch.compile",
    "onnx": "streaming step, ONNX Runtime: backend onnx",
    "onnx int8": "streaming step, ONNX Runtime, int8: backend onnx",
    "openvino": "streaming step, OpenVINO: backend openvino",
    UNLABELLED: "streaming step, OpenVINO, for a robot whose labels nobody reads: backend openvino",
    "openvino half": "streaming step, OpenVINO, bfloat16: backend openvino, half",
    "openvino int8": "streaming step, OpenVINO, int8: backend openvino",
    "graph": "streaming step, CUDA graph",
    "graph half": "streaming step, CUDA graph, float16",
}
CUDA_ONLY = ("graph", "graph half")
CPU_ONLY = ("onnx int8", "openvino", UNLABELLED, "openvino half", "openvino int8")


def export(checkpoint: Path) -> None:
    """Write the exported files beside a checkpoint, if they are not there; ranges come from `frames`."""
    single = checkpoint.with_suffix(SINGLE)
    if not single.is_file():
        export_onnx(checkpoint, single)
    if not checkpoint.with_suffix(INT8).is_file():
        backend = open_onnx(single)
        config = backend.description.config
        kept, inputs = None, list[Tensors]()
        for picture in frames(config.height, config.width):
            if kept is not None:
                inputs.append({IMAGE: picture_input(picture), **kept})
            kept, _ = backend.step(picture, kept)
        quantize(single, checkpoint.with_suffix(INT8), inputs)


def make(variant: str, checkpoint: Path, device: str, threads: int) -> FrameFunction:
    """Make a function that processes the next frame; its result is on the CPU when it returns.

    Args:
        variant: one of `VARIANTS`.
        checkpoint: safetensors file; exported variants run the files of `export` beside it.
        device: ``cpu`` or ``cuda``.
        threads: threads of exported networks; those of torch are set for the process.
    """
    library, _, numbers = variant.partition(" ")
    if library in ("onnx", "openvino"):
        file = checkpoint.with_suffix(INT8 if numbers == "int8" else SINGLE)
        exported: ExportedBackend = (
            open_onnx(file, device=device, threads=threads)
            if library == "onnx"
            else open_openvino(file, device=device, half=numbers == "half", threads=threads)
        )
        size = exported.description.config
        align = Alignment(exported.description.camera, size.alignment, exported.motion_prior)
        step = partial(exported.step, labels=variant != UNLABELLED)
        return _stream(step, frames(size.height, size.width), align)
    loaded = load_vlocnet(checkpoint)
    pictures = frames(loaded.config.height, loaded.config.width)
    backend = TorchBackend(loaded.network, device=device, half=variant in ("half", "graph half"))
    align = Alignment(loaded.camera, loaded.config.alignment, backend.motion_prior)
    if variant == PAIR:
        return _pair(loaded, pictures, device, align)
    if variant in CUDA_ONLY:
        return _stream(GraphedStep(backend, pictures[0]).step, pictures, align)
    if variant == "compiled":
        features = backend.step(pictures[0], None)[0]
        options: dict[str, Any] = {"freezing": True} if device == "cpu" else {}  # weights become constants
        backend.run = torch.compile(backend.run, dynamic=False, options=options)  # type: ignore[method-assign]
        return _stream(backend.step, pictures, align, features)
    return _stream(backend.step, pictures, align)


class Alignment:
    """Alignment of each frame with the one before, as `Localizer` does it; nothing without a prior."""

    def __init__(self, camera: Camera, iterations: tuple[int, ...], prior: npt.NDArray[np.float64] | None) -> None:
        self._motion = FrameMotion(camera, iterations, prior)
        self._previous: View | None = None

    def __call__(self, prediction: Prediction) -> None:
        """Align the motion of a frame, all of whose tensors are on the CPU."""
        view = self._motion.view(prediction)
        self._motion.between(prediction, view, self._previous)
        self._previous = view

    def forget(self, prediction: Prediction) -> None:
        """Replace the frame before by this one, without a motion."""
        self._previous = self._motion.view(prediction)


def frames(height: int, width: int, count: int = 4) -> list[Image]:
    """Draw coarse random images."""
    small = np.random.default_rng(0).integers(0, 255, (count, height // 8, width // 8, 3), dtype=np.uint8)
    return [image.repeat(8, 0).repeat(8, 1) for image in small]


def _pair(checkpoint: Checkpoint, pictures: list[Image], device: str, align: Alignment) -> FrameFunction:
    network = checkpoint.network.to(device)
    tensors = [torch.from_numpy(p).permute(2, 0, 1)[None].float().to(device) / 255.0 for p in pictures]
    number = 0

    @torch.inference_mode()
    def run() -> object:
        nonlocal number
        number = (number + 1) % len(tensors)
        before = network.encode(tensors[number - 1])
        prediction = network.decode(network.encode(tensors[number], keep=False), before)
        found = Prediction(*(None if t is None else t.cpu() for t in prediction))
        if before.depth is not None and before.grey is not None:
            align.forget(found._replace(depth=before.depth.cpu(), grey=before.grey.cpu()))
        align(found)
        return found

    return run


def _stream(step: Step, pictures: list[Image], align: Alignment, kept: Any = None) -> FrameFunction:
    number = 0

    def run() -> object:
        nonlocal number, kept
        number = (number + 1) % len(pictures)
        kept, prediction = step(pictures[number], kept)
        align(prediction)
        return prediction

    return run


class GraphedStep:
    """Streaming step as one CUDA graph, which is recorded once and replayed for each frame.

    Args:
        backend: backend on a GPU.
        picture: any frame.
    """

    def __init__(self, backend: TorchBackend, picture: Image) -> None:
        torch.set_autocast_cache_enabled(False)  # weights that were cast before the capture would not be in it
        self._image = torch.from_numpy(picture).cuda()
        features = backend.step(picture, None)[0]
        self._kept = flatten(features)
        with torch.inference_mode():
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries must choose their algorithms before the capture
                for _ in range(3):
                    backend.run(self._image, features)
            torch.cuda.current_stream().wait_stream(side)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                found, self._prediction = backend.run(self._image, features)
                for name, tensor in flatten(found).items():
                    self._kept[name].copy_(tensor)

    @torch.inference_mode()
    def step(self, picture: Image, _: object) -> tuple[None, Prediction]:
        """Process a frame as `Backend.step`; features stay in the graph."""
        self._image.copy_(torch.from_numpy(picture))
        self._graph.replay()
        return None, Prediction(*(None if t is None else t.float().cpu() for t in self._prediction))


def main() -> None:
    """Process a few frames with one variant and print the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("device")
    parser.add_argument("threads", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run = make(arguments.variant, arguments.checkpoint, arguments.device, arguments.threads)
    for _ in range(4):
        run()
    print(torch.cuda.max_memory_allocated() / 1e6 if arguments.device == "cuda" else peak_mb())


if __name__ == "__main__":
    main()
