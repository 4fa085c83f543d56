// MLflow clients print links into the pages of MLflow's own server, such as
// /#/experiments/1/runs/<id>. The same things have pages in the admin.
const PAGES = [
  [/^#\/experiments\/\d+\/runs\/([\w-]+)/, id => `lifecycle/run/${id}/change/`],
  [/^#\/experiments\/\d+\/models\/(m-\w+)/, id => `lifecycle/loggedmodel/${id}/change/`],
  [/^#\/experiments\/(\d+)/, id => `lifecycle/experiment/${id}/change/`],
  [/^#\/models\/([^/]+)/, name => `lifecycle/registeredmodel/?q=${name}`],
];

function follow() {
  for (const [link, page] of PAGES) {
    const found = link.exec(location.hash);
    if (found) {
      location.replace(`/admin/${page(found[1])}`);
      return;
    }
  }
}

addEventListener("hashchange", follow);
follow();
