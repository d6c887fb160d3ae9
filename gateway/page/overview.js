// What runs: names, topics, processes, live.
import {stream} from './api.js';
import {h, nameLink, setText, shown} from './dom.js';
import * as format from './format.js';
import {Spark} from './spark.js';
import {stateCell, Table} from './table.js';

const goneFor = 30000;  // ms that a process which has left is still shown

function linkCell(kind) {
  return () => {
    const box = h('span');
    let name;
    return {node: box, update(row) {
      if (name === row.name) return;
      name = row.name;
      box.replaceChildren(nameLink(kind, name));
    }};
  };
}

function ownerText(row) {
  if (!row.owner && !row.pid) return '–';
  return `${shown(row.owner)}${row.pid ? ` (${row.pid})` : ''}${row.others ? `, +${row.others}` : ''}`;
}

const sparkLength = 30;

function rateCell() {
  const spark = new Spark(sparkLength);
  const number = h('span', {class: 'value'});
  return {node: h('span', {class: 'rate'}, spark.node, number), update(row) {
    setText(number, format.rate(row.rate));
    if (spark.values !== row.history) spark.show(row.history);
  }};
}

/** Rates of the last looks by name: of rows that a filter hides, too. */
class History {
  constructor() {
    this.rates = new Map();
  }
  add(rows) {
    const before = this.rates;
    this.rates = new Map();
    for (const row of rows) {
      row.history = [...(before.get(row.name) ?? []), row.rate ?? 0].slice(-sparkLength);
      this.rates.set(row.name, row.history);
    }
  }
}

const commandTable = () => new Table({
  label: 'Commands', key: (row) => row.name, empty: 'No commands are registered.',
  columns: [
    {title: 'Name', sort: (r) => r.name, cell: linkCell('command'), kind: 'title'},
    {title: 'State', sort: (r) => r.state, cell: () => stateCell((r) => r.state), kind: 'mark'},
    {title: 'Handler', text: ownerText, sort: (r) => r.owner, narrow: 'wide'},
    {title: 'Calls/s', cell: rateCell, sort: (r) => r.rate, number: true},
    {title: 'Errors/s', text: (r) => format.rate(r.error_rate), sort: (r) => r.error_rate,
      number: true},
    {title: 'p50', text: (r) => format.ns(r.p50), sort: (r) => r.p50, number: true},
    {title: 'p99', text: (r) => format.ns(r.p99), sort: (r) => r.p99, number: true},
    {title: 'Depth', text: (r) => format.count(r.depth), sort: (r) => r.depth, number: true},
    {title: 'Calls', text: (r) => format.count(r.calls), sort: (r) => r.calls, number: true,
      narrow: 'hide'},
  ],
});

const topicTable = () => new Table({
  label: 'Events', key: (row) => row.name, empty: 'No events are published.',
  columns: [
    {title: 'Name', sort: (r) => r.name, cell: linkCell('event'), kind: 'title'},
    {title: 'State', cell: () => stateCell((r) => (r.publishers ? 'active' : 'silent')),
      kind: 'mark', sort: (r) => r.publishers},
    {title: 'Publishers', sort: (r) => r.publishers, narrow: 'wide',
      text: (r) => (r.labels?.length ? r.labels.map((one) => shown(one)).join(', ')
        : String(r.publishers))},
    {title: 'Events/s', cell: rateCell, sort: (r) => r.rate, number: true},
    {title: 'Published', text: (r) => format.count(r.published), sort: (r) => r.published,
      number: true},
    {title: 'Subscribers', text: (r) => String(r.subscribers), sort: (r) => r.subscribers,
      number: true},
    {title: 'Behind', text: (r) => format.count(r.behind), sort: (r) => r.behind, number: true},
    {title: 'Missed', text: (r) => format.count(r.missed), sort: (r) => r.missed, number: true},
  ],
});

const stateOf = (row) => (row.gone ? 'gone' : row.alive ? 'alive' : 'dead');
const processTable = () => new Table({
  label: 'Processes', key: (row) => row.slot, empty: 'No process has the bus open.',
  columns: [
    {title: 'Process', text: (r) => shown(r.label || '–'), sort: (r) => r.label, kind: 'title'},
    {title: 'State', cell: () => stateCell(stateOf), kind: 'mark', sort: stateOf},
    {title: 'PID', text: (r) => String(r.pid), sort: (r) => r.pid, number: true},
    {title: 'Calls/s', text: (r) => format.rate(r.calls_rate), sort: (r) => r.calls_rate,
      number: true},
    {title: 'Served/s', text: (r) => format.rate(r.served_rate), sort: (r) => r.served_rate,
      number: true},
    {title: 'Errors/s', text: (r) => format.rate(r.error_rate), sort: (r) => r.error_rate,
      number: true},
    {title: 'Under way', text: (r) => format.count(r.under_way), sort: (r) => r.under_way,
      number: true},
    {title: 'Age', text: (r) => format.age(r.age_ns), sort: (r) => r.age_ns, number: true},
  ],
});

