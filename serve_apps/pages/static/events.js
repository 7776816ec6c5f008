// Event streams that come back by themselves, and the notice that says when one is lost.

const lost = new Set();

function say(source, isLost) {
  if (isLost) lost.add(source);
  else lost.delete(source);
  const offline = document.querySelector("[data-offline]");
  if (offline) offline.hidden = lost.size === 0;
}

/** An event stream that comes back by itself, also where the browser has given it up. */
export function follow(address, listeners) {
  let pause = 2000;
  let source;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => {
      pause = 2000;
      say(address, false);
    });
    source.addEventListener("error", () => {
      say(address, true);
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, pause + Math.random() * 1000);
        pause = Math.min(2 * pause, 30000);
      }
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
