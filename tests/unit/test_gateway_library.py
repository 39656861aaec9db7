"""What the gateway relies on in asyncua: the release it was read in, and what of it is used at all."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import struct
import typing
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import ua_binary

from controller.opcua.gateway.decoding import bounded
from controller.opcua.gateway.services import Fault

GATEWAY = Path(__file__).parents[2] / "controller/opcua/gateway"
# Types, codec, chunks and cryptography. No session, subscription, address space or server of theirs.
USED = ("asyncua.ua", "asyncua.crypto", "asyncua.common.connection", "asyncua.common.utils")
HARVEST = (
    GATEWAY / "space/harvest.py"
)  # reads their standard nodes when the tree is generated, never at run time


def test_the_release_is_the_one_that_was_read() -> None:
    """Another one needs the wire, hostile, theft and interop tests, a fuzz run, and this line changed."""
    assert importlib.metadata.version("asyncua") == "2.1.0"


@pytest.mark.parametrize("path", sorted(set(GATEWAY.rglob("*.py")) - {HARVEST}), ids=lambda path: path.stem)
def test_nothing_of_their_service_layer_is_used(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("asyncua"):
            names = (
                [f"asyncua.{one.name}" for one in node.names] if node.module == "asyncua" else [node.module]
            )
            assert all(name.startswith(USED) for name in names), names
        elif isinstance(node, ast.Import):
            assert not any(one.name.startswith("asyncua") for one in node.names)


def test_an_array_of_nulls_costs_what_it_announces() -> None:
    buffer = bounded(b"\x80" + struct.pack("<i", 2**31 - 1), 1_000, 4)
    with pytest.raises(Fault):
        ua_binary.variant_from_binary(buffer)


@pytest.mark.parametrize(
    ("flat", "dimensions"), [([1, 2], [3]), ([1, 2], [2, 2]), ([1], [-1, -1]), ([], [-1])]
)
def test_dimensions_of_another_array_are_refused(flat: list[int], dimensions: list[int]) -> None:
    """What is decoded has the size it says; found by fuzzing."""
    value = ua.Variant(flat, ua.VariantType.Int32, dimensions, is_array=True)
    with pytest.raises(ua.UaError):
        ua_binary.variant_from_binary(bounded(ua_binary.variant_to_binary(value), 100, 4))


@pytest.mark.parametrize("matrix", [[[1, 2], [3, 4]], [[[1], [2]]], [[1, 2, 3]]])
def test_a_matrix_comes_as_it_was_sent(matrix: list[Any]) -> None:
    value = ua.Variant(matrix, ua.VariantType.Int32)
    assert ua_binary.variant_from_binary(bounded(ua_binary.variant_to_binary(value), 100, 4)).Value == matrix


def test_no_list_has_elements_without_bytes() -> None:
    """A list of such would be as long as it says, whatever the message's size."""
    empty = {
        kind
        for kind in vars(ua).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and not dataclasses.fields(kind)
    }
    assert empty, "there are such structures"
    looked = 0
    for kind in set(ua.extension_objects_by_typeid.values()):
        if not dataclasses.is_dataclass(kind):
            continue
        try:
            hints = ua_binary.get_safe_type_hints(kind, {"ua": ua})
        except (AttributeError, NameError):
            continue  # cannot be decoded either
        looked += 1
        for hint in hints.values():
            elements = typing.get_args(hint) if typing.get_origin(hint) is list else ()
            assert not any(element in empty for element in elements), (kind, hint)
    assert looked > 250


@pytest.mark.parametrize("kind", [ua.String, ua.UInt32, ua.NodeId, ua.QualifiedName, ua.ReadValueId])
def test_a_null_list_is_an_empty_one_whatever_it_is_of(kind: Any) -> None:
    """Part 6, 5.1.11: they say the same, and open62541 sends null for empty."""
    buffer = bounded(struct.pack("<i", -1), 10, 4)
    assert ua_binary.from_binary(typing.cast("Any", list[kind]), buffer) == []
