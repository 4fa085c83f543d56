// How columns go together: a heat map of the first thirty, the strongest pairs, the rest.
import "../charts/chart.js";
import { api, attempt, number } from "../work/api.js";

const DRAWN = 30, PAIRS = 50;
const section = document.getElementById("correlation");
if (section) begin();

function begin() {
  const { api: address, version, ...said } = section.dataset;
  const method = document.getElementById("method"), summary = document.getElementById("summary");
  const figure = document.getElementById("heat");
  if (new URLSearchParams(location.search).get("method") === "spearman") method.value = "spearman";

  async function load() {
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ version, method: method.value })}`);
    const found = await attempt(() => api(`${address}/correlation?${new URLSearchParams({ version, method: method.value })}`));
    if (!found) return;
    const names = found.features.slice(0, DRAWN);
    figure.dataset.height = Math.max(200, 60 + 26 * names.length);
    figure.style.setProperty("min-width", `${Math.max(300, 140 + 34 * names.length)}px`);
    figure.chart.update({ x: { values: names }, y: { values: names }, values: found.matrix ? found.matrix.slice(0, DRAWN).map(row => row.slice(0, DRAWN)) : [], range: [-1, 1], label: method.value });
    summary.textContent = [
      `${number(found.row_count)} ${said.rows}`,
      names.length < found.features.length ? `${said.shown} ${number(names.length)} ${said.of} ${number(found.features.length)}` : "",
      found.exact ? "" : said.inexact,
      found.truncated ? said.truncated : "",
    ].filter(Boolean).join(" · ");
    const pairs = found.correlation_matrix.toSorted((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation)).slice(0, PAIRS);
    document.querySelector("#pairs tbody").replaceChildren(...pairs.map(pair => {
      const line = document.createElement("tr");
      line.insertCell().textContent = pair.feature1;
      line.insertCell().textContent = pair.feature2;
      Object.assign(line.insertCell(), { className: "number", textContent: number(pair.correlation) });
      return line;
    }));
    const without = [...found.excluded.map(one => [one.column, one.reason]), ...found.undefined.slice(0, PAIRS).map(one => [`${one.feature1}, ${one.feature2}`, one.reason])];
    document.getElementById("excluded").replaceChildren(...without.map(([name, reason]) => {
      const line = document.createElement("li");
      line.append(Object.assign(document.createElement("strong"), { textContent: name }), Object.assign(document.createElement("span"), { textContent: reason }));
      return line;
    }));
  }

  method.addEventListener("change", load);
  load();
}
