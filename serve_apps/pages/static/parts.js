// Parts of a page that the server draws: asked for anew when something changed, and put in place.

const busy = new WeakMap();

/** Ask for a part anew; while one answer is awaited, one more question waits behind it. */
export async function renew(part) {
  if (busy.get(part)) {
    busy.set(part, "again");
    return;
  }
  busy.set(part, "asking");
  try {
    await put(part, await ask(part.dataset.part));
  } catch {
    // the page stays as it is; the next change, or the connection's return, asks again
  }
  const again = busy.get(part) === "again";
  busy.delete(part);
  if (again) await renew(part);
}

/** Send a form that belongs to a part; the answer is the part as it is now. */
export async function send(form, submitter) {
  const part = form.closest("[data-part]");
  const body = new URLSearchParams(new FormData(form, submitter));
  part.setAttribute("aria-busy", "true");
  try {
    await put(part, await ask(form.action, { method: "POST", body }));
  } finally {
    part.removeAttribute("aria-busy");
  }
}

async function ask(address, options = {}) {
  const answer = await fetch(address, {
    ...options,
    credentials: "same-origin",
    headers: { Accept: "text/html", "X-Homeroom-Fragment": "1" },
  });
  if (answer.status === 401) location.reload();
  return answer;
}

async function put(part, answer) {
  const html = await answer.text();
  const focused = document.activeElement?.id;
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  if (!answer.ok && answer.status !== 409) {
    part.prepend(...fresh.childNodes);
    return;
  }
  part.replaceChildren(...fresh.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  part.dispatchEvent(new CustomEvent("renewed", { bubbles: true }));
}

/** Let forms marked `data-tap` inside an element be sent without leaving the page. */
export function takeTaps(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-tap]") || !form.closest("[data-part]")) return;
    event.preventDefault();
    send(form, event.submitter).catch(() => form.submit());
  });
}
