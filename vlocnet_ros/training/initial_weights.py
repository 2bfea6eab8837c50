"""Initial weights from checkpoints, for example of single tasks, before all streams are trained together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from localization_common.errors import CheckpointError
from vlocnet_ros.network.fusion import Fusion
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import load_vlocnet

#: Blocks that start as copies of another stream's blocks of the same shape if no checkpoint has weights for them.
COPIES = {
    "odometry.previous_trunk.": "trunk.",
    "odometry.current_trunk.": "trunk.",
    "odometry.previous_res4.": "pose.res4.",
    "odometry.current_res4.": "pose.res4.",
    "coordinate_encoder.": "pose.",
    "pose.res4.": "odometry.current_res4.",
}


def copy_initial_weights(network: VLocNet, paths: Sequence[Path], images: Tensor) -> tuple[set[str], str]:
    """Copy every tensor of these checkpoints whose name and shape agree; later files override earlier ones.

    Odometry without weights starts as a copy of the pose stream, and the other way round. Fusions without weights start
    as the identity on the stream that they refine, so that joint training starts with the accuracy of the single tasks.

    Args:
        network: network to initialise.
        paths: checkpoints, of single tasks or of all.
        images: (B, 3, height, width) in 0..1, to measure the range of the fusions' inputs.

    Returns:
        Names of the tensors that came from a checkpoint, and a report of the copied parts, as text.

    Raises:
        CheckpointError: no tensor of a file fits.
    """
    own = network.state_dict()
    seen: dict[str, Tensor] = {}
    taken: dict[str, Tensor] = {}
    lines = []
    for path in paths:
        theirs = load_vlocnet(path).network.state_dict()
        fits = {n: t for n, t in theirs.items() if n in own and own[n].shape == t.shape and n != "intrinsics"}
        learned = {n for n in fits if n not in ("image_mean", "image_std")}
        if not learned:
            raise CheckpointError(f"{path}: no tensor fits this structure; was it trained with another model or input?")
        taken |= fits
        seen |= theirs
        lines.append(f"{path}: {len(learned)} tensors of {', '.join(sorted({n.split('.')[0] for n in learned}))}")
    trained = set(taken)
    for target, source in COPIES.items():
        if not any(name.startswith(target) for name in taken):
            copies = {target + n.removeprefix(source): t for n, t in seen.items() if n.startswith(source)}
            taken |= {n: t for n, t in copies.items() if n in own and own[n].shape == t.shape}
    network.load_state_dict(taken, strict=False)
    fusions = {name: module for name, module in network.named_modules() if isinstance(module, Fusion)}
    new = {name: fusion for name, fusion in fusions.items() if f"{name}.pool.weight" not in taken}
    _initialize_identity(network, new, images)
    return trained, "\n".join([*lines, *(f"{name}: starts as the identity on its stream" for name in new)])


@torch.no_grad()
def _initialize_identity(network: VLocNet, fusions: dict[str, Fusion], images: Tensor) -> None:
    """Set fusions to the identity, with offsets that keep their outputs positive on these images."""
    lowest: dict[str, Tensor] = {}

    def note(name: str) -> None:
        def hook(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            lowest[name] = arguments[0].min()

        hooks.append(fusions[name].register_forward_pre_hook(hook))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for name in fusions:
        note(name)
    training = network.training
    features = network.eval().encode(images)
    network.decode(features, features)
    network.train(training)
    for hook in hooks:
        hook.remove()
    for name, fusion in fusions.items():
        # Twice the lowest value of these images, since other images have lower ones.
        fusion.initialize_identity(float(-2.0 * lowest[name].clamp_max(0.0)))
