// Event streams that reconnect by themselves; while one is lost, the page shows a notice.

const MIN_DELAY_MILLISECONDS = 2000;
const MAX_DELAY_MILLISECONDS = 30000;
const lostConnections = new Set();

/**
 * Record that a connection is lost or restored, and show or hide the notice.
 *
 * @param {string} name - Of the connection.
 * @param {boolean} isLost
 */
export function setConnectionLost(name, isLost) {
  if (isLost) lostConnections.add(name);
  else lostConnections.delete(name);
  const notice = document.querySelector("[data-connection-lost]");
  if (notice) notice.hidden = lostConnections.size === 0;
}

/**
 * Subscribe to an event stream for as long as the page is open.
 *
 * @param {string} url - Of the stream.
 * @param {Object<string, function(string, EventSource)>} listeners - By the event's name.
 */
export function subscribe(url, listeners) {
  let delay = MIN_DELAY_MILLISECONDS;
  let source, retryTimer;
  const open = () => {
    clearTimeout(retryTimer);
    source?.close();
    if (document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("open", () => {
      delay = MIN_DELAY_MILLISECONDS;
      setConnectionLost(url, false);
      setConnectionLost("forms", false);
    });
    source.addEventListener("error", () => {
      setConnectionLost(url, true);
      if (source.readyState !== EventSource.CLOSED) return; // the browser reconnects by itself
      retryTimer = setTimeout(open, delay + Math.random() * 1000);
      delay = Math.min(2 * delay, MAX_DELAY_MILLISECONDS);
    });
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => listener(event.data, source));
    }
  };
  open();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  // A connection whose network has gone fires no event for minutes.
  addEventListener("offline", () => {
    clearTimeout(retryTimer);
    source?.close();
    setConnectionLost(url, true);
  });
  addEventListener("online", open);
  // Browsers allow six connections to a host over all its pages: a hidden page gives up its own.
  document.addEventListener("visibilitychange", open);
}

/** Handle the end of a stream: reload if access was denied; otherwise the browser reconnects. */
export function reloadIfDenied(data) {
  const reason = data.startsWith("{") ? JSON.parse(data).reason : data;
  if (reason === "not_allowed" || reason === "not_signed_in") location.reload();
}
