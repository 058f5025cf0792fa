// The slip: one answer with everything in it, for the printer and for the person it is about; over the whole page while
// it is read, and the only thing on the paper. The one QR code on it is the answer's own notice.

import { titleOf } from "./answers.js";
import { button, clockTime, find, make, set } from "./dom.js";
import { price, yuan } from "./money.js";
import { codeFigure, drawResult, headline } from "./result.js";
import { noticeOf } from "./screen.js";
import { say, toldNode } from "./words.js";

/** Show the slip of an answer in a dialog; printing prints nothing else. */
export function showSlip(answer, { scene, status }) {
  const before = document.activeElement;
  const dialog = set(make("dialog.slip"), { "aria-label": say("slip") });
  const sum = answer.outcome === "REFUSE" ? null : price(answer); // whoever is refused owes nothing
  const line = (key, text) => make("p.line", make("span", say(key)), make("b", text));
  const code = noticeOf(answer, status);
  const title = titleOf(answer);
  const body = answer.outcome === "GRANT"
    ? make("div", title ? make("p.what", toldNode(title)) : null)
    : drawResult(answer, { scene, full: true, status }).querySelector(".reasons");
  const print = button(".main", say("slip_print"));
  const close = button("", say("slip_close"));
  print.addEventListener("click", () => globalThis.print());
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { dialog.remove(); (before?.isConnected ? before : find("#code")).focus(); });
  dialog.append(make("div.paper",
    make("h2", toldNode(status?.title ?? "")), make("p", clockTime(answer.at_ms)),
    make("p.outcome", say(answer.outcome === "GRANT" ? "word_GRANT" : headline(answer, scene))), body,
    ...(sum ? [line("amount", yuan(sum.list)), ...(sum.off ? [line(sum.kind === "waived" ? "waived" : "reduction", `−${yuan(sum.off)}`)] : []), line("to_pay", yuan(sum.pay))] : []),
    code ? codeFigure(code) : null), make("div.acts.unprinted", print, close));
  document.body.append(dialog);
  dialog.showModal();
  print.focus();
}
