// What all tabs of a dataset have: the choice of the version, and how far it is read.
import { api, number } from "../work/api.js";

const choice = document.getElementById("version");
choice?.addEventListener("change", () => {
  const url = new URL(location.href);
  for (const gone of ["offset", "row"]) url.searchParams.delete(gone);
  url.searchParams.set("version", choice.value);
  location.assign(url);
});

for (const menu of document.querySelectorAll("details.menu")) {
  addEventListener("click", event => { if (!menu.contains(event.target)) menu.open = false; });
  addEventListener("keydown", event => { if (event.key === "Escape") menu.open = false; });
}

const reading = document.getElementById("reading");

async function follow() {
  if (document.hidden) return;
  let version;
  try { version = await api(reading.dataset.url); } catch { return; }
  if (version.state !== "processing") { location.reload(); return; }
  const { bytes_done: done, bytes_total: all, rows_done: rows, eta_s: left } = version.progress ?? {};
  const parts = [
    all ? `${Math.round(100 * done / all)} %` : "",
    typeof rows === "number" ? `${number(rows)} ${reading.dataset.rows}` : "",
    typeof left === "number" ? `${number(Math.round(left))} ${reading.dataset.left}` : "",
  ];
  document.getElementById("reading-progress").textContent = parts.filter(Boolean).join(", ");
}

if (reading) {
  follow();
  setInterval(follow, 2000);
}
