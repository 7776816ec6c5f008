// Badges, read with the device's own camera where the browser can. The picture stays in the page.

const LOOK_MILLISECONDS = 250;
const SAME_AGAIN_MILLISECONDS = 4000;

/** Show the button where the browser can read codes, also after its part was drawn anew. */
export function offerScanner(root) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  let camera = null;
  let isStarting = false;

  const place = () => root.querySelector("[data-scanner]");

  const show = () => {
    const there = place();
    if (!there) return stop();
    there.hidden = false;
    there.querySelector("[data-scan]").setAttribute("aria-pressed", String(camera !== null));
    const video = there.querySelector("video");
    video.hidden = camera === null;
    if (camera && video.srcObject !== camera.stream) {
      video.srcObject = camera.stream;
      video.play();
    }
  };

  const stop = () => {
    if (!camera) return;
    clearInterval(camera.timer);
    for (const track of camera.stream.getTracks()) track.stop();
    camera = null;
    if (place()) show();
  };

  const start = async () => {
    if (isStarting) return;
    isStarting = true;
    const wanted = { video: { facingMode: "environment" } };
    const stream = await navigator.mediaDevices.getUserMedia(wanted).catch(() => null);
    isStarting = false;
    const refused = place()?.querySelector("[data-scan-refused]");
    if (refused) refused.hidden = stream !== null;
    if (!stream) return;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    const seen = new Map();
    camera = { stream, timer: setInterval(() => look(detector, seen), LOOK_MILLISECONDS) };
    show();
  };

  const look = async (detector, seen) => {
    const video = place()?.querySelector("video");
    if (!video || video.readyState < 2) return;
    const codes = await detector.detect(video).catch(() => []);
    for (const { rawValue } of codes) {
      if (Date.now() - (seen.get(rawValue) ?? 0) < SAME_AGAIN_MILLISECONDS) continue;
      seen.set(rawValue, Date.now());
      const field = root.querySelector("#badge");
      if (!field) return;
      field.value = rawValue;
      field.form.requestSubmit();
    }
  };

  root.addEventListener("click", (event) => {
    if (!event.target.closest("[data-scan]")) return;
    if (camera) stop();
    else start();
  });
  // `toggle` does not bubble.
  root.addEventListener("toggle", (event) => event.target.id === "badges" && !event.target.open && stop(), true);
  root.addEventListener("renewed", show);
  addEventListener("pagehide", stop);
  show();
}
