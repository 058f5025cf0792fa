// Every word of the screens, 中文 first. Reasons come with the answer (one catalogue, in credit.texts); the rest lives here.
// A key missing here throws: a screen never shows a blank where a word belongs.

export const WORDS = {
  invite: ["请出示信用码", "Please show your credit code"],
  invite_hint: ["将手机二维码对准扫码口", "Hold the code on your phone to the reader"],
  desk_title: ["前台", "Front desk"],
  counter_title: ["收银台", "Counter"],
  gate_title: ["闸机", "Gate"],
  connecting: ["正在连接终端", "Connecting to the terminal"],
  connecting_hint: ["请稍候", "One moment, please"],
  lost: ["屏幕与终端失去连接", "This screen has lost its terminal"],
  lost_hint: ["屏幕上没有有效结果，请看工作人员", "No result on this screen is valid. Please see a member of staff"],
  forbidden: ["屏幕没有权限", "This screen is not authorised"],
  forbidden_hint: ["请用终端给出的完整网址打开本页", "Open this page with the complete address that the terminal gave"],
  not_ready: ["终端未就绪", "Terminal not ready"],
  not_ready_hint: ["请走人工通道，工作人员会帮助您", "Please use the staffed lane; our staff will help you"],
  camera_down: ["扫码口没有画面，请用扫码枪或手工输入", "No camera picture: use the hand scanner or type the code"],
  GRANT: ["请通行", "Welcome, please pass"],
  STANDARD: ["请按标准票办理", "Standard ticket, please"],
  REFER: ["请等工作人员协助", "One moment, staff will help"],
  REFUSE: ["此码不能使用", "This code is not accepted"],
  GRANT_desk: ["可以免押入住", "Check in without deposit"],
  STANDARD_desk: ["按标准押金办理", "Ordinary deposit, please"],
  GRANT_counter: ["优惠成立", "Discount given"],
  STANDARD_counter: ["按标准价收款", "Ordinary price"],
  GRANT_quote: ["可享优惠（未收款）", "Discount possible (not yet paid)"],
  GRANT_check: ["可享优惠（未核销）", "Benefit possible (not yet used)"],
  GRANT_close: ["已办结", "Closed"],
  word_GRANT: ["通过", "Granted"],
  word_STANDARD: ["标准", "Standard"],
  word_REFER: ["人工", "Staff"],
  word_REFUSE: ["拒绝", "Refused"],
  undone: ["已撤销", "Undone"],
  undone_hint: ["次数已退还", "The use has been given back"],
  list_price: ["票价", "List price"],
  amount: ["金额", "Amount"],
  deposit: ["押金", "Deposit"],
  reduction: ["优惠", "Reduction"],
  waived: ["免押", "Waived"],
  to_pay: ["应付", "To pay"],
  why: ["原因", "Why"],
  next: ["怎么办", "What to do"],
  appeal: ["扫码申诉或查询", "Scan to ask or appeal"],
  authority: ["认定单位", "Decided by"],
  basis: ["依据", "Basis"],
  until: ["有效期至", "In force until"],
  used_at: ["上次使用", "Last used"],
  where: ["地点", "Where"],
  remedy: ["修复办法", "How to repair"],
  measure: ["措施", "Measure"],
  repeat: ["同一次通行，未重复计次", "Same passage, counted once"],
  offline_note: ["离线判定，事实已存盘", "Decided offline, kept on disk"],
  test_note: ["演示数据", "Test data"],
  left: ["剩余次数", "Uses left"],
  again: ["请再次出示", "Please show it again"],
  notice_not_a_code: ["这不是本项目的信用码", "This is not a code of this programme"],
  notice_not_a_code_hint: ["请打开信用码，不要出示付款码", "Please open your credit code, not a payment code"],
  notice_two_codes: ["请一次只出示一个信用码", "One credit code at a time, please"],
  notice_two_codes_hint: ["请把另一部手机移开", "Please move the other phone away"],
  notice_scanner: ["扫码器的数据无法读取", "The scanner sent something unreadable"],
  notice_scanner_hint: ["请再扫一次；若仍不行请找工作人员", "Please scan again, or ask the staff"],
  notice_damaged_code: ["二维码不完整", "The code is incomplete"],
  notice_damaged_code_hint: ["请调亮屏幕后重试", "Please brighten the screen and try again"],
  code_field: ["扫码枪扫码，或输入码后按回车", "Shoot with the hand scanner, or type a code and press Enter"],
  send: ["提交", "Submit"],
  undo: ["撤销上一次", "Undo last"],
  undo_sure: ["确认撤销？", "Really undo?"],
  undo_none: ["没有可撤销的", "Nothing to undo"],
  last: ["上一位", "Last"],
  online: ["在线", "Online"],
  offline: ["断网运行", "Offline"],
  unsent: ["未上传", "Unsent"],
  unsent_none: ["已全部上传", "All sent"],
  list_age: ["名单", "Lists"],
  clock: ["时钟", "Clock"],
  clock_trusted: ["可信", "trusted"],
  clock_unsure: ["待核", "unsure"],
  clock_wrong: ["有误", "wrong"],
  language: ["English", "中文"],
  big: ["大字", "Big type"],
  sound: ["声音", "Sound"],
  sound_off: ["点按开启声音", "Tap for sound"],
  pledge: ["信用承诺", "Our pledge"],
  grade: ["信用等级", "Credit grade"],
  site_code: ["一景区一码", "This site's code"],
  check_in: ["办理入住", "Check-in"],
  check_out: ["退房", "Check out"],
  check_out_sure: ["确认退房？", "Really check out?"],
  open_stays: ["在住", "Open stays"],
  no_stays: ["没有在住记录", "No open stays"],
  claim: ["扣赔", "Claim"],
  claim_amount: ["赔付金额（元）", "Claim in yuan"],
  cancel: ["取消", "Cancel"],
  room: ["房号", "Room"],
  deposit_amount: ["标准押金（元）", "Ordinary deposit in yuan"],
  since: ["入住", "Since"],
  due: ["应退", "Due"],
  overdue: ["已逾期", "Overdue"],
  challenge: ["客人手机扫此码，证明在场", "Scanned by the guest's phone: proof of being here"],
  show_guest: ["请客人出示信用码", "Ask the guest for the credit code"],
  enter_amount: ["请输入金额", "Enter the amount"],
  show_buyer: ["请顾客出示信用码", "Ask the customer for the credit code"],
  code_held: ["码已读到，请输入金额后按回车", "Code read: enter the amount and press Enter"],
  quote: ["只报价", "Quote only"],
  total: ["合计", "Total"],
  discount: ["优惠", "Discount"],
  recent: ["最近", "Recent"],
  no_recent: ["还没有记录", "Nothing yet"],
  give_back: ["退货", "Return"],
  give_back_sure: ["确认退货？", "Really return?"],
  clear: ["清除", "Clear"],
  local: ["本店优惠", "This shop's own offer"],
  own_offers: ["本店优惠", "Own offers"],
  no_offers: ["还没有本店优惠", "No offers of your own yet"],
  offer_new: ["新增优惠", "New offer"],
  offer_edit: ["修改", "Edit"],
  offer_withdraw: ["停用", "Withdraw"],
  offer_withdraw_sure: ["确认停用？", "Really withdraw?"],
  offer_undo: ["撤回上一次更改", "Undo the last change"],
  offer_created: ["新增", "written"],
  offer_edited: ["修改", "edited"],
  offer_undone: ["已撤回", "undone"],
  offer_withdrawn: ["已停用", "Withdrawn"],
  offer_in_force: ["已生效", "in force"],
  offer_saved: ["已保存，立即生效", "Saved, and in force at once"],
  offer_save: ["保存", "Save"],
  offer_title: ["名称（中文）", "Title in Chinese"],
  offer_title_en: ["名称（英文，可不填）", "Title in English (if any)"],
  offer_what: ["形式", "Kind"],
  offer_gift: ["赠品", "Gift"],
  offer_percent: ["折扣 %", "Percent off"],
  offer_amount: ["立减", "Amount off"],
  offer_fixed_price: ["一口价", "Fixed price"],
  offer_item: ["赠什么", "What is given"],
  offer_off: ["减多少（元）", "Yuan off"],
  offer_price: ["价格（元）", "Price in yuan"],
  offer_stock: ["现有数量（不填为不限）", "How many there are now (empty: no end)"],
  offer_left: ["剩", "Left"],
  offer_endless: ["不限量", "No end"],
  offer_from: ["从", "From"],
  offer_until: ["到（含当天）", "Until (that day too)"],
  offer_limit: ["每位顾客限次", "Limit per visitor"],
  offer_period: ["按", "Per"],
  offer_day: ["每天", "day"],
  offer_ever: ["一共", "in all"],
  offer_per_day: ["每人每天", "each visitor a day:"],
  offer_per_visitor: ["每人一共", "each visitor in all:"],
  offer_value_wrong: ["请检查赠品、折扣或金额", "Look at the gift, the percentage or the amount"],
  offer_number_wrong: ["请填整数", "Whole numbers, please"],
  failed: ["没有办成", "That did not work"],
  no_answer: ["终端没有回答", "The terminal did not answer"],
  seconds: ["秒", "s"],
  minutes: ["分钟", "min"],
  hours: ["小时", "h"],
  days: ["天", "d"],
};

