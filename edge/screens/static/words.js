// Every word of the screens, 中文 first. Reasons come with the answer (one catalogue, in credit.texts); the rest lives here.
// A key missing here throws: a screen never shows a blank where a word belongs.

export const WORDS = {
  invite: ["请出示\u200b信用码", "Please show your credit code"],
  invite_hint: ["将手机二维码对准扫码口", "Hold the code on your phone to the reader"],
  desk_title: ["前台", "Front desk"],
  counter_title: ["收银台", "Counter"],
  gate_title: ["闸机", "Gate"],
  connecting: ["正在连接终端", "Connecting to the terminal"],
  connecting_hint: ["请稍候", "One moment, please"],
  lost: ["屏幕与终端\u200b失去连接", "This screen has lost its terminal"],
  lost_hint: ["屏幕上没有有效结果，请看工作人员", "No result on this screen is valid. Please see a member of staff"],
  forbidden: ["屏幕没有权限", "This screen is not authorised"],
  forbidden_hint: ["请用终端给出的完整网址打开本页", "Open this page with the complete address that the terminal gave"],
  not_ready: ["终端\u200b未就绪", "Terminal not ready"],
  not_ready_gate: ["本通道\u200b暂不能使用", "This lane is closed just now"],
  not_ready_hint: ["请走人工通道，工作人员会帮助您", "Please use the staffed lane; our staff will help you"],
  camera_down: ["扫码口没有画面，请用扫码枪或手工输入", "No camera picture: use the hand scanner or type the code"],
  GRANT: ["请通行", "Welcome, please pass"],
  STANDARD: ["请按标准票\u200b办理", "Standard ticket, please"],
  REFER: ["请等\u200b工作人员\u200b协助", "One moment, staff will help"],
  REFUSE: ["此码不能使用", "This code is not accepted"],
  GRANT_desk: ["可以免押入住", "Check in without deposit"],
  STANDARD_desk: ["按标准押金\u200b办理", "Ordinary deposit, please"],
  GRANT_counter: ["优惠成立", "Discount given"],
  STANDARD_counter: ["按标准价收款", "Ordinary price"],
  GRANT_quote: ["可享优惠\u200b（未收款）", "Discount possible (not yet paid)"],
  GRANT_check: ["可享优惠\u200b（未核销）", "Benefit possible (not yet used)"],
  GRANT_close: ["已办结", "Closed"],
  GRANT_give_back: ["已归还，谢谢", "Returned, thank you"],
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
  hint: ["到期提醒", "Ends soon"],
  measure: ["措施", "Measure"],
  repeat: ["同一次通行，未重复计次", "Same passage, counted once"],
  offline_note: ["断网时办理，记录已保存", "Decided offline; the record is kept"],
  test_note: ["演示数据", "Test data"],
  left: ["剩余次数", "Uses left"],
  again: ["请再次出示", "Please show it again"],
  notice_not_a_code: ["这不是\u200b本项目的\u200b信用码", "This is not a code of this programme"],
  notice_not_a_code_hint: ["请打开信用码，不要出示付款码", "Please open your credit code, not a payment code"],
  notice_two_codes: ["请一次只出示\u200b一个信用码", "One credit code at a time, please"],
  notice_two_codes_hint: ["请把另一部手机移开", "Please move the other phone away"],
  notice_scanner: ["扫码器的数据无法读取", "The scanner sent something unreadable"],
  notice_scanner_hint: ["请再扫一次；若仍不行请找工作人员", "Please scan again, or ask the staff"],
  notice_damaged_code: ["二维码不完整", "The code is incomplete"],
  notice_damaged_code_hint: ["请调亮屏幕后重试", "Please brighten the screen and try again"],
  code_field: ["扫码或输入码", "Scan or type a code"],
  send: ["提交", "Submit"],
  undo: ["撤销上一次", "Undo last"],
  undo_sure: ["确认撤销？", "Undo this one?"],
  undo_none: ["没有可撤销的", "Nothing to undo"],
  last: ["上一位", "Last"],
  online: ["在线", "Online"],
  offline: ["断网运行", "Offline"],
  site_only: ["仅景区内网", "Site only"],
  unsent: ["未上传", "Unsent"],
  unsent_none: ["已全部上传", "All sent"],
  list_age: ["名单 {ago}前", "Lists {ago} old"],
  clock: ["时钟", "Clock"],
  clock_trusted: ["可信", "trusted"],
  clock_rtc: ["本机", "own"],
  clock_unsure: ["待核", "unsure"],
  clock_wrong: ["有误", "wrong"],
  language: ["English", "中文"],
  big: ["大字", "Big type"],
  sound: ["声音开", "Sound on"],
  sound_off: ["声音关", "Sound off"],
  pledge: ["信用承诺", "Our pledge"],
  grade: ["信用等级", "Credit grade"],
  site_code: ["一景区一码", "This site's code"],
  check_in: ["办理入住", "Check-in"],
  check_out: ["退房", "Check out"],
  check_out_sure: ["确认退房？", "Confirm check-out?"],
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
  challenge: ["客人用手机扫此码", "The guest's phone scans this"],
  show_guest: ["请客人出示信用码", "Ask the guest for the credit code"],
  enter_amount: ["请输入金额（元）", "Amount in yuan"],
  show_buyer: ["请顾客出示信用码", "Ask the customer for the credit code"],
  code_held: ["码已读到，请输入金额后按回车", "Code read: enter the amount and press Enter"],
  quote: ["只报价（不核销）", "Quote only (nothing is used)"],
  discount: ["优惠", "Discount"],
  recent: ["最近", "Recent"],
  no_recent: ["还没有记录", "Nothing yet"],
  give_back: ["退货", "Return"],
  give_back_sure: ["确认退货？", "Confirm return?"],
  clear: ["清除", "Clear"],
  local: ["本店优惠", "This shop's own offer"],
  own_offers: ["本店优惠", "Own offers"],
  no_offers: ["还没有本店优惠", "No offers of your own yet"],
  offer_new: ["新增优惠", "New offer"],
  offer_edit: ["修改", "Edit"],
  offer_withdraw: ["停用", "Withdraw"],
  offer_withdraw_sure: ["确认停用？", "Confirm withdrawal?"],
  offer_undo: ["撤回上一次更改", "Undo the last change"],
  offer_created: ["新增", "created"],
  offer_edited: ["修改", "edited"],
  offer_undone: ["已撤回", "undone"],
  offer_withdrawn: ["已停用", "Withdrawn"],
  offer_in_force: ["已生效", "in force"],
  offer_saved: ["已保存，立即生效", "Saved and in force"],
  offer_save: ["保存", "Save"],
  offer_title: ["名称（中文）", "Title in Chinese"],
  offer_title_en: ["名称（英文，可不填）", "Title in English (optional)"],
  offer_what: ["形式", "Kind"],
  offer_gift: ["赠品", "Gift"],
  offer_percent: ["打几折（8＝八折）", "Price in tenths (8 = 20 % off)"],
  offer_amount: ["立减", "Amount off"],
  offer_fixed_price: ["一口价", "Fixed price"],
  offer_item: ["赠什么", "What is given"],
  offer_off: ["减多少（元）", "Yuan off"],
  offer_price: ["价格（元）", "Price in yuan"],
  offer_stock: ["现有数量（不填为不限）", "How many now (empty: unlimited)"],
  offer_left: ["剩 {left}，共 {stock}", "{left} of {stock} left"],
  offer_endless: ["不限量", "Unlimited"],
  offer_from: ["从", "From"],
  offer_until: ["到（含当天）", "Until (inclusive)"],
  offer_limit: ["每位顾客限次", "Limit per visitor"],
  offer_period: ["按", "Per"],
  offer_day: ["每天", "day"],
  offer_ever: ["一共", "in all"],
  offer_per_day: ["每人每天限 {max} 次", "{max} per visitor a day"],
  offer_per_visitor: ["每人一共限 {max} 次", "{max} per visitor in all"],
  offer_value_wrong: ["请检查赠品、折扣或金额", "Look at the gift, the percentage or the amount"],
  offer_number_wrong: ["请填整数", "Whole numbers, please"],
  failed: ["没有办成", "That did not work"],
  no_answer: ["终端没有回答", "The terminal did not answer"],
  seconds: ["秒", "s"],
  minutes: ["分钟", "min"],
  hours: ["小时", "h"],
  days: ["天", "d"],
  not_ready_work: ["普通收款照常；信用优惠暂停，请按提示处理", "Ordinary sales go on; credit benefits wait until this is mended"],
  no_lane: ["没有这条通道", "There is no such lane"],
  display_only: ["本屏只显示，不能操作", "This screen shows only; nothing can be done here"],
  no_lane_hint: ["请检查本页网址里的通道号", "Check the lane in the address of this page"],
  lanes_here: ["没有 {lane}；本终端有：{lanes}", "no {lane}; this terminal has: {lanes}"],
  head_refresh: ["请刷新信用码", "Please refresh your code"],
  head_clock: ["请校准手机时间", "Please set your phone's clock"],
  head_renew: ["信用码已到期，\u200b请续领", "Your code has expired: please renew it"],
  head_challenge: ["请用手机\u200b扫此码", "Scan this code with your phone"],
  head_live: ["请用本人手机\u200b出示动态码", "Please show the live code on your own phone"],
  head_again: ["请稍后\u200b再出示一次", "Please show it again shortly"],
  head_lane: ["请走普通通道", "Please use the ordinary lane"],
  head_stopped: ["现场暂停入场，\u200b请稍候", "Entry is paused, please wait"],
  head_identity: ["请出示\u200b身份证件", "Please show an identity document"],
  head_second: ["请出示\u200b第二个码", "Please show the second code"],
  head_restricted: ["今日此项服务\u200b对您受限", "This service is restricted for you today"],
  head_opening: ["请稍候，\u200b正在开门", "One moment, the gate is opening"],
  head_pay: ["请付余款", "Please pay the rest"],
  GRANT_exit: ["请慢走，欢迎再来", "Goodbye, come again"],
  class_restricted: ["依照公示的规定", "Under published rules"],
  class_restricted_next: ["扫码查看详情、修复和申诉办法", "Scan for details, repair and appeal"],
  class_withheld: ["今日不适用此项优惠", "This benefit does not apply today"],
  class_withheld_next: ["可按普通方式办理；扫码查看详情", "The ordinary way is open to you; scan for details"],
  class_overdue: ["有事项待办", "Something is still to be settled"],
  class_overdue_next: ["请到服务台办理", "Please go to the service desk"],
  class_code: ["此码须在服务台核对", "The service desk must look at this code"],
  class_terms: ["不在此项优惠的适用范围", "Outside the terms of this benefit"],
  gate_failed: ["闸机没有打开", "The gate did not open"],
  gate_failed_hint: ["请再出示一次，或请工作人员帮助；次数不会多扣", "Show the code again, or ask staff; nothing is counted twice"],
  gate_unknown: ["闸机没有回应", "The gate did not answer"],
  gate_unknown_hint: ["请再出示一次，或请工作人员帮助；次数不会多扣", "Show the code again, or ask staff; nothing is counted twice"],
  unpaid: ["付款时间\u200b已过", "The time to pay is over"],
  unpaid_hint: ["优惠已退还，可重新出示", "The benefit was given back: show the code again"],
  say_GRANT: ["请通行", "Please pass"],
  say_STANDARD: ["请按标准票\u200b办理", "Standard ticket, please"],
  say_REFER: ["请等工作人员", "Please wait for our staff"],
  say_REFUSE: ["请看屏幕提示", "Please read the screen"],
  say_notice: ["请出示信用码", "Please show your credit code"],
  colon: ["：", ": "],
  comma: ["、", ", "],
  lane: ["通道", "lane"],
  elsewhere: ["其他场所", "another place"],
  notice_scan: ["扫码看详情和申诉", "Scan: details, appeal"],
  challenge_scan: ["用手机扫此码", "Scan with your phone"],
  more: ["更多", "More"],
  next_guest: ["下一位", "Next, please"],
  slip: ["凭条", "Slip"],
  slip_print: ["打印", "Print"],
  slip_close: ["关闭", "Close"],
  amount_empty: ["请输入金额", "Enter an amount"],
  amount_minus: ["金额不能是负数", "An amount cannot be negative"],
  amount_none: ["这不是金额，例如 128.50", "Not an amount; write for example 128.50"],
  amount_grouping: ["逗号位置不对：请写 1250 或 12.50", "The comma is misplaced: write 1250 or 12.50"],
  amount_decimals: ["最多两位小数", "Two decimals at most"],
  amount_zero: ["金额不能是零", "The amount cannot be zero"],
  amount_large: ["金额太大，最多 1,000,000 元", "Too large: 1,000,000 yuan at most"],
  enter_amount_also: ["请输入金额", "Enter the amount"],
  challenge_next: ["用手机扫描此码，再出示信用码", "Scan this code with your phone, then show the credit code"],
  claim_over: ["超过免押金额，须主管在值班屏说明理由", "Above the waived deposit: a supervisor must give a reason on the staff screen"],
  claim_most: ["最多", "at most"],
  claim_sure: ["确认扣赔", "Confirm claim"],
  claim_done: ["已扣赔", "Claimed"],
  return_title: ["退货", "Return"],
  return_amount: ["退多少（元）", "Return how much, in yuan"],
  return_of: ["原额", "Sold for"],
  return_before: ["已退", "Returned before"],
  return_until: ["可退至", "Until"],
  return_over: ["超过可退金额", "More than can be returned"],
  return_late: ["已过退货期限，须主管在值班屏说明理由", "The time to return is over: a supervisor must give a reason on the staff screen"],
  return_sure: ["确认退", "Confirm return of"],
  returned: ["已退货", "Returned"],
  why_too_late: ["已经通过或过了期限，不能撤销；需主管在值班屏说明理由", "Too late to undo: a supervisor must give a reason on the staff screen"],
  why_nothing_open: ["这一笔已经结束", "This one has ended already"],
  why_wrong_amount: ["金额不符", "The amount is not the one that is due"],
  why_already_open: ["已有一笔未结束", "One is open already"],
  why_other: ["状态已变化，请看列表", "It changed meanwhile: look at the list"],
  check_out_done: ["已退房", "Checked out"],
  undo_done: ["已撤销，次数已退还", "Undone, the use was given back"],
  offer_percent_kind: ["打折", "Percentage"],
  offer_kind_gift: ["赠品", "Gift"],
  offer_kind_percent: ["打折", "Percentage"],
  offer_kind_amount: ["立减", "Amount off"],
  offer_kind_fixed_price: ["一口价", "Fixed price"],
  offer_fold: ["折", "tenths of the price"],
  offer_preview: ["例如", "For example"],
  offer_fold_wrong: ["请填 0.1 到 9.9 之间的折数，例如 8 或 8.5", "Write tenths from 0.1 to 9.9, such as 8 or 8.5"],
  offer_dates_wrong: ["结束日期早于开始日期，请对调", "It ends before it begins: swap the dates"],
  offer_gift_wrong: ["请写明赠什么", "Say what is given"],
  offer_refused: ["终端没有接受，请检查各项后再保存", "The terminal did not take it: look at each field and save again"],
  offer_from_to: ["起止", "From – until"],
  offer_until_word: ["到", "until"],
  offer_from_word: ["从", "from"],
  unsent_short: ["未上传", "Unsent"],
  product: ["信关", "Xinguan"],
  ticket: ["票种", "Ticket"],
  staff_title: ["值班", "Staff"],
  staff_unlock: ["解锁", "Unlock"],
  staff_person: ["姓名", "Name"],
  staff_pin: ["口令", "PIN"],
  staff_pin_empty: ["请输入口令", "Enter your PIN"],
  staff_nobody: ["还没有员工：请技术员运行 xinguan staff add", "No staff yet: ask a technician to run xinguan staff add"],
  staff_wrong: ["姓名或口令不对", "The name or the PIN is wrong"],
  staff_locked: ["口令错误太多，请稍后再试，或请技术员重设", "Too many wrong PINs: wait a while, or ask a technician for a new one"],
  staff_lock: ["上锁", "Lock"],
  staff_over: ["解锁时间已过，请重新解锁", "The five minutes are over: unlock again"],
  staff_may_not: ["只有主管可以这样做", "Only a supervisor may do this"],
  staff_keeper: ["值班员", "keeper"],
  staff_supervisor: ["主管", "supervisor"],
  staff_override: ["主管放行", "Override"],
  staff_override_do: ["按理由放行", "Override"],
  staff_reverse: ["冲正（主管）", "Reverse (supervisor)"],
  staff_reverse_sure: ["确认冲正？", "Confirm reversal?"],
  staff_reversed: ["已冲正并记录", "Reversed and recorded"],
  staff_claim: ["超额扣赔（主管）", "Claim (supervisor)"],
  staff_claim_sure: ["确认扣赔？", "Confirm claim?"],
  staff_claimed: ["已扣赔并记录", "Claimed and recorded"],
  staff_short: ["短码（8 位，没带手机的访客）", "Short code (8 characters, no phone)"],
  staff_short_do: ["核验短码", "Check it"],
  staff_short_typo: ["这 8 位对不上，请再念一遍", "These characters do not fit: read them again"],
  staff_short_none: ["没有这个短码，或已过期、已使用", "No such code, or it is over or used"],
  staff_short_wait: ["试错太多，请一分钟后再试", "Too many wrong tries: wait a minute"],
  staff_code: ["信用码（扫码即可）", "Code (scan it)"],
  staff_why: ["理由", "Reason"],
  staff_why_empty: ["请写明理由", "Give a reason"],
  staff_open: ["开门一次", "Open once"],
  staff_open_sure: ["确认开门？", "Confirm opening?"],
  staff_opened: ["已请求开门并记录", "The gate was asked to open; recorded"],
  staff_stop: ["停止入场", "Stop entry"],
  staff_stop_sure: ["确认停止入场？", "Confirm: stop entry?"],
  staff_go_on: ["恢复入场", "Resume entry"],
  staff_go_on_sure: ["确认恢复？", "Confirm: resume entry?"],
  staff_stopped: ["已停止入场", "Entry is stopped"],
  staff_went_on: ["已恢复入场", "Entry goes on"],
  staff_idle: ["等待下一位", "Waiting for the next visitor"],
  staff_payments: ["待付款", "Payments waiting"],
  staff_paid: ["已收款", "Paid"],
  staff_paid_sure: ["确认收到", "Received"],
  staff_recent: ["最近通行", "Recent passages"],
  undo_this: ["撤销", "Undo"],
  state_awaiting: ["待付款", "to be paid"],
  state_granted: ["已通过", "granted"],
  state_passed: ["已过闸", "passed"],
  state_open: ["进行中", "open"],
  state_overdue: ["已逾期", "overdue"],
  state_annulled: ["已撤销", "undone"],
  state_reversed: ["已冲正", "returned"],
  state_closed: ["已办结", "closed"],
  state_claimed: ["已扣赔", "claimed"],
  service_title: ["维护", "Service"],
  service_yes: ["现在有资格的游客可以通行", "An entitled visitor would be let in now"],
  service_no: ["现在有资格的游客可能无法通行", "An entitled visitor may not be let in now"],
  service_lines: ["就绪状态", "Readiness"],
  service_lists: ["名单", "Lists"],
  service_camera: ["摄像头画面", "Camera picture"],
  service_no_camera: ["本终端没有摄像头", "This terminal has no camera"],
  service_watch: ["点一条通道，看它的画面", "Press a lane to see its picture"],
  service_no_picture: ["没有画面", "No picture"],
  service_may_not: ["请用维护令牌打开本页", "Open this page with the service token"],
  service_sync: ["立即同步", "Synchronise now"],
  service_synced: ["已同步", "Synchronised"],
  service_sync_failed: ["同步没有完成，请看就绪状态", "Not finished: see readiness"],
  service_bundle: ["下载诊断包", "Download diagnostics"],
  service_bundle_note: ["诊断包不含个人信息", "The file holds no personal data"],
  service_terminal: ["终端", "Terminal"],
  service_version: ["版本", "Version"],
  service_time: ["本机时间", "Time"],
  service_net: ["网络", "Network"],
  level_well: ["正常", "in order"],
  level_warn: ["注意", "warning"],
  level_bad: ["故障", "fault"],
};

