// The gateway's page, driven as its user would: page.mjs FOLDER [--short]. See scripts/test-page.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {get} from 'node:http';
import {join} from 'node:path';
import {gunzipSync} from 'node:zlib';
import {axe, bus, end, eventually, finish, folder, gateway, handlers, open, programsIn, shoot} from './stage.mjs';

const short = process.argv.includes('--short');
const cases = [];
const test = (name, run) => cases.push({name, run});
const number = (text) => Number(text.replace(/[^\d.]/g, ''));
const markup = '<img src=x onerror=pwned()>';
const everyView = ['#/', '#/command/form.check', '#/command/stock.take', '#/event/price.%3Cb%3Echanged%3C%2Fb%3E',
  '#/traces', '#/doctor', `#/command/${encodeURIComponent(markup)}`, '#/nothing'];
let address;
let stock;

async function visit(page, hash) {
  await page.goto(`${address}/${hash}`);
  await eventually('the view is there', () => page.evaluate((wanted) => location.hash === wanted &&
    !document.querySelector('main').textContent.includes('Looking at the bus'), new URL(page.url()).hash));
}
const row = (page, table, text) =>
  page.locator(`table[aria-label="${table}"] tbody tr`).filter({hasText: text});
const cell = (one, label) => one.locator(`td[data-label="${label}"]`);

/** What an answer holds, as it is sent. */
const bytesOf = (path, headers) => new Promise((done, failed) => {
  get(address + path, {headers}, async (answer) => done(Buffer.concat(await answer.toArray())))
    .on('error', failed);
});

async function sound(page) {
  assert.deepEqual(page.faults, []);
  assert.equal(await page.evaluate(() => document.querySelectorAll('main img, main script, main b, main i').length), 0);
  await page.context().close();
}

test('the files: strict policy, no inline script or style, nothing from elsewhere, ETag', async () => {
  const got = await fetch(address + '/');
  const policy = got.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  const html = await got.text();
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*src=)| on\w+=/);
  const gzipped = await bytesOf('/', {'Accept-Encoding': 'gzip'});  // fetch would take it apart
  assert.equal(gunzipSync(gzipped).toString(), html);
  const tag = got.headers.get('etag');
  const again = await fetch(address + '/', {headers: {'If-None-Match': tag}});
  assert.equal(again.status, 304);
  assert.equal(await again.text(), '');
  const other = await fetch(address + '/', {headers: {'If-None-Match': '"other"'}});
  assert.equal(other.status, 200);
  for (const [coding, bytes] of [['identity', Buffer.byteLength(html)], ['gzip', gzipped.length]]) {
    const head = await fetch(address + '/', {method: 'HEAD', headers: {'Accept-Encoding': coding}});
    assert.equal(Number(head.headers.get('content-length')), bytes, coding);
  }
  const queue = ['/page/app.js', '/page/style.css', '/page/icon.svg'];
  for (let i = 0; i < queue.length; ++i) {
    const file = await fetch(address + queue[i]);
    assert.equal(file.status, 200, queue[i]);
    const text = await file.text();
    assert.doesNotMatch(text.replaceAll('http://www.w3.org/2000/svg', ''), /https?:\/\/|innerHTML|eval\(/, queue[i]);
    for (const [, name] of text.matchAll(/from '\.\/(.*?)'/g)) {
      if (!queue.includes(`/page/${name}`)) queue.push(`/page/${name}`);
    }
  }
  assert.equal((await fetch(address + '/page/other.js')).status, 404);
});

test('overview: live numbers change, what others named is text', async () => {
  const page = await open(address);
  const take = row(page, 'Commands', 'stock.take');
  await eventually('calls are counted', async () => number(await cell(take, 'Calls/s').innerText()) > 0);
  const calls = number(await cell(take, 'Calls').innerText());
  await eventually('the count grows', async () => number(await cell(take, 'Calls').innerText()) > calls);
  await row(page, 'Commands', markup).waitFor();
  await row(page, 'Processes', '<b>shop</b>').first().waitFor();
  await row(page, 'Events', 'price.<b>changed</b>').waitFor();
  assert.equal(await page.evaluate(() => typeof globalThis.pwned), 'undefined');
  await page.getByRole('button', {name: 'Pause'}).click();
  const paused = await cell(take, 'Calls').innerText();
  const looks = page.waitForResponse(() => true, {timeout: 2500}).catch(() => {});
  await looks;
  assert.equal(await cell(take, 'Calls').innerText(), paused);
  await page.getByRole('button', {name: 'Go on'}).click();
  await eventually('it goes on', async () => (await cell(take, 'Calls').innerText()) !== paused);
  await page.getByLabel('Filter by name').fill('order');
  assert.equal(await page.locator('table[aria-label="Commands"] tbody tr').count(), 1);
  await page.getByLabel('Filter by name').fill('');
  await page.getByRole('button', {name: 'Calls/s'}).first().click();
  await eventually('sorted by rate', async () =>
    (await page.locator('table[aria-label="Commands"] tbody tr').first().innerText()).includes('stock.take'));
  await shoot(page, 'overview');
  await sound(page);
});

