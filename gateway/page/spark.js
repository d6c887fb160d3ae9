// A small line of the last values.
import {svg} from './dom.js';

const width = 84;
const height = 20;

export class Spark {
  constructor(length = 60) {
    this.length = length;
    this.values = [];
    this.line = svg('polyline', {class: 'line'});
    this.area = svg('polygon', {class: 'area'});
    this.node = svg('svg', {class: 'spark', viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: 'none', 'aria-hidden': 'true'}, this.area, this.line);
  }

  add(value) {
    this.show([...this.values, value ?? 0].slice(-this.length));
  }

  show(values) {
    this.values = values.slice(-this.length);
    const most = Math.max(...this.values, 1);
    const step = width / (this.length - 1);
    const from = this.length - this.values.length;
    const points = this.values.map((one, i) =>
      `${((from + i) * step).toFixed(1)},${(height - 1.5 - (one / most) * (height - 3)).toFixed(1)}`);
    this.line.setAttribute('points', points.join(' '));
    this.area.setAttribute('points',
      `${(from * step).toFixed(1)},${height} ${points.join(' ')} ${width},${height}`);
  }
}
