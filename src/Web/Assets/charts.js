// Lines and figures of traffic: for a switch and for all of a process.

import { $, element, put, keyed, joined } from './basics.js';

export const KEPT = 121, SPARK = 60;

/** Each is a name, a value with the letter of its size, a unit, and whether it is one to look at. */
export function drawFigures(figures) {
  keyed($('figures'), figures.map((figure, index) => ({ figure, index })), one => one.index,
    () => element('div', {}, element('dt'), element('dd', {}, element('span'), element('small'))),
    (node, { figure: [name, [value, letter], unit, alarm] }) => {
      put(node.querySelector('dt'), name);
      put(node.querySelector('span'), value);
      put(node.querySelector('small'), `${letter} ${unit}`.trim());
      node.classList.toggle('alarm', Boolean(alarm));
    });
}

function line(values, most, width, height, count) {
  const step = width / (count - 1), from = count - values.length;
  return values.map((value, i) => `${i ? 'L' : 'M'}${((from + i) * step).toFixed(1)} ${(height - 1.5 - (value / most) * (height - 4)).toFixed(1)}`).join('');
}
const area = (path, values, width, height, count) => values.length < 2 ? '' : `${path}L${width} ${height}L${((count - values.length) * width / (count - 1)).toFixed(1)} ${height}Z`;

function nice(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 5, 10].map(one => one * power).find(one => one >= value) ?? 10 * power;
}

/** Rates of all ports together, the last KEPT seconds. */
export function drawTraffic(history) {
  const svg = $('traffic'), width = svg.clientWidth || 600, height = svg.clientHeight || 140, left = 44, bottom = 18;
  const most = nice(Math.max(4, ...history.map(one => Math.max(one.rx, one.tx, one.drop))));
  const [w, h] = [width - left, height - bottom];
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const grid = [0, 0.5, 1].flatMap(part => {
    const y = (h - 1.5 - part * (h - 4)).toFixed(1);
    return [element('line', { class: 'grid', x1: left, x2: width, y1: y, y2: y }), element('text', { class: 'axis', x: left - 6, y: Math.min(h, Math.max(10, +y + 4)), 'text-anchor': 'end' }, joined(most * part).replace(/\.0+(?=\D|$)/, ''))];
  });
  const times = [[0, 'start', '2 min ago'], [0.5, 'middle', '1 min'], [1, 'end', 'now']].map(([part, anchor, text]) => element('text', { class: 'axis', x: left + part * w, y: height - 3, 'text-anchor': anchor }, text));
  const lines = element('g', { transform: `translate(${left} 0)` });
  for (const kind of ['tx', 'rx', 'drop']) {
    const values = history.map(one => one[kind]), path = line(values, most, w, h, KEPT);
    if (kind !== 'drop') { lines.append(element('path', { class: `${kind}-area`, d: area(path, values, w, h, KEPT) })); }
    if (kind !== 'drop' || values.some(value => value > 0)) { lines.append(element('path', { class: `${kind}-line`, d: path })); }
  }
  svg.replaceChildren(...grid, ...times, lines);
}

/** A row's small picture of its last SPARK looks. */
export const spark = () => element('svg', { class: 'spark', viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img' },
  element('path', { class: 'rx-area' }), element('path', { class: 'tx-line' }), element('path', { class: 'rx-line' }));

export function drawSpark(svg, kept) {
  const most = Math.max(1, ...kept.map(one => Math.max(one.rx, one.tx)));
  const [rx, tx] = ['rx', 'tx'].map(kind => line(kept.map(one => one[kind]), most, 100, 24, SPARK));
  svg.children[0].setAttribute('d', area(rx, kept, 100, 24, SPARK));
  svg.children[1].setAttribute('d', tx);
  svg.children[2].setAttribute('d', rx);
}

/** Whether the figures are of now. */
export function state(kind, text) {
  $('state').className = `pill ${kind}`;
  put($('state'), text);
}
