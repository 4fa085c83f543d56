// What stands above a column: bars of its values, or its most frequent ones.
import { number } from "../work/api.js";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 120, HEIGHT = 34;

/** A picture of a column's figures (`statistics` of the API), with what it says. */
export function picture(figures, said) {
  const made = Object.assign(document.createElement("span"), { className: "figures" });
  const missing = figures.nulls ? `${percent(figures.null_share)} ${said.missing}` : "";
  if (figures.histogram) {
    made.append(bars(figures.histogram, figures.name));
    made.append(small([range(figures), missing]));
    return made;
  }
  if (figures.top?.length) made.append(shares(figures.top));
  const distinct = figures.distinct ? `${figures.distinct.exact ? "" : `${said.about} `}${number(figures.distinct.value)} ${said.distinct}` : "";
  made.append(small([distinct, missing]));
  return made;
}

/** Bars of a histogram: each says its range and count. */
export function bars({ counts, edges }, name, height = HEIGHT) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, role: "img", "aria-label": `${name}: ${short(edges[0])} … ${short(edges.at(-1))}` });
  const most = Math.max(...counts, 1), step = WIDTH / Math.max(1, counts.length);
  counts.forEach((count, i) => {
    const tall = count ? Math.max(1, height * count / most) : 0;
    const bar = shape("rect", { x: (i * step).toFixed(1), y: (height - tall).toFixed(1), width: Math.max(.5, step - 1).toFixed(1), height: tall.toFixed(1) });
    bar.append(Object.assign(shape("title"), { textContent: `${short(edges[i])} … ${short(edges[i + 1])}: ${number(count)}` }));
    svg.append(bar);
  });
  return svg;
}

function shares(top) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": top.slice(0, 3).map(one => `${one.value}: ${percent(one.share)}`).join(", ") });
  top.slice(0, 3).forEach((one, i) => {
    const bar = shape("rect", { class: "share", x: 0, y: i * 12, width: Math.max(1, WIDTH * one.share).toFixed(1), height: 10 });
    const text = Object.assign(shape("text", { x: 3, y: i * 12 + 8.5 }), { textContent: `${String(one.value).slice(0, 14)} ${percent(one.share)}` });
    text.append(Object.assign(shape("title"), { textContent: `${one.value}: ${number(one.count)}` }));
    svg.append(bar, text);
  });
  return svg;
}

export function shape(name, attributes = {}) {
  const made = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export const percent = share => `${(100 * share).toFixed(share && share < .01 ? 2 : 1)} %`;
export const short = value => (typeof value === "number" ? number(Number(value.toPrecision(4))) : String(value).slice(0, 19));
const range = figures => (figures.min === null ? "" : `${short(figures.min)} … ${short(figures.max)}`);
const small = parts => Object.assign(document.createElement("small"), { textContent: parts.filter(Boolean).join(" · ") });
