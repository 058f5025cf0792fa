// The demo's page: draws the state it polls, and posts what a person asks for. Data becomes text nodes only.

const POLL_MS = 500;
const VIRTUAL = { gate: 1280, desk: 1160, counter: 1160 };
const key = new URLSearchParams(location.hash.slice(1)).get("key") || "";
const find = (selector, root = document) => root.querySelector(selector);
let lang = localStorage.getItem("xinguan.lang") || "zh";
let state = null;
let known = new Set();

const two = (n) => String(n).padStart(2, "0");
const clock = (ms) => { const at = new Date(ms); return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`; };
const word = (zh, en) => (lang === "zh" ? zh : en);

function make(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
}

async function api(method, path) {
  const answer = await fetch(path, { method, headers: { "X-Demo-Key": key }, cache: "no-store" });
  if (!answer.ok) throw new Error(await answer.text() || `HTTP ${answer.status}`);
  return answer.json();
}

function toast(text) {
  const node = find("#toast");
  node.textContent = text;
  node.className = "on";
  setTimeout(() => { node.className = ""; }, 5000);
}

async function act(button, name) {
  button.classList.add("busy");
  button.disabled = true;
  try {
    await api("POST", `/api/do/${name}`);
  } catch (error) {
    toast(error.message);
  }
  await poll();
  button.classList.remove("busy");
  button.disabled = false;
  draw();
}

function speak() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-zh]")) node.textContent = node.dataset[lang];
  find("#language").textContent = word("English", "中文");
  if (state && !state.starting) { find("#visitors").replaceChildren(); draw(); }
}

function fit() {
  for (const frame of document.querySelectorAll(".frame")) {
    const inner = find("iframe", frame);
    const wide = VIRTUAL[inner.dataset.screen];
    const scale = frame.clientWidth / wide;
    inner.style.width = `${wide}px`;
    inner.style.height = `${frame.clientHeight / scale}px`;
    inner.style.transform = `scale(${scale})`;
  }
}

function drawScreens() {
  for (const terminal of state.terminals) {
    if (!terminal.screen) continue; // it has no screen on this page
    const inner = find(`iframe[data-screen="${terminal.screen}"]`);
    const url = terminal.url.replace("?", `?lang=${lang}&`); // a screen speaks the language of this page
    if (inner.dataset.url !== url && terminal.up) {
      inner.dataset.url = url;
      inner.src = url;
    }
    find(`[data-name="${terminal.screen}"]`).textContent = word(terminal.zh, terminal.en);
    const mark = find("i.state", inner.closest("section"));
    mark.className = `state${terminal.up ? terminal.unsent ? " unsent" : "" : " down"}`;
    mark.textContent = terminal.up
      ? terminal.unsent ? `${word("未上传", "unsent")} ${terminal.unsent}` : word("已全部上传", "all sent")
      : word("断电", "no power");
  }
}

function drawVisitors() {
  const host = find("#visitors");
  if (!host.children.length) {
    for (const kind of state.kinds) {
      const button = make("button", word(kind.zh, kind.en), kind.outcome || "");
      button.type = "button";
      button.dataset.do = kind.kind;
      button.addEventListener("click", () => act(button, kind.kind));
      host.append(button);
    }
  }
  const second = find('[data-do="second"]', host);
  if (!second.classList.contains("busy")) second.disabled = !state.may_second;
}

function drawSeen() {
  find("#seen").replaceChildren(...state.seen.toReversed().map((seen) => {
    const kind = state.kinds.find((one) => one.kind === seen.kind);
    const item = make("li", null, seen.outcome || "");
    item.append(make("time", clock(seen.at_ms)), make("b", seen.outcome || "—"), make("span", word(kind.zh, kind.en)));
    if (seen.slow) item.append(make("span", word("本机太慢", "machine too slow"), "slow"));
    else if (!seen.expected) item.append(make("span", word("意外", "unexpected"), "wrong"));
    item.append(make("span", (seen.repeat ? `${word("同一次", "repeat")} ` : "") + (seen.outcome === "GRANT" ? "" : seen.reasons.join(" ")), "why"));
    return item;
  }));
}

function drawLedger() {
  const network = find("#network");
  network.textContent = state.network ? word("网络正常", "network up") : word("网络已断", "network cut");
  network.className = state.network ? "pill" : "pill cut";
  find('[data-do="cut"]').disabled = !state.network;
  find('[data-do="restore"]').disabled = state.network;
  const most = Math.max(10, ...state.terminals.map((one) => one.unsent || 0));
  find("#unsent").replaceChildren(...state.terminals.map((one) => {
    const row = make("div");
    const bar = make("span", null, "bar");
    const fill = make("i");
    fill.style.width = `${(100 * (one.unsent || 0)) / most}%`;
    bar.append(fill);
    row.append(make("span", `${word(one.zh, one.en)}`), bar, make("span", one.unsent ?? "–", "n"));
    return row;
  }));
  const rows = state.platform?.redemptions || [];
  const names = Object.fromEntries(state.terminals.map((one) => [one.terminal, word(one.zh, one.en)]));
  find("#rows").replaceChildren(...rows.map((row) => {
    const line = make("tr", null, known.size && !known.has(row.redemption) ? "new" : "");
    const late = row.received_ms - row.at_ms;
    for (const text of [clock(row.at_ms), names[row.terminal] ?? row.terminal, row.benefit || row.given || "", row.state, late < 1000 ? `${late} ms` : `${(late / 1000).toFixed(1)} s`]) line.append(make("td", text));
    return line;
  }));
  known = new Set(rows.map((row) => row.redemption));
}

function drawTruth() {
  const { audit } = state;
  find("#lost").textContent = audit.lost;
  find("#twice").textContent = audit.duplicated;
  find("#truth").classList.toggle("bad", audit.lost + audit.duplicated > 0);
  find("#journal").textContent = audit.journal_records;
  find("#held").textContent = audit.platform_records;
  find("#west").textContent = state.west ? `${word("西门", "West gate")}: ${state.west[lang]}` : "";
  find("#current").textContent = state.current || "–";
  find("#slow").textContent = state.slow ? state.slow[lang] : "";
  for (const name of ["restrict", "repair"]) {
    const button = find(`[data-do="${name}"]`);
    if (!button.classList.contains("busy")) button.disabled = !state.current;
  }
  const took = find("#latency");
  took.replaceChildren();
  for (const [name, zh, en] of [["restrict", "限制生效", "restricted after"], ["repair", "修复生效", "repaired after"]]) {
    if (name in state.latency_ms) took.append(`${word(zh, en)} `, make("b", `${state.latency_ms[name]} ms`), "  ");
  }
}

function draw() {
  if (!state || state.starting) return;
  drawScreens();
  drawVisitors();
  drawSeen();
  drawLedger();
  drawTruth();
}

async function poll() {
  try {
    state = await api("GET", "/api/state");
  } catch (error) {
    document.body.classList.add("starting");
    find("#veil p").textContent = error.message;
    return;
  }
  document.body.classList.toggle("starting", Boolean(state.starting));
  if (!state.starting) draw();
}

find("#language").addEventListener("click", () => {
  lang = lang === "zh" ? "en" : "zh";
  localStorage.setItem("xinguan.lang", lang);
  speak();
});
for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => act(button, button.dataset.do));
const sizes = new ResizeObserver(fit);
for (const frame of document.querySelectorAll(".frame")) sizes.observe(frame);
find("#camera").src = "/overlay";
speak();
fit();
for (;;) {
  await poll();
  await new Promise((done) => { setTimeout(done, POLL_MS); });
}
