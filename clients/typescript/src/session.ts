// Signs in, and renews what has expired: once, however many calls and tabs notice.
import type { LoginResponse, UserResponse } from "./generated/index.js";

const AUTH = "/api/v1/auth";
const LOCK = "mlops-session";
/** Browsers tell other tabs of a change in storage late; so long it is told by a lock. */
const TOLD_MS = 10_000;

export interface SessionOptions {
  /** Where the API answers, without a slash at the end: `https://mlops.example.org`. */
  baseUrl: string;
  /**
   * `cookie`: both tokens are httpOnly cookies, out of reach of scripts. The page and the
   * API must be of one site, and the page's origin among `MLOPS_CORS_ORIGINS`.
   * `bearer`: scripts hold the tokens, in `storage`.
   */
  kind: "cookie" | "bearer";
  /** Shared by all tabs, so that one's renewal is the others' too. */
  storage?: Storage;
  /** Called when the session has ended and only signing in again helps. */
  onEnd?: () => void;
}

export interface Session {
  /** `fetch` with the credentials; a 401 is renewed and tried again, once. */
  fetch: typeof fetch;
  signIn(username: string, password: string): Promise<UserResponse>;
  signOut(): Promise<void>;
  /** Renew now, unless another tab has done so since `since` (a `mark()`). */
  renew(since?: string | null): Promise<boolean>;
  /** Changes with each renewal in any tab; null when nobody is signed in. */
  mark(): string | null;
}

export class SignInRefused extends Error {
  constructor(message: string, readonly status: number, readonly code: string) {
    super(message);
  }
}

export function createSession(options: SessionOptions): Session {
  const { baseUrl, kind } = options;
  const storage = options.storage ?? localStorage;
  const isBearer = kind === "bearer";
  const credentials: RequestCredentials = isBearer ? "omit" : "include";
  const key = (name: string): string => `${LOCK}.${name}`;
  const mark = (): string | null => storage.getItem(key("mark"));

  function keep(pair: LoginResponse): void {
    if (isBearer) {
      storage.setItem(key("access"), pair.access_token);
      storage.setItem(key("refresh"), pair.refresh_token);
    }
    storage.setItem(key("mark"), crypto.randomUUID());
  }

  function forget(): void {
    for (const name of ["access", "refresh", "mark"]) storage.removeItem(key(name));
  }

  async function renewAlone(since: string | null): Promise<boolean> {
    while (mark() === since && (await isReplaced(since))) await pause();
    if (mark() !== since) return mark() !== null; // another tab was first
    if (since === null) return false;
    const refresh = storage.getItem(key("refresh"));
    const answer = await fetch(`${baseUrl}${AUTH}/refresh`, {
      method: "POST",
      credentials,
      headers: isBearer && refresh ? { "X-Refresh-Token": refresh } : {},
    });
    if (answer.ok) {
      keep((await answer.json()) as LoginResponse);
      await tellReplaced(since);
      return true;
    }
    // A server that cannot be asked now has not ended the session.
    if (answer.status === 401 || answer.status === 403) {
      forget();
      options.onEnd?.();
    }
    return false;
  }

  const renew = (since: string | null = mark()): Promise<boolean> =>
    inTurn(() => renewAlone(since));

  function withCredentials(request: Request): Request {
    const made = new Request(request, { credentials });
    const access = storage.getItem(key("access"));
    if (isBearer && access) made.headers.set("Authorization", `Bearer ${access}`);
    return made;
  }

  const authorized: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const spare = request.clone(); // a body can be read once
    const since = mark();
    const answer = await fetch(withCredentials(request));
    if (answer.status !== 401 || !(await renew(since))) return answer;
    return fetch(withCredentials(spare));
  };

  return {
    fetch: authorized,
    mark,
    renew,
    async signIn(username, password) {
      const answer = await fetch(`${baseUrl}${AUTH}/login${isBearer ? "" : "?cookies=true"}`, {
        method: "POST",
        credentials,
        body: new URLSearchParams({ username, password }),
      });
      const body = await answer.json();
      if (!answer.ok) throw new SignInRefused(body.detail, answer.status, body.code);
      keep(body as LoginResponse);
      return (body as LoginResponse).user_info;
    },
    async signOut() {
      // In its turn: a renewal under way would bring the session back.
      await inTurn(async () => {
        const refresh = storage.getItem(key("refresh"));
        const headers = isBearer && refresh ? { "X-Refresh-Token": refresh } : undefined;
        forget();
        await fetch(`${baseUrl}${AUTH}/logout`, { method: "POST", credentials, headers });
      });
    },
  };
}

/** One tab after the other. Locks exist in secure contexts only; without them the
 * server's 30 seconds of grace for a refresh token that is sent twice have to do. */
async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  return navigator.locks ? await navigator.locks.request(LOCK, act) : act();
}

const lockOf = (mark: string | null): string => `${LOCK}.${mark}`;
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 20));

/** Whether another tab has just renewed this mark, though storage here has it still. */
async function isReplaced(mark: string | null): Promise<boolean> {
  const held = (await navigator.locks?.query())?.held ?? [];
  return held.some((one) => one.name === lockOf(mark));
}

/** Hold a lock that names the mark, for a while; returns once other tabs can see it. */
function tellReplaced(mark: string): Promise<void> {
  return new Promise((seen) => {
    if (!navigator.locks) return seen();
    void navigator.locks.request(lockOf(mark), () => {
      seen();
      return new Promise((done) => setTimeout(done, TOLD_MS));
    });
  });
}
