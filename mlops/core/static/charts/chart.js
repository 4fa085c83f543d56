// A chart in a <figure data-chart> (charts/chart.html): draws it, says what is under the
// pointer or the cursor keys, and keeps a table of its values. Knows no page.
import { KINDS, el, tone } from "./kinds.js";
import { number } from "./format.js";

const TABLE_ROWS = 500;

export class Chart {
  constructor(figure, kind = figure.dataset.chart, data = null) {
    Object.assign(this, { figure, kind, data, options: {}, hidden: new Set(), index: -1, from: null });
    this.plot = figure.querySelector(".chart-plot");
    this.tip = this.plot.appendChild(Object.assign(document.createElement("div"), { className: "chart-tip", hidden: true }));
    this.spoken = figure.querySelector(".chart-read");
    this.note = figure.querySelector(".chart-note");
    this.legend = figure.querySelector(".chart-legend");
    this.values = figure.querySelector(".chart-values");
    this.values?.addEventListener("toggle", () => this.tabulate());
    figure.querySelector(".chart-csv")?.addEventListener("click", () => this.save());
    figure.querySelector("[data-set=log]")?.addEventListener("change", event => this.set({ log: event.target.checked }));
    figure.querySelector("[data-set=smooth]")?.addEventListener("input", event => this.set({ smooth: Number(event.target.value) }));
    figure.querySelector("[data-set=zoom]")?.addEventListener("click", () => this.zoom(null));
    this.listen();
    new ResizeObserver(() => { if (this.plot.clientWidth !== this.width) this.draw(); }).observe(this.plot);
    if (data) this.update(data);
  }

  /** Draw other data of the same kind; what was chosen (log, zoom, hidden) stays. */
  update(data) {
    this.data = data;
    this.nameSeries();
    this.draw();
    if (this.values?.open) this.tabulate();
  }

  /** Change options: log, logX, smooth (0 to 0.99), zoom ([low, high] of x, or null). */
  set(options) {
    Object.assign(this.options, options);
    this.draw();
  }

  zoom(range) {
    this.set({ zoom: range });
    const button = this.figure.querySelector("[data-set=zoom]");
    if (button) button.hidden = range === null;
    this.figure.dispatchEvent(new CustomEvent("zoom", { detail: range }));
  }

  draw() {
    this.width = this.plot.clientWidth;
    const box = { width: this.width, height: Number(this.figure.dataset.height || 260) };
    if (!this.data || box.width < 80) return;
    const empty = !(this.data.series ?? this.data.values)?.length;
    this.figure.classList.toggle("empty", empty);
    if (empty) { this.svg?.remove(); this.svg = this.shown = null; this.say(this.figure.dataset.empty); return; }
    this.shown = KINDS[this.kind](this.data, box, { ...this.options, hidden: this.hidden });
    const svg = el("svg", { width: box.width, height: box.height, viewBox: `0 0 ${box.width} ${box.height}`, role: "img", "aria-label": this.title });
    this.shown.draw(svg);
    this.mark = svg.appendChild(el("line", { class: "cursor", y1: 0, y2: box.height, visibility: "hidden" }));
    if (this.svg) this.svg.replaceWith(svg); else this.plot.prepend(svg);
    this.svg = svg;
    this.point(this.index);
    this.say(this.remarks());
  }

  get title() {
    return this.figure.querySelector("figcaption")?.textContent.trim() || this.kind;
  }

  remarks() {
    const { words = 0, below = 0 } = this.shown.undrawn ?? {};
    const { notFinite = "", notPositive = "" } = this.figure.dataset;
    const parts = [words ? `${number(words)} ${notFinite}` : "", below ? `${number(below)} ${notPositive}` : "", this.data.note ?? ""];
    return parts.filter(Boolean).join(" ");
  }

  say(text) {
    this.note.textContent = text ?? "";
    this.note.hidden = !text;
  }

