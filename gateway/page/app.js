// Which view is shown: the part of the address behind '#'. A view draws itself into <main>, and
// ends when another one is shown.
import {get, setToken, token, whenUnauthorized} from './api.js';
import {command} from './command.js';
import {doctor} from './doctor.js';
import {h, setText, shown} from './dom.js';
import {event} from './event.js';
import {overview} from './overview.js';
import {traces} from './traces.js';

const main = document.getElementById('main');
const status = document.getElementById('status');
const pauseButton = document.getElementById('pause');
const dialog = document.getElementById('token-dialog');
const tokenText = document.getElementById('token-text');
let ending = new AbortController();
let paused = false;
let keys = new Map();

const views = {overview, command, event, traces, doctor};

function route() {
  const [, view = '', ...rest] = location.hash.split('/');
  const name = rest.length ? safeDecode(rest.join('/')) : '';
  if (view === '') return ['overview', ''];
  return Object.hasOwn(views, view) ? [view, name] : [null, name];
}

function safeDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function showState(text) {
  if (paused && text === 'live') text = 'paused';
  setText(status, text);
  status.className = `status ${['live', 'paused', ''].includes(text) ? text : 'lost'}`;
}

function problemBox(problem) {
  const {document: what = {}} = problem;
  return h('div', {class: 'notice bad', role: 'alert'},
    h('p', null, h('strong', null, shown(what.title ?? 'Something went wrong'))),
    h('p', null, shown(problem.message)));
}

function tokenNotice() {
  return h('div', {class: 'notice'}, h('p', null, 'This gateway shows nothing without a token.'),
    h('button', {type: 'button', class: 'primary', onclick: () => askForToken('')}, 'Give a token'));
}

/** What a view gets. */
function pageFor(signal) {
  return {
    signal,
    paused: () => paused,
    state: (text) => signal.aborted || showState(text),
    bus: (name) => setText(document.getElementById('bus'), name),
    onKey: (key, then) => keys.set(key, then),
    put(title, ...nodes) {
      if (signal.aborted) return;
      document.title = `${shown(title)} – shmbus`;
      main.replaceChildren(...nodes.filter(Boolean));
    },
    problem(problem) {
      if (signal.aborted || problem.name === 'AbortError') return;
      showState('');
      if (problem.status === 401) main.replaceChildren(tokenNotice());
      else main.prepend(problemBox(problem));
    },
  };
}

/** Views other than the overview do not say which bus it is. */
function nameBus(signal) {
  get('/api/overview', signal).then((seen) => {
    setText(document.getElementById('bus'), seen.bus.name);
  }, () => {});
}

function show() {
  ending.abort();
  ending = new AbortController();
  keys = new Map();
  showState('');
  const [view, name] = route();
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const page = pageFor(ending.signal);
  if (view === null) {
    return page.put('Nothing here', h('h1', null, 'Nothing here'),
      h('p', null, h('a', {href: '#/'}, 'Go to the overview')));
  }
  pauseButton.hidden = view === 'traces' || view === 'doctor';
  page.put('…', h('p', {class: 'empty'}, 'Looking at the bus…'));
  if (view !== 'overview') nameBus(ending.signal);
  views[view](page, name);
}

function askForToken(why) {
  setText(document.getElementById('token-why'), why);
  tokenText.value = '';
  if (!dialog.open) dialog.showModal();
}

function pause() {
  paused = !paused;
  pauseButton.setAttribute('aria-pressed', String(paused));
  setText(pauseButton, paused ? 'Go on' : 'Pause');
  showState(paused ? 'paused' : 'live');
}

pauseButton.addEventListener('click', pause);
document.getElementById('token').addEventListener('click', () => askForToken(
  token() ? 'A token is in use.' : 'No token is in use.'));
document.getElementById('token-cancel').addEventListener('click', () => dialog.close());
document.getElementById('token-forget').addEventListener('click', () => {
  setToken('');
  dialog.close();
  show();
});
document.getElementById('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  dialog.close();
  setToken(tokenText.value.trim());
  tokenText.value = '';
  show();
});
whenUnauthorized((had) => askForToken(
  had ? 'The gateway does not know this token.' : 'This gateway wants to know who you are.'));

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();  // the address says which view is shown
  main.focus();
});
addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, textarea, select, dialog');
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const then = keys.get(event.key);
  if (!then) return;
  event.preventDefault();
  then();
});
addEventListener('hashchange', () => {
  show();
  main.focus({preventScroll: true});
  scrollTo(0, 0);
});
show();
