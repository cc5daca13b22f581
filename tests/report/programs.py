"""Small programs in text form for the tests of reports, and what waferc makes of them."""

import base64
import json
import os
import subprocess
import sys
import zlib

# A target of 12 x 10 PEs with ports at three rows, two dead PEs and two dead links.
def small_target(waferc):
    target = json.loads(subprocess.run([waferc, "targets", "lab"], check=True, capture_output=True).stdout)
    target.update(name="small", width=12, height=10, io_ports={"west": [0, 2, 5], "east": [0, 2, 5]},
                  bad_pes=[[9, 1], [10, 7]], bad_links=[[8, 8, "E"], [3, 9, "E"]])
    return json.dumps(target)


HOSTILE = ["</script><img src=x onerror=alert(1)>", "<!--<script>", "\"'`${alert(2)}&lt;b>", "../../etc/passwd",
           "]]><svg onload=alert(3)>", "\\u003cscript>", "a/" * 40 + "long", "ünïcödé/层/🧇"]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Two samples' worth of layers that stand beside and above each other: a producer, an adapter, a buffer over another
# layer, and the last two stacked. Row 2 carries four words per sample from port to port.
def stacked(waferc, names):
    n = [quoted(name) for name in names]
    return f"""wafer 1
target {small_target(waferc)}
model {n[0]} producer "waferc test" delta_t 100
layer {n[0]} kind "contract" rect 0,0,3,10 split {n[1]} nodes [{n[0]}, {n[2]}] macs 400 nonzero 200 pes 3 predicted [90, 50, 20, 0, 10, 5, 5]
layer {n[1]} kind "adapter" rect 3,0,1,10 split "" nodes [] pes 1 predicted [40, 0, 30, 0, 0, 10, 0]
layer {n[3]} kind "buffer" rect 4,0,2,4 split "" nodes [] pes 1 predicted [20, 0, 10, 0, 0, 10, 0]
layer {n[4]} kind "contract" rect 4,4,2,6 split "" nodes [{n[4]}] macs 100 nonzero 100 pes 1 predicted [100, 60, 20, 0, 10, 5, 5]
layer {n[5]} kind "map" rect 6,0,3,5 split "" nodes [{n[5]}] pes 1 predicted [30, 0, 0, 0, 20, 5, 5]
layer {n[6]} kind "reduce" rect 6,5,3,5 split "" nodes [{n[6]}, {n[7]}] pes 1 predicted [60, 0, 0, 0, 50, 5, 5]
class {n[0]} {{ array a f32[8] weight array b f32[16] input }}
class {n[7]} {{ array a f32[4] weight array b f32[4] scratch }}
class add {{
  desc in = in f32 q0 [4]
  desc out = out f32 q1 [4]
  in q0 = c1
  out q1 = c2
  task t0 local main active
  code {{ main: vadd.f32 out, in, r0
    bra main }}
}}
router first {{ c1 [W>R] c2 [R>E] }}
router pass {{ c2 [W>E] }}
pe 0,2 class add router first layer 0
pe 1..2,5 class {n[0]} layer 0
pe 3,2 class {n[7]} router pass layer 1
pe 4,1 class {n[7]} layer 2
pe 4,6 class {n[7]} layer 3
pe 6,4 class {n[7]} layer 4
pe 6,6 class {n[7]} layer 5
pe 1..2,2 router pass layer 0
pe 4..11,2 router pass
input {n[2]} f32 dims [4] {{ stream west row 2 c1 [0:4] }}
output {n[4]} f32 dims [4] {{ stream east row 2 c2 [0:4] }}
"""


class Bench:
    """A folder, and waferc run in it."""

    def __init__(self, waferc, folder):
        self.waferc, self.folder = waferc, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *args, code=0):
        done = subprocess.run([self.waferc, *args], capture_output=True, timeout=300, check=False, cwd=self.folder)
        if done.returncode != code:
            sys.exit(f"waferc {args}: exit {done.returncode}, expected {code}\n{done.stdout.decode()}{done.stderr.decode()}")
        return done.stderr.decode()

    def assemble(self, text, name="p"):
        with open(self.path(name + ".wasm"), "w", encoding="utf-8") as f:
            f.write(text)
        self.run("asm", name + ".wasm", "-o", name + ".wafer")
        return name + ".wafer"

    def facts(self, wafer, *more):
        self.run("report", wafer, "-o", "facts.json", *more)
        with open(self.path("facts.json"), encoding="ascii") as f:
            return json.load(f)


def plane(facts, name):
    """Rows of a plane, as docs/report.md describes it."""
    planes = facts["planes"]
    raw, width = zlib.decompress(base64.b64decode(planes[name]["data"])), planes[name]["bytes"]
    values = [int.from_bytes(raw[i:i + width], "little") for i in range(0, len(raw), width)]
    assert len(values) == planes["w"] * planes["h"], (name, len(values))
    return [values[y * planes["w"]:(y + 1) * planes["w"]] for y in range(planes["h"])]


def words(facts, x, y):
    """Words per sample that leave PE (x, y) to N, E, S, W."""
    planes = facts["planes"]
    return [plane(facts, f"words_{side}")[y - planes["y"]][x - planes["x"]] for side in ("north", "east", "south", "west")]