test('a handler is killed: shown as gone, and there again', async () => {
  const page = await open(address);
  const take = row(page, 'Commands', 'stock.take');
  const process = row(page, 'Processes', 'stock').filter({hasText: String(stock.child.pid)});
  await eventually('it is served', async () => (await cell(take, 'State').innerText()) === 'active');
  await process.waitFor();
  await end(stock);
  await eventually('its name is vacant', async () => /vacant|dead/.test(await cell(take, 'State').innerText()));
  await eventually('its process is gone', async () => /gone|dead/.test(await cell(process, 'State').innerText()));
  await shoot(page, 'killed');
  stock = await handlers('stock');
  await eventually('it is served again', async () => (await cell(take, 'State').innerText()) === 'active');
  await sound(page);
});

async function fillEverything(page) {
  await page.getByLabel(/^id/).fill('18446744073709551615');
  await page.getByLabel(/^small/).fill('-128');
  await page.getByLabel(/^share/).fill('2.5');
  await page.getByLabel('urgent').check();
  await page.getByLabel(/^code/).fill('äö"<');
  await page.getByLabel(/^plan/).selectOption('paid');
  await page.getByLabel(/^email/).fill('a@b.c');
  await page.getByLabel(/^key/).fill('123e4567-e89b-12d3-a456-426614174000');
  await page.getByLabel(/^at/).fill('2026-11-29T04:10:00Z');
  await page.getByLabel(/^street/).fill('<i>Main</i>');
  await page.getByLabel(/^number/).fill('7');
  await page.getByRole('button', {name: 'Add one'}).click();
  await page.getByLabel(/^counts 1/).fill('65535');
  await page.getByLabel(/^nick/).first().check();
  await page.getByLabel(/^nick text/).fill('N');
}

test('a form of every type: validation as typed, 64 bits, the answer', async () => {
  const page = await open(address);
  await visit(page, '#/command/form.check');
  for (const [label, bad, words] of [
    [/^id/, '18446744073709551616', 'at most 18446744073709551615'], [/^id/, '-1', 'at least 0'],
    [/^small/, '200', 'at most 127'], [/^small/, '1.5', 'a whole number'], [/^share/, 'x', 'a number like'],
    [/^code/, 'äöüßé', '10 bytes; at most 8 fit'], [/^email/, 'nobody', 'one @'],
    [/^key/, '12', '32 hexadecimal digits'], [/^at/, 'today', 'a time looks like']]) {
    const input = page.getByLabel(label).first();
    await input.fill(bad);
    assert.equal(await input.getAttribute('aria-invalid'), 'true', `${label} takes ${bad}`);
    const error = page.locator(`#${(await input.getAttribute('aria-describedby')).split(' ')[1]}`);
    assert.ok((await error.innerText()).includes(words), `${label}: ${await error.innerText()}`);
  }
  await shoot(page, 'form-errors');
  let calls = 0;
  page.on('request', (request) => calls += request.url().includes('/call/') ? 1 : 0);
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  assert.equal(calls, 0, 'what is wrong is not sent');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-invalid')), 'true');
  await fillEverything(page);
  assert.equal(await page.locator('[aria-invalid=true]').count(), 0);
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  await page.locator('.answer.good').waitFor();
  const answer = await page.locator('.answer pre').innerText();
  for (const part of ['"id": 18446744073709551615', '"plan": "paid"', '"street": "<i>Main</i>"', '65535', '"nick": "N"']) {
    assert.ok(answer.includes(part), `${part} in ${answer}`);
  }
  const curl = await page.getByRole('tabpanel').innerText();
  const same = execFileSync('bash', ['-c', curl.replace('curl', 'curl -s')], {encoding: 'utf8'});
  assert.ok(same.includes('18446744073709551615') && same.includes('<i>Main</i>'), `${curl} gave ${same}`);
  await shoot(page, 'command');
  if (!short) await compileSamples(page);
  await sound(page);
});

