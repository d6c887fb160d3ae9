// The command that a form would send, as curl, and programs in C++ and Python that send it.
import {typesOf} from './types.js';

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
/** As C++ and Python write it: neither takes the surrogates of JSON. */
const literal = (text) => JSON.stringify(text).replace(/[\u007f-\u{10ffff}]/gu,
  (c) => '\\U' + c.codePointAt(0).toString(16).padStart(8, '0'));
const words = (name) => name.split(/[^A-Za-z0-9]+/).filter(Boolean);
const camel = (name) => words(name).map((w) => w[0].toUpperCase() + w.slice(1)).join('')
  .replace(/^(?=\d|$)/, 'T');

export function curl({name, path, json, oneWay, token, timeout}) {
  const lines = [`curl -X POST ${quoted(location.origin + path)}`];
  if (token) lines.push(`  -H "Authorization: Bearer $TOKEN"`);
  if (timeout) lines.push(`  -H ${quoted(`Request-Timeout: ${timeout}`)}`);
  if (json !== undefined) lines.push(`  --json ${quoted(json)}`);
  const note = oneWay ? `# one way: the answer says that ${words(name).join(' ')} is committed\n` : '';
  return note + lines.join(' \\\n');
}

/** Names of the structs and enumerations of a type, the innermost first. */
class Declarations {
  constructor(language) {
    this.language = language;
    this.texts = [];
    this.taken = new Set();
  }
  named(wish) {
    let name = wish;
    for (let i = 2; this.taken.has(name); ++i) name = wish + i;
    this.taken.add(name);
    return name;
  }
  of(type, wish) {
    const known = this.language.scalar[type.kind];
    if (known) return known;
    const {wrap} = this.language;
    if (type.kind === 'str' || type.kind === 'raw') return wrap[type.kind](type.count);
    if (type.item) return wrap[type.kind](this.of(type.item, wish), type.count);
    const name = this.named(wish);
    if (type.kind === 'enum') {
      this.texts.push(this.language.enumeration(name, type));
      return name;
    }
    const members = type.members.map((one) =>
      ({name: one.name, type: this.of(one.type, camel(one.name))}));
    this.texts.push(this.language.struct(name, members));
    return name;
  }
}

const sized = {u8: 'std::uint8_t', u16: 'std::uint16_t', u32: 'std::uint32_t', u64: 'std::uint64_t',
  i8: 'std::int8_t', i16: 'std::int16_t', i32: 'std::int32_t', i64: 'std::int64_t'};
const cpp = {
  scalar: {...sized, none: 'shmbus::Nothing', bool: 'bool', char: 'char', f32: 'float',
    f64: 'double', uuid: 'shmbus::Uuid', time: 'shmbus::Timestamp', email: 'shmbus::Email',
    text: 'shmbus::Text'},
  wrap: {str: (n) => `shmbus::String<${n}>`, raw: (n) => `std::array<std::byte, ${n}>`,
    vec: (t, n) => `shmbus::Vector<${t}, ${n}>`, arr: (t, n) => `std::array<${t}, ${n}>`,
    opt: (t) => `shmbus::Optional<${t}>`, list: (t) => `shmbus::Array<${t}>`},
  enumeration: (name, type) => `enum class ${name} : ${sized[type.of]} { ` +
    `${type.names.map(([n, v], i) => (Number(v) === i ? n : `${n} = ${v}`)).join(', ')} };`,
  struct: (name, members) =>
    `struct ${name} {\n${members.map((m) => `  ${m.type} ${m.name};\n`).join('')}};`,
};

const python = {
  scalar: {none: 'None', bool: 'bool', char: 'Str[1]', f32: 'f32', f64: 'float', u8: 'u8', u16: 'u16',
    u32: 'u32', u64: 'u64', i8: 'i8', i16: 'i16', i32: 'i32', i64: 'i64', uuid: 'uuid.UUID',
    time: 'datetime', email: 'Email', text: 'Text'},
  wrap: {str: (n) => `Str[${n}]`, raw: (n) => `Raw[${n}]`, vec: (t, n) => `Vec[${t}, ${n}]`,
    arr: (t, n) => `Arr[${t}, ${n}]`, opt: (t) => `${t} | None`, list: (t) => `Seq[${t}]`},
  enumeration: (name, type) => `class ${name}(enum.IntEnum):\n` +
    type.names.map(([n, v]) => `    ${n} = ${v}\n`).join(''),
  struct: (name, members) => `@dataclass\nclass ${name}:\n` +
    members.map((m) => `    ${m.name}: ${m.type}\n`).join(''),
};

/** Statements that fill what a form holds into `request`; what they cannot is left to the reader. */
function cppFill(type, value, to) {
  if (value === undefined || value === null) return [];
  switch (type.kind) {
    case 'struct':
      return type.members.flatMap((m) => cppFill(m.type, value[m.name], `${to}.${m.name}`));
    case 'str': case 'email':
      return value === '' ? [] : [`(void)${to}.assign(${literal(value)});`];
    case 'bool':
      return value ? [`${to} = true;`] : [];
    case 'enum':
      return [`${to} = decltype(${to})::${value};`];
    case 'f32': case 'f64':
      return value === 0 ? [] : [`${to} = ${value};`];
    default:
      if (/^[iu]\d/.test(type.kind)) return value === 0 ? [] : [`${to} = ${value};`];
      return [`// ${to}: see docs/commands.md about ${cpp.scalar[type.kind] ?? type.kind}`];
  }
}

