// A bus of the test's own, programs on it, gateways before it, and a browser that looks at them.
import {spawn} from 'node:child_process';
import {createRequire} from 'node:module';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {openSync} from 'node:fs';

const require = createRequire(join(process.env.SHMBUS_PAGE_MODULES, 'any.js'));
const {chromium} = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const folder = mkdtempSync(join(tmpdir(), 'shmbus-page-'));
export const bus = `/dev/shm/shmbus-test.page.${process.pid}`;
const shots = process.env.SHMBUS_PAGE_SHOTS;
const running = new Set();
const environment = {...process.env};
delete environment.SHMBUS_BUS;
let bin;

export function programsIn(path) {
  bin = path;
}

export async function eventually(what, condition, limit = 20000) {
  const until = Date.now() + limit;
  let last;
  for (;;) {
    try {
      last = await condition();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until) throw new Error(`${what}: still ${last instanceof Error ? last.stack : last}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

export function start(program, ...words) {
  const log = join(folder, `${program}-${running.size}.log`);
  const child = spawn(join(bin, program), words,
    {stdio: ['ignore', openSync(`${log}.out`, 'w'), openSync(log, 'w')], env: environment});
  const one = {child, text: () => readFileSync(log, 'utf8'), out: () => readFileSync(`${log}.out`, 'utf8'),
    ended: new Promise((done) => child.on('exit', done))};
  running.add(one);
  return one;
}

export async function end(one, signal = 'SIGKILL') {
  one.child.kill(signal);
  await one.ended;
  running.delete(one);
}

export async function handlers(role) {
  const one = start('peer_web_handlers', bus, role);
  await eventually(`${role} is ready`, () => one.out().includes('ready'));
  return one;
}

/** Its address, "http://127.0.0.1:4711". */
export async function gateway(config) {
  const words = config === undefined ? ['--bus', bus, '--listen', '127.0.0.1:0', '--allow', '*'] : ['--config',
    join(folder, 'gateway.yaml')];
  if (config !== undefined) {
    writeFileSync(join(folder, 'gateway.yaml'), `bus: ${bus}\nlisten:\n  - tcp: 127.0.0.1:0\n${config}`);
  }
  const one = start('shmbus-gateway', ...words);
  const found = await eventually('the gateway listens', () => /at=(127\.0\.0\.1:\d+)/.exec(one.text()));
  return `http://${found[1]}`;
}

let browser;
/**
 * A page that notes what must never happen: a request to elsewhere, a script that threw, a breach
 * of the Content-Security-Policy. It has a context of its own: nothing is kept from page to page.
 */
export async function open(address, {width = 1280, height = 900, dark = false} = {}) {
  browser ??= await chromium.launch({executablePath: process.env.SHMBUS_PAGE_BROWSER,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']});
  const context = await browser.newContext({viewport: {width, height}, colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce'});
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.faults = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(address)) page.faults.push(`request to ${request.url()}`);
  });
  page.on('pageerror', (error) => page.faults.push(`threw ${error.stack}`));
  page.on('console', (message) => {
    // A browser notes each answer that is an error; those are what some of the cases want.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      page.faults.push(`console: ${message.text()}`);
    }
  });
  await page.goto(address + '/');
  return page;
}

export async function shoot(page, name) {
  await page.screenshot({path: join(shots, `${name}.png`), fullPage: true});
}

/** What axe-core finds that is serious. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations']}));
  return found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) =>
    `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join('\n  ')}`);
}

export async function finish() {
  await browser?.close();
  for (const one of running) await end(one);
  rmSync(folder, {recursive: true, force: true});
  rmSync(bus, {force: true});
}