async function compileSamples(page) {
  await page.getByRole('tab', {name: 'C++'}).click();
  writeFileSync(join(folder, 'sample.cpp'), await page.getByRole('tabpanel').innerText());
  const root = new URL('../..', import.meta.url).pathname;
  execFileSync('g++', ['-std=c++20', '-fsyntax-only', `-I${root}libshmbus/include`,
    `-I${root}build/release/generated/include`, join(folder, 'sample.cpp')], {stdio: 'inherit'});
  await page.getByRole('tab', {name: 'Python'}).click();
  writeFileSync(join(folder, 'sample.py'), await page.getByRole('tabpanel').innerText());
  execFileSync('python3', ['-m', 'py_compile', join(folder, 'sample.py')], {stdio: 'inherit'});
}

test('problems, deadlines, cancellation, bytes, one way', async () => {
  const page = await open(address);
  await visit(page, '#/command/bad.refuse');
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  await eventually('the problem is shown', async () => {
    const text = await page.locator('.answer').innerText();
    return text.includes('422') && text.includes('<i>not today</i>') && text.includes('code 7') &&
      text.includes('It may have run');
  });
  await shoot(page, 'problem');
  await visit(page, '#/command/slow.sleep');
  await page.getByLabel(/^Request/).fill('10000');
  await page.getByText('Deadline and trace').click();
  await page.getByLabel(/^Deadline/).fill('100ms');
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  await eventually('it is late', async () => (await page.locator('.answer').innerText()).includes('timed_out'));
  await page.getByLabel(/^Deadline/).fill('20s');
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  await page.getByRole('button', {name: 'Cancel'}).click();
  await eventually('it is cancelled', async () => (await page.locator('.answer').innerText()).includes('cancelled'));
  await page.getByLabel(/^Request/).fill('1');
  await page.getByRole('button', {name: 'Send one way'}).click();
  await eventually('it is committed', async () => (await page.locator('.answer').innerText()).includes('202'));
  await visit(page, '#/command/bytes.echo');
  await page.getByLabel('hexadecimal').check();
  await page.getByLabel(/^Request/).fill('00 ff 7');
  assert.equal(await page.getByLabel(/^Request/).getAttribute('aria-invalid'), 'true');
  await page.getByLabel(/^Request/).fill('00 ff 7f');
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  await eventually('bytes', async () => (await page.locator('.answer pre').innerText()) === '00 ff 7f');
  await sound(page);
});

test('latency, callers, policy of a command', async () => {
  const page = await open(address);
  await visit(page, '#/command/stock.take');
  await eventually('cells of the heat map', async () => (await page.locator('.heat rect[class^=heat]').count()) > 4);
  await row(page, 'Callers', 'customer').waitFor();
  assert.ok(await page.locator('.bars tr').count() > 0);
  await page.getByText('Nothing is asked of its callers.').waitFor();
  await shoot(page, 'latency');
  await sound(page);
});

test('an event: a live tail that can be paused', async () => {
  const page = await open(address);
  await visit(page, everyView[3]);
  const lines = page.locator('.tail li');
  await eventually('events come', async () => (await lines.count()) > 3);
  assert.ok((await lines.first().innerText()).includes('<script>pwned()</script>'));
  await page.getByRole('button', {name: 'Pause'}).click();
  const before = await lines.first().innerText();
  const other = (await fetch(`${address}/events/price.%3Cb%3Echanged%3C%2Fb%3E`)).body.getReader();
  for (let i = 0; i < 5; ++i) assert.equal((await other.read()).done, false);  // they still come
  await other.cancel();
  assert.equal(await lines.first().innerText(), before);
  await page.getByRole('button', {name: 'Go on'}).click();
  await eventually('it goes on', async () => (await lines.first().innerText()) !== before);
  await shoot(page, 'event');
  await sound(page);
});

test('traces: a call is traced, and shown as a waterfall', async () => {
  const page = await open(address);
  await visit(page, '#/command/order.place');
  await page.getByLabel(/^count/).fill('2');
  await page.getByText('Deadline and trace').click();
  await page.getByLabel('Trace this call').check();
  await page.getByRole('button', {name: 'Call', exact: true}).click();
  await page.getByRole('link', {name: 'Show its trace'}).click();
  await eventually('spans of both handlers', async () => {
    await page.getByRole('button', {name: 'Look again'}).click();
    const text = (await page.locator('.spans').innerText().catch(() => ''));
    return text.includes('order.place') && text.includes('stock.take') && text.includes('handler in');
  });
  assert.ok(await page.locator('.span').count() >= 4);
  await shoot(page, 'trace');
  await page.getByRole('link', {name: 'Traces', exact: true}).first().click();
  await page.locator('.trace-row').first().waitFor();
  await shoot(page, 'traces');
  await sound(page);
});

