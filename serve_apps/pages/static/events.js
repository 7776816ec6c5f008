// Event streams that come back by themselves; while one is lost, the page says so.

const FIRST_PAUSE = 2000;
const LONGEST_PAUSE = 30000;
const lost = new Set();

function say(address, isLost) {
  if (isLost) lost.add(address);
  else lost.delete(address);
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
  let source;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => {
      pause = FIRST_PAUSE;
      say(address, false);
    });
    source.addEventListener("error", () => {
      say(address, true);
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries by itself
      setTimeout(open, pause + Math.random() * 1000);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    });
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => listener(event.data, source));
    }
  };
  open();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}

/** What the end of a room stream asks for: the page anew, which says what may be seen now. */
export function comeAgain(data, source) {
  source.close();
  if (JSON.parse(data).reason === "not_allowed") location.reload();
  else setTimeout(() => location.reload(), 3000);
}
