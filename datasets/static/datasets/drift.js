// How far the data of this version is from another's, column by column, worst first.
import { api, attempt, number } from "../work/api.js";
import { percent, shape } from "./histogram.js";

const LEVELS = ["drift", "warning", "none", "too_few_rows"];
const WIDTH = 180, HEIGHT = 40;
const section = document.getElementById("drift");
if (section) begin();

function begin() {
  const { api: address, version, ...said } = section.dataset;
  const reference = document.getElementById("reference"), summary = document.getElementById("summary");
  const body = document.querySelector("#columns-drift tbody");
  const wanted = new URLSearchParams(location.search).get("from");
  const before = [...reference.options].find(one => Number(one.value) < Number(version));
  reference.value = [...reference.options].some(one => one.value === wanted) ? wanted : before?.value ?? reference.value;
  const words = { drift: said.levelDrift, warning: said.levelWarning, none: said.levelNone, too_few_rows: said.levelTooFewRows };
  const tones = { drift: "bad", warning: "warn", none: "good" };
  const badge = level => Object.assign(document.createElement("span"), { className: `badge ${tones[level] ?? "quiet"}`, textContent: words[level] ?? level });

  async function load() {
    if (!reference.value) { summary.textContent = said.same; return; }
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ version, from: reference.value })}`);
    const found = await attempt(() => api(`${address}/drift?${new URLSearchParams({ from: reference.value, to: version })}`));
    body.replaceChildren();
    if (!found) return;
    summary.replaceChildren(badge(found.level), ` ${number(found.drifted_count)} ${said.drifted}`);
    const columns = [...found.report.columns].sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
    body.append(...columns.map(line));
  }

  function line(column) {
    const made = document.createElement("tr");
    made.append(Object.assign(document.createElement("th"), { scope: "row", textContent: column.name }));
    made.insertCell().append(badge(column.level));
    const share = part => (typeof part === "number" ? percent(part) : "—");
    for (const figure of [number(column.psi), number(column.ks), number(column.js), number(column.chi_square), share(column.missing_reference), share(column.missing_current)]) {
      Object.assign(made.insertCell(), { className: "number", textContent: figure });
    }
    if (column.bins) made.insertCell().append(beside(column.bins, column.name)); else made.insertCell().textContent = "—";
    return made;
  }

  function beside({ labels, reference: first, current }, name) {
    const svg = shape("svg", { class: "beside", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": `${name}: ${said.before}, ${said.now}` });
    const most = Math.max(...first, ...current, 1e-9), step = WIDTH / Math.max(1, labels.length);
    labels.forEach((label, i) => {
      [[first, "before", 0], [current, "now", .5]].forEach(([shares, kind, shift]) => {
        const tall = HEIGHT * shares[i] / most;
        const bar = shape("rect", { class: kind, x: ((i + shift) * step).toFixed(1), y: (HEIGHT - tall).toFixed(1), width: Math.max(.5, step / 2 - .5).toFixed(1), height: tall.toFixed(1) });
        bar.append(Object.assign(shape("title"), { textContent: `${label}: ${percent(first[i])} → ${percent(current[i])}` }));
        svg.append(bar);
      });
    });
    return svg;
  }

  reference.addEventListener("change", load);
  load();
}
