// The page of one switch. It asks for a report every second and draws what changed; it changes nothing itself.

import { PATIENCE, $, element, put, keyed, short, joined, whole, plural, words, span, ask, sum, drawChoices, later, cell, reasons, askReasons } from './basics.js';
import './flows.js';
import './trace.js';
import './capture.js';

const PERIOD = 1000, KEPT = 121, SPARK = 60;
let last = null, history = [], ports = new Map(), wait = PERIOD;

async function poll() {
  const report = await ask('api/report').then(reply => reply.json()).catch(error => ({ error }));
  wait = report.error ? Math.min(wait * 1.5, PATIENCE) : PERIOD;
  later(poll, wait);
  if (report.error) {
    state('lost', report.error.status ? `refused: ${report.error.message}` : 'no answer; trying again');
  } else {
    state('live', 'live');
    take(report);
  }
}

function state(kind, text) {
  $('state').className = `pill ${kind}`;
  put($('state'), text);
}

function take(report) {
  const isNew = !last || report.process.id !== last.process.id || report.uptimeSeconds < last.uptimeSeconds;
  if (isNew) { history = []; ports.clear(); }
  const seconds = isNew ? 0 : report.uptimeSeconds - last.uptimeSeconds;
  if (!isNew && seconds <= 0) { return; }
  const total = { rx: 0, tx: 0, bits: 0, drop: 0 };
  for (const port of report.ports) {
    const before = isNew ? null : last.ports.find(one => one.number === port.number);
    // What falls was counted anew: the port went and returned.
    const rate = get => before ? Math.max(0, get(port) - get(before)) / seconds : 0;
    const now = {
      rx: rate(one => one.traffic.receivedPackets), tx: rate(one => one.traffic.sentPackets), drop: rate(one => sum(one.drops)),
      rxBits: 8 * rate(one => one.traffic.receivedBytes), txBits: 8 * rate(one => one.traffic.sentBytes),
    };
    const kept = ports.get(port.number) ?? [];
    if (before) { kept.push(now); }
    ports.set(port.number, kept.slice(-SPARK));
    total.rx += now.rx; total.tx += now.tx; total.bits += now.rxBits;
  }
  total.drop = isNew ? 0 : Math.max(0, sum(report.drops) - sum(last.drops)) / seconds;
  if (!isNew) { history = [...history, total].slice(-KEPT); }
  const before = isNew ? null : last;
  last = report;
  draw(report, before, seconds, total);
}

function draw(report, before, seconds, total) {
  const named = report.name && report.name !== report.datapathId;
  put($('name'), named ? report.name : 'Softswitch');
  document.title = `${named ? report.name : report.datapathId} \u2013 Softswitch`;
  put($('identity'), `datapath id ${report.datapathId} \u00b7 version ${report.version} \u00b7 up ${span(report.uptimeSeconds)}${report.isInEmergency ? ' \u00b7 emergency entries in force' : ''}`);
  drawFigures(report, total);
  drawTraffic();
  keyed($('port-rows'), report.ports, port => port.number, createPort, updatePort);
  drawDrops(report, before, seconds);
  drawControllers(report);
  drawWorkers(report, before, seconds);
  drawRoom(report);
  drawChoices('trace-port', report);
  drawChoices('capture-port', report);
}

function drawFigures(report, total) {
  const entries = report.tables.filter(table => table.name !== 'emergency').reduce((all, table) => all + table.entries, 0);
  const controllers = report.controllers.filter(one => !one.isPeer);
  const connected = controllers.filter(one => one.state === 'connected').length;
  const figures = [
    ['Received', short(total.rx, ''), 'packets/s'], ['Sent', short(total.tx, ''), 'packets/s'], ['Throughput', short(total.bits, 'bit/s'), ''],
    ['Dropped', short(total.drop, ''), 'packets/s', total.drop > 0], ['Flow entries', [whole(entries), ''], ''],
    ['Controllers', [controllers.length ? `${connected} of ${controllers.length}` : 'none', ''], controllers.length ? 'connected' : '', connected < controllers.length],
  ];
  keyed($('figures'), figures.map((figure, index) => ({ figure, index })), one => one.index,
    () => element('div', {}, element('dt'), element('dd', {}, element('span'), element('small'))),
    (node, { figure: [name, [value, letter], unit, alarm] }) => {
      put(node.querySelector('dt'), name);
      put(node.querySelector('span'), value);
      put(node.querySelector('small'), `${letter} ${unit}`.trim());
      node.classList.toggle('alarm', Boolean(alarm));
    });
}