/** One of the figures at the top. */
function figure(title, spark) {
  const value = h('dd', {class: 'figure-value'}, '–');
  const more = h('dd', {class: 'figure-more'});
  return {value, more, node: h('div', {class: 'figure'}, h('dt', null, title), value, more,
    spark ? h('dd', {class: 'figure-spark'}, spark.node) : null)};
}

function section(title, table, id) {
  const heading = h('h2', {id}, title);
  return {heading, node: h('section', {'aria-labelledby': id, class: 'block'}, heading, table.node)};
}

/** Processes that were there before and are not now: shown as gone for a while. */
class Departed {
  constructor() {
    this.before = new Map();
    this.gone = new Map();
  }
  add(processes, at) {
    const now = new Map(processes.map((one) => [one.slot, one]));
    for (const [slot, one] of this.before) {
      if (!now.has(slot)) this.gone.set(slot, {...one, gone: true, alive: false, since: at,
        calls_rate: 0, served_rate: 0, error_rate: 0, under_way: 0});
    }
    for (const [slot, one] of this.gone) {
      if (now.has(slot) || at - one.since > goneFor) this.gone.delete(slot);
    }
    this.before = now;
    return [...processes, ...this.gone.values()];
  }
}

const sum = (rows, of) => rows.reduce((total, row) => total + (of(row) ?? 0), 0);

export function overview(page) {
  const commands = commandTable();
  const topics = topicTable();
  const processes = processTable();
  const spark = new Spark(60);
  const figures = {rate: figure('Calls per second', spark), names: figure('Commands'),
    events: figure('Events'), processes: figure('Processes')};
  const filter = h('input', {type: 'search', id: 'filter', placeholder: 'Filter names',
    'aria-label': 'Filter by name', autocomplete: 'off', spellcheck: 'false'});
  const left = h('p', {class: 'hint', hidden: true});
  const people = section('Processes', processes, 'processes');
  const departed = new Departed();
  const history = new History();
  let newest;

  function show() {
    const text = filter.value.toLowerCase();
    const fits = (row) => `${row.name ?? row.label} ${row.owner ?? ''}`.toLowerCase().includes(text);
    commands.show(newest.commands.filter(fits));
    topics.show(newest.events.filter(fits));
    processes.show(newest.people.filter(fits));
  }

  function take(seen) {
    page.bus(seen.bus.name);
    newest = seen;
    history.add([...seen.commands, ...seen.events]);
    seen.people = departed.add(seen.processes ?? [], seen.at_unix_ms);
    people.node.hidden = !seen.inspect;
    const rate = sum(seen.commands, (row) => row.rate);
    spark.add(rate);
    setText(figures.rate.value, format.rate(rate));
    setText(figures.rate.more, `${format.rate(sum(seen.commands, (r) => r.error_rate))} errors/s`);
    const serving = seen.commands.filter((row) => row.state === 'active').length;
    setText(figures.names.value, String(seen.commands.length));
    setText(figures.names.more, serving === seen.commands.length ? 'all are served'
      : `${seen.commands.length - serving} without a handler`);
    setText(figures.events.value, String(seen.events.length));
    setText(figures.events.more, `${format.rate(sum(seen.events, (r) => r.rate))} events/s`);
    figures.processes.node.hidden = !seen.inspect;
    const living = seen.people.filter((one) => one.alive && one.role !== 'daemon');
    setText(figures.processes.value, format.count(new Set(living.map((one) => one.pid)).size));
    setText(figures.processes.more, seen.bus.daemon ? 'shmbusd is running' : 'without shmbusd');
    left.hidden = seen.left_out === 0;
    setText(left, `${seen.left_out} more rows did not fit into one look.`);
    show();
  }

  filter.addEventListener('input', () => newest && show());
  page.put('Overview',
    h('h1', {class: 'sr'}, 'Overview'),
    h('dl', {class: 'figures'}, Object.values(figures).map((one) => one.node)),
    h('div', {class: 'bar'}, filter, h('span', {class: 'hint wide-only'}, 'press / to filter')),
    left, section('Commands', commands, 'commands').node, section('Events', topics, 'events').node,
    people.node);
  page.onKey('/', () => filter.focus());
  stream('/api/live', page.signal, {
    event: (event) => {
      if (event.type === 'lost') page.state(JSON.parse(event.data));
      else if (!page.paused()) {
        page.state('live');
        take(JSON.parse(event.data));
      }
    },
    state: page.state, refused: page.problem,
  });
}
