// The map's picture. Far away one pixel per PE is drawn once per mode and scaled; from CELL_SCALE pixels per PE on each PE
// is a square with its four links, and from TEXT_SCALE on it is labelled.

const CELL_SCALE = 13;
const TEXT_SCALE = 58;
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
let rasters = {}; // mode -> canvas, one pixel per place of the used rectangle
let context = null;

// ---- what a PE shows in each mode ----

const linkMost = () => (report.links.most ? report.links.most.words : 0);
const modes = {
  layers: { label: 'Layers' },
  sram: { label: 'SRAM', most: () => report.totals.sram_max_bytes, value: (at) => sramAt(at) },
  links: {
    label: 'Link load',
    most: linkMost,
    value: (at) => Math.max(planes.words_north[at], planes.words_east[at], planes.words_south[at], planes.words_west[at]),
  },
  colours: { label: 'Colours', most: () => report.totals.colours_max, value: (at) => planes.colours[at] },
};

function sramAt(at) {
  return planes.class[at] >= 2 ? classBytes[planes.class[at] - 2] : 0;
}

// Colour of the place `at` of the planes, null for nothing.
function cellColour(at) {
  const code = planes.class[at];
  if (code === 0) return null;
  if (view.mode !== 'layers') {
    const value = modes[view.mode].value(at);
    return value ? heat(value / modes[view.mode].most()) : null;
  }
  const layer = planes.layer[at] - 1;
  const colour = layer >= 0 ? theme.layers[layer] : [128, 136, 146];
  return code >= 2 ? colour : mix(colour, theme.dark ? [34, 41, 50] : [236, 239, 242], 0.62);
}

function raster() {
  if (rasters[view.mode]) return rasters[view.mode];
  const { w, h } = report.planes;
  const image = document.createElement('canvas');
  image.width = w;
  image.height = h;
  const data = new ImageData(w, h);
  for (let at = 0; at < w * h; at++) {
    const colour = cellColour(at);
    if (!colour) continue;
    data.data.set(colour, 4 * at);
    data.data[4 * at + 3] = 255;
  }
  image.getContext('2d').putImageData(data, 0, 0);
  rasters[view.mode] = image;
  return image;
}

// ---- from far ----

const toX = (x) => (x - view.x) * view.scale;
const toY = (y) => (y - view.y) * view.scale;

function drawWafer() {
  context.fillStyle = theme.wafer;
  context.strokeStyle = theme['wafer-line'];
  context.lineWidth = 1;
  context.beginPath();
  context.rect(toX(0), toY(0), target.width * view.scale, target.height * view.scale);
  context.fill();
  context.stroke();
}

function drawRaster() {
  const { x, y, w, h } = report.planes;
  if (!w || !h) return;
  context.imageSmoothingEnabled = view.scale < 1;
  context.imageSmoothingQuality = 'high';
  context.drawImage(raster(), toX(x), toY(y), w * view.scale, h * view.scale);
}

function hatch(r) {
  context.save();
  context.beginPath();
  context.rect(toX(r.x), toY(r.y), r.w * view.scale, r.h * view.scale);
  context.clip();
  context.beginPath();
  const top = Math.max(toY(r.y), 0);
  const bottom = Math.min(toY(r.y + r.h), view.height);
  const left = toX(r.x);
  const width = r.w * view.scale;
  const first = Math.ceil((top - width) / 7) * 7;
  for (let y = first; y < bottom; y += 7) {
    context.moveTo(left, y + width);
    context.lineTo(left + width, y);
  }
  context.strokeStyle = theme.dark ? 'rgb(255 255 255 / 22%)' : 'rgb(20 30 40 / 20%)';
  context.lineWidth = 1;
  context.stroke();
  context.restore();
}

function drawRegionFills() {
  report.layers.forEach((layer, i) => {
    const r = layer.rectangle;
    context.globalAlpha = theme.dark ? 0.3 : 0.34;
    context.fillStyle = css(theme.layers[i]);
    context.fillRect(toX(r.x), toY(r.y), r.w * view.scale, r.h * view.scale);
    context.globalAlpha = 1;
  });
}

function outline(i, width, colour) {
  const r = report.layers[i].rectangle;
  const inset = width / 2;
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.strokeRect(toX(r.x) + inset, toY(r.y) + inset, Math.max(r.w * view.scale - width, 0.5),
    Math.max(r.h * view.scale - width, 0.5));
}

