// The table of layers: sorted by the buttons in its head, a row opens to show everything about its layer.

const TERMS = ['compute', 'receive', 'reduce', 'epilogue', 'send', 'lane'];
const CAUSES = ['busy', 'overhead', 'bank', 'back_pressure', 'no_input', 'idle'];
const CAUSE_COLOURS = {
  busy: '#4f9d69', overhead: '#c9a13b', bank: '#a9713f', back_pressure: '#c25b6e', no_input: '#8fa3bf', idle: '#c8ced6',
};
const plain = (name) => name.replace(/_/g, ' ');
const isCompute = (layer) => layer.kind !== 'adapter' && layer.kind !== 'buffer';

// The predicted time is not the sum of its terms: some overlap. The bar shows how they compare.
function meter(values, colours, most) {
  const bar = el('span.meter');
  values.forEach((value, i) => {
    if (!(value > 0) || !(most > 0)) return;
    const part = coloured('span', colours[i]);
    part.style.width = `${Math.min(100, 100 * value / most)}%`;
    bar.append(part);
  });
  return bar;
}

const mostPredicted = Math.max(1, ...report.layers.map((layer) => layer.predicted_cycles.total || 0));

function predictedCell(layer, i) {
  const { total } = layer.predicted_cycles;
  const slow = report.totals.slowest_layer === i;
  return [number(total), meter([total], [slow ? 'var(--mark)' : 'var(--accent)'], mostPredicted)];
}

function causesCell(layer) {
  if (!layer.simulated) return ['–'];
  const causes = CAUSES.map((cause) => layer.simulated.cycles_by_cause[cause]);
  const sum = causes.reduce((a, b) => a + b, 0);
  const bar = meter(causes, CAUSES.map((cause) => CAUSE_COLOURS[cause]), sum);
  bar.title = CAUSES.map((cause, i) => `${plain(cause)} ${percent(sum ? causes[i] / sum : 0)}`).join(', ');
  return [percent(sum ? layer.simulated.cycles_by_cause.busy / sum : 0), bar];
}

function busyShare(layer) {
  if (!layer.simulated) return -1;
  const causes = Object.values(layer.simulated.cycles_by_cause);
  const sum = causes.reduce((a, b) => a + b, 0);
  return sum ? layer.simulated.cycles_by_cause.busy / sum : 0;
}

function nameCell(layer, i) {
  const button = el('button', { type: 'button', 'aria-expanded': 'false', title: layer.name },
    coloured('span.swatch', layer.colour), el('bdi', null, layer.name));
  if (report.totals.slowest_layer === i) button.append(el('span.badge', { title: 'largest predicted cycles' }, 'slowest'));
  return [button];
}

const COLUMNS = [
  { key: 'index', label: '#', sort: (l, i) => i, cell: (l, i) => [String(i + 1)], note: 'order of the program: along the flow of the data' },
  { key: 'name', label: 'Layer', text: true, sort: (l) => l.name, cell: nameCell, note: 'first ONNX node of the layer; the row opens to show all of them' },
  { key: 'kind', label: 'Kind', text: true, sort: (l) => l.kind, cell: (l) => [l.kind], note: 'kernel family; an adapter re-orders what one layer sends for the next, a buffer holds a skip connection back' },
  { key: 'rectangle', label: 'Rectangle', text: true, sort: (l) => l.rectangle.x * 65536 + l.rectangle.y, cell: (l) => [`${l.rectangle.w} × ${l.rectangle.h} at ${l.rectangle.x}, ${l.rectangle.y}`], note: 'PEs east-west × north-south, and its north-west PE' },
  { key: 'pes', label: 'PEs', sort: (l) => l.pe_count, cell: (l) => [number(l.pe_count)], note: 'PEs of the layer that hold code' },
  { key: 'macs', label: 'MACs', sort: (l) => l.macs_nonzero, cell: (l) => [big(l.macs_nonzero)], note: 'multiply-accumulates per sample with a weight that is not zero' },
  { key: 'predicted', label: 'Predicted cycles', sort: (l) => l.predicted_cycles.total, cell: predictedCell, note: 'cost model, cycles per sample; the largest is the layer that sets the pace' },
  { key: 'simulated', label: 'Active cycles', run: true, sort: (l) => (l.simulated ? l.simulated.active_cycles : -1), cell: (l) => [number(l.simulated ? l.simulated.active_cycles : null)], note: 'of the run: busy, overhead and bank cycles per sample, mean over the layer’s PEs; the largest is coloured' },
  { key: 'busy', label: 'Busy', run: true, sort: busyShare, cell: causesCell, note: 'share of the layer’s PE cycles in the run that did work; the bar shows all causes' },
  { key: 'utilisation', label: 'Utilisation', sort: (l) => l.utilisation ?? -1, cell: (l) => [isCompute(l) ? percent(l.utilisation) : '–'], note: 'MACs / (PEs × MACs a PE can do per cycle × cycles per sample)' },
  { key: 'sram', label: 'SRAM max', sort: (l) => l.sram.max_bytes, cell: (l) => [number(l.sram.max_bytes), meter([l.sram.max_bytes], ['var(--accent)'], target.sram_bytes)], note: 'bytes in use on the layer’s fullest PE; the bar is the share of a PE’s SRAM' },
  { key: 'mean', label: 'SRAM mean', sort: (l) => l.sram.mean_bytes, cell: (l) => [number(l.sram.mean_bytes)], note: 'bytes in use, mean over the layer’s PEs' },
  { key: 'link', label: 'Busiest link', sort: (l) => (l.busiest_link ? l.busiest_link.words : -1), cell: (l) => [number(l.busiest_link ? l.busiest_link.words : null)], note: 'words per sample on the most loaded link that leaves one of its PEs' },
].filter((column) => report.run || !column.run);

