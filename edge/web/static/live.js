// Keeps the page up to date: listens to the site, fetches this page again when something is seen differently, and puts
// in place what is not the same. Without it the page works all the same, and is loaded again once a minute.

import { morph } from "./morph.js";

const CALM_MS = 150; // several changes at once are one
const SHARE = 4; // of the time, at most one part in so many is spent on fetching
const PASSING_MS = 20_000; // relative times grow old
const PATIENCE_MS = 8_000;
const WAITING_MS = 3_000; // until a site that is only starting is asked again
const PICTURE_MS = 10_000; // how old a picture gets that somebody may be looking at

const page = document.getElementById("page");
const away = () => document.getElementById("away");
let due = 0;
let busy = false;
let again = false;
let restUntil = 0;
let failures = 0;

function soon(delay = CALM_MS) {
  if (document.hidden) {
    again = true;
    return;
  }
  if (busy) {
    again = true;
    return;
  }
  if (due) return;
  due = setTimeout(refresh, Math.max(delay, restUntil - performance.now()));
}

async function refresh() {
  due = 0;
  busy = true;
  again = false;
  const begun = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.redirected && new URL(answer.url).pathname === "/login") return location.reload();
    const text = await answer.text();
    if (!answer.ok) throw new Error(String(answer.status));
    show(new DOMParser().parseFromString(text, "text/html"));
    failures = 0;
    if (away()) away().hidden = true;
  } catch {
    failures += 1;
    if (failures > 1 && away()) away().hidden = false;
    again = true;
  } finally {
    busy = false;
    const now = performance.now();
    restUntil = now + (failures ? Math.min(500 * 2 ** failures, 15_000) : (now - begun) * SHARE);
    if (again) soon();
  }
}

function show(wanted) {
  const next = wanted.getElementById("page");
  if (!next) return;
  document.title = wanted.title;
  const icon = wanted.getElementById("icon");
  const shown = document.getElementById("icon");
  if (icon && shown.getAttribute("href") !== icon.getAttribute("href")) shown.setAttribute("href", icon.getAttribute("href"));
  const kept = away()?.hidden;
  morph(page, next, mark);
  if (away()) away().hidden = kept;
  for (const image of page.querySelectorAll(".picture img")) {
    if (image.complete && !image.naturalWidth) image.src = image.src; // there was no picture yet when it was asked for
  }
  const link = [document, wanted].map((one) => one.getElementById("hq")); // it stands in the header
  if (link.every(Boolean)) morph(...link);
  set(wanted.getElementById("clock"));
}

function mark(element) {
  if (!element.matches("li, tr, section")) return;
  element.classList.add("changed");
  element.addEventListener("animationend", () => element.classList.remove("changed"), { once: true });
}

// The clock of the site, not the one of the machine that looks.

const clock = document.getElementById("clock");
const words = new Intl.DateTimeFormat("en-GB", { timeZone: clock.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
let ahead = 0;

function set(told) {
  if (told) ahead = Number(told.dataset.now) - Date.now();
}

function tick() {
  const now = Date.now() + ahead;
  const text = words.format(now);
  if (clock.textContent !== text) clock.textContent = text;
  setTimeout(tick, 1000 - (now % 1000));
}

// A picture that is not there leaves its place empty.

const failed = (image, yes) => image.toggleAttribute("data-failed", yes);
for (const kind of ["error", "load"]) {
  page.addEventListener(kind, (event) => event.target instanceof HTMLImageElement && failed(event.target, kind === "error"), true);
}
for (const image of document.images) if (image.complete && !image.naturalWidth) failed(image, true);

// The newest pictures, one after the other: of what is seen and is recording, and only where there is another one. The
// browser asks for them by the name of the one that it has; `address` is what the page calls a picture.

let turn = 0;

function newer() {
  const seen = document.hidden ? [] : [...page.querySelectorAll(".picture img")].filter(worthwhile);
  if (seen.length) renew(seen[(turn += 1) % seen.length]).catch(() => {}); // the old one stays
  setTimeout(newer, PICTURE_MS / Math.max(1, seen.length));
}

async function renew(image) {
  const address = image.address ?? image.getAttribute("src");
  const answer = await fetch(address, { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_MS) });
  const version = answer.headers.get("etag");
  if (!answer.ok || version === image.version) return;
  const fresh = URL.createObjectURL(await answer.blob());
  image.addEventListener("load", () => URL.revokeObjectURL(fresh), { once: true });
  Object.assign(image, { address, version, src: fresh });
}

function worthwhile(image) {
  if (!image.complete || image.closest(".offline, .off, .unknown")) return false;
  const { top, bottom } = image.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

function listen() {
  const stream = new EventSource(page.dataset.stream);
  stream.addEventListener("state", () => soon());
  stream.addEventListener("open", () => soon());
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) {
      stream.close();
      setTimeout(listen, 5000); // refused: too many listen, or the login is over; the next page tells
    }
    soon(2000);
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
}

set(clock);
tick();
if (page.dataset.pace === "waiting") setTimeout(() => location.reload(), WAITING_MS);
if (page.dataset.pace === "live") {
  listen();
  setInterval(() => soon(), PASSING_MS);
  setTimeout(newer, PICTURE_MS);
  document.addEventListener("visibilitychange", () => document.hidden || soon(0));
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
