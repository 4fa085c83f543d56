// A deployment's page: moves with it, draws its traffic, asks it, and asks a person why.
import { api, attempt, clear, given, number, show, time, timeText } from "../work/api.js";
import { live } from "../work/live.js";

const page = given("deployment");
const texts = document.getElementById("texts").dataset;
const find = id => document.getElementById(id);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const ms = value => number(Math.round(value * 100) / 100);

// What is shown of its state ----------------------------------------------------------
const MOVES = ["status", "ends_as", "ends_note", "is_paused", "is_promoted", "is_watched", "health_status", "health_reason", "ready_instances", "traffic_percent", "error_message"];
let shown = null, over = page.isOver;

const percent = rate => `${number(Math.round(rate * 10000) / 100)} %`;

function facts(deployment) {
  const put = (name, value) => find("content").querySelectorAll(`[data-fact=${name}]`).forEach(one => one.replaceChildren(value));
  if (deployment.judged_at) put("judged_at", time(deployment.judged_at));
  // Nothing is counted before it serves.
  if (!deployment.metrics) return;
  put("request_count", number(deployment.metrics.request_count));
  put("error_rate", percent(deployment.metrics.error_rate ?? 0));
  put("unavailable_rate", percent(deployment.metrics.unavailable_rate));
}

/** Take over the parts that the server words anew. */
async function reworded() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part=${part.dataset.part}]`);
    if (other && differs(part, other)) {
      part.replaceChildren(...other.childNodes);
      if (other.dataset.kind !== undefined) part.dataset.kind = other.dataset.kind;
    }
  }
}

/** Where people write, another kind of part makes a difference, not what they wrote. */
function differs(part, other) {
  const { kind } = part.dataset;
  return kind === undefined ? other.innerHTML !== part.innerHTML : other.dataset.kind !== kind;
}

async function moved(deployment) {
  const before = shown;
  shown = deployment;
  const known = before ?? page.shown;
  if (MOVES.some(name => name in known && known[name] !== deployment[name])) await reworded();
  facts(deployment);
  if (before && before.metrics?.request_count !== deployment.metrics?.request_count) drawSoon();
}

// Log and events --------------------------------------------------------------------
const MOST_LINES = 1000;
const log = find("log"), lines = [];
const seen = new Set();

function print() {
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  lines.splice(0, Math.max(0, lines.length - MOST_LINES));
  log.textContent = lines.join("\n");
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function add(line) {
  if (lines.slice(-MOST_LINES).includes(line)) return;
  lines.push(line);
  print();
}

function happened(event) {
  if (seen.has(event.sequence)) return;
  seen.add(event.sequence);
  const moves = event.from_status !== event.to_status;
  const at = Date.parse(event.at);
  if (!page.events.some(one => one.own === event.sequence || (one.at === at && one.message === event.message))) {
    page.events.unshift({ own: event.sequence, revision: page.revision, at, from: event.from_status ?? "", to: event.to_status, message: event.message });
    tellAround();
  }
  const step = moves ? `${event.from_status ?? "new"} → ${event.to_status}` : "";
  const said = [step, event.message].filter(Boolean).join(": ");
  const stamp = event.at.includes(".") ? event.at : event.at.replace("Z", ".000000Z");
  add(`${stamp} [${event.mover}] ${said}`);
}

async function poll() {
  const [deployment, journal] = await Promise.all([api(page.api), api(`${page.api}/logs?tail=500`)]);
  lines.splice(0, lines.length, ...journal);
  print();
  await moved(deployment);
  over = ["failed", "rollback", "terminated"].includes(deployment.status);
  if (Date.now() - drawn > 15000) await draw();
}

// Charts ----------------------------------------------------------------------------
let chosen = "1h", drawn = 0, waiting = null, span = 3600;

const share = (part, whole) => (whole ? (100 * part) / whole : null);
const rate = (step, now) => step.request_count / Math.max(1, Math.min(page.step, (now - Date.parse(step.at)) / 1000));

async function draw() {
  drawn = Date.now();
  const asked = chosen;
  const found = await attempt(() => api(`${page.api}/metrics?window=${asked}`));
  if (!found || asked !== chosen) return;
  page.step = found.step_seconds;
  const now = Date.now();
  const x = found.series.map(step => Date.parse(step.at));
  const of = read => found.series.map(read);
  const axis = { label: texts.time, kind: "time" };
  const line = (name, read, colour) => ({ name, x, y: of(read), colour });
  const chart = (id, label, series) => find(id).chart?.update({ x: axis, y: { label, min: 0 }, series });
  chart("latency", "ms", [
    line(texts.p50, step => step.p50_ms, 2), line(texts.p95, step => step.p95_ms, 0), line(texts.p99, step => step.p99_ms, 1),
    line(texts.own, step => step.own_p95_ms, 3),
  ]);
  chart("requests", "1/s", [line(texts.rps, step => rate(step, now), 0)]);
  chart("errors", "%", [
    line(texts.errors, step => share(step.error_count, step.request_count), 1),
    line(texts.unavailable, step => share(step.unavailable_count, step.request_count), 3),
    line(texts.rejected, step => share(step.rejected_count, step.request_count), 4),
    line(texts.client, step => share(step.client_error_count, step.request_count), 2),
    line(texts.odd, step => share(step.non_finite_count, step.request_count), 5),
  ]);
  span = found.step_seconds * found.series.length;
  explain(found.series, now);
  tellAround();
}

function drawSoon() {
  if (waiting === null) waiting = setTimeout(() => { waiting = null; if (!document.hidden) draw(); }, Math.max(0, 5000 - (Date.now() - drawn)));
}

// Time goes on without requests, too; a hidden tab asks nothing.
setInterval(() => { if (!document.hidden && !over && Date.now() - drawn > 30000) draw(); }, 10000);

const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
const RISES = 1.3, AROUND = 3;

/** Say where p95 rose most, and what else changed there. */
function explain(series, now) {
  const timed = series.filter(step => step.p95_ms !== null);
  const place = find("explained");
  if (!timed.length) { place.textContent = texts.quiet; return; }
  let worst = null;
  for (let i = 1; i < timed.length; i++) {
    const before = timed.slice(Math.max(0, i - AROUND), i), after = timed.slice(i, i + AROUND);
    const from = mean(before.map(step => step.p95_ms)), to = mean(after.map(step => step.p95_ms));
    if (to > RISES * from && (!worst || to - from > worst.to - worst.from)) worst = { from, to, before, after };
  }
  const all = timed.map(step => step.p95_ms);
  if (!worst) {
    place.textContent = filled(texts.steady, { p95: ms(mean(all)), least: ms(Math.min(...all)), most: ms(Math.max(...all)) });
    return;
  }
  place.textContent = [filled(texts.rose, { at: timeText(worst.after[0].at), before: ms(worst.from), after: ms(worst.to) }), ...reasons(worst, now)].join(" ");
}

function reasons({ from, to, before, after }, now) {
  const found = [];
  const own = steps => mean(steps.map(step => step.own_p95_ms ?? step.p95_ms));
  const values = { before: ms(own(before)), after: ms(own(after)) };
  found.push(filled(own(after) - own(before) > (to - from) / 2 ? texts.byModel : texts.byWaits, values));
  const load = steps => mean(steps.map(step => rate(step, now)));
  if (load(after) > RISES * load(before)) found.push(filled(texts.byLoad, { before: ms(load(before)), after: ms(load(after)) }));
  const at = Date.parse(after[0].at);
  const near = page.events.find(one => one.at < at + page.step * 1000 && one.at > at - 2 * page.step * 1000);
  if (near) found.push(filled(texts.byEvent, { event: `r${near.revision} ${worded(near)}` }));
  return found;
}

const worded = one => [one.from === one.to ? "" : `${one.from || texts.new} → ${one.to}`, one.message].filter(Boolean).join(": ");

function tellAround() {
  const since = Date.now() - span * 1000;
  const cell = content => { const made = document.createElement("td"); made.append(content); return made; };
  const rows = page.events.filter(one => one.at >= since).map(one => {
    const row = document.createElement("tr");
    row.append(cell(time(one.at)), cell(`r${one.revision}`), cell(one.from === one.to ? one.to : `${one.from || texts.new} → ${one.to}`), cell(one.message));
    return row;
  });
  if (!rows.length) {
    const row = document.createElement("tr"), only = cell(texts.nothing);
    only.colSpan = 4;
    row.append(only);
    rows.push(row);
  }
  find("around").replaceChildren(...rows);
}

find("windows").addEventListener("click", event => {
  const button = event.target.closest("[data-window]");
  if (!button) return;
  chosen = button.dataset.window;
  for (const one of find("windows").children) one.setAttribute("aria-pressed", String(one === button));
  draw();
});

// Try a request ---------------------------------------------------------------------
const MOST_SHOWN = 50000;
let key = null;

async function keyNow() {
  if (!key || Date.parse(key.expires_at) - Date.now() < 5000) key = await api(`${page.api}/keys/trial`, { method: "POST" });
  return key;
}

async function send(form) {
  const text = find("try-body").value;
  try { JSON.parse(text); } catch (error) { throw new Error(`${texts.notJson} ${error.message}`); }
  const own = await keyNow(), began = performance.now();
  let answer;
  try {
    answer = await fetch(own.endpoint + form.dataset.path, {
      method: "POST", body: text, credentials: "omit",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${own.key}` },
    });
  } catch { throw new Error(texts.noGateway); }
  const body = await answer.text();
  const values = { status: answer.status, ms: number(Math.round(performance.now() - began)), version: answer.headers.get("X-Model-Version") ?? "—" };
  find("try-said").textContent = filled(texts.answered, values);
  let pretty = body;
  try { pretty = JSON.stringify(JSON.parse(body), null, 2).replace(/\[[^[\]{}]*\]/g, list => list.replace(/\s*\n\s*/g, " ").replace("[ ", "[").replace(" ]", "]")); } catch { /* shown as it came */ }
  const cut = pretty.length > MOST_SHOWN ? `\n… ${filled(texts.cut, { shown: number(MOST_SHOWN), all: number(pretty.length) })}` : "";
  find("try-answer").textContent = pretty.slice(0, MOST_SHOWN) + cut;
  find("try-answer").hidden = false;
}

