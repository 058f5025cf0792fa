// The ledger page: asks for /v1/admin/ledger every second and shows it. The operator's token travels in the URL
// fragment (#token=…) or is typed in; it is kept in this page's memory only.

const PERIOD_MS = 1000;
const STATES = {
  granted: ["已核销", "granted", "good"], opened: ["进行中", "open", "watch"], passed: ["已通过", "passed", "good"],
  closed: ["已办结", "closed", "good"], annulled: ["已撤销", "annulled", "watch"], reversed: ["已冲正", "reversed", "watch"],
  claimed: ["已索赔", "claimed", "bad"], overdue: ["已逾期", "overdue", "bad"],
  active: ["正常", "active", "good"], suspended: ["已暂停", "suspended", "watch"], revoked: ["已吊销", "revoked", "bad"],
};
const CONFLICTS = {
  limit: ["次数超限", "over the limit"], open: ["重复开启", "open twice"],
  replay: ["一码两用", "one code twice"], redemption: ["同一核销号", "same redemption"],
};

const FINDINGS = {
  disproved: ["凭据不符", "disproved"], over_bound: ["超出额度，不结算", "over its bound, not settled"],
  apart: ["停用后核销，另列", "granted after suspension, apart"], foreign_proof: ["不属于此核销的凭据", "a proof of no such grant"],
  granted_again: ["同号再次核销", "granted again"], unbookable: ["无法记账", "cannot be booked"],
};
const VERDICTS = {
  waiting: ["待核", "waiting", "watch"], proved: ["已证实", "proved", "good"], vouched: ["已担保", "vouched", "good"],
  unproved: ["未证实", "unproved", "watch"], disproved: ["已证伪", "disproved", "bad"], apart: ["另列", "apart", "bad"],
};

const at = (id) => document.getElementById(id);
let english = new URLSearchParams(location.search).get("lang") === "en";
let token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
let shown = null;
let known = null;

const say = (zh, en) => (english ? en : zh);
const time = (ms) => (ms ? new Date(ms).toLocaleTimeString(english ? "en-GB" : "zh-CN", { hour12: false }) : "—");

function node(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(content ?? "—");
  return made;
}

function mark(state) {
  const [zh, en, tone] = STATES[state] ?? [state, state, "watch"];
  return node("span", say(zh, en), `mark ${tone}`);
}

// What stands behind a grant; apart wins over its proof. What a verdict rests on stands in the title.
function verdict(row) {
  const [zh, en, tone] = VERDICTS[row.apart ? "apart" : row.verdict] ?? [row.verdict, row.verdict, "watch"];
  const made = node("span", say(zh, en), `mark ${tone}`);
  made.title = row.apart || row.why;
  return made;
}

const doubts = (row) => row.unproved + row.disproved + row.apart + row.excess;

function table(id, columns, rows, empty) {
  const head = document.createElement("tr");
  for (const [title, , kind] of columns) head.append(node("th", title, kind === "n" ? "n" : ""));
  const body = document.createElement("tbody");
  for (const row of rows) {
    const line = document.createElement("tr");
    if (row.fresh) line.className = "new";
    for (const [, value, kind] of columns) line.append(node("td", value(row), kind));
    body.append(line);
  }
  if (!rows.length) {
    const cell = node("td", empty, "empty");
    cell.colSpan = columns.length;
    body.append(cell);
  }
  const thead = document.createElement("thead");
  thead.append(head);
  at(id).replaceChildren(thead, body);
}

function sum(value, zh, en, tone) {
  const made = node("div", node("b", String(value)), `sum ${tone ?? ""}`);
  made.append(node("span", say(zh, en)));
  return made;
}

// Each conflict is kept for both sides; people count it once.
const pairs = (ledger) => ledger.conflicts.filter((one) => one.terminal < one.other_terminal);

function showSums(ledger) {
  const missing = ledger.terminals.reduce((all, one) => all + one.missing, 0);
  const aside = ledger.terminals.reduce((all, one) => all + one.set_aside, 0);
  const grants = (ledger.by_kind.granted ?? 0) + (ledger.by_kind.opened ?? 0);
  at("sums").replaceChildren(
    sum(grants, "核销", "redemptions"),
    sum(ledger.records, "入账事实", "facts held"),
    sum(missing, "缺号", "missing numbers", missing ? "bad" : "good"),
    sum(ledger.duplicates, "重复", "counted twice", ledger.duplicates ? "bad" : "good"),
    sum(pairs(ledger).length, "冲突", "conflicts", pairs(ledger).length ? "bad" : "good"),
    sum(aside, "无法识读", "set aside", aside ? "bad" : "good"),
  );
}

