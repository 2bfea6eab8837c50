"""Classes of protobuf messages from a table of their fields, without a compiler and without generated files."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localization_common.errors import DatasetError

#: Field number; type: double, float, int32, int64, string, bytes or the name of another message; True if repeated.
Field = tuple[int, str] | tuple[int, str, bool]


def message_classes(package: str, messages: Mapping[str, Mapping[str, Field]]) -> dict[str, Any]:
    """Message classes by name, with the semantics of proto2. Repeated numbers are read packed or not.

    Args:
        package: name of the messages' package.
        messages: name of each message -> its fields. Fields that are not listed are skipped when reading.

    Raises:
        DatasetError: protobuf is not installed.

    Example:
        >>> LatLng = message_classes("geo", {"LatLng": {"lat": (1, "double"), "lng": (2, "double")}})["LatLng"]
        >>> LatLng.FromString(LatLng(lat=1.5).SerializeToString()).lat
        1.5
    """
    descriptor_pb2 = require("google.protobuf.descriptor_pb2", "protobuf")
    descriptor_pool = require("google.protobuf.descriptor_pool", "protobuf")
    factory = require("google.protobuf.message_factory", "protobuf")
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind, *repeated) in fields.items():
            label = kinds.LABEL_REPEATED if repeated and repeated[0] else kinds.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in messages:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()  # a separate pool: other packages may have messages of the same name
    pool.Add(file)
    return {name: factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def parse(message: Any, data: bytes, where: object) -> Any:
    """Read a message of this class from its bytes.

    Raises:
        DatasetError: the bytes are no such message; ``where`` names their origin in the text.
    """
    try:
        return message.FromString(data)
    except require("google.protobuf.message", "protobuf").DecodeError as error:
        raise DatasetError(
            f"{where}: no {message.__name__} ({error}); is this the right data, and complete?"
        ) from error


def require(module: str, package: str) -> ModuleType:
    """Import an optional module.

    Raises:
        DatasetError: it cannot be imported; the text has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DatasetError(
            f"{package} is needed to read this data ({error}): python3 -m pip install {package}"
        ) from error