// Returns how many regions were drawn: all layers with a rectangle, as long as it is in sight.
function drawRegions() {
  let count = 0;
  report.layers.forEach((layer, i) => {
    const r = layer.rectangle;
    const left = toX(r.x);
    const top = toY(r.y);
    if (!r.w || !r.h || left > view.width || top > view.height) return;
    if (left + r.w * view.scale < 0 || top + r.h * view.scale < 0) return;
    const passive = layer.kind === 'adapter' || layer.kind === 'buffer';
    if (view.mode === 'layers' && passive && r.w * view.scale > 5 && view.scale < CELL_SCALE) hatch(r);
    const ink = theme.dark ? [255, 255, 255] : [20, 30, 40];
    outline(i, 1, view.mode === 'layers' ? css(mix(theme.layers[i], ink, 0.35)) : theme.faint);
    count++;
  });
  const { slowest_layer: slowest } = report.totals;
  if (slowest !== null) outline(slowest, 2, theme.mark);
  if (view.hovered >= 0) outline(view.hovered, 2, theme.ink);
  if (view.selected >= 0) outline(view.selected, 3, theme.accent);
  return count;
}

// A text with a halo, so that it can be read on any colour.
function label(text, x, y, angle) {
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.lineJoin = 'round';
  context.lineWidth = 3.5;
  context.strokeStyle = theme.card;
  context.globalAlpha = 0.88;
  context.strokeText(text, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = theme.ink;
  context.fillText(text, 0, 0);
  context.restore();
}

// Name of a region across or along it, as much of it as there is room for; its number where no part of it fits.
function drawLabels() {
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  report.layers.forEach((layer, i) => {
    const r = layer.rectangle;
    const left = Math.max(toX(r.x), 0);
    const right = Math.min(toX(r.x + r.w), view.width);
    const top = Math.max(toY(r.y), 0);
    const bottom = Math.min(toY(r.y + r.h), view.height);
    const w = right - left;
    const h = bottom - top;
    if (w < 9 || h < 9) return;
    const along = h > w * 1.4;
    const across = along ? w : h;
    context.font = `600 ${across < 14 ? 9 : across < 22 ? 11 : 12.5}px ${FONT}`;
    const room = Math.max(w, h) - 10;
    const flat = w - 8;
    let text = along ? shortest(layer.name, (s) => context.measureText(s).width <= flat) : null;
    let angle = 0;
    if (!text || (along && text.length < 5)) {
      text = shortest(layer.name, (s) => context.measureText(s).width <= room && (along || h > 11));
      angle = along && text ? -Math.PI / 2 : 0;
    }
    if (!text) text = String(i + 1);
    if (angle === 0 && context.measureText(text).width > w) return;
    label(text, (left + right) / 2, (top + bottom) / 2, angle);
  });
}

// ---- near ----

function visiblePlaces() {
  const used = report.planes;
  return {
    x0: Math.max(Math.floor(view.x), used.x), x1: Math.min(Math.ceil(view.x + view.width / view.scale), used.x + used.w),
    y0: Math.max(Math.floor(view.y), used.y), y1: Math.min(Math.ceil(view.y + view.height / view.scale), used.y + used.h),
  };
}

// The link that leaves through `port` keeps to the right of its direction: half of the gap to the neighbour is its own.
function drawLink(x, y, port, words) {
  const s = view.scale;
  const thick = Math.max(1.5, 0.07 * s * (0.3 + 0.7 * words / linkMost()));
  const long = 0.3 * s;
  const side = 0.13 * s;
  const cx = x + s / 2;
  const cy = y + s / 2;
  const half = s / 2;
  const boxes = [
    [cx + side - thick / 2, cy - half - long / 2, thick, long], [cx + half - long / 2, cy + side - thick / 2, long, thick],
    [cx - side - thick / 2, cy + half - long / 2, thick, long], [cx - half - long / 2, cy - side - thick / 2, long, thick],
  ];
  context.fillStyle = css(heat(words / linkMost()));
  context.fillRect(...boxes[port]);
}

function cellText(x, y, at, width) {
  const lines = [`${view.place.x}, ${view.place.y}`];
  const code = planes.class[at];
  if (code === 1) lines.push('routes');
  if (code >= 2) {
    lines.push(bytes(classBytes[code - 2]));
    if (view.scale > 100) lines.push(report.classes[code - 2][0].split('/').pop());
  }
  if (view.scale > 84) lines.push(`${planes.colours[at]} colours`);
  const size = Math.min(13, view.scale / 7.5);
  context.font = `500 ${size}px ${FONT}`;
  context.fillStyle = '#10161d';
  if (view.mode !== 'layers') {
    const [r, g, b] = cellColour(at) || rgb(theme.dark ? '#222932' : '#eceff2');
    context.fillStyle = 0.3 * r + 0.59 * g + 0.11 * b > 130 ? '#10161d' : '#f4f6f8';
  } else if (code === 1) {
    context.fillStyle = theme.ink;
  }
  lines.forEach((line, i) => {
    let text = line;
    while (text.length > 3 && context.measureText(text).width > width) text = `${text.slice(0, -2)}…`;
    context.fillText(text, x, y + (i - (lines.length - 1) / 2) * size * 1.3);
  });
}

function drawCells() {
  const { x0, x1, y0, y1 } = visiblePlaces();
  const used = report.planes;
  const gap = view.scale * 0.15;
  const size = view.scale - 2 * gap;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const at = (y - used.y) * used.w + (x - used.x);
      if (planes.class[at] === 0) continue;
      const colour = cellColour(at);
      context.fillStyle = colour ? css(colour) : theme.line;
      context.beginPath();
      context.roundRect(toX(x) + gap, toY(y) + gap, size, size, size * 0.12);
      context.fill();
      view.place = { x, y };
      if (view.scale >= TEXT_SCALE) cellText(toX(x + 0.5), toY(y + 0.5), at, size - 6);
    }
  }
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const at = (y - used.y) * used.w + (x - used.x);
      PORTS.forEach((name, port) => {
        const words = planes[`words_${name}`][at];
        if (words) drawLink(toX(x), toY(y), port, words);
      });
    }
  }
}

