"""What `xinguan token show` says, 中文 and English: a table for each kind of word; a missing one is an error."""

from typing import Final, NamedTuple

from credit.claims import SubjectKind


class Words(NamedTuple):
    """One text in both languages."""

    zh: str
    en: str


STEPS: Final = (
    Words("长度不超过 600 字符", "at most 600 characters"),
    Words("以 XG1: 开头", "begins with XG1:"),
    Words("base45 完好", "base45 is intact"),
    Words("CBOR 编码规范", "CBOR is in its strict form"),
    Words("结构与类型正确", "shape and type are right"),
    Words("签发密钥在可信名单中", "the issuer's key is in the trust list"),
    Words("算法与密钥一致", "the algorithm is the key's"),
    Words("密钥在有效期内且可签此类凭证", "the key is in force and may sign this class"),
    Words("签发方签名有效", "the issuer's signature holds"),
    Words("各项声明格式正确", "the claims have their types"),
    Words("在有效期内", "within its time of validity"),
    Words("持有人密钥符合要求", "the holder's key is as it must be"),
    Words("持有人签名有效", "the holder's signature holds"),
    Words("刚刚生成，且用于本站点", "made just now, for this site"),
)
MARKS: Final = {"passed": "✓", "failed": "✗", "unproved": "?", "also": "✗", "open": "·"}
STATES: Final = {
    "passed": Words("通过", "passed"),
    "failed": Words("未通过", "failed"),
    "unproved": Words("看来没问题，但未经证明", "looks right, but is unproved"),
    "also": Words("也未通过", "fails too"),
    "open": Words("未检查", "not checked"),
}
GOOD: Final = Words("有效凭证", "a good token")
BAD: Final = Words("不能接受", "not acceptable")
PROVED: Final = Words("凭证内容（已验证）", "what the token says (verified)")
UNPROVED: Final = Words("凭证内容（未经证明，仅供参考）", "what the code says (unproved, for information only)")
YES, NO = Words("有", "yes"), Words("无", "no")
LABELS: Final = {
    "token": Words("凭证（编号摘要）", "token (hash of its id)"),
    "subject": Words("对象", "subject"),
    "tier": Words("等级", "tier"),
    "groups": Words("群组", "groups"),
    "grants": Words("已获批准", "grants"),
    "issued": Words("签发", "issued"),
    "expires": Words("到期", "expires"),
    "region": Words("地区代码", "region"),
    "uses": Words("可用次数", "uses"),
    "reservation": Words("预约", "reservation"),
    "flags": Words("标记", "flags"),
    "holder key": Words("持有人密钥", "holder key"),
    "presented": Words("出示时间", "presented"),
    "for site": Words("用于站点", "for site"),
    "answers a challenge": Words("应答挑战", "answers a challenge"),
}
KINDS: Final = {
    SubjectKind.PERSON: Words("个人（化名不显示）", "person (pseudonym not shown)"),
    SubjectKind.GROUP: Words("团体（化名不显示）", "group (pseudonym not shown)"),
    SubjectKind.ENTERPRISE: Words("企业（化名不显示）", "enterprise (pseudonym not shown)"),
}
FLAGS: Final = (Words("需核对身份证件", "id check"), Words("测试凭证", "test"))
TIMES: Final = {86_400: Words("天", "d"), 3600: Words("小时", "h"), 1: Words("秒", "s")}  # seconds, longest first
