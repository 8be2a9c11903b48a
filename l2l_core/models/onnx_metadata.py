"""Facts about a model inside an ONNX file, as text by name, without the onnx package.

An ONNX file is one protocol buffer message, in which a repeated field may be continued at the end
(https://protobuf.dev/programming-guides/encoding/#last-one-wins), so facts are appended to what a
method exported, whatever it was made with.  ``metadata_props`` is field 14 of ``ModelProto``, each
entry a message of a key (1) and a value (2): https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_METADATA, _KEY, _VALUE = 14, 1, 2

_BYTES = 2
"""The kind of field that is a length and then as many bytes."""


def with_metadata(content: bytes, facts: Mapping[str, str]) -> bytes:
    """Return an ONNX file with more metadata.

    Parameters
    ----------
    content : bytes
        A serialised ``ModelProto``.
    facts : mapping of str
        What is added; a reader shows each by its name.
    """
    entries = (
        _field(_METADATA, _field(_KEY, key.encode()) + _field(_VALUE, value.encode()))
        for key, value in facts.items()
    )
    return b"".join([content, *entries])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first, all but the last marked."""
    groups = []
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])
