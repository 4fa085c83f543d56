// Curves of runs, drawn over each other and kept up to date; what differs between them.
import { api, attempt, given } from "../work/api.js";
import { live } from "../work/live.js";
import { start } from "../charts/chart.js";

const CURVES = "/api/v1/ml/lifecycle/curves";
const runs = given("run-data");
const place = document.getElementById("run-curves");
const axis = document.getElementById("curve-axis");
const boxes = [...document.querySelectorAll(".curve-metric")];
const zoomed = new Map();

await start();

/** The curves of these metrics as the chart draws them, a line for each run. */
function drawn(curves) {
  const series = curves.map(curve => {
    const index = runs.runs.indexOf(curve.run_id);
    const begun = Date.parse(curve.started_at);
    const x = axis.value === "relative" ? curve.x.map(at => (at - begun) / 1000) : curve.x;
    const name = curve.dataset ? `${runs.names[index]} (${curve.dataset})` : runs.names[index];
    const wide = curve.width > 1;
    const special = curve.special.map((count, i) => (curve.mean[i] === null && count ? "NaN" : curve.mean[i]));
    return { name, colour: curve.dataset ? undefined : index, x, y: special, low: wide ? curve.min : undefined, high: wide ? curve.max : undefined };
  });
  return {
    x: { label: place.dataset[axis.value], kind: axis.value === "time" ? "time" : "number" },
    y: { label: "" },
    series,
  };
}

async function ask(metric, figure) {
  const query = new URLSearchParams({ axis: axis.value === "step" ? "step" : "time", max_buckets: "500" });
  for (const run of runs.runs) query.append("run_id", run);
  query.append("metric", metric);
  const part = axis.value === "relative" ? null : zoomed.get(figure);
  if (part) { query.append("low", Math.floor(part[0])); query.append("high", Math.ceil(part[1])); }
  figure.chart.update(drawn(await api(`${CURVES}?${query}`)));
}

async function draw() {
  const chosen = boxes.filter(box => box.checked);
  for (const box of chosen) await ask(box.value, document.getElementById(box.dataset.chartId));
}

for (const box of boxes) {
  const figure = document.getElementById(box.dataset.chartId);
  box.addEventListener("change", () => {
    figure.closest(".curve").hidden = !box.checked;
    if (box.checked) attempt(() => ask(box.value, figure));
  });
  figure.addEventListener("zoom", event => {
    if (event.detail) zoomed.set(figure, event.detail); else zoomed.delete(figure);
    attempt(() => ask(box.value, figure));
  });
}
axis.addEventListener("change", () => {
  zoomed.clear();
  for (const box of boxes) document.getElementById(box.dataset.chartId).chart.options.zoom = null;
  attempt(draw);
});
if (runs.open) live({ poll: draw, sign: document.getElementById("curve-live") });
else attempt(draw);

// Beside each other: only what differs, parallel coordinates, one figure over another.
document.getElementById("only-differences")?.addEventListener("change", event => {
  for (const row of document.querySelectorAll("#differences .same")) row.hidden = event.target.checked;
});

const parallel = document.getElementById("parallel")?.chart;
if (parallel) {
  const rows = runs.axes.map(name => runs.rows.find(row => row.name === name));
  parallel.update({
    axes: rows.map(row => ({ label: row.name })),
    series: rows.length < 2 ? [] : runs.names.map((name, i) => ({ name, url: runs.urls[i], values: rows.map(row => row.values[i]) })),
  });
}

const scatter = document.getElementById("scatter")?.chart;
if (scatter) {
  const rows = runs.rows.filter(row => row.values.some(value => typeof value === "number"));
  const [x, y] = ["scatter-x", "scatter-y"].map(id => document.getElementById(id));
  for (const select of [x, y]) select.append(...rows.map((row, i) => new Option(row.name, i)));
  y.value = String(Math.max(0, rows.findIndex(row => row.kind === "metrics")));
  const show = () => {
    const across = rows[x.value], up = rows[y.value];
    if (!across || !up) { scatter.update({ series: [] }); return; }
    scatter.update({
      x: { label: across.name }, y: { label: up.name },
      series: runs.names.map((name, i) => ({ name, x: [across.values[i]], y: [up.values[i]], url: [runs.urls[i]] })),
    });
  };
  x.addEventListener("change", show);
  y.addEventListener("change", show);
  show();
}
