// Copies the new token; without a clipboard (plain HTTP) there is no button.
const button = document.getElementById("token-copy");
const text = document.getElementById("token-text").textContent;

if (navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = button.dataset.done;
  });
}
