// One SELECT over the version, page by page; the address holds the statement.
import { api, attempt, number, show } from "../work/api.js";
import { Grid } from "./grid.js";

const section = document.getElementById("sql");
if (section) begin();

function begin() {
  const { api: address, version, name, ...said } = section.dataset;
  const form = section.querySelector("form"), field = document.getElementById("statement");
  const region = document.getElementById("table"), pages = section.querySelector("nav");
  const [summary, position, keep] = ["summary", "position", "keep"].map(id => document.getElementById(id));
  const grid = new Grid(region), limit = 100;
  let offset = 0;
  field.value = new URLSearchParams(location.search).get("sql") ?? "SELECT *\nFROM data\nLIMIT 100";

  async function run(from) {
    offset = from;
    history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ version, sql: field.value })}`);
    summary.textContent = said.running;
    region.setAttribute("aria-busy", "true");
    const found = await attempt(() => api(`${address}/sql`, { method: "POST", body: { sql: field.value, version, offset, limit } }));
    region.setAttribute("aria-busy", "false");
    summary.textContent = "";
    if (!found) return;
    region.hidden = pages.hidden = false;
    grid.show(found.columns, found.rows, { numbers: found.rows.map((_, i) => number(offset + i + 1)) });
    const total = found.row_count === null ? said.more : number(found.row_count);
    position.textContent = found.rows.length ? `${number(offset + 1)}–${number(offset + found.rows.length)} ${said.of} ${total}` : `0 ${said.of} ${total}`;
    summary.textContent = [
      said[found.row_order] ?? "",
      found.non_finite_cell_count ? `${number(found.non_finite_cell_count)} ${said.words}` : "",
      found.truncated_cell_count ? `${number(found.truncated_cell_count)} ${said.long}` : "",
    ].filter(Boolean).join(" · ");
    pages.querySelector("[data-go=previous]").disabled = !offset;
    pages.querySelector("[data-go=next]").disabled = !found.has_more;
    for (const button of section.querySelectorAll("[data-export], #keep")) button.disabled = false;
  }

  form.addEventListener("submit", event => { event.preventDefault(); run(0); });
  field.addEventListener("keydown", event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit(); } });
  field.addEventListener("input", () => { for (const button of section.querySelectorAll("[data-export], #keep")) button.disabled = true; });
  pages.addEventListener("click", event => {
    const way = event.target.dataset.go;
    if (way) run(Math.max(0, offset + (way === "next" ? limit : -limit)));
  });
  for (const button of section.querySelectorAll("[data-export]")) button.addEventListener("click", () => attempt(() => file(button.dataset.export)));
  keep?.addEventListener("click", () => attempt(async () => {
    const made = await api(`${address}/sql/versions`, { method: "POST", body: { sql: field.value, version } });
    summary.textContent = `${said.kept} ${made.version ?? made.number}`;
  }));

  async function file(format) {
    const token = document.querySelector("meta[name=csrf-token]").content;
    const answer = await fetch(`${address}/sql/export`, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-CSRFToken": token }, body: JSON.stringify({ sql: field.value, version, format }) });
    if (!answer.ok) { const body = await answer.json().catch(() => ({})); show({ message: body.detail ?? `HTTP ${answer.status}` }); return; }
    const link = Object.assign(document.createElement("a"), { download: `${name}-sql.${format}`, href: URL.createObjectURL(await answer.blob()) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}
