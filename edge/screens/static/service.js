// The service page: would somebody with a right be let in now? Every line of readiness with its mend, the camera's
// picture, the lists' ages, the clock, what waits to be sent, versions; and a bundle of all that for whoever is asked.

import { button, clockTime, find, make, redraw, set } from "./dom.js";
import { drawTop, keepAlive } from "./page.js";
import { Screen } from "./screen.js";
import { ago, attempt, netWord, Strip, toast } from "./strip.js";
import { call, stream, Trouble } from "./terminal.js";
import { onLanguage, say, sayAt, toldNode } from "./words.js";

const READ_EVERY_MS = 2000;
const LIGHT = { well: "GRANT", warn: "REFER", bad: "REFUSE" };
let checks = [];
let watching = null; // {lane, stop}

const screen = new Screen({
  scene: "service",
  fleeting: true,
  onHello() { strip.learn(); },
  onStatus(status) {
    drawTop(status, null, "service_title");
    strip.drawStatus(status);
    drawFacts(status);
    drawLanes(status);
    drawLists(status);
    drawBundle(status);
  },
  onAnswer(answer) { strip.note(answer); },
});
const strip = new Strip(screen, { present: () => ({ intent: "check" }) });

async function read() {
  try {
    ({ checks } = await call("GET", "/v1/readiness"));
    draw();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error; // a lost terminal says so itself
  }
}

function draw() {
  const bad = checks.filter((check) => !check.ok);
  const verdict = find("#verdict");
  verdict.className = `verdict ${bad.length ? "REFUSE" : "GRANT"}`;
  verdict.textContent = say(bad.length ? "service_no" : "service_yes");
  const order = { bad: 0, warn: 1, well: 2 };
  const level = (check) => check.level ?? (check.ok ? "well" : "bad");
  redraw(find("#checks"), checks.toSorted((a, b) => order[level(a)] - order[level(b)]).map((check) => {
    const node = make("li",
      make("div.line", make("span", make(`b.chip.${LIGHT[level(check)]}`, say(`level_${level(check)}`)), " ", toldNode(check)), check.since_ms ? make("span.sub", clockTime(check.since_ms, false)) : null),
      check.mend ? make("div.mend", `${say("next")}${say("colon")}`, toldNode(check.mend)) : null);
    node.dataset.key = check.name;
    node.dataset.technical = ""; // commands and files are named as they are
    return node;
  }));
}

function drawFacts(status) {
  const row = (key, value) => [make("dt", say(key)), set(make("dd", value), { "data-raw": true })];
  find("#facts").replaceChildren(
    ...row("service_terminal", status.terminal), ...row("service_version", status.version),
    ...row("clock", say(`clock_${status.clock}`)), ...row("service_time", clockTime(status.now_ms)),
    ...row("unsent", String(status.unsent) + (status.oldest_unsent_s ? ` · ${ago(status.oldest_unsent_s)}` : "")),
    ...row("service_net", say(netWord(status)) + (status.offline ? ` ${ago(status.offline_s ?? 0)}` : "")));
}

function drawLists(status) {
  redraw(find("#lists-here"), (status.lists ?? []).map((list) => {
    const node = make("li", make("div.line", set(make("span", `${list.name} ${list.version}`), { "data-raw": true }), make("b", ago(list.age_s ?? 0))));
    node.dataset.key = list.name;
    return node;
  }));
}

let lanesDrawn = "";
function drawLanes(status) {
  const cameras = status.lanes.filter((lane) => lane.camera !== null && lane.camera !== undefined);
  const now = JSON.stringify([cameras.map((lane) => lane.id), watching?.lane, document.documentElement.lang]);
  if (now === lanesDrawn) return;
  lanesDrawn = now;
  sayAt(find("#no-picture"), cameras.length ? "service_watch" : "service_no_camera");
  find("#no-picture").hidden = watching !== null;
  const at = [...find("#lanes").children].indexOf(document.activeElement);
  find("#lanes").replaceChildren(...cameras.map((lane) => {
    const node = button("", `${say("lane")} ${lane.id}`);
    set(node, { "aria-pressed": String(watching?.lane === lane.id) });
    node.addEventListener("click", () => (watching?.lane === lane.id ? unwatch() : watch(lane.id)));
    return node;
  }));
  find("#lanes").children[at]?.focus();
}

/** The camera's pictures with what was read in them, while somebody looks. */
async function watch(lane) {
  unwatch();
  const mine = watching = { lane, stop: new AbortController() };
  drawLanes(screen.status);
  const canvas = find("#picture");
  try {
    for await (const jpeg of stream(`/v1/lanes/${encodeURIComponent(lane)}/preview`, mine.stop.signal)) {
      const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      canvas.width = picture.width;
      canvas.height = picture.height;
      canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
      canvas.hidden = false;
    }
  } catch (error) {
    if (!(error instanceof Trouble || error.name === "AbortError" || error instanceof TypeError)) throw error;
    if (!mine.stop.signal.aborted) toast(() => say(error.status === 403 ? "service_may_not" : "service_no_picture"), true);
  }
  if (watching === mine) unwatch();
}

function unwatch() {
  watching?.stop.abort();
  watching = null;
  find("#picture").hidden = true;
  if (screen.status) drawLanes(screen.status);
}

find("#sync").addEventListener("click", async () => {
  const moved = await attempt(() => call("POST", "/v1/sync"));
  if (moved) toast(() => say(moved.problem ? "service_sync_failed" : "service_synced"), Boolean(moved.problem));
});

/** Everything this page knows, as a file: it names no person, no code and no redemption. */
function drawBundle(status) {
  const text = JSON.stringify({ status, checks, page: { userAgent: navigator.userAgent, size: [innerWidth, innerHeight] } }, null, 1);
  set(find("#bundle"), { href: `data:application/json;charset=utf-8,${encodeURIComponent(text)}`, download: `xinguan-${status.terminal}.json` });
}

onLanguage(() => draw());
keepAlive();
screen.start();
read();
setInterval(read, READ_EVERY_MS);
