// Why packets end: what does so most often comes first, and reasons that have been quiet for a while are folded.

import { $, element, put, keyed, joined, whole, plural, words, bar, reasons } from './basics.js';

const WINDOW = 10; // seconds: a reason that drops a packet now and then stays where it is

/** Counts of drops by reason over the last WINDOW seconds. */
export class DropRates {
  #looks = [];

  /** As at a start: the counts before are another switch's. */
  clear() { this.#looks = []; }

  take(seconds, drops) {
    this.#looks.push({ seconds, drops });
    while (this.#looks.length > 2 && seconds - this.#looks[1].seconds >= WINDOW) { this.#looks.shift(); }
  }

  get areKnown() { return this.#looks.length > 1; }

  /** Packets a second. */
  of(reason) {
    const [from, to] = [this.#looks[0], this.#looks.at(-1)], seconds = to.seconds - from.seconds;
    return seconds > 0 ? Math.max(0, (to.drops[reason] ?? 0) - (from.drops[reason] ?? 0)) / seconds : 0;
  }
}

function drawList(id, list, most, empty) {
  keyed($(id), list.length || !empty ? list : [{ reason: '' }], one => one.reason, one => one.reason === '' ? element('li', { class: 'empty' })
    : element('li', {}, element('strong'), element('span', { class: 'count' }), bar(), element('p')),
  (node, { reason, count, rate, where }) => {
    if (reason === '') { put(node, empty); return; }
    const known = reasons[reason];
    put(node.children[0], known?.words ?? words(reason));
    put(node.children[1], `${whole(count)}${rate > 0 ? ` \u00b7 ${joined(rate)} a second` : ''}`);
    node.children[2].children[1].setAttribute('width', Math.max(0.5, 100 * count / most));
    put(node.children[3], [known?.advice ? `${known.advice}.` : '', where].filter(Boolean).join(' '));
  });
}

/** Each has a reason, a count, and where it was met. */
export function drawReasons(all, rates) {
  const told = all.map(one => ({ ...one, rate: rates.of(one.reason) })).sort((a, b) => b.rate - a.rate || b.count - a.count);
  const most = Math.max(1, ...told.map(one => one.count)), moves = one => one.rate > 0 || !rates.areKnown;
  const quiet = told.filter(one => !moves(one)), packets = quiet.reduce((so, one) => so + one.count, 0);
  drawList('drop-rows', told.filter(moves), most, told.length ? 'No packet is being dropped.' : 'No packet has been dropped.');
  $('drop-quiet').hidden = !quiet.length;
  put($('drop-quiet').firstElementChild, `Quiet: ${plural(quiet.length, 'reason')}, ${plural(packets, 'packet')}`);
  drawList('drop-quiet-rows', quiet, most);
}
