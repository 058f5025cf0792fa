// The line at the foot of every screen, for staff: a field for a code, undo last, and whether this terminal is well.

import { titleOf } from "./answers.js";
import { clockTime, find, make, twice } from "./dom.js";
import { allowSound, audible, startSound } from "./sound.js";
import { call, requestId, Trouble } from "./terminal.js";
import { onLanguage, say, switchLanguage, told } from "./words.js";

const TOAST_MS = 4000;
const UNDOABLE = new Set(["granted", "passed", "open"]);

function ago(seconds) {
  if (seconds < 100) return `${Math.round(seconds)} ${say("seconds")}`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} ${say("minutes")}`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} ${say("hours")}`;
  return `${Math.round(seconds / 86_400)} ${say("days")}`;
}

let toastTimer = null;

export function toast(text, bad = false) {
  const node = find("#toast");
  node.textContent = text;
  node.className = bad ? "bad on" : "on";
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { node.className = ""; }, TOAST_MS);
}

/** Run an action of staff; what goes wrong is said in words. Returns the value, or undefined after trouble. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    toast(`${say("failed")}：${error.message || say("no_answer")}`, true);
    return undefined;
  }
}

/** Take a redemption one step. Returns the answer; undefined, and says why, if nothing changed. */
export async function step(redemption, name, body = {}, { quiet = false } = {}) {
  const done = await attempt(() => call("POST", `/v1/redemptions/${redemption}/${name}`, body));
  if (!done?.error) return done;
  if (!quiet) toast(`${say("failed")}：${done.error}`, true);
  return undefined;
}

export class Strip {
  /** `present(code)` returns the members of the request beside code, lane and request_id; null if it cannot go yet. */
  constructor(screen, { present }) {
    this.screen = screen;
    this.present = present;
    this.last = null; // {redemption, words}
    this.build();
    onLanguage(() => { this.drawLast(); this.drawSound(); });
  }

  /** Learn whether our token may act, and what "undo last" would undo after a reload. */
  async learn() {
    let rows;
    try {
      rows = await call("GET", "/v1/redemptions?recent=1");
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      find("#strip").classList.toggle("readonly", error.status === 403);
      return;
    }
    const [last] = rows;
    if (last && !this.last && UNDOABLE.has(last.state)) {
      this.last = { redemption: last.id, title: titleOf(last.answer), at: last.at_ms };
      this.drawLast();
    }
  }

  build() {
    this.field = find("#code");
    find("#code-form").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    find("#language").addEventListener("click", switchLanguage);
    find("#big").addEventListener("click", () => this.toggleBig());
    find("#sound").addEventListener("click", () => allowSound().then(() => this.drawSound()));
    this.restUndo = twice(find("#undo"), { label: () => say("undo"), ask: () => say("undo_sure"), act: () => this.undo() });
    startSound(() => this.drawSound());
    this.drawLast();
    addEventListener("keydown", (event) => this.route(event));
  }

  /** A hand scanner types wherever the focus is: letters that no other field wants go to the code field. */
  route(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    const at = document.activeElement;
    const typing = at instanceof HTMLInputElement && at !== this.field;
    if (at === this.field || (typing && !(at.inputMode === "decimal" && /[A-Za-z]/.test(event.key)))) return;
    this.field.focus();
  }

  async submit() {
    const code = this.field.value.replace(/[\r\n]/g, ""); // never trimmed: space is a digit of base45
    if (!code) return;
    const more = this.present(code);
    if (more === null) return;
    this.field.value = "";
    const answer = await attempt(() => call("POST", "/v1/present", { code, lane: this.screen.lane, request_id: requestId(), ...more }));
    if (answer) this.screen.answer({ ...answer, ...this.told(more) });
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
    if (latest) {
      const reason = latest.reasons.find((one) => one.code !== "ok");
      line.append(make("span", `${say("last")} ${clockTime(latest.at_ms)} `), make(`b.chip.${latest.outcome}`, say(`word_${latest.outcome}`)),
        make("span", ` ${told(latest.outcome === "GRANT" ? titleOf(latest) : reason)}`));
    }
    find("#undo").disabled = this.last === null;
    find("#undo").title = this.last ? `${clockTime(this.last.at)} ${told(this.last.title)}` : say("undo_none");
    this.restUndo?.();
  }

  async undo() {
    const { redemption } = this.last ?? {};
    if (!redemption) { toast(say("undo_none")); return; }
    const done = await step(redemption, "annul", {}, { quiet: true }) || await step(redemption, "reverse"); // too late to annul: reverse
    if (!done) return;
    this.forget(redemption);
    toast(`${say("undone")} · ${say("undone_hint")}`);
  }

  drawSound() {
    const button = find("#sound");
    button.textContent = audible() ? say("sound") : say("sound_off");
    button.setAttribute("aria-pressed", String(audible()));
  }

  toggleBig() {
    const on = document.documentElement.classList.toggle("bigtype");
    find("#big").setAttribute("aria-pressed", String(on));
  }

  drawStatus(status) {
    const net = find("#net");
    net.className = status.offline ? "pill off" : "pill on";
    net.textContent = status.offline ? say("offline") : say("online");
    const unsent = find("#unsent");
    unsent.textContent = status.unsent ? `${say("unsent")} ${status.unsent}` : say("unsent_none");
    unsent.className = status.unsent ? "pill warn" : "pill";
    const ages = (status.lists || []).map((list) => list.age_s).filter((age) => age !== null && age !== undefined);
    find("#lists").textContent = ages.length ? `${say("list_age")} ${ago(Math.max(...ages))}` : "";
    const clock = typeof status.clock === "string" ? status.clock : status.clock?.state;
    find("#clock").textContent = clock && clock !== "trusted" ? `${say("clock")} ${say(`clock_${clock}`)}` : "";
    if (!this.learnt) { this.learnt = true; this.learn(); }
  }
}