function both(language, schema, name) {
  const types = typesOf(schema);
  if (!types) return null;
  const declarations = new Declarations(language);
  const base = camel(name);
  declarations.taken.add(base);
  const request = declarations.of(types.request, `${base}Request`);
  const reply = declarations.of(types.reply, `${base}Reply`);
  return {types, base, request, reply, texts: declarations.texts};
}

/** A value for the sample; numbers that a browser cannot hold come out rounded, so not at all. */
function parsed(json) {
  try {
    return json === undefined ? undefined : JSON.parse(json, (_, one) =>
      (typeof one === 'number' && !Number.isSafeInteger(one) && Number.isInteger(one)
        ? undefined : one));
  } catch {
    return undefined;
  }
}

/** The types of a name as C++ declares them; null where they are not known. */
export function cppTypes(schema, name) {
  const made = schema ? both(cpp, schema, name) : null;
  if (!made) return null;
  const {texts, base, request, reply} = made;
  return {texts: texts.join('\n'), base, request, reply};
}

export function cppSample({name, schema, json, bus}) {
  const made = both(cpp, schema, name);
  if (!made) return '// The types of this name are not known: see docs/commands.md about bytes.';
  const {types, base, request, reply, texts} = made;
  const fill = cppFill(types.request, parsed(json), 'request').map((line) => `  ${line}\n`).join('');
  const nothing = types.reply.kind === 'none';
  return `#include <iostream>
#include <shmbus/shmbus.hpp>

${texts.map((one) => one + '\n').join('')}using ${base} = shmbus::Command<${literal(name)}, ${request}, ${reply}>;

int main() {
  using namespace std::chrono_literals;
  auto bus = shmbus::Bus::open(${literal(bus)});
  if (!bus) return 1;
  auto caller = bus->caller<${base}>();
  if (!caller) return 1;
  ${request} request{};
${fill}  const auto reply = caller->call(request, 5s);
  if (!reply) {
    std::cerr << shmbus::to_string(reply.error().kind) << ": " << reply.error().message.view() << '\\n';
    return 1;
  }${nothing ? '' : '\n  // *reply is the answer.'}
}
`;
}

const pythonImports = ['Arr', 'Email', 'Raw', 'Seq', 'Str', 'Text', 'Vec', 'f32', 'i8', 'i16', 'i32',
  'i64', 'u8', 'u16', 'u32', 'u64'];

function pythonValue(type, value, names) {
  if (type.kind === 'struct' && value) {
    return `${names.get(type)}(${type.members.filter((m) => value[m.name] !== undefined)
      .map((m) => `${m.name}=${pythonValue(m.type, value[m.name], names)}`).join(', ')})`;
  }
  if (value === null || value === undefined) return 'None';
  if (type.kind === 'enum') return `${names.get(type)}.${value}`;
  if (type.kind === 'opt') return pythonValue(type.item, value, names);
  if (type.kind === 'uuid') return `uuid.UUID(${literal(value)})`;
  if (type.kind === 'time') return `datetime.fromisoformat(${literal(value)})`;
  if (type.kind === 'raw') return `bytes.fromhex(${literal(value)})`;
  if (Array.isArray(value)) {
    return `[${value.map((one) => pythonValue(type.item, one, names)).join(', ')}]`;
  }
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return literal(value);
}

export function pythonSample({name, schema, json, bus}) {
  const names = new Map();
  const naming = {...python};
  naming.struct = (one, members, type) => python.struct(one, members, type);
  const types = typesOf(schema);
  if (!types) return '# The types of this name are not known: see docs/python.md about bytes.';
  const declarations = new Declarations(naming);
  const of = declarations.of.bind(declarations);
  declarations.of = (type, wish) => {
    const made = of(type, wish);
    if (type.kind === 'struct' || type.kind === 'enum') names.set(type, made);
    return made;
  };
  const base = camel(name);
  const request = declarations.of(types.request, `${base}Request`);
  const reply = declarations.of(types.reply, `${base}Reply`);
  const body = declarations.texts.join('\n\n');
  const all = body + request + reply;
  const used = pythonImports.filter((one) => new RegExp(`\\b${one}\\b`).test(all));
  const head = [body.includes('enum.') ? 'import enum\n' : '', all.includes('uuid.') ? 'import uuid\n' : '',
    body.includes('@dataclass') ? 'from dataclasses import dataclass\n' : '',
    /\bdatetime\b/.test(all) ? 'from datetime import datetime\n' : ''].join('');
  const value = types.request.kind === 'none' ? '' :
    `${pythonValue(types.request, parsed(json), names)}, `;
  return `${head}${head ? '\n' : ''}import shmbus
${used.length ? `from shmbus import ${used.join(', ')}\n` : ''}
${body}${body ? '\n\n' : ''}bus = shmbus.Bus(${literal(bus)})
call = bus.caller(${literal(name)}, ${request}, ${reply})
print(call(${value}timeout=5))
`;
}
