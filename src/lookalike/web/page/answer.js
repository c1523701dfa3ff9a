// The answer: the class, the bars of the vote, and the training images that support it.

import { byId, either, keep, make, number, percent, speak } from "./dom.js";
import { brightness, readPixels } from "./pixels.js";

const SVG = "http://www.w3.org/2000/svg";
const N_CARDS = 6;
const FEW = 12; // up to this many classes keep their places; more are sorted by votes
const LEAST = 0.35; // share of the full contrast; moves of pixels without ink mean nothing
const GRID = 28; // most arrows along a side

let last = null;

// answer: an answer of /explain, or null
export async function showAnswer(answer, model, seconds) {
  last = answer;
  const box = byId("answer");
  box.dataset.state = answer ? (answer.sure ? "sure" : "unsure") : "nothing";
  box.dataset.answer = answer?.label ?? "";
  const verdict = answer ? either(answer.candidates) : "–";
  byId("kind").textContent = answer ? (answer.sure ? "This is" : "Not sure:") : "No picture yet";
  byId("verdict").textContent = verdict;
  byId("verdict").title = verdict;
  // Chinese, Japanese and Korean characters and emoji are twice as wide.
  const width = [...verdict].reduce((sum, one) => sum + (one > "\u2e7f" ? 2 : 1), 0);
  byId("verdict").dataset.length = width < 3 ? "short" : width < 12 ? "mid" : "long";
  byId("certainty").textContent = answer ? certainty(answer) : "";
  byId("reason").textContent = answer?.reason ?? "";
  byId("speed").textContent = answer ? `answered in ${number(1000 * seconds)} ms` : "";
  const seen = byId("seen-image");
  seen.hidden = !answer;
  if (answer) {
    if (seen.src !== answer.image) seen.src = answer.image;
    seen.alt = "Your picture in the model’s form";
    const unsure = ["Not sure", verdict, answer.reason].filter(Boolean).join(": ");
    speak(answer.sure ? `${verdict}, ${percent(answer.probability, 0)}` : unsure);
  }
  showBars(answer, model);
  await showNeighbors(answer);
}

const certainty = ({ sure, probability, candidates, probabilities }) =>
  sure
    ? percent(probability)
    : candidates.map((label) => percent(probabilities[label] ?? 0, 0)).join(" · ");

function showBars(answer, model) {
  const votes = model.class_names.map((label) => [label, answer?.probabilities[label] ?? 0]);
  if (votes.length > FEW) votes.sort((one, other) => other[1] - one[1]);
  const bars = byId("bars");
  // Scrolling content must be reachable by keyboard.
  bars.tabIndex = votes.length > FEW ? 0 : -1;
  byId("threshold").textContent = `sure from ${percent(model.reject, 0)}`;
  bars.style.setProperty("--reject", model.reject);
  const rows = keep(bars, votes.length, () => {
    const row = make("li");
    row.append(make("span", "name"), make("span", "bar"), make("span", "value"));
    return row;
  });
  rows.forEach((row, i) => {
    const [label, share] = votes[i];
    const [name, bar, value] = row.children;
    row.dataset.class = label;
    row.dataset.top = String(Boolean(answer?.candidates.includes(label)));
    name.textContent = label;
    name.title = label;
    bar.style.setProperty("--share", share);
    value.textContent = answer ? percent(share, share < 0.0005 || share === 1 ? 0 : 1) : "";
  });
}

async function showNeighbors(answer) {
  const neighbors = answer?.neighbors ?? [];
  const changed = neighbors.some((one) => one.compared !== one.image);
  const moved = neighbors.some((one) => one.displacement);
  byId("views").hidden = !changed && !moved;
  const compared = document.querySelector("[name=view]:checked").value === "compared";
  byId("moves-key").dataset.shown = String(moved && compared);
  const cards = keep(byId("neighbors"), neighbors.length || N_CARDS, makeCard);
  await Promise.all(cards.map((card, i) => fillCard(card, neighbors[i], answer, compared)));
}

