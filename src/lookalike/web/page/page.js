// The page of `lookalike serve`: it sends drawings to the server and shows the answers.

import * as api from "./api.js";
import { showAnswer } from "./answer.js";
import { Corrections } from "./corrections.js";
import { byId, complain, make, number, settle, speak } from "./dom.js";
import { Gallery, dropped } from "./gallery.js";
import { Latest } from "./latest.js";
import { noiseOf } from "./noise.js";
import { Pad } from "./pad.js";

let model = null;
const pad = new Pad(changed);
const gallery = new Gallery(choose, (label, picture) => corrections.add(label, picture));
const corrections = new Corrections(
  () => pad.blob(),
  () => {
    learning.ask();
    gallery.ask();
  },
);

const asking = new Latest("answer", ask, 60);
const learning = new Latest("model", learn);

async function ask(signal) {
  const picture = await pad.blob();
  if (!picture || !model || signal.aborted) return;
  try {
    const { answers, seconds } = await api.explain(picture, signal);
    if (!signal.aborted) await show(answers[0], seconds);
  } catch (error) {
    // The displayed answer is about another picture.
    if (!signal.aborted && !error.passing) await show(null);
    throw error;
  }
}

async function show(answer, seconds = 0) {
  noiseOf(answer?.image ?? null, model);
  await showAnswer(answer, model, seconds);
}

async function learn(signal) {
  const first = model === null;
  const before = String(model?.class_names);
  model = await api.model(signal);
  const { class_names, n_samples, image_shape, estimator, source, file } = model;
  const [images, classes] = [`${number(n_samples)} images`, `${class_names.length} classes`];
  const facts = [file, source, images, classes, estimator];
  byId("model").replaceChildren(...facts.filter(Boolean).map((fact) => make("span", "", fact)));
  byId("seen-caption").textContent = `As the model sees it, ${image_shape[1]}\u00a0×\u00a0${image_shape[0]}`;
  document.body.dataset.of = model.can_draw ? "strokes" : "photographs"; // hides the other elements
  pad.isOnBlack = !model.form.strokes && model.form.ground < 128; // strokes are found on any ground
  // Photographs are recognised better in their original form than in few pixels.
  if (first && !model.can_draw) document.querySelector("[name=view][value=image]").checked = true;
  byId("label-keys").hidden = !class_names.some((name) => [...name].length === 1);
  if (String(class_names) !== before) corrections.showLabels(class_names);
  if (first) await show(null);
  changed();
}

function changed(anew = false) {
  const { holds } = pad;
  byId("undo").disabled = !pad.canUndo;
  byId("clear").disabled = holds === "nothing";
  if (anew) asking.drop();
  if (holds !== "nothing") asking.ask();
  else if (model) {
    settle("answer");
    speak("Cleared", 0);
    show(null);
  }
}

function choose(file) {
  if (!file) return;
  try {
    pad.show(file);
    settle("file");
  } catch (error) {
    complain("file", error.message);
  }
}

function chooseAll(files) {
  if (files.length > 1) gallery.show(files);
  else choose(files[0]);
}

byId("undo").addEventListener("click", () => pad.undo());
byId("clear").addEventListener("click", () => pad.clear());

byId("frame").addEventListener("click", () => {
  if (model && !model.can_draw) byId("file").click();
});

byId("file").addEventListener("change", ({ target }) => {
  chooseAll([...target.files]);
  target.value = ""; // the same file may be chosen again
});

addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (!files.length) return;
  event.preventDefault();
  chooseAll(files);
  pad.focus();
});

// The whole page accepts drops; otherwise the browser would leave it and open the image.
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    byId("frame").dataset.drop = String(kind === "dragover");
    if (kind !== "drop") return;
    dropped(event.dataTransfer).then(chooseAll);
    pad.focus();
  });
}

// Keys of one character work only around the pad: elsewhere the browser or voice control uses them.
addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (target.closest("dialog, input:not([type=range], [type=file], [type=radio])")) return;
  const chord = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  const near = target.closest("#stage, #teach") !== null;
  if (chord && key === "z") pad.undo();
  else if (chord && key === "s") corrections.save();
  else if (plain && ["Delete", "Escape"].includes(key)) pad.clear();
  else if (plain && near && key !== " " && model?.class_names.includes(key)) corrections.add(key);
  else return;
  event.preventDefault();
});

learning.ask();
corrections.refresh();
