// Requests to the gateway, with the token that its user gave, and streams of events: EventSource
// cannot send a token, so they are read with fetch.

const key = 'shmbus-token';
let onUnauthorized = () => {};

export function token() {
  return sessionStorage.getItem(key) ?? '';
}
export function setToken(text) {
  if (text) sessionStorage.setItem(key, text);
  else sessionStorage.removeItem(key);
}
/** Called when the gateway wants other credentials than it got. */
export function whenUnauthorized(then) {
  onUnauthorized = then;
}

/** What the gateway refused, or a network that failed: status 0. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || 'the request failed');
    this.status = status;
    this.document = document;
  }
}

export async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token()) headers.set('Authorization', `Bearer ${token()}`);
  let response;
  try {
    response = await fetch(path, {...options, headers, cache: 'no-store', credentials: 'omit',
      redirect: 'error'});
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, {title: 'the gateway does not answer'});
  }
  if (response.status === 401) onUnauthorized(token() !== '');
  return response;
}

export async function problemOf(response) {
  let document = {};
  try {
    document = await response.json();
  } catch {
    document = {title: `HTTP ${response.status}`};
  }
  return new Problem(response.status, document);
}

export async function get(path, signal) {
  const response = await send(path, {signal});
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

/** "/api/live/" and "a b" to a path. */
export function pathTo(prefix, name) {
  return prefix + name.split('/').map(encodeURIComponent).join('/');
}

/** Cuts a text/event-stream into its events. */
function parser(tell) {
  let rest = '';
  return (text) => {
    rest += text;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const event = {type: 'message', data: '', id: ''};
      for (const line of rest.slice(0, end).split('\n')) {
        const colon = line.indexOf(':');
        if (colon <= 0) continue;
        const value = line.slice(colon + 1).replace(/^ /, '');
        const field = line.slice(0, colon);
        if (field === 'event') event.type = value;
        if (field === 'data') event.data += value;
        if (field === 'id') event.id = value;
      }
      rest = rest.slice(end + 2);
      if (event.data || event.id) tell(event);
    }
  };
}

const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    done();
  }, {once: true});
});

/**
 * Reads a stream until `signal` ends it, and comes back when the connection is lost. `on.event` gets
 * each event, `on.state` 'live', or why it is not; `on.refused` a Problem, after which it ends.
 */
export async function stream(path, signal, on) {
  let wait = 500;
  let last = '';
  while (!signal.aborted) {
    try {
      const headers = last ? {'Last-Event-ID': last} : {};
      const response = await send(path, {signal, headers});
      if (!response.ok) {
        const problem = await problemOf(response);
        if (response.status < 500 && response.status !== 429) return on.refused(problem);
        throw problem;
      }
      on.state('live');
      wait = 500;
      const feed = parser((event) => {
        if (event.id) last = event.id;
        on.event(event);
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) break;
        feed(value);
      }
      on.state('the connection ended');
    } catch (error) {
      if (signal.aborted) return;
      on.state(error instanceof Problem ? error.message : 'the connection was lost');
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, 8000);
  }
}
