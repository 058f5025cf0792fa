// What one screen shows, and for how long.
//
// Rules of this file:
// - the view is derived from (link, lane, readiness, what arrived last), never set by hand:
//   lost > no such lane > answer, message > not ready > waiting;
// - when the link goes, what was shown goes with it, in the same moment: never a stale green;
// - green follows the gate: where a gate is to open, the answer waits for what it says, and GATE_MS without a word is one;
// - an answer older than FRESH_MS by the terminal's own clock is not shown at all; what that clock says now is known from
//   its last words and our own steady one: neither a kiosk whose clock was set right at noon nor a terminal set back hides
//   what is new;
// - what was read before a loss is read again after it: hours may have passed;
// - a grant stays GRANT_MS, what has to be read READ_MS, a sum to pay until it is paid or its time is over; the next
//   answer takes its place at once. A work screen keeps its last answer as a colourless receipt.

import { find } from "./dom.js";
import { fit } from "./fit.js";
import { drawMessage, drawResult } from "./result.js";
import { play } from "./sound.js";
import { call, follow, query, SILENCE_MS, Trouble } from "./terminal.js";
import { language, onLanguage, say, startLanguage, toldNode, WORDS } from "./words.js";

const FRESH_MS = 3000;
const GRANT_MS = 3000;
const READ_MS = 20_000;
const GATE_MS = 2500;
const WHY_EVERY_MS = 5000;
const PAY_MS = 120_000;
const CHALLENGE_EVERY_MS = 15_000; // it changes every minute, and the one before still counts
const CHALLENGE_AGAIN_MS = 3000;
const HEARD = 15; // statuses, of which the least delayed says what time it is at the terminal
const SCENES = { gate: ["gate"], desk: ["hotel", "desk"], counter: ["shop", "counter"], staff: ["gate"], service: [] };
const OPENED = new Set(["opened", "actuated", "passed"]);
const STUCK = { failed: "gate_failed", not_actuated: "gate_failed", unknown: "gate_unknown" };

export class Screen {
  constructor({ scene, onHello, onStatus, onAnswer, onGate, onOffers, onShown, onChallenge, fleeting = true }) {
    this.scene = scene;
    this.heard = { onHello, onStatus, onAnswer, onGate, onOffers, onShown, onChallenge };
    this.fleeting = fleeting; // a gate clears its answer; a desk keeps it as a colourless receipt
    this.link = "connecting";
    this.status = null;
    this.lane = query.get("lane");
    this.shown = null; // {kind: "answer" | "notice" | "undone" | "stuck" | "unpaid", value, opening}
    this.seen = new Set();
    this.answers = 0; // shown since the page was opened
    this.offsets = []; // terminal clock − this page's steady clock, as the last HEARD statuses tell it
    this.timer = null;
    this.missing = [];
    this.count = 0;
    this.drawn = "";
    this.challenge = null;
    this.asked = -Infinity;
  }

  start() {
    startLanguage();
    onLanguage(() => { this.draw(); if (this.status) this.heard.onStatus?.(this.status); });
    this.draw();
    follow((name, data) => this.event(name, data), (link) => this.setLink(link));
  }

  setLink(link) {
    if (link === this.link) return;
    this.link = link;
    if (link !== "open") this.drop();
    this.draw();
  }

  event(name, data) {
    if (name === "status" || name === "hello") this.take(data.status || data, name === "hello");
    else if (data.lane && this.lane && data.lane !== this.lane) return;
    else if (name === "decision") this.answer(data);
    else if (name === "notice") this.show("notice", data, "notice");
    else if (name === "gate") this.gate(data);
    else if (name === "offers") this.heard.onOffers?.(data);
  }

  take(status, hello = false) {
    if (!status.lanes) return; // a hello without a status
    if (status.now_ms) this.hear(status.now_ms - performance.now());
    if (status.ready === false && performance.now() - this.asked > WHY_EVERY_MS) this.askWhy();
    if (status.ready !== false) { this.missing = []; this.asked = -Infinity; }
    if (hello && this.status && status.version !== this.status.version) location.reload(); // it was updated meanwhile
    this.status = status;
    this.lane ??= (status.lanes.find((lane) => SCENES[this.scene].includes(lane.scene)) ?? status.lanes[0])?.id ?? null;
    this.heard.onStatus?.(status);
    if (hello) this.heard.onHello?.();
    this.draw();
  }

