// Head of the page, legend, details, tooltip, and the start.

function facts(pairs) {
  return el('dl.facts', null, ...pairs.filter((pair) => pair).flatMap(([name, value]) => [el('dt', null, name), el('dd', null, value)]));
}

function tile(title, value, unit, more) {
  const strong = el('strong', null, value);
  if (unit) strong.append(' ', el('span', null, unit));
  return el('div.tile', null, el('h2', null, title), strong, el('p', { title: more }, more));
}

// A link carries one word per cycle, so one with more words than cycles per sample sets the pace.
function linkTile() {
  const { most } = report.links;
  if (!most) return tile('Busiest link', '0', 'words per sample', 'no link carries words');
  const known = report.totals.delta_t_cycles !== null;
  const share = known ? linkMost() / report.totals.delta_t_cycles : 0;
  const out = tile('Busiest link', number(linkMost()), 'words/sample',
    `PE ${most.x}, ${most.y} ${most.port}${known ? `; ${percent(share)} of ΔT` : ''}`);
  if (share > 1) out.classList.add('warn');
  return out;
}

function showTiles() {
  const t = report.totals;
  const { run } = report;
  const tiles = [];
  if (run && run.delta_t_cycles !== null) {
    const off = t.predicted_delta_t_cycles ? ` (${signed(t.predicted_delta_t_cycles / run.delta_t_cycles - 1)})` : '';
    tiles.push(tile('Cycles per sample (ΔT)', number(t.delta_t_cycles), 'simulated', `predicted ${number(t.predicted_delta_t_cycles)}${off}`));
  } else if (t.delta_t_cycles !== null) {
    tiles.push(tile('Cycles per sample (ΔT)', number(t.delta_t_cycles), 'predicted',
      `${big(target.clock_hz / t.delta_t_cycles)} samples/s at ${number(target.clock_hz / 1e6)}\u202fMHz`));
  }
  if (t.slowest_layer !== null) {
    const layer = report.layers[t.slowest_layer];
    tiles.push(tile('Slowest layer', number(layer.predicted_cycles.total), 'cycles', layer.name));
  }
  if (run && run.latency_cycles !== null) {
    tiles.push(tile('Latency', number(run.latency_cycles), 'cycles', 'of one sample alone'));
  }
  tiles.push(
    tile('PEs with code', number(t.pe_used), percent(t.pe_used / t.pe_total), `of ${number(t.pe_total)}; ${number(t.pe_router_only)} only route`),
    tile('Fullest PE', number(t.sram_max_bytes), 'bytes', `${percent(t.sram_max_bytes / target.sram_bytes)} of ${number(target.sram_bytes)}`),
    linkTile(),
    tile('Layers', number(t.layers - t.adapters - t.buffers), '', `${number(t.adapters)} adapters, ${number(t.buffers)} skip buffers`),
  );
  $('tiles').append(...tiles);
}

// ---- legend ----

function key(text, colour, hatched) {
  const sample = coloured('i', colour);
  if (hatched) sample.style.backgroundImage = 'repeating-linear-gradient(-45deg, rgb(20 30 40 / 30%) 0 1px, transparent 1px 4px)';
  return el('li', null, sample, text);
}

function ring(text, colour) {
  const sample = el('i');
  sample.style.boxShadow = `inset 0 0 0 2px ${colour}`;
  return el('li', null, sample, text);
}

function arrow(text, colour) {
  const sample = coloured('i', colour);
  sample.style.clipPath = 'polygon(15% 5%, 90% 50%, 15% 95%)';
  return el('li', null, sample, text);
}

