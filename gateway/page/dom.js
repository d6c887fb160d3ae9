// Makes elements. Text of others only ever becomes text nodes and values of attributes, never
// markup; characters that would deceive a reader are shown by their numbers.

const deceptive =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;

/** Text of others as it may be shown. Line feeds and tabs stay where `lines` is set. */
export function shown(text, lines = false) {
  const visible = String(text).replace(
    deceptive, (c) => '\\u{' + c.codePointAt(0).toString(16) + '}');
  return lines ? visible : visible.replace(/[\n\t]/g, (c) => (c === '\n' ? '\\n' : '\\t'));
}

function append(node, child) {
  if (child === null || child === undefined || child === false) return;
  if (Array.isArray(child)) {
    for (const one of child) append(node, one);
  } else if (child instanceof Node) {
    node.append(child);
  } else {
    node.append(document.createTextNode(shown(child, true)));
  }
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (value === true) {
      node.setAttribute(name, '');
    } else {
      node.setAttribute(name, value);
    }
  }
  append(node, children);
  return node;
}

/** h('p', {class: 'hint'}, 'text', node, [more]) */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/** Only where it is another one: a reader's selection and a screen reader's place stay. */
export function setText(node, text) {
  const visible = shown(text, true);
  if (node.textContent !== visible) node.textContent = visible;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

let ids = 0;
export function newId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** A link to the page of a name. */
export function nameLink(kind, name) {
  return h('a', {href: `#/${kind}/${encodeURIComponent(name)}`, class: 'name'}, shown(name));
}
