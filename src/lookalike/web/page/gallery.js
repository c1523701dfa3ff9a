// Several pictures at once, or those of a folder: answered a few at a time, in groups by class.

import * as api from "./api.js";
import { byId, either, make, number, percent, speak } from "./dom.js";
import { Latest } from "./latest.js";
import { shrunk } from "./pixels.js";

const AT_ONCE = 8; // pictures in a request
const MOST = 1000;
const DRAGGED = "text/x-lookalike-picture"; // the number of a picture that is dragged to a class
const READABLE = /^image\/(?!svg)/; // the server checks their content

export class Gallery {
  #open; // called with the file of a picture that is clicked
  #correct; // called with a class and the picture to send that was dragged there
  #pictures = []; // of each its file, its URL, what is sent, and the answer or an error
  #asking = new Latest("gallery", (signal) => this.#ask(signal));

  constructor(open, correct) {
    this.#open = open;
    this.#correct = correct;
    byId("gallery-close").addEventListener("click", () => this.close());
  }

  show(files) {
    this.close();
    this.#pictures = files.slice(0, MOST).map((file) => ({ file, url: URL.createObjectURL(file) }));
    byId("gallery-note").textContent =
      files.length > MOST ? `the first ${number(MOST)} of ${number(files.length)}` : "";
    byId("gallery-section").hidden = false;
    byId("gallery-section").scrollIntoView({ block: "start" });
    this.ask();
  }

  close() {
    this.#asking.drop();
    for (const { url } of this.#pictures) URL.revokeObjectURL(url);
    this.#pictures = [];
    byId("gallery").replaceChildren();
    byId("gallery-section").hidden = true;
  }

  // Ask about all pictures, as after a correction.
  ask() {
    if (!this.#pictures.length) return;
    this.#asking.drop();
    this.#asking.ask();
  }

  async #ask(signal) {
    byId("gallery-section").setAttribute("aria-busy", "true");
    const pictures = this.#pictures;
    for (let i = 0; i < pictures.length; i += AT_ONCE) {
      const some = pictures.slice(i, i + AT_ONCE);
      await Promise.all(some.map(async (one) => (one.sent ??= await shrunk(one.file))));
      await answer(some, signal);
      if (signal.aborted) return;
      this.#draw();
    }
    byId("gallery-section").removeAttribute("aria-busy");
    speak(`${number(pictures.length)} pictures are answered`, 0);
  }

  // Groups by class, the doubtful pictures first, then those that wait or cannot be read.
  #draw() {
    const groups = new Map();
    for (const one of this.#pictures) {
      const name = one.answer?.label ?? one.error ?? "…";
      groups.set(name, [...(groups.get(name) ?? []), one]);
    }
    const rank = ([, [{ answer, error }]]) => (answer ? 0 : error ? 1 : 2);
    const sorted = [...groups].sort(
      (one, other) => rank(one) - rank(other) || one[0].localeCompare(other[0]),
    );
    byId("gallery").replaceChildren(...sorted.map(([name, own]) => this.#group(name, own)));
  }

  #group(name, pictures) {
    const group = make("section");
    if (pictures[0].answer) this.#receive(group, name);
    const title = make("h3", "", name);
    title.append(" ", make("span", "quiet", number(pictures.length)));
    const list = make("ol");
    pictures.sort((one, other) => (one.answer?.probability ?? 0) - (other.answer?.probability ?? 0));
    list.append(...pictures.map((one) => this.#tile(one)));
    group.append(title, list);
    return group;
  }

  #receive(group, label) {
    for (const kind of ["dragover", "dragleave", "drop"]) {
      group.addEventListener(kind, (event) => {
        if (!event.dataTransfer.types.includes(DRAGGED)) return;
        event.preventDefault();
        event.stopPropagation();
        group.dataset.drop = String(kind === "dragover");
        if (kind !== "drop") return;
        const one = this.#pictures[Number(event.dataTransfer.getData(DRAGGED))];
        if (one && one.answer?.label !== label) this.#correct(label, one.sent);
      });
    }
  }

  #tile(one) {
    const { file, url, answer } = one;
    const tile = make("li");
    tile.draggable = true;
    tile.addEventListener("dragstart", ({ dataTransfer }) =>
      dataTransfer.setData(DRAGGED, this.#pictures.indexOf(one)),
    );
    const button = make("button");
    const image = make("img");
    const said = answer ? percent(answer.probability, 0) : "";
    button.type = "button";
    button.title = answer && !answer.sure ? `${file.name}: ${either(answer.candidates)}?` : file.name;
    button.dataset.sure = String(answer?.sure ?? true);
    image.src = url;
    image.draggable = false; // the tile is
    image.alt = file.name;
    button.append(image, make("span", "share", said));
    button.addEventListener("click", () => {
      this.#open(file);
      byId("stage").scrollIntoView({ block: "start" });
    });
    tile.append(button);
    return tile;
  }
}

// A picture that cannot be read makes a whole request fail: then each is sent alone.
async function answer(pictures, signal) {
  try {
    const { answers } = await api.answer(pictures.map(({ sent }) => sent), signal);
    pictures.forEach((one, i) => (one.answer = answers[i]));
  } catch (error) {
    if (signal.aborted || error.passing || error.status === 401) throw error;
    if (pictures.length > 1) for (const one of pictures) await answer([one], signal);
    else pictures[0].error = error.message;
  }
}

// The pictures that were dropped, with those in folders.
export async function dropped({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...files];
  const found = await Promise.all(entries.map(below));
  return found.flat().filter((file) => READABLE.test(file.type));
}

async function below(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // It gives at most a hundred at a time.
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const one of some) found.push(...(await below(one)));
  }
}
