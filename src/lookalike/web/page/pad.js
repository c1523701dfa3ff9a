// The pad: strokes drawn by mouse, finger, pen or keys, or the picture of a file.
//
// The history is a list of steps. The pad shows the strokes at its end, or a picture, or nothing
// after a clear; undo removes the last step. Strokes are stored in shares of the pad's side, drawn
// in the theme's colours on the screen, and sent black on white, or white on black if `isOnBlack`.

import { byId, speak } from "./dom.js";
import { shrunk } from "./pixels.js";

const SENT = 256; // side of a sent drawing in pixels
const MARGIN = 12; // white pixels at each edge, which show what is background
const NEAR = 0.003; // share of the side; nearer points are skipped
const STEP = 1 / 28; // share of the side that an arrow key moves
const READABLE = /^image\/(?!svg)/; // the server checks their content
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export class Pad {
  #report; // called after a change, and told whether answers to earlier requests are outdated
  #canvas = byId("pad");
  #picture = byId("picture");
  #steps = [];
  #stroke = null; // the current stroke
  #pointer = null;
  #keyed = true; // whether the keyboard controls the pad, not a pointer
  #pen = { x: 0.5, y: 0.5 }; // its position, moved by keys
  #frame = 0;
  isOnBlack = false;

  constructor(report) {
    this.#report = report;
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
    // Show sharp pixels if the picture is enlarged.
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

  // The picture to send: a blob, null, or a promise of a file that is shrunk first.
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
    // Not toBlob, which waits for an idle browser, in Chromium for up to a second.
    const bytes = atob(canvas.toDataURL("image/png").split(",")[1]);
    return new Blob([Uint8Array.from(bytes, (one) => one.charCodeAt(0))], { type: "image/png" });
  }

  show(file) {
    if (!READABLE.test(file.type)) {
      const name = file.name || "The file";
      throw new Error(`${name} is not a supported image; give a PNG, JPEG, WebP or GIF`);
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
    this.#report(anew);
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
    // Only a pen reports its pressure; all others count as one half.
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
      speak(this.#stroke ? "Pen down" : "Pen up", 0);
    } else return;
    event.preventDefault();
    this.#keyed = true;
    this.#showPen();
  }

  // The pen is a ring, shown while the keyboard controls the pad.
  #showPen() {
    const pen = byId("pen");
    byId("frame").dataset.keys = String(this.#keyed);
    pen.hidden = !this.#keyed || !this.#canvas.matches(":focus") || this.holds === "picture";
    pen.dataset.down = String(this.#stroke !== null);
    for (const axis of ["x", "y"]) pen.style.setProperty(`--${axis}`, this.#pen[axis]);
    pen.style.setProperty("--width", this.#width);
  }
}

// A stroke without corners: curves between the midpoints of points, with the points as controls.
// Consecutive parts of one width form one path.
function drawStroke(context, points, side) {
  const [first] = points;
  let { x, y, width } = first;
  const start = () => {
    context.lineWidth = width * side;
    context.beginPath();
    context.moveTo(x * side, y * side);
  };
  start();
  context.lineTo(x * side, y * side); // draws a dot if there is only one point
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
