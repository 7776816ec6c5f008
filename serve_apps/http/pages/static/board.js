// The board, refreshed when the version of its check-in changes.

import { reloadIfDenied, subscribe } from "./events.js";
import { refresh } from "./fragments.js";

const board = document.querySelector("[data-board]");
if (board) {
  subscribe(`/lessons/${encodeURIComponent(board.dataset.board)}/events`, {
    checkin: (version) => {
      for (const fragment of board.querySelectorAll("[data-fragment]")) {
        if (fragment.querySelector("[data-version]")?.dataset.version !== version) refresh(fragment);
      }
    },
    end: reloadIfDenied,
  });
}
