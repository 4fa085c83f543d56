// What the search finds, below its field while one types. Cursor keys walk through it,
// Escape closes it, Enter in the field opens the page with all of it.
const SOON_MS = 200;
const form = document.querySelector(".work-search");
const place = document.getElementById("work-found");
const field = document.getElementById("work-search");
let waiting = null, running = null;

function close() {
  clearTimeout(waiting);
  running?.abort();
  place.hidden = true;
}

async function look() {
  running?.abort();
  running = new AbortController();
  const term = field.value;
  const query = new URLSearchParams({ q: term, part: "list" });
  try {
    const answer = await fetch(`${form.action}?${query}`, { credentials: "same-origin", redirect: "error", signal: running.signal });
    if (!answer.ok) { close(); return; }
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...found.body.childNodes);
    place.hidden = !place.textContent.trim();
    place.dataset.of = term;
  } catch {
    // Aborted by the next letter, or no answer: Enter still asks for the page.
    place.hidden = true;
  }
}

function step(event) {
  const links = [...place.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (to === undefined || place.hidden || !links.length) return;
  event.preventDefault();
  (links[Math.min(to, links.length - 1)] ?? field).focus();
}

if (field) {
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    if (field.value.trim()) waiting = setTimeout(look, SOON_MS); else close();
  });
  form.addEventListener("keydown", event => {
    if (event.key === "Escape" && !place.hidden) { event.preventDefault(); close(); field.focus(); } else step(event);
  });
  form.addEventListener("focusout", event => { if (!form.contains(event.relatedTarget)) close(); });
}