addEventListener("submit", async event => {
  if (event.target.id !== "try") return;
  event.preventDefault();
  const button = find("try-send");
  button.disabled = true;
  find("try-said").textContent = texts.sending;
  const problem = find("try-problem");
  clear(problem);
  try { await send(event.target); } catch (error) { find("try-said").textContent = ""; show(error, problem); }
  button.disabled = false;
});

addEventListener("click", async event => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const block = find(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = texts.copied;
  } catch {
    getSelection().selectAllChildren(block);
    button.textContent = texts.copyFailed;
  }
});

// Change what it does ---------------------------------------------------------------
const dialog = find("ask");
let asking = null;

addEventListener("click", event => {
  const link = event.target.closest("[data-verb]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  asking = link.dataset;
  find("ask-title").textContent = find("ask-do").textContent = link.textContent;
  find("ask-effect").textContent = asking.effect;
  find("ask-reason").value = "";
  clear(find("ask-problem"));
  dialog.showModal();
  find("ask-reason").focus();
});

dialog.querySelector("form").addEventListener("submit", async event => {
  event.preventDefault();
  if (event.submitter?.value !== "do") { dialog.close(); return; }
  const reason = find("ask-reason").value;
  const cancels = asking.verb === "cancel";
  find("ask-do").disabled = true;
  try {
    const made = await api(`${page.api}/${asking.path}`, { method: cancels ? "PATCH" : "POST", body: cancels ? { status: "failed", reason } : { reason } });
    dialog.close();
    if (made.id !== page.id) location.assign(`${page.pages}${made.id}/work/`); else await moved(made);
  } catch (error) {
    show(error, find("ask-problem"));
  }
  find("ask-do").disabled = false;
});

await draw();
live({
  stream: over ? undefined : `${page.stream}?seconds=60`,
  on: { deployment: moved, event: happened, log: add, end: () => { over = true; } },
  poll,
  done: () => over,
  sign: find("live"),
});
