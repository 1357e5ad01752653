// The page of one switch. It asks for a report every second and draws what changed; it changes nothing itself.

import { PATIENCE, $, element, put, keyed, short, joined, whole, plural, words, span, ask, sum, bar, drawChoices, later, cell, askReasons } from './basics.js';
import { KEPT, SPARK, drawFigures, drawTraffic, spark, drawSpark, state } from './charts.js';
import { DropRates, drawReasons } from './drops.js';
import './flows.js';
import './trace.js';
import './capture.js';

const PERIOD = 1000, MOST_CONTROLLERS = 50, drops = new DropRates(), isOneOfSeveral = /\/switch\/[^/]+\/$/.test(location.pathname);
let last = null, history = [], ports = new Map(), wait = PERIOD;

async function poll() {
  const report = await ask('api/report').then(reply => reply.json()).catch(error => ({ error }));
  wait = report.error ? Math.min(wait * 1.5, PATIENCE) : PERIOD;
  later(poll, wait);
  if (report.error) {
    state('lost', report.error.status ? `refused: ${report.error.message}` : 'no answer; trying again');
  } else if (report.switches) {
    // The process has others now. Whoever looks at one goes on with it, at the address where it stays.
    location.replace(report.switches.some(one => one.name === last?.name) ? `switch/${encodeURIComponent(last.name)}/` : './');
  } else {
    state('live', 'live');
    take(report);
  }
}

function take(report) {
  const isNew = !last || report.name !== last.name || report.process.id !== last.process.id || report.uptimeSeconds < last.uptimeSeconds;
  if (isNew) { history = []; ports.clear(); drops.clear(); }
  const seconds = isNew ? 0 : report.uptimeSeconds - last.uptimeSeconds;
  if (!isNew && seconds <= 0) { return; }
  drops.take(report.uptimeSeconds, report.drops);
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
  drawTotals(report, total);
  drawTraffic(history);
  keyed($('port-rows'), report.ports, port => port.number, createPort, updatePort);
  drawDrops(report);
  drawControllers(report);
  drawWorkers(report, before, seconds);
  drawRoom(report);
  drawChoices('trace-port', report);
  drawChoices('capture-port', report);
}

function drawTotals(report, total) {
  const entries = report.tables.filter(table => table.name !== 'emergency').reduce((all, table) => all + table.entries, 0);
  const controllers = report.controllers.filter(one => !one.isPeer);
  const connected = controllers.filter(one => one.state === 'connected').length;
  const figures = [
    ['Received', short(total.rx, ''), 'packets/s'], ['Sent', short(total.tx, ''), 'packets/s'], ['Throughput', short(total.bits, 'bit/s'), ''],
    ['Dropped', short(total.drop, ''), 'packets/s', total.drop > 0], ['Flow entries', [whole(entries), ''], ''],
    ['Controllers', [controllers.length ? `${connected} of ${controllers.length}` : 'none', ''], controllers.length ? 'connected' : '', connected < controllers.length],
  ];
  drawFigures(figures);
}

// ---- Ports, drops, controllers, workers ----

function createPort() {
  const title = cell('Port', 'title'), link = cell('Link'), lines = cell('Packets/s');
  title.append(element('strong'), ' ', element('span'), element('small'));
  link.append(element('span', { class: 'dot' }));
  lines.append(spark());
  const traffic = ['Received', 'Sent', 'Dropped'].map(label => { const made = cell(label, 'number'); made.append(element('div', {}, element('span'), element('small'), element('div'))); return made; });
  return element('tr', { role: 'row' }, title, link, traffic[0], traffic[1], lines, traffic[2]);
}

function updatePort(row, port) {
  const kept = ports.get(port.number), now = kept.at(-1) ?? { rx: 0, tx: 0, rxBits: 0, txBits: 0, drop: 0 };
  const [title, link, received, sent, lines, dropped] = row.children;
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
  keyed(sent.firstChild.lastChild, port.queues, queue => queue.id, () => element('small'), (node, queue) =>
    put(node, `queue ${queue.id}: ${plural(queue.sentPackets, 'packet')} \u00b7 ${joined(queue.sentBytes, 'B')}${queue.sendDropped ? ` \u00b7 ${whole(queue.sendDropped)} dropped` : ''}`));
  drawSpark(lines.firstChild, kept);
  lines.firstChild.setAttribute('aria-label', `port ${port.label}: ${joined(now.rx)} packets a second received, ${joined(now.tx)} sent`);
  const drops = sum(port.drops);
  put(dropped.querySelector('span'), whole(drops));
  put(dropped.querySelector('small'), now.drop > 0 ? `${joined(now.drop)} a second` : '');
  dropped.classList.toggle('alarm-text', now.drop > 0);
}

function drawDrops(report) {
  drawReasons(Object.entries(report.drops).map(([reason, count]) => {
    const where = report.ports.filter(port => port.drops[reason]).map(port => `${port.label}${port.name === port.label ? '' : ` (${port.name})`}: ${whole(port.drops[reason])}`);
    return { reason, count, where: where.length ? `Port ${where.join(', ')}.` : '' };
  }), drops);
}

function drawControllers(report) {
  const all = report.controllers, shown = all.slice(0, MOST_CONTROLLERS), kinds = { connected: 'good', connecting: 'warn' };
  put($('controller-count'), shown.length < all.length ? `${shown.length} of ${whole(all.length)} are shown; softswitch status names all.` : '');
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

$('all').hidden = !isOneOfSeveral;
askReasons();
poll();
