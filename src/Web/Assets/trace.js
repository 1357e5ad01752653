// Trace: a packet's way as a picture from port to port, and in words.

import { $, element, keyed, whole, words, ask, reasons } from './basics.js';

let lastTrace = null;
const hexadecimal = /^(0x)?([0-9a-f]{2}[\s:]?){14,}$/i;

async function trace(event) {
  event?.preventDefault();
  const text = $('trace-flow').value.trim(), query = new URLSearchParams(hexadecimal.test(text) ? { hex: text } : { flow: text });
  if ($('trace-port').value) { query.set('in_port', $('trace-port').value); }
  try {
    drawTrace((await (await ask(`api/trace?${query}`)).json())[0]);
  } catch (error) {
    $('trace-result').replaceChildren(element('p', { class: 'error' }, error.status ? error.message : 'no answer'));
  }
}

/** In words; of a drop, with what to do about it. */
const tell = step => step.kind === 'dropped' && reasons[step.reason] ? `dropped: ${reasons[step.reason].words}. ${reasons[step.reason].advice}.` : step.text;

/** What has a box on the way, and what it leads to. */
function way(report) {
  const stages = [{ title: `port ${report.inPort}`, lines: [report.inPortName, `${report.length} bytes`], kind: 'in' }], ends = [];
  let sent = 0;
  for (const step of report.steps) {
    const end = (title, lines, kind) => ends.push({ title, lines, kind, from: stages.length - 1 });
    if (step.kind === 'entry') {
      stages.push({ title: `entry, priority ${step.entry.priority}`, lines: [step.entry.match || 'every packet', `${whole(step.entry.packets)} packets so far`], kind: '' });
    } else if (step.kind === 'miss' || ['spanningTree', 'inBand', 'reassembled', 'held'].includes(step.kind)) {
      stages.push({ title: step.kind === 'miss' ? 'no entry matches' : words(step.kind), lines: [step.text], kind: '' });
    } else if (step.kind === 'rewrite') {
      const lines = (step.changes ?? []).map(one => `${one.field} ${one.to}`);
      if (stages.at(-1).isRewrite && !ends.some(one => one.from === stages.length - 1)) { stages.at(-1).lines.push(...lines); } else { stages.push({ title: 'rewrite', lines, kind: '', isRewrite: true }); }
    } else if (step.kind === 'dropped') {
      end(step.count > 1 ? `${step.count} dropped` : 'dropped', [reasons[step.reason]?.words ?? step.text], 'end');
    } else if (step.kind === 'output' || step.kind === 'packetIn') {
      const out = report.outputs[sent++] ?? {}, isController = step.kind === 'packetIn';
      end(isController ? 'controller' : `port ${out.port ?? step.port}`, [isController ? `packet-in, ${words(out.reason ?? step.reason ?? '')}` : out.name ?? step.portName ?? '', out.queue === undefined ? '' : `queue ${out.queue}`, ...(out.outer ?? []).map(one => `in a tunnel's packet by port ${one.port} ${one.name}`)].filter(Boolean), 'out');
    }
  }
  if (!ends.length) { ends.push({ title: words(report.verdict), lines: [], kind: report.verdict === 'dropped' ? 'end' : 'out', from: stages.length - 1 }); }
  return { stages, ends };
}

function fold(text, width, most) {
  const lines = [''];
  for (const part of text.split(/(?<=[,\s])/)) {
    if (lines.at(-1) && (lines.at(-1) + part.trimEnd()).length > width) { lines.push(''); }
    lines.push(lines.pop() + part);
  }
  const cut = lines.map(one => one.length > width + 1 ? `${one.slice(0, width - 1)}\u2026` : one.trimEnd());
  return cut.length > most ? [...cut.slice(0, most - 1), `${cut[most - 1].slice(0, width - 1)}\u2026`] : cut;
}

function box(svg, one, x, y, width) {
  one.rows = one.lines.flatMap(text => fold(text, Math.floor((width - 22) / 7.3), 4)).slice(0, 8);
  Object.assign(one, { x, y, width, height: 34 + 17 * one.rows.length });
  svg.append(element('rect', { class: `box ${one.kind}`, x, y, width, height: one.height, rx: 8 }), element('text', { class: 'strong', x: x + 12, y: y + 22 }, one.title),
    ...one.rows.map((text, row) => element('text', { class: 'small', x: x + 12, y: y + 41 + 17 * row }, text)));
  return one.height;
}

const headRight = 'm-7 -4l7 4l-7 4';