  nameSeries() {
    const series = this.kind === "heat" ? [] : this.data.series ?? [];
    if (!this.legend || (series.length < 2 && this.kind !== "parallel")) { this.legend?.replaceChildren(); return; }
    this.legend.replaceChildren(...series.map((one, index) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: tone(one.colour ?? index), textContent: one.name });
      button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
      button.addEventListener("click", () => {
        if (!this.hidden.delete(one.name)) this.hidden.add(one.name);
        button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
        this.draw();
      });
      return button;
    }));
  }

  listen() {
    const place = event => { const box = this.plot.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    this.plot.addEventListener("pointermove", event => {
      if (!this.shown) return;
      this.point(this.shown.nearest(...place(event)));
      if (this.from !== null) this.select(place(event)[0]);
    });
    this.plot.addEventListener("pointerleave", () => { if (this.from === null) this.point(-1); });
    this.plot.addEventListener("pointerdown", event => {
      if (event.button === 0 && event.pointerType !== "touch" && this.shown?.plane) this.from = place(event)[0];
    });
    addEventListener("pointerup", event => {
      if (this.from === null) return;
      const [from, to] = [this.from, place(event)[0]].sort((a, b) => a - b);
      this.from = null;
      this.area?.remove();
      this.area = null;
      this.dragged = to - from > 8;
      if (this.dragged) this.zoom([this.shown.plane.x.invert(from), this.shown.plane.x.invert(to)]);
    });
    this.plot.addEventListener("click", () => { if (this.at?.url && !this.dragged) location.assign(this.at.url); });
    this.plot.addEventListener("keydown", event => this.press(event));
    this.plot.addEventListener("blur", () => this.point(-1));
  }

  press(event) {
    if (!this.shown) return;
    const last = this.shown.count - 1, far = Math.max(1, Math.round(last / 20));
    const to = { ArrowRight: this.index + 1, ArrowLeft: this.index - 1, PageDown: this.index + far, PageUp: this.index - far, Home: 0, End: last }[event.key];
    if (event.key === "Escape") { if (this.options.zoom) this.zoom(null); else this.point(-1); return; }
    if (event.key === "Enter" && this.at?.url) { location.assign(this.at.url); return; }
    if (to === undefined) return;
    event.preventDefault();
    this.point(Math.max(0, Math.min(last, to)));
    if (this.spoken && this.at) this.spoken.textContent = [this.at.title, ...this.at.rows.map(row => `${row.name}: ${row.text}`)].join("; ");
  }

  select(to) {
    this.area ??= this.svg.appendChild(el("rect", { class: "area", y: 0, height: this.svg.getAttribute("height") }));
    this.area.setAttribute("x", Math.min(this.from, to));
    this.area.setAttribute("width", Math.abs(to - this.from));
  }

  /** Show the values of an index beside it; -1 shows none. */
  point(index) {
    this.index = index;
    this.at = index >= 0 && index < this.shown.count ? this.shown.at(index) : null;
    this.tip.hidden = !this.at;
    this.mark?.setAttribute("visibility", this.at && this.at.marked === undefined ? "visible" : "hidden");
    for (const path of this.svg?.querySelectorAll(".line.thin") ?? []) path.classList.toggle("dim", Boolean(this.at) && Number(path.dataset.index) !== this.at.marked);
    if (!this.at) return;
    this.mark.setAttribute("x1", this.at.px);
    this.mark.setAttribute("x2", this.at.px);
    const lines = this.at.rows.slice(0, 14).map(row => {
      const line = Object.assign(document.createElement("div"), { className: row.tone ?? "" });
      line.append(Object.assign(document.createElement("span"), { textContent: row.name }), Object.assign(document.createElement("b"), { textContent: row.text }));
      return line;
    });
    this.tip.replaceChildren(Object.assign(document.createElement("strong"), { textContent: this.at.title }), ...lines);
    const width = this.tip.offsetWidth, room = this.plot.clientWidth;
    const left = this.at.px + 14 + width > room ? Math.max(0, this.at.px - 14 - width) : this.at.px + 14;
    this.tip.style.left = `${Math.min(left, Math.max(0, room - width))}px`;
  }

  /** Fill the table: all rows up to 500, else evenly spread ones, and it says so. */
  tabulate() {
    if (!this.values?.open || !this.shown) return;
    const rows = [...this.shown.rows()], every = Math.ceil(rows.length / TABLE_ROWS) || 1;
    const picked = rows.filter((_, i) => i % every === 0);
    const table = document.createElement("table");
    const keep = this.shown.head.map(one => one !== null);
    const fill = (line, cells, kind) => cells.forEach((cell, i) => {
      if (keep[i] === false) return;
      const made = line.appendChild(document.createElement(kind));
      made.textContent = typeof cell === "number" ? number(cell) : String(cell ?? "—");
      if (typeof cell === "number") made.className = "number";
      if (kind === "th") made.scope = "col";
    });
    fill(table.createTHead().insertRow(), this.shown.head, "th");
    const body = table.createTBody();
    for (const row of picked) fill(body.insertRow(), row, "td");
    this.values.querySelector(".scroll").replaceChildren(table);
    const part = this.values.querySelector(".chart-part");
    if (part) part.textContent = `${number(picked.length)} / ${number(rows.length)}`;
  }

  save() {
    const quote = cell => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    const lines = [this.shown.head.map(one => one ?? ""), ...this.shown.rows()];
    const text = lines.map(line => line.map(cell => quote(String(cell ?? ""))).join(",")).join("\r\n");
    const link = Object.assign(document.createElement("a"), { download: `${this.title}.csv`, href: URL.createObjectURL(new Blob([text], { type: "text/csv" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

/** Start the charts of a page or of a part of it; each is `figure.chart` from then on. */
export async function start(root = document) {
  await Promise.all([...root.querySelectorAll("figure[data-chart]")].map(async figure => {
    if (figure.chart) return;
    figure.chart = new Chart(figure);
    const inline = document.getElementById(`${figure.id}-data`);
    try {
      if (inline) figure.chart.update(JSON.parse(inline.textContent));
      else if (figure.dataset.url) figure.chart.update(await asked(figure.dataset.url));
    } catch (error) {
      figure.chart.say(`${figure.dataset.failed} ${error.message}`);
    }
  }));
}

async function asked(url) {
  const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ?? `HTTP ${answer.status}`);
  return body;
}

start();