const STORE = "xinguan.lang";

function stored() {
  try { return localStorage.getItem(STORE); } catch { return null; } // private windows may forbid storage
}

let current = new URLSearchParams(location.search).get("lang") || stored() || "zh";
const listeners = new Set();

export const language = () => current;
export const other = () => (current === "zh" ? "en" : "zh");

function pick(key, lang) {
  const pair = WORDS[key];
  if (!pair) throw new Error(`no words for "${key}"`);
  return pair[lang === "zh" ? 0 : 1];
}

/** The word in the language chosen, or in the other one. */
export const say = (key) => pick(key, current);
export const also = (key) => pick(key, other());

/** A text that came with data: {zh, en}; falls back to whichever exists. */
export function told(pair, lang = current) {
  if (!pair) return "";
  if (typeof pair === "string") return pair;
  return pair[lang] || pair.zh || pair.en || "";
}

/** Fill every data-say / data-also / data-say-placeholder / data-say-title below `root`. */
export function fill(root = document) {
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-also]")) node.textContent = also(node.dataset.also);
  for (const node of root.querySelectorAll("[data-say-placeholder]")) {
    node.placeholder = say(node.dataset.sayPlaceholder);
    node.setAttribute("aria-label", node.placeholder);
  }
}

export function onLanguage(listener) { listeners.add(listener); }

export function switchLanguage() {
  current = other();
  try { localStorage.setItem(STORE, current); } catch { /* private window: the choice lasts for this page */ }
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  fill();
  for (const listener of listeners) listener(current);
}

export function startLanguage() {
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
  fill();
}
