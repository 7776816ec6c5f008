// The lesson page: the room is updated by its events, the rest when its version changes.

import { reloadIfDenied, setConnectionLost, subscribe } from "./events.js";
import { enableInlineForms, refresh } from "./fragments.js";
import { enableScanner } from "./scan.js";

const STALE_AFTER_MILLISECONDS = 15000;
const STALE_CHECK_MILLISECONDS = 5000;
const CHART_MILLISECONDS = 30000;
const lesson = document.querySelector("[data-lesson]");
const room = document.getElementById("room");
let lastUpdateAt = Date.now();
let isLive = true;
let seen = null;

function setCount(name, value) {
  const element = room.querySelector(`[data-count="${name}"]`);
  const text = value === null ? "–" : String(value);
  if (element && element.textContent !== text) element.textContent = text;
}

function setBounds(low, high) {
  const element = room.querySelector("[data-bounds]");
  if (!element) return;
  element.hidden = low === null;
  element.textContent = `${low}–${high} (95%)`;
}

function updateRoom(snapshot) {
  lastUpdateAt = Date.now();
  setCount("people", snapshot.people);
  setBounds(snapshot.people_low, snapshot.people_high);
  setCount("hands_up", snapshot.hands_up);
  for (const pill of room.querySelectorAll("[data-state]")) {
    pill.hidden = pill.dataset.state !== snapshot.state;
  }
  for (const notice of room.querySelectorAll("[data-drift]")) {
    notice.hidden = notice.dataset.drift !== snapshot.camera_drift;
  }
  const isUnavailable = snapshot.state === "down" || snapshot.state === "off";
  const isHeadcount = snapshot.suppressed && !isUnavailable && snapshot.people !== null;
  for (const hint of room.querySelectorAll("[data-suppressed]")) {
    hint.hidden = !isHeadcount || snapshot.people >= Number(hint.dataset.suppressed);
  }
  for (const hint of room.querySelectorAll("[data-headcount]")) {
    hint.hidden = !isHeadcount || snapshot.people < Number(hint.dataset.headcount);
  }
  isLive = snapshot.state === "live";
  seen = snapshot.people;
  markStale();
  for (const row of room.querySelectorAll("[data-share]")) {
    const share = snapshot.shares?.[row.dataset.share];
    if ("part" in row.dataset) row.hidden = !share;
    row.querySelector("[data-text]").textContent = share ? share.text : "–";
    row.querySelector(".fill").setAttribute("width", share ? 100 * share.share : 0);
  }
}

function markStale() {
  const isStale = Date.now() - lastUpdateAt > STALE_AFTER_MILLISECONDS;
  room.classList.toggle("is-stale", isStale || !isLive);
  // In the register, beside how many are marked present: of this minute, or not at all.
  const element = document.querySelector("[data-seen]");
  if (element && isStale) element.textContent = "–";
  else if (element && seen !== null) element.textContent = isLive ? String(seen) : "–";
}

const fragmentsOf = (source) => document.querySelectorAll(`[data-refresh-on="${source}"]`);

if (lesson) {
  const id = encodeURIComponent(lesson.dataset.lesson);
  enableInlineForms(lesson);
  lesson.addEventListener("form-failed", () => setConnectionLost("forms", true));
  lesson.addEventListener("fragment-replaced", () => setConnectionLost("forms", false));
  enableScanner(lesson);
  if (room?.querySelector("[data-count]")) {
    let hasNewWindow = false;
    subscribe(`/api/rooms/events?room_id=${encodeURIComponent(lesson.dataset.room)}`, {
      room: (data) => updateRoom(JSON.parse(data)),
      window: () => { hasNewWindow = true; },
      end: reloadIfDenied,
    });
    const refreshChart = () => {
      if (hasNewWindow) fragmentsOf("window").forEach(refresh);
      hasNewWindow = false;
      setTimeout(refreshChart, CHART_MILLISECONDS);
    };
    // Windows end in all rooms at the same time: a random start spreads the requests of all pages.
    setTimeout(refreshChart, Math.random() * CHART_MILLISECONDS);
    setInterval(markStale, STALE_CHECK_MILLISECONDS);
  }
  const refreshOutdated = (source) => (version) => {
    for (const fragment of fragmentsOf(source)) {
      const shown = fragment.querySelector("[data-version]")?.dataset.version ?? "0";
      if (shown !== version) refresh(fragment);
    }
  };
  subscribe(`/lessons/${id}/events`, {
    register: refreshOutdated("register"),
    checkin: refreshOutdated("checkin"),
    end: reloadIfDenied,
  });
}
