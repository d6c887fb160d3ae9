// JSON as text, laid out without reading its numbers: a browser's numbers cannot hold all of 64
// bits.

const token = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

/** The same document with indentation; what is no JSON comes back as it is. */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let out = '';
  let depth = 0;
  let before = '';
  const line = () => '\n' + '  '.repeat(depth);
  for (const [word] of text.matchAll(token)) {
    if (word === '}' || word === ']') {
      depth -= 1;
      out += before === '{' || before === '[' ? word : line() + word;
    } else {
      if (before === '{' || before === '[' || before === ',') out += line();
      out += word === ':' ? ': ' : word;
      if (word === '{' || word === '[') depth += 1;
    }
    before = word;
  }
  return out;
}
