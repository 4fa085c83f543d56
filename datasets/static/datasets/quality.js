// What the rules found in a version, how that was before, rules that the data suggests.
import "../charts/chart.js";
import { api, attempt, number, time } from "../work/api.js";

const section = document.getElementById("quality");
if (section) begin();

function begin() {
  const { api: address, version, ...said } = section.dataset;
  const summary = document.getElementById("summary"), results = document.querySelector("#results tbody");
  const check = document.getElementById("check"), suggestions = document.getElementById("suggestions");

  async function load() {
    const checks = await attempt(() => api(`${address}/checks?limit=100`));
    if (!checks) return;
    const mine = checks.find(one => one.version === Number(version));
    summary.replaceChildren();
    results.replaceChildren();
    if (mine) {
      summary.append(badge(mine.status), ` ${number(mine.rule_count)} ${said.rules} · ${said.checked} `, time(mine.created_at));
      for (const one of mine.results) results.append(line(one));
    } else summary.textContent = said.none;
    trend(checks.toReversed());
  }

  function line(one) {
    const made = document.createElement("tr");
    const status = one.passed === null ? "error" : one.passed ? "passed" : one.severity === "fail" ? "failed" : "warned";
    const rows = one.violations === null ? "" : `${number(one.violations)} / ${number(one.checked)}`;
    const cells = [one.kind, one.columns.join(", "), badge(status), [one.message, rows].filter(Boolean).join(" · "), said[one.severity] ?? one.severity];
    for (const cell of cells) made.insertCell().append(cell);
    return made;
  }

  function badge(status) {
    const tone = { passed: "good", warned: "warn", failed: "bad", error: "bad" }[status] ?? "quiet";
    return Object.assign(document.createElement("span"), { className: `badge ${tone}`, textContent: said[status] ?? status });
  }

  function trend(checks) {
    const chart = document.getElementById("trend").chart;
    const names = checks.map(one => `v${one.version} ${one.created_at.slice(0, 16).replace("T", " ")}`);
    chart?.update({
      x: { values: names }, y: { label: said.rules, min: 0 }, stacked: true,
      series: checks.length ? [
        { name: said.failed, y: checks.map(one => one.failed_count), colour: 3 },
        { name: said.warned, y: checks.map(one => one.warned_count), colour: 1 },
        { name: said.passed, y: checks.map(one => one.rule_count - one.failed_count - one.warned_count), colour: 2 },
      ] : [],
    });
  }

  check?.addEventListener("click", async () => {
    check.disabled = true;
    await attempt(() => api(`${address}/checks`, { method: "POST", body: { version } }));
    check.disabled = false;
    await load();
  });
  suggestions?.addEventListener("toggle", async () => {
    const list = suggestions.querySelector("ul");
    if (!suggestions.open || list.children.length) return;
    const found = await attempt(() => api(`${address}/rules/suggestions?${new URLSearchParams({ version })}`));
    if (found) list.replaceChildren(...(found.length ? found.map(proposal) : [Object.assign(document.createElement("li"), { textContent: said.noSuggestions })]));
  });

  function proposal(rule) {
    const made = document.createElement("li");
    const words = [rule.kind, rule.columns.join(", "), Object.keys(rule.parameters ?? {}).length ? JSON.stringify(rule.parameters) : ""];
    const button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: said.add });
    button.addEventListener("click", () => attempt(async () => {
      const { kind, columns, parameters, severity } = rule;
      await api(`${address}/rules`, { method: "POST", body: { kind, columns, parameters, severity } });
      button.textContent = said.added;
      button.disabled = true;
    }));
    made.append(Object.assign(document.createElement("span"), { textContent: words.filter(Boolean).join(" · ") }), button);
    return made;
  }

  load();
}
