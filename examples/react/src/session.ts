// One session for the page: who is signed in, and the client that all queries use.
import { QueryClient } from "@tanstack/react-query";
import { client, createSession } from "mlops-client";

export const API: string = import.meta.env.VITE_API ?? "http://localhost:8500";

/** `?session=bearer` keeps the tokens in scripts' reach; cookies are out of it. */
const kind = new URLSearchParams(location.search).get("session") === "bearer" ? "bearer" : "cookie";

const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach((listener) => listener());

export const session = createSession({ baseUrl: API, kind, onEnd: tell });

client.setConfig({ baseUrl: API, fetch: session.fetch, throwOnError: true });

export const queries = new QueryClient({
  defaultOptions: {
    // The session has tried again what a renewal could mend; another 401 is final.
    queries: { retry: (count, error) => count < 2 && !("status" in error), staleTime: 5_000 },
  },
});

export async function signIn(username: string, password: string): Promise<void> {
  await session.signIn(username, password);
  tell();
}

export async function signOut(): Promise<void> {
  await session.signOut();
  queries.clear();
  tell();
}

/** For `useSyncExternalStore`; a sign-out in another tab is one here. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", listener);
  };
}

export const isSignedIn = (): boolean => session.mark() !== null;
