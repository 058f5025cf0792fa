// An operator's measure, from the draft to the repair, and what a visitor hears of it at the gate.
import { answered, done, good, office, platform, same, terminal, told, until, visitor } from "./told.js";

const day = (from: number) => new Date(Date.now() + from * 86_400_000).toISOString().slice(0, 10);
const clerk = office(told.clerk);
const checker = office(told.checker);
const guest = await visitor("resident");
const atGate = () =>
  answered(async () =>
    good(await terminal.POST("/v1/present", { body: { code: await guest.code(), lane: "A", intent: "check", ticket: "adult" } })),
  );
same((await atGate()).outcome, "GRANT", "before");

const draft = good(
  await clerk.POST("/v1/office/measure", {
    body: {
      city: told.city, subject: guest.subject, code: told.restricting, until: day(90),
      authority: told.authority, basis: "第二十三条", why: "决定书 2026-118 · decision 2026-118",
    },
  }),
);
same([draft.state, draft.words.length > 0], ["open", true], "a draft, in words");
const alone = (await clerk.POST("/v1/office/approve", { body: { draft: draft.number, why: "我自己 · myself" } })).error;
same([alone?.status, alone?.code], [403, "not_your_duty"], "one person alone cannot");
const approved = good(await checker.POST("/v1/office/approve", { body: { draft: draft.number, why: "核对无误 · checked" } }));
same(approved.state, "in_force", "approved by another");
const refused = await until(async () => {
  const answer = await atGate();
  return answer.outcome === "REFUSE" ? answer : undefined;
}, "the measure at the gate");
same(refused.reasons[0]?.code, "restricted", "the gate says so");

const entry = approved.result?.entry ?? 0;
const repair = good(await clerk.POST("/v1/office/repair", { body: { city: told.city, entry, why: "已履行 · done what was due" } }));
const lifted = good(await checker.POST("/v1/office/approve", { body: { draft: repair.number, why: "核对无误 · checked" } }));
same(lifted.state, "in_force", "repaired");
await until(async () => ((await atGate()).outcome === "GRANT" ? true : undefined), "the repair at the gate");

const ledger = good(await platform.GET("/v1/admin/ledger"));
same([ledger.terminals[0]?.terminal, ledger.duplicates], ["gate-east", 0], "the platform's ledger");
done("office");
