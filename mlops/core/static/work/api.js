// The public API as the page's own person: the admin's session, with its CSRF token.
import { timeText } from "../charts/format.js";

export { number, timeText } from "../charts/format.js";

const spoken = document.getElementById("work-texts")?.dataset ?? {};
const token = document.querySelector("meta[name=csrf-token]")?.content ?? "";

/** What the server refused: its status, code, sentence and the fields it names. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
  }
}

/**
 * Ask the API; return the JSON of its answer, null where it has none.
 * `body` is sent as JSON, a FormData or Blob as it is. Throws Problem; a fetch that is
 * aborted throws its AbortError.
 */
export async function api(path, { method = "GET", body, headers = {}, signal } = {}) {
  const raw = body instanceof FormData || body instanceof Blob;
  const sent = { Accept: "application/json", ...headers };
  if (method !== "GET" && method !== "HEAD") sent["X-CSRFToken"] = token;
  if (body !== undefined && !raw) sent["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, signal, headers: sent, credentials: "same-origin",
      body: body === undefined || raw ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "offline", detail: spoken.offline });
  }
  const text = await answer.text();
  let read = null;
  try { read = text ? JSON.parse(text) : null; } catch { read = null; }
  if (answer.ok) return read;
  if (answer.status === 401) throw new Problem(401, { code: "signed_out", detail: spoken.signedOut });
  throw new Problem(answer.status, read ?? {});
}

/** Show what went wrong, as text, in the page's place for it or in the given one. */
export function show(problem, place = document.getElementById("work-problem")) {
  const fields = (problem.errors ?? []).map(one => one.message ?? one.detail ?? "").filter(Boolean);
  place.textContent = [problem.message, ...fields.filter(one => one !== problem.message)].join(" ");
  place.hidden = false;
}

/** Take away what `show` has shown. */
export function clear(place = document.getElementById("work-problem")) {
  place.textContent = "";
  place.hidden = true;
}

/** Run what a person has asked for; what it throws is shown. Returns undefined then. */
export async function attempt(act, place) {
  clear(place);
  try {
    return await act();
  } catch (error) {
    if (error.name !== "AbortError") show(error, place);
    return undefined;
  }
}

/** The JSON that the template left under this id (`json_script`). */
export function given(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A time as all pages write it, `2026-11-28 13:48:17 UTC`, in `<time>`. */
export function time(value) {
  const made = document.createElement("time");
  made.dateTime = new Date(value).toISOString();
  made.textContent = timeText(value);
  return made;
}
