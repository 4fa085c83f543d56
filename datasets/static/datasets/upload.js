// A file on its way to a dataset: sent in resumable pieces, looked into, then added.
import { api, attempt, clear, number, show } from "../work/api.js";
import { Grid } from "./grid.js";

const PIECE = 4 * 2 ** 20, TRIES = 8;
const form = document.getElementById("upload");
const { uploads, target, page, ...said } = form.dataset;
const [file, progress, sent, stop, look, found, notes, add] = ["file", "progress", "sent", "stop", "look", "found", "notes", "add"].map(id => document.getElementById(id));
const region = document.getElementById("table"), grid = new Grid(region);
let ready = [], running = null;

file.addEventListener("change", () => attempt(send));
stop.addEventListener("click", () => running?.abort());
look.addEventListener("click", () => attempt(preview));
form.addEventListener("submit", event => { event.preventDefault(); attempt(finish); });
addEventListener("beforeunload", event => { if (running) event.preventDefault(); });

/** Send the files one after the other; what was sent before is given up. */
async function send() {
  running?.abort();
  for (const id of ready.splice(0)) api(`${uploads}/${id}`, { method: "DELETE" }).catch(() => {});
  look.disabled = add.disabled = true;
  const files = [...file.files];
  if (!files.length) return;
  const mine = running = new AbortController();
  const all = files.reduce((sum, one) => sum + one.size, 0);
  const began = performance.now();
  let done = 0;
  progress.hidden = stop.hidden = false;
  const tell = bytes => {
    const seconds = (performance.now() - began) / 1000;
    progress.value = all ? (done + bytes) / all : 1;
    sent.textContent = `${said.sending}: ${size(done + bytes)} / ${size(all)} · ${size((done + bytes) / Math.max(seconds, .001))}/s`;
  };
  const ids = [];
  try {
    for (const one of files) {
      const upload = await api(uploads, { method: "POST", body: { name: one.name, size_bytes: one.size }, signal: mine.signal });
      ids.push(upload.id);
      await pieces(one, upload.id, mine.signal, tell);
      done += one.size;
    }
    ready = ids;
    sent.textContent = `${said.sent}: ${files.map(one => one.name).join(", ")} · ${size(all)}`;
    const name = form.elements.namedItem("name");
    if (name && !name.value) name.value = files[0].name.replace(/(\.(csv|tsv|txt|jsonl?|ndjson|parquet|arrow|feather|xlsx|gz|zst|zip))+$/i, "");
  } catch (problem) {
    for (const id of ids) api(`${uploads}/${id}`, { method: "DELETE" }).catch(() => {});
    sent.textContent = said.stopped;
    if (problem.name !== "AbortError") throw problem;
  } finally {
    if (running === mine) running = null;
    stop.hidden = true;
  }
  if (ready.length) await preview();
}

/** Send a file from where the server has it; a lost connection is tried again. */
async function pieces(one, id, signal, tell) {
  let offset = 0, tries = 0;
  while (offset < one.size) {
    try {
      const headers = { "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
      const state = await api(`${uploads}/${id}`, { method: "PATCH", body: one.slice(offset, offset + PIECE), headers, signal });
      offset = state.offset;
      tries = 0;
      tell(offset);
    } catch (problem) {
      if (problem.name === "AbortError" || (problem.status && problem.status < 500 && problem.status !== 409) || ++tries > TRIES) throw problem;
      sent.textContent = said.again;
      await new Promise(later => setTimeout(later, 500 * 2 ** tries));
      if (signal.aborted) throw new DOMException("", "AbortError");
      offset = (await api(`${uploads}/${id}`, { signal }).catch(() => ({ offset }))).offset;
    }
  }
}

function options() {
  const text = form.elements.namedItem("options").value.trim();
  let given = {};
  if (text) {
    try { given = JSON.parse(text); } catch { throw Object.assign(new Error(said.options), { errors: [] }); }
  }
  for (const name of ["delimiter", "has_header", "encoding", "decimal"]) {
    const chosen = form.elements.namedItem(name).value;
    if (chosen) given[name] = name === "has_header" ? chosen === "true" : chosen === "tab" ? "\t" : chosen;
  }
  return given;
}

/** Show how the files are read; nothing is kept of it. */
async function preview() {
  clear();
  found.textContent = said.reading;
  add.disabled = true;
  notes.replaceChildren();
  let seen;
  try {
    seen = await api(`${uploads}/preview`, { method: "POST", body: { upload_id: ready, options: options() } });
  } catch (problem) {
    found.textContent = "";
    region.hidden = true;
    look.disabled = false;
    throw problem;
  }
  look.disabled = add.disabled = false;
  const rejected = seen.report.rejected?.count ?? 0;
  found.textContent = [
    seen.source_format, `${number(seen.rows_read)} ${said.rows}`,
    seen.types_are_of === "rows_read" ? said.part : "", rejected ? `${number(rejected)} ${said.rejected}` : "",
    seen.non_finite_cell_count ? `${number(seen.non_finite_cell_count)} ${said.words}` : "",
    seen.truncated_cell_count ? `${number(seen.truncated_cell_count)} ${said.long}` : "",
  ].filter(Boolean).join(" · ");
  const remarks = [...(seen.report.notes ?? []), ...(seen.report.rejected?.rows ?? []).slice(0, 5).map(one => [one.line, one.reason].filter(Boolean).join(": "))];
  notes.replaceChildren(...remarks.map(one => Object.assign(document.createElement("li"), { textContent: String(one) })));
  region.hidden = false;
  grid.show(seen.columns, seen.sample_data, { numbers: seen.sample_data.map((_, i) => number(i + 1)) });
}

/** Make the dataset, the version or the appended version of what was sent. */
async function finish() {
  if (!ready.length) { show({ message: said.noFile }); return; }
  add.disabled = true;
  found.textContent = said.adding;
  const body = { upload_id: ready, options: options() };
  const as = form.querySelector("[name=as]:checked");
  if (as?.value === "append") body.base_version = as.dataset.base;
  for (const name of ["name", "description"]) {
    const field = form.elements.namedItem(name);
    if (field?.value) body[name] = field.value;
  }
  try {
    const made = await api(as ? `${target}/${as.value}` : target, { method: "POST", body });
    ready = [];
    const version = made.number ?? (as ? made.version : null);
    location.assign(as ? `${page}${version ? `?version=${version}` : ""}` : page.replace("00000000-0000-0000-0000-000000000000", made.id));
  } catch (problem) {
    add.disabled = false;
    found.textContent = "";
    throw problem;
  }
}

function size(bytes) {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (bytes < 1024 || unit === "GiB") return `${number(Number(bytes.toPrecision(4)))} ${unit}`;
    bytes /= 1024;
  }
  return "";
}
