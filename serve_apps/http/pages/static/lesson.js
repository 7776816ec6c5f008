// The lesson page, kept up to date: the room by its events, the rest by its version.

import { comeAgain, follow, say } from "./events.js";
import { renew, takeTaps } from "./fragments.js";
import { offerScanner } from "./scan.js";

const OLD_AFTER_SECONDS = 15;
const CHART_MILLISECONDS = 30000;
const lesson = document.querySelector("[data-lesson]");
const room = document.getElementById("room");
let heardAt = Date.now();
let isLive = true;

function figure(name, value) {
  const place = room.querySelector(`[data-figure="${name}"]`);
  const text = value === null ? "–" : String(value);
  if (place && place.textContent !== text) place.textContent = text;
}

function show(told) {
  heardAt = Date.now();
  figure("people", told.people);
  figure("hands_up", told.hands_up);
  for (const pill of room.querySelectorAll("[data-state]")) {
    pill.hidden = pill.dataset.state !== told.state;
  }
  const isAway = told.state === "down" || told.state === "off";
  const hint = room.querySelector("[data-suppressed]");
  if (hint) hint.hidden = !told.suppressed || isAway;
  isLive = told.state === "live";
  fade();
  for (const row of room.querySelectorAll("[data-share]")) {
    const share = told.shares?.[row.dataset.share];
    row.querySelector("[data-text]").textContent = share ? share.text : "–";
    row.querySelector(".fill").setAttribute("width", share ? 100 * share.share : 0);
  }
}

function fade() {
  const isOld = Date.now() - heardAt > OLD_AFTER_SECONDS * 1000;
  room.classList.toggle("is-old", isOld || !isLive);
}

function renewParts(kind) {
  for (const part of document.querySelectorAll(`[data-every="${kind}"]`)) renew(part);
}

if (lesson) {
  const id = encodeURIComponent(lesson.dataset.lesson);
  takeTaps(lesson);
  lesson.addEventListener("unsent", () => say("taps", true));
  lesson.addEventListener("renewed", () => say("taps", false));
  offerScanner(lesson);
  if (room?.querySelector("[data-figure]")) {
    let hasNews = false;
    follow(`/api/rooms/events?room_id=${encodeURIComponent(lesson.dataset.room)}`, {
      room: (data) => show(JSON.parse(data)),
      window: () => { hasNews = true; },
      end: comeAgain,
    });
    const redraw = () => {
      if (hasNews) renewParts("window");
      hasNews = false;
      setTimeout(redraw, CHART_MILLISECONDS);
    };
    // Windows end in all rooms at the same moment, and lessons begin so: not all pages ask then.
    setTimeout(redraw, Math.random() * CHART_MILLISECONDS);
    setInterval(fade, 5000);
  }
  const changed = (name) => (data) => {
    for (const part of document.querySelectorAll(`[data-event="${name}"]`)) {
      const shown = part.querySelector("[data-version]")?.dataset.version ?? "0";
      if (shown !== data) renew(part);
    }
  };
  follow(`/lessons/${id}/events`, {
    register: changed("register"),
    checkin: changed("checkin"),
    end: comeAgain,
  });
}
