// The pad: strokes of mouse, finger, pen or keys, or the picture of a file.
//
// What was done is a list of steps, and what the pad holds follows from its end: the strokes there,
// or a picture, or nothing after a clear. To undo is to take the last step away. Strokes are kept
// in shares of the pad's side, drawn in the theme's colours on the screen, and sent black on white,
// or white on black where `isOnBlack`.

import { byId } from "./dom.js";
import { shrunk } from "./pixels.js";

const SENT = 256; // pixels, the side of a drawing as it is sent
const MARGIN = 12; // of them are left white at each edge, so that paper can be told from ink
const NEAR = 0.003; // of the side: points nearer than this to the last are left out
const STEP = 1 / 28; // of the arrow keys
const READABLE = /^image\/(?!svg)/; // what of these is no picture, the server tells by its content
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export class Pad extends EventTarget {
  #canvas = byId("pad");
  #picture = byId("picture");
  #steps = [];
  #stroke = null; // the one that is being drawn
  #pointer = null;
  #keyed = true; // whether the keyboard has the pad, rather than a pointer
  #pen = { x: 0.5, y: 0.5 }; // where the keys have moved it
  #frame = 0;
  isOnBlack = false;

  constructor() {
    super();
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#lift(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.#showPen());
    canvas.addEventListener("blur", () => {
      this.#keyed = true;
      this.#letGo();
    });
    byId("width").addEventListener("input", () => this.#showPen());
    // Pixels are shown as such where they are enlarged.
    this.#picture.addEventListener("load", ({ target }) => {
      target.dataset.small = String(target.naturalWidth < target.clientWidth);
    });
    new ResizeObserver(() => this.#redraw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#redraw());
  }

  // "nothing", "drawing" or "picture"
  get holds() {
    const last = this.#steps.at(-1);
    if (last?.points) return "drawing";
    return last?.file ? "picture" : "nothing";
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  // What to send, or null, or the promise of a file that is shrunk first.
  blob() {
    if (this.holds === "picture") return this.#steps.at(-1).sent;
    if (this.holds === "nothing") return null;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SENT;
    const context = canvas.getContext("2d");
    const [ground, ink] = this.isOnBlack ? ["black", "white"] : ["white", "black"];
    context.fillStyle = ground;
    context.fillRect(0, 0, SENT, SENT);
    context.translate(MARGIN, MARGIN);
    this.#draw(context, SENT - 2 * MARGIN, ink);
    // At once: toBlob waits for the browser to be idle, in Chromium for up to a second.
    const bytes = atob(canvas.toDataURL("image/png").split(",")[1]);
    return new Blob([Uint8Array.from(bytes, (one) => one.charCodeAt(0))], { type: "image/png" });
  }

  show(file) {
    if (!READABLE.test(file.type)) {
      const name = file.name || "What was given";
      throw new Error(`${name} is no image that can be read here; give a PNG, JPEG, WebP or GIF`);
    }
    this.#letGo();
    this.#steps.push({ file, sent: shrunk(file), url: URL.createObjectURL(file) });
    this.#changed(true);
  }

  clear() {
    this.#letGo();
    if (this.holds === "nothing") return;
    this.#steps.push({});
    this.#changed(true);
  }

  undo() {
    this.#letGo();
    const last = this.#steps.pop();
    if (!last) return;
    if (last.url) URL.revokeObjectURL(last.url);
    this.#changed(true);
  }

  focus() {
    const shown = this.#canvas.clientWidth > 0;
    (shown ? this.#canvas : byId("file")).focus({ preventScroll: true });
  }

  // anew: what was asked before is not worth an answer any more
  #changed(anew = false) {
    const { holds } = this;
    byId("frame").dataset.holds = holds;
    const url = holds === "picture" ? this.#steps.at(-1).url : "";
    this.#picture.hidden = !url;
    if (url && this.#picture.src !== url) {
      this.#picture.src = url;
      this.#picture.alt = this.#steps.at(-1).file.name || "The pasted picture";
    }
    this.#redraw();
    this.dispatchEvent(new CustomEvent("change", { detail: { anew } }));
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const canvas = this.#canvas;
      const side = Math.round(canvas.clientWidth * devicePixelRatio);
      if (canvas.width !== side) canvas.width = canvas.height = side;
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, side, side);
      if (this.holds === "drawing") this.#draw(context, side, getComputedStyle(canvas).color);
      this.#showPen();
    });
  }

  #draw(context, side, colour) {
    context.strokeStyle = colour;
    context.lineCap = context.lineJoin = "round";
    const first = this.#steps.findLastIndex((step) => !step.points) + 1;
    for (const { points } of this.#steps.slice(first)) drawStroke(context, points, side);
  }

  #begin(point) {
    this.#stroke = { points: [point] };
    this.#steps.push(this.#stroke);
    this.#changed();
  }

  #extend(point) {
    const { points } = this.#stroke;
    const last = points.at(-1);
    if (Math.hypot(point.x - last.x, point.y - last.y) < NEAR) return;
    points.push(point);
    this.#changed();
  }

  #letGo() {
    this.#stroke = null;
    this.#pointer = null;
    this.#showPen();
  }

  get #width() {
    return byId("width").valueAsNumber / 100;
  }

  #at(event) {
    const box = this.#canvas.getBoundingClientRect();
    // Only a pen tells how hard it is pressed; one half is the pressure of all others.
    const pressure = event.pointerType === "pen" ? event.pressure : 0.5;
    return {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
      width: this.#width * (0.5 + pressure),
    };
  }

  #press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    this.#keyed = false;
    this.focus();
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#begin(this.#at(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents();
    for (const one of events.length ? events : [event]) this.#extend(this.#at(one));
  }

  #lift(event) {
    if (event.pointerId === this.#pointer) this.#letGo();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = ARROWS[event.key];
    if (way) {
      const step = event.shiftKey ? 4 * STEP : STEP;
      this.#pen.x = Math.min(1, Math.max(0, this.#pen.x + step * way[0]));
      this.#pen.y = Math.min(1, Math.max(0, this.#pen.y + step * way[1]));
      if (this.#stroke) this.#extend({ ...this.#pen, width: this.#width });
    } else if (event.key === " ") {
      if (this.#stroke) this.#stroke = null;
      else this.#begin({ ...this.#pen, width: this.#width });
      const said = this.#stroke ? "Pen down" : "Pen up";
      this.dispatchEvent(new CustomEvent("pen", { detail: said }));
    } else return;
    event.preventDefault();
    this.#keyed = true;
    this.#showPen();
  }

  // The pen is a ring, shown where the keyboard has the pad.
  #showPen() {
    const pen = byId("pen");
    byId("frame").dataset.keys = String(this.#keyed);
    pen.hidden = !this.#keyed || !this.#canvas.matches(":focus") || this.holds === "picture";
    pen.dataset.down = String(this.#stroke !== null);
    for (const axis of ["x", "y"]) pen.style.setProperty(`--${axis}`, this.#pen[axis]);
    pen.style.setProperty("--width", this.#width);
  }
}

// From middle to middle of the points, bent by the point between: a stroke without corners. What has
// one width is one path.
function drawStroke(context, points, side) {
  const [first] = points;
  let { x, y, width } = first;
  const start = () => {
    context.lineWidth = width * side;
    context.beginPath();
    context.moveTo(x * side, y * side);
  };
  start();
  context.lineTo(x * side, y * side); // a point, if it is all
  points.slice(1).forEach((next, i) => {
    const bend = points[i];
    if (bend.width !== width) {
      context.stroke();
      ({ width } = bend);
      start();
    }
    x = (bend.x + next.x) / 2;
    y = (bend.y + next.y) / 2;
    context.quadraticCurveTo(bend.x * side, bend.y * side, x * side, y * side);
  });
  const last = points.at(-1);
  context.lineTo(last.x * side, last.y * side);
  context.stroke();
}
