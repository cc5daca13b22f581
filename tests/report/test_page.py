#!/usr/bin/env python3
"""The page of a report in headless Chromium: drawn without a complaint, sorted by click and by key, hostile names inert.

    test_page.py WAFERC SOURCE_DIR

Standard library and the Debian package chromium.
"""

import json
import os
import sys
import tempfile
import unittest

from browser import Browser, find_chromium
from programs import HOSTILE, Bench, stacked

WAFERC = os.path.abspath(sys.argv[1])
ROWS = "[...document.querySelectorAll('tr.layer')].map((row) => Number(row.dataset.layer))"
MAP = "document.getElementById('map').dataset"


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        bench = Bench(WAFERC, cls.folder.name)
        bench.run("report", bench.assemble(stacked(WAFERC, HOSTILE)), "-o", "p.html")
        cls.facts = bench.facts("p.wafer")
        cls.path = bench.path("p.html")
        cls.browser = Browser()
        cls.browser.__enter__()
        cls.addClassCleanup(cls.browser.__exit__)
        cls.page = cls.browser.page()

    def setUp(self):
        self.page.problems.clear()
        self.page.requests.clear()
        self.page.size(1280, 800)
        self.page.open(self.path)

    def tearDown(self):
        self.page.frame()
        self.assertEqual(self.page.problems, [])
        foreign = [url for url in self.page.requests if not url.startswith("file://") or not url.endswith("/p.html")]
        self.assertEqual(foreign, [])

    def test_regions_drawn(self):
        self.assertEqual(self.page.evaluate(f"Number({MAP}.regions)"), len(self.facts["layers"]))
        self.assertEqual(self.page.evaluate(ROWS), list(range(6)))

    # Each region shows its own colour: the pixels under a place of it that holds no PE are mixed from that colour.
    def test_pixels_of_regions(self):
        places = [[1, 8], [3, 8], [5, 0], [5, 9], [8, 1], [8, 9]]
        pixels = self.page.evaluate(
            "(() => { const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); "
            f"return {places}.map(([x, y]) => {{ const at = 4 * (Math.round(toY(y + 0.5)) * canvas.width + Math.round(toX(x + 0.5))); "
            "return [...all.data.slice(at, at + 3)]; }); })()")
        for index, pixel in enumerate(pixels):
            wafer, colour = (236, 239, 242), self.facts["layers"][index]["colour"]
            expected = [w + 0.34 * (int(colour[i:i + 2], 16) - w) for w, i in zip(wafer, (1, 3, 5))]
            for found, wanted in zip(pixel, expected):
                self.assertLess(abs(found - wanted), 4, (index, pixel, expected))

    def test_click_sorts(self):
        layers = self.facts["layers"]
        order = sorted(range(6), key=lambda i: (-layers[i]["predicted_cycles"]["total"], i))
        head = 'th[data-key="predicted"]'
        self.page.click(*self.page.middle(head + " button"))
        self.assertEqual(self.page.evaluate(ROWS), order)
        self.assertEqual(self.page.evaluate(f"document.querySelector('{head}').getAttribute('aria-sort')"), "descending")
        self.page.click(*self.page.middle(head + " button"))
        self.assertEqual(self.page.evaluate(ROWS), sorted(range(6), key=lambda i: (layers[i]["predicted_cycles"]["total"], i)))
        self.assertEqual(self.page.evaluate("document.querySelectorAll('th[aria-sort]').length"), 1)

    def test_keys_sort(self):
        self.page.evaluate("document.querySelector('th[data-key=\"pes\"] button').focus()")
        self.page.press("Enter", "\r")
        self.assertEqual(self.page.evaluate(ROWS), [0, 1, 2, 3, 4, 5])
        self.page.press("Enter", "\r")
        self.assertEqual(self.page.evaluate(ROWS), [1, 2, 3, 4, 5, 0])

    def test_every_column_sorts(self):
        for key in self.page.evaluate("[...document.querySelectorAll('th[data-key]')].map((th) => th.dataset.key)"):
            self.page.evaluate(f"document.querySelector('th[data-key=\"{key}\"] button').click()")
            self.assertEqual(sorted(self.page.evaluate(ROWS)), list(range(6)), key)

    def test_hostile_names_stay_text(self):
        names = self.page.evaluate("[...document.querySelectorAll('td.name bdi')].map((e) => e.textContent)")
        self.assertEqual(names, [layer["name"] for layer in self.facts["layers"]])
        for i in range(6):
            self.page.evaluate(f"document.querySelectorAll('tr.layer')[{i}].click()")
            self.page.frame()
            self.assertEqual(self.page.evaluate("document.querySelector('#details .title').textContent"), names[i])
            self.assertEqual(self.page.evaluate("[...document.querySelectorAll('tr.more li bdi')].map((e) => e.textContent)"),
                             self.facts["layers"][i]["nodes"])
        self.assertEqual(self.page.evaluate("document.querySelectorAll('img, svg, iframe, object, a').length"), 0)
        self.assertEqual(self.page.evaluate("document.querySelectorAll('script').length"), 2)
        self.assertIn(HOSTILE[0], self.page.evaluate("document.title"))

    def test_hover_click_and_zoom_to_a_pe(self):
        box = self.page.evaluate("(() => { const b = canvas.getBoundingClientRect(); return [b.x, b.y]; })()")
        x, y = self.page.evaluate("[toX(1.5), toY(5.5)]")
        self.page.click(box[0] + x, box[1] + y)
        tip = self.page.evaluate("document.getElementById('tip').innerText")
        for part in ("PE 1, 5", "96 of 49\u202f152", HOSTILE[0], "weight", "32"):
            self.assertIn(part, tip)
        self.assertEqual(self.page.evaluate("document.querySelector('tr.selected').dataset.layer"), "0")
        before = self.page.evaluate(f"Number({MAP}.scale)")
        for _ in range(12):
            self.page.mouse("mouseWheel", box[0] + x, box[1] + y, deltaX=0, deltaY=-240)
        self.page.frame()
        self.assertEqual(self.page.evaluate(f"Number({MAP}.scale)"), 160)
        self.assertGreater(160, before)
        self.assertIn("PE 1, 5", self.page.evaluate("document.getElementById('tip').innerText"))
        self.page.evaluate("canvas.focus()")
        self.page.press("0", "0")
        self.assertAlmostEqual(self.page.evaluate(f"Number({MAP}.scale)"), before, 2)

    def test_port_tip(self):
        box = self.page.evaluate("(() => { const b = canvas.getBoundingClientRect(); return [b.x, b.y]; })()")
        x, y = self.page.evaluate("[toX(0) - 6, toY(2.5)]")
        self.page.mouse("mouseMoved", box[0] + x, box[1] + y)
        self.page.frame()
        tip = self.page.evaluate("document.getElementById('tip').innerText")
        self.assertIn(HOSTILE[2] + " in", tip)
        self.assertIn("4 words", tip)

    def test_heat_maps(self):
        for mode in ("sram", "links", "colours", "layers"):
            self.page.click(*self.page.middle(f'[data-mode="{mode}"]'))
            self.assertEqual(self.page.evaluate(f"{MAP}.mode"), mode)
            self.assertEqual(self.page.evaluate(f"Number({MAP}.regions)"), 6)
        most = self.page.evaluate("(() => { setMode('links'); return [modes.links.most(), modes.links.value(2 * 12 + 5)]; })()")
        self.assertEqual(most, [4, 4])

    def test_sizes_and_themes(self):
        for width, height, dark in ((1280, 800, True), (400, 800, False), (400, 800, True)):
            self.page.size(width, height, dark)
            self.page.open(self.path)
            self.assertEqual(self.page.evaluate(f"Number({MAP}.regions)"), 6)
            self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), width)
            background = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
            self.assertEqual(max(json.loads(background.replace("rgb(", "[").replace(")", "]"))) < 100, dark)

    def test_only_layers_that_compute(self):
        self.page.click(*self.page.middle("#compute-only"))
        self.assertEqual(self.page.evaluate(ROWS), [0, 3, 4, 5])


if __name__ == "__main__":
    if not find_chromium():
        sys.exit("chromium is not installed; scripts/setup installs it")
    unittest.main(argv=sys.argv[:1])
