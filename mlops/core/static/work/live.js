// A page that moves: the server's stream where there is one, else a question every 5 s,
// which the page says. A hidden tab asks nothing.
const spoken = document.getElementById("work-texts")?.dataset ?? {};
const EVERY_MS = 5000;
const STREAM_AGAIN_MS = 60000;

/**
 * Keep a page up to date. Returns a function that stops it.
 *
 * stream  address of server-sent events; without one the page asks every 5 s and
 *         does not apologise for it
 * on      { eventName: data => … } for the events of the stream, data parsed
 * poll    async () => …: asks what the page shows and shows it; called at once, when
 *         the tab comes back, and every 5 s while there is no stream
 * done    () => true when nothing will move any more
 * sign    element that says how the page is kept up to date
 */
export function live({ stream, on = {}, poll, done = () => false, sign, every = EVERY_MS }) {
  let source = null, timer = null, again = null, asking = false, stopped = false;

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
      if (source === null) say(stream ? "polling" : "live", stream ? spoken.polling : spoken.live);
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
    clearInterval(timer);
    clearTimeout(again);
    timer = again = null;
  }

  function connect() {
    if (!stream) { askOn(); return; }
    const made = source = new EventSource(stream);
    made.onopen = () => {
      clearInterval(timer);
      timer = null;
      say("live", spoken.live);
    };
    made.onerror = () => {
      // An answer that ended is asked for again by the browser itself.
      if (made.readyState !== EventSource.CLOSED || made !== source) return;
      source = null;
      say("polling", spoken.polling);
      ask();
      askOn();
      again = setTimeout(connect, STREAM_AGAIN_MS);
    };
    for (const [name, act] of Object.entries(on)) {
      made.addEventListener(name, event => {
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
