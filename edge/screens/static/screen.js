// What one screen shows, and for how long.
//
// Rules of this file:
// - the view is derived from (link, readiness, what arrived last), never set by hand: lost > result > notice > not ready > waiting;
// - when the link goes, what was shown goes with it, in the same moment: never a stale green;
// - an answer older than RESULT_MS by the terminal's own clock is not shown at all;
// - a result stays RESULT_MS, the next one takes its place at once.

import { find } from "./dom.js";
import { drawMessage, drawResult } from "./result.js";
import { play } from "./sound.js";
import { call, follow, query, Trouble } from "./terminal.js";
import { language, onLanguage, startLanguage, told, WORDS } from "./words.js";

export const RESULT_MS = 3000;
const SCENES = { gate: ["gate"], desk: ["hotel", "desk"], counter: ["shop", "counter"] };

export class Screen {
  constructor({ scene, onStatus, onAnswer, onGate, onOffers, fleeting = true }) {
    this.scene = scene;
    this.heard = { onStatus, onAnswer, onGate, onOffers };
    this.fleeting = fleeting; // a gate clears its result; a desk keeps it as a colourless receipt
    this.link = "connecting";
    this.status = null;
    this.lane = query.get("lane");
    this.shown = null; // {kind: "answer" | "notice" | "undone", value}
    this.seen = new Set();
    this.offset = -Infinity; // terminal clock − this clock; the least delayed message knows best
    this.timer = null;
    this.missing = [];
    this.count = 0;
    this.drawn = "";
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
    if (link !== "open") this.clear();
    this.draw();
  }

  event(name, data) {
    if (name === "status" || name === "hello") this.take(data.status || data);
    else if (data.lane && this.lane && data.lane !== this.lane) return;
    else if (name === "decision") this.answer(data);
    else if (name === "notice") this.show("notice", data, "notice");
    else if (name === "gate") this.gate(data);
    else if (name === "offers") this.heard.onOffers?.(data);
  }

  take(status) {
    if (!status.lanes) return; // a hello without a status
    if (status.now_ms) this.offset = Math.max(this.offset, status.now_ms - Date.now());
    if (status.ready === false && this.status?.ready !== false) this.askWhy();
    this.status = status;
    this.lane ??= (status.lanes.find((lane) => SCENES[this.scene].includes(lane.scene)) ?? status.lanes[0])?.id ?? null;
    this.heard.onStatus?.(status);
    this.draw();
  }

  /** An answer, from the stream or from our own call, whichever comes first. */
  answer(answer) {
    const key = `${answer.request_id ?? ""}|${answer.journal_seq ?? ""}|${answer.at_ms}|${answer.outcome}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    if (this.seen.size > 200) this.seen.delete(this.seen.values().next().value);
    if (answer.at_ms && answer.at_ms < Date.now() + this.offset - RESULT_MS) return;
    this.heard.onAnswer?.(answer);
    this.show("answer", answer, answer.outcome);
  }

  gate(data) {
    this.heard.onGate?.(data);
    if (data.state === "annulled") this.show("undone", data, "undone");
  }

  show(kind, value, sound) {
    this.count += 1;
    this.shown = { kind, value, fresh: true, number: this.count };
    play(sound);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), RESULT_MS);
    this.draw();
  }

  settle() {
    if (this.fleeting || this.shown?.kind !== "answer") this.shown = null;
    else this.shown.fresh = false;
    this.draw();
  }

  clear() {
    clearTimeout(this.timer);
    this.shown = null;
  }

  /** Ask once, when readiness is lost, what is missing; the answer is drawn when it comes. */
  async askWhy() {
    try {
      const { checks } = await call("GET", "/v1/readiness");
      this.missing = checks.filter((check) => !check.ok);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.missing = [];
    }
    this.draw();
  }

  view() {
    if (this.link !== "open") return this.link;
    if (!this.status) return "connecting";
    if (this.shown) return this.shown.kind;
    return this.status.ready === false ? "not_ready" : "waiting";
  }

  draw() {
    const view = this.view();
    const drawn = JSON.stringify([view, language(), this.shown?.number, this.shown?.fresh, this.missing]);
    if (drawn === this.drawn) return; // a status each second must not start an answer's clock anew
    this.drawn = drawn;
    const stage = find("#stage");
    const { body } = document;
    body.dataset.view = view;
    body.dataset.outcome = view === "answer" ? this.shown.value.outcome : "";
    body.dataset.fresh = view === "answer" ? String(this.shown.fresh) : "";
    if (view === "waiting") stage.replaceChildren();
    else stage.replaceChildren(this.picture(view));
  }

  picture(view) {
    if (view === "answer") return drawResult(this.shown.value, this.scene, told(this.status?.texts?.appeal_url));
    if (view === "undone") return drawMessage("undone", "undone", "undone", "undone_hint");
    if (view === "notice") {
      const named = `notice_${this.shown.value.code}`;
      const key = named in WORDS ? named : "notice_not_a_code";
      return drawMessage("notice", "notice", key, `${key}_hint`);
    }
    if (view === "not_ready") return drawMessage("not_ready", "not_ready", "not_ready", "not_ready_hint", this.missing.map((check) => told(check)).join(" · "));
    const [iconName, key] = { connecting: ["connecting", "connecting"], lost: ["lost", "lost"], forbidden: ["lost", "forbidden"] }[view];
    return drawMessage(view, iconName, key, `${key}_hint`);
  }
}