/** Side by side where there is room and packets leave at the end of the way; else from top to bottom. */
function drawWay(report, available) {
  const { stages, ends } = way(report), svg = element('svg', { class: 'path', role: 'img', 'aria-label': report.summary }), edges = element('g');
  svg.append(edges);
  const edge = (kind, d) => edges.append(element('path', { class: `edge ${kind}`, d })), lost = one => one.kind === 'end' ? 'lost' : 'taken';
  const columns = stages.length + 1, gap = 44, wide = Math.min(340, (available - 2 - gap * (columns - 1)) / columns);
  let width = available, height = 0;
  if (wide >= 150 && ends.every(one => one.from === stages.length - 1)) {
    for (const one of ends) { height += box(svg, one, 1 + (columns - 1) * (wide + gap), height + 1, wide) + 14; }
    height -= 14;
    const highest = Math.max(height, ...stages.map((one, index) => box(svg, one, 1 + index * (wide + gap), 0, wide)));
    svg.replaceChildren(edges);
    let y = (highest - height) / 2 + 1;
    for (const one of ends) { y += box(svg, one, one.x, y, wide) + 14; }
    stages.forEach(one => { box(svg, one, one.x, (highest - one.height) / 2 + 1, wide); });
    stages.slice(1).forEach((one, index) => edge('taken', `M${stages[index].x + wide} ${highest / 2 + 1}H${one.x}${headRight}`));
    const from = stages.at(-1).x + wide;
    ends.forEach(one => edge(lost(one), `M${from} ${highest / 2 + 1}C${from + gap / 2} ${highest / 2 + 1} ${from + gap / 2} ${one.y + one.height / 2} ${one.x} ${one.y + one.height / 2}${headRight}`));
    [width, height] = [1 + columns * wide + (columns - 1) * gap + 1, highest + 2];
  } else {
    width = Math.min(available, 460);
    let y = 1;
    stages.forEach((one, index) => {
      y += box(svg, one, 1, y, width - 2) + 14;
      for (const out of ends.filter(one => one.from === index)) { y += box(svg, out, 48, y, width - 49) + 14; }
    });
    const middle = one => one.y + one.height / 2;
    stages.slice(1).forEach((one, index) => edge('taken', `M24 ${stages[index].y + stages[index].height}V${one.y}m-4 -7l4 7l4 -7`));
    ends.forEach(one => { const from = stages[one.from]; edge(lost(one), `M24 ${from.y + from.height}V${middle(one) - 8}Q24 ${middle(one)} 32 ${middle(one)}H48${headRight}`); });
    height = y - 13;
  }
  svg.setAttribute('viewBox', `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
  svg.setAttribute('width', Math.ceil(width));
  return svg;
}

function drawTrace(report) {
  const steps = report.steps.map(step => element('li', {}, tell(step), ...(step.changes ?? []).map(one => element('div', { class: 'words' }, `${one.field}: ${one.from} \u2192 ${one.to}`)),
    ...(step.others ?? []).map(one => element('div', { class: 'words' }, `would match too: priority ${one.priority} ${one.match || 'every packet'} actions=${one.actions}`)),
    ...(step.entry?.hardware ?? []).map(line => element('div', { class: 'words' }, line))));
  $('trace-result').replaceChildren(element('p', {}, element('strong', {}, report.summary.replace(/^dropped: (\w+)$/, (all, reason) => `dropped: ${reasons[reason]?.words ?? reason}`))), drawWay(report, Math.max(240, $('trace-result').clientWidth)), element('p', { class: 'words quiet' }, report.packet), element('ol', { class: 'steps' }, ...steps));
  lastTrace = report;
}

/** Entries that are there are the best examples: a press fills in a packet that meets one. */
export function drawExamples(entries) {
  const found = entries.filter(flow => flow.match.includes('in_port=')).slice(0, 3);
  keyed($('trace-examples'), found, flow => flow.match, flow => {
    const field = name => flow.match.match(new RegExp(`(?:^|,)${name}=([^,]+)`))?.[1], ends = [field('nw_src') ?? field('dl_src'), field('nw_dst') ?? field('dl_dst')];
    const button = element('button', { type: 'button', title: flow.match }, ends[0] && ends[1] ? `${flow.match.split(',')[0].replace(/.*=.*/, 'packet')} ${ends[0]} \u2192 ${ends[1]}, in by ${field('in_port')}` : flow.match);
    button.addEventListener('click', () => { $('trace-flow').value = flow.match; $('trace-port').value = ''; trace(); });
    return button;
  }, () => { });
}

$('trace-form').addEventListener('submit', trace);
addEventListener('resize', () => { if (lastTrace) { drawTrace(lastTrace); } });
