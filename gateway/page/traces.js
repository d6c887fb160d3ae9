// Traces of the last moments: a list, and one of them as a waterfall.
import {get} from './api.js';
import {h, setText, shown} from './dom.js';
import * as format from './format.js';

const zeros = /^0*$/;

/** Spans by trace, each with its children in order; a parent that is not there makes a root. */
function grouped(answer) {
  const traces = new Map();
  for (const span of answer.spans) {
    if (!traces.has(span.trace)) traces.set(span.trace, []);
    traces.get(span.trace).push({...span, children: []});
  }
  return [...traces].map(([id, spans]) => {
    // A call and its handler are two spans with ids of their own; several may not share one.
    const byId = new Map(spans.map((one) => [one.span, one]));
    const roots = [];
    for (const one of spans.sort((a, b) => a.at_ns - b.at_ns)) {
      const parent = one.parent === one.span ? undefined : byId.get(one.parent);
      one.orphan = !parent && !zeros.test(one.parent);
      (parent ? parent.children : roots).push(one);
    }
    const from = Math.min(...spans.map((one) => one.at_ns));
    const to = Math.max(...spans.map((one) => one.at_ns + one.ns));
    return {id, spans, roots, from, ns: Math.max(to - from, 1), failed: spans.some((s) => s.error),
      unixMs: answer.base_unix_ms + from / 1e6};
  }).sort((a, b) => b.from - a.from);
}

/** In the order of the tree, with depths; a forged circle is never entered, its spans have no root. */
function flat(trace) {
  const out = [];
  const walk = (span, depth) => {
    out.push({span, depth: Math.min(depth, 12)});
    for (const child of span.children) walk(child, depth + 1);
  };
  for (const root of trace.roots) walk(root, 0);
  return out;
}

function place(bar, from, ns, trace) {
  bar.style.left = `${(100 * (from - trace.from) / trace.ns).toFixed(3)}%`;
  bar.style.width = `${Math.max(100 * ns / trace.ns, 0.3).toFixed(3)}%`;
}

/** Of a handler whose call says when it was committed: what lies before was waiting. */
function queueBar(span, trace, byId) {
  const call = span.kind === 'handler' ? byId.get(span.parent) : undefined;
  const since = call?.published_ns;
  if (since === undefined || since >= span.at_ns) return null;
  const bar = h('span', {class: 'span-bar queue', title: `waited ${format.ns(span.at_ns - since)}`});
  place(bar, since, span.at_ns - since, trace);
  return bar;
}

function waterfall(trace) {
  const byId = new Map(trace.spans.map((one) => [one.span, one]));
  const ruler = h('div', {class: 'ruler', 'aria-hidden': 'true'}, [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const mark = h('span', null, format.ns(trace.ns * share));
    mark.style.left = `${share * 100}%`;
    return mark;
  }));
  const rows = flat(trace).map(({span, depth}) => {
    const bar = h('span', {class: `span-bar ${span.kind}${span.error ? ' failed' : ''}`});
    place(bar, span.at_ns, span.ns, trace);
    const label = h('div', {class: 'span-label'}, h('span', {class: 'name'}, shown(span.name)), ' ',
      h('span', {class: 'hint'}, `${span.kind} in ${shown(span.process)}`,
        span.attempt ? `, attempt ${span.attempt}` : '', span.orphan ? ', its parent was not recorded' : ''));
    label.style.paddingLeft = `${depth * 14}px`;
    const error = span.error ? h('span', {class: 'badge error'},
      shown(span.error) + (span.code ? ` ${span.code}` : '')) : null;
    return h('li', {class: 'span'}, label,
      h('div', {class: 'span-time'}, format.ns(span.ns), ' ', error),
      h('div', {class: 'lane', 'aria-hidden': 'true'}, queueBar(span, trace, byId), bar));
  });
  return h('div', {class: 'waterfall'}, ruler, h('ol', {class: 'spans'}, rows));
}

function processWords(trace) {
  const n = new Set(trace.spans.map((span) => span.pid)).size;
  return n === 1 ? '1 process' : `${n} processes`;
}

function row(trace) {
  const root = trace.roots[0] ?? trace.spans[0];
  return h('li', null, h('a', {class: 'trace-row', href: `#/traces/${encodeURIComponent(trace.id)}`},
    h('span', {class: 'name'}, shown(root.name)),
    h('span', {class: 'hint'}, `${format.plural(trace.spans.length, 'span')} in ` +
      processWords(trace)),
    trace.failed ? h('span', {class: 'badge error'}, 'failed') : null,
    h('span', {class: 'number'}, format.ns(trace.ns)),
    h('time', {class: 'hint number'}, format.clock(trace.unixMs))));
}

export function traces(page, id) {
  const again = h('button', {type: 'button', class: 'primary'}, 'Look again');
  const words = h('span', {class: 'hint', role: 'status'});
  const filter = h('input', {type: 'search', 'aria-label': 'Show only traces with this name in them',
    placeholder: 'Only with this name', autocomplete: 'off', spellcheck: 'false'});
  const box = h('div');
  let all = [];

  function showOne() {
    const trace = all.find((one) => one.id === id);
    if (!trace) {
      return box.replaceChildren(h('p', {class: 'notice'}, 'This trace is not in the flight recorder ' +
        '(any more): it keeps the newest events of each process.'));
    }
    const root = trace.roots[0] ?? trace.spans[0];
    box.replaceChildren(h('dl', {class: 'facts'},
      [['Took', format.ns(trace.ns)], ['Began', format.clock(trace.unixMs)],
        ['Spans', String(trace.spans.length)], ['Root', shown(root.name)]]
        .map(([title, value]) => h('div', null, h('dt', null, title), h('dd', null, value)))),
    waterfall(trace));
  }
  function show() {
    if (id) return showOne();
    const text = filter.value.toLowerCase();
    const some = all.filter((t) => t.spans.some((s) => s.name.toLowerCase().includes(text)));
    box.replaceChildren(some.length ? h('ul', {class: 'trace-list'}, some.slice(0, 200).map(row))
      : h('p', {class: 'empty'}, all.length ? 'No trace has this name in it.'
        : 'Nothing was traced lately. Send a command with “Trace this call”, or see docs/observability.md.'));
  }
  async function look() {
    try {
      const answer = await get('/api/traces', page.signal);
      all = grouped(answer);
      setText(words, `${format.plural(all.length, 'trace')}, ${format.plural(answer.spans.length, 'span')}` +
        (answer.left_out ? `; ${answer.left_out} older spans are left out` : ''));
      show();
    } catch (problem) {
      page.problem(problem);
    }
  }
  again.addEventListener('click', look);
  filter.addEventListener('input', show);
  page.put(id ? 'Trace' : 'Traces',
    id ? h('p', {class: 'crumb'}, h('a', {href: '#/traces'}, 'Traces'), ' / ', h('code', null, shown(id))) : null,
    h('h1', null, id ? 'Trace' : 'Traces'),
    h('div', {class: 'bar'}, id ? null : filter, again, words), box);
  if (!id) page.onKey('/', () => filter.focus());
  look();
}
