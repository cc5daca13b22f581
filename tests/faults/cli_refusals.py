"""Every refusal of the import as the command line's user meets it (docs/frontend.md, "Refused"): a model each, its exit status, the
text that says what was found. Models that look odd and are taken are here too, so that a refusal does not grow."""

import os
import socket
import struct

from cli_files import DOUBLE, FLOAT, INT64, attribute_int, attribute_ints, field, fields, model, node, tensor, value_info

STRING, BOOL, COMPLEX = 8, 9, 14
RELU = [node("Relu", "relu", ["x"], ["y"])]
X4, Y4 = [value_info("x", [4])], [value_info("y", [4])]


def plain(nodes, initializers=(), opset=13, inputs=None, outputs=None, extra=b""):
    return model(nodes, inputs or X4, outputs or Y4, initializers, opset, extra)


# --- parts of a model -----------------------------------------------------------------------------------------------------

def typed(name, dtype, shape, raw=None, number=9):
    """A tensor of any element type; `raw` in field `number`."""
    return fields(1, shape) + field(2, dtype) + field(8, name) + (b"" if raw is None else field(number, raw))


def external(**entries):
    """A weight w of 4 floats in another file."""
    told = b"".join(field(13, field(1, key) + field(2, value)) for key, value in entries.items())
    return plain([node("Add", "add", ["x", "w"], ["y"])],
                 [fields(1, [4]) + field(2, FLOAT) + field(8, "w") + told + field(14, 1)])


def function(name, inputs, outputs, nodes, domain="local"):
    return field(25, field(1, name) + fields(4, inputs) + fields(5, outputs) + fields(7, nodes) + field(9, field(1, "") + field(2, 13))
                 + field(9, field(1, domain) + field(2, 1)) + field(10, domain))


def call(name, at, inputs=("x",), outputs=("y",)):
    return node(name, at, inputs, outputs, domain="local")


def with_functions(nodes, *functions, told=True):
    return plain(nodes, extra=b"".join(functions) + (field(8, field(1, "local") + field(2, 1)) if told else b""))


def chain(depth):
    made = [function(f"f{i}", ["a"], ["b"], [call(f"f{i + 1}", "deeper", ["a"], ["b"])]) for i in range(depth)]
    return with_functions([call("f0", "outermost")], *made, function(f"f{depth}", ["a"], ["b"], [node("Relu", "", ["a"], ["b"])]))


def bomb():
    """Each of 24 functions calls the next one twice."""
    made = [function(f"f{i}", ["a"], ["b"], [call(f"f{i + 1}", "l", ["a"], ["m"]), call(f"f{i + 1}", "r", ["m"], ["b"])]) for i in range(24)]
    return with_functions([call("f0", "outermost")], *made, function("f24", ["a"], ["b"], [node("Relu", "", ["a"], ["b"])]))


def sparse(indices, values, dims, index_shape=None):
    t = field(1, tensor("w", [len(values)], values)) + field(2, tensor("", index_shape or [len(indices)], indices, INT64)) + fields(3, dims)
    graph = (fields(1, [node("Add", "add", ["x", "w"], ["y"])]) + field(2, "g") + fields(11, X4) + fields(12, Y4) + field(15, t))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


def sequence_input():
    info = field(1, "x") + field(2, field(4, field(1, field(1, field(1, FLOAT)))))
    return plain([node("Identity", "same", ["x"], ["y"])], inputs=[info])


def no_shape():
    return plain(RELU, inputs=[field(1, "x") + field(2, field(1, field(1, FLOAT)))])


def with_graph(op):
    body = field(5, fields(1, [node("Relu", "inner", ["x"], ["z"])]) + field(2, "body") + fields(12, [value_info("z", [4])]))
    branches = [field(1, n) + field(6, body[2:]) + field(20, 5) for n in ("then_branch", "else_branch")]
    return plain([node(op, "branches", ["c"], ["y"], *branches)], inputs=X4 + [value_info("c", [], BOOL)])


