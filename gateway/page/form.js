// A form made of a JSON Schema as codec/json_schema.cpp writes it. Every control knows its value as
// JSON text (integers stay digits: 64 bits do not fit into a browser's numbers), and says what is
// wrong with it as it is typed.
//
// A control: {node, json(): text, error(): '' or what is wrong, check(): shows that, focus()}.
import {h, newId, setText, shown} from './dom.js';

const encoder = new TextEncoder();
const depthMax = 16;

function kindOf(schema) {
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== 'null') : schema.type;
  return schema.enum ? 'enum' : type;
}
const isNullable = (schema) => Array.isArray(schema.type) && schema.type.includes('null');

function integerBounds(format) {
  const bits = BigInt(format?.match(/\d+$/)?.[0] ?? 64);
  return format?.startsWith('uint') ? [0n, (1n << bits) - 1n]
    : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
}

/** What a text must be, in words, and a check that returns what is wrong. */
function textRules(schema) {
  const bytes = (text) => encoder.encode(text).length;
  if (schema.format === 'uuid') {
    return {hint: 'UUID', start: '00000000-0000-0000-0000-000000000000', check: (text) =>
      (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? '' :
        'a UUID has 32 hexadecimal digits: 8-4-4-4-12')};
  }
  if (schema.format === 'date-time') {
    return {hint: 'time', start: new Date().toISOString(), check: (text) =>
      (/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) ? '' :
        'a time looks like 2026-11-29T04:10:00Z')};
  }
  if (schema.format === 'email') {
    return {hint: 'e-mail address', start: '', check: (text) =>
      (/^[^\s@]+@[^\s@]+$/.test(text) && bytes(text) <= 254 ? '' :
        'an e-mail address has one @ with text on both sides')};
  }
  if (schema.pattern) {
    const digits = schema.maxLength;
    return {hint: `${digits} hexadecimal digits`, start: '0'.repeat(digits), check: (text) =>
      (/^[0-9a-f]*$/i.test(text) && text.length === digits ? '' :
        `exactly ${digits} hexadecimal digits, not ${text.length}`)};
  }
  const most = schema.maxLength;
  const least = schema.minLength ?? 0;
  return {hint: most === undefined ? 'text of any length' : `text, at most ${most} bytes`, start: '',
    long: most === undefined || most > 80, check(text) {
      const size = bytes(text);
      if (most !== undefined && size > most) return `${size} bytes; at most ${most} fit`;
      return size < least ? `at least ${least} bytes are needed` : '';
    }};
}

/** A control with one input: label, hint, error. */
function field(label, input, {hint, json, wrong, required}) {
  const id = newId('field');
  const error = h('p', {class: 'field-error', id: `${id}-error`});
  input.id = id;
  input.setAttribute('aria-describedby', `${id}-hint ${id}-error`);
  if (required) input.setAttribute('aria-required', 'true');
  const control = {
    node: h('div', {class: 'field'},
      h('label', {for: id}, shown(label), ' ', h('span', {class: 'hint', id: `${id}-hint`}, hint)),
      input, error),
    json, error: wrong,
    check() {
      const text = wrong();
      setText(error, text);
      if (text) input.setAttribute('aria-invalid', 'true');
      else input.removeAttribute('aria-invalid');
      return text === '';
    },
    focus: () => input.focus(),
  };
  input.addEventListener('input', () => control.check());
  return control;
}

function textControl(schema, label) {
  const rules = textRules(schema);
  const input = rules.long ? h('textarea', {rows: '2', spellcheck: 'false'})
    : h('input', {type: 'text', spellcheck: 'false', autocomplete: 'off'});
  input.value = rules.start;
  return field(label, input, {hint: rules.hint, required: true,
    json: () => JSON.stringify(input.value), wrong: () => rules.check(input.value)});
}

function integerControl(schema, label) {
  const [least, most] = integerBounds(schema.format);
  const input = h('input', {type: 'text', inputmode: 'numeric', autocomplete: 'off'});
  input.value = '0';
  const wrong = () => {
    const text = input.value.trim();
    if (!/^-?\d+$/.test(text)) return 'a whole number';
    const value = BigInt(text);
    if (value < least) return `at least ${least}`;
    return value > most ? `at most ${most}` : '';
  };
  return field(label, input, {hint: schema.format ?? 'whole number', required: true, wrong,
    json: () => String(BigInt(input.value.trim()))});
}

function numberControl(schema, label) {
  const input = h('input', {type: 'text', inputmode: 'decimal', autocomplete: 'off'});
  input.value = '0';
  const wrong = () => (/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(input.value.trim()) &&
    Number.isFinite(Number(input.value)) ? '' : 'a number like 1.5 or 2e-3');
  return field(label, input, {hint: schema.format ?? 'number', required: true, wrong,
    json: () => JSON.stringify(Number(input.value))});
}

function enumControl(schema, label) {
  const input = h('select', null, schema.enum.filter((one) => one !== null)
    .map((one) => h('option', {value: one}, shown(one))));
  return field(label, input, {hint: 'one of', wrong: () => '',
    json: () => JSON.stringify(input.value)});
}

function booleanControl(schema, label) {
  const id = newId('field');
  const input = h('input', {type: 'checkbox', id});
  return {node: h('div', {class: 'field check'}, input, h('label', {for: id}, shown(label))),
    json: () => String(input.checked), error: () => '', check: () => true,
    focus: () => input.focus()};
}

