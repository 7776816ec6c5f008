// Reads badges with the device's own camera where the browser can. No image leaves the page.

const SCAN_MILLISECONDS = 250;
const IGNORE_SAME_MILLISECONDS = 4000;

/** Show the button where the browser can read codes, also after its fragment was replaced. */
export function enableScanner(root) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  let camera = null;
  let isStarting = false;

  const findScanner = () => root.querySelector("[data-scanner]");

  const update = () => {
    const scanner = findScanner();
    if (!scanner) return stop();
    scanner.hidden = false;
    scanner.querySelector("[data-scan]").setAttribute("aria-pressed", String(camera !== null));
    const video = scanner.querySelector("video");
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
    if (findScanner()) update();
  };

  const start = async () => {
    if (isStarting) return;
    isStarting = true;
    const constraints = { video: { facingMode: "environment" } };
    const stream = await navigator.mediaDevices.getUserMedia(constraints).catch(() => null);
    isStarting = false;
    const notice = findScanner()?.querySelector("[data-scan-denied]");
    if (notice) notice.hidden = stream !== null;
    if (!stream) return;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    const lastSeenAt = new Map();
    camera = { stream, timer: setInterval(() => scan(detector, lastSeenAt), SCAN_MILLISECONDS) };
    update();
  };

  const scan = async (detector, lastSeenAt) => {
    const video = findScanner()?.querySelector("video");
    if (!video || video.readyState < 2) return;
    const codes = await detector.detect(video).catch(() => []);
    for (const { rawValue } of codes) {
      if (Date.now() - (lastSeenAt.get(rawValue) ?? 0) < IGNORE_SAME_MILLISECONDS) continue;
      lastSeenAt.set(rawValue, Date.now());
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
  root.addEventListener("fragment-replaced", update);
  addEventListener("pagehide", stop);
  update();
}
