"""What each reason says to people, and what to do next: 中文 first, English second.

Rules of this file:

- every `Reason` has exactly one row (tested); docs/reasons.md is generated from this table;
- a text says what is so, politely and without blame; `next` says what the visitor or the staff can do now;
- no text on a public screen names why a city holds something against a person (scenes.md, row 15).
"""

from dataclasses import dataclass

from credit.reasons import Reason


@dataclass(frozen=True, slots=True)
class Text:
    """One reason in words: what is so (zh, en), and what to do next (next_zh, next_en)."""

    zh: str
    en: str
    next_zh: str
    next_en: str


FRESH = ("请打开手机出示最新的动态码", "Show a fresh code on the phone")
RENEW = (
    "凭证已到期，请在小程序续领；今日可按普通方式办理",
    "Renew the credential in the app; today the ordinary way is open",
)
PHONE_CLOCK = ("请将手机时间设为自动，再出示一次", "Set the phone's clock to automatic, then show the code again")
ORDINARY = ("可按普通方式办理", "The ordinary ticket, price or deposit applies")
DESK = ("请到服务台办理", "Please go to the service desk")
STAFF = ("请工作人员查看", "A member of staff will help")

TEXTS: dict[Reason, Text] = {
    Reason.OK: Text("已核销，请享受优惠", "Granted", "请通行", "Please go ahead"),
    Reason.NOT_A_CODE: Text("这不是信用码", "This is not a credit code", "请出示信用码", "Show your credit code"),
    Reason.DAMAGED_CODE: Text("信用码不完整", "The code is damaged or incomplete", *FRESH),
    Reason.BAD_SIGNATURE: Text("信用码未能通过核验", "The code could not be verified", *DESK),
    Reason.UNKNOWN_KEY: Text("本机不认识发码机构", "This terminal does not know who issued the code", *DESK),
    Reason.KEY_REVOKED: Text("发码机构的密钥已被停用", "The issuer's key has been revoked", *DESK),
    Reason.EXPIRED: Text("信用码已过期", "The code has expired", *RENEW),
    Reason.NOT_YET_VALID: Text("信用码尚未生效", "The code is not valid yet", *PHONE_CLOCK),
    Reason.STALE_CODE: Text("动态码已失效（超过30秒）", "The code is more than 30 seconds old", *FRESH),
    Reason.REPLAYED: Text("此码刚在别处使用过", "This code was just used elsewhere", *FRESH),
    Reason.BARE_BOUND_TOKEN: Text(
        "此码须由本人手机动态出示", "This code must be shown live by its holder's phone", *FRESH
    ),
    Reason.WRONG_AUDIENCE: Text("此码是为其他场所生成的", "This code was made for another site", *FRESH),
    Reason.REVOKED: Text("此信用凭证已吊销", "This credential has been revoked", *DESK),
    Reason.RESTRICTED: Text(
        "依法公示的措施限制了此项服务",
        "A published measure restricts this service",
        "可向认定机关申请信用修复或异议",
        "Ask the authority named for repair or to hear an objection",
    ),
    Reason.WITHHELD: Text(
        "按公示的措施，暂不享受优惠",
        "A published measure withholds benefits for now",
        "可按普通方式办理；可向认定机关申请信用修复或异议",
        "The ordinary ticket, price or deposit applies; ask the authority named for repair or to hear an objection",
    ),
    Reason.DISPUTED: Text("记录正在异议处理中，不影响办理", "A record is under dispute and has no effect", *ORDINARY),
    Reason.NOT_ELIGIBLE: Text("不在此项优惠的适用范围", "This benefit is not for this holder", *ORDINARY),
    Reason.WRONG_SITE: Text("这里没有适用的优惠", "No benefit is offered here", *ORDINARY),
    Reason.WRONG_LANE: Text(
        "本通道限符合条件的访客",
        "This lane is reserved for those entitled to it",
        "请到旁边的普通通道",
        "Use the next ordinary lane",
    ),
    Reason.WRONG_CLASS: Text("此类码不被接受", "This class of code is not accepted", *DESK),
    Reason.TEST_TOKEN: Text("这是测试码", "This is a test code", "请出示正式的信用码", "Show a real credit code"),
    Reason.TOO_LATE: Text("已超过办理时限", "The time for this has passed", *DESK),
    Reason.OVERDUE: Text("有物品逾期未还", "Something borrowed is overdue", "请先归还", "Please bring it back first"),
    Reason.ALREADY_INSIDE: Text("已入场，尚未离场", "Already inside, and not yet left", *STAFF),
    Reason.NEEDS_ID_CHECK: Text(
        "需核对身份证件", "An identity check is needed", "请出示证件", "Show an identity document"
    ),
    Reason.NEEDS_RESERVATION: Text("需要预约", "A reservation is needed", "请先预约", "Please book first"),
    Reason.NEEDS_PLEDGE: Text(
        "需签署信用承诺", "A pledge is needed", "请到服务台签署承诺", "Sign the pledge at the desk"
    ),
    Reason.NEEDS_ASSET: Text(
        "还没有扫描物品", "The item has not been scanned", "请扫描物品编码", "Scan the item's code"
    ),
    Reason.BELOW_MIN_SPEND: Text("未达到最低消费", "The amount is below the minimum", *ORDINARY),
    Reason.OUT_OF_STOCK: Text("已领完", "Out of stock", *ORDINARY),
    Reason.WRONG_TIME: Text("不在优惠时间内", "The benefit is not offered at this time", *ORDINARY),
    Reason.HOLIDAY_EXCLUDED: Text("节假日不适用此优惠", "The benefit is not offered on this holiday", *ORDINARY),
    Reason.SLOT_EARLY: Text(
        "未到预约时段", "The booked time has not come yet", "请按预约时段到场", "Come at the booked time"
    ),
    Reason.SLOT_LATE: Text("已过预约时段", "The booked time is over", *STAFF),
    Reason.FULL: Text("名额已满", "No places are left", "请稍后再来或改约", "Come later or book another time"),
    Reason.LIMIT_USED: Text("优惠次数已用完", "The benefit has been used up", *ORDINARY),
    Reason.ALREADY_OPEN: Text(
        "已有一笔未结束", "An earlier one is still open", "请先退还或结清", "Bring back or close the open one first"
    ),
    Reason.NOTHING_OPEN: Text("没有找到可结束的记录", "No open stay or loan was found", *STAFF),
    Reason.NEEDS_SECOND_CHECK: Text(
        "还需核验另一个码", "A second code must be checked", "请出示第二个码", "Show the second code"
    ),
    Reason.NEEDS_STAFF: Text("需工作人员确认", "Staff must confirm", *STAFF),
    Reason.NEEDS_BOUND_TOKEN: Text("需本人手机动态码", "A live code of the holder's phone is needed", *FRESH),
    Reason.NEEDS_CHALLENGE: Text(
        "需先扫描本机屏幕上的码",
        "The code on this screen must be scanned first",
        "用手机扫描此码，再出示信用码",
        "Scan this code with your phone, then show the credit code",
    ),
    Reason.LIST_TOO_OLD: Text("本机名单过旧", "This terminal's lists are too old", *STAFF),
    Reason.CLOCK_NOT_TRUSTED: Text("本机时钟未经校准", "This terminal's clock has not been checked", *STAFF),
    Reason.OFFLINE_LIMIT: Text("离线办理额度已满", "The offline allowance is used up", *STAFF),
    Reason.TERMINAL_SUSPENDED: Text("本终端已暂停信用服务", "This terminal is suspended", *ORDINARY),
    Reason.ENTRY_STOPPED: Text("现场暂停入场", "Entry is paused for now", "请稍候", "Please wait"),
    Reason.STORE_FAILED: Text("本机无法保存记录", "This terminal cannot write records", *STAFF),
    Reason.IN_USE: Text(
        "此项权益正在另一处办理中",
        "This benefit is being used elsewhere at this moment",
        "请稍候再出示",
        "Show it again shortly",
    ),
    Reason.CALENDAR_ENDED: Text("本机的节假日日历已到期", "This terminal's calendar of holidays has ended", *STAFF),
    Reason.STORE_LOST: Text("本机的核销记录不完整", "This terminal's records are incomplete", *STAFF),
    Reason.WRONG_AMOUNT: Text("付款金额与应付不符", "The amount paid is not what was due", *STAFF),
    Reason.ORDER_USED: Text("此订单已用于另一笔核销", "This order has paid for something else", *STAFF),
    Reason.TWIN: Text("另有一台设备在冒用本终端的身份", "Another machine uses this terminal's identity", *STAFF),
}


def text_of(reason: Reason) -> Text:
    """Return the texts of a reason."""
    return TEXTS[reason]
