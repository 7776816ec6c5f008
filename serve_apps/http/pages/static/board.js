// The board, kept up to date by the lesson's versions.

import { comeAgain, follow } from "./events.js";
import { renew } from "./fragments.js";

const board = document.querySelector("[data-board]");
if (board) {
  follow(`/lessons/${encodeURIComponent(board.dataset.board)}/events`, {
    checkin: (data) => {
      for (const part of board.querySelectorAll("[data-part]")) {
        if (part.querySelector("[data-version]")?.dataset.version !== data) renew(part);
      }
    },
    end: comeAgain,
  });
}
