// A table of cells that cursor keys walk through and a click shows whole. Knows no page
// and no address: `whole` fetches a cell, `head` draws what stands above a column.
const spoken = document.getElementById("cell-texts").dataset;
const dialog = document.getElementById("cell");
const [title, about, value, cut, copy] = ["title", "about", "value", "cut", "copy"].map(name => document.getElementById(`cell-${name}`));
const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL|DOUBLE|FLOAT)/;

export const numeric = type => NUMERIC.test(type ?? "");

/** A cell as text, digit for digit; nested ones as JSON. */
export const text = cell => (typeof cell === "object" ? JSON.stringify(cell) : String(cell));

copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(value.textContent);
  about.textContent = spoken.copied;
});

export class Grid {
  constructor(region, { whole = null, head = null } = {}) {
    Object.assign(this, { region, whole, head, columns: [], rows: [], at: [0, 0] });
    this.table = region.querySelector("table");
    this.table.setAttribute("role", "grid");
    this.table.addEventListener("click", event => {
      const cell = event.target.closest("td[data-column]");
      if (cell) this.open(cell);
    });
    this.table.addEventListener("keydown", event => this.press(event));
  }

  /** Show rows (objects by column name, or lists); `numbers` stand before them. */
  show(columns, rows, { numbers = null, titles = [], marked = -1 } = {}) {
    Object.assign(this, { columns, rows, numbers });
    const head = document.createElement("thead"), line = head.insertRow();
    if (numbers) line.append(Object.assign(document.createElement("th"), { scope: "col", className: "place", textContent: "#" }));
    columns.forEach((column, index) => {
      const made = Object.assign(document.createElement("th"), { scope: "col" });
      if (this.head) this.head(made, column, index); else made.append(name(column), kind(column));
      line.append(made);
    });
    const body = document.createElement("tbody");
    rows.forEach((row, index) => body.append(this.line(row, index, titles[index], index === marked)));
    this.table.replaceChildren(head, body);
    const first = body.querySelector("td[data-column]");
    if (first) first.tabIndex = 0;
    const chosen = marked >= 0 ? body.rows[marked] : null;
    if (chosen) { chosen.scrollIntoView({ block: "center" }); this.move(chosen.querySelector("td[data-column]")); }
    else this.region.scrollTop = 0;
  }

  line(row, index, rowTitle, isMarked) {
    const line = document.createElement("tr");
    line.className = isMarked ? "marked" : "";
    if (this.numbers) line.append(Object.assign(document.createElement("th"), { scope: "row", className: "place", textContent: this.numbers[index], title: rowTitle ?? "" }));
    this.columns.forEach((column, at) => {
      const cell = Array.isArray(row) ? row[at] : row[column.name];
      const made = line.insertCell();
      made.dataset.column = at;
      made.dataset.row = index;
      made.tabIndex = -1;
      if (cell === null || cell === undefined) { made.className = "null"; made.textContent = spoken.null; return; }
      made.textContent = text(cell);
      if (typeof cell === "number" || numeric(column.type)) made.className = "number";
    });
    return line;
  }

  press(event) {
    const cell = event.target.closest("td[data-column]");
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.open(cell); return; }
    const [row, column] = [Number(cell.dataset.row), Number(cell.dataset.column)];
    const last = [this.rows.length - 1, this.columns.length - 1];
    const to = {
      ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1], ArrowDown: [row + 1, column], ArrowUp: [row - 1, column],
      PageDown: [Math.min(row + 10, last[0]), column], PageUp: [Math.max(row - 10, 0), column],
      Home: event.ctrlKey ? [0, 0] : [row, 0], End: event.ctrlKey ? last : [row, last[1]],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    this.move(this.table.querySelector(`td[data-row="${to[0]}"][data-column="${to[1]}"]`));
  }

  move(cell) {
    if (!cell) return;
    this.table.querySelector("td[tabindex='0']")?.setAttribute("tabindex", "-1");
    cell.tabIndex = 0;
    cell.focus();
  }

  async open(cell) {
    const [index, column] = [Number(cell.dataset.row), this.columns[cell.dataset.column]];
    const row = this.rows[index], shown = Array.isArray(row) ? row[cell.dataset.column] : row[column.name];
    title.textContent = column.name;
    about.textContent = [column.type, this.numbers ? `# ${this.numbers[index]}` : ""].filter(Boolean).join(" · ");
    put(shown);
    cut.hidden = true;
    dialog.showModal();
    dialog.addEventListener("close", () => this.move(cell), { once: true });
    if (!this.whole) return;
    try {
      const found = await this.whole(index, column);
      put(found.value);
      about.textContent = [column.type, `${spoken.row} ${(found.row + 1).toLocaleString("en-US")}`].join(" · ");
      cut.textContent = spoken.cut;
      cut.hidden = found.is_whole;
    } catch (problem) {
      cut.textContent = problem.message;
      cut.hidden = false;
    }
  }
}

function put(cell) {
  const missing = cell === null || cell === undefined;
  value.classList.toggle("null", missing);
  value.textContent = missing ? spoken.null : typeof cell === "object" ? JSON.stringify(cell, null, 2) : String(cell);
}

export const name = column => Object.assign(document.createElement("span"), { className: "name", textContent: column.name });
export const kind = column => Object.assign(document.createElement("span"), { className: "kind", textContent: column.type ?? "" });
