// Home moves with what happens: the server words its parts anew, and those that differ
// are taken over, but for the one that somebody is just in.
import { live } from "../work/live.js";

const EVERY_MS = 15000;

async function poll() {
  const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.querySelector(`[data-part=${part.dataset.part}]`);
    const differs = other && other.innerHTML !== part.innerHTML;
    if (differs && !part.contains(document.activeElement)) part.replaceChildren(...other.childNodes);
  }
}

live({ poll, every: EVERY_MS, sign: document.getElementById("live") });
