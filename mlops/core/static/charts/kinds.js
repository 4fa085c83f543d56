// What each kind of chart draws, into SVG; and which value is under a pixel.
// A kind returns { draw(svg), count, nearest(x, y), at(index), rows(), head }.
import { extent, finite, scale, upwards } from "./scales.js";
import { number } from "./format.js";

const LEFT = 62, RIGHT = 12, TOP = 10, BOTTOM = 38;
const COLOURS = 12;

export function el(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

/** The classes of the n-th series: twelve colours, then the same ones dashed. */
export const tone = index => `c${index % COLOURS}${index >= COLOURS ? " dashed" : ""}`;

/** Exponentially smoothed, corrected for its start; gaps stay gaps. */
export function smoothed(values, weight) {
  let last = 0, seen = 0;
  return values.map(value => {
    if (!finite(value)) return value;
    last = last * weight + (1 - weight) * value;
    seen += 1;
    return last / (1 - weight ** seen);
  });
}

function axes(svg, x, y, box, labels) {
  for (const tick of y.ticks(5)) {
    const at = y(tick).toFixed(1);
    svg.append(el("line", { class: "grid", x1: LEFT, x2: box.width - RIGHT, y1: at, y2: at }));
    svg.append(el("text", { class: "tick", x: LEFT - 6, y: at, "text-anchor": "end", dy: ".32em" }, y.short(tick)));
  }
  let free = -Infinity;
  for (const tick of x.ticks(Math.max(2, Math.floor(box.width / 110)))) {
    const text = x.short(tick), at = x(tick), half = text.length * 3.6;
    const anchor = at + half > box.width ? "end" : "middle";
    const from = anchor === "end" ? at - 2 * half : at - half;
    if (from < free) continue;
    free = from + 2 * half + 6;
    svg.append(el("text", { class: "tick", x: at.toFixed(1), y: box.height - BOTTOM + 16, "text-anchor": anchor }, text));
  }
  name(svg, box, labels);
}

function name(svg, box, { x = "", y = "" }) {
  svg.append(el("text", { class: "label", x: (LEFT + box.width - RIGHT) / 2, y: box.height - 4, "text-anchor": "middle" }, x));
  const middle = (TOP + box.height - BOTTOM) / 2;
  svg.append(el("text", { class: "label", x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, y));
}

function plane(data, box, options, series) {
  const xLog = Boolean(options.logX ?? data.x?.log), yLog = Boolean(options.log ?? data.y?.log);
  const within = options.zoom;
  const shown = series.map(one => {
    if (!within) return [one.y, one.low, one.high];
    const keep = values => values?.filter((_, i) => one.x[i] >= within[0] && one.x[i] <= within[1]);
    return [keep(one.y), keep(one.low), keep(one.high)];
  });
  const x = scale({ kind: data.x?.kind, log: xLog, domain: within ?? extent(series.map(one => one.x), xLog), range: [LEFT, box.width - RIGHT] });
  let bounds = extent(shown.flat(), yLog);
  if (bounds && finite(data.y?.min) && !yLog) bounds = upwards(Math.min(data.y.min, bounds[0]), bounds[1] + (bounds[1] - bounds[0]) * .04);
  const y = scale({ log: yLog, domain: bounds, range: [box.height - BOTTOM, TOP], pad: finite(data.y?.min) ? 0 : .04 });
  return { x, y, xLog, yLog };
}

const drawable = (x, y, { xLog, yLog }) => finite(x) && finite(y) && !(xLog && x <= 0) && !(yLog && y <= 0);

/** A point between gaps: a path that only moves draws nothing, so it gets a dash. */
const ALONE = /M[-\d.]+,[-\d.]+(?=M|$)/g;

/** A path through the points: of each pixel's column the least and the greatest. */
function through(xs, ys, p) {
  const parts = [];
  let column = NaN, first = -1, least = -1, most = -1, last = -1, pen = "M";
  const put = i => { parts.push(pen, Math.round(p.x(xs[i]) * 10) / 10, ",", Math.round(p.y(ys[i]) * 10) / 10); pen = "L"; };
  const flush = () => {
    if (first < 0) return;
    put(Math.min(least, most));
    if (least !== most) put(Math.max(least, most));
    else if (last !== first) put(last);
    first = -1;
  };
  for (let i = 0; i < xs.length; i++) {
    if (!drawable(xs[i], ys[i], p)) { flush(); pen = "M"; column = NaN; continue; }
    const at = Math.round(p.x(xs[i]));
    if (at !== column) { flush(); column = at; first = least = most = last = i; continue; }
    if (ys[i] < ys[least]) least = i;
    if (ys[i] > ys[most]) most = i;
    last = i;
  }
  flush();
  return parts.join("").replace(ALONE, "$&m-2,0h4");
}

function band(one, p) {
  const up = [], down = [];
  one.x.forEach((x, i) => {
    if (!drawable(x, one.high[i], p) || !finite(one.low[i])) return;
    const low = p.yLog && one.low[i] <= 0 ? p.y.domain[0] : one.low[i];
    up.push(`${p.x(x).toFixed(1)},${p.y(one.high[i]).toFixed(1)}`);
    down.push(`${p.x(x).toFixed(1)},${p.y(low).toFixed(1)}`);
  });
  return up.length ? `M${up.join("L")}L${down.reverse().join("L")}Z` : "";
}

function closest(sorted, value) {
  let low = 0, high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return low > 0 && value - sorted[low - 1] <= sorted[low] - value ? low - 1 : low;
}

function undrawn(series, p) {
  let words = 0, below = 0;
  for (const { x, y } of series) {
    for (let i = 0; i < y.length; i++) {
      if (y[i] === null || drawable(x[i], y[i], p)) continue;
      if (finite(y[i])) below += 1; else words += 1;
    }
  }
  return { words, below };
}

function lines(data, box, options) {
  const series = data.series.map((one, index) => ({ ...one, index })).filter(one => !options.hidden?.has(one.name));
  const p = plane(data, box, options, series);
  const weight = options.smooth ?? 0;
  let xs = null;
  const all = () => xs ??= Float64Array.from(new Set(series.flatMap(one => one.x).filter(finite))).sort();
  return {
    draw(svg) {
      axes(svg, p.x, p.y, box, { x: data.x?.label, y: data.y?.label });
      for (const one of series) {
        const colour = tone(one.colour ?? one.index);
        if (one.low && one.high && !weight) svg.append(el("path", { class: `band ${colour}`, d: band(one, p) }));
        svg.append(el("path", { class: `line ${colour}${weight ? " faint" : ""}`, d: through(one.x, one.y, p) }));
        if (weight) svg.append(el("path", { class: `line ${colour}`, d: through(one.x, smoothed(one.y, weight), p) }));
        if (one.y.length === 1) svg.append(el("path", { class: `dots ${colour}`, d: dot(one.x[0], one.y[0], p) }));
      }
    },
    undrawn: undrawn(series, p),
    plane: p,
    get count() { return all().length; },
    nearest: px => closest(all(), p.x.invert(px)),
    at(index) {
      const value = all()[index];
      const rows = series.flatMap(one => {
        const i = closest(one.x, value);
        return one.x[i] === value || all().length > 2 * one.x.length ? [{ one, i }] : [];
      }).map(({ one, i }) => ({ name: one.name, tone: tone(one.colour ?? one.index), text: said(one, i) }));
      return { px: p.x(value), title: `${data.x?.label ?? ""} ${p.x.text(value)}`.trim(), rows };
    },
    head: [data.x?.label ?? "x", data.series.length > 1 ? "" : null, data.y?.label ?? "y", ...(series.some(one => one.low) ? ["min", "max"] : [])],
    *rows() {
      for (const one of series) for (let i = 0; i < one.x.length; i++) yield [p.x.text(one.x[i]), one.name, one.y[i], ...(one.low ? [one.low[i], one.high[i]] : [])];
    },
  };
}

const dot = (x, y, p) => (drawable(x, y, p) ? `M${p.x(x).toFixed(1)},${p.y(y).toFixed(1)}h0` : "");

function said(one, i) {
  const bounds = one.low && one.low[i] !== one.high[i] ? ` (${number(one.low[i])} … ${number(one.high[i])})` : "";
  return number(one.y[i]) + bounds + (one.text?.[i] ? ` ${one.text[i]}` : "");
}

function scatter(data, box, options) {
  const series = data.series.map((one, index) => ({ ...one, index })).filter(one => !options.hidden?.has(one.name));
  const p = plane(data, box, options, series);
  const points = series.flatMap(one => one.x.map((x, i) => ({ one, i, x, y: one.y[i] }))).filter(one => drawable(one.x, one.y, p));
  return {
    draw(svg) {
      axes(svg, p.x, p.y, box, { x: data.x?.label, y: data.y?.label });
      for (const one of series) svg.append(el("path", { class: `dots ${tone(one.colour ?? one.index)}`, d: one.x.map((x, i) => dot(x, one.y[i], p)).join("") }));
    },
    undrawn: undrawn(series, p),
    plane: p,
    count: points.length,
    nearest(px, py) {
      let best = -1, least = Infinity;
      points.forEach(({ x, y }, index) => {
        const far = (p.x(x) - px) ** 2 + (p.y(y) - py) ** 2;
        if (far < least) [best, least] = [index, far];
      });
      return best;
    },
    at(index) {
      const { one, i, x, y } = points[index];
      const rows = [{ name: data.x?.label ?? "x", text: p.x.text(x) }, { name: data.y?.label ?? "y", text: number(y) }];
      return { px: p.x(x), py: p.y(y), title: one.text?.[i] ?? one.name, url: one.url?.[i], rows };
    },
    head: ["", data.x?.label ?? "x", data.y?.label ?? "y"],
    *rows() { for (const one of series) for (let i = 0; i < one.x.length; i++) yield [one.text?.[i] ?? one.name, one.x[i], one.y[i]]; },
  };
}

function bars(data, box, options) {
  const series = data.series.map((one, index) => ({ ...one, index })).filter(one => !options.hidden?.has(one.name));
  const names = data.x.values;
  const totals = names.map((_, i) => series.reduce((sum, one) => sum + (finite(one.y[i]) ? one.y[i] : 0), 0));
  const [low, high] = extent(data.stacked ? [totals] : series.map(one => one.y)) ?? [0, 1];
  const y = scale({ domain: upwards(Math.min(0, low), Math.max(0, high)), range: [box.height - BOTTOM, TOP] });
  const width = (box.width - LEFT - RIGHT) / Math.max(1, names.length);
  const every = Math.max(1, Math.ceil(Math.max(...names.map(one => String(one).length), 1) * 7 / width));
  const x = Object.assign(i => LEFT + (i + .5) * width, { ticks: () => names.map((_, i) => i).filter(i => i % every === 0), short: i => String(names[i]) });
  return {
    draw(svg) {
      axes(svg, x, y, box, { x: data.x?.label, y: data.y?.label });
      const based = names.map(() => 0);
      series.forEach((one, place) => names.forEach((_, i) => {
        if (!finite(one.y[i])) return;
        const from = data.stacked ? based[i] : 0, to = from + one.y[i];
        based[i] = to;
        const w = width * .86 / (data.stacked ? 1 : series.length);
        const left = LEFT + i * width + width * .07 + (data.stacked ? 0 : place * w);
        const top = Math.min(y(from), y(to));
        svg.append(el("rect", { class: `bar ${tone(one.colour ?? one.index)}`, x: left.toFixed(1), y: top.toFixed(1), width: Math.max(.5, w).toFixed(1), height: Math.abs(y(from) - y(to)).toFixed(1) }));
      }));
    },
    count: names.length,
    nearest: px => Math.min(names.length - 1, Math.max(0, Math.floor((px - LEFT) / width))),
    at: i => ({ px: x(i), title: String(names[i]), rows: series.map(one => ({ name: one.name, tone: tone(one.colour ?? one.index), text: said(one, i) })) }),
    head: [data.x?.label ?? "", ...series.map(one => one.name)],
    *rows() { for (let i = 0; i < names.length; i++) yield [names[i], ...series.map(one => one.y[i])]; },
  };
}

function heat(data, box) {
  const xs = data.x.values, ys = data.y.values, cells = data.values;
  const left = Math.min(box.width * .35, 16 + 7 * Math.max(...ys.map(one => String(one).length)));
  const width = (box.width - left - RIGHT) / xs.length, height = (box.height - TOP - BOTTOM) / ys.length;
  const [low, high] = data.range ?? extent(cells) ?? [0, 1];
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const strength = value => (low < 0 ? Math.abs(value) / most : (value - low) / (high - low || 1));
  const every = Math.max(1, Math.ceil(60 / width));
  return {
    draw(svg) {
      ys.forEach((name, row) => svg.append(el("text", { class: "tick", x: left - 6, y: TOP + (row + .5) * height, dy: ".32em", "text-anchor": "end" }, cut(name, left / 7))));
      xs.forEach((name, i) => { if (i % every === 0) svg.append(el("text", { class: "tick", x: left + (i + .5) * width, y: box.height - BOTTOM + 16, "text-anchor": "middle" }, cut(name, every * width / 7))); });
      cells.forEach((line, row) => line.forEach((value, i) => {
        const at = { x: (left + i * width).toFixed(1), y: (TOP + row * height).toFixed(1), width: width.toFixed(1), height: height.toFixed(1) };
        if (!finite(value)) { svg.append(el("rect", { ...at, class: "cell none" })); return; }
        const share = Math.min(1, Math.max(0, strength(value)));
        svg.append(el("rect", { ...at, class: `cell ${value < 0 ? "cold" : "hot"}`, "fill-opacity": (.06 + .94 * share).toFixed(3) }));
        if (width > 44 && height > 16) svg.append(el("text", { class: share > .5 ? "value strong" : "value", x: left + (i + .5) * width, y: TOP + (row + .5) * height, dy: ".32em", "text-anchor": "middle" }, number(Number(value.toPrecision(3)))));
      }));
    },
    count: xs.length * ys.length,
    nearest(px, py) {
      const i = Math.min(xs.length - 1, Math.max(0, Math.floor((px - left) / width)));
      const row = Math.min(ys.length - 1, Math.max(0, Math.floor((py - TOP) / height)));
      return row * xs.length + i;
    },
    at(index) {
      const row = Math.floor(index / xs.length), i = index % xs.length;
      return { px: left + (i + .5) * width, py: TOP + (row + .5) * height, title: `${ys[row]} × ${xs[i]}`, rows: [{ name: data.label ?? "", text: number(cells[row][i]) }] };
    },
    head: [data.y.label ?? "", ...xs],
    *rows() { for (let row = 0; row < ys.length; row++) yield [ys[row], ...cells[row]]; },
  };
}

const cut = (text, most) => (String(text).length > most ? `${String(text).slice(0, Math.max(1, most - 1))}…` : String(text));

function parallel(data, box, options) {
  const shown = data.series.map((one, index) => ({ ...one, index })).filter(one => !options.hidden?.has(one.name));
  const gap = (box.width - LEFT - 40) / Math.max(1, data.axes.length - 1);
  const axis = data.axes.map((one, i) => {
    const values = data.series.map(line => line.values[i]);
    const given = values.filter(value => value !== null && value !== undefined);
    if (given.every(value => typeof value === "number")) {
      return { ...one, y: scale({ log: one.log, domain: extent([values], one.log), range: [box.height - BOTTOM, TOP + 14] }) };
    }
    const words = [...new Set(given.map(String))].sort();
    const step = (box.height - BOTTOM - TOP - 14) / Math.max(1, words.length - 1);
    const y = value => box.height - BOTTOM - words.indexOf(String(value)) * step;
    return { ...one, y: Object.assign(y, { ticks: () => words.filter((_, k) => k % Math.ceil(words.length / 8) === 0), short: word => cut(word, 12), text: String }) };
  });
  const place = (line, i) => {
    const value = line.values[i];
    if (value === null || value === undefined) return null;
    const y = axis[i].y(value);
    return Number.isFinite(y) ? [LEFT + i * gap, y] : null;
  };
  const path = line => {
    let pen = "M", d = "";
    axis.forEach((_, i) => {
      const at = place(line, i);
      if (at === null) { pen = "M"; return; }
      d += `${pen}${at[0].toFixed(1)},${at[1].toFixed(1)}`;
      pen = "L";
    });
    return d;
  };
  return {
    draw(svg) {
      for (const line of shown) svg.append(el("path", { class: `line thin ${tone(line.colour ?? line.index)}`, d: path(line), "data-index": line.index }));
      axis.forEach((one, i) => {
        const x = LEFT + i * gap;
        svg.append(el("line", { class: "axis", x1: x, x2: x, y1: TOP + 14, y2: box.height - BOTTOM }));
        for (const tick of one.y.ticks(4)) svg.append(el("text", { class: "tick", x: x - 4, y: one.y(tick), dy: ".32em", "text-anchor": "end" }, one.y.short(tick)));
        svg.append(el("text", { class: "label", x, y: i % 2 ? box.height - 4 : box.height - 19, "text-anchor": i ? (i === axis.length - 1 ? "end" : "middle") : "start" }, cut(one.label, Math.max(8, gap / 3.8))));
      });
    },
    count: shown.length,
    nearest(px, py) {
      const i = Math.max(0, Math.min(axis.length - 1, Math.round((px - LEFT) / (gap || 1))));
      let best = -1, least = Infinity;
      shown.forEach((line, index) => {
        const at = place(line, i);
        if (at && Math.abs(at[1] - py) < least) [best, least] = [index, Math.abs(at[1] - py)];
      });
      return best;
    },
    at(index) {
      const line = shown[index];
      return { px: LEFT, marked: line.index, title: line.name, url: line.url, rows: axis.map((one, i) => ({ name: one.label, text: typeof line.values[i] === "number" ? number(line.values[i]) : String(line.values[i] ?? "—") })) };
    },
    head: ["", ...axis.map(one => one.label)],
    *rows() { for (const line of shown) yield [line.name, ...line.values]; },
  };
}

export const KINDS = { lines, scatter, bars, heat, parallel };
