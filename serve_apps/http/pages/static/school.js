// A school leader's page, kept up to date: rooms by their events, what changes slowly each minute.

import { comeAgain, follow } from "./events.js";
import { renew } from "./fragments.js";

const RENEW_MILLISECONDS = 60000;
const rooms = new Map();
for (const card of document.querySelectorAll("[data-room]")) rooms.set(card.dataset.room, card);

function show(told) {
  const card = rooms.get(told.room_id);
  if (!card) return;
  const text = told.people === null ? "–" : String(told.people);
  const figure = card.querySelector('[data-figure="people"]');
  if (figure.textContent !== text) figure.textContent = text;
  for (const pill of card.querySelectorAll("[data-state]")) {
    pill.hidden = pill.dataset.state !== told.state;
  }
  card.classList.toggle("is-old", told.state !== "live");
  const hint = card.querySelector("[data-suppressed]");
  if (hint) hint.hidden = !told.suppressed || !["live", "late"].includes(told.state);
  const away = document.querySelector("[data-no-numbers]");
  if (away) away.hidden = true;
}

if (rooms.size) {
  follow("/api/rooms/events", { room: (data) => show(JSON.parse(data)), end: comeAgain });
}
setInterval(() => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-part]")) {
    part.querySelector(":scope > [data-code]")?.remove(); // what went wrong a minute ago
    renew(part);
  }
}, RENEW_MILLISECONDS);
