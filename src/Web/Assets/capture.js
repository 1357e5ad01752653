// Capture: a file that grows here while the switch sends it.

import { $, element, put, joined, whole, plural, ask } from './basics.js';
import { token } from './token.js';

let capturing = null;

async function capture(event) {
  event.preventDefault();
  const name = crypto.getRandomValues(new Uint32Array(3)).join('-'), headers = { Authorization: `Bearer ${token}` };
  const query = new URLSearchParams({ name, port: $('capture-port').value, which: $('capture-which').value, match: $('capture-match').value, count: $('capture-count').value });
  capturing = { stop: () => fetch(`api/capture/stop?${new URLSearchParams({ name })}`, { headers }) };
  $('capture-start').disabled = true;
  $('capture-state').className = 'quiet';
  put($('capture-state'), 'waiting for packets');
  try {
    const reply = await ask(`api/capture?${query}`, { headers, signal: null }), reader = reply.body.getReader(), parts = [];
    $('capture-stop').disabled = false;
    for (let size = 0, part; !(part = await reader.read()).done;) {
      parts.push(part.value);
      size += part.value.length;
      put($('capture-state'), `${joined(size, 'B')} so far`);
    }
    const file = new Blob(parts, { type: 'application/x-pcapng' }), { packets, lost } = count(await file.arrayBuffer()), link = element('a', { href: URL.createObjectURL(file), download: `softswitch-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.pcapng` });
    put($('capture-state'), `${plural(packets, 'packet')}, ${joined(file.size, 'B')}; ${lost ? `${whole(lost)} more were lost to the capture` : 'none was lost to the capture'}`);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    $('capture-state').className = 'error';
    put($('capture-state'), error.status ? error.message : 'the switch went before the capture was complete');
  }
  capturing = null;
  $('capture-start').disabled = false;
  $('capture-stop').disabled = true;
}

/** Packets in a pcapng file, and those its statistics say were lost (option 5, isb_ifdrop). */
function count(buffer) {
  const view = new DataView(buffer), found = { packets: 0, lost: 0 };
  for (let at = 0, length; at + 12 <= buffer.byteLength && (length = view.getUint32(at + 4, true)) >= 12; at += length) {
    const type = view.getUint32(at, true);
    if (type === 6) { found.packets++; }
    for (let option = at + 20; type === 5 && option + 4 <= at + length - 4 && view.getUint16(option, true) !== 0; option += 4 + Math.ceil(view.getUint16(option + 2, true) / 4) * 4) {
      if (view.getUint16(option, true) === 5) { found.lost += Number(view.getBigUint64(option + 4, true)); }
    }
  }
  return found;
}

if (!token) {
  put($('capture-note'), 'Packets\u2019 contents are for who opened the page by the URL with the token, which the switch printed when it started.');
  for (const field of $('capture-form').elements) { field.disabled = true; }
}
$('capture-form').addEventListener('submit', capture);
$('capture-stop').addEventListener('click', () => capturing?.stop());
