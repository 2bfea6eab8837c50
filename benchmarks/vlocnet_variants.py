"""Variants of running VLocNet++ for vlocnet_speed, each as a function that processes the next frame.

As a program it processes a few frames with one variant and prints the peak memory in megabytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vlocnet_ros.network.named_tensors import flatten
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.backends.onnx_backend import OnnxBackend
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import Checkpoint, load_vlocnet

Image = npt.NDArray[np.uint8]
FrameFunction = Callable[[], object]
Step = Callable[[Image, Any], tuple[Any, Prediction]]

PAIR, STEP = "pair", "step"
#: Descriptions of the variants. Networks compute in single precision unless another one is given.
VARIANTS = {
    PAIR: "both frames of a pair, eager",
    STEP: "streaming step, eager: backend torch",
    "half": "streaming step, eager, bfloat16 (float16 on a GPU): backend torch, half",
    "compiled": "streaming step, torch.compile",
    "onnx": "streaming step, ONNX Runtime: backend onnx",
    "graph": "streaming step, CUDA graph",
    "graph half": "streaming step, CUDA graph, float16",
}
CUDA_ONLY = ("graph", "graph half")


def make(variant: str, checkpoint: Path, device: str, threads: int) -> FrameFunction:
    """Make a function that processes the next frame; its result is on the CPU when it returns.

    Args:
        variant: one of `VARIANTS`.
        checkpoint: safetensors file; ``onnx`` runs the .onnx file beside it.
        device: ``cpu`` or ``cuda``.
        threads: threads of ONNX Runtime; those of torch are set for the process.
    """
    if variant == "onnx":
        onnx = OnnxBackend(checkpoint.with_suffix(".onnx"), device=device, threads=threads)
        size = onnx.description.config
        return _stream(onnx.step, frames(size.height, size.width))
    loaded = load_vlocnet(checkpoint)
    pictures = frames(loaded.config.height, loaded.config.width)
    if variant == PAIR:
        return _pair(loaded, pictures, device)
    backend = TorchBackend(loaded.network, device=device, half=variant in ("half", "graph half"))
    if variant in CUDA_ONLY:
        return _stream(GraphedStep(backend, pictures[0]).step, pictures)
    if variant == "compiled":
        features = backend.step(pictures[0], None)[0]
        options: dict[str, Any] = {"freezing": True} if device == "cpu" else {}  # weights become constants
        backend.run = torch.compile(backend.run, dynamic=False, options=options)  # type: ignore[method-assign]
        return _stream(backend.step, pictures, features)
    return _stream(backend.step, pictures)


def frames(height: int, width: int, count: int = 4) -> list[Image]:
    """Draw coarse random images."""
    small = np.random.default_rng(0).integers(0, 255, (count, height // 8, width // 8, 3), dtype=np.uint8)
    return [image.repeat(8, 0).repeat(8, 1) for image in small]


def _pair(checkpoint: Checkpoint, pictures: list[Image], device: str) -> FrameFunction:
    network = checkpoint.network.to(device)
    tensors = [torch.from_numpy(p).permute(2, 0, 1)[None].float().to(device) / 255.0 for p in pictures]
    number = 0

    @torch.inference_mode()
    def run() -> object:
        nonlocal number
        number = (number + 1) % len(tensors)
        return [value.cpu() for value in flatten(network(tensors[number - 1], tensors[number])).values()]

    return run


def _stream(step: Step, pictures: list[Image], kept: Any = None) -> FrameFunction:
    number = 0

    def run() -> object:
        nonlocal number, kept
        number = (number + 1) % len(pictures)
        kept, prediction = step(pictures[number], kept)
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


def peak_mb(device: str) -> float:
    """Peak memory of this process so far, of the GPU or of the CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    # The maximum of getrusage would be that of the parent process, which was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


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
    print(peak_mb(arguments.device))


if __name__ == "__main__":
    main()
