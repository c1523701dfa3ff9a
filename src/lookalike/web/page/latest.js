// A job that runs for the latest state, and never twice at once.
//
// However often `ask` is called, at most one run is active, and one more follows if the state has
// changed meanwhile. `drop` cancels a run whose result is not needed any more.

import { complain, settle } from "./dom.js";

const RETRY = 1000; // milliseconds until a busy or silent server is asked again

export class Latest {
  #part;
  #job;
  #pause;
  #timer = 0;
  #running = null;
  #wanted = false;

  // part: of the page, whose errors are shown. job(signal): reads the state itself. pause:
  // milliseconds from the first change to the run.
  constructor(part, job, pause = 0) {
    this.#part = part;
    this.#job = job;
    this.#pause = pause;
  }

  ask(pause = this.#pause) {
    this.#wanted = true;
    if (!this.#running && !this.#timer) this.#timer = setTimeout(() => this.#run(), pause);
  }

  drop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#wanted = false;
    this.#running?.abort();
  }

  async #run() {
    this.#timer = 0;
    this.#wanted = false;
    const controller = new AbortController();
    this.#running = controller;
    let pause = this.#pause;
    try {
      await this.#job(controller.signal);
      if (!controller.signal.aborted) settle(this.#part);
    } catch (error) {
      if (!controller.signal.aborted) {
        complain(this.#part, error.message);
        if (error.passing) {
          this.#wanted = true;
          pause = RETRY;
        }
      }
    }
    this.#running = null;
    if (this.#wanted) this.ask(pause);
  }
}
