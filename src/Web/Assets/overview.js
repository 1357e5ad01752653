// All switches of a process. It asks every second for a few figures of each and draws what changed; a switch's own page is behind its name.

import { PATIENCE, $, element, put, keyed, short, joined, whole, plural, span, ask, sum, bar, later, cell, askReasons } from './basics.js';
import { KEPT, SPARK, drawFigures, drawTraffic, spark, drawSpark, state } from './charts.js';
import { DropRates, drawReasons } from './drops.js';
import './token.js';

const PERIOD = 1000, MOST_SWITCHES = 5, drops = new DropRates();
const collator = new Intl.Collator('en', { numeric: true }); // s2 before s10
const order = { by: 'name', isDescending: false };
let last = null, history = [], looks = new Map(), wait = PERIOD;

async function poll() {
  const report = await ask('api/switches').then(reply => reply.json()).catch(error => ({ error }));
  wait = report.error ? Math.min(wait * 1.5, PATIENCE) : PERIOD;
  later(poll, wait);
  if (report.error) {
    state('lost', report.error.status ? `refused: ${report.error.message}` : 'no answer; trying again');
  } else {
    state('live', 'live');
    take(report);
  }
}

/** Rates of each switch are over its own time: one that is busy tells the same figures again. */
function take(report) {
  const isNew = !last || report.process.id !== last.process.id || report.uptimeSeconds < last.uptimeSeconds;
  if (isNew) { [history, looks] = [[], new Map()]; drops.clear(); }
  if (!isNew && report.uptimeSeconds <= last.uptimeSeconds) { return; }
  const known = looks, total = { rx: 0, tx: 0, bits: 0, drop: 0 };
  looks = new Map();
  for (const one of report.switches) {
    let look = known.get(one.name);
    const before = look?.report, seconds = before ? one.uptimeSeconds - before.uptimeSeconds : -1;
    if (!look || seconds < 0) { look = { kept: [], now: { rx: 0, tx: 0, bits: 0, drop: 0 } }; }
    if (seconds > 0) {
      const rate = get => Math.max(0, get(one) - get(before)) / seconds;
      look.now = { rx: rate(of => of.receivedPackets), tx: rate(of => of.sentPackets), bits: 8 * rate(of => of.receivedBytes), drop: rate(of => sum(of.drops)) };
      look.kept = [...look.kept, look.now].slice(-SPARK);
    }
    look.report = one;
    looks.set(one.name, look);
    for (const kind of Object.keys(total)) { total[kind] += look.now[kind]; }
  }
  if (!isNew) { history = [...history, total].slice(-KEPT); }
  const before = isNew ? null : last;
  last = report;
  draw(report, before, total);
}

function draw(report, before, total) {
  const count = report.switches.length, name = report.name ?? 'Softswitch';
  put($('name'), name);
  document.title = `${name}: ${count} switches \u2013 Softswitch`;
  put($('identity'), `process ${report.process.id} \u00b7 version ${report.version} \u00b7 up ${span(report.uptimeSeconds)}`);
  const all = get => report.switches.reduce((so, one) => so + get(one), 0), running = all(one => one.state === 'running' ? 1 : 0);
  const controllers = all(one => one.controllers), connected = all(one => one.controllersConnected);
  drawFigures([
    ['Switches', [running === count ? whole(count) : `${whole(running)} of ${whole(count)}`, ''], 'running', running < count],
    ['Received', short(total.rx, ''), 'packets/s'], ['Sent', short(total.tx, ''), 'packets/s'], ['Throughput', short(total.bits, 'bit/s'), ''],
    ['Dropped', short(total.drop, ''), 'packets/s', total.drop > 0], ['Flow entries', [whole(all(one => one.flows)), ''], ''],
    ['Controllers', [controllers ? `${whole(connected)} of ${whole(controllers)}` : 'none', ''], controllers ? 'connected' : '', connected < controllers],
  ]);
  drawTraffic(history);
  drawSwitches();
  drawDrops(report);
  drawProcess(report, before);
}

// ---- Switches ----

const keys = {
  name: one => one.name, state: one => one.state, ports: one => one.portsUp - one.ports, controllers: one => one.controllersConnected - one.controllers,
  flows: one => one.flows, rx: one => looks.get(one.name).now.rx, tx: one => looks.get(one.name).now.tx, drop: one => looks.get(one.name).now.drop,
};

function compare(a, b) {
  const [left, right] = [keys[order.by](a), keys[order.by](b)];
  const found = typeof left === 'string' ? collator.compare(left, right) : left - right;
  return (order.isDescending ? -found : found) || collator.compare(a.name, b.name);
}

