// A page that moves: the server's stream where there is one, else a question every 5 s,
// which the page says. A hidden tab asks nothing, and goes on where it was when it is back.
const spoken = document.getElementById("work-texts")?.dataset ?? {};
const EVERY_MS = 5000;
const STREAM_AGAIN_MS = 60000;
// An answer that has ended is asked for again after a second: this is no such pause.
const MISSING_MS = 3000;

/**
 * Keep a page up to date. Returns a function that stops it.
 *
 * stream  address of server-sent events, of this or another origin, with a query;
 *         without one the page asks every 5 s and does not apologise for it
 * on      { eventName: data => … } for the events of the stream, data parsed
 * poll    async () => …: asks what the page shows and shows it; called at once, when
 *         the tab comes back, and every 5 s while there is no stream
 * done    () => true when nothing will move any more
 * sign    element that says how the page is kept up to date
 */
export function live({ stream, on = {}, poll, done = () => false, sign, every = EVERY_MS }) {
  let source = null, timer = null, again = null, missing = null, asking = false, stopped = false;
  let isOpen = false, last = "";

  const say = (word, text) => {
    if (!sign) return;
    sign.dataset.state = word;
    if (sign.textContent !== text) sign.textContent = text;
  };

  async function ask() {
    if (asking || !poll || stopped) return;
    asking = true;
    try {
      await poll();
      if (!isOpen && missing === null && (timer !== null || !stream)) say(stream ? "polling" : "live", stream ? spoken.polling : spoken.live);
    } catch (error) {
      if (error.name !== "AbortError") say("lost", `${spoken.lost} ${error.message}`);
    } finally {
      asking = false;
    }
    if (done()) stop();
  }

  function askOn() {
    if (timer === null) timer = setInterval(ask, every);
  }

  function rest() {
    source?.close();
    source = null;
    isOpen = false;
    clearInterval(timer);
    clearTimeout(again);
    clearTimeout(missing);
    timer = again = missing = null;
  }

  /** Ask instead, and say so, until the stream is there. */
  function fallBack() {
    clearTimeout(missing);
    missing = null;
    if (timer !== null) return;
    say("polling", spoken.polling);
    askOn();
    ask();
  }

  function connect() {
    if (!stream) { askOn(); return; }
    const address = last ? `${stream}&last_event_id=${encodeURIComponent(last)}` : stream;
    const made = source = new EventSource(address, { withCredentials: true });
    missing = setTimeout(fallBack, MISSING_MS);
    made.onopen = () => {
      if (made !== source) return;
      isOpen = true;
      clearInterval(timer);
      clearTimeout(missing);
      timer = missing = null;
      say("live", spoken.live);
    };
    made.onerror = () => {
      if (made !== source) return;
      isOpen = false;
      if (made.readyState === EventSource.CLOSED) {
        source = null;
        fallBack();
        again = setTimeout(connect, STREAM_AGAIN_MS);
      } else if (missing === null && timer === null) {
        // The browser asks again by itself, also where nothing answers at all.
        missing = setTimeout(fallBack, MISSING_MS);
      }
    };
    for (const [name, act] of Object.entries(on)) {
      made.addEventListener(name, event => {
        if (made !== source) return;
        last = event.lastEventId || last;
        act(JSON.parse(event.data), event);
        if (done()) stop();
      });
    }
  }

  function look() {
    if (stopped) return;
    rest();
    if (document.hidden) { say("paused", spoken.paused); return; }
    ask();
    connect();
  }

  function stop() {
    stopped = true;
    rest();
    document.removeEventListener("visibilitychange", look);
    if (sign) { sign.dataset.state = "ended"; sign.textContent = ""; }
  }

  document.addEventListener("visibilitychange", look);
  look();
  return stop;
}
