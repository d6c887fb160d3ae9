// A table whose rows stay while their values change, sorted by the column that its reader chose.
// On a narrow screen rows become blocks (style.css), so the roles are written out: that display
// would take them away.
import {h, setClass, setText} from './dom.js';

export class Table {
  /**
   * columns: {title, sort(row), cell: () => {node, update(row)}, number, narrow: 'hide'|'wide'}.
   * `key(row)` says which row is which.
   */
  constructor({label, columns, key, empty, sortBy = 0, descending = false}) {
    Object.assign(this, {columns, key, empty, sortBy, descending});
    this.rows = new Map();
    this.data = [];
    this.heads = columns.map((column, i) => this.head(column, i));
    this.body = h('tbody', {role: 'rowgroup'});
    this.none = h('p', {class: 'empty', hidden: true}, empty);
    this.node = h('div', {class: 'table-box'},
      h('table', {role: 'table', 'aria-label': label},
        h('thead', {role: 'rowgroup'}, h('tr', {role: 'row'}, this.heads.map((one) => one.node))),
        this.body),
      this.none);
    this.mark();
  }

  head(column, i) {
    const attributes = {role: 'columnheader', scope: 'col', class: this.classOf(column)};
    if (!column.sort) return {node: h('th', attributes, column.title)};
    const button = h('button', {type: 'button', class: 'sort', onclick: () => this.sort(i)},
      column.title);
    return {node: h('th', attributes, button)};
  }

  classOf(column) {
    return [column.number ? 'number' : '', column.narrow ? `narrow-${column.narrow}` : '',
      column.kind ?? ''].filter(Boolean).join(' ') || null;
  }

  mark() {
    this.heads.forEach(({node}, i) => {
      if (!this.columns[i].sort) return;
      node.setAttribute('aria-sort',
        i !== this.sortBy ? 'none' : this.descending ? 'descending' : 'ascending');
    });
  }

  sort(i) {
    this.descending = i === this.sortBy ? !this.descending : Boolean(this.columns[i].number);
    this.sortBy = i;
    this.mark();
    this.show(this.data);
  }

  order(a, b) {
    const {sort} = this.columns[this.sortBy];
    const x = sort(a) ?? -1;
    const y = sort(b) ?? -1;
    if (x === y) return this.key(a) < this.key(b) ? -1 : 1;
    return (x < y ? -1 : 1) * (this.descending ? -1 : 1);
  }

  make() {
    const cells = this.columns.map((column) => {
      const attributes = {role: 'cell', class: this.classOf(column), 'data-label': column.title};
      if (column.cell) {
        const made = column.cell();
        return {node: h('td', attributes, made.node), update: made.update};
      }
      const node = h('td', attributes);
      return {node, update: (row) => setText(node, column.text(row))};
    });
    return {node: h('tr', {role: 'row'}, cells.map((cell) => cell.node)), cells};
  }

  show(data) {
    this.data = data;
    const wanted = [...data].sort((a, b) => this.order(a, b));
    const seen = new Set();
    let before = null;
    for (const row of wanted) {
      const key = this.key(row);
      seen.add(key);
      let made = this.rows.get(key);
      if (!made) this.rows.set(key, made = this.make());
      setClass(made.node, row.gone ? 'gone' : '');
      for (const cell of made.cells) cell.update(row);
      const place = before ? before.nextSibling : this.body.firstChild;
      if (place !== made.node) this.body.insertBefore(made.node, place);
      before = made.node;
    }
    for (const [key, made] of this.rows) {
      if (seen.has(key)) continue;
      made.node.remove();
      this.rows.delete(key);
    }
    this.none.hidden = wanted.length !== 0;
    this.node.classList.toggle('is-empty', wanted.length === 0);
  }
}

/** A dot, and a word for readers who cannot see its colour. */
export function stateCell(wordOf) {
  const word = h('span');
  const node = h('span', {class: 'state'}, word);
  return {node, update(row) {
    const text = wordOf(row);
    setText(word, text);
    setClass(node, `state ${text.replaceAll(' ', '-')}`);
  }};
}