function group(label, controls, more) {
  return {
    node: h('fieldset', null, h('legend', null, shown(label)), controls().map((c) => c.node), more),
    error: () => controls().map((c) => c.error()).find(Boolean) ?? '',
    check: () => controls().map((c) => c.check()).every(Boolean),
    focus: () => (controls().find((c) => c.error()) ?? controls()[0])?.focus(),
  };
}

function objectControl(schema, label, depth) {
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).map(([name, one]) =>
    ({name, control: make(one, name, depth + 1, !required.has(name))}));
  const json = () => '{' + members.map(({name, control}) => [name, control.json()])
    .filter(([, text]) => text !== undefined)
    .map(([name, text]) => `${JSON.stringify(name)}: ${text}`).join(', ') + '}';
  return {...group(label, () => members.map((one) => one.control),
    members.length ? null : h('p', {class: 'hint'}, 'no members')), json};
}

function listControl(schema, label, depth) {
  const least = schema.minItems ?? 0;
  const most = schema.maxItems ?? 1000;
  const items = [];
  const box = h('div', {class: 'items'});
  const add = h('button', {type: 'button', class: 'small'}, 'Add one');
  const room = () => {
    add.disabled = items.length >= most;
    box.dispatchEvent(new Event('input', {bubbles: true}));
  };
  const append = () => {
    const control = make(schema.items, `${label} ${items.length + 1}`, depth + 1, false);
    const remove = h('button', {type: 'button', class: 'small',
      'aria-label': `Remove ${shown(label)} ${items.length + 1}`}, 'Remove');
    const item = {control, node: h('div', {class: 'item'}, control.node,
      items.length >= least ? remove : null)};
    remove.addEventListener('click', () => {
      items.splice(items.indexOf(item), 1);
      item.node.remove();
      add.focus();
      room();
    });
    items.push(item);
    box.append(item.node);
    return control;
  };
  for (let i = 0; i < least; ++i) append();
  add.addEventListener('click', () => {
    append().focus();
    room();
  });
  const bounds = least === most ? `exactly ${most}` : schema.maxItems ? `at most ${most}` : 'any number';
  const made = group(label, () => items.map((one) => one.control),
    [box, least === most ? null : add, h('span', {class: 'hint'}, ` ${bounds}`)]);
  return {...made, json: () => '[' + items.map((one) => one.control.json()).join(', ') + ']'};
}

/** With a box that says whether there is a value at all. `omit`: leave the member out without one. */
function optionalControl(schema, label, depth, omit) {
  const id = newId('field');
  const box = h('input', {type: 'checkbox', id});
  const inner = make({...schema, type: kindOf(schema) === 'enum' ? 'string' : kindOf(schema)}, label,
    depth, false);
  inner.node.hidden = true;
  box.addEventListener('change', () => {
    inner.node.hidden = !box.checked;
    if (box.checked) inner.focus();
  });
  return {
    node: h('div', {class: 'optional'}, h('div', {class: 'field check'}, box,
      h('label', {for: id}, shown(label), ' ', h('span', {class: 'hint'}, 'optional'))), inner.node),
    json: () => (box.checked ? inner.json() : omit ? undefined : 'null'),
    error: () => (box.checked ? inner.error() : ''),
    check: () => !box.checked || inner.check(),
    focus: () => (box.checked ? inner.focus() : box.focus()),
  };
}

function make(schema, label, depth, omit) {
  if (depth > depthMax) return textControl({}, label);
  if (isNullable(schema)) return optionalControl(schema, label, depth, omit);
  switch (kindOf(schema)) {
    case 'object': return objectControl(schema, label, depth);
    case 'array': return listControl(schema, label, depth);
    case 'integer': return integerControl(schema, label);
    case 'number': return numberControl(schema, label);
    case 'boolean': return booleanControl(schema, label);
    case 'enum': return enumControl(schema, label);
    default: return textControl(schema, label);
  }
}

/** Of a request's schema; one without members has no JSON: undefined. */
export function formOf(schema) {
  if (schema.type === 'null') {
    return {node: h('p', {class: 'hint'}, 'This command takes no request.'), json: () => undefined,
      error: () => '', check: () => true, focus() {}};
  }
  return make(schema, 'Request', 0, false);
}

/** For names without types: bytes, as text or as hexadecimal digits. */
export function bytesForm() {
  const asHex = h('input', {type: 'checkbox', id: newId('field')});
  const input = h('textarea', {rows: '4', spellcheck: 'false'});
  const digits = () => input.value.replace(/[\s:]/g, '');
  const control = field('Request', input, {hint: 'bytes: the types of this name are not known',
    json: () => undefined, wrong: () => (!asHex.checked || /^([0-9a-f]{2})*$/i.test(digits()) ? '' :
      'hexadecimal digits, two for each byte')});
  asHex.addEventListener('change', () => control.check());
  control.bytes = () => (asHex.checked
    ? Uint8Array.from(digits().match(/../g) ?? [], (pair) => parseInt(pair, 16))
    : encoder.encode(input.value));
  const node = h('div', null, control.node, h('div', {class: 'field check'}, asHex,
    h('label', {for: asHex.id}, 'hexadecimal')));
  return {...control, node};
}
