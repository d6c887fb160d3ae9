// The programs that the page writes for a command, of names and types that others chose. Needs node
// alone: no browser, no bus.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

// Node takes .js for a module where a package.json says so.
const folder = mkdtempSync(join(tmpdir(), 'shmbus-samples-'));
process.on('exit', () => rmSync(folder, {recursive: true}));
cpSync(new URL('../../gateway/page', import.meta.url), folder, {recursive: true});
writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
globalThis.location = {origin: 'http://127.0.0.1:8080'};
const {cppSample, cppTypes, curl, pythonSample} = await import(join(folder, 'samples.js'));
const {typesOf} = await import(join(folder, 'types.js'));

const good = '{plan:enum<u8(free=0,paid=1)>@0,größe:i32@4,name:str16@8}28/4->u32';
const hostile = ['a=1', 'a;b', 'a b', "a'b", 'a"b', 'a\nb', 'a)', 'a.b', 'a//', 'a\\', '1a', '', 'a`', '$a',
  'a\u202eb', 'x = __import__("os").system("id")', 'x; int y = system("id")'];

// Members and enumerators become code as they are: what is no identifier makes the types unknown.
assert.equal(typesOf(good).request.members[1].name, 'größe');
for (const name of hostile) {
  assert.equal(typesOf(`{${name}:i32@0}4/4->none`), null, `member ${name}`);
  for (const value of [`${name}=0`, `ok=${name}`, 'ok=1;x']) {
    assert.equal(typesOf(`enum<u8(${value})>->none`), null, `enumerator ${value}`);
  }
  const schema = `{${name}:i32@0}4/4->none`;
  assert.equal(cppTypes(schema, 'n'), null);
  const what = {name: 'n', schema, json: '{}', bus: 'b'};
  assert.match(cppSample(what), /^\/\/ The types of this name are not known/);
  assert.match(pythonSample(what), /^# The types of this name are not known/);
}
assert.equal(typesOf('enum<system(a=0)>->none'), null);

// Names of commands and buses, and texts of a form, are literals. Python reads its own back.
for (const text of ['it\'s "q"', 'a\\', '"); system("id"); //', '😀 ü', '\u2028', '${HOME}', '`id`', '*/', '??/']) {
  const json = JSON.stringify({plan: 'paid', größe: 7, name: text});
  const what = {name: text, schema: good, json, bus: text};
  const cpp = cppSample(what);
  assert.ok(!/\\u[dD][89abAB]/.test(cpp), 'C++ takes no surrogates');
  const program = pythonSample(what);
  const seen = execFileSync('python3', ['-c', `
import ast, json, sys
tree = ast.parse(sys.stdin.read())
print(json.dumps([n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]))
`], {input: program, encoding: 'utf8'});
  assert.equal(JSON.parse(seen).filter((one) => one === text).length, 3, program);
  const literals = [...cpp.matchAll(/"(?:[^"\\\n]|\\.)*"/g)].map(([one]) => one);
  assert.equal(literals.filter((one) => one === literals[0]).length, 3, cpp);
  // A shell sees the words that were meant.
  const words = execFileSync('bash', ['-c', `curl() { printf '%s\\0' "$@"; }\n${curl({name: text,
    path: `/call/${text}`, json, oneWay: true, token: true, timeout: text})}`],
  {encoding: 'utf8', env: {...process.env, TOKEN: 't'}}).split('\0').slice(0, -1);
  assert.deepEqual(words, ['-X', 'POST', `http://127.0.0.1:8080/call/${text}`, '-H',
    'Authorization: Bearer t', '-H', `Request-Timeout: ${text}`, '--json', json]);
}
console.log('samples: all well');