function makeCard() {
  const card = make("li");
  const picture = make("div", "picture");
  const arrows = document.createElementNS(SVG, "svg");
  arrows.setAttribute("aria-hidden", "true");
  arrows.append(document.createElementNS(SVG, "path"));
  picture.append(make("img"), arrows);
  const line = make("p", "line");
  line.append(make("strong", "label"), make("span", "share"));
  card.append(picture, make("span", "bar"), line, make("p", "facts"), make("p", "marks"));
  return card;
}

async function fillCard(card, neighbor, answer, compared) {
  const [picture, bar, line, facts, marks] = card.children;
  const [image, arrows] = picture.children;
  card.dataset.empty = String(!neighbor);
  image.hidden = !neighbor;
  bar.style.setProperty("--share", neighbor?.share ?? 0);
  line.children[0].textContent = neighbor?.label ?? "";
  line.children[0].title = neighbor?.label ?? "";
  line.children[1].textContent = neighbor ? percent(neighbor.share, 0) : "";
  facts.textContent = neighbor ? `distance ${number(neighbor.distance)}` : "";
  marks.replaceChildren();
  if (!neighbor) {
    arrows.toggleAttribute("hidden", true);
    picture.dataset.moved = "false";
    delete card.dataset.row;
    return;
  }
  card.dataset.row = neighbor.row;
  card.dataset.class = neighbor.label;
  card.dataset.agrees = String(neighbor.label === answer.label);
  card.dataset.correction = String(neighbor.correction);
  if (neighbor.correction) marks.append(make("span", "mark", "correction"));
  if (neighbor.variant !== "original") marks.append(make("span", "variant", neighbor.variant));
  if (neighbor.file) marks.append(make("span", "file", neighbor.file.split(/[\\/]/).at(-1)));
  const url = compared ? neighbor.compared : neighbor.image;
  if (image.src !== url) image.src = url;
  image.alt = `Training image ${number(neighbor.row)}, a ${neighbor.label}`;
  card.title = [image.alt, neighbor.file].filter(Boolean).join(": ");
  const moves = compared ? neighbor.displacement : null;
  const path = moves ? arrowPath(moves, await readPixels(neighbor.compared)) : "";
  if (answer !== last) return; // a newer answer has replaced it
  arrows.toggleAttribute("hidden", !path);
  picture.dataset.moved = String(Boolean(path));
  if (path) {
    arrows.setAttribute("viewBox", `0 0 ${moves[0][0].length} ${moves[0].length}`);
    arrows.firstElementChild.setAttribute("d", path);
  }
}

// Arrows from every other pixel of the query to its match, if that is on the ink of the training
// image: ink differs from the corner pixel.
function arrowPath([down, right], pixels) {
  const { width, height } = pixels;
  const light = brightness(pixels);
  const ink = light.map((value) => Math.abs(value - light[0]));
  const least = LEAST * ink.reduce((most, value) => Math.max(most, value), 0);
  const every = Math.ceil(Math.max(width, height) / GRID);
  const parts = [];
  for (let row = 0; row < height; row += every) {
    for (let column = (row / every) % 2 ? every : 0; column < width; column += 2 * every) {
      const [dy, dx] = [down[row][column], right[row][column]];
      const target = (row + dy) * width + column + dx;
      if ((dy || dx) && ink[target] > least) parts.push(arrow(column, row, dx, dy));
    }
  }
  return parts.join("");
}

function arrow(column, row, dx, dy) {
  const [x, y] = [column + dx + 0.5, row + dy + 0.5];
  const length = Math.hypot(dx, dy);
  const [ux, uy] = [(0.6 * dx) / length, (0.6 * dy) / length];
  const wing = (side) => `${x - ux - side * uy} ${y - uy + side * ux}`;
  return `M${column + 0.5} ${row + 0.5}L${x} ${y}M${wing(1)}L${x} ${y}L${wing(-1)}`;
}

for (const choice of document.querySelectorAll("[name=view]")) {
  choice.addEventListener("change", () => showNeighbors(last));
}
