// The map's view: what part of the wafer is shown, and how pointer, wheel and keys change it. Places are in PEs, (0, 0) is
// the north-west corner of the wafer; view.x, view.y is the place at the canvas' corner, view.scale pixels per PE.

const canvas = $('map');
const view = {
  x: 0, y: 0, scale: 1, width: 0, height: 0, mode: 'layers',
  pointer: null, // place under the pointer, fractional
  hovered: -1, // layer under the pointer, in the map or in the table
  selected: -1,
  fitted: null, // rectangle to keep in view while the size of the canvas changes, until someone moves
};
const EDGE = 16; // pixels beside the wafer, for ports
const MAX_SCALE = 160;
const listeners = { hover: [], select: [], mode: [] };
const notify = (what) => listeners[what].forEach((f) => f());

let drawRequested = false;
function redraw() {
  if (drawRequested) return;
  drawRequested = true;
  requestAnimationFrame(() => {
    drawRequested = false;
    drawMap();
  });
}

const wholeWafer = () => ({ x: 0, y: 0, w: target.width, h: target.height });

// Around the layers; routes to the edges do not count.
function usedRegion() {
  const boxes = report.layers.map((layer) => layer.rectangle).filter((r) => r.w && r.h);
  if (boxes.length === 0) return wholeWafer();
  const x = Math.min(...boxes.map((r) => r.x));
  const y = Math.min(...boxes.map((r) => r.y));
  return {
    x, y, w: Math.max(...boxes.map((r) => r.x + r.w)) - x, h: Math.max(...boxes.map((r) => r.y + r.h)) - y,
  };
}

function fit(rectangle, keep) {
  view.fitted = keep ? rectangle : null;
  const w = Math.max(view.width - 2 * EDGE, 20);
  const h = Math.max(view.height - 2 * EDGE, 20);
  view.scale = Math.min(w / rectangle.w, h / rectangle.h, MAX_SCALE);
  view.x = rectangle.x + rectangle.w / 2 - view.width / 2 / view.scale;
  view.y = rectangle.y + rectangle.h / 2 - view.height / 2 / view.scale;
  redraw();
}

// A corner of the wafer always stays in sight.
function clampView() {
  const keepX = view.width / view.scale / 2;
  const keepY = view.height / view.scale / 2;
  view.x = Math.min(Math.max(view.x, -keepX), target.width - keepX);
  view.y = Math.min(Math.max(view.y, -keepY), target.height - keepY);
}

function zoom(factor, px, py) {
  const smallest = 0.5 * Math.min(view.width / target.width, view.height / target.height);
  const scale = Math.min(Math.max(view.scale * factor, smallest), MAX_SCALE);
  view.x += px / view.scale - px / scale;
  view.y += py / view.scale - py / scale;
  view.scale = scale;
  view.fitted = null;
  clampView();
  redraw();
}

function move(dx, dy) {
  view.x -= dx / view.scale;
  view.y -= dy / view.scale;
  view.fitted = null;
  clampView();
  redraw();
}

function setMode(mode) {
  view.mode = mode;
  notify('mode');
  redraw();
}

function hover(layer) {
  if (layer === view.hovered) return;
  view.hovered = layer;
  notify('hover');
  redraw();
}

function select(layer) {
  view.selected = layer === view.selected ? -1 : layer;
  notify('select');
  redraw();
}

// Brings a layer into view when it is not, without zooming in on large ones.
function reveal(layer) {
  const r = report.layers[layer].rectangle;
  const inside = r.x >= view.x && r.y >= view.y && r.x + r.w <= view.x + view.width / view.scale
    && r.y + r.h <= view.y + view.height / view.scale;
  if (!inside && r.w && r.h) fit(r, false);
}

// ---- pointer: one drags, two pinch ----

const pointers = new Map();
let travelled = 0;

function at(event) {
  const box = canvas.getBoundingClientRect();
  return { px: event.clientX - box.left, py: event.clientY - box.top };
}

function point(position) {
  view.pointer = position
    ? { x: view.x + position.px / view.scale, y: view.y + position.py / view.scale, ...position } : null;
  hover(view.pointer ? layerAt(Math.floor(view.pointer.x), Math.floor(view.pointer.y)) : -1);
  showTip();
  redraw();
}

function pinch(event) {
  const [a, b] = [...pointers.values()];
  const before = Math.hypot(a.px - b.px, a.py - b.py);
  pointers.set(event.pointerId, at(event));
  const [c, d] = [...pointers.values()];
  const after = Math.hypot(c.px - d.px, c.py - d.py);
  move((c.px + d.px - a.px - b.px) / 2, (c.py + d.py - a.py - b.py) / 2);
  if (before > 0 && after > 0) zoom(after / before, (c.px + d.px) / 2, (c.py + d.py) / 2);
}

function onMove(event) {
  const position = at(event);
  const old = pointers.get(event.pointerId);
  if (pointers.size === 2 && old) {
    travelled = Infinity;
    pinch(event);
    return;
  }
  if (old) {
    travelled += Math.hypot(position.px - old.px, position.py - old.py);
    if (travelled > 4) {
      canvas.classList.add('moving');
      move(position.px - old.px, position.py - old.py);
    }
    pointers.set(event.pointerId, position);
  }
  point(position);
}

function onUp(event) {
  if (!pointers.delete(event.pointerId)) return;
  canvas.classList.remove('moving');
  if (event.type === 'pointerup' && travelled <= 4) {
    point(at(event));
    select(view.hovered);
  }
  if (pointers.size === 0) travelled = 0;
}

function onKey(event) {
  const step = 60;
  const actions = {
    ArrowLeft: () => move(step, 0), ArrowRight: () => move(-step, 0), ArrowUp: () => move(0, step),
    ArrowDown: () => move(0, -step), '+': () => zoom(1.4, view.width / 2, view.height / 2),
    '=': () => zoom(1.4, view.width / 2, view.height / 2), '-': () => zoom(1 / 1.4, view.width / 2, view.height / 2),
    0: () => fit(wholeWafer(), true), Home: () => fit(wholeWafer(), true),
    Escape: () => view.selected >= 0 && select(view.selected),
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

// On a narrow screen no more height than the wafer can use.
function resize() {
  const stage = $('stage');
  const narrow = stage.clientWidth < 560;
  stage.style.maxHeight = narrow ? `${Math.max(300, (stage.clientWidth - 2 * EDGE) * target.height / target.width + 2 * EDGE)}px` : '';
  const box = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  view.width = box.width;
  view.height = box.height;
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  if (view.fitted) fit(view.fitted, true);
  clampView();
  drawMap(); // at once: a canvas whose size was set is blank, and the page is painted after this
}

function startMap() {
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 1) travelled = 0;
  });
  canvas.addEventListener('pointermove', onMove);
  canvas.addEventListener('pointerup', onUp);
  canvas.addEventListener('pointercancel', onUp);
  canvas.addEventListener('pointerleave', () => point(null));
  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    const { px, py } = at(event);
    zoom(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), px, py);
    point({ px, py });
  }, { passive: false });
  canvas.addEventListener('keydown', onKey);
  $('zoom-in').addEventListener('click', () => zoom(1.6, view.width / 2, view.height / 2));
  $('zoom-out').addEventListener('click', () => zoom(1 / 1.6, view.width / 2, view.height / 2));
  $('fit-used').addEventListener('click', () => fit(usedRegion(), true));
  $('fit-all').addEventListener('click', () => fit(wholeWafer(), true));
  view.fitted = wholeWafer();
  new ResizeObserver(resize).observe(canvas);
  resize();
}
