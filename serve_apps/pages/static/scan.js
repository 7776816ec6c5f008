// Badges, read with the device's own camera where the browser can. The picture stays in the page.

const LOOK_MILLISECONDS = 250;
const SAME_AGAIN_MILLISECONDS = 4000;

/** Show the button where the browser can read codes, also after its part was drawn anew. */
export function offerScanner(root) {
  if (!("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  let camera = null;

  const offer = () => {
    const place = root.querySelector("[data-scanner]");
    if (!place) return stop();
    place.hidden = false;
    if (camera) attach(place.querySelector("video"));
  };
  const attach = (video) => {
    video.srcObject = camera.stream;
    video.hidden = false;
    video.play();
  };
  const stop = () => {
    if (!camera) return;
    clearInterval(camera.timer);
    for (const track of camera.stream.getTracks()) track.stop();
    camera = null;
  };

  root.addEventListener("click", async (event) => {
    if (!event.target.closest("[data-scan]")) return;
    if (camera) {
      stop();
      root.querySelector("[data-scanner] video").hidden = true;
      return;
    }
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch(() => null);
    if (!stream) return;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    const seen = new Map();
    camera = { stream, timer: setInterval(() => look(detector, seen), LOOK_MILLISECONDS) };
    offer();
  });

  const look = async (detector, seen) => {
    const video = root.querySelector("[data-scanner] video");
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

  root.addEventListener("renewed", offer);
  addEventListener("pagehide", stop);
  offer();
}
