// The page of one switch. It asks for a report every second and draws what changed; it changes nothing itself.
// Everything the switch tells goes into the page as text, never as HTML: names of ports and controllers are somebody else's words.

const PERIOD = 1000, PATIENCE = 5000, KEPT = 121, SPARK = 60, FLOWS_PERIOD = 2000, PAGE = 25;
const $ = id => document.getElementById(id);
const token = readToken();
let last = null, history = [], ports = new Map(), wait = PERIOD;
let reasons = {}, lastTrace = null;
const flows = { offset: 0, sort: 'packets', order: 'desc', matched: 0, timer: 0, asked: 0 };

// ---- Small things ----

/** The token is in the URL's fragment, which no server sees. It is taken out of the address bar, so that nobody copies it with the URL. */
function readToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  try {
    if (given) { sessionStorage.setItem('token', given); }
    if (given) { window.history.replaceState(null, '', location.pathname); }
    return given ?? sessionStorage.getItem('token');
  } catch { return given; }
}

function element(name, attributes = {}, ...children) {
  const made = ['svg', 'path', 'rect', 'text', 'line', 'g', 'title', 'tspan'].includes(name) ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) { made.setAttribute(key, value); }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

/** Text that is the same is left alone: what a person has selected stays selected. */
function put(node, text) { if (node.textContent !== text) { node.textContent = text; } }

/** A long match or action list breaks behind its commas. */
function putList(node, text) {
  if (node.textContent !== text) { node.replaceChildren(...text.split(/(?<=,)/).flatMap((part, index) => index ? [element('wbr'), part] : [part])); }
}

/** One child for each item, in their order, kept as long as its item is there, so that focus and selection stay. */
function keyed(parent, items, key, create, update) {
  const old = new Map([...parent.children].map(child => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const id = String(key(item));
    let child = old.get(id);
    old.delete(id);
    if (!child) { child = create(item); child.dataset.key = id; }
    if (parent.children[index] !== child) { parent.insertBefore(child, parent.children[index] ?? null); }
    update(child, item);
  });
  old.forEach(child => child.remove());
}

function short(value, unit = '') {
  const steps = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  const [size, letter] = steps.find(([least]) => value >= least * 0.9995) ?? [1, ''];
  const shown = value / size;
  const digits = shown >= 99.95 || (size === 1 && Number.isInteger(value)) ? 0 : shown >= 9.995 ? 1 : 2;
  return [shown.toFixed(shown === 0 ? 0 : digits), `${letter}${unit}`.trim()];
}
const joined = (value, unit) => short(value, unit).filter(Boolean).join('\u00a0');
const whole = value => Math.round(value).toLocaleString('en').replaceAll(',', '\u202f');
const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? '' : 's'}`;
const words = name => name.replace(/([A-Z])/g, ' $1').toLowerCase();

function span(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${Math.floor(seconds) % 60} s`
    : `${seconds < 10 ? seconds.toFixed(seconds < 1 ? 1 : 0) : Math.floor(seconds)} s`;
}

async function ask(path, options = {}) {
  const reply = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE), ...options });
  if (!reply.ok) { throw Object.assign(new Error((await reply.text()).trim()), { status: reply.status }); }
  return reply;
}

const sum = drops => Object.values(drops).reduce((all, one) => all + one, 0);

// ---- The report, once a second ----

