"""Just enough of ONNX and .npz for tests, with the standard library only: initializers, nodes, arrays of bytes."""

import ast
import collections
import struct
import zipfile

Node = collections.namedtuple("Node", "op inputs outputs attributes")


def fields(data):
    """(number, value) of each field of a protobuf message; value: bytes, or an int for varints."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            yield key >> 3, data[at:at + size]
            at += size


def graph_of(path):
    with open(path, "rb") as f:
        return next(v for k, v in fields(f.read()) if k == 7)


def initializers(path):
    """name -> (dims, floats) of the float initializers with raw data."""
    found = {}
    for number, value in fields(graph_of(path)):
        if number != 5:
            continue
        tensor = list(fields(value))
        raw = next((v for k, v in tensor if k == 9), b"")
        dims = []
        for k, v in tensor:
            if k == 1:
                dims += [v] if isinstance(v, int) else list(v)
        name = next(v for k, v in tensor if k == 8).decode()
        found[name] = (tuple(dims), struct.unpack(f"<{len(raw) // 4}f", raw))
    return found


def attribute(data):
    """(name, value) of an attribute: a list of ints, an int or a float."""
    name, ints, value = "", [], None
    for number, v in fields(data):
        if number == 1:
            name = v.decode()
        elif number == 8:
            ints += [v] if isinstance(v, int) else list(v)
        elif number == 3:
            value = v
        elif number == 2:
            value = struct.unpack("<f", v)[0]
    return name, ints or value


def nodes(path):
    for number, value in fields(graph_of(path)):
        if number == 1:
            parts = list(fields(value))
            yield Node(next(v for k, v in parts if k == 4).decode(), [v.decode() for k, v in parts if k == 1],
                       [v.decode() for k, v in parts if k == 2], dict(attribute(v) for k, v in parts if k == 5))


def read_masks(path):
    """name -> (dims, bytes) of an .npz file of u1 arrays."""
    found = {}
    with zipfile.ZipFile(path) as z:
        for name in z.namelist():
            raw = z.read(name)
            size = struct.unpack("<H", raw[8:10])[0]
            head = ast.literal_eval(raw[10:10 + size].decode().strip())
            assert head["descr"] in ("|u1", "u1") and not head["fortran_order"], head
            found[name.removesuffix(".npy")] = (tuple(head["shape"]), raw[10 + size:])
    return found