// ---- ports, defects, pointer ----

function drawPort(edge, outward, y, size, directions) {
  let x = edge;
  for (const direction of directions) {
    const inward = direction === 'in' ? -outward : outward;
    const base = inward === outward ? x : x + outward * size;
    context.fillStyle = theme[direction];
    context.beginPath();
    context.moveTo(base, y - size / 2);
    context.lineTo(base + inward * size, y);
    context.lineTo(base, y + size / 2);
    context.fill();
    x += outward * (size + 1); // a port that takes and gives shows both, side by side
  }
}

function drawPorts() {
  const size = Math.min(Math.max(view.scale * 0.7, 3.5), 11);
  const used = new Map();
  for (const { side, row, direction } of report.ports) {
    const place = `${side}${row}`;
    used.set(place, (used.get(place) || new Set()).add(direction));
  }
  for (const side of ['west', 'east']) {
    const edge = side === 'west' ? toX(0) - 3 : toX(target.width) + 3;
    const outward = side === 'west' ? -1 : 1;
    for (const row of target[`io_rows_${side}`]) {
      const y = toY(row + 0.5);
      if (y < -size || y > view.height + size) continue;
      const directions = used.get(`${side}${row}`);
      if (directions) {
        drawPort(edge, outward, y, size, directions);
      } else {
        context.fillStyle = theme['wafer-line'];
        context.fillRect(Math.min(edge, edge + outward * 4), y - Math.min(size / 4, 1), 4, Math.min(size / 2, 2));
      }
    }
  }
}

function drawDefects() {
  const size = Math.max(view.scale, 3);
  context.strokeStyle = theme.mark;
  context.fillStyle = theme.mark;
  context.lineWidth = Math.max(1, Math.min(view.scale / 8, 3));
  for (const [x, y] of report.defects.pes) {
    const cx = toX(x + 0.5);
    const cy = toY(y + 0.5);
    if (cx < -size || cy < -size || cx > view.width + size || cy > view.height + size) continue;
    if (size < 6) {
      context.fillRect(cx - size / 2, cy - size / 2, size, size);
      continue;
    }
    const arm = size * 0.28;
    context.beginPath();
    context.moveTo(cx - arm, cy - arm);
    context.lineTo(cx + arm, cy + arm);
    context.moveTo(cx + arm, cy - arm);
    context.lineTo(cx - arm, cy + arm);
    context.stroke();
  }
  for (const [x, y, port] of report.defects.links) {
    const dx = { E: 1, W: -1 }[port] || 0;
    const dy = { S: 1, N: -1 }[port] || 0;
    const cx = toX(x + 0.5 + dx / 2);
    const cy = toY(y + 0.5 + dy / 2);
    context.beginPath();
    context.moveTo(cx - dy * size * 0.4, cy - dx * size * 0.4);
    context.lineTo(cx + dy * size * 0.4, cy + dx * size * 0.4);
    context.stroke();
  }
}

function drawPointer() {
  if (!view.pointer || view.scale < 4) return;
  const x = Math.floor(view.pointer.x);
  const y = Math.floor(view.pointer.y);
  if (!peAt(x, y)) return;
  context.lineWidth = 1.5;
  context.strokeStyle = theme.ink;
  context.strokeRect(toX(x) + 0.5, toY(y) + 0.5, view.scale - 1, view.scale - 1);
}

function drawMap() {
  const ratio = window.devicePixelRatio || 1;
  context = context || canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  drawWafer();
  if (view.mode === 'layers') drawRegionFills();
  if (view.scale < CELL_SCALE) drawRaster();
  else drawCells();
  const regions = drawRegions();
  if (view.mode === 'layers' && view.scale < TEXT_SCALE) drawLabels();
  drawDefects();
  drawPorts();
  drawPointer();
  canvas.dataset.regions = regions;
  canvas.dataset.scale = view.scale.toFixed(3);
  canvas.dataset.mode = view.mode;
}

// After a change of the colour scheme.
function restyle() {
  readTheme();
  rasters = {};
  redraw();
}