function drawSwitches() {
  if (!last) { return; }
  const wanted = $('switch-search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = last.switches.filter(one => wanted.every(word => `${one.name} ${one.datapathId} ${one.state} ${one.reason ?? ''}`.toLowerCase().includes(word))).sort(compare);
  put($('switch-count'), !last.switches.length ? 'There is no switch yet.' : shown.length === last.switches.length ? `${whole(shown.length)} in all` : `${whole(shown.length)} of ${whole(last.switches.length)}`);
  keyed($('switch-rows'), shown, one => one.name, createRow, updateRow);
}

function createRow() {
  const name = cell('Switch', 'title'), link = cell('State'), lines = cell('Packets/s');
  name.append(element('a'), element('small'));
  link.append(element('span', { class: 'dot' }), element('small'));
  lines.append(spark());
  const [rx, tx, drop] = ['Received', 'Sent', 'Dropped'].map(label => { const made = cell(label, 'number'); made.append(element('div', {}, element('span'), element('small'))); return made; });
  return element('tr', { role: 'row' }, name, link, cell('Ports up', 'number'), cell('Controllers', 'number'), cell('Flows', 'number'), rx, tx, lines, drop);
}

function updateRow(row, one) {
  const [name, link, ports, controllers, flows, rx, tx, lines, drop] = row.children, { now, kept } = looks.get(one.name);
  put(name.firstChild, one.name);
  if (one.state === 'failed') { name.firstChild.removeAttribute('href'); } else { name.firstChild.setAttribute('href', `switch/${encodeURIComponent(one.name)}/`); }
  put(name.lastChild, one.datapathId === one.name ? '' : one.datapathId);
  link.firstChild.className = `dot ${{ running: 'good', busy: 'warn' }[one.state] ?? 'bad'}`;
  put(link.firstChild, one.state);
  put(link.lastChild, one.reason ?? '');
  put(ports, `${one.portsUp} of ${one.ports}`);
  ports.classList.toggle('alarm-text', one.portsUp < one.ports);
  put(controllers, one.controllers ? `${one.controllersConnected} of ${one.controllers}` : 'none');
  controllers.classList.toggle('alarm-text', one.controllersConnected < one.controllers);
  put(flows, whole(one.flows));
  for (const [node, rate, all] of [[rx, now.rx, one.receivedPackets], [tx, now.tx, one.sentPackets], [drop, now.drop, sum(one.drops)]]) {
    put(node.querySelector('span'), `${joined(rate)}/s`);
    put(node.querySelector('small'), `${joined(all)} in all`);
  }
  drop.classList.toggle('alarm-text', now.drop > 0);
  drawSpark(lines.firstChild, kept);
  lines.firstChild.setAttribute('aria-label', `${one.name}: ${joined(now.rx)} packets a second received, ${joined(now.tx)} sent`);
}

function sortBy(name, isDescending) {
  [order.by, order.isDescending] = [name, isDescending];
  for (const head of document.querySelectorAll('[aria-sort]')) {
    head.setAttribute('aria-sort', head.firstChild.dataset.sort !== name ? 'none' : isDescending ? 'descending' : 'ascending');
  }
  $('switch-sort').value = name;
  drawSwitches();
}

/** Where much is what one looks for, the most comes first; of ports and controllers, those that lack some. */
const beginsWithMost = name => ['flows', 'rx', 'tx', 'drop'].includes(name);

for (const button of document.querySelectorAll('[data-sort]')) {
  const name = button.dataset.sort;
  button.addEventListener('click', () => sortBy(name, order.by === name ? !order.isDescending : beginsWithMost(name)));
}
$('switch-sort').addEventListener('change', () => sortBy($('switch-sort').value, beginsWithMost($('switch-sort').value)));
$('switch-form').addEventListener('submit', event => event.preventDefault());
$('switch-search').addEventListener('input', drawSwitches);

// ---- Drops, workers, memory ----

function drawDrops(report) {
  const found = new Map();
  for (const one of report.switches) {
    for (const [reason, count] of Object.entries(one.drops)) { found.set(reason, [...(found.get(reason) ?? []), { name: one.name, count }]); }
  }
  const all = [...found].map(([reason, where]) => ({ reason, count: where.reduce((so, one) => so + one.count, 0), where: where.sort((a, b) => b.count - a.count) }));
  drops.take(report.uptimeSeconds, Object.fromEntries(all.map(one => [one.reason, one.count])));
  drawReasons(all.map(({ reason, count, where }) => {
    const shown = where.slice(0, MOST_SWITCHES).map(one => `${one.name}: ${whole(one.count)}`).join(', ');
    return { reason, count, where: `${shown}${where.length > MOST_SWITCHES ? ` and ${plural(where.length - MOST_SWITCHES, 'other')}` : ''}.` };
  }), drops);
}

function drawProcess(report, before) {
  const seconds = before ? report.uptimeSeconds - before.uptimeSeconds : 0;
  keyed($('worker-rows'), report.workers, worker => worker.id, () => element('li', {}, element('span'), bar('load'), element('small')), (node, worker) => {
    const old = before?.workers.find(one => one.id === worker.id), diff = name => old ? Math.max(0, worker[name] - old[name]) : 0;
    const load = seconds ? Math.min(1, diff('busySeconds') / seconds) : 0;
    put(node.children[0], `Worker ${worker.id}: ${(100 * load).toFixed(load < 0.1 ? 1 : 0)} % busy`);
    node.children[1].children[1].setAttribute('width', 100 * load);
    put(node.children[2], `${joined(seconds ? diff('packets') / seconds : 0)} packets/s`);
  });
  const process = report.process, cpu = before && seconds ? (process.processorSeconds - before.process.processorSeconds) / seconds : 0;
  const room = [
    ['Frames in use', `${whole(report.frames - report.freeFrames)} of ${whole(report.frames)}`], ['Resident memory', joined(process.residentBytes, 'B')],
    ['Processor time', `${(100 * Math.max(0, cpu)).toFixed(1)} %`], ['Threads', whole(process.threads)], ['Open files', whole(process.openFiles)],
  ];
  keyed($('room-rows'), room, one => one[0], () => element('li', {}, element('span'), ' ', element('span', { class: 'quiet' })), (node, [name, text]) => {
    put(node.children[0], name);
    put(node.children[1], text);
  });
}

askReasons();
poll();
