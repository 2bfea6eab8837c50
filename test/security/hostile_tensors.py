"""Hostile checkpoints, maps and keyframe maps: lies in the header of safetensors, and numbers that no file may have."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from hostile_bytes import Damage

#: Header of a safetensors file: names -> dtype, shape, data_offsets; and ``__metadata__``.
Header = dict[str, Any]


def raw_header(change: Callable[[Header], Header | bytes]) -> Damage:
    """Change the header of the file itself; the data stays."""

    def damage(path: Path) -> None:
        whole = path.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        changed = change(json.loads(whole[8 : 8 + length]))
        raw = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        path.write_bytes(len(raw).to_bytes(8, "little") + raw + whole[8 + length :])

    return damage


def first_tensor(**values: Any) -> Callable[[Header], Header]:
    """Change the entry of the first tensor."""

    def change(header: Header) -> Header:
        name = next(name for name in sorted(header) if name != "__metadata__")
        return header | {name: header[name] | values}

    return change


def metadata(text: Callable[[str], str]) -> Callable[[Header], Header]:
    """Change the JSON text of this package in the header."""
    return lambda header: (
        header | {"__metadata__": header["__metadata__"] | {"header": text(header["__metadata__"]["header"])}}
    )


def duplicate(header: Header) -> bytes:
    """Write each tensor twice under its name."""
    parts = [f"{json.dumps(name)}:{json.dumps(entry)}" for name, entry in header.items()]
    return ("{" + ",".join(parts + parts) + "}").encode()


def entries(*, numbers: Callable[[float], float]) -> Callable[[str], str]:
    """Change all floats of a JSON text."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: change(item) for key, item in value.items()}
        if isinstance(value, list):
            return [change(item) for item in value]
        return numbers(value) if isinstance(value, float) else value

    return lambda text: json.dumps(change(json.loads(text)))


def first_twice(text: str) -> str:
    """Write the first entry of an object twice."""
    values = json.loads(text)
    name = next(iter(values))
    return f"{{{json.dumps(name)}: 1, {text.strip()[1:]}"


#: Lies of the header of safetensors.
LIES: dict[str, Damage] = {
    "length of the header is 2^63": lambda path: _patch(path, 0, (1 << 63).to_bytes(8, "little")),
    "length of the header is that of the file": lambda path: _patch(path, 0, path.stat().st_size.to_bytes(8, "little")),
    "header is no JSON": raw_header(lambda header: b"{" * 100),
    "header is nested deeply": raw_header(lambda header: b"[" * 200_000 + b"]" * 200_000),
    "header of 100 MB": raw_header(lambda header: b"{" + b" " * 100_000_000 + b"}"),
    "header of a million tensors": raw_header(
        lambda header: header | {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(60_000)}
    ),
    "a shape whose product overflows": raw_header(first_tensor(shape=[1 << 62, 1 << 62])),
    "a shape of a terabyte": raw_header(first_tensor(shape=[1 << 38], data_offsets=[0, 1 << 40])),
    "a negative size": raw_header(first_tensor(shape=[-1, 4])),
    "a size of zero": raw_header(first_tensor(shape=[0])),
    "a size that is no integer": raw_header(first_tensor(shape=[1.5])),
    "an unknown dtype": raw_header(first_tensor(dtype="F4096")),
    "another dtype": raw_header(first_tensor(dtype="I8")),
    "offsets behind the file": raw_header(first_tensor(data_offsets=[1 << 40, 1 << 41])),
    "offsets in reverse": raw_header(first_tensor(data_offsets=[64, 0])),
    "offsets that overlap": raw_header(lambda header: _overlapping(header)),
    "every name twice": raw_header(duplicate),
    "no metadata": raw_header(lambda header: {k: v for k, v in header.items() if k != "__metadata__"}),
    "metadata that are numbers": raw_header(lambda header: header | {"__metadata__": {"format": 1}}),
    "metadata of another program": raw_header(lambda header: header | {"__metadata__": {"format": "pt"}}),
    "another kind": raw_header(lambda header: header | {"__metadata__": header["__metadata__"] | {"kind": "worlds"}}),
    "text is empty": raw_header(metadata(lambda text: "")),
    "text is a number": raw_header(metadata(lambda text: "17")),
    "text is nested deeply": raw_header(metadata(lambda text: '{"config":' * 50_000 + "1" + "}" * 50_000)),
    "text has an integer of 5000 digits": raw_header(metadata(lambda text: text[:-1] + ', "n": ' + "9" * 5000 + "}")),
    "text has an entry twice": raw_header(metadata(first_twice)),
    "text has 2 million entries": raw_header(metadata(lambda text: '{"config":[' + "1," * 500_000 + "1]}")),
    **{
        f"every float is {value}": raw_header(metadata(entries(numbers=lambda _, value=value: value)))  # type: ignore[misc]
        for value in (math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, 0.0, -1.0, 1e18)
    },
}


def spoiled(value: float, *, where: slice = slice(None, 1)) -> Callable[[torch.Tensor], torch.Tensor]:
    """Put a value at some places of each tensor of floats."""

    def change(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_floating_point() and tensor.numel():
            tensor = tensor.clone()
            tensor.view(-1)[where] = min(value, torch.finfo(tensor.dtype).max) if value > 0 else value
        return tensor

    return change


def tensors(change: Callable[[torch.Tensor], torch.Tensor], names: Iterable[str] = ()) -> Damage:
    """Change some tensors of a file, or all of them."""

    def damage(path: Path) -> None:
        with safetensors.safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping
            metadata = file.metadata()
        chosen = set(names or found)
        changed = {name: change(one).contiguous() if name in chosen else one for name, one in found.items()}
        safetensors.torch.save_file(changed, path, metadata)

    return damage


#: Numbers, types and shapes of tensors.
NUMBERS: dict[str, Damage] = {
    "a NaN in every tensor": tensors(spoiled(math.nan)),
    "an infinity in every tensor": tensors(spoiled(math.inf)),
    "the largest number in every tensor": tensors(spoiled(3e38)),
    "all numbers are the largest": tensors(spoiled(3e38, where=slice(None))),
    "all numbers are -1e4": tensors(spoiled(-1e4, where=slice(None))),
    "all numbers are zero": tensors(spoiled(0.0, where=slice(None))),
    "all tensors are flat": tensors(lambda tensor: tensor.reshape(-1)),
    "all tensors have one dimension more": tensors(lambda tensor: tensor[None]),
    "all tensors are scalars": tensors(lambda tensor: tensor.reshape(-1)[:1].reshape(())),
    "all tensors are doubled": tensors(lambda tensor: torch.cat([tensor, tensor]) if tensor.ndim else tensor),
    "all tensors are int64": tensors(lambda tensor: tensor.to(torch.int64)),
    "all tensors are complex": tensors(lambda tensor: tensor.to(torch.complex64)),
}


def _patch(path: Path, place: int, data: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[place : place + len(data)] = data
    path.write_bytes(whole)


def _overlapping(header: Header) -> Header:
    offsets = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
    return {
        name: entry if name == "__metadata__" else entry | {"data_offsets": offsets[0]}
        for name, entry in header.items()
    }
