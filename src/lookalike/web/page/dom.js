// Small tools for all parts of the page. Names of classes and files are untrusted: set them as text
// only.

export const byId = (id) => document.getElementById(id);

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

// Reuse elements from answer to answer: bars then glide, and pictures do not flicker.
export function keep(parent, count, build) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(build());
  return [...parent.children];
}

// Round down, so that only 1 gives 100 %.
export function percent(share, digits = 1) {
  const scale = 10 ** digits;
  return `${(Math.floor(share * 100 * scale + 1e-6) / scale).toFixed(digits)} %`;
}

const figures = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const number = (value) => (Math.abs(value) < 1000 ? figures : whole).format(value);

export const either = (labels) =>
  labels.length < 2 ? labels.join("") : `${labels.slice(0, -1).join(", ")} or ${labels.at(-1)}`;

// Errors by part of the page; the line shows the latest that still holds.
const wrongs = new Map();

export function complain(part, message) {
  wrongs.delete(part);
  if (message) wrongs.set(part, message);
  const text = [...wrongs.values()].at(-1) ?? "";
  if (byId("error").textContent !== text) byId("error").textContent = text;
}

export const settle = (part) => complain(part, "");

// Announce a text to screen readers after a pause, instead of ten times a second during drawing.
let timer = 0;
export function speak(text, pause = 700) {
  clearTimeout(timer);
  timer = setTimeout(() => (byId("spoken").textContent = text), pause);
}
