// The line at the foot of every screen, for staff: a field for a code, undo last, and whether this terminal is well.
//
// Rules of this file:
// - it is made here, once for all pages, and its height does not change with what it says: the picture never jumps;
// - where there is no room, what is seldom needed waits behind "more";
// - what goes wrong is said in words of the catalogue, never as the terminal's own code.

import { clockTime, find, make, set, twice } from "./dom.js";
import { hearScans, cleaned } from "./scan.js";
import { audible, startSound, toggleSound } from "./sound.js";
import { call, query, requestId, Trouble } from "./terminal.js";
import { fill, onLanguage, say, switchLanguage, told, WORDS } from "./words.js";
import { titleOf } from "./answers.js";

const TOAST_MS = 5000;
const UNDOABLE = new Set(["granted", "awaiting", "open"]);
const MAY_NOT = new Set([401, 403]);
const MARKUP = `
  <form id="code-form" autocomplete="off">
    <input id="code" data-say-placeholder="code_field" spellcheck="false" autocapitalize="off" autocorrect="off" maxlength="700">
    <button class="send" data-say-label="send"><svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"><path d="M19 5v8H6"/><path d="m10 9-4 4 4 4"/></svg></button>
  </form>
  <span id="tickets-here"></span>
  <button id="undo" type="button" disabled></button>
  <button id="more" type="button" data-say="more" aria-expanded="false" aria-controls="strip-more"></button>
  <span class="pills"><span id="last"></span><span id="net" class="pill"></span><span id="unsent" class="pill"></span><span id="lists" class="pill"></span><span id="clock" class="pill warn"></span></span>
  <span class="also-here" id="strip-more"><button id="language" type="button" data-also-self></button><button id="big" type="button" data-say="big" aria-pressed="false"></button><button id="sound" type="button" aria-pressed="false"></button></span>`;

/** Which word says how the network is: in touch, behind the site's hub alone, or cut. */
export function netWord(status) {
  if (status.offline) return "offline";
  return status.site_only ? "site_only" : "online";
}

