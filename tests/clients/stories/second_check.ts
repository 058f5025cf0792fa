// A passage that needs a second code, and the verifier that is asked about it.
import { createServer } from "node:http";
import { answered, done, good, same, terminal, told, visitor } from "./told.js";

// The verifier: POST {code, lane, raw?} → {passed}. `raw` is the scanner's bytes in hex where they are no UTF-8.
const asked: string[] = [];
const verifier = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  const { code, lane } = JSON.parse(text) as { code: string; lane: string; raw?: string };
  asked.push(`${lane} ${code}`);
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ passed: code === "HEALTH-GREEN" }));
});
await new Promise<void>((ready) => verifier.listen(told.verifier_port, "127.0.0.1", ready));

const guest = await visitor("resident");
const enter = (second?: string) =>
  answered(async () =>
    good(await terminal.POST("/v1/present", { body: { code: await guest.code(), lane: "H", intent: "enter", ...(second && { second }) } })),
  );
const reasons = (answer: { reasons: { code: string }[] }) => answer.reasons.map((one) => one.code);

const without = await enter();
same([without.outcome, reasons(without)[0]], ["REFER", "needs_second_check"], "without a second code");
const red = await enter("HEALTH-RED");
same([red.outcome, reasons(red)[0]], ["REFER", "needs_second_check"], "with a red one");
const green = await enter("HEALTH-GREEN");
same([green.outcome, green.benefit], ["GRANT", "yunxi.checked"], "with a green one");
same([...new Set(asked)], ["H HEALTH-RED", "H HEALTH-GREEN"], "the verifier was asked about both");
verifier.close();
verifier.closeAllConnections();
done("second_check");
