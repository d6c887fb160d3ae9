// One command: a form made from its type, samples, where its time goes, who calls it, its policy.
import {get, pathTo, problemOf, send, stream, token} from './api.js';
import {h, setClass, setText, shown} from './dom.js';
import * as format from './format.js';
import {bytesForm, formOf} from './form.js';
import {Heat, histogram} from './heat.js';
import {pretty} from './json_text.js';
import {cppSample, cppTypes, curl, pythonSample} from './samples.js';
import {policyList} from './policy.js';
import {Table} from './table.js';
import {tabs} from './tabs.js';

const detailsPause = 5000;

function hexOf(bytes) {
  return [...bytes].map((one) => one.toString(16).padStart(2, '0')).join(' ');
}

function randomHex(bytes) {
  return hexOf(crypto.getRandomValues(new Uint8Array(bytes))).replaceAll(' ', '');
}

/** What came back, in words and as it is. */
function answerBox() {
  const title = h('p', {class: 'answer-title'});
  const body = h('pre', {class: 'code', tabindex: '0', 'aria-label': 'Answer'});
  const more = h('p', {class: 'hint'});
  const node = h('div', {class: 'answer', role: 'status', hidden: true}, title, body, more);
  const show = (kind, words, text, below) => {
    setClass(node, `answer ${kind}`);
    setText(title, words);
    body.hidden = text === '';
    setText(body, text);
    more.replaceChildren(...[below].flat().filter(Boolean));
    more.hidden = more.childNodes.length === 0;
    node.hidden = false;
  };
  return {node, show};
}

function problemWords(problem) {
  const {kind, code, may_have_run: ran, causes} = problem.document;
  return [kind ? `Kind: ${shown(kind)}${code ? `, code ${code}` : ''}. ` : '',
    ran === undefined ? '' : ran ? 'It may have run. ' : 'It did not run and will not: it can be sent again. ',
    causes?.length ? `Because of ${causes.map((c) => `${shown(c.command)}: ${shown(c.kind)}`).join(', ')}.` : ''];
}

async function showAnswer(box, response, took, traceId) {
  const link = traceId ? h('a', {href: `#/traces/${traceId}`}, 'Show its trace') : null;
  const words = `${response.status} ${response.statusText || ''} after ${format.ns(took * 1e6)}`;
  if (!response.ok) {
    const problem = await problemOf(response);
    return box.show('bad', words, shown(problem.message, true), [...problemWords(problem), ' ', link]);
  }
  if (response.status === 202) return box.show('good', `${words}: it is committed`, '', link);
  if (response.status === 204) return box.show('good', `${words}: done, there is no reply`, '', link);
  if ((response.headers.get('Content-Type') ?? '').startsWith('application/json')) {
    return box.show('good', words, pretty(await response.text()), link);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  return box.show('good', `${words}: ${format.plural(bytes.length, 'byte')}`, hexOf(bytes), link);
}

/** The form and its buttons; `onChange` hears of each change of the request. */
function sender(page, details, onChange) {
  const form = details.typed ? formOf(details.request) : bytesForm();
  const traced = h('input', {type: 'checkbox', id: 'traced'});
  const timeout = h('input', {type: 'text', id: 'timeout', placeholder: '5s', autocomplete: 'off'});
  const call = h('button', {type: 'submit', class: 'primary', disabled: !details.may_call}, 'Call');
  const oneWay = h('button', {type: 'button', disabled: !details.may_send}, 'Send one way');
  const wrong = h('p', {class: 'field-error', role: 'alert'});
  const answer = answerBox();
  const cancel = h('button', {type: 'button', hidden: true}, 'Cancel');
  let under_way = null;

  async function go(prefix) {
    if (!form.check()) {
      setText(wrong, 'The request is not complete: see what is marked above.');
      return form.focus();
    }
    setText(wrong, '');
    under_way = new AbortController();
    page.signal.addEventListener('abort', () => under_way?.abort(), {once: true});
    const traceId = traced.checked ? randomHex(16) : '';
    const headers = {'Content-Type': form.bytes ? 'application/octet-stream' : 'application/json'};
    if (timeout.value.trim()) headers['Request-Timeout'] = timeout.value.trim();
    if (traceId) headers.traceparent = `00-${traceId}-${randomHex(8)}-01`;
    call.disabled = oneWay.disabled = true;
    cancel.hidden = false;
    answer.show('', 'Under way…', '', null);
    const began = performance.now();
    try {
      const response = await send(pathTo(prefix, details.name), {method: 'POST', headers,
        signal: under_way.signal, body: form.bytes ? form.bytes() : form.json() ?? ''});
      await showAnswer(answer, response, performance.now() - began, traceId);
    } catch (problem) {
      answer.show('bad', problem.name === 'AbortError' ? 'You took it back; it is cancelled.'
        : shown(problem.message), '', null);
    }
    call.disabled = !details.may_call;
    oneWay.disabled = !details.may_send;
    cancel.hidden = true;
  }

  oneWay.addEventListener('click', () => go('/send/'));
  cancel.addEventListener('click', () => under_way?.abort());
  const node = h('form', {novalidate: true, 'aria-label': 'Send this command'}, form.node,
    h('details', null, h('summary', null, 'Deadline and trace'),
      h('div', {class: 'field'}, h('label', {for: 'timeout'}, 'Deadline ',
        h('span', {class: 'hint'}, 'such as 500ms; the gateway has its own')), timeout),
      h('div', {class: 'field check'}, traced, h('label', {for: 'traced'}, 'Trace this call'))),
    wrong, h('div', {class: 'row'}, call, oneWay, cancel), answer.node);
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    go('/call/');
  });
  const changed = () => {
    if (!form.error()) setText(wrong, '');
    onChange({json: form.error() ? undefined : form.json(), timeout: timeout.value.trim()});
  };
  for (const type of ['input', 'change']) node.addEventListener(type, changed);
  return {node, now: () => ({json: form.error() ? undefined : form.json(), timeout: ''})};
}