export function ago(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} ${say("seconds")}`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} ${say("minutes")}`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} ${say("hours")}`;
  return `${Math.round(seconds / 86_400)} ${say("days")}`;
}

let toastTimer = null;

/** Say something for TOAST_MS; `draw` is called again when the language changes. */
export function toast(draw, bad = false) {
  const node = find("#toast");
  node.textContent = draw();
  node.className = bad ? "bad on" : "on";
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.className = ""; toast.again = null; }, TOAST_MS);
  toast.again = () => { node.textContent = draw(); };
}

/** The reason why a step was refused, in words. */
export const whyNot = (code) => (`why_${code}` in WORDS ? `why_${code}` : "why_other");

/** Run an action of staff; what goes wrong is said in words. Returns the value, or undefined after trouble. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    const key = error.reason ? whyNot(error.reason) : MAY_NOT.has(error.status) ? "forbidden" : error.status ? "why_other" : "no_answer";
    toast(() => `${say("failed")}${say("colon")}${say(key)}`, true);
    return undefined;
  }
}

/** Take a redemption one step. Returns the answer; undefined, and says why, if nothing changed. */
export async function step(redemption, name, body = {}) {
  const done = await attempt(() => call("POST", `/v1/redemptions/${redemption}/${name}`, body));
  if (!done?.error) return done;
  toast(() => `${say("failed")}${say("colon")}${say(whyNot(done.error))}`, true);
  return undefined;
}

export class Strip {
  /** `present(code)` returns the members of the request beside code, lane and request_id; null if it cannot go yet. */
  constructor(screen, { present }) {
    this.screen = screen;
    this.present = present;
    this.last = null; // {redemption, title, at}
    this.may = true; // our token may act, as far as is known
    find("#strip").innerHTML = MARKUP; // our own
    this.build();
    onLanguage(() => { this.drawLast(); this.drawSound(); this.drawLanguage(); toast.again?.(); });
  }

  /** Learn whether our token may act (and return it), and what "undo last" would undo after a reload or a loss. */
  async learn() {
    let rows;
    try {
      rows = await call("GET", "/v1/redemptions?recent=1");
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.may = error.status !== 403;
      find("#strip").classList.toggle("readonly", !this.may);
      return false;
    }
    this.may = true;
    find("#strip").classList.remove("readonly");
    const [last] = rows;
    if (last && !this.last && UNDOABLE.has(last.state)) {
      this.last = { redemption: last.id, title: titleOf(last.answer), at: last.at_ms };
      this.drawLast();
    }
    return true;
  }

  build() {
    this.field = find("#code");
    find("#code-form").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    hearScans(this.field, (code) => { if (code !== null) this.field.value = code; this.submit(); });
    find("#language").addEventListener("click", switchLanguage);
    find("#big").addEventListener("click", () => this.toggleBig());
    find("#sound").addEventListener("click", () => toggleSound().then(() => this.drawSound()));
    find("#more").addEventListener("click", () => this.toggleMore());
    this.restUndo = twice(find("#undo"), { label: () => say("undo"), ask: () => say("undo_sure"), act: () => this.undo() });
    startSound(() => this.drawSound());
    if (query.get("big") === "1") this.toggleBig();
    fill(find("#strip"));
    this.drawLast();
    this.drawLanguage();
  }

  async submit() {
    const code = cleaned(this.field.value);
    if (!code) return;
    this.field.value = code;
    const more = this.present(code);
    if (more === null) return;
    this.field.value = "";
    const answer = await attempt(() => call("POST", "/v1/present", { code, lane: this.screen.lane, request_id: requestId(), ...more }));
    if (answer) this.screen.answer({ ...this.told(more), ...answer });
  }

  /** What we asked, for an answer that does not repeat it. */
  told(more) {
    const type = this.screen.status?.ticket_types?.find((one) => one.id === more.ticket);
    return { intent: more.intent, ...(more.amount_fen ? { amount_fen: more.amount_fen } : type ? { list_price_fen: type.price_fen } : {}) };
  }

  /** Remember what "undo last" would undo. */
  note(answer) {
    if (answer.outcome === "GRANT" && answer.redemption && answer.intent !== "close") {
      this.last = { redemption: answer.redemption, title: titleOf(answer), at: answer.at_ms };
    }
    this.latest = answer;
    this.drawLast();
  }

  forget(redemption) {
    if (this.last?.redemption === redemption) this.last = null;
    this.drawLast();
  }

  drawLast() {
    const { latest } = this;
    const line = find("#last");
    line.replaceChildren();
    if (latest) line.append(make("span", `${say("last")} ${clockTime(latest.at_ms)} `), make(`b.chip.${latest.outcome}`, say(`word_${latest.outcome}`)));
    find("#undo").disabled = this.last === null;
    find("#undo").title = this.last ? `${say("undo")} ${clockTime(this.last.at)}` : say("undo_none");
    this.restUndo?.();
  }

  /** Undo is for what has not happened yet. Taking back what has happened is a supervisor's, with a reason. */
  async undo() {
    const { redemption } = this.last ?? {};
    if (!redemption) { toast(() => say("undo_none")); return; }
    if (!await step(redemption, "annul")) return;
    this.forget(redemption);
    this.field.focus(); // the button has nothing left to undo
    toast(() => say("undo_done"));
  }

  drawLanguage() {
    const node = find("#language");
    node.textContent = say("language");
    node.lang = say("language") === "English" ? "en" : "zh-CN";
  }

  drawSound() {
    const node = find("#sound");
    node.textContent = audible() ? say("sound") : say("sound_off");
    node.setAttribute("aria-pressed", String(audible()));
  }

  toggleBig() {
    const on = document.documentElement.classList.toggle("bigtype");
    set(find("#big"), { "aria-pressed": String(on) });
    this.screen.drawn = "";
    this.screen.draw();
    dispatchEvent(new Event("fit"));
  }

  toggleMore() {
    const on = find("#strip").classList.toggle("open");
    set(find("#more"), { "aria-expanded": String(on) });
  }

  drawStatus(status) {
    const net = find("#net");
    const word = netWord(status);
    net.className = { offline: "pill off", site_only: "pill warn", online: "pill on" }[word];
    net.textContent = say(word);
    const unsent = find("#unsent");
    unsent.textContent = status.unsent ? `${say("unsent")} ${status.unsent}` : say("unsent_none");
    unsent.className = status.unsent ? "pill warn" : "pill";
    const ages = (status.lists || []).map((list) => list.age_s).filter((age) => age !== null && age !== undefined);
    find("#lists").textContent = ages.length ? say("list_age", { ago: ago(Math.max(...ages)) }) : "";
    const clock = typeof status.clock === "string" ? status.clock : status.clock?.state;
    find("#clock").textContent = clock && clock !== "trusted" ? `${say("clock")} ${say(`clock_${clock}`)}` : "";
  }
}

/** A line for staff about an answer: the benefit, or the first reason. */
export const lineOf = (answer) => told(answer.outcome === "GRANT" ? titleOf(answer) : answer.reasons.find((one) => one.code !== "ok"));
