// The noise slider: the picture in the model's form, with noise, and denoised again.

import * as api from "./api.js";
import { byId, either, percent, settle } from "./dom.js";
import { Latest } from "./latest.js";
import { addNoise, nested, normals, readPixels, toUrl } from "./pixels.js";

const slider = byId("noise");
let model = null;
let image = null; // data URL of the displayed answer's image
let deviates = new Float32Array();

const bench = new Latest("noise", run, 60);

slider.addEventListener("input", () => {
  byId("sigma").textContent = slider.value;
  update();
});

// url: the image of the answer, or null.
export function noiseOf(url, ofModel) {
  model = ofModel;
  byId("cleaned").hidden = !model.can_clean;
  image = url;
  update();
}

function update() {
  if (image && slider.valueAsNumber > 0) return bench.ask();
  bench.drop();
  settle("noise");
  show("noisy", null);
  show("cleaned", null);
}

async function run(signal) {
  const channels = model.image_shape[2] === 3 ? 3 : 1;
  const pixels = await readPixels(image);
  const count = pixels.width * pixels.height * channels;
  if (deviates.length !== count) deviates = normals(count);
  const sigma = slider.valueAsNumber;
  const noisy = addNoise(pixels, deviates, sigma, channels);
  const sent = nested(noisy, channels);
  const cleaning = model.can_clean ? api.clean([sent], signal) : null;
  const [said, cleaned] = await Promise.all([api.predict([sent], signal), cleaning]);
  if (signal.aborted) return;
  show("noisy", toUrl(noisy), said.answers[0]);
  if (!cleaned) return;
  const [url] = cleaned.images;
  const again = await api.predict([nested(await readPixels(url), channels)], signal);
  if (!signal.aborted) show("cleaned", url, again.answers[0], cleaned.noise);
}

function show(name, url, answer, noise = "") {
  byId(name).dataset.empty = String(!url);
  const picture = byId(`${name}-image`);
  picture.hidden = !url;
  if (url) picture.src = url;
  picture.alt = url ? (name === "noisy" ? "With noise" : "Cleaned") : "";
  byId(`${name}-answer`).textContent = either(answer?.candidates ?? []);
  const sure = answer?.sure ? percent(answer.probability) : "not sure";
  byId(`${name}-note`).textContent = answer ? sure : "";
  byId(name).title = noise && `Cleaned of ${noise}`;
}