function heatLegend() {
  const units = {
    sram: ['SRAM in use per PE', `${bytes(report.totals.sram_max_bytes)} (${percent(report.totals.sram_max_bytes / target.sram_bytes)} of a PE)`],
    links: ['Most loaded link that leaves a PE', `${number(linkMost())} words per sample`],
    colours: ['Colours routed at a PE', `${number(report.totals.colours_max)} of ${number(target.colours)}`],
  };
  const [title, most] = units[view.mode];
  const ramp = el('div.ramp');
  ramp.style.background = `linear-gradient(90deg, ${theme.heat.map(css).join(', ')})`;
  const parts = [el('div.part', null, title), ramp, el('div.ends', null, el('span', null, '0'), el('span', null, most))];
  if (view.mode === 'links') parts.push(el('p.hint', null, linkNote()));
  return parts;
}

function linkNote() {
  const { links, run } = report;
  const counted = `Data and control words of one sample, counted along the routes: ${big(links.hops_per_sample)} hops.`;
  const simulated = run && run.hops_per_sample ? ` The run counted ${big(run.hops_per_sample)}.` : '';
  if (links.exact) return counted + simulated;
  return `${counted}${simulated} An estimate: ${number(links.pes_not_followed)} PEs send what their code does not tell (not counted), `
    + `${number(links.routes_by_order)} routes deal words out by their order (counted on every way), ${number(links.routes_in_cycles)} lie on cycles.`;
}

function showLegend() {
  const parts = [];
  const keys = [];
  if (view.mode === 'layers') {
    for (const [text, layer] of [['layer', report.layers.find(isCompute)],
      ['adapter', report.layers.find((l) => l.kind === 'adapter')], ['skip buffer', report.layers.find((l) => l.kind === 'buffer')]]) {
      if (layer) keys.push(key(text, layer.colour, text !== 'layer'));
    }
    keys.push(key('not used', 'var(--wafer)'));
  } else {
    parts.push(...heatLegend());
  }
  const defects = report.defects.pes.length + report.defects.links.length;
  keys.push(ring('slowest layer', 'var(--mark)'), arrow('input port', 'var(--in)'), arrow('output port', 'var(--out)'));
  if (defects) keys.push(key(`defect (${number(defects)})`, 'var(--mark)'));
  parts.push(el('ul.keys', null, ...keys));
  if (view.mode === 'layers') {
    parts.push(el('p.hint', null, 'Full colour: PEs with code. Lighter: PEs that only route, and the rest of a rectangle.'));
  }
  $('legend').replaceChildren(...parts);
}

// ---- details and tooltip ----

// Without a selection: the slowest layer, which is what most people look for first.
function showDetails() {
  const slowest = report.totals.slowest_layer;
  const index = view.selected >= 0 ? view.selected : slowest;
  $('details-title').textContent = view.selected >= 0 || slowest === null ? 'Selected layer' : 'Slowest layer';
  const hint = el('p.hint', null, 'Select a layer on the map or in the table. Zoom in to see single PEs and their links.');
  if (index === null) {
    $('details').replaceChildren(hint);
    return;
  }
  const layer = report.layers[index];
  const r = layer.rectangle;
  const link = layer.busiest_link;
  $('details').replaceChildren(el('p.title', null, layer.name), facts([
    ['Kind, rectangle', `${layer.kind}, ${r.w} × ${r.h} at ${r.x}, ${r.y}`],
    ['Split', layer.split],
    ['PEs with code', `${number(layer.pe_count)} of ${number(r.w * r.h)}`],
    ['MACs per sample', big(layer.macs_nonzero)],
    isCompute(layer) ? ['Utilisation', percent(layer.utilisation)] : null,
    link ? ['Busiest link', `${number(link.words)} words per sample, PE ${link.x}, ${link.y} ${link.port}`] : null,
  ]), el('div.columns', null, ...layerTables(layer)));
  if (view.selected < 0) $('details').append(hint);
}

function portTip(x, y) {
  const side = x < 0 ? 'west' : 'east';
  const ports = report.ports.filter((port) => port.side === side && port.row === y);
  if (ports.length === 0 && !target[`io_rows_${side}`].includes(y)) return null;
  const lines = ports.map((port) => [port.direction === 'in' ? `${port.tensor} in` : `${port.tensor} out`, `${number(port.words)} words, colour ${port.colour}`]);
  return [el('span.where', null, `Port, ${side} edge, row ${y}`), ports.length ? facts(lines) : el('div', null, 'not used by this program')];
}

