// Event streams that come back by themselves; while one is lost, the page says so.

const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = 30000;
const lost = new Set();

/** Say that something is lost, or is back. */
export function say(what, isLost) {
  if (isLost) lost.add(what);
  else lost.delete(what);
  const notice = document.querySelector("[data-offline]");
  if (notice) notice.hidden = lost.size === 0;
}

/**
 * Follow an event stream for as long as the page is open.
 *
 * @param {string} address - Of the stream.
 * @param {Object<string, function(string, EventSource)>} listeners - By the event's name.
 */
export function follow(address, listeners) {
  let pause = FIRST_PAUSE;
  let source, later;
  const open = () => {
    clearTimeout(later);
    source?.close();
    if (document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("open", () => {
      pause = FIRST_PAUSE;
      say(address, false);
      say("taps", false);
    });
    source.addEventListener("error", () => {
      say(address, true);
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries by itself
      later = setTimeout(open, pause + Math.random() * 1000);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    });
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => listener(event.data, source));
    }
  };
  open();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  // A connection whose network went away tells nothing for minutes.
  addEventListener("offline", () => {
    clearTimeout(later);
    source?.close();
    say(address, true);
  });
  addEventListener("online", open);
  // Browsers keep six connections to a host, for all its pages: one that nobody sees leaves its own.
  document.addEventListener("visibilitychange", open);
}

/** The end of a stream: where it is a refusal, the page anew says what may be seen now. */
export function comeAgain(data) {
  const reason = data.startsWith("{") ? JSON.parse(data).reason : data;
  if (reason === "not_allowed" || reason === "not_signed_in") location.reload();
  // Else the browser opens the stream again by itself.
}
