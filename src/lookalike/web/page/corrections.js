// "This is a …": corrections of pictures, made in this tab and in others, and their saving.

import * as api from "./api.js";
import { byId, complain, make, settle, speak } from "./dom.js";
import { Latest } from "./latest.js";

const EVERY = 5000; // milliseconds between checks for corrections of other tabs

export class Corrections {
  #picture; // returns the picture to correct: a Blob, null or a promise
  #changed; // called when the corrections of the model have changed, also through other tabs
  #known = ""; // the listed corrections
  #busy = false;

  constructor(picture, changed) {
    this.#picture = picture;
    this.#changed = changed;
    const refresh = new Latest("samples", (signal) => this.#refresh(signal));
    this.refresh = () => refresh.ask();
    setInterval(() => document.visibilityState === "visible" && this.refresh(), EVERY);
    addEventListener("focus", this.refresh);
    document.addEventListener("visibilitychange", this.refresh);
    byId("save").addEventListener("click", () => this.save());
    byId("new-label").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = byId("new-name").value.trim();
      if (name) this.add(name).then((added) => added && (byId("new-name").value = ""));
    });
  }

  add(label, given = null) {
    return this.#write(async () => {
      const picture = given ?? (await this.#picture());
      if (!picture) throw new Error("There is no picture yet; draw one first, or choose an image");
      await api.add(picture, label);
      speak(`Added as ${label}`, 0);
    });
  }

  undo({ id, label }) {
    return this.#write(async () => {
      await api.remove(id);
      speak(`Undid ${label}`, 0);
    });
  }

  save() {
    if (byId("save").disabled) return null;
    return this.#write(async () => {
      const { file } = await api.save();
      speak(`Saved ${file}`, 0);
    });
  }

  showLabels(labels) {
    const buttons = labels.map((label) => {
      const button = make("button", "", label);
      button.type = "button";
      button.dataset.label = label;
      button.addEventListener("click", () => this.add(label));
      return button;
    });
    byId("labels").dataset.brief = String(labels.every((label) => label.length < 3));
    byId("labels").replaceChildren(...buttons);
  }

  // One at a time, so that a double click makes one correction. Returns whether it succeeded.
  async #write(job) {
    if (this.#busy) return false;
    this.#busy = true;
    byId("teach").setAttribute("aria-busy", "true");
    try {
      await job();
      settle("write");
      return true;
    } catch (error) {
      complain("write", error.message);
      return false;
    } finally {
      this.#busy = false;
      byId("teach").removeAttribute("aria-busy");
      this.refresh();
    }
  }

  async #refresh(signal) {
    const { samples, unsaved } = await api.samples(signal);
    byId("unsaved").textContent = unsaved ? `${unsaved} unsaved` : "";
    byId("save").disabled = unsaved === 0;
    const known = JSON.stringify(samples.map(({ id, label, saved }) => [id, label, saved]));
    if (known === this.#known) return;
    const first = this.#known === "";
    this.#known = known;
    this.#list(samples);
    if (!first) this.#changed();
  }

  #list(samples) {
    const focused = document.activeElement?.closest("#corrections li")?.dataset.id;
    byId("corrections-count").textContent = samples.length || "";
    byId("no-corrections").hidden = samples.length > 0;
    byId("corrections").replaceChildren(...samples.toReversed().map((one) => this.#item(one)));
    if (focused === undefined) return;
    // The focused button may be gone; the next one takes the focus.
    const list = byId("corrections");
    const same = [...list.children].find((item) => item.dataset.id === focused);
    ((same ?? list.firstElementChild)?.querySelector("button") ?? byId("pad")).focus();
  }

  #item(sample) {
    const item = make("li");
    item.dataset.id = sample.id;
    item.dataset.saved = String(sample.saved);
    const image = make("img");
    image.src = sample.image;
    image.alt = "";
    const label = make("strong", "label", sample.label);
    label.title = sample.label;
    const button = make("button", "", "Undo");
    button.type = "button";
    button.dataset.undo = sample.id;
    button.setAttribute("aria-label", `Undo ${sample.label}`);
    button.addEventListener("click", () => this.undo(sample));
    item.append(image, label, make("span", "quiet", sample.saved ? "saved" : "unsaved"), button);
    return item;
  }
}