const STORE = "xinguan.lang";

function stored() {
  try { return localStorage.getItem(STORE); } catch { return null; } // private windows may forbid storage
}

const asked = new URLSearchParams(location.search).get("lang") || stored();
let current = asked === "en" ? "en" : "zh";
const listeners = new Set();

export const language = () => current;
export const other = () => (current === "zh" ? "en" : "zh");
const tag = (lang) => (lang === "zh" ? "zh-CN" : "en");

function pick(key, lang) {
  const pair = WORDS[key];
  if (!pair) throw new Error(`no words for "${key}"`);
  return pair[lang === "zh" ? 0 : 1];
}

/** The word in the language chosen, or in the other one; `{name}` in it stands for what is handed in. */
export const say = (key, values = {}) => pick(key, current).replace(/\{(\w+)\}/g, (_, name) => values[name]);
export const also = (key) => pick(key, other());

/** The word in the other language, in an element that says so: screen readers change their voice. */
export function alsoNode(what, key, ...classes) {
  const node = document.createElement(what);
  node.className = classes.join(" ");
  node.lang = tag(other());
  node.textContent = also(key);
  return node;
}

/** A text that came with data: {zh, en}; falls back to whichever exists. */
export function told(pair, lang = current) {
  if (!pair) return "";
  if (typeof pair === "string") return pair;
  return pair[lang] || pair.zh || pair.en || "";
}