// ---- Lines ----

function line(values, most, width, height, count) {
  const step = width / (count - 1), from = count - values.length;
  return values.map((value, i) => `${i ? 'L' : 'M'}${((from + i) * step).toFixed(1)} ${(height - 1.5 - (value / most) * (height - 4)).toFixed(1)}`).join('');
}
const area = (path, values, width, height, count) => values.length < 2 ? '' : `${path}L${width} ${height}L${((count - values.length) * width / (count - 1)).toFixed(1)} ${height}Z`;

function nice(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 5, 10].map(one => one * power).find(one => one >= value) ?? 10 * power;
}

function drawTraffic() {
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

function drawSpark(svg, kept) {
  const most = Math.max(1, ...kept.map(one => Math.max(one.rx, one.tx)));
  const [rx, tx] = ['rx', 'tx'].map(kind => line(kept.map(one => one[kind]), most, 100, 24, SPARK));
  svg.children[0].setAttribute('d', area(rx, kept, 100, 24, SPARK));
  svg.children[1].setAttribute('d', tx);
  svg.children[2].setAttribute('d', rx);
}

// ---- Ports, drops, controllers, workers ----

function createPort() {
  const title = cell('Port', 'title'), link = cell('Link'), spark = cell('Packets/s');
  title.append(element('strong'), ' ', element('span'), element('small'));
  link.append(element('span', { class: 'dot' }));
  spark.append(element('svg', { class: 'spark', viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img' },
    element('path', { class: 'rx-area' }), element('path', { class: 'tx-line' }), element('path', { class: 'rx-line' })));
  const traffic = ['Received', 'Sent', 'Dropped'].map(label => { const made = cell(label, 'number'); made.append(element('div', {}, element('span'), element('small'))); return made; });
  return element('tr', { role: 'row' }, title, link, traffic[0], traffic[1], spark, traffic[2]);
}

function updatePort(row, port) {
  const kept = ports.get(port.number), now = kept.at(-1) ?? { rx: 0, tx: 0, rxBits: 0, txBits: 0, drop: 0 };
  const [title, link, received, sent, spark, dropped] = row.children;
  put(title.querySelector('strong'), port.label);
  put(title.querySelector('span'), port.name === port.label ? '' : port.name);
  put(title.querySelector('small'), port.fault ?? port.backend ?? port.spec);
  const dot = link.firstChild, config = port.config.filter(one => one === 'portDown' || one.startsWith('no')).map(words).join(', ');
  dot.className = `dot ${port.state === 'up' ? (config ? 'warn' : 'good') : 'bad'}`;
  put(dot, port.state + (port.rateBitsPerSecond && port.state === 'up' ? `, ${joined(port.rateBitsPerSecond, 'bit/s')}` : '') + (config ? ` (${config})` : ''));
  for (const [node, packets, bits, all] of [[received, now.rx, now.rxBits, port.traffic.receivedPackets], [sent, now.tx, now.txBits, port.traffic.sentPackets]]) {
    put(node.querySelector('span'), `${joined(packets)} packets/s \u00b7 ${joined(bits, 'bit/s')}`);
    put(node.querySelector('small'), `${whole(all)} in all`);
  }
  drawSpark(spark.firstChild, kept);
  spark.firstChild.setAttribute('aria-label', `port ${port.label}: ${joined(now.rx)} packets a second received, ${joined(now.tx)} sent`);
  const drops = sum(port.drops);
  put(dropped.querySelector('span'), whole(drops));
  put(dropped.querySelector('small'), now.drop > 0 ? `${joined(now.drop)} a second` : '');
  dropped.classList.toggle('alarm-text', now.drop > 0);
}

function bar(kind = '') {
  return element('svg', { class: `bar ${kind}`, viewBox: '0 0 100 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, element('rect', { width: 100, height: 1 }), element('rect', { class: 'part', height: 1, width: 0 }));
}

function drawDrops(report, before, seconds) {
  const all = Object.entries(report.drops).sort((a, b) => b[1] - a[1]), most = all[0]?.[1] ?? 1;
  const list = all.length ? all : [['', 0]];
  keyed($('drop-rows'), list, one => one[0], ([reason]) => reason === '' ? element('li', { class: 'empty' }, 'No packet has been dropped.')
    : element('li', {}, element('strong'), element('span', { class: 'count' }), bar(), element('p')),
  (node, [reason, count]) => {
    if (reason === '') { return; }
    const known = reasons[reason], where = report.ports.filter(port => port.drops[reason]).map(port => `${port.label}${port.name === port.label ? '' : ` (${port.name})`}: ${whole(port.drops[reason])}`);
    const rate = before ? Math.max(0, count - (before.drops[reason] ?? 0)) / seconds : 0;
    put(node.children[0], known?.words ?? words(reason));
    put(node.children[1], `${whole(count)}${rate > 0 ? ` \u00b7 ${joined(rate)} a second` : ''}`);
    node.children[2].children[1].setAttribute('width', Math.max(0.5, 100 * count / most));
    put(node.children[3], [known?.advice ? `${known.advice}.` : '', where.length ? `Port ${where.join(', ')}.` : ''].filter(Boolean).join(' '));
  });
}

function drawControllers(report) {
  const shown = report.controllers.slice(0, 50), kinds = { connected: 'good', connecting: 'warn' };
  keyed($('controller-rows'), shown.length ? shown : [null], one => one?.name ?? '', one => one ? element('li', {}, element('strong'), element('small', { class: 'dot' }), element('small')) : element('li', { class: 'empty' }, 'None is configured.'),
    (node, one) => {
      if (!one) { return; }
      put(node.children[0], one.name);
      node.children[1].className = `dot ${kinds[one.state] ?? 'bad'}`;
      put(node.children[1], `${one.state} for ${span(one.sinceSeconds)}${one.nextAttemptSeconds ? `, again in ${span(one.nextAttemptSeconds)}` : ''}${one.role === 'other' ? '' : `, ${one.role}`}${one.isPeer ? ', came by a listener' : ''}`);
      put(node.children[2], [one.latencySeconds ? `echo ${(one.latencySeconds * 1000).toFixed(1)} ms` : '', one.requests ? plural(one.requests, 'request') : '',
        one.droppedPacketIns ? `${whole(one.droppedPacketIns)} packet-ins lost` : '', one.lastError ?? ''].filter(Boolean).join(' \u00b7 '));
    });
}

function drawWorkers(report, before, seconds) {
  keyed($('worker-rows'), report.workers, worker => worker.id, () => element('li', {}, element('span'), bar('load'), element('small')), (node, worker) => {
    const old = before?.workers.find(one => one.id === worker.id), diff = name => old ? worker[name] - old[name] : 0;
    const load = seconds ? Math.min(1, Math.max(0, diff('busySeconds') / seconds)) : 0;
    put(node.children[0], `Worker ${worker.id}: ${(100 * load).toFixed(load < 0.1 ? 1 : 0)} % busy${worker.isSleeping ? ', sleeping' : ''}`);
    node.children[1].children[1].setAttribute('width', 100 * load);
    put(node.children[2], [`${joined(seconds ? diff('packets') / seconds : 0)} packets/s`, diff('batches') ? `${(diff('packets') / diff('batches')).toFixed(1)} a batch` : '', worker.processor === null ? '' : `processor ${worker.processor}`].filter(Boolean).join(' \u00b7 '));
  });
}

function drawRoom(report) {
  const memory = report.memory, room = [
    ...report.tables.filter(table => table.entries || table.name !== 'emergency').map(table => [`${table.name[0].toUpperCase()}${table.name.slice(1)} entries`, table.entries, table.limit]),
    ['Frames in use', memory.frames - memory.freeFrames, memory.frames], ['Buffers for the controller', memory.usedBuffers, memory.buffers],
    ['Action lists, bytes', memory.actionListBytes, memory.actionListLimitBytes],
    ...report.cards.flatMap(card => [[`Card ${card.name}: rows, slots${card.idleReason ? ` (idle: ${card.idleReason})` : ''}`, card.rowsUsed, card.slotsUsed]]),
  ];
  keyed($('room-rows'), room, one => one[0], () => element('li', {}, element('span'), ' ', element('span', { class: 'quiet' })), (node, [name, used, limit]) => {
    put(node.children[0], name);
    put(node.children[1], name.startsWith('Card') ? `${whole(used)}, ${whole(limit)}` : `${whole(used)} of ${whole(limit)}`);
  });
}

askReasons();
poll();
