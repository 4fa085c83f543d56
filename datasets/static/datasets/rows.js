// The rows of a version: pages, sorted, filtered, searched; the address says all of it.
import { api, attempt, given, number, show } from "../work/api.js";
import { start as startFilter } from "./filter.js";
import { Grid, kind, name, numeric } from "./grid.js";
import { picture } from "./histogram.js";
import { asked, read, selected, write } from "./state.js";

const MOST_COLUMNS = 50;
const section = document.getElementById("rows");
if (section) begin();

function begin() {
  const { api: address, version, ...said } = section.dataset;
  const every = given("column-data");
  const region = document.getElementById("table");
  const [summary, position, limit] = ["summary", "position", "limit"].map(id => document.getElementById(id));
  const figures = new Map();
  let state = read(), answer = null, running = null;

  const shown = () => (state.columns.length ? every.filter(one => state.columns.includes(one.name)) : every.slice(0, MOST_COLUMNS));
  // The API gives all columns where none is named; a wide table shows the first ones.
  const named = () => ({ ...state, columns: shown().length === every.length ? [] : shown().map(one => one.name) });

  const grid = new Grid(region, {
    head,
    whole: (index, column) => api(`${address}/cell?${new URLSearchParams({ version, row: answer.row_numbers[index], column: column.name })}`),
  });
  const filter = startFilter(every, said, conditions => go({ conditions, offset: 0, row: 0 }));

  function head(place, column) {
    const order = state.order.find(one => one === column.name || one === `-${column.name}`);
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort", title: `${said.sort} ${column.name}` });
    button.append(name(column), kind(column));
    button.dataset.sort = column.name;
    place.setAttribute("aria-sort", order === undefined ? "none" : order === column.name ? "ascending" : "descending");
    button.addEventListener("click", event => sort(column.name, event.shiftKey));
    place.append(button);
    if (numeric(column.type)) place.classList.add("number");
    if (figures.has(column.name)) place.append(picture(figures.get(column.name), said));
  }

  async function sort(column, more) {
    const now = state.order.find(one => one === column || one === `-${column}`);
    const next = now === undefined ? [column] : now === column ? [`-${column}`] : [];
    const others = more ? state.order.filter(one => one !== now) : [];
    await go({ order: [...others, ...next].slice(-8), offset: 0, row: 0 });
    [...region.querySelectorAll("button.sort")].find(one => one.dataset.sort === column)?.focus();
  }

  function go(changes) {
    state = { ...state, ...changes };
    write(state, version);
    return load();
  }

  async function load() {
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    fields();
    region.setAttribute("aria-busy", "true");
    const route = state.q ? "search" : state.conditions.length ? "filter" : "rows";
    await attempt(async () => {
      const found = await api(`${address}/${route}?${asked(named(), version)}`, { signal });
      answer = found;
      draw();
    });
    if (!signal.aborted) region.setAttribute("aria-busy", "false");
  }

  function draw() {
    const { rows, row_count: total, offset } = answer;
    const places = rows.map((_, i) => number(offset + i + 1));
    const titles = answer.row_numbers.map(one => `${document.getElementById("cell-texts").dataset.row} ${number(one + 1)}`);
    const marked = state.row > offset && state.row <= offset + rows.length ? state.row - offset - 1 : -1;
    grid.show(shown(), rows, { numbers: places, titles, marked });
    position.textContent = rows.length ? `${number(offset + 1)}–${number(offset + rows.length)} ${said.of} ${number(total)}` : `0 ${said.of} ${number(total)}`;
    summary.textContent = [
      total ? (rows.length ? "" : said.beyond) : said.none,
      shown().length < every.length ? `${number(shown().length)} ${said.shown} ${number(every.length)}` : "",
      answer.non_finite_cell_count ? `${number(answer.non_finite_cell_count)} ${said.words}` : "",
      answer.truncated_cell_count ? `${number(answer.truncated_cell_count)} ${said.long}` : "",
    ].filter(Boolean).join(" · ");
    const last = Math.max(0, Math.floor((total - 1) / state.limit) * state.limit);
    const to = { first: 0, previous: Math.max(0, state.offset - state.limit), next: state.offset + state.limit, last };
    for (const button of section.querySelectorAll("[data-go]")) {
      button.disabled = { first: state.offset === 0, previous: state.offset === 0, next: state.offset >= last, last: state.offset >= last }[button.dataset.go];
      button.onclick = () => go({ offset: to[button.dataset.go], row: 0 });
    }
  }

  function fields() {
    document.querySelector("#search [name=q]").value = state.q;
    if (state.row) document.querySelector("#goto [name=row]").value = state.row;
    limit.value = String(state.limit);
    if (limit.value !== String(state.limit)) { limit.append(new Option(state.limit)); limit.value = String(state.limit); }
    filter.show(state.conditions);
    for (const box of document.querySelectorAll("#column-list input")) box.checked = shown().some(one => one.name === box.value);
    exports();
  }

  function exports() {
    const note = document.getElementById("export-of");
    note.textContent = state.q ? said.searched : "";
    for (const link of document.querySelectorAll("#export a")) {
      const query = selected(state.columns.length ? named() : { ...state, columns: [] }, version);
      query.set("format", link.dataset.format);
      link.href = `${address}/export?${query}`;
    }
  }

  async function histograms() {
    const missing = shown().filter(one => !figures.has(one.name));
    if (!missing.length) return;
    const query = new URLSearchParams({ version });
    // Of all columns the answer is stored; of a very wide table it would be large.
    if (every.length > 500) for (const one of missing) query.append("columns", one.name);
    try {
      const found = await api(`${address}/statistics?${query}`);
      for (const one of found.columns) figures.set(one.name, one);
      if (answer) draw();
    } catch (problem) {
      show({ message: `${said.failed} ${problem.message}` });
    }
  }

  document.getElementById("search").addEventListener("submit", event => { event.preventDefault(); go({ q: event.target.q.value, offset: 0, row: 0 }); });
  document.getElementById("goto").addEventListener("submit", event => {
    event.preventDefault();
    const row = Number(event.target.row.value);
    go({ row, offset: Math.floor((row - 1) / state.limit) * state.limit });
  });
  limit.addEventListener("change", () => { const size = Number(limit.value); go({ limit: size, offset: Math.floor(state.offset / size) * size }); });
  document.getElementById("column-list").append(...every.map(one => {
    const label = document.createElement("label");
    label.append(Object.assign(document.createElement("input"), { type: "checkbox", value: one.name }), ` ${one.name}`);
    return label;
  }));
  document.getElementById("column-list").addEventListener("change", async () => {
    const picked = [...document.querySelectorAll("#column-list input:checked")].map(box => box.value);
    await go({ columns: picked.length && picked.length < every.length ? picked.slice(0, 200) : [] });
    histograms();
  });
  document.getElementById("column-search").addEventListener("input", event => {
    const wanted = event.target.value.toLowerCase();
    for (const label of document.querySelectorAll("#column-list label")) label.hidden = !label.textContent.toLowerCase().includes(wanted);
  });
  addEventListener("popstate", () => { state = read(); load(); });
  load().then(histograms);
}
