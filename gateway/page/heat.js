// A latency heat map: a column for each look, a row for each octave, colour for how many calls.
import {h, setText, svg} from './dom.js';
import * as format from './format.js';

const columnsMax = 60;
const levels = 8;
const rowsLeast = 6;
/** About one unit for each pixel, so that its text has the size of the other text. */
const wide = {columns: 60, width: 18, height: 20, left: 64};
const slim = {columns: 30, width: 9, height: 18, left: 60};
const isSlim = matchMedia('(max-width: 700px)');

export class Heat {
  constructor() {
    this.columns = [];
    this.drawing = svg('g');
    this.picture = svg('svg', {class: 'heat', role: 'img', 'aria-labelledby': 'heat-words'},
      this.drawing);
    this.words = h('p', {class: 'hint', id: 'heat-words'}, 'Waiting for calls…');
    this.node = h('div', {class: 'heat-box'}, this.picture, this.words);
    this.draw();
  }

  /** octaves: [[octave, count], ...] of one look. */
  add(unixMs, octaves) {
    this.columns.push({unixMs, octaves});
    if (this.columns.length > columnsMax) this.columns.shift();
    this.draw();
  }

  bounds(shownColumns = this.columns) {
    const seen = shownColumns.flatMap((column) => column.octaves.map(([octave]) => octave));
    if (!seen.length) return [10, 10 + rowsLeast - 1];
    const low = Math.min(...seen);
    return [low, Math.max(...seen, low + rowsLeast - 1)];
  }

  draw() {
    const {columns, left, ...cell} = isSlim.matches ? slim : wide;
    const some = this.columns.slice(-columns);
    const [low, high] = this.bounds(some);
    const rows = high - low + 1;
    const most = Math.max(1, ...some.flatMap((c) => c.octaves.map(([, n]) => n)));
    const width = left + columns * cell.width;
    const height = rows * cell.height;
    this.picture.setAttribute('viewBox', `0 0 ${width} ${height + 20}`);
    const parts = [svg('rect', {class: 'ground', x: left, y: 0, width: columns * cell.width, height})];
    for (let row = low; row <= high; ++row) {
      if ((row - low) % 2 === 1) continue;
      parts.push(svg('text', {class: 'axis', x: left - 6, y: (high - row) * cell.height + cell.height - 5,
        'text-anchor': 'end'}, format.ns(2 ** row)));
    }
    const from = columns - some.length;
    some.forEach((column, i) => {
      for (const [octave, n] of column.octaves) {
        const level = 1 + Math.round((levels - 1) * Math.log1p(n) / Math.log1p(most));
        parts.push(svg('rect', {class: `heat-${level}`, x: left + (from + i) * cell.width,
          y: (high - octave) * cell.height, width: cell.width - 1, height: cell.height - 1}));
      }
    });
    parts.push(svg('text', {class: 'axis', x: left, y: height + 14}, `${columns} s ago`),
      svg('text', {class: 'axis', x: width, y: height + 14, 'text-anchor': 'end'}, 'now'));
    this.drawing.replaceChildren(...parts);
    this.tell(most);
  }

  tell(most) {
    const calls = this.columns.reduce((sum, c) => sum + c.octaves.reduce((n, [, m]) => n + m, 0), 0);
    if (!calls) return setText(this.words, 'No calls in the last minute. Each column is a second, each '
      + 'row twice the time of the row below.');
    const [low, high] = this.bounds();
    setText(this.words, `${format.plural(calls, 'call')} since this was opened, between ` +
      `${format.ns(2 ** low)} and ${format.ns(2 ** (high + 1))} in the handler; at most ` +
      `${format.count(most)} in one cell.`);
  }
}

/** Bars of a histogram since the bus was made: [[low_ns, count], ...] to octaves. */
export function histogram(title, times) {
  const octaves = new Map();
  for (const [low, n] of times.buckets) {
    const octave = low < 2 ? 0 : Math.floor(Math.log2(low));
    octaves.set(octave, (octaves.get(octave) ?? 0) + n);
  }
  const most = Math.max(1, ...octaves.values());
  const range = [...octaves.keys()];
  const low = Math.min(...range);
  const all = Array.from({length: range.length ? Math.max(...range) - low + 1 : 0},
    (_, i) => [low + i, octaves.get(low + i) ?? 0]);
  const rows = all.map(([octave, n]) => {
    const bar = h('span', {class: 'bar-fill'});
    bar.style.width = `${(100 * n / most).toFixed(1)}%`;
    return h('tr', null, h('th', {scope: 'row', class: 'number'}, format.ns(2 ** octave)),
      h('td', {class: 'bar-cell'}, bar), h('td', {class: 'number'}, format.count(n)));
  });
  const quantiles = [['p50', times.p50], ['p90', times.p90], ['p99', times.p99],
    ['p99.9', times.p999], ['max', times.max]];
  return h('div', {class: 'histogram'},
    h('h3', null, title),
    times.samples === 0 ? h('p', {class: 'empty'}, 'No samples yet.') : [
      h('dl', {class: 'quantiles'}, quantiles.map(([word, value]) =>
        h('div', null, h('dt', null, word), h('dd', null, format.ns(value))))),
      h('table', {class: 'bars'}, h('caption', {class: 'sr'}, `${title}: calls by time, from`), rows)]);
}
