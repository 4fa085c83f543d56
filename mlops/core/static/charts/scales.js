// From values to pixels, and the ticks between: linear, logarithmic, time, categories.
import { number, timeText } from "./format.js";

const UNITS_MS = [1e3, 5e3, 15e3, 30e3, 6e4, 3e5, 9e5, 18e5, 36e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 2592e6, 7776e6, 31536e6];

export const finite = value => typeof value === "number" && Number.isFinite(value);

/** The least and the greatest finite value of arrays; with `log` of the positive ones. */
export function extent(arrays, log = false) {
  let low = Infinity, high = -Infinity;
  for (const values of arrays) {
    for (const value of values ?? []) {
      if (!finite(value) || (log && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

/** A domain that begins at its least value, also where all values are that one. */
export const upwards = (low, high) => [low, high > low ? high : low + (Math.abs(low) * .05 || 1)];

/** A scale: a function to pixels with `invert`, `ticks` and the `text` of a value. */
export function scale({ kind = "number", log = false, domain, range, pad = 0 }) {
  let [low, high] = domain ?? [log ? 1 : 0, log ? 10 : 1];
  if (log && low === high) [low, high] = [low / 2, high * 2];
  if (!log && low === high) { const by = Math.abs(low) * .05 || 1; [low, high] = [low - by, high + by]; }
  const to = log ? Math.log10 : value => value;
  const from = log ? value => 10 ** value : value => value;
  let a = to(low), b = to(high);
  if (pad) { const by = (b / 2 - a / 2) * 2 * pad; if (Number.isFinite(by)) [a, b] = [a - by, b + by]; }
  // Halved first, so that the distance of the largest floats is no infinity.
  const place = value => range[0] + (to(value) / 2 - a / 2) / (b / 2 - a / 2) * (range[1] - range[0]);
  place.domain = [from(a), from(b)];
  place.invert = pixel => from(2 * (a / 2 + (pixel - range[0]) / (range[1] - range[0]) * (b / 2 - a / 2)));
  place.ticks = wanted => (log ? logTicks(a, b, wanted) : kind === "time" ? timeTicks(a, b, wanted) : ticks(a, b, wanted));
  place.text = kind === "time" ? value => timeText(value) : number;
  place.short = kind === "time" ? shortTime(b - a) : number;
  return place;
}

function ticks(low, high, wanted) {
  const raw = (high / wanted - low / wanted);
  if (!(raw > 0) || !Number.isFinite(raw)) return [low, high];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(one => one * power >= raw) * power;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high && found.length < 50; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

function logTicks(low, high, wanted) {
  const first = Math.ceil(low - 1e-9), last = Math.floor(high + 1e-9);
  if (last - first < 1) return ticks(10 ** low, 10 ** high, wanted).filter(one => one > 0);
  const every = Math.max(1, Math.ceil((last - first) / wanted));
  const found = [];
  for (let i = first; i <= last; i += every) found.push(Number(`1e${i}`));
  return found;
}

function timeTicks(low, high, wanted) {
  const raw = (high - low) / wanted;
  const unit = UNITS_MS.find(one => one >= raw) ?? Math.ceil(raw / UNITS_MS.at(-1)) * UNITS_MS.at(-1);
  const found = [];
  for (let at = Math.ceil(low / unit) * unit; at <= high && found.length < 50; at += unit) found.push(at);
  return found;
}

function shortTime(span) {
  if (span > 3 * 864e5) return value => timeText(value).slice(0, 10);
  if (span > 864e5) return value => timeText(value).slice(5, 16);
  return value => timeText(value).slice(11, span > 18e5 ? 16 : 19);
}
