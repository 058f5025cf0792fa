// The shop's counter: amount in, discount out, total large; the last sales with returns.

import { rowOf } from "./answers.js";
import { button, clockTime, complain, find, make, redraw, set, twice } from "./dom.js";
import { plainYuan, readFen, yuan } from "./money.js";
import { OffersPanel } from "./offers.js";
import { drawTop, keepAlive } from "./page.js";
import { Screen } from "./screen.js";
import { showSlip } from "./slip.js";
import { attempt, step, Strip, toast } from "./strip.js";
import { call } from "./terminal.js";
import { onLanguage, say, sayAt, toldNode } from "./words.js";

const RECENT = 20;
const ENDED = new Set(["annulled", "reversed"]);
let sales = [];
let returning = null; // the sale whose return is being written
let asking = "show_buyer";
const amount = find("#amount");
const code = () => find("#code");
const quote = find("#quote");

const screen = new Screen({
  scene: "counter",
  fleeting: false,
  async onHello() { if (await strip.learn()) await refresh(); else sayAt(find("#no-recent"), "display_only"); },
  onStatus(status) { drawTop(status, screen.lane, "counter_title"); strip.drawStatus(status); },
  onAnswer(answer) {
    strip.note(answer);
    if (answer.intent !== "quote") { amount.value = ""; amount.focus(); }
    refresh();
  },
  onGate(event) { strip.forget(event.redemption); refresh(); },
  onOffers() { if (!find("#pane-offers").hidden) panel.refresh(); },
});

const strip = new Strip(screen, {
  present() {
    const sum = readFen(amount.value);
    if (sum.why) {
      screen.clear();
      if (amount.value) complain(amount, sum.why);
      else { askFor("code_held"); amount.focus(); }
      return null;
    }
    askFor("show_buyer");
    return { intent: quote.checked ? "quote" : "buy", amount_fen: sum.fen };
  },
});

const panel = new OffersPanel(screen);

function askFor(key) {
  asking = key;
  find("#ask").replaceChildren(make("span", say(key)));
}

// The code may come before the amount: it waits in its field, and Enter in the amount sends both.
amount.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const sum = readFen(amount.value);
  if (sum.why) { screen.clear(); complain(amount, sum.why); return; }
  complain(amount, "");
  if (code().value) strip.submit();
  else code().focus();
});
amount.addEventListener("input", () => {
  complain(amount, "");
  if (screen.shown && !screen.shown.fresh) screen.clear(); // a new amount begins: the last customer's answer goes
});
find("#clear").addEventListener("click", next);
find("#next").addEventListener("click", next);
find("#slip").addEventListener("click", () => showSlip(screen.shown.value, { scene: "counter", status: screen.status }));

function next() {
  screen.clear();
  amount.value = "";
  code().value = "";
  complain(amount, "");
  askFor("show_buyer");
  amount.focus();
}

async function refresh() {
  if (!strip.may) return;
  const answer = await attempt(() => call("GET", `/v1/redemptions?recent=${RECENT}`));
  if (!answer) return;
  sales = answer.map(rowOf);
  draw();
  if (!find("#pane-offers").hidden) panel.refresh(); // a sale takes from the stock
}

/** Draw the sales, one return at most being written: it stays as it is, or is written `anew` in the language of now. */
function draw(anew = false) {
  find("#no-recent").hidden = sales.length > 0;
  const form = find("#recent").querySelector(`[data-key="${CSS.escape(returning ?? "")}"] form`);
  const why = form ? find("#returned-problem").dataset.say ?? "" : "";
  redraw(find("#recent"), sales.map((sale) => (returning !== sale.id ? saleRow(sale) : form && !anew ? form.closest("li") : saleRow(sale, returnForm(sale, form?.querySelector("input")?.value)))));
  if (anew && why) sayAt(find("#returned-problem"), why);
}

function saleRow(sale, form = null) {
  const undone = ENDED.has(sale.state);
  const said = undone ? say("undone") : sale.returned ? `${say("return_before")} ${yuan(sale.returned)}` : sale.off ? `${say("discount")} −${yuan(sale.off)}` : "";
  const row = make("li",
    make("div.line", make(undone ? "span.struck" : "span", toldNode(sale.title), sale.local ? make("i.local", say("local")) : null), make("b", sale.pay === null ? "" : yuan(sale.pay))),
    make("div.line.sub", make("span", clockTime(sale.atMs)), make("span", said)));
  if (form) row.append(form);
  else if (!undone) {
    const back = button("", say("give_back"));
    back.addEventListener("click", () => { returning = sale.id; draw(); (document.querySelector("#returned") ?? find("#recent form button")).focus(); });
    row.append(make("div.acts", back));
  }
  row.dataset.redemption = sale.id;
  row.dataset.key = sale.id;
  return row;
}

/** A return, whole or in part: what it was sold for, what came back before, until when; asked once more with the sum. */
function returnForm(sale, typed) {
  const rest = (sale.amount ?? 0) - sale.returned;
  const late = sale.untilMs !== null && sale.untilMs < Date.now();
  const sum = set(make("input"), { id: "returned", inputmode: "decimal", maxlength: "14", autocomplete: "off", "aria-describedby": "returned-problem" });
  sum.value = typed ?? (rest > 0 ? plainYuan(rest) : "");
  const problem = set(make("p.problem"), { id: "returned-problem", role: "alert" });
  const send = make("button.main");
  const away = button("", say("cancel"));
  away.addEventListener("click", () => { returning = null; draw(); amount.focus(); }); // the next customer's sum
  const fact = (key, text) => make("div.line.sub", make("span", say(key)), make("b", text));
  const form = make("form.claim",
    sale.amount ? fact("return_of", yuan(sale.amount)) : null,
    sale.returned ? fact("return_before", yuan(sale.returned)) : null,
    sale.untilMs === null ? null : fact("return_until", clockTime(sale.untilMs, false)),
    rest > 0 ? make("label", make("span", say("return_amount")), sum) : null, problem, make("div.acts", send, away));
  const read = () => {
    if (late) { sayAt(problem, "return_late"); return null; }
    if (rest <= 0) return {};
    const typed = readFen(sum.value);
    const why = typed.why ?? (typed.fen > rest ? "return_over" : null);
    complain(sum, why ?? "");
    return why ? null : typed.fen === rest ? {} : { amount_fen: typed.fen };
  };
  const calm = twice(send, {
    label: () => say("give_back"),
    ask: () => `${say("return_sure")} ${rest > 0 ? yuan(readFen(sum.value).fen) : ""}`,
    act: async () => {
      const body = read();
      if (body === null || !await step(sale.id, "reverse", body)) return;
      returning = null;
      strip.forget(sale.id);
      toast(() => `${say("returned")} ${yuan(body.amount_fen ?? rest)}`);
      await refresh();
      amount.focus();
    },
  });
  send.addEventListener("click", (event) => { if (read() === null) { event.stopImmediatePropagation(); event.preventDefault(); calm(); } }, { capture: true });
  sum.addEventListener("input", () => { calm(); complain(sum, ""); });
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
}

addEventListener("keydown", (event) => { if (event.key === "Escape" && screen.shown && !document.querySelector("dialog")) next(); });
onLanguage(() => { draw(true); askFor(asking); });
keepAlive();
screen.start();
askFor("show_buyer");
amount.focus();
