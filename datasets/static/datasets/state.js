// What is seen, as the page's query string has it: in the words of the API.

/** Read the query string. */
export function read(search = location.search) {
  const query = new URLSearchParams(search);
  let conditions = [];
  try { conditions = JSON.parse(query.get("conditions") ?? "[]"); } catch { conditions = []; }
  return {
    q: query.get("q") ?? "",
    conditions: Array.isArray(conditions) ? conditions : [],
    order: query.getAll("order_by"),
    columns: query.getAll("columns"),
    offset: whole(query.get("offset"), 0),
    limit: Math.min(1000, Math.max(1, whole(query.get("limit"), 100))),
    row: whole(query.get("row"), 0),
  };
}

/** The query of the API for a page of these rows. */
export function asked(state, version) {
  const query = selected(state, version);
  query.set("offset", state.offset);
  query.set("limit", state.limit);
  for (const order of state.order) query.append("order_by", order);
  if (state.q) query.set("q", state.q);
  return query;
}

/** The part of it that says which rows and columns, for exports and figures. */
export function selected(state, version) {
  const query = new URLSearchParams({ version });
  if (state.conditions.length) query.set("conditions", JSON.stringify(state.conditions));
  for (const column of state.columns) query.append("columns", column);
  return query;
}

/** Write the state into the address of the page. */
export function write(state, version, { replace = false } = {}) {
  const query = asked(state, version);
  if (!state.offset) query.delete("offset");
  if (state.limit === 100) query.delete("limit");
  if (state.row) query.set("row", state.row);
  const url = `${location.pathname}?${query}`;
  if (replace) history.replaceState(null, "", url); else history.pushState(null, "", url);
}

function whole(text, other) {
  const value = Number(text);
  return text && Number.isSafeInteger(value) && value >= 0 ? value : other;
}
