"""The files that cli_faults.py feeds to waferc: ONNX models as protobuf bytes, program text, arrays, archives. Standard library only."""

import struct
import zipfile

FLOAT, INT64, DOUBLE = 1, 7, 11


# --- protobuf: field numbers as in onnx.proto -----------------------------------------------------------------------

def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """A number, text, bytes or a packed message as one field."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    return b"".join(field(number, v) for v in values)


def tensor(name, shape, values, dtype=FLOAT):
    code = {FLOAT: "f", INT64: "q", DOUBLE: "d"}[dtype]
    return fields(1, shape) + field(2, dtype) + field(8, name) + field(9, struct.pack(f"<{len(values)}{code}", *values))


def value_info(name, shape, dtype=FLOAT):
    """An axis is a number, or a text for an open one."""
    dims = b"".join(field(1, field(2 if isinstance(d, (str, bytes)) else 1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, dims)))


def node(op, name, inputs, outputs, *attributes, domain=""):
    return (fields(1, inputs) + fields(2, outputs) + field(3, name) + field(4, op) + fields(5, attributes)
            + (field(7, domain) if domain else b""))


def attribute_ints(name, values):
    return field(1, name) + fields(8, values) + field(20, 7)


def attribute_int(name, value):
    return field(1, name) + field(3, value) + field(20, 2)


def model(nodes, inputs, outputs, initializers=(), opset=13, extra=b""):
    graph = fields(1, nodes) + field(2, "g") + fields(5, initializers) + fields(11, inputs) + fields(12, outputs)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset)) + extra


def dense(rows, cols, name=b"fc", x=b"x", y=b"y"):
    """y = relu(x W + b), x of 1 x rows."""
    weights = [((i * 37) % 19 - 9) / 16 for i in range(rows * cols)]
    return model([node("Gemm", name, [x, b"w", b"b"], [b"h"]), node("Relu", b"relu of " + name, [b"h"], [y])],
                 [value_info(x, [1, rows])], [value_info(y, [1, cols])],
                 [tensor("w", [rows, cols], weights), tensor("b", [cols], [i / 8 for i in range(cols)])])


def layers(count, width):
    """Dense layers with a softmax behind each, so that they stay apart."""
    nodes, weights, at = [], [], "x"
    for i in range(count):
        nodes += [node("MatMul", f"layer {i}", [at, f"w{i}"], [f"h{i}"]), node("Softmax", f"softmax {i}", [f"h{i}"], [f"y{i}"])]
        weights.append(tensor(f"w{i}", [width, width], [(k % 7) / 8 for k in range(width * width)]))
        at = f"y{i}"
    return model(nodes, [value_info("x", [1, width])], [value_info(at, [1, width])], weights)


def nested_graphs(depth):
    """graph = 7 of the model, then node = 1, attribute = 5, graph = 6 over and over."""
    body = b""
    for _ in range(depth):
        for tag in (6, 5, 1):
            body = field(tag, body)
    return field(7, body)


def expand_bomb():
    return model([node("Expand", "bomb", ["one", "shape"], ["big"]), node("Add", "add", ["x", "big"], ["y"])],
                 [value_info("x", [1])], [value_info("y", [1])],
                 [tensor("one", [1], [1.0]), tensor("shape", [2], [1000000, 1000000], INT64)])


def unsupported():
    nodes = [node("Det", "det", ["x"], ["a"]), node("Relu", "relu", ["a"], ["b"], attribute_int("slope", 1)),
             node("Relu", "foreign", ["b"], ["c"], domain="com.example"), node("Bernoulli", "random", ["c"], ["y"])]
    return model(nodes, [value_info("x", [1, 4])], [value_info("y", [1, 4])],
                 extra=field(8, field(1, "com.example") + field(2, 3)))


def too_large():
    """A convolution over a large picture: few weights, but 64 MiB each of input and result."""
    weights = [0.25] * (16 * 16 * 3 * 3)
    return model([node("Conv", "wide convolution", ["x", "w"], ["y"], attribute_ints("pads", [1, 1, 1, 1]))],
                 [value_info("x", [1, 16, 1024, 1024])], [value_info("y", [1, 16, 1024, 1024])],
                 [tensor("w", [16, 16, 3, 3], weights)])


def external(location):
    """A weight in another file: data_location = 14 is 1, external_data = 13 tells the location."""
    weight = fields(1, [4]) + field(2, FLOAT) + field(8, "w") + field(13, field(1, "location") + field(2, location)) + field(14, 1)
    return model([node("Add", "add", ["x", "w"], ["y"])], [value_info("x", [4])], [value_info("y", [4])], [weight])


def open_axes():
    return model([node("Relu", "relu", ["x"], ["y"])], [value_info("x", ["batch", 3, "width"])],
                 [value_info("y", ["batch", 3, "width"])])


# --- arrays ------------------------------------------------------------------------------------------------------------

def npy(descr, shape, values, code):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + struct.pack(f"<{len(values)}{code}", *values)


def floats(shape, values):
    return npy("<f4", shape, values, "f")


def archive(path, **arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in arrays.items():
            z.writestr(name + ".npy", content)


# --- programs ----------------------------------------------------------------------------------------------------------

def checksummed(program):
    """A program file whose header was changed, with the right checksum over the header again: crc32 of bytes 0..19 and 24..271."""
    import zlib
    crc = zlib.crc32(program[24:272], zlib.crc32(program[:20]))
    return program[:20] + struct.pack("<I", crc) + program[24:]


# Two PEs wait for each other's first word: each sends its own only afterwards.
DEADLOCK = """
wafer 1
target lab
layer "left layer"
layer "right layer"
class polite {
  array a f32[4] input
  desc get = in f32 q0 [4]
  desc put = mem f32 a [4]
  desc out = out f32 q2 [4]
  in q0 = c1
  out q2 = c1
  task t0 local main active
  code { main: vmov.f32 put, get
    vmov.f32 out, put
    bra main }
}
class impolite {
  array a f32[4] input
  desc get = in f32 q0 [4]
  desc put = mem f32 a [4]
  desc out = out f32 q2 [4]
  desc in = in f32 q1 [4]
  in q0 = c1
  in q1 = c3
  out q2 = c2
  task t0 local main active
  code { main: vmov.f32 put, get
    vmov.f32 out, in
    bra main }
}
router left { c1 [R>E, E>R] }
router right { c1 [W>R, R>W] c2 [R>E] c3 [E>R] }
router far { c2 [W>E] c3 [E>W] }
pe 0,0 class polite router left layer 0
pe 1,0 class impolite router right layer 1
pe 2..63,0 router far
input x f32 dims [1, 4] samples 1 { stream east row 0 c3 [0:4] }
output y f32 dims [1, 4] samples 1 { stream east row 0 c2 [0:4] }
"""

# An address computed at run time leaves its array.
TRAP = """
wafer 1
target lab
layer conv1
class wanders {
  array a f32[4] input
  array b f32[4] output
  desc get = in f32 q0 [4]
  desc put = mem f32 a [4]
  desc from = mem f32 a [4] off r1
  desc out = out f32 q2 [4]
  in q0 = c1
  out q2 = c2
  task t0 local main active
  code { main: movi r1, 64
    vmov.f32 put, get
    vmov.f32 out, from
    bra main }
}
router edge { c1 [W>R] c2 [R>W] }
pe 0,0 class wanders router edge layer 0
input x f32 dims [1, 4] samples 1 { stream west row 0 c1 [0:4] }
output y f32 dims [1, 4] samples 1 { stream west row 0 c2 [0:4] }
"""

# Doubles its input for ever; many PEs with their own data make the file large.
LARGE = """
wafer 1
target lab
class full {
  array w f32[10000] weight
  task t0 local main active
  code { main: halt }
}
pe 0..63,0..7 class full { data w = f32 10000*%s }
"""
