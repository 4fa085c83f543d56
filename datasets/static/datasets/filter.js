// The conditions of a filter as a form: a column, an operator, what it is compared with.
import { given } from "../work/api.js";

const form = document.getElementById("filter");
const place = document.getElementById("conditions");
const [add, apply, clear] = ["add-condition", "apply", "clear"].map(id => document.getElementById(id));
const ALONE = new Set(["is_null", "not_null"]);
const LISTS = new Set(["in", "not_in"]);
const operators = given("operators");

/** `columns` are name and type; `said` the texts; `change` gets the conditions. */
export function start(columns, said, change) {
  const types = Object.fromEntries(columns.map(column => [column.name, column.type]));

  function line(condition = { column: columns[0]?.name, operator: "eq", value: "" }, blank = false) {
    const made = Object.assign(document.createElement("div"), { className: "toolbar condition" });
    const column = choice(columns.map(one => [one.name, one.name]), condition.column, said.column);
    const operator = choice(operators, condition.operator, said.operator);
    const values = document.createElement("span");
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: said.remove });
    const draw = value => {
      const [first, last] = Array.isArray(value) && operator.value === "between" ? value : [value, ""];
      const between = operator.value === "between";
      const shown = LISTS.has(operator.value) && Array.isArray(value) ? value.map(quoted).join(", ") : first;
      values.replaceChildren(...(ALONE.has(operator.value) ? [] : [field(shown, LISTS.has(operator.value) ? said.list : said.value), ...(between ? [field(last, said.and)] : [])]));
    };
    operator.addEventListener("change", () => draw(values.querySelector("input")?.value ?? ""));
    remove.addEventListener("click", () => { made.remove(); shownButtons(); if (!place.children.length) change([]); else add.focus(); });
    draw(condition.value);
    made.append(column, operator, values, remove);
    // What nobody has touched is an offer, no condition.
    made.isBlank = blank;
    for (const kind of ["input", "change"]) made.addEventListener(kind, () => { made.isBlank = false; });
    made.read = () => {
      const [from, to] = [...values.querySelectorAll("input")].map(one => one.value);
      const value = ALONE.has(operator.value) ? undefined
        : operator.value === "between" ? [typed(from, types[column.value]), typed(to, types[column.value])]
        : LISTS.has(operator.value) ? parts(from).map(one => typed(one, types[column.value]))
        : typed(from, types[column.value]);
      return { column: column.value, operator: operator.value, ...(value === undefined ? {} : { value }) };
    };
    return made;
  }

  function shownButtons() {
    apply.hidden = clear.hidden = !place.children.length;
  }

  add.addEventListener("click", () => { const made = place.appendChild(line(undefined, true)); shownButtons(); made.querySelector("select").focus(); });
  clear.addEventListener("click", () => { change([]); add.focus(); });
  form.addEventListener("submit", event => { event.preventDefault(); change([...place.children].filter(one => !one.isBlank).map(one => one.read())); });

  return {
    show(conditions) {
      place.replaceChildren(...(conditions.length ? conditions.map(one => line(one)) : columns.length ? [line(undefined, true)] : []));
      shownButtons();
    },
  };
}

function choice(options, chosen, label) {
  const made = document.createElement("select");
  made.setAttribute("aria-label", label);
  made.append(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  if (chosen !== undefined && !options.some(([value]) => value === chosen)) made.append(new Option(chosen, chosen, true, true));
  return made;
}

function field(value, label) {
  const made = Object.assign(document.createElement("input"), { value: value ?? "", placeholder: label });
  made.setAttribute("aria-label", label);
  return made;
}

const quoted = value => (/[",]|^\s|\s$/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

/** The values of a list: parted by commas, with commas inside of quotes. */
export function parts(text) {
  return [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/g)]
    .filter(found => found[0] !== "")
    .map(found => (found[1] !== undefined ? found[1].replaceAll('""', '"') : found[2].trim()));
}

// Numbers and times go as text: the server reads them digit for digit.
function typed(value, type) {
  if (type === "BOOLEAN" && /^(true|false)$/i.test(value.trim())) return value.trim().toLowerCase() === "true";
  return value;
}