function callersTable() {
  return new Table({label: 'Callers', key: (r) => r.key, sortBy: 2, descending: true,
    empty: 'Nobody has a lane to its handler.',
    columns: [
      {title: 'Caller', text: (r) => shown(r.label || '–'), sort: (r) => r.label, kind: 'title'},
      {title: 'PID', text: (r) => String(r.pid), sort: (r) => r.pid, number: true},
      {title: 'Calls', text: (r) => format.count(r.calls), sort: (r) => r.calls, number: true},
      {title: 'One way', text: (r) => format.count(r.sends), sort: (r) => r.sends, number: true},
      {title: 'Errors', text: (r) => format.count(r.errors), sort: (r) => r.errors, number: true},
      {title: 'Timeouts', text: (r) => format.count(r.timeouts), sort: (r) => r.timeouts, number: true},
      {title: 'p50', text: (r) => format.ns(r.p50), sort: (r) => r.p50, number: true},
      {title: 'p99', text: (r) => format.ns(r.p99), sort: (r) => r.p99, number: true},
    ]});
}

function membersTable() {
  return new Table({label: 'Handlers of this name', key: (r) => r.key, empty: '', columns: [
    {title: 'Handler', text: (r) => shown(r.label || '–'), sort: (r) => r.label, kind: 'title'},
    {title: 'Role', text: (r) => r.role, sort: (r) => r.role},
    {title: 'PID', text: (r) => (r.pid ? String(r.pid) : '–'), sort: (r) => r.pid, number: true},
    {title: 'Commands', text: (r) => format.count(r.commands), sort: (r) => r.commands, number: true},
    {title: 'Depth', text: (r) => format.count(r.depth), sort: (r) => r.depth, number: true},
  ]});
}

function samplesBlock(details) {
  const codes = ['curl', 'C++', 'Python'].map((label) =>
    ({label, code: h('code'), make: null}));
  const [one, two, three] = codes;
  const show = ({json, timeout}) => {
    const all = {name: details.name, schema: details.schema, json, timeout, token: token() !== '',
      bus: document.getElementById('bus').textContent.replace(/^shmbus\./, ''),
      path: pathTo(details.may_call || !details.may_send ? '/call/' : '/send/', details.name)};
    setText(one.code, curl(all));
    setText(two.code, cppSample(all));
    setText(three.code, pythonSample(all));
  };
  const node = tabs('Samples', codes.map(({label, code}) =>
    ({label, node: h('pre', {class: 'code', tabindex: '0', 'aria-label': label}, code)})));
  return {node, show};
}