def five_of_three():
    """Five nodes of three unsupported kinds, in one line, with supported ones between."""
    nodes, at = [], "x"
    for i, (op, name) in enumerate((("Det", "det one"), ("Relu", "relu"), ("Bernoulli", "coin one"), ("Det", "det two"), ("Tanh", "tanh"),
                                    ("NonZero", "non zero"), ("Bernoulli", "coin two"))):
        nodes.append(node(op, name, [at], [f"h{i}"]))
        at = f"h{i}"
    return plain(nodes + [node("Identity", "last", [at], ["y"])])


LONG = "n" * 70000
TEXT = typed("c", STRING, [1], b"text", 6)

# name -> (model, exit status, text or list of texts)
MODELS = {
    "five unsupported nodes of three kinds": (five_of_three(), 3, [
        "for 5 reasons", "det one: Det (", "coin one: Bernoulli (", "det two: Det (", "non zero: NonZero (", "coin two: Bernoulli ("]),
    # external data
    "external: absolute path": (external(location="/etc/passwd"), 2, ["'/etc/passwd'", "absolute"]),
    "external: '..'": (external(location="../weights.bin"), 2, ["'../weights.bin'", "leaves the folder by '..'"]),
    "external: '..' further in": (external(location="inner/../../weights.bin"), 2, "leaves the folder by '..'"),
    "external: a link out of the folder": (external(location="ref-link"), 2, ["'ref-link'", "leads out of the folder"]),
    "external: through a linked folder": (external(location="ref-linked/passwd"), 2, "leads out of the folder"),
    "external: a link to a device": (external(location="ref-zero"), 2, "leads out of the folder"),
    "external: a link to itself": (external(location="ref-loop"), 2, "'ref-loop'"),
    "external: a folder": (external(location="ref-folder"), 2, "not a regular file"),
    "external: a FIFO": (external(location="ref-fifo"), 2, "not a regular file"),
    "external: a socket": (external(location="ref-socket"), 2, "'ref-socket'"),
    "external: a backslash": (external(location="..\\weights.bin"), 2, "backslash"),
    "external: a path of 70 000 bytes": (external(location=LONG), 2, "longer than 64 KiB"),
    "external: a NUL in the path": (external(location=b"ref.bin\0../../x"), 2, "NUL byte"),
    "external: offset beyond the file": (external(location="ref.bin", offset="17"), 2, "truncated"),
    "external: length beyond the file": (external(location="ref.bin", offset="8", length="16"), 2, "truncated"),
    "external: offset and length overflow": (external(location="ref.bin", offset="18446744073709551615", length="16"), 2, "offset is '18446744073709551615'"),
    "external: negative offset": (external(location="ref.bin", offset="-4"), 2, "offset is '-4', expected a number"),
    "external: length of another tensor": (external(location="ref.bin", length="12"), 2, "found 12 bytes, expected 16"),
    "external: no location": (external(offset="0"), 2, "without a location"),
    "external: not aligned": (external(location="ref21.bin", offset="5", length="16"), 0, ""),
    "external: a link within the folder": (external(location="ref-inside"), 0, ""),
    "external: a page too far, aligned": (external(location="ref.bin", offset="4096", length="16"), 2, "truncated"),
    # functions
    "functions: one calls itself": (with_functions([call("f", "a")], function("f", ["a"], ["b"], [call("f", "b", ["a"], ["b"])])), 2,
                                    ["a/b", "'f' calls itself"]),
    "functions: two call each other": (with_functions([call("f", "a")], function("f", ["a"], ["b"], [call("g", "b", ["a"], ["b"])]),
                                                      function("g", ["a"], ["b"], [call("f", "c", ["a"], ["b"])])), 2, "calls itself"),
    "functions: 63 deep": (chain(63), 0, ""),
    "functions: 64 deeper": (chain(64), 2, "nested deeper than 64"),
    "functions: 2^24 nodes in 6 KB": (bomb(), 2, ["inlining", "more than 256 MiB"]),
    "functions: too many inputs": (with_functions([call("f", "a", ["x", "x"])], function("f", ["a"], ["b"], [node("Relu", "", ["a"], ["b"])])), 2,
                                   "has 2 inputs and 1 outputs; the function has 1 and 1"),
    "functions: defined twice": (with_functions([call("f", "a")], *[function("f", ["a"], ["b"], [node("Relu", "", ["a"], ["b"])])] * 2), 3, "f"),
    "functions: an output that nothing makes": (with_functions([call("f", "a")], function("f", ["a"], ["b"], [node("Relu", "r", ["a"], ["c"])])), 2, "y"),
    "functions: another domain": (plain([node("f", "a", ["x"], ["y"], domain="elsewhere")], extra=function("f", ["a"], ["b"], [])
                                        + field(8, field(1, "elsewhere") + field(2, 1))), 3, "a: f (domain elsewhere"),
    # domains and operator sets
    "opset: domain without a version": (plain([node("Relu", "r", ["x"], ["y"], domain="elsewhere")]), 2, ["elsewhere", "opset_import"]),
    "opset: not yet in this version": (plain([node("Gelu", "gelu", ["x"], ["y"])], opset=13), 3, ["gelu: Gelu", "supported from opset 20"]),
    "opset: no longer in this version": (plain([node("Upsample", "up", ["x"], ["y"])], opset=13), 3, "supported from opset 7 to 9"),
    "opset: 0": (plain(RELU, opset=0), 2, "opset"),
    # nodes
    "nodes: unsorted": (plain([node("Relu", "b", ["h"], ["y"]), node("Tanh", "a", ["x"], ["h"])]), 0, ""),
    "nodes: a cycle": (plain([node("Add", "a", ["x", "k"], ["h"]), node("Relu", "b", ["h"], ["k"]), node("Relu", "c", ["k"], ["y"])]), 2,
                       "form a cycle"),
    "nodes: a value from nowhere": (plain([node("Relu", "b", ["h"], ["y"])]), 2, "'h', is made by no node"),
    "nodes: a value twice": (plain(RELU * 2), 2, "'y' is defined twice"),
    "nodes: names empty and repeated": (plain([node("Relu", "", ["x"], ["h"]), node("Relu", "same", ["h"], ["i"]),
                                               node("Relu", "same", ["i"], ["y"])]), 0, ""),
    "nodes: a name of 70 000 bytes": (plain([node("Relu", LONG, ["x"], ["y"])]), 2, "longer than 64 KiB"),
    "nodes: a NUL in a name": (plain([node("Relu", b"re\0lu", ["x"], ["y"])]), 2, "NUL byte"),
    "nodes: too many inputs": (plain([node("Relu", "relu", ["x", "x"], ["y"])]), 2, "2 inputs; this operator takes 1 to 1"),
    "nodes: a needed input left out": (plain([node("Add", "add", ["x", ""], ["y"])]), 2, "input 1 may not be left out"),
    "nodes: an attribute of another type": (plain([node("Softmax", "s", ["x"], ["y"], attribute_ints("axis", [0]))]), 2, "'axis' has the wrong type"),
    "nodes: an attribute twice": (plain([node("Softmax", "s", ["x"], ["y"], *[attribute_int("axis", 0)] * 2)]), 2, "given twice"),
    "nodes: If": (with_graph("If"), 3, "branches: If"),
    "nodes: Dropout in training": (plain([node("Dropout", "drop", ["x", "", "t"], ["y"])], [typed("t", BOOL, [], b"\1")]), 3, "drop: Dropout"),
    "nodes: integers into a function of floats": (plain([node("Exp", "e", ["x"], ["y"])], inputs=[value_info("x", [4], INT64)],
                                                        outputs=[value_info("y", [4], INT64)]), 3, ["e: Exp", "int64"]),
    "nodes: a shape of the run": (plain([node("Reshape", "r", ["x", "s"], ["y"])], inputs=X4 + [value_info("s", [1], INT64)]), 3,
                                  ["r: Reshape", "'s'", "--const"]),
    "nodes: not supported between constants": (plain([node("BitShift", "shift", ["c", "c"], ["d"]), node("Cast", "cast", ["d"], ["f"], attribute_int("to", FLOAT)),
                                                      node("Add", "add", ["x", "f"], ["y"])], [typed("c", 12, [4], b"\0" * 16)]), 3,
                                               ["shift: BitShift", "between constants"]),
    "outputs: one that nothing makes": (plain([node("Relu", "r", ["x"], ["z"])]), 2, "nothing in the model makes this output"),
    "outputs: one listed twice": (plain(RELU, outputs=Y4 * 2), 2, "listed twice"),
    "outputs: another shape than declared": (plain(RELU, outputs=[value_info("y", [5])]), 0, ""),
    # types and shapes
    "types: text as input": (plain([node("Identity", "i", ["x"], ["y"])], inputs=[value_info("x", [4], STRING)]), 3, "input 'x': string"),
    "types: complex as input": (plain([node("Identity", "i", ["x"], ["y"])], inputs=[value_info("x", [4], COMPLEX)]), 3, "input 'x'"),
    "types: a sequence as input": (sequence_input(), 3, "only tensors are supported"),
    "types: text as constant": (plain([node("Identity", "i", ["c"], ["y"])], [TEXT]), 3, "c"),
    "types: a bool of 2": (plain([node("Where", "w", ["c", "x", "x"], ["y"])], [typed("c", BOOL, [4], b"\0\1\2\1")]), 2, "expected 0 or 1"),
    "shapes: an input without one": (no_shape(), 2, ["--input-shape", "x"]),
    "shapes: nine axes": (plain(RELU, inputs=[value_info("x", [1] * 9)], outputs=[value_info("y", [1] * 9)]), 3, "more than 8 axes"),
    "shapes: an axis of 0": (plain(RELU, inputs=[value_info("x", [0])], outputs=[value_info("y", [0])]), 3, "x"),
    "shapes: 2^40 elements": (plain(RELU, inputs=[value_info("x", [1 << 20, 1 << 20])], outputs=[value_info("y", [1 << 20, 1 << 20])]), 3,
                              "more than 2147483647 elements"),
    # sparse initializers
    "sparse: taken": (sparse([1, 3], [0.5, 0.25], [4]), 0, ""),
    "sparse: index outside": (sparse([1, 4], [0.5, 0.25], [4]), 2, "index 1 of the sparse tensor lies outside"),
    "sparse: negative index": (sparse([-1, 3], [0.5, 0.25], [4]), 2, "index 0 of the sparse tensor lies outside"),
    "sparse: an index too few": (sparse([1], [0.5, 0.25], [4]), 2, "do not fit"),
    "sparse: pairs of another rank": (sparse([1, 2], [0.5], [4], [1, 2]), 2, "do not fit"),
    "sparse: negative shape": (sparse([1], [0.5], [-4]), 2, "negative or too large"),
    "sparse: 2^60 elements": (sparse([1], [0.5], [1 << 30, 1 << 30]), 2, "negative or too large"),
    # values of constants
    "tensors: too few bytes": (plain([node("Add", "add", ["x", "w"], ["y"])], [typed("w", FLOAT, [4], b"\0" * 12)]), 2, "found 12 bytes, expected 16"),
    "tensors: two encodings at once": (plain([node("Add", "add", ["x", "w"], ["y"])], [typed("w", FLOAT, [4], b"\0" * 12) + field(4, b"\0" * 16)]), 2, "w"),
    "tensors: doubles, widened": (plain([node("Cast", "c", ["w"], ["f"], attribute_int("to", FLOAT)), node("Add", "add", ["x", "f"], ["y"])],
                                        [tensor("w", [4], [0.5, 1, 2, 3], DOUBLE)]), 0, ""),
}


def write(bench):
    def put(name, content):
        with open(bench.path(name), "wb") as f:
            f.write(content)

    for i, (content, _, _) in enumerate(MODELS.values()):
        put(f"ref-{i}.onnx", content)
    put("ref.bin", struct.pack("<4f", 1, 2, 3, 4))
    put("ref21.bin", b"12345" + struct.pack("<4f", 1, 2, 3, 4))
    for link, target in (("ref-link", "/etc/passwd"), ("ref-linked", "/etc"), ("ref-zero", "/dev/zero"), ("ref-loop", "ref-loop"), ("ref-inside", "ref.bin")):
        os.symlink(target, bench.path(link))
    os.mkdir(bench.path("ref-folder"))
    os.mkfifo(bench.path("ref-fifo"))
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        os.chdir(bench.folder)  # the path of a socket is short
        s.bind("ref-socket")
        os.chdir(here)


def rows():
    """(name, model file, exit status, fragments)"""
    for i, (name, (_, status, fragment)) in enumerate(MODELS.items()):
        yield name, f"ref-{i}.onnx", status, fragment
