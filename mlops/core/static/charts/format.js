// Numbers and times as all pages write them.

/** Separators for whole numbers; fractions by what tells them apart; "—" for nothing. */
export function number(value) {
  if (value === null || value === undefined) return "—";
  if (typeof value !== "number" || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return value.toLocaleString("en-US");
  if (size >= 1e9 || size < 1e-4) return value.toExponential(3);
  const digits = Math.max(4, Math.floor(Math.log10(size)) + 3);
  return value.toLocaleString("en-US", { maximumSignificantDigits: digits });
}

/** `2026-11-28 13:48:17 UTC` of a Date, of milliseconds or of a text. */
export function timeText(value) {
  const text = new Date(value).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}