test('the doctor examines', async () => {
  const page = await open(address);
  await visit(page, '#/doctor');
  await eventually('a verdict', async () => /Nothing is wrong|wrong\./.test(await page.locator('.bar [role=status]').innerText()));
  await shoot(page, 'doctor');
  await sound(page);
});

test('a token: asked for, kept in this tab, sent as a header; what it may not is not there', async () => {
  const token = 'the-token-of-this-test';
  const {createHash} = await import('node:crypto');
  const hash = createHash('sha256').update(token).digest('hex');
  const guarded = await gateway(`principals:\n  reader: {tokens: ["sha256:${hash}"], call: ["form.*", "stock.*"]}\n`);
  assert.equal((await fetch(`${guarded}/api/overview`)).status, 401);
  const page = await open(guarded);
  await page.getByRole('dialog').waitFor();
  await shoot(page, 'token');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('does not know this token').waitFor();
  const sent = page.waitForRequest((request) => request.headers().authorization === `Bearer ${token}`);
  await page.keyboard.type(token);
  await page.keyboard.press('Enter');
  await sent;
  await row(page, 'Commands', 'stock.take').waitFor();
  assert.equal(await row(page, 'Commands', 'order.place').count(), 0);
  assert.equal(await page.locator('table[aria-label="Processes"]').isVisible(), false);
  assert.ok(!page.url().includes(token));
  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  await page.goto(`${guarded}/#/doctor`);
  await page.getByText('may not inspect').waitFor();
  await page.goto(`${guarded}/#/command/order.place`);
  await page.getByText('may not use').waitFor();
  await sound(page);
});

async function tabTo(page, matches) {
  for (let i = 0; i < 80; ++i) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(matches)) return;
  }
  throw new Error(`Tab never reaches ${matches}`);
}

test('by keyboard alone: from the overview to an answer and back', async () => {
  const page = await open(address);
  await row(page, 'Commands', 'order.place').waitFor();
  await page.keyboard.press('Tab');
  assert.ok(await page.evaluate(() => document.activeElement.matches('.skip')), 'the first stop skips to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.keyboard.press('/');
  await page.keyboard.type('order');
  await tabTo(page, () => document.activeElement.textContent === 'order.place');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, 'none', 'the focus is seen');
  await page.keyboard.press('Enter');
  await page.locator('h1', {hasText: 'order.place'}).waitFor();
  await tabTo(page, () => document.activeElement.labels?.[0]?.textContent.startsWith('item'));
  await page.keyboard.press('Control+A');
  await page.keyboard.type('3');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('5');
  await page.keyboard.press('Enter');
  await eventually('the answer', async () => (await page.locator('.answer pre').innerText()) === '5');
  await tabTo(page, () => document.activeElement.getAttribute('role') === 'tab');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'C++');
  assert.ok((await page.getByRole('tabpanel').innerText()).includes('#include <shmbus/shmbus.hpp>'));
  await page.goBack();
  await row(page, 'Commands', 'order.place').waitFor();
  await sound(page);
});

for (const dark of [false, true]) {
  for (const width of short ? [400] : [400, 768, 1280]) {
    test(`${dark ? 'dark' : 'light'} at ${width} px: nothing is cut off, axe finds nothing serious`, async () => {
      const page = await open(address, {width, dark});
      const problems = [];
      for (const hash of everyView) {
        await visit(page, hash);
        await page.waitForTimeout(hash === '#/' ? 1300 : 400);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) problems.push(`${hash} is ${wide} px too wide`);
        problems.push(...(await axe(page)).map((one) => `${hash} ${one}`));
        await shoot(page, `${dark ? 'dark' : 'light'}-${width}-${hash.replace(/[^a-z.]/gi, '_')}`);
      }
      assert.deepEqual(problems, []);
      await sound(page);
    });
  }
}

let failed = 0;
try {
  programsIn(process.argv[2]);
  await handlers('shop');
  stock = await handlers('stock');
  await handlers('customer');
  address = await gateway();
  const only = process.env.SHMBUS_PAGE_ONLY;
  for (const {name, run} of cases) {
    if (only && !name.includes(only)) continue;
    const began = Date.now();
    try {
      await run();
      console.log(`ok    ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}\n${error.stack}`);
    }
  }
} finally {
  await finish();
}
console.log(failed ? `${failed} failed, bus ${bus}` : 'all passed');
process.exit(failed ? 1 : 0);
