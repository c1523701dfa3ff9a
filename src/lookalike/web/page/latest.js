// A job that runs for the latest state, and never twice at once.
//
// However often `ask` is called, at most one run is active, and one more follows if the state has
// changed meanwhile. `drop` cancels a run whose result is not needed any more.

const RETRY = 1000; // milliseconds until a busy or silent server is asked again

export class Latest {
  #job;
  #pause;
  #failed;
  #timer = 0;
  #running = null;
  #wanted = false;

  // job(signal): reads the state itself. pause: milliseconds from the first change to the run.
  // failed(error): called with an error, or with null after a success.
  constructor(job, { pause = 0, failed }) {
    this.#job = job;
    this.#pause = pause;
    this.#failed = failed;
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
      if (!controller.signal.aborted) this.#failed(null);
    } catch (error) {
      if (!controller.signal.aborted) {
        this.#failed(error);
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
