// Two versions compared: what their columns are, and which rows differ by a key.
import { api, attempt, number } from "../work/api.js";
import { text } from "./grid.js";

const LIMIT = 100;
const section = document.getElementById("versions");
if (section) begin();

function begin() {
  const { api: address, version, ...said } = section.dataset;
  const form = section.querySelector("form"), other = document.getElementById("with"), key = document.getElementById("key"), kind = document.getElementById("change");
  const [summary, schema, diff, position] = ["summary", "schema", "diff", "position"].map(id => document.getElementById(id));
  const pages = section.querySelector("nav");
  const query = new URLSearchParams(location.search);
  const before = [...other.options].find(one => Number(one.value) < Number(version));
  other.value = [...other.options].some(one => one.value === query.get("with")) ? query.get("with") : before?.value ?? other.value;
  for (const option of key.options) option.selected = query.getAll("key").includes(option.value);
  kind.value = query.get("change") ?? "";

  const keys = () => [...key.selectedOptions].map(one => one.value);
  const item = words => Object.assign(document.createElement("li"), { textContent: words });

  async function columns() {
    schema.replaceChildren();
    if (!other.value) return;
    const found = await attempt(() => api(`${address}/compare?${new URLSearchParams({ version, with: other.value })}`));
    if (!found) return;
    const typed = list => list.map(one => `${one.name} (${one.type})`).join(", ");
    const parts = [
      [said.addedColumns, typed(found.added)], [said.removedColumns, typed(found.removed)],
      [said.retyped, found.retyped.map(one => `${one.name}: ${one.before} → ${one.after}`).join(", ")],
      [said.breaks, found.breaks.map(one => `${one.feature_name}: ${one.reason}`).join("; ")],
    ];
    schema.append(...parts.filter(([, words]) => words).map(([title, words]) => item(`${title}: ${words}`)));
    if (found.is_same_content) schema.append(item(said.same));
  }

  async function rows(offset) {
    if (!keys().length) { summary.textContent = said.pick; return; }
    const asked = new URLSearchParams({ version, with: other.value });
    for (const one of keys()) asked.append("key", one);
    if (kind.value) asked.set("change", kind.value);
    history.replaceState(null, "", `${location.pathname}?${asked}`);
    asked.set("offset", offset);
    asked.set("limit", LIMIT);
    const found = await attempt(() => api(`${address}/diff?${asked}`));
    if (!found) return;
    const aside = found.before.missing_keys + found.before.repeated_rows + found.after.missing_keys + found.after.repeated_rows;
    summary.textContent = [
      ...["added", "deleted", "changed", "unchanged"].map(one => `${number(found[one])} ${said[one]}`),
      aside ? `${number(aside)} ${said.aside}` : "",
      found.not_compared.length ? `${said.notCompared}: ${found.not_compared.join(", ")}` : "",
    ].filter(Boolean).join(" · ");
    draw(found);
    position.textContent = `${number(Math.min(offset + 1, found.row_count))}–${number(offset + found.rows.length)} ${said.of} ${number(found.row_count)}`;
    for (const button of pages.querySelectorAll("button")) {
      const to = offset + (button.dataset.go === "next" ? LIMIT : -LIMIT);
      button.disabled = to < 0 || to >= found.row_count;
      button.onclick = () => rows(to);
    }
    diff.hidden = pages.hidden = !found.row_count;
  }

  function draw(found) {
    const names = [...found.key, ...found.compared.filter(one => !found.key.includes(one))];
    const head = document.createElement("tr");
    head.append(...["", ...names].map(one => Object.assign(document.createElement("th"), { scope: "col", textContent: one })));
    diff.querySelector("thead").replaceChildren(head);
    diff.querySelector("tbody").replaceChildren(...found.rows.map(row => {
      const line = document.createElement("tr");
      const tone = { added: "good", deleted: "bad", changed: "warn" }[row.change];
      line.insertCell().append(Object.assign(document.createElement("span"), { className: `badge ${tone}`, textContent: said[row.change] }));
      for (const name of names) {
        const cell = line.insertCell();
        if (row.change === "changed" && row.columns.includes(name)) {
          cell.append(mark("del", row.before[name]), " ", mark("ins", row.after[name]));
        } else cell.textContent = shown((row.after ?? row.before)[name]);
      }
      return line;
    }));
  }

  form.addEventListener("submit", event => { event.preventDefault(); columns(); rows(0); });
  other.addEventListener("change", columns);
  columns();
  if (keys().length) rows(0); else summary.textContent = said.pick;
}

const shown = cell => (cell === null || cell === undefined ? "—" : text(cell));
const mark = (tag, cell) => Object.assign(document.createElement(tag), { textContent: shown(cell) });
