// A button beside lines of a shell copies them; where the browser lets no page
// write to the clipboard (plain HTTP from elsewhere) there is no button.
for (const button of document.querySelectorAll("[data-copies]")) {
  if (!navigator.clipboard) continue;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const lines = document.getElementById(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(lines.textContent);
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = label; }, 2000);
    } catch {
      getSelection().selectAllChildren(lines);
    }
  });
}
