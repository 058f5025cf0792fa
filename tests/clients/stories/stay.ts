// A stay without deposit: opened with a challenge, damage claimed, closed.
import { answered, done, good, same, terminal, until, visitor } from "./told.js";

const guest = await visitor("resident");
// The lane's screen shows a challenge, and the guest's phone answers it.
const checkIn = (request_id: string) =>
  answered(async () => {
    const lane = good(await terminal.GET("/v1/lanes/{lane}", { params: { path: { lane: "D" } } }));
    const code = await guest.code(lane.challenge);
    const body = { code, lane: "D", intent: "open" as const, amount_fen: 30_000, request_id };
    return good(await terminal.POST("/v1/present", { body }));
  });
const stay = await checkIn(`stay-${Date.now()}`);
same([stay.outcome, stay.offer?.kind, stay.offer?.waived_fen], ["GRANT", "deposit_waiver", 30_000], "no deposit");
const redemption = stay.redemption ?? "";
const open = good(await terminal.GET("/v1/redemptions", { params: { query: { state: "open" } } }));
same(open.filter((one) => one.id === redemption).map((one) => one.state), ["open"], "it is among the open stays");

const step = (name: "claim" | "close", body: { amount_fen?: number; override?: { by: string; why: string } }) =>
  terminal.POST("/v1/redemptions/{redemption}/{step}", {
    params: { path: { redemption, step: name } }, body: { ...body, request_id: `${name}-${redemption}-${body.amount_fen ?? 0}` },
  });
const much = (await step("claim", { amount_fen: 40_000 })).error;
same([much?.status, much?.code], [409, "step_refused"], "more than was waived wants a supervisor's reason");
const claimed = good(await step("claim", { amount_fen: 12_000 }));
same([claimed.state, claimed.redemption.claimed_fen], ["claimed", 12_000], "damage of 120 yuan");
await until(async () => {
  const left = good(await terminal.GET("/v1/redemptions", { params: { query: { state: "open" } } }));
  return left.some((one) => one.id === redemption) ? undefined : true;
}, "the stay to be over");

// The same guest may stay again, and leaves without any damage.
const second = await checkIn(`stay-2-${Date.now()}`);
const closed = good(
  await terminal.POST("/v1/redemptions/{redemption}/{step}", {
    params: { path: { redemption: second.redemption ?? "", step: "close" } }, body: {},
  }),
);
same(closed.state, "closed", "the guest left");
done("stay");
