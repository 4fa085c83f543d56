// A look into a file, as the API has it: nothing of the file is run, text stays text.
import { api, attempt } from "../work/api.js";
import { Grid } from "../datasets/grid.js";

const place = document.getElementById("look");
const said = place.dataset;

const element = (tag, given = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), given);
  made.append(...children);
  return made;
};

function region(label, ...children) {
  const made = element("div", { className: "scroll", tabIndex: 0 }, ...children);
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", label);
  return made;
}

function picture() {
  const image = element("img", { className: "preview", alt: said.name, src: said.download });
  image.addEventListener("error", () => image.replaceWith(element("p", { className: "notice error", textContent: said.broken })));
  return [image];
}

function table(found) {
  const made = region(said.rows, document.createElement("table"));
  made.classList.add("grid");
  new Grid(made).show(found.columns, found.rows, { numbers: found.rows.map((_, i) => i + 1) });
  return [made];
}

function text(found) {
  const made = region(said.text, element("pre", { textContent: found.text }));
  return [made];
}

function signature(found) {
  const parts = [];
  for (const side of ["inputs", "outputs"]) {
    if (!found[side].length) continue;
    const body = document.createElement("tbody");
    for (const one of found[side]) {
      const line = body.insertRow();
      line.append(element("th", { scope: "row", textContent: one.name || "—" }));
      for (const cell of [one.type, one.shape === null ? "—" : `[${one.shape.join(", ")}]`]) line.insertCell().textContent = cell;
    }
    const head = element("thead", {}, element("tr", {}, ...[said.nameHead, said.type, said.shape].map(title => element("th", { scope: "col", textContent: title }))));
    parts.push(element("h3", { textContent: said[side] }), region(said[side], element("table", {}, head, body)));
  }
  const facts = [
    [said.producer, found.producer], [said.format, found.ir_version || ""],
    [said.opsets, Object.entries(found.opsets).map(([name, version]) => `${name} ${version}`).join(", ")],
    [said.metadata, Object.entries(found.metadata).map(([name, value]) => `${name}: ${value}`).join("\n")],
  ].filter(([, value]) => value);
  if (facts.length) parts.push(element("dl", { className: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })])));
  return parts;
}

await attempt(async () => {
  const found = await api(said.preview);
  const shown = [
    ...(found.reason ? [element("p", { className: "notice", textContent: found.reason })] : []),
    ...(found.signature ? signature(found.signature) : []),
    ...(found.kind === "image" ? picture() : []),
    ...(found.columns ? table(found) : []),
    ...(found.text !== undefined ? text(found) : []),
    ...(found.is_whole ? [] : [element("p", { className: "quiet", textContent: said.part })]),
  ];
  place.replaceChildren(...shown);
});