  /** Learn the time at the terminal: a later word only delays, so what lies further back than a silence is a clock set anew. */
  hear(offset) {
    if (offset < this.offset - SILENCE_MS) this.offsets = [];
    this.offsets = [...this.offsets, offset].slice(-HEARD);
  }

  get offset() { return Math.max(...this.offsets); }

  /** What the terminal says of our lane; undefined when it has none of that name. */
  get about() { return this.status?.lanes.find((lane) => lane.id === this.lane); }

  /** An answer, from the stream or from our own call, whichever comes first. */
  answer(answer) {
    const key = `${answer.request_id ?? ""}|${answer.journal_seq ?? ""}|${answer.at_ms}|${answer.outcome}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    if (this.seen.size > 200) this.seen.delete(this.seen.values().next().value);
    if (answer.at_ms && answer.at_ms < performance.now() + this.offset - FRESH_MS) return;
    this.answers += 1;
    document.body.dataset.answers = this.answers;
    this.heard.onAnswer?.(answer);
    if (this.wantsChallenge(answer)) this.showChallenge();
    const opens = answer.outcome === "GRANT" && answer.obligations?.open_gate && this.about?.actuator;
    this.show("answer", answer, opens ? null : answer.outcome, { opening: Boolean(opens) });
  }

  /** A redemption took a step, or its gate said something. */
  gate(data) {
    this.heard.onGate?.(data);
    const mine = this.shown?.kind === "answer" && this.shown.value.redemption === data.redemption;
    if (data.state === "annulled") this.show("undone", data, "undone");
    else if (data.state === "unpaid") this.show("unpaid", data, "notice");
    else if (data.state in STUCK) this.show("stuck", { key: STUCK[data.state] }, "REFER");
    else if (mine && data.state === "paid") this.show("answer", { ...this.shown.value, obligations: { ...this.shown.value.obligations, pay_fen: 0 } }, null, { opening: Boolean(this.about?.actuator) });
    else if (mine && this.shown.opening && OPENED.has(data.state)) this.show("answer", this.shown.value, "GRANT");
  }

  show(kind, value, sound, { opening = false } = {}) {
    this.count += 1;
    this.shown = { kind, value, opening, fresh: true, number: this.count };
    if (sound) play(sound, value);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (opening ? this.show("stuck", { key: "gate_unknown" }, "REFER") : this.settle()), this.stay());
    this.draw();
    this.heard.onShown?.(this.shown);
  }

  /** How long what is shown stays, in ms. */
  stay() {
    const { kind, value, opening } = this.shown;
    if (opening) return GATE_MS;
    if (kind === "answer" && value.obligations?.pay_fen) return (this.about?.pay_within_s * 1000) || PAY_MS;
    if (kind === "answer") return value.outcome === "GRANT" || !this.fleeting ? GRANT_MS : READ_MS;
    return kind === "stuck" || kind === "unpaid" ? READ_MS : GRANT_MS + 1000;
  }

  settle() {
    if (this.fleeting || this.shown?.kind !== "answer") this.shown = null;
    else this.shown.fresh = false;
    this.draw();
  }

  /** The next one, please: what was shown goes. */
  clear() {
    this.drop();
    this.draw();
    this.heard.onShown?.(null);
  }

  drop() {
    clearTimeout(this.timer);
    this.shown = null;
  }

  /** Ask, while readiness is lost, what is missing here: another lane's reader keeps nobody out of this one. */
  async askWhy() {
    this.asked = performance.now();
    try {
      const { checks } = await call("GET", "/v1/readiness");
      this.missing = checks.filter((check) => !check.ok && (!check.name.includes(":") || check.name.endsWith(`:${this.lane}`)));
      if (checks.some((check) => !check.ok) && !this.missing.length) this.missing = null; // nothing of ours
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.missing = [];
    }
    this.draw();
  }

  /** Whether answering what the screen shows would settle it: also where the clock cannot judge, but knows a moment. */
  wantsChallenge(answer) {
    const untimed = this.status?.clock !== "wrong";
    return answer.reasons.some(({ code }) => code === "needs_challenge" || (code === "clock_not_trusted" && untimed));
  }

  /** Fetch what the lane shows for a phone to answer, and keep it fresh while it is on the screen. */
  async showChallenge() {
    let every = CHALLENGE_EVERY_MS;
    try {
      const { challenge } = await call("GET", `/v1/lanes/${encodeURIComponent(this.lane)}`);
      this.challenge = `XGC1:${challenge}`;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      every = CHALLENGE_AGAIN_MS; // the one that stands still counts for a minute
    }
    this.heard.onChallenge?.();
    this.draw();
    clearTimeout(this.asking);
    this.asking = setTimeout(() => { if (!this.fleeting || this.view() === "answer") this.showChallenge(); }, every);
  }

  view() {
    if (this.link !== "open") return this.link;
    if (!this.status) return "connecting";
    if (this.lane && !this.about) return "no_lane";
    if (this.shown) return this.shown.kind;
    return this.status.ready === false && this.missing !== null && this.scene !== "service" ? "not_ready" : "waiting";
  }

  draw() {
    const view = this.view();
    const drawn = JSON.stringify([view, language(), this.shown?.number, this.shown?.fresh, this.missing, this.challenge]);
    if (drawn === this.drawn) return; // a status each second must not start an answer's clock anew
    this.drawn = drawn;
    const stage = find("#stage");
    const { body } = document;
    const answer = view === "answer" ? this.shown.value : null;
    body.dataset.view = view;
    body.dataset.outcome = answer?.outcome ?? "";
    body.dataset.reasons = answer?.reasons.map((reason) => reason.code).join(" ") ?? "";
    body.dataset.fresh = answer ? String(this.shown.fresh) : "";
    const waiting = document.querySelector("#waiting");
    if (waiting) waiting.inert = view !== "waiting"; // what lies under an answer is not there for anybody
    if (view === "waiting") { stage.replaceChildren(); return; }
    const picture = this.picture(view);
    if (this.shown) picture.style.setProperty("--stay", `${this.stay()}ms`);
    stage.replaceChildren(picture);
    fit(picture);
  }

  /** The code that an answer shows, one at most: {text, key}. A work screen shows the challenge elsewhere, and a slip. */
  codeOf(answer) {
    if (this.scene !== "gate" || answer.outcome === "GRANT") return null;
    if (this.wantsChallenge(answer)) return this.challenge ? { text: this.challenge, key: "challenge_scan", large: true } : null;
    return noticeOf(answer, this.status);
  }

  picture(view) {
    const picture = this.pictureOf(view);
    if (this.scene !== "gate") picture.querySelector("h1").setAttribute("aria-level", "2"); // the page's own headline is the place
    return picture;
  }

  pictureOf(view) {
    if (view === "answer") {
      const { value, opening } = this.shown;
      return drawResult(value, { scene: this.scene, opening, full: this.scene !== "gate" || this.about?.notice === "full", code: this.codeOf(value), status: this.status });
    }
    if (view === "undone") return drawMessage("undone", "undone", "undone", "undone_hint");
    if (view === "stuck") return drawMessage("stuck", "REFER", this.shown.value.key, `${this.shown.value.key}_hint`);
    if (view === "unpaid") return drawMessage("undone", "undone", "unpaid", "unpaid_hint");
    if (view === "no_lane") return drawMessage("lost", "lost", "no_lane", "no_lane_hint", say("lanes_here", { lane: this.lane, lanes: this.status.lanes.map((lane) => lane.id).join(say("comma")) }));
    if (view === "notice") {
      const named = `notice_${this.shown.value.code}`;
      const key = named in WORDS ? named : "notice_not_a_code";
      return drawMessage("notice", "notice", key, `${key}_hint`);
    }
    if (view === "not_ready") return drawMessage("not_ready", "not_ready", this.scene === "gate" ? "not_ready_gate" : "not_ready", this.scene === "gate" ? "not_ready_hint" : "not_ready_work", ...(this.missing ?? []).map((check) => toldNode(check)));
    const [iconName, key] = { connecting: ["connecting", "connecting"], lost: ["lost", "lost"], forbidden: ["lost", "forbidden"] }[view];
    return drawMessage(view, iconName, key, `${key}_hint`);
  }
}

/** Where this very answer is told and can be appealed: its own notice, else the site's page; null if there is neither. */
export function noticeOf(answer, status) {
  if (answer.notice && status?.notices) return { text: `${status.notices}${answer.notice}`, key: "notice_scan" };
  const appeal = status?.texts?.appeal_url;
  return appeal ? { text: appeal[language()] || appeal.zh || appeal.en, key: "appeal" } : null;
}
