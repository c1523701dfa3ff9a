// Calls to the server. Addresses are relative to the page's address.

import { byId } from "./dom.js";

const KEPT = "lookalike-token";

export class ServerError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
    this.passing = [0, 429, 502, 503, 504].includes(status); // worth another try
  }
}

// A picture is a Blob, a form with several, or nested lists of numbers in the model's form.

export const explain = (picture, signal) => post("explain", picture, { n_neighbors: 6 }, signal);
export const answer = (blobs, signal) => post("predict", form(blobs), {}, signal);
export const predict = (images, signal) => post("predict", images, { as_is: true }, signal);
export const clean = (images, signal) => post("clean", images, { as_is: true }, signal);
export const model = (signal) => call("GET", "model", { signal });
export const samples = (signal) => call("GET", "samples", { signal });
export const add = (picture, label) => post("samples", picture, { label });
export const remove = (id) => call("DELETE", `samples/${encodeURIComponent(id)}`);
export const save = () => call("POST", "save");

function form(blobs) {
  const made = new FormData();
  for (const blob of blobs) made.append("images", blob);
  return made;
}

function post(path, picture, query, signal) {
  if (picture instanceof FormData) return call("POST", path, { body: picture, query, signal });
  const blob = picture instanceof Blob;
  const body = blob ? picture : JSON.stringify({ images: picture });
  const type = blob ? picture.type : "application/json";
  return call("POST", path, { body, type, query, signal });
}

async function call(method, path, { body, type, query = {}, signal } = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  for (;;) {
    const headers = {};
    if (type) headers["Content-Type"] = type;
    const token = sessionStorage.getItem(KEPT);
    if (token) headers.Authorization = `Bearer ${token}`;
    let answer;
    try {
      answer = await fetch(url, { method, body, headers, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ServerError(0, "The server does not answer; is it still running?");
    }
    if (answer.ok) return answer.json();
    const error = new ServerError(answer.status, await reason(answer));
    if (answer.status !== 401 || !(await askForToken())) throw error;
  }
}

async function reason(answer) {
  try {
    const { detail } = await answer.json();
    if (typeof detail === "string") return detail;
  } catch {
    // Not JSON: something between the server and the page answered.
  }
  return `The server answered ${answer.status} ${answer.statusText}`.trim();
}

// Returns whether a token was entered. All waiting calls share one dialog.
let asking = null;
function askForToken() {
  asking ??= new Promise((done) => {
    const dialog = byId("token-dialog");
    const field = byId("token");
    field.value = "";
    dialog.returnValue = "";
    byId("token-cancel").onclick = () => dialog.close("");
    byId("token-form").onsubmit = () => sessionStorage.setItem(KEPT, field.value);
    byId("token-give").value = "given";
    dialog.onclose = () => done(dialog.returnValue === "given");
    dialog.showModal();
  }).finally(() => (asking = null));
  return asking;
}
