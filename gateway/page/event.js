// One event: its publishers, and its values as they come.
import {get, pathTo, stream} from './api.js';
import {h, setText, shown} from './dom.js';
import * as format from './format.js';
import {cppTypes} from './samples.js';

const keptMax = 200;

export async function event(page, name) {
  let details;
  try {
    details = await get(pathTo('/api/names/', name), page.signal);
  } catch (problem) {
    page.put(name, h('h1', {class: 'mono'}, shown(name)));
    return page.problem(problem);
  }
  const types = cppTypes(details.schema, details.name);
  const facts = {rate: h('dd'), published: h('dd'), subscribers: h('dd'), behind: h('dd'),
    missed: h('dd')};
  const list = h('ol', {class: 'tail', tabindex: '0', 'aria-label': `Values of ${shown(name)}`});
  const none = h('p', {class: 'empty'}, 'No event since this was opened.');
  const counted = h('span', {class: 'hint', role: 'status'});
  const filter = h('input', {type: 'search', 'aria-label': 'Show only events with this text',
    placeholder: 'Only with this text', autocomplete: 'off', spellcheck: 'false'});
  const clear = h('button', {type: 'button'}, 'Clear');
  let seen = 0;
  let missed = 0;

  function tell() {
    setText(counted, `${format.plural(seen, 'event')} seen` +
      (missed ? `, ${format.count(missed)} missed` : ''));
    none.hidden = list.childElementCount !== 0;
  }
  function add(one) {
    if (one.type === 'missed') {
      missed += JSON.parse(one.data).missed;
    } else if (one.data && one.type === 'message') {
      seen += 1;
      if (!one.data.includes(filter.value)) return tell();
      list.prepend(h('li', null, h('time', null, format.clock(Date.now())),
        h('code', null, shown(one.data)), h('span', {class: 'id'}, shown(one.id))));
      while (list.childElementCount > keptMax) list.lastChild.remove();
    }
    tell();
  }
  clear.addEventListener('click', () => {
    list.replaceChildren();
    tell();
  });

  page.put(name,
    h('p', {class: 'crumb'}, h('a', {href: '#/'}, 'Overview'), ' / event'),
    h('h1', {class: 'mono'}, shown(name)),
    h('dl', {class: 'facts'}, [['Events/s', facts.rate], ['Published', facts.published],
      ['Subscribers', facts.subscribers], ['Furthest behind', facts.behind], ['Missed', facts.missed]]
      .map(([title, value]) => h('div', null, h('dt', null, title), value))),
    h('section', {class: 'block', 'aria-labelledby': 'tail-title'},
      h('h2', {id: 'tail-title'}, 'Live'),
      details.may_listen ? [h('div', {class: 'bar'}, filter, clear, counted), none, list]
        : h('p', {class: 'notice'}, 'You may not listen to this event.')),
    types ? h('section', {class: 'block'}, h('h2', null, 'Type'),
      h('pre', {class: 'code', tabindex: '0'}, types.texts || types.request)) : null);

  const quiet = {state() {}, refused: page.problem};
  stream(pathTo('/api/live/', name), page.signal, {...quiet, event: (one) => {
    if (one.type !== 'message' || page.paused()) return;
    const now = JSON.parse(one.data).event;
    if (!now) return;
    setText(facts.rate, format.rate(now.rate));
    setText(facts.published, format.count(now.published));
    setText(facts.subscribers, String(now.subscribers));
    setText(facts.behind, format.count(now.behind));
    setText(facts.missed, format.count(now.missed));
  }});
  if (details.may_listen) {
    stream(pathTo('/events/', name), page.signal, {state: page.state, refused: page.problem,
      event: (one) => page.paused() || add(one)});
  } else {
    page.state('live');
  }
}