function peTip(pe) {
  const layer = view.hovered >= 0 ? report.layers[view.hovered] : null;
  const what = { unused: 'not used', routes: 'routes only', code: pe.kind === 'code' ? report.classes[pe.classIndex][0] : '' }[pe.kind];
  const pairs = [['Class', what]];
  if (pe.kind === 'code') {
    const row = report.classes[pe.classIndex];
    pairs.push(['SRAM', `${number(pe.sram)} of ${number(target.sram_bytes)}\u202fB`]);
    report.class_columns.slice(1).forEach((name, i) => {
      if (row[i + 1]) pairs.push([`\u2003${name}`, number(row[i + 1])]);
    });
  }
  if (pe.kind !== 'unused') {
    const words = pe.words.map((count, port) => (count ? `${'NESW'[port]}\u202f${number(count)}` : '')).filter((text) => text);
    pairs.push(['Words out', words.join('  ') || 'none'], ['Colours', String(pe.colours)]);
  }
  return [el('b', null, layer ? layer.name : 'No layer'), el('span.where', null,
    `PE ${pe.x}, ${pe.y}${layer ? ` · ${layer.kind}` : ''}${pe.defect ? ' · defective' : ''}`), facts(pairs)];
}

function showTip() {
  const tip = $('tip');
  const at = view.pointer;
  if (!at || canvas.classList.contains('moving')) {
    tip.hidden = true;
    return;
  }
  const x = Math.floor(at.x);
  const y = Math.floor(at.y);
  const pe = peAt(x, y);
  const near = (x < 0 ? -at.x : at.x - target.width) * view.scale <= EDGE && y >= 0 && y < target.height;
  const content = pe ? peTip(pe) : near ? portTip(x, y) : null;
  tip.hidden = !content;
  if (!content) return;
  tip.replaceChildren(...content);
  const left = at.px + 18 + tip.offsetWidth > view.width ? at.px - 18 - tip.offsetWidth : at.px + 18;
  tip.style.left = `${Math.max(4, Math.min(left, view.width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, Math.min(at.py + 14, view.height - tip.offsetHeight - 4))}px`;
}

// ---- start ----

function showHead() {
  document.title = `${report.model || 'program'} on ${target.name} – waferc report`;
  $('model').textContent = report.model || 'Program without a name';
  $('about').textContent = `compiled for ${target.name}, ${number(target.width)} × ${number(target.height)} PEs, by ${report.producer}`
    + (report.run ? `; run of ${number(report.run.samples)} samples on the simulator` : '; not run, times are predictions');
  $('footer').textContent = `${number(report.totals.classes)} classes of PEs, ${number(report.ports.length)} ports in use, `
    + `${big(report.totals.macs_nonzero)} multiply-accumulates per sample.`;
  for (const [name, mode] of Object.entries(modes)) {
    const button = el('button', { type: 'button', 'data-mode': name, 'aria-pressed': String(name === view.mode) }, mode.label);
    button.addEventListener('click', () => setMode(name));
    $('modes').append(button);
  }
}

async function start() {
  readTheme();
  showHead();
  showTiles();
  await loadPlanes();
  startTable();
  showLegend();
  showDetails();
  listeners.select.push(showDetails);
  listeners.mode.push(showLegend, () => {
    document.querySelectorAll('#modes button').forEach((b) => b.setAttribute('aria-pressed', String(b.dataset.mode === view.mode)));
  });
  darkQuery.addEventListener('change', () => {
    restyle();
    showLegend();
  });
  startMap();
  drawMap();
  document.body.dataset.ready = 'yes';
}

start().catch((error) => {
  $('problem').hidden = false;
  $('problem').textContent = `This report cannot be shown here: ${error.message}. It needs a browser of 2023 or later.`;
});
