"""Files with damaged numbers or sizes: they are refused at once, by name, without much memory."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from dmn_ros.map.context_map import ContextMap
from dmn_ros.runtime.checkpoint import load_network
from localization_common.errors import LocalizationError
from localization_common.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.runtime.backends.opening import open_backend

REPOSITORY = Path(__file__).resolve().parents[2]
READERS: dict[str, Callable[[Path], Any]] = {
    "vlocnet": open_backend, "dmn": load_network, "map": ContextMap.load, "keyframes": KeyframeMap.load,
}  # fmt: skip

#: Damage: a file, the place in its header (None: the whole text), and the new value.
Header = tuple[str, tuple[str | int, ...], Any]
NAN, HUGE = float("nan"), float("inf")
HEADERS: list[tuple[Header, str]] = [
    (("vlocnet", ("config", "units"), [10_000_000, 4, 6, 3]), "units is 10000000; it must be at most"),
    (("vlocnet", ("config", "units"), [1, 2, 60, 2]), "weights do not fit"),
    (("vlocnet", ("config", "mids"), [4, 4, 8, 8000]), "weights do not fit"),
    (("vlocnet", ("config", "width"), 1_600_000_000), "width is 1600000000"),
    (("vlocnet", ("config", "width"), 10**30), "header cannot be read.*digits"),
    (("vlocnet", ("config", "fc"), 1_000_000), "weights do not fit"),
    (("vlocnet", ("config", "samples"), 1_000_000_000), "samples is 1000000000"),
    (("vlocnet", ("config", "atrous_rates"), [1, 2, 1_000_000]), "atrous_rates is 1000000"),
    (("vlocnet", ("config", "alignment"), [1_000_000_000]), "alignment is 1000000000"),
    (("vlocnet", ("residuals", "pose", 0, 0), NAN), r"residuals.pose\[0\]\[0\] is nan"),
    (("vlocnet", ("residuals", "pose", 0, 0), -0.5), "pose is no covariance"),
    (("vlocnet", ("residuals", "motion", 0, 1), 5.0), "motion is no covariance"),
    (("vlocnet", ("residuals", "tracking", "patience"), HUGE), "patience is inf"),
    (("vlocnet", ("residuals", "tracking", "consensus", "window"), 10**9), "window is 1000000000"),
    (("vlocnet", ("camera", "fx"), NAN), "camera.fx is nan"),
    (("vlocnet", ("class_names",), "abcd"), "class_names"),
    (("vlocnet", ("card",), 5), "does not describe"),
    (("dmn", ("config", "feature_channels"), 1_000_000), "feature_channels is 1000000; it must be at most"),
    (("dmn", ("config", "feature_channels"), 60_000), "weights do not fit"),
    (("dmn", ("config", "block_widths"), [8] * 1_000), "block_widths is 1000"),
    (("dmn", ("config", "block_widths"), [8] * 100_000), "block_widths has 100000 entries"),
    (("dmn", ("config", "block_widths"), [8] * 1_000_000), "characters, at most"),
    (("dmn", ("config", "block_strides"), [[0, 2], [2, 2]]), "positive"),
    (("dmn", ("config", "image_height"), 10**9), "image_height is 1000000000"),
    (("dmn", ("config", "key_size"), -8), "positive"),
    (("dmn", ("config", "metres_per_unit"), NAN), "metres_per_unit is nan"),
    (("dmn", ("camera", "width"), 10**6), "image size 1000000x24 exceeds"),
    (("dmn", ("camera", "width"), 64), "camera 64x24, but network input 32x24"),
    (("map", ("bounds",), [0.0, 0.0, 1e300, 1e300]), "from the map's origin"),
    (("map", ("bounds", 2), NAN), r"bounds\[2\] is nan"),
    (("map", ("scale",), HUGE), "scale is inf"),
    (("map", ("scale",), 1e300), "scale 1e"),
    (("map", ("version",), True), "version True"),
    (("map", ("mount",), [1.0]), "not a usable map"),
    (("keyframes", ("noise",), NAN), "noise is nan"),
    (("keyframes", ("noise",), -1.0), "noise is -1"),
    (("keyframes", ("covariance_scale",), 0.0), "covariance_scale is 0"),
    (("keyframes", ("kernel",), [0.0, 0.1]), "kernel"),
    (("keyframes", ("lens",), [-1.0, 0.0]), "lens"),
    (("keyframes", ("features",), 10**12), "features 1000000000000"),
    (("keyframes", ("focal",), 0.0), "focal is 0"),
]  # fmt: skip

TENSORS: list[tuple[tuple[str, str, Callable[[torch.Tensor], torch.Tensor]], str]] = [
    (("vlocnet", "pose.regressor.norm.0.weight", lambda t: spoiled(t, NAN)), "holds 1 NaN or infinite numbers of"),
    (("vlocnet", "pose.regressor.norm.0.weight", lambda t: t[:-1]), r"do not fit.*norm.* is \(15,\), expected \(16,\)"),
    (("vlocnet", "intrinsics", lambda t: spoiled(t, HUGE)), "'intrinsics' holds 1 NaN"),
    (("vlocnet", "image_std", lambda t: t.to(torch.complex64)), "torch.complex64, known are"),
    (("dmn", "context_embedding.blocks.0.weight", lambda t: spoiled(t, NAN)), "holds 1 NaN"),
    (("map", "poses", lambda t: spoiled(t, -HUGE)), "'poses' holds 1 NaN"),
    (("map", "poses", lambda t: t.to(torch.int32)), "poses is torch.int32"),
    (("map", "poses", lambda t: t.half()), "poses is torch.float16"),
    (("map", "poses", lambda t: t + 1e9), "from the map's origin"),
    (("map", "poses", lambda t: t[:3]), "features is .* of 3 poses"),
    (("map", "features", lambda t: t[:, :0]), "features is"),
    (("map", "features", lambda t: t.to(torch.int64)), "features is torch.int64"),
    (("map", "covariances", lambda t: t - torch.eye(3)), "a variance is negative"),
    (("map", "covariances", lambda t: t[:, :2]), "covariances is"),
    (("map", "reliability", lambda t: t + 1.0), "must be 6 numbers in 0..1"),
    (("keyframes", "variance", lambda t: spoiled(t, NAN)), "'variance' holds 1 NaN"),
    (("keyframes", "variance", lambda t: -t), "variance holds 12 negative numbers"),
    (("keyframes", "given", lambda t: 2.0 * t), "given: 2 of 2 are no poses"),
    (("keyframes", "adjusted", lambda t: torch.zeros_like(t)), "adjusted: 2 of 2 are no poses"),
    (("keyframes", "points", lambda t: spoiled(t, HUGE)), "'points' holds 1 NaN"),
    (("keyframes", "ranges", lambda t: -t), "ranges holds 20 negative numbers"),
    (("keyframes", "appearance_point", lambda t: t + 100), "do not fit together"),
    (("keyframes", "descriptors", lambda t: t.to(torch.int64)), "descriptors is torch.int64"),
]  # fmt: skip


def spoiled(tensor: torch.Tensor, value: float) -> torch.Tensor:
    """Copy of a tensor with another last number."""
    result = tensor.clone()
    result.view(-1)[-1] = value
    return result


def opened(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safetensors.safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata()  # noqa: SIM118


def with_header(models: Path, folder: Path, header: Header) -> Path:
    """Copy of a file with one entry of its header replaced."""
    kind, (*way, last), value = header
    tensors, metadata = opened(models / f"{kind}.safetensors")
    content = place = json.loads(metadata["header"])
    for step in way:
        place = place[step]
    place[last] = value
    path = folder / f"{kind}.safetensors"
    safetensors.torch.save_file(tensors, path, metadata | {"header": json.dumps(content)})
    return path


def refusal(kind: str, path: Path) -> str:
    """Reason for the refusal of a file, in less than a second."""
    start = time.process_time()
    with pytest.raises(LocalizationError) as caught:
        READERS[kind](path)
    assert time.process_time() - start < 1.0
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 1500
    return str(caught.value)


@pytest.mark.parametrize(("header", "reason"), HEADERS, ids=lambda value: str(value)[:50])
def test_sizes_and_numbers_of_a_header(models: Path, tmp_path: Path, header: Header, reason: str) -> None:
    message = refusal(header[0], with_header(models, tmp_path, header))
    assert re.search(reason, message), message


def test_all_hostile_headers_together_need_little_memory(models: Path, tmp_path: Path) -> None:
    """Run in a separate process, because the peak of memory includes other tests."""
    lines = []
    for number, (header, _) in enumerate(HEADERS):
        (tmp_path / str(number)).mkdir()
        lines.append(f"{header[0]} {with_header(models, tmp_path / str(number), header)}")
    done = subprocess.run(
        [sys.executable, __file__],
        input="\n".join(lines),
        text=True,
        capture_output=True,
        check=False,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200


@pytest.mark.parametrize(("change", "reason"), TENSORS)
def test_tensors_that_are_damaged(
    models: Path, tmp_path: Path, change: tuple[str, str, Callable[[torch.Tensor], torch.Tensor]], reason: str
) -> None:
    kind, name, damage = change
    tensors, metadata = opened(models / f"{kind}.safetensors")
    tensors[name] = damage(tensors[name]).contiguous()
    path = tmp_path / f"{kind}.safetensors"
    safetensors.torch.save_file(tensors, path, metadata)
    message = refusal(kind, path)
    assert re.search(reason, message), message


@pytest.mark.parametrize("kind", READERS)
def test_headers_that_are_no_headers(models: Path, tmp_path: Path, kind: str) -> None:
    tensors, metadata = opened(models / f"{kind}.safetensors")
    path = tmp_path / f"{kind}.safetensors"
    for text, reason in {
        "[" * 100_000 + "]" * 100_000: "nested deeper",
        json.dumps({"card": {}})[:-2] + '"a":' + '{"a":' * 500 + "1" + "}" * 502: "nested deeper",
        '{"a": 1' + "0" * 5000 + "}": "digits",
        "{" + " " * (9 << 20) + "}": "its header has",
        "{}": "",
        '{"config": [], "version": 1}': "",
        "null": "not an object",
    }.items():
        safetensors.torch.save_file(tensors, path, metadata | {"header": text})
        assert reason in refusal(kind, path)
    path.write_bytes((1 << 62).to_bytes(8, "little") + b"{}" * 100)
    assert "not a complete safetensors file" in refusal(kind, path)
    path.write_bytes(b"")
    assert "not a complete safetensors file" in refusal(kind, path)


def test_unknown_numbers_in_a_card_leave_a_file_usable(models: Path, tmp_path: Path) -> None:
    _, _, header = load_network(with_header(models, tmp_path, ("dmn", ("card",), {"validation_loss": NAN})))
    assert header["card"] == {"validation_loss": None}


def test_a_map_of_another_shape_than_the_networks_is_refused(models: Path) -> None:
    network, _, _ = load_network(models / "dmn.safetensors")
    views = ContextMap.load(models / "map.safetensors")
    wider = ContextMap(views.features.repeat(1, 1, 1, 2), views.poses, views.bounds, 5.0, "map", views.fingerprint)
    with pytest.raises(LocalizationError, match=r"map\.safetensors: views of .* but the checkpoint's network makes"):
        wider.require_made_by(network, "map.safetensors")


if __name__ == "__main__":  # reads files named by lines of stdin; prints by how many MB the peak grew
    torch.zeros(1).norm(), np.zeros(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for line in sys.stdin:
        name, _, file = line.strip().partition(" ")
        try:
            READERS[name](Path(file))
        except LocalizationError:
            continue
        raise SystemExit(f"{line.strip()} was not refused")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