function section(title, ...nodes) {
  return h('section', {class: 'block'}, h('h2', null, title), nodes);
}

/** Facts at the top, live. */
function facts() {
  const names = [['State', 'state'], ['Handler', 'owner'], ['Calls/s', 'rate'], ['Errors/s', 'error_rate'],
    ['p50', 'p50'], ['p99', 'p99'], ['Depth', 'depth'], ['Calls', 'calls']];
  const values = Object.fromEntries(names.map(([, key]) => [key, h('dd', null, '–')]));
  const show = (row) => {
    const state = row?.state ?? 'gone';
    setText(values.state, state);
    setClass(values.state, `state ${state}`);
    if (!row) return;
    setText(values.owner, row.owner || row.pid ? `${shown(row.owner)} (${row.pid ?? '–'})` : '–');
    for (const key of ['rate', 'error_rate']) setText(values[key], format.rate(row[key]));
    for (const key of ['p50', 'p99']) setText(values[key], format.ns(row[key]));
    for (const key of ['depth', 'calls']) setText(values[key], format.count(row[key]));
  };
  return {show, node: h('dl', {class: 'facts'}, names.map(([title, key]) =>
    h('div', null, h('dt', null, title), values[key])))};
}

export async function command(page, name) {
  const top = [h('p', {class: 'crumb'}, h('a', {href: '#/'}, 'Overview'), ' / command'),
    h('h1', {class: 'mono'}, shown(name))];
  let details;
  try {
    details = await get(pathTo('/api/names/', name), page.signal);
  } catch (problem) {
    page.put(name, ...top);
    return page.problem(problem);
  }
  const live = facts();
  const heat = new Heat();
  const samples = samplesBlock(details);
  const streams = details.request_stream || details.reply_stream;
  const form = streams ? null : sender(page, details, samples.show);
  const times = h('div', {class: 'two'});
  const policy = h('div');
  const callers = callersTable();
  const members = membersTable();
  const types = cppTypes(details.schema, details.name);
  const route = h('p', {class: 'hint'});
  const memberSection = section('Handlers and route', members.node, route);

  function take(seen) {
    details = seen;
    times.replaceChildren(histogram('In the handler', seen.service), histogram('Queued before it', seen.queue));
    policy.replaceChildren(policyList(seen.policy));
    callers.show((seen.callers ?? []).map((one, i) => ({...one, key: `${one.pid}/${i}`})));
    members.show((seen.members ?? []).map((one, i) => ({...one, key: String(i)})));
    setText(route, seen.canary ?? '');
    memberSection.hidden = !seen.members?.length;
  }
  page.put(name, ...top, live.node,
    h('div', {class: 'two'},
      section('Send it', form ? form.node : h('p', {class: 'notice'},
        'This command takes or gives a stream of records: call it from a program.')),
      section('From a program', samples.node)),
    section('Latency', heat.node), times,
    memberSection,
    details.callers ? section('Callers', callers.node, h('p', {class: 'hint'},
      'Processes with a lane to the handler; their figures are for all its names.')) : null,
    section('Policy', policy),
    types ? section('Types', h('pre', {class: 'code', tabindex: '0'}, `${types.texts}${types.texts ? '\n' : ''}` +
      `// ${types.request} -> ${types.reply}`)) : null);
  take(details);
  samples.show(form ? form.now() : {});
  watch(page, name, {live, heat, take});
}

function watch(page, name, {live, heat, take}) {
  let looked = Date.now();
  stream(pathTo('/api/live/', name), page.signal, {state: page.state, refused: page.problem, event(one) {
    if (one.type === 'lost') return page.state(JSON.parse(one.data));
    if (page.paused()) return;
    page.state('live');
    const seen = JSON.parse(one.data);
    live.show(seen.command);
    if (seen.octaves) heat.add(seen.at_unix_ms, seen.octaves);
    if (Date.now() - looked < detailsPause) return;
    looked = Date.now();
    get(pathTo('/api/names/', name), page.signal).then(take, () => {});
  }});
}
