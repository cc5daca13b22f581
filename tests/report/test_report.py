#!/usr/bin/env python3
"""waferc report and compile --report from the command line: facts, words per link, formats, bad input.

    test_report.py WAFERC SOURCE_DIR

Standard library only.
"""

import json
import os
import struct
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from programs import HOSTILE, Bench, plane, stacked, words

WAFERC, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bench = Bench(WAFERC, folder.name)

    def links(self, text):
        return self.bench.facts(self.bench.assemble("wafer 1\ntarget lab\n" + text))

    def sender(self, code, more=""):
        """PE 0,0 runs `code` and sends along row 0 to a PE that takes everything."""
        return self.links(f"""layer row
class send {{ array x f32[64] input
  desc x8 = mem f32 x [8] desc q8 = out f32 q0 [8] desc x3 = mem f32 x [3] desc q3 = out f32 q0 [3] ctl(nop, nop)
  desc h5 = mem f16 x [5] desc p5 = out f16 q0 [5]
  out q0 = c1 task t0 local main active {more} code {{ {code} }} }}
class take {{ array y f32[64] input desc get = in f32 q2 [1] desc put = mem f32 y [1] in q2 = c1
  task t0 local main active code {{ main: vmov.f32 put, get
    bra main }} }}
router head {{ c1 [R>E] }}
router last {{ c1 [W>R] }}
pe 0,0 class send router head layer 0 regs [2, 5]
pe 1,0 class take router last layer 0""")

    def check_sender(self, expected, code, **more):
        facts = self.sender(code, **more)
        self.assertTrue(facts["links"]["exact"], facts["links"])
        self.assertEqual(words(facts, 0, 0), [0, expected, 0, 0], code)
        self.assertEqual(facts["links"]["hops_per_sample"], expected)

    def test_words_of_a_turn(self):
        self.check_sender(8, "main: vmov.f32 q8, x8\n bra main")
        self.check_sender(4, "main: vmov.f32 q3, x3\n bra main")  # three and a control word
        self.check_sender(3, "main: vmov.f16 p5, h5\n bra main")  # two elements per word
        self.check_sender(1, "main: vmov.f32 q8, x8\n L: sendc q8, ctl(nop, nop)\n bra L")  # the prologue is no sample
        self.check_sender(44, "main: loop 4 { vmov.f32 q8, x8\n loop 3 { sendc q8, ctl(nop, nop) } }\n bra main")
        self.check_sender(16, "main: loop r1 { vmov.f32 q8, x8 }\n bra main")  # the count is a parameter
        self.check_sender(20, "main: mov r3, r2\n L: vmov.f32 q3, x3\n add.i32 r3, r3, -1\n brnz r3, L\n bra main")
        self.check_sender(2, "main: setd q8, len3, r1\n vmov.f32 q8, x8\n bra main")
        self.check_sender(8, "main: loop 100 { vadd.f32 x8, x8, x8 }\n vmov.f32 q8, x8\n bra main")
        self.check_sender(8, "main: vmov.f32 q8, x8\n end")  # a task that ends has one turn

    def test_what_the_code_does_not_tell(self):
        for code in ("main: vsendnz.f32 q8, x8\n bra main", "main: ld r3, x8\n loop r3 { vmov.f32 q8, x8 }\n bra main",
                     "main: ldd q8, x8\n vmov.f32 q8, x8\n bra main",
                     "main: xor.i32 r3, r3, 1\n brz r3, L\n vmov.f32 q8, x8\n L: bra main"):
            with self.subTest(code=code):
                facts = self.sender(code)
                self.assertFalse(facts["links"]["exact"])
                self.assertEqual(facts["links"]["pes_not_followed"], 1)
                self.assertEqual(facts["links"]["hops_per_sample"], 0)

    def test_multicast_merge_and_ports(self):
        with open(os.path.join(SOURCE, "tests/fabric/host.wasm"), encoding="utf-8") as f:
            facts = self.bench.facts(self.bench.assemble(f.read()))
        self.assertEqual(facts["links"]["hops_per_sample"], 378 / 3)  # the test of the fabric counts 378 in three samples
        self.assertEqual(facts["links"]["edge_words_per_sample"], 6)
        self.assertEqual({(p["direction"], p["side"], p["row"], p["words"], p["tensor"]) for p in facts["ports"]},
                         {("in", "west", 3, 4, "a"), ("in", "west", 3, 4, "b"), ("in", "west", 3, 2, "c"),
                          ("out", "west", 3, 4, "y"), ("out", "east", 3, 2, "z")})
        with open(os.path.join(SOURCE, "tests/fabric/multicast.wasm"), encoding="utf-8") as f:
            self.assertEqual(self.bench.facts(self.bench.assemble(f.read()))["links"]["hops_per_sample"], 144)

    def test_routes_that_need_the_order(self):
        facts = self.links("""layer row
class send { array x f32[8] input desc x8 = mem f32 x [8] desc q8 = out f32 q0 [8] out q0 = c1
  task t0 local main active code { main: vmov.f32 q8, x8
    bra main } }
router head { c1 [R>E | R>S] }
router east { c1 [W>R] }
router south { c1 [N>R] }
class take { array y f32[64] input desc get = in f32 q2 [1] desc put = mem f32 y [1] in q2 = c1
  task t0 local main active code { main: vmov.f32 put, get
    bra main } }
pe 0,0 class send router head layer 0
pe 1,0 class take router east
pe 0,1 class take router south""")
        self.assertFalse(facts["links"]["exact"])
        self.assertEqual(facts["links"]["routes_by_order"], 1)
        self.assertEqual(words(facts, 0, 0), [0, 8, 8, 0])

    def test_routes_in_a_circle(self):
        facts = self.links("""layer row
router a { c1 [S>E] } router b { c1 [W>S] } router c { c1 [N>W] } router d { c1 [E>N] }
pe 0,0 router a pe 1,0 router b pe 1,1 router c pe 0,1 router d""")
        self.assertEqual(facts["links"]["routes_in_cycles"], 4)
        self.assertFalse(facts["links"]["exact"])

    def test_facts(self):
        facts = self.bench.facts(self.bench.assemble(stacked(WAFERC, HOSTILE)))
        self.assertEqual([layer["name"] for layer in facts["layers"]], HOSTILE[:2] + HOSTILE[3:7])
        self.assertEqual(facts["model"], HOSTILE[0])
        self.assertEqual([layer["pe_count"] for layer in facts["layers"]], [3, 1, 1, 1, 1, 1])
        totals = facts["totals"]
        self.assertEqual((totals["pe_total"], totals["pe_used"], totals["pe_router_only"]), (118, 8, 10))
        self.assertEqual((totals["adapters"], totals["adapter_columns"], totals["buffers"]), (1, 1, 1))
        self.assertEqual((totals["buffer_tensors"], totals["buffer_columns"]), (1, 2))
        self.assertEqual(totals["port_bound_cycles"], 4)
        self.assertAlmostEqual(totals["edge_bound_cycles"], 4 / 3)
        self.assertEqual((totals["slowest_layer"], totals["busiest_layer"]), (3, None))
        self.assertEqual((totals["sram_max_bytes"], totals["sram_max_pe"]), (96, [1, 5]))
        self.assertEqual((totals["colours_max"], totals["colours_max_pe"]), (2, [0, 2]))
        first = facts["layers"][0]
        self.assertEqual(first["rectangle"], {"x": 0, "y": 0, "w": 3, "h": 10})
        self.assertEqual(first["sram"]["max_by_category"]["weight"], 32)
        self.assertAlmostEqual(first["sram"]["mean_by_category"]["weight"], 64 / 3)
        self.assertEqual(first["predicted_cycles"]["receive"], 20)
        self.assertAlmostEqual(first["utilisation"], 200 / (3 * totals["mac_rate"] * 100))
        self.assertEqual(first["busiest_link"], {"words": 4, "x": 0, "y": 2, "port": "E"})
        self.assertEqual(facts["defects"], {"pes": [[9, 1], [10, 7]], "links": [[8, 8, "E"], [3, 9, "E"]]})
        self.assertEqual(facts["target"]["io_rows_west"], [0, 2, 5])
        self.assertEqual({k: facts["planes"][k] for k in "xywh"}, {"x": 0, "y": 0, "w": 12, "h": 10})
        classes, layers = plane(facts, "class"), plane(facts, "layer")
        self.assertEqual((classes[0][0], classes[2][1], classes[5][1]), (0, 1, 2))
        self.assertEqual(facts["classes"][classes[2][0] - 2][0], "add")
        self.assertEqual((layers[2][0], layers[2][5], layers[6][6]), (1, 0, 6))
        self.assertEqual([words(facts, x, 2)[1] for x in range(12)], [4] * 12)
        self.assertEqual(facts["links"]["hops_per_sample"], 44)

    def test_names_in_svg_are_no_markup(self):
        wafer = self.bench.assemble(stacked(WAFERC, HOSTILE))
        self.bench.run("report", wafer, "-o", "p.svg")
        root = xml.etree.ElementTree.parse(self.bench.path("p.svg")).getroot()
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        tags = {element.tag.split("}")[1] for element in root.iter()}
        self.assertFalse(tags & {"script", "a", "foreignObject", "text", "svg"} - {"svg"}, tags)
        for element in root.iter():
            self.assertFalse([a for a in element.attrib if a.split("}")[-1].startswith("on")], element.attrib)

    def test_png(self):
        self.bench.run("report", self.bench.assemble(stacked(WAFERC, HOSTILE)), "-o", "p.png")
        with open(self.bench.path("p.png"), "rb") as f:
            head = f.read(24)
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack("!I", head[16:20])[0], 2560)

    def test_html_holds_the_facts_and_nothing_foreign(self):
        wafer = self.bench.assemble(stacked(WAFERC, HOSTILE))
        facts = self.bench.facts(wafer)
        self.bench.run("report", wafer, "-o", "p.html")
        with open(self.bench.path("p.html"), encoding="utf-8") as f:
            page = f.read()
        data = page.split('id="data">')[1].split("</script>")[0]
        self.assertEqual(json.loads(data), facts)
        self.assertFalse(set(data) & set("<>&"))
        self.assertEqual(page.lower().count("<script"), 2)
        self.assertEqual(page.lower().count("</script"), 2)
        self.assertNotIn("http", page.split("<style>")[0].lower().replace("http-equiv", ""))
        self.assertNotIn("@SCRIPT", page)

    def test_same_bytes(self):
        wafer = self.bench.assemble(stacked(WAFERC, HOSTILE))
        for ending in ("html", "json", "svg", "png"):
            found = []
            for name in ("one", "two"):
                self.bench.run("report", wafer, "-o", f"{name}.{ending}")
                with open(self.bench.path(f"{name}.{ending}"), "rb") as f:
                    found.append(f.read())
            self.assertEqual(found[0], found[1], ending)

    def test_bad_input_leaves_nothing(self):
        wafer = self.bench.assemble(stacked(WAFERC, HOSTILE))
        other = self.bench.assemble(stacked(WAFERC, HOSTILE[::-1]), "other")
        cases = [(["report", wafer], 2, "E0010"), (["report", wafer, "-o", "x.pdf"], 2, "E1401"),
                 (["report", wafer, "-o", ".html"], 2, "E1401"), (["report", wafer, "-o", "x.HTML"], 2, "E1401"),
                 (["report", "none.wafer", "-o", "x.html"], 74, "E0001"), (["report", "p.wasm", "-o", "x.html"], 2, "E12"),
                 (["report", wafer, "-o", "no/such/x.html"], 74, "E0001"), (["report", wafer, "-o", "dir.html"], 74, "E0004"),
                 (["report", wafer, "-o", "x.html", "--stats", "none.json"], 74, "E0001"),
                 (["report", wafer, "-o", "x.html", "--stats", "p.wasm"], 2, "E1402")]
        for name, text in (("list", "[]"), ("empty", "{}"), ("deep", "[" * 3000), ("layers", '{"layers": 3}')):
            with open(self.bench.path(name + ".json"), "w", encoding="utf-8") as f:
                f.write(text)
            cases.append((["report", wafer, "-o", "x.html", "--stats", name + ".json"], 2, "E1402"))
        os.mkdir(self.bench.path("dir.html"))
        before = sorted(os.listdir(self.bench.folder))
        for args, code, message in cases:
            with self.subTest(args=args):
                self.assertIn(f"WFC-{message}", self.bench.run(*args, code=code))
                self.assertEqual(sorted(os.listdir(self.bench.folder)), before)
        self.check_other_program(wafer, other)

    def check_other_program(self, wafer, other):
        with open(self.bench.path("in.npy"), "wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118))
            f.write(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }".ljust(117) + b"\n" + struct.pack("<4f", 1, 2, 3, 4))
        self.bench.run("run", wafer, "--input", f"{HOSTILE[2]}=in.npy", "--samples", "8", "--stats", "run.json")
        facts = self.bench.facts(wafer, "--stats", "run.json")
        self.assertEqual(facts["run"]["samples"], 8)
        self.assertEqual(facts["run"]["hops_per_sample"], facts["links"]["hops_per_sample"])
        self.assertEqual(facts["totals"]["busiest_layer"], 0)
        causes = facts["layers"][0]["simulated"]["cycles_by_cause"]
        self.assertAlmostEqual(sum(causes.values()), facts["run"]["cycles"] / 8)
        self.assertIn("WFC-E1403", self.bench.run("report", other, "--stats", "run.json", "-o", "x.html", code=2))
        with open(self.bench.path("run.json"), encoding="utf-8") as f:
            run = json.load(f)
        run["samples"] = -1
        with open(self.bench.path("run.json"), "w", encoding="utf-8") as f:
            json.dump(run, f)
        self.assertIn("WFC-E1402", self.bench.run("report", wafer, "--stats", "run.json", "-o", "x.html", code=2))
        self.assertFalse(os.path.exists(self.bench.path("x.html")))

    def test_help(self):
        for args in (("report", "--help"), ("compile", "--help")):
            self.bench.run(*args)

    def test_compile_with_report(self):
        model = os.path.join(SOURCE, "models/mlp-fashion/model.onnx")
        self.bench.run("compile", model, "-o", "m.wafer", "--report", "m.json")
        with open(self.bench.path("m.json"), "rb") as f:
            first = f.read()
        self.bench.run("report", "m.wafer", "-o", "n.json")
        with open(self.bench.path("n.json"), "rb") as f:
            self.assertEqual(first, f.read())
        facts = json.loads(first)
        self.assertTrue(facts["links"]["exact"], facts["links"])
        self.bench.run("run", "m.wafer", "--data", os.path.join(SOURCE, "models/mlp-fashion"), "--samples", "2", "--stats", "r.json")
        facts = self.bench.facts("m.wafer", "--stats", "r.json")
        self.assertEqual(facts["run"]["hops_per_sample"], facts["links"]["hops_per_sample"])
        before = sorted(os.listdir(self.bench.folder))
        for args in (["-o", "x.json", "--report", "x.json"], ["-o", "x.wafer", "--report", "x.txt"]):
            self.bench.run("compile", model, *args, code=2)
        self.bench.run("compile", model, "-o", "no/x.wafer", "--report", "x.html", code=74)
        self.bench.run("compile", model, "-o", "x.wafer", "--report", "no/x.html", code=74)
        self.assertEqual(sorted(os.listdir(self.bench.folder)), before)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
