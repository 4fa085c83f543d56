// The way back exists only where this page was reached from another one of ours.
const link = document.getElementById("back");
if (document.referrer.startsWith(`${location.origin}/`) && history.length > 1) {
  link.closest("li").hidden = false;
  link.href = document.referrer;
}