function show(ledger) {
  shown = ledger;
  const before = known ?? new Set(ledger.redemptions.map((row) => row.redemption));
  for (const row of ledger.redemptions) row.fresh = !before.has(row.redemption);
  known = new Set(ledger.redemptions.map((row) => row.redemption));
  showSums(ledger);
  table("terminals", [
    [say("终端", "terminal"), (r) => r.terminal, "code"], [say("站点", "site"), (r) => r.site],
    [say("状态", "state"), (r) => mark(r.state)], [say("事实", "facts"), (r) => r.records, "n"],
    [say("签收至", "signed through"), (r) => r.acked_through, "n"],
    [say("链首", "chain head"), (r) => r.head_hash?.slice(0, 12) ?? "—", "code"],
    [say("分叉", "forks"), (r) => r.forks, "n"], [say("不结算", "not settled"), doubts, "n"],
    [say("最近联系", "last heard"), (r) => time(r.seen_ms)],
  ], ledger.terminals, say("尚无终端", "no terminal yet"));
  at("conflict-section").hidden = ledger.conflicts.length === 0;
  table("conflicts", [
    [say("类别", "kind"), (r) => say(...(CONFLICTS[r.kind] ?? [r.kind, r.kind]))],
    [say("终端", "terminal"), (r) => `${r.terminal} #${r.seq}`, "code"],
    [say("与", "with"), (r) => `${r.other_terminal} #${r.other_seq}`, "code"],
    [say("额度键", "key"), (r) => r.key, "code"], [say("发现", "noticed"), (r) => time(r.noticed_ms)],
  ], pairs(ledger), "");
  at("finding-section").hidden = ledger.findings.length === 0;
  table("findings", [
    [say("类别", "kind"), (r) => say(...(FINDINGS[r.kind] ?? [r.kind, r.kind]))],
    [say("终端", "terminal"), (r) => `${r.terminal} #${r.seq}`, "code"], [say("详情", "detail"), (r) => r.detail, "code"],
    [say("发现", "noticed"), (r) => time(r.noticed_ms)],
  ], ledger.findings, "");
  table("redemptions", [
    [say("时间", "time"), (r) => time(r.at_ms)], [say("终端", "terminal"), (r) => `${r.terminal} #${r.seq}`, "code"],
    [say("权益", "benefit"), (r) => r.benefit], [say("状态", "state"), (r) => mark(r.state)],
    [say("凭据", "proof"), verdict], [say("入账", "received"), (r) => time(r.received_ms)], [say("核销号", "redemption"), (r) => r.redemption, "code"],
  ], ledger.redemptions, say("尚无核销", "no redemption yet"));
}

function translate() {
  document.documentElement.lang = english ? "en" : "zh";
  for (const one of document.querySelectorAll("[data-zh]")) one.textContent = say(one.dataset.zh, one.dataset.en);
  at("language").textContent = english ? "中文" : "English";
  at("language").lang = english ? "zh" : "en";
  if (shown) show(shown);
}

function live(state, zh, en) {
  if (at("live").dataset.state !== state) at("live").dataset.state = state;
  at("live").textContent = say(zh, en);
}

async function refresh() {
  if (!token) {
    at("key").hidden = false;
    return;
  }
  try {
    const answer = await fetch("/v1/admin/ledger", { headers: { Authorization: `Bearer ${token}` }, cache: "no-store" });
    if (answer.status === 401) {
      token = "";
      live("lost", "操作令牌不对", "wrong operator token");
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    at("key").hidden = true;
    document.querySelector("main").hidden = false;
    live("live", "实时", "live");
  } catch (error) {
    live("lost", `平台没有应答（${error.message}）`, `the platform does not answer (${error.message})`);
  }
}

async function loop() {
  await refresh();
  setTimeout(loop, PERIOD_MS);
}

at("language").addEventListener("click", () => { english = !english; translate(); });
at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  refresh();
});
addEventListener("hashchange", () => { token = new URLSearchParams(location.hash.slice(1)).get("token") || token; });
translate();
loop();