/** {lang} of a text that is not in the language chosen, {} otherwise: data may have one language only. */
export function fallsBack(text) {
  const chinese = /[\u3400-\u9fff]/.test(text);
  if (current === "en") return chinese ? { lang: "zh-CN" } : {};
  return !chinese && /[A-Za-z]{2,}/.test(text) ? { lang: "en" } : {};
}

/** told(), as an element that names its language when it is not the one chosen. */
export function toldNode(pair) {
  const node = document.createElement("span");
  node.textContent = told(pair);
  const { lang } = fallsBack(node.textContent);
  if (lang) node.lang = lang;
  return node;
}

/** The same text in the other language; null when there is none. */
export function otherTold(what, pair) {
  const text = pair?.[other()];
  if (!text || text === told(pair)) return null;
  const node = document.createElement(what);
  node.lang = tag(other());
  node.textContent = text;
  return node;
}

/** Fill every data-say / data-also / data-say-placeholder / data-say-label below `root`. */
export function fill(root = document) {
  for (const node of root.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of root.querySelectorAll("[data-also]")) { node.textContent = also(node.dataset.also); node.lang = tag(other()); }
  for (const node of root.querySelectorAll("[data-say-placeholder]")) {
    node.placeholder = say(node.dataset.sayPlaceholder);
    node.setAttribute("aria-label", node.placeholder);
  }
  for (const node of root.querySelectorAll("[data-say-label]")) node.setAttribute("aria-label", say(node.dataset.sayLabel));
}

/** Write the word of a key there ("" takes it away); when the language is switched it is written anew. */
export function sayAt(node, key) {
  if (key) node.dataset.say = key; else delete node.dataset.say;
  node.textContent = key ? say(key) : "";
}

export function onLanguage(listener) { listeners.add(listener); }

export function switchLanguage() {
  current = other();
  try { localStorage.setItem(STORE, current); } catch { /* private window: the choice lasts for this page */ }
  startLanguage();
  for (const listener of listeners) listener(current);
}

export function startLanguage() {
  document.documentElement.lang = tag(current);
  fill();
}
