'use strict';
// The facts (the JSON in this page), numbers for people, elements, colours. Texts of the report, names above all, become
// text nodes and nothing else: no string is ever read as HTML, CSS or script.

const report = JSON.parse(document.getElementById('data').textContent);
const target = report.target;
const PORTS = ['north', 'east', 'south', 'west'];
const planes = {}; // filled by loadPlanes: class, layer, colours, words_north, ...

const $ = (id) => document.getElementById(id);

// el('td.name', {title: '...'}, child, 'text', ...)
function el(what, attributes, ...children) {
  const [tag, ...classes] = what.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function coloured(what, colour, attributes) {
  const element = el(what, attributes);
  element.style.background = colour;
  return element;
}

// 12 345, with a thin space that does not break; at most `digits` after the point for small numbers.
function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const fixed = value.toFixed(Math.abs(value) >= 1000 ? 0 : digits);
  const [whole, part] = fixed.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '\u202f');
  return part ? `${grouped}.${part}` : grouped;
}

function big(value) {
  const units = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']];
  for (const [unit, name] of units) {
    if (value >= unit) return `${number(value / (unit === 1e4 ? 1e3 : unit), 1)}\u202f${name}`;
  }
  return number(value);
}

function percent(value) {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value > 0 && value < 0.001) return '<\u202f0.1\u202f%';
  return `${number(100 * value, Math.abs(value) < 0.1 ? 1 : 0)}\u202f%`;
}
const signed = (value) => (value > 0 ? '+' : '') + percent(value);
const bytes = (value) => `${number(value)}\u202fB`;

// The last parts of a node name that `fits` accepts, or null.
function shortest(name, fits) {
  const parts = name.split('/').filter((part) => part);
  for (let i = 0; i < parts.length; i++) {
    const text = parts.slice(i).join('/');
    if (fits(text)) return text;
  }
  return null;
}

// ---- colours ----

const darkQuery = window.matchMedia('(prefers-color-scheme: dark)');
let theme = {};

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function mix(a, b, part) {
  return a.map((value, i) => Math.round(value + (b[i] - value) * part));
}

const css = (colour) => `rgb(${colour[0]} ${colour[1]} ${colour[2]})`;

// Colours of the style sheet for the canvas, and the ramp of the heat maps: from near the background to far from it.
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  theme = { dark: darkQuery.matches };
  for (const name of ['card', 'ink', 'soft', 'faint', 'line', 'accent', 'mark', 'wafer', 'wafer-line', 'in', 'out']) {
    theme[name] = get(name);
  }
  theme.heat = report.heat_colours.map(rgb);
  if (theme.dark) theme.heat.reverse();
  theme.layers = report.layers.map((layer) => rgb(layer.colour));
}

function heat(part) {
  const at = Math.min(Math.max(part, 0), 1) * (theme.heat.length - 1);
  const low = Math.min(Math.floor(at), theme.heat.length - 2);
  return mix(theme.heat[low], theme.heat[low + 1], at - low);
}

// ---- per-PE data ----

async function inflate(plane) {
  const packed = Uint8Array.from(atob(plane.data), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const buffer = await new Response(stream).arrayBuffer();
  const Numbers = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[plane.bytes];
  return new Numbers(buffer);
}

async function loadPlanes() {
  const names = ['class', 'layer', 'colours', ...PORTS.map((port) => `words_${port}`)];
  const data = await Promise.all(names.map((name) => inflate(report.planes[name])));
  names.forEach((name, i) => {
    planes[name] = data[i];
  });
}

const classBytes = report.classes.map((row) => row.slice(1).reduce((sum, value) => sum + value, 0));

// What is known of the PE at (x, y); null outside the wafer.
function peAt(x, y) {
  if (x < 0 || y < 0 || x >= target.width || y >= target.height) return null;
  const { planes: used } = report;
  const pe = { x, y, kind: 'unused', layer: -1, words: [0, 0, 0, 0], colours: 0, sram: 0 };
  pe.defect = report.defects.pes.some(([bx, by]) => bx === x && by === y);
  if (x < used.x || y < used.y || x >= used.x + used.w || y >= used.y + used.h) return pe;
  const at = (y - used.y) * used.w + (x - used.x);
  const code = planes.class[at];
  if (code === 0) return pe;
  pe.kind = code === 1 ? 'routes' : 'code';
  pe.layer = planes.layer[at] - 1;
  pe.colours = planes.colours[at];
  pe.words = PORTS.map((port) => planes[`words_${port}`][at]);
  if (code >= 2) {
    pe.classIndex = code - 2;
    pe.sram = classBytes[code - 2];
  }
  return pe;
}

// The layer whose rectangle holds the place: that of the PE there, else of the smallest rectangle around it; -1 none.
function layerAt(x, y) {
  const pe = peAt(x, y);
  if (!pe) return -1;
  if (pe.layer >= 0) return pe.layer;
  let found = -1;
  let area = Infinity;
  report.layers.forEach((layer, i) => {
    const r = layer.rectangle;
    if (x < r.x || y < r.y || x >= r.x + r.w || y >= r.y + r.h || r.w * r.h >= area) return;
    area = r.w * r.h;
    found = i;
  });
  return found;
}