const table = { sorted: 'index', descending: false, open: -1, rows: [] };

function small(title, head, rows) {
  return el('div', null, el('div.part', null, title), el('table', null,
    el('thead', null, el('tr', null, ...head.map((text) => el('th', { scope: 'col' }, text)))),
    el('tbody', null, ...rows.map((row) => el('tr', null, ...row.map((text) => el('td', null, text)))))));
}

// Everything about a layer, for the open row and the side panel.
function layerTables(layer) {
  const categories = report.class_columns.slice(1).filter((c) => layer.sram.max_by_category[c] > 0);
  const parts = [
    small('SRAM, bytes per PE', ['', 'max', 'mean'],
      categories.map((c) => [c, number(layer.sram.max_by_category[c]), number(layer.sram.mean_by_category[c], 1)])),
    small('Predicted cycles', ['', 'per sample'],
      [...TERMS, 'total'].map((term) => [term, number(layer.predicted_cycles[term])])),
  ];
  if (layer.simulated) {
    parts.push(small('Simulated cycles', ['', 'per sample'],
      CAUSES.map((cause) => [plain(cause), number(layer.simulated.cycles_by_cause[cause], 1)])));
  }
  return parts;
}

function moreRow(layer) {
  const nodes = el('div', null, el('div.part', null, `${number(layer.nodes.length)} ONNX node${layer.nodes.length === 1 ? '' : 's'}`),
    el('ul', null, ...layer.nodes.map((name) => el('li', null, el('bdi', null, name)))),
    el('div.part', null, 'Split'), el('ul', null, el('li', null, layer.split)));
  return el('tr.more', null, el('td', { colspan: COLUMNS.length }, el('div.columns', null, ...layerTables(layer), nodes)));
}

function markRows() {
  for (const { row, index, button } of table.rows) {
    row.classList.toggle('selected', index === view.selected);
    row.classList.toggle('hovered', index === view.hovered);
    button.setAttribute('aria-expanded', String(index === table.open));
  }
}

function fillTable() {
  const body = document.querySelector('#layers > tbody');
  const column = COLUMNS.find((c) => c.key === table.sorted);
  const order = table.rows.map((entry) => ({ ...entry, key: column.sort(report.layers[entry.index], entry.index) }));
  order.sort((a, b) => {
    const way = typeof a.key === 'string' ? a.key.localeCompare(b.key, 'en', { numeric: true }) : a.key - b.key;
    return (table.descending ? -way : way) || a.index - b.index;
  });
  const shown = order.filter(({ index }) => !$('compute-only').checked || isCompute(report.layers[index]));
  body.replaceChildren(...shown.flatMap(({ row, index }) => (index === table.open
    ? [row, moreRow(report.layers[index])] : [row])));
  document.querySelectorAll('#layers > thead th').forEach((th, i) => {
    if (COLUMNS[i].key !== table.sorted) th.removeAttribute('aria-sort');
    else th.setAttribute('aria-sort', table.descending ? 'descending' : 'ascending');
  });
  markRows();
}

// Numbers start with the largest, names and places with the first.
function sortBy(column) {
  const largestFirst = !column.text && column.key !== 'index';
  table.descending = table.sorted === column.key ? !table.descending : largestFirst;
  table.sorted = column.key;
  fillTable();
}

function openRow(index) {
  table.open = table.open === index ? -1 : index;
  view.selected = -1;
  if (table.open >= 0) {
    select(index);
    reveal(index);
  } else {
    notify('select');
    redraw();
  }
  fillTable();
}

function startTable() {
  const head = el('tr', null, ...COLUMNS.map((column) => {
    const button = el('button', { type: 'button', title: column.note }, column.label);
    button.addEventListener('click', () => sortBy(column));
    return el(column.text ? 'th.text' : 'th', { scope: 'col', 'data-key': column.key }, button);
  }));
  document.querySelector('#layers > thead').append(head);
  table.rows = report.layers.map((layer, index) => {
    const row = el('tr.layer', { 'data-layer': index }, ...COLUMNS.map((column) => el(
      column.key === 'name' ? 'td.text.name' : column.text ? 'td.text' : 'td', { 'data-key': column.key }, ...column.cell(layer, index))));
    if (report.totals.slowest_layer === index) row.classList.add('slowest');
    if (report.totals.busiest_layer === index) row.querySelector('[data-key="simulated"]')?.classList.add('busiest');
    row.addEventListener('click', () => openRow(index));
    row.addEventListener('pointerenter', () => hover(index));
    row.addEventListener('pointerleave', () => hover(-1));
    return { row, index, button: row.querySelector('button') };
  });
  $('compute-only').addEventListener('change', fillTable);
  listeners.hover.push(markRows);
  listeners.select.push(markRows);
  $('notes').append(...COLUMNS.flatMap((column) => [el('dt', null, column.label), el('dd', null, column.note)]));
  fillTable();
}