async function poll() {
  try {
    const report = await (await ask('api/report')).json();
    take(report);
    wait = PERIOD;
    state('live', 'live');
  } catch (error) {
    wait = Math.min(wait * 1.5, PATIENCE);
    state('lost', error.status ? `refused: ${error.message}` : 'no answer; trying again');
  }
  setTimeout(() => document.hidden ? document.addEventListener('visibilitychange', poll, { once: true }) : poll(), wait);
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

const cell = (label, kind = '') => element('td', { role: 'cell', 'data-label': label, class: kind });

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
    put(node.children[0], known?.text ?? words(reason));
    put(node.children[1], `${whole(count)}${rate > 0 ? ` \u00b7 ${joined(rate)} a second` : ''}`);
    node.children[2].children[1].setAttribute('width', Math.max(0.5, 100 * count / most));
    put(node.children[3], [known?.advice, where.length ? `Port ${where.join(', ')}.` : ''].filter(Boolean).join(' '));
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

function drawChoices(id, report) {
  keyed($(id), [null, ...report.ports], port => port?.number ?? '', port => element('option', { value: port.label }), (node, port) => { if (port) { put(node, `${port.label} ${port.name}`); } });
}

// ---- The flow table: the switch searches and sorts, a page at a time comes here ----

async function askFlows() {
  clearTimeout(flows.timer);
  const turn = ++flows.asked, start = performance.now();
  const query = new URLSearchParams({ search: $('flow-search').value, sort: flows.sort, order: flows.order, offset: flows.offset, limit: PAGE });
  try {
    const page = await (await ask(`api/flows?${query}`)).json();
    if (turn !== flows.asked) { return; } // another was asked for meanwhile
    drawFlows(page);
  } catch (error) {
    if (turn !== flows.asked) { return; }
    if (error.status) { put($('flow-count'), error.message); }
  }
  // A table that takes long to look through is looked through less often.
  flows.timer = setTimeout(() => document.hidden ? document.addEventListener('visibilitychange', askFlows, { once: true }) : askFlows(), Math.max(FLOWS_PERIOD, 10 * (performance.now() - start)));
}

function drawFlows(page) {
  flows.matched = page.matched;
  if (flows.offset >= page.matched && flows.offset > 0) { flows.offset = Math.max(0, Math.floor((page.matched - 1) / PAGE) * PAGE); askFlows(); return; }
  const searched = $('flow-search').value.trim() !== '', shown = page.flows.length;
  put($('flow-count'), !shown ? (searched ? `None of ${plural(page.total, 'entry').replace('entrys', 'entries')}.` : 'The table is empty.')
    : `${whole(page.offset + 1)} to ${whole(page.offset + shown)} of ${whole(page.matched)}${searched ? `, out of ${whole(page.total)}` : ''}${page.isComplete ? '' : ` (of the first ${whole(page.looked)} looked at)`}`);
  keyed($('flow-rows'), page.flows.map((flow, index) => ({ flow, index })), one => one.index,
    () => element('tr', { role: 'row' }, cell('Priority', 'number'), cell('Match', 'match'), cell('Actions', 'actions'), cell('Packets', 'number'), cell('Bytes', 'number'), cell('Age', 'number'), cell('Cookie', 'number')),
    (row, { flow }) => [String(flow.priority), flow.match || 'every packet', flow.actions, whole(flow.packets), whole(flow.bytes), span(flow.ageSeconds), flow.cookie]
      .forEach((text, index) => putList(row.children[index], text)));
  if (!$('trace-examples').children.length) { drawExamples(page.flows); }
  $('flow-first').disabled = $('flow-back').disabled = flows.offset === 0;
  $('flow-next').disabled = flows.offset + shown >= page.matched;
}

function sortBy(name, order) {
  [flows.sort, flows.order, flows.offset] = [name, order ?? 'desc', 0];
  for (const head of document.querySelectorAll('[aria-sort]')) {
    head.setAttribute('aria-sort', head.firstChild.dataset.sort !== name ? 'none' : flows.order === 'asc' ? 'ascending' : 'descending');
  }
  $('flow-sort').value = name;
  askFlows();
}

function turnTo(offset) { flows.offset = Math.max(0, offset); askFlows(); }

for (const button of document.querySelectorAll('[data-sort]')) {
  button.addEventListener('click', () => sortBy(button.dataset.sort, flows.sort === button.dataset.sort && flows.order === 'desc' ? 'asc' : 'desc'));
}
$('flow-sort').addEventListener('change', () => sortBy($('flow-sort').value));
$('flow-first').addEventListener('click', () => turnTo(0));
$('flow-back').addEventListener('click', () => turnTo(flows.offset - PAGE));
$('flow-next').addEventListener('click', () => turnTo(flows.offset + PAGE));
$('flow-form').addEventListener('submit', event => { event.preventDefault(); turnTo(0); });
$('flow-search').addEventListener('input', () => { clearTimeout(flows.timer); flows.timer = setTimeout(() => turnTo(0), 250); });

// ---- Trace: a packet's way as a picture from port to port, and in words ----

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
      end(step.count > 1 ? `${step.count} dropped` : 'dropped', [step.text], 'end');
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

/** Side by side where there is room and packets leave at the end of the way; else from top to bottom. */
function drawWay(report, available) {
  const { stages, ends } = way(report), svg = element('svg', { class: 'path', role: 'img', 'aria-label': report.summary }), edges = element('g');
  svg.append(edges);
  const edge = (kind, d) => edges.append(element('path', { class: `edge ${kind}`, d })), lost = one => one.kind === 'end' ? 'lost' : 'taken';
  const columns = stages.length + 1, gap = 44, wide = Math.min(260, (available - 2 - gap * (columns - 1)) / columns);
  let width = available, height = 0;
  if (wide >= 150 && ends.every(one => one.from === stages.length - 1)) {
    for (const one of ends) { height += box(svg, one, 1 + (columns - 1) * (wide + gap), height + 1, wide) + 14; }
    height -= 14;
    const highest = Math.max(height, ...stages.map((one, index) => box(svg, one, 1 + index * (wide + gap), 0, wide)));
    svg.replaceChildren(edges);
    let y = (highest - height) / 2 + 1;
    for (const one of ends) { y += box(svg, one, one.x, y, wide) + 14; }
    stages.forEach(one => { box(svg, one, one.x, (highest - one.height) / 2 + 1, wide); });
    stages.slice(1).forEach((one, index) => edge('taken', `M${stages[index].x + wide} ${highest / 2 + 1}H${one.x}`));
    const from = stages.at(-1).x + wide;
    ends.forEach(one => edge(lost(one), `M${from} ${highest / 2 + 1}C${from + gap / 2} ${highest / 2 + 1} ${from + gap / 2} ${one.y + one.height / 2} ${one.x} ${one.y + one.height / 2}`));
    [width, height] = [1 + columns * wide + (columns - 1) * gap + 1, highest + 2];
  } else {
    width = Math.min(available, 460);
    let y = 1;
    stages.forEach((one, index) => {
      y += box(svg, one, 1, y, width - 2) + 14;
      for (const out of ends.filter(one => one.from === index)) { y += box(svg, out, 48, y, width - 49) + 14; }
    });
    const middle = one => one.y + one.height / 2;
    stages.slice(1).forEach((one, index) => edge('taken', `M24 ${stages[index].y + stages[index].height}V${one.y}`));
    ends.forEach(one => { const from = stages[one.from]; edge(lost(one), `M24 ${from.y + from.height}V${middle(one) - 8}Q24 ${middle(one)} 32 ${middle(one)}H48`); });
    height = y - 13;
  }
  svg.setAttribute('viewBox', `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
  svg.setAttribute('width', Math.ceil(width));
  return svg;
}

function drawTrace(report) {
  const steps = report.steps.map(step => element('li', {}, step.text, ...(step.changes ?? []).map(one => element('div', { class: 'words' }, `${one.field}: ${one.from} \u2192 ${one.to}`)),
    ...(step.others ?? []).map(one => element('div', { class: 'words' }, `would match too: priority ${one.priority} ${one.match || 'every packet'} actions=${one.actions}`)),
    ...(step.entry?.hardware ?? []).map(line => element('div', { class: 'words' }, line))));
  $('trace-result').replaceChildren(element('p', {}, element('strong', {}, report.summary)), drawWay(report, Math.max(240, $('trace-result').clientWidth)), element('p', { class: 'words quiet' }, report.packet), element('ol', { class: 'steps' }, ...steps));
  lastTrace = report;
}

/** Entries that are there are the best examples: a press fills in a packet that meets one. */
function drawExamples(entries) {
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

poll();
askFlows();
