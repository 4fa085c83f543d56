// Gives what the theme's widgets leave without one a name for those who cannot see them.
const nameOf = (field) => field.closest(".select2")?.previousElementSibling?.labels?.[0]?.textContent.trim();

const giveNames = (root) => {
  for (const field of root.querySelectorAll(".select2-search__field:not([aria-label])")) {
    field.setAttribute("aria-label", nameOf(field) || field.type);
  }
  // A label is for what has a role; it stands where a picture of a question mark is drawn.
  for (const help of root.querySelectorAll(".help-tooltip[aria-label]:not([role])")) help.setAttribute("role", "img");
};

addEventListener("DOMContentLoaded", () => {
  giveNames(document);
  // The widgets make their fields after the page has come.
  new MutationObserver(() => giveNames(document)).observe(document.body, { childList: true, subtree: true });
});
