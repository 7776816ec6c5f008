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
    await put(part, await ask(part.dataset.part), true);
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
    // A scanner types the next badge behind what is there, also where this one was refused.
    const badge = form.querySelector("#badge");
    if (badge) badge.value = "";
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

const versionOf = (root) => Number(root.querySelector("[data-version]")?.dataset.version ?? 0);

/** Put an answer in place of a part; what is being typed stays where the reader did not send it. */
async function put(part, answer, keepsTyped = false) {
  const html = await answer.text();
  const hadFocus = part.contains(document.activeElement);
  const focused = document.activeElement?.id;
  const fields = keepsTyped ? [...part.querySelectorAll("input[id]:not([type=hidden])")] : [];
  const values = fields.map((one) => [one.id, one.value]);
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  if (!answer.ok && answer.status !== 409) {
    const trouble = fresh.querySelector("[role=alert]");
    if (!trouble) throw new Error(`no answer of ours: ${answer.status}`);
    part.querySelector(":scope > [role=alert]")?.remove();
    part.prepend(trouble);
    return;
  }
  if (versionOf(fresh) && versionOf(fresh) < versionOf(part)) return; // overtaken on its way
  part.replaceChildren(...fresh.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, value] of values) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  if (focused) document.getElementById(focused)?.focus();
  if (hadFocus && !part.contains(document.activeElement)) part.focus();
  part.dispatchEvent(new CustomEvent("renewed", { bubbles: true }));
}

/** Let forms marked `data-tap` inside an element be sent without leaving the page. */
export function takeTaps(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-tap]") || !form.closest("[data-part]")) return;
    event.preventDefault();
    const unsent = new CustomEvent("unsent", { bubbles: true });
    send(form, event.submitter).catch(() => root.dispatchEvent(unsent));
  });
}
