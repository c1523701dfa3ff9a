// Small tools that all parts of the page share. Names of classes and files come from others: they
// are only ever set as text.

export const byId = (id) => document.getElementById(id);

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

// Elements are kept from answer to answer: bars glide, and pictures do not flicker.
export function keep(parent, count, build) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(build());
  return [...parent.children];
}

// Rounded down, so that 100 % is certainty.
export function percent(share, digits = 1) {
  const scale = 10 ** digits;
  return `${(Math.floor(share * 100 * scale + 1e-6) / scale).toFixed(digits)} %`;
}

const figures = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const number = (value) => (Math.abs(value) < 1000 ? figures : whole).format(value);

export const either = (labels) =>
  labels.length < 2 ? labels.join("") : `${labels.slice(0, -1).join(", ")} or ${labels.at(-1)}`;

// What went wrong in which part of the page; the line shows the latest that still holds.
const wrongs = new Map();

export function complain(part, message) {
  wrongs.delete(part);
  wrongs.set(part, message);
  showWrongs();
}

export function settle(part) {
  if (wrongs.delete(part)) showWrongs();
}

function showWrongs() {
  const text = [...wrongs.values()].at(-1) ?? "";
  if (byId("error").textContent !== text) byId("error").textContent = text;
}

// Read out once things are calm, rather than ten times a second while one draws.
let timer = 0;
export function speak(text, pause = 700) {
  clearTimeout(timer);
  timer = setTimeout(() => (byId("spoken").textContent = text), pause);
}
