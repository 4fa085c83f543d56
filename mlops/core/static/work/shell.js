// What every page of work has: the menu, the theme, menus that close by Escape.
const menu = document.getElementById("work-menu");
const side = document.getElementById("work-side");

function open(shown) {
  menu.setAttribute("aria-expanded", String(shown));
  side.classList.toggle("shown", shown);
}

menu.addEventListener("click", () => open(menu.getAttribute("aria-expanded") !== "true"));

const theme = document.getElementById("work-theme");
theme.value = globalThis.workTheme.get();
theme.addEventListener("change", () => globalThis.workTheme.set(theme.value));

const account = document.querySelector(".work-account");
const search = document.getElementById("work-search");
addEventListener("keydown", event => {
  const writes = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key === "t" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search?.focus();
  }
});

addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  open(false);
  account.open = false;
});
addEventListener("click", event => {
  if (!account.contains(event.target)) account.open = false;
  if (!side.contains(event.target) && !menu.contains(event.target)) open(false);
});
