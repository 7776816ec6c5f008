// The page of a school: rooms are updated by their events, the rest is refreshed each minute.

import { reloadIfDenied, subscribe } from "./events.js";
import { refresh } from "./fragments.js";

const REFRESH_MILLISECONDS = 60000;
const cards = new Map();
for (const card of document.querySelectorAll("[data-room]")) cards.set(card.dataset.room, card);

function updateCard(snapshot) {
  const card = cards.get(snapshot.room_id);
  if (!card) return;
  const text = snapshot.people === null ? "–" : String(snapshot.people);
  const count = card.querySelector('[data-count="people"]');
  if (count.textContent !== text) count.textContent = text;
  for (const pill of card.querySelectorAll("[data-state]")) {
    pill.hidden = pill.dataset.state !== snapshot.state;
  }
  card.classList.toggle("is-stale", snapshot.state !== "live");
  const isHeadcount = snapshot.suppressed && ["live", "late"].includes(snapshot.state);
  const hint = card.querySelector("[data-suppressed]");
  if (hint) hint.hidden = !isHeadcount || snapshot.people >= Number(hint.dataset.suppressed);
  const notice = document.querySelector("[data-counts-unavailable]");
  if (notice) notice.hidden = true;
}

if (cards.size) {
  subscribe("/api/rooms/events", { room: (data) => updateCard(JSON.parse(data)), end: reloadIfDenied });
}
setInterval(() => {
  if (document.hidden) return;
  for (const fragment of document.querySelectorAll("[data-fragment]")) {
    fragment.querySelector(":scope > [data-code]")?.remove(); // an error of the previous refresh
    refresh(fragment);
  }
}, REFRESH_MILLISECONDS);
