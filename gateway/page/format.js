// Numbers as people read them.

export function count(value) {
  if (value === undefined || value === null) return '–';
  if (value < 10000) return String(value);
  const units = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  for (const [size, unit] of units) {
    if (value >= size) return (value / size).toPrecision(3) + ' ' + unit;
  }
  return String(value);
}

export function rate(value) {
  if (value === undefined || value === null) return '–';
  if (value === 0) return '0';
  if (value < 10) return value.toFixed(1);
  if (value < 10000) return value.toFixed(0);
  return count(value);
}

export function ns(value) {
  if (value === undefined || value === null) return '–';
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];
  for (const [size, unit] of units) {
    if (value >= size) return short(value / size) + ' ' + unit;
  }
  return `${Math.round(value)} ns`;
}

function short(value) {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function age(value) {
  const seconds = Math.floor(value / 1e9);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function bytes(value) {
  const units = [[1 << 30, 'GiB'], [1 << 20, 'MiB'], [1 << 10, 'KiB']];
  for (const [size, unit] of units) {
    if (value >= size) return short(value / size) + ' ' + unit;
  }
  return `${value} B`;
}

export function clock(unixMs) {
  const at = new Date(unixMs);
  const two = (n) => String(n).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.` +
    String(at.getMilliseconds()).padStart(3, '0');
}

export function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? '' : 's'}`;
}
