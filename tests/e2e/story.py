"""Tells a scene while it is played (`make e2e SCENE=S3`): what was shown, and each answer in words, in order."""

import time

TITLES = {
    "s1": "武隆：七类守信人群首次免票，第二次不免 · Wulong: the first visit of each of the seven groups is free",
    "s2": "青州：重大节假日除外，调休工作日照常 · Qingzhou: not on major holidays, but on make-up working days",
    "s3": "酒店：免押金入住，离线退房，损坏索赔 · Hotel: no deposit, check-out while offline, a claim",
    "s4": "雨伞：借、还、逾期 · Umbrella: lend, return, overdue",
    "s5": "图书馆：按等级的册数与天数 · Library: items and days by tier",
    "s6": "一次通行，两个码 · Two codes in one passage",
    "s7": "预约时段、在园人数、停止入园 · Slots, occupancy, stop-entry",
    "s8": "信用修复：在线数秒生效，离线到期自动生效 · Repair: seconds online, by expiry offline",
    "s9": "异议期间不生效 · A disputed entry has no effect",
    "s10": "外市信用互认，随后停用其密钥 · A foreign city's token, then its key is killed",
    "s11": "提交之后、开闸之前断电 · The plug is pulled between commit and relay",
    "s12": "退货：部分、全部、过期 · Returns: part, whole, too late",
    "s13": "三十人团分两批 · A tour of thirty in two batches",
    "s14": "纸质码与它的复印件 · A printed code and its copy",
    "s15": "先用后付的离线限额 · Pay later: offline caps",
    "s19": "在闸机旁付款 · Payment at the gate",
    "s20": "申请、批准、两次核销、第三次被告知、当场撤回 · Two visits of two; a grant taken back",
    "s17": "三个时钟各差几分钟；终端从 1970 年启动 · Three clocks disagree; the terminal boots in 1970",
}
OUTCOMES = {"GRANT": "准予", "STANDARD": "按普通方式", "REFER": "请工作人员", "REFUSE": "不予办理"}
HIDDEN = ("title",)


class Story:
    """Prints numbered lines. An answer that comes again while a scene waits for a change is counted, not repeated."""

    def __init__(self):
        self.number, self.last, self.again, self.since = 0, None, 0, 0.0

    def begin(self, test):
        scene = test.removeprefix("test_").split("_")[0]
        self.number, self.last, self.again = 0, None, 0
        print(f"\n\n=== {scene.upper()} {TITLES.get(scene, '')}\n    {test}")

    def happens(self, zh, en):
        self._counted()
        self.last = None
        print(f"   --  {zh} · {en}")

    def shown(self, what, where, asked, answer):
        text = f"{what} → {where} {asked}".rstrip()
        lines = [text, *answer_lines(answer)]
        if lines == self.last:
            self.again += 1
            return
        self._counted()
        self.number, self.last, self.since = self.number + 1, lines, time.monotonic()
        print("\n".join([f"  {self.number:>3}  {text}", *(f"         {line}" for line in lines[1:])]))

    def _counted(self):
        if self.again:
            took = f"{time.monotonic() - self.since:.1f} s"
            print(f"         … 同样的回答又 {self.again} 次，{took} · the same answer {self.again} more times, {took}")
        self.again = 0


def answer_lines(answer):
    """Return an answer of the terminal in words: outcome, what is given, every reason, what to do next."""
    given = [f"{one['title'].get('zh', one['benefit'])} {members(one['offer'])}".strip() for one in answer["offers"]]
    marks = [
        word for word, holds in (("离线 offline", answer["offline"]), ("重复出示 repeat", answer["repeat"])) if holds
    ]
    marks += [] if answer["clock"] == "trusted" else [f"时钟 clock {answer['clock']}"]
    head = f"{OUTCOMES[answer['outcome']]} {answer['outcome']}"
    yield "  ".join([head, *given, members(answer["obligations"]), *(f"[{mark}]" for mark in marks)]).rstrip()
    for one in answer["reasons"]:
        facts = f"  ({members(one['facts'])})" if one["facts"] else ""
        yield f"{one['zh']} · {one['en']}{facts}"
        if answer["outcome"] != "GRANT":
            yield f"→ {one['next']['zh']} · {one['next']['en']}"


def members(values):
    return ", ".join(
        f"{name}={said(value)}" for name, value in values.items() if name not in HIDDEN and value is not None
    )


def said(value):
    return f"{value['zh']} {value.get('en', '')}".strip() if isinstance(value, dict) and "zh" in value else value
