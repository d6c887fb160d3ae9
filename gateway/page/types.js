// The text of a registered type (shmbus/schema/text.hpp), taken apart. Nothing in it is believed:
// what does not follow the grammar gives null.

const scalars = new Set(['none', 'bool', 'char', 'i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32',
  'u64', 'f32', 'f64', 'uuid', 'time', 'email', 'text']);
const depthMax = 16;
/** Of members and enumerators: samples make code of them. */
const identifier = /^[\p{L}_][\p{L}\p{N}_]*$/u;

function identified(name) {
  if (!identifier.test(name)) throw new SyntaxError('no identifier');
  return name;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }
  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) throw new SyntaxError('no type');
    this.at += found[0].length;
    return found;
  }
  tries(word) {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }
  type(depth = 0) {
    if (depth > depthMax) throw new SyntaxError('too deep');
    if (this.tries('{')) return this.struct(depth);
    const [, word, digits] = this.take(/([a-z]+)(\d*)/y);
    if (word === 'str') return {kind: 'str', count: Number(digits)};
    if (word === 'vec' || word === 'arr') {
      return {kind: word, count: Number(digits), item: this.inside(depth)};
    }
    if (word === 'opt' || word === 'list') return {kind: word, item: this.inside(depth)};
    if (word === 'enum') return this.enumeration();
    if (word === 'raw') {
      this.take(/\/\d+/y);
      return {kind: 'raw', count: Number(digits)};
    }
    if (!scalars.has(word + digits)) throw new SyntaxError('no type');
    return {kind: word + digits};
  }
  inside(depth) {
    this.take(/</y);
    const item = this.type(depth + 1);
    this.take(/>/y);
    return item;
  }
  enumeration() {
    const [, of, list] = this.take(/<([iu](?:8|16|32|64))\(([^)]*)\)>/y);
    return {kind: 'enum', of, names: list.split(',').map((one) => {
      const [, name, value] = /^([^=]+)=(-?\d+)$/.exec(one) ?? [];
      return [identified(name ?? ''), value];
    })};
  }
  struct(depth) {
    const members = [];
    do {
      const [, name] = this.take(/([^:@{},<>]+):/y);
      const type = this.type(depth + 1);
      this.take(/@\d+/y);
      members.push({name: identified(name), type});
    } while (this.tries(','));
    this.take(/\}\d+\/\d+/y);
    return {kind: 'struct', members};
  }
}

/** {request, reply} of "request->reply"; null when it does not follow the grammar. */
export function typesOf(schema) {
  try {
    const sides = schema.split('->');
    if (sides.length !== 2) return null;
    const [request, reply] = sides.map((side) => {
      const reader = new Reader(side.replace(/^stream<(.*)>$/s, '$1'));
      const type = reader.type();
      if (reader.at !== reader.text.length) throw new SyntaxError('more than a type');
      return type;
    });
    return {request, reply};
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
