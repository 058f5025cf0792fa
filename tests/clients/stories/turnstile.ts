// A turnstile: time-out, a late pass, a rest that is paid, and one that is paid too late.
import { answered, done, good, same, terminal, told, until, visitor } from "./told.js";

type Guest = Awaited<ReturnType<typeof visitor>>;
const enter = (who: Guest) =>
  answered(async () =>
    good(await terminal.POST("/v1/present", { body: { code: await who.code(), lane: "A", intent: "enter", ticket: "adult" } })),
  );
const at = (redemption: string | null) => redemption ?? "";
const stateOf = async (redemption: string | null) =>
  good(await terminal.GET("/v1/redemptions", { params: { query: { recent: 50 } } })).find((one) => one.id === redemption)
    ?.state;

// One listener hears everything: the gate opens by itself, after the commit.
const opened = new Set<string>();
const gates: string[] = [];
let greeted = false;
const listening = new AbortController();
const stream = await fetch(`${told.terminal}/v1/events`, {
  headers: { Authorization: `Bearer ${told.tokens.integrator}` }, signal: listening.signal,
});
const heard = (async () => {
  let text = "";
  for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, name, data] = /event: (\w+)\ndata: (.*)/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      greeted ||= name === "hello"; // from now on nothing is missed
      if (name === "gate") {
        const gate = JSON.parse(data ?? "{}") as { redemption: string; state: string };
        gates.push(`${gate.redemption} ${gate.state}`);
        if (gate.state === "opened") opened.add(gate.redemption);
      }
    }
  }
})().catch((error: Error) => { if (error.name !== "AbortError") throw error; });

await until(async () => greeted || undefined, "the stream's hello");

// A free entry; the controller times out, gives the use back, and then the visitor goes through after all.
const guest = await visitor("resident");
const free = await enter(guest);
same([free.outcome, free.obligations.open_gate, free.offer?.kind], ["GRANT", true, "free"], "a free entry");
await until(async () => opened.has(at(free.redemption)) || undefined, "the gate").catch((error: Error) => {
  throw new Error(`${error.message}; it said: ${gates.join(", ")}`);
});
const step = (redemption: string | null, name: "passed" | "not_turned" | "annul") =>
  terminal.POST("/v1/redemptions/{redemption}/{step}", {
    params: { path: { redemption: at(redemption), step: name } }, body: { request_id: `${name}-${redemption}` },
  });
same(good(await step(free.redemption, "not_turned")).state, "annulled", "the time-out");
same(good(await step(free.redemption, "passed")).state, "passed", "the late pass takes the use again");

// Half the price is left to pay: the gate stays shut until it is.
const foreign = await visitor("partner");
const owing = await enter(foreign);
same([owing.obligations.pay_fen, owing.obligations.open_gate], [3000, undefined], "a rest of 30 yuan");
const paid = (redemption: string | null, order: string, amount_fen: number) =>
  terminal.POST("/v1/redemptions/{redemption}/{step}", {
    params: { path: { redemption: at(redemption), step: "paid" }, header: { "Idempotency-Key": `k-${order}-${amount_fen}` } },
    body: { order, amount_fen },
  });
const wrong = (await paid(owing.redemption, `o-${owing.redemption}`, 2999)).error;
same(wrong?.code, "step_refused", "another sum is refused");
if (wrong && "reason" in wrong) same(wrong.reason, "wrong_amount", "and says why");
const first = good(await paid(owing.redemption, `o-${owing.redemption}`, 3000));
const again = good(await paid(owing.redemption, `o-${owing.redemption}`, 3000));
same(first.state, "granted", "paid");
same(again, first, "paid again under the same key");
await until(async () => opened.has(at(owing.redemption)) || undefined, "the gate after the payment");

// Nobody pays in time: the use is free again; who pays late gets it if it still is.
const slow = await enter(await visitor("partner"));
same([slow.outcome, slow.reasons[0]?.code], ["GRANT", "ok"], "somebody who does not pay");
await until(async () => ((await stateOf(slow.redemption)) === "annulled" ? true : undefined), "the end of the time to pay");
same(good(await paid(slow.redemption, `o-${slow.redemption}`, 3000)).state, "granted", "paid late");
await until(async () => opened.has(at(slow.redemption)) || undefined, "the gate after the late payment");
listening.abort();
await heard;
done("turnstile");
