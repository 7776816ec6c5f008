// Fragments: parts of a page that the server renders, fetched again when their data changes.

const pending = new WeakMap();

/** Fetch a fragment again; calls during a request are merged into one further request. */
export async function refresh(fragment) {
  if (pending.get(fragment)) {
    pending.set(fragment, "again");
    return;
  }
  pending.set(fragment, "fetching");
  try {
    await replaceContent(fragment, await fetchFragment(fragment.dataset.fragment), true);
  } catch {
    // the page stays as it is; the next change, or the restored connection, tries again
  }
  const isRequestedAgain = pending.get(fragment) === "again";
  pending.delete(fragment);
  if (isRequestedAgain) await refresh(fragment);
}

/** Send a form inside a fragment; the response is the updated fragment. */
export async function submitForm(form, submitter) {
  const fragment = form.closest("[data-fragment]");
  const body = new URLSearchParams(new FormData(form, submitter));
  fragment.setAttribute("aria-busy", "true");
  try {
    await replaceContent(fragment, await fetchFragment(form.action, { method: "POST", body }));
    // A scanner appends the next badge to what the field holds, also where this one was rejected.
    const badge = form.querySelector("#badge");
    if (badge) badge.value = "";
  } finally {
    fragment.removeAttribute("aria-busy");
  }
}

async function fetchFragment(url, options = {}) {
  const response = await fetch(url, {
    ...options,
    credentials: "same-origin",
    headers: { Accept: "text/html", "X-Homeroom-Fragment": "1" },
  });
  if (response.status === 401) location.reload();
  return response;
}

const versionOf = (root) => Number(root.querySelector("[data-version]")?.dataset.version ?? 0);

/** Replace a fragment's content; keep focus, open details and, unless submitted, typed text. */
async function replaceContent(fragment, response, keepsTypedText = false) {
  const html = await response.text();
  const hadFocus = fragment.contains(document.activeElement);
  const focusedId = document.activeElement?.id;
  const inputs = keepsTypedText ? [...fragment.querySelectorAll("input[id]:not([type=hidden])")] : [];
  const values = inputs.map((input) => [input.id, input.value]);
  const openIds = [...fragment.querySelectorAll("details[open]")].map((details) => details.id);
  const received = new DOMParser().parseFromString(html, "text/html").body;
  if (!response.ok && response.status !== 409) {
    const alert = received.querySelector("[role=alert]");
    if (!alert) throw new Error(`unexpected response: ${response.status}`);
    fragment.querySelector(":scope > [role=alert]")?.remove();
    fragment.prepend(alert);
    return;
  }
  if (versionOf(received) && versionOf(received) < versionOf(fragment)) return; // a newer one came first
  fragment.replaceChildren(...received.childNodes);
  for (const id of openIds) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, value] of values) {
    const input = document.getElementById(id);
    if (input) input.value = value;
  }
  if (focusedId) document.getElementById(focusedId)?.focus();
  if (hadFocus && !fragment.contains(document.activeElement)) fragment.focus();
  fragment.dispatchEvent(new CustomEvent("fragment-replaced", { bubbles: true }));
}

/** Send forms marked `data-inline-form` inside an element without leaving the page. */
export function enableInlineForms(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-inline-form]") || !form.closest("[data-fragment]")) return;
    event.preventDefault();
    const failure = new CustomEvent("form-failed", { bubbles: true });
    submitForm(form, event.submitter).catch(() => root.dispatchEvent(failure));
  });
}
