// A deployment as it moves. The server ends a stream after a while; this goes on behind
// the last thing that it saw.
import { streamDeployment } from "./generated/index.js";
import type { Client } from "./generated/client/index.js";
import type { DeploymentEventResponse, DeploymentResponse, DeploymentStatus } from "./generated/index.js";

export type DeploymentNews =
  | { event: "deployment"; data: DeploymentResponse }
  | { event: "event"; data: DeploymentEventResponse }
  | { event: "log"; data: string }
  | { event: "end"; data: DeploymentStatus };

export interface WatchOptions {
  id: string;
  signal: AbortSignal;
  onNews: (news: DeploymentNews) => void;
  /** A connection was refused or broke; it is tried again after `retryMs`. */
  onTrouble?: (error: unknown) => void;
  client?: Client;
  /** After how many seconds the server ends one answer, 1 to 60. */
  seconds?: number;
  retryMs?: number;
}

/** Returns when the deployment has ended or `signal` aborts. */
export async function watchDeployment(options: WatchOptions): Promise<void> {
  const { id, signal, onNews, onTrouble, client, seconds = 50, retryMs = 3000 } = options;
  let last: string | undefined;
  let hasEnded = false;
  while (!signal.aborted && !hasEnded) {
    let hasFailed = false;
    const { stream } = await streamDeployment({
      ...(client && { client }),
      path: { deployment_id: id },
      query: { seconds },
      ...(last !== undefined && { headers: { "Last-Event-ID": last } }),
      signal,
      sseMaxRetryAttempts: 1,
      onSseError: (error) => {
        hasFailed = true;
        if (!signal.aborted) onTrouble?.(error);
      },
      onSseEvent: ({ event, id: seen, data }) => {
        last = seen ?? last;
        if (event === undefined) return; // a comment, that keeps the line open
        onNews({ event, data } as DeploymentNews);
        hasEnded ||= event === "end";
      },
    });
    for await (const _ of stream) {
      if (hasEnded) break;
    }
    if (hasFailed && !signal.aborted) await pause(retryMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
