// The flow table: the switch searches and sorts it, a page at a time comes here.

import { $, element, put, putList, keyed, whole, plural, span, ask, later, cell } from './basics.js';
import { drawExamples } from './trace.js';

const PERIOD = 2000, PAGE = 25;
const flows = { offset: 0, shown: 0, sort: 'packets', order: 'desc', matched: 0, timer: 0, asked: 0 };

async function askFlows() {
  clearTimeout(flows.timer);
  const turn = ++flows.asked, start = performance.now();
  const query = new URLSearchParams({ search: $('flow-search').value, sort: flows.sort, order: flows.order, offset: flows.offset, limit: PAGE });
  const page = await ask(`api/flows?${query}`).then(reply => reply.json()).catch(error => ({ error }));
  if (turn !== flows.asked) { return; } // another was asked for meanwhile
  if (!page.error) { drawFlows(page); } else if (page.error.status) { put($('flow-count'), page.error.message); }
  // A table that takes long to look through is looked through less often.
  flows.timer = later(askFlows, Math.max(PERIOD, 10 * (performance.now() - start)));
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
  flows.shown = shown;
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
$('flow-next').addEventListener('click', () => turnTo(flows.offset + flows.shown));
$('flow-form').addEventListener('submit', event => { event.preventDefault(); turnTo(0); });
$('flow-search').addEventListener('input', () => { clearTimeout(flows.timer); flows.timer = setTimeout(() => turnTo(0), 250); });

askFlows();
