// Before the first paint: the theme that was chosen, here or on the other pages.
// Theirs keeps it as JSON under the same key.
(() => {
  const chosen = () => {
    try { return JSON.parse(localStorage.getItem("adminTheme")) || "auto"; } catch { return "auto"; }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = chosen();
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.classList.toggle("dark", dark);
    dispatchEvent(new Event("themechange"));
  };
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  globalThis.workTheme = {
    get: chosen,
    set(theme) { localStorage.setItem("adminTheme", JSON.stringify(theme)); apply(); },
  };
  apply();
})();
