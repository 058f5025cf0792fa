// The shop's counter: amount in, discount out, total large; the last sales with returns.

import { rowOf } from "./answers.js";
import { clockTime, find, make, twice } from "./dom.js";
import { fen, yuan } from "./money.js";
import { OffersPanel } from "./offers.js";
import { drawTop, watchStrip } from "./page.js";
import { Screen } from "./screen.js";
import { attempt, step, Strip, toast } from "./strip.js";
import { call } from "./terminal.js";
import { onLanguage, say, told } from "./words.js";

const RECENT = 20;
let sales = [];
const amount = find("#amount");
const quote = find("#quote");

const screen = new Screen({
  scene: "counter",
  fleeting: false,
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
    const sum = fen(amount.value);
    if (sum === null) { amount.focus(); askFor("code_held"); return null; }
    askFor("show_buyer");
    return { intent: quote.checked ? "quote" : "buy", amount_fen: sum };
  },
});

const panel = new OffersPanel(screen);

function askFor(key) {
  const [first, second] = find("#ask").children;
  first.dataset.say = key;
  second.dataset.also = key;
  first.textContent = say(key);
  second.textContent = "";
}

// The code may come before the amount: it waits in its field, and Enter in the amount sends both.
amount.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (fen(amount.value) === null) { toast(say("enter_amount"), true); return; }
  if (find("#code").value) strip.submit();
  else find("#code").focus();
});
find("#clear").addEventListener("click", () => {
  amount.value = "";
  find("#code").value = "";
  askFor("show_buyer");
  amount.focus();
});

async function refresh() {
  const answer = await attempt(() => call("GET", `/v1/redemptions?recent=${RECENT}`));
  if (!answer) return;
  sales = answer.map(rowOf);
  draw();
  if (!find("#pane-offers").hidden) panel.refresh(); // a sale takes from the stock
}

function draw() {
  find("#no-recent").hidden = sales.length > 0;
  find("#recent").replaceChildren(...sales.map(saleRow));
}

function saleRow(sale) {
  const undone = sale.state === "annulled" || sale.state === "reversed";
  const row = make("li",
    make("div.line", make(undone ? "span.struck" : "span", told(sale.title), sale.local ? make("i.local", say("local")) : null), make("b", sale.pay === null ? "" : yuan(sale.pay))),
    make("div.line.sub", make("span", clockTime(sale.atMs)),
      make("span", undone ? say("undone") : sale.off ? `${say("discount")} −${yuan(sale.off)}` : "")));
  if (!undone) {
    const back = make("button");
    back.type = "button";
    twice(back, { label: () => say("give_back"), ask: () => say("give_back_sure"), act: () => reverse(sale) });
    row.append(make("div.acts", back));
  }
  row.dataset.redemption = sale.id;
  return row;
}

async function reverse(sale) {
  const done = await step(sale.id, "reverse");
  if (!done) return;
  strip.forget(sale.id);
  toast(say("undone"));
  await refresh();
}

onLanguage(draw);
watchStrip();
screen.start();
refresh();
amount.focus();
