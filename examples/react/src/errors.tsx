// Every refusal is one shape (RFC 9457): a sentence for people, a code for programs.
import type { ErrorResponse } from "mlops-client";

export function sentenceOf(error: unknown): string {
  if (isProblem(error)) return error.detail;
  return error instanceof Error ? error.message : String(error);
}

/** `code` is a closed list in the client: a `switch` over it can be exhaustive. */
export function isProblem(error: unknown): error is ErrorResponse {
  return typeof error === "object" && error !== null && "code" in error && "detail" in error;
}

export function Trouble({ error }: { error: unknown }) {
  return error ? (
    <p role="alert" className="trouble">
      {sentenceOf(error)}
    </p>
  ) : null;
}
