// What all parts of the page are made of. Everything the switch tells goes into the page as text, never as HTML: names of ports and controllers are
// somebody else's words.

export const PATIENCE = 5000;
export const $ = id => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = ['svg', 'path', 'rect', 'text', 'line', 'g', 'title', 'tspan'].includes(name) ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) { made.setAttribute(key, value); }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

/** Text that is the same is left alone: what a person has selected stays selected. */
export function put(node, text) { if (node.textContent !== text) { node.textContent = text; } }

/** A long match or action list breaks behind its commas. */
export function putList(node, text) {
  if (node.textContent !== text) { node.replaceChildren(...text.split(/(?<=,)/).flatMap((part, index) => index ? [element('wbr'), part] : [part])); }
}

export const cell = (label, kind = '') => element('td', { role: 'cell', 'data-label': label, class: kind });

/** One child for each item, in their order, kept as long as its item is there, so that focus and selection stay. */
export function keyed(parent, items, key, create, update) {
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

export function short(value, unit = '') {
  const steps = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  const [size, letter] = steps.find(([least]) => value >= least * 0.9995) ?? [1, ''];
  const shown = value / size;
  const digits = shown >= 99.95 || (size === 1 && Number.isInteger(value)) ? 0 : shown >= 9.995 ? 1 : 2;
  return [shown.toFixed(shown === 0 ? 0 : digits), `${letter}${unit}`.trim()];
}
export const joined = (value, unit) => short(value, unit).filter(Boolean).join('\u00a0');
export const whole = value => Math.round(value).toLocaleString('en').replaceAll(',', '\u202f');
export const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? '' : 's'}`;
export const words = name => name.replace(/([A-Z])/g, ' $1').toLowerCase();

export function span(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${Math.floor(seconds) % 60} s`
    : `${seconds < 10 ? seconds.toFixed(seconds < 1 ? 1 : 0) : Math.floor(seconds)} s`;
}

export async function ask(path, options = {}) {
  const reply = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE), ...options });
  if (!reply.ok) { throw Object.assign(new Error((await reply.text()).trim()), { status: reply.status }); }
  return reply;
}

export const sum = drops => Object.values(drops).reduce((all, one) => all + one, 0);

export function bar(kind = '') {
  return element('svg', { class: `bar ${kind}`, viewBox: '0 0 100 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, element('rect', { width: 100, height: 1 }), element('rect', { class: 'part', height: 1, width: 0 }));
}

export function drawChoices(id, report) {
  keyed($(id), [null, ...report.ports], port => port?.number ?? '', port => element('option', { value: port.label }), (node, port) => { if (port) { put(node, `${port.label} ${port.name}`); } });
}

/** Again after a time, or as soon as somebody looks. */
export function later(task, milliseconds) {
  return setTimeout(() => document.hidden ? document.addEventListener('visibilitychange', task, { once: true }) : task(), milliseconds);
}

/** Why packets end, in words and with what to do about it, by the reasons' names. */
export const reasons = {};
export async function askReasons() {
  try { Object.assign(reasons, await (await ask('api/reasons')).json()); } catch { setTimeout(askReasons, PATIENCE); }
}
