"""Every line that readiness can show: its light, its words and its mend, in both languages (illness.md 8).

One table. The answer of `/v1/readiness`, the metric `xinguan_line`, `xinguan doctor` and docs/when-things-break.md are
all made of it; a test keeps the page and the table together. A light is green (well), yellow (warn: visitors are
served, somebody should look) or red (bad: somebody with a right would not be let in now).
"""

from typing import Final

from edge.watch.told.beside import BESIDE
from edge.watch.told.cause import Cause, Level
from edge.watch.told.lists import LISTS

_W, _N, _B = Level.WELL, Level.WARN, Level.BAD

CAUSES: Final[dict[str, Cause]] = {
    "store.well": Cause(_W, "账本可写", "the ledger can be written"),
    "store.opening": Cause(
        _B,
        "账本尚未打开",
        "the ledger is not open yet",
        "稍候；若一分钟后仍如此，请运行 xinguan doctor",
        "wait; if it stays so for a minute, run: xinguan doctor",
    ),
    "store.full": Cause(
        _B,
        "磁盘已满，账本无法写入",
        "the disk is full, the ledger cannot be written",
        "清理磁盘空间；恢复后自动继续",
        "make room on the disk; it goes on by itself",
    ),
    "store.read_only": Cause(
        _B,
        "账本只读，无法写入",
        "the ledger is read-only",
        "文件系统可能因故障转为只读：检查 dmesg，检查目录权限，必要时更换存储卡",
        "the file system may have turned read-only: see dmesg and the folder's rights; replace a worn card",
    ),
    "store.busy": Cause(
        _B,
        "账本被占用或磁盘过慢",
        "the ledger is held by somebody else, or the disk is too slow",
        "结束占用 terminal.db 的程序；若无，请检查磁盘",
        "end the program that holds terminal.db (xinguan doctor); if there is none, look at the disk",
    ),
    "store.io": Cause(
        _B,
        "读写账本时磁盘出错",
        "the disk fails when the ledger is read or written",
        "更换存储卡或磁盘；先复制数据目录",
        "copy the data folder, then replace the card or disk",
    ),
    "store.corrupt": Cause(
        _B,
        "账本文件已损坏：{detail}",
        "the ledger's file is damaged: {detail}",
        "保留该文件（其中有事实），重启终端；终端会将其改名放置一旁",
        "keep the file, it holds facts; restart the terminal, which sets it aside by name",
    ),
    "store.other": Cause(
        _B,
        "账本无法写入：{detail}",
        "the ledger cannot be written: {detail}",
        "运行 xinguan doctor",
        "run: xinguan doctor",
    ),
    "memory.well": Cause(_W, "本机的核销记录完整", "this terminal remembers what it gave"),
    "memory.lost": Cause(
        _B,
        "本机的核销记录不完整：有次数限制的优惠请人工处理",
        "this terminal's records are incomplete: benefits with limits go to staff",
        "联网，由平台自动补回记录；放置一旁的旧文件请保留。无网络时可由负责人运行 xinguan restore --accept-loss",
        "connect it, the platform gives its records back; keep the old file that was set aside. Without a network"
        " somebody may answer for it: xinguan restore --accept-loss",
    ),
    "twin.well": Cause(_W, "没有另一台机器使用本终端的身份", "no other machine bears this terminal's name"),
    "twin.seen": Cause(
        _B,
        "另有机器使用本终端的身份",
        "another machine bears this terminal's name",
        "联系平台；由平台确认后重新登记：xinguan enrol --again",
        "ask the platform's people, who settle which is which; then: xinguan enrol --again",
    ),
    "disk.well": Cause(_W, "磁盘空间充足", "there is room on the disk"),
    "disk.low": Cause(
        _N,
        "磁盘空间不足：不再记录拒绝明细",
        "the disk is nearly full: refusals are no longer noted one by one",
        "清理磁盘空间",
        "make room on the disk",
    ),
    "disk.last": Cause(
        _B,
        "磁盘即将写满：不再发放",
        "the disk is all but full: nothing new is granted",
        "立即清理磁盘空间",
        "make room on the disk now",
    ),
    "clock.well": Cause(_W, "时钟可信", "the clock is trusted"),
    "clock.rtc": Cause(
        _N,
        "尚未联网校时：暂按本机硬件时钟判断动态码",
        "no signed time since the start: codes are judged by the box's own clock for some hours",
        "联网一次以校时",
        "connect the terminal once",
    ),
    "clock.challenge": Cause(
        _N,
        "时钟未校准：请访客扫描屏幕上的挑战码",
        "the clock is not trusted: visitors answer the challenge on the screen",
        "联网一次以校时",
        "connect the terminal once",
    ),
    "clock.untrusted": Cause(
        _B,
        "时钟不可信，无法判断凭证时效",
        "the clock is not trusted, and codes cannot be judged by time",
        "联网一次以校时，并检查硬件时钟电池",
        "connect the terminal once; look at the battery of its clock",
    ),
    "clock.ahead": Cause(
        _B,
        "平台的时间比本机见过的签名时间早 {detail}：有人在时钟超前时签过名",
        "the platform's time lies {detail} behind what was signed before: somebody signed with a clock that was ahead",
        "联系平台核对各服务器的时钟；到达该时间后自动恢复，或将本机清除后重新登记",
        "have the platform's people look at their servers' clocks; it goes on by itself when that time has come, or"
        " wipe this box and enrol it anew",
    ),
    **LISTS,
    "suspended.well": Cause(_W, "未被暂停", "not suspended"),
    "suspended.ordered": Cause(
        _B,
        "本终端已被平台暂停",
        "suspended by the platform",
        "联系平台",
        "ask the platform's people",
    ),
    "suspended.replaced": Cause(
        _B,
        "本机已由另一台机器接替",
        "another box has taken this one's place",
        "关机收好；若仍要用这台，请用新的登记码：sudo xinguan enrol --again",
        "switch it off and keep it; to use it again take a new code: sudo xinguan enrol --again",
    ),
    "suspended.revoked": Cause(
        _B,
        "本终端已被平台停用",
        "taken out of service by the platform",
        "联系平台；需重新登记",
        "ask the platform's people; it must be enrolled anew",
    ),
    "platform.well": Cause(_W, "与平台联通", "in touch with the platform"),
    "platform.away": Cause(
        _N,
        "联系不上平台：{detail}",
        "the platform does not answer: {detail}",
        "检查网络；离线期间照常服务",
        "look at the network; visitors are served meanwhile",
    ),
    "platform.behind_hub": Cause(
        _N,
        "枢纽联系不上平台，景区内照常记账",
        "the site's hub does not reach the platform; the site counts on",
        "检查枢纽的外网；恢复后自动上传",
        "look at the hub's line to the platform; what waits goes up by itself",
    ),
    "push.well": Cause(_W, "事实上传正常", "facts go up"),
    "push.refused": Cause(
        _N,
        "平台拒收事实：{detail}",
        "the platform refuses our facts: {detail}",
        "联系平台；事实保存在本机",
        "ask the platform's people; facts are kept here",
    ),
    "push.alarm": Cause(
        _N,
        "平台的答复不可信：{detail}",
        "the platform's answer is not believed: {detail}",
        "联系平台；事实保存在本机",
        "ask the platform's people; facts are kept here",
    ),
    "orders.well": Cause(_W, "平台指令一致", "the platform's orders agree with themselves"),
    "orders.contradicted": Cause(
        _N,
        "平台以同一编号下达了两条不同的指令：{detail}",
        "the platform gave one number to two orders: {detail}",
        "联系平台：可能从备份恢复或被冒用；先到的指令继续有效",
        "tell the platform's people: it may be a restored copy, or somebody else; the first one stays in force",
    ),
    "tasks.well": Cause(_W, "后台任务正常", "tasks in the background are well"),
    "tasks.alarm": Cause(
        _N,
        "后台任务出错，正在重试：{detail}",
        "a task in the background failed and is tried again: {detail}",
        "若持续出现，请把日志交给开发者",
        "if it stays, give the log to the makers",
    ),
    "faults.well": Cause(_W, "没有未预料的错误", "no unforeseen errors"),
    "faults.seen": Cause(
        _N,
        "出现未预料的错误：{detail}",
        "unforeseen errors were met: {detail}",
        "请把日志交给开发者；重启后清零",
        "give the log to the makers; a restart clears this line",
    ),
    "records.well": Cause(_W, "没有被搁置的事实", "no fact is set aside"),
    "records.set_aside": Cause(
        _N,
        "有事实被平台搁置：{detail}",
        "facts were set aside by the platform: {detail}",
        "联系平台核对",
        "ask the platform's people to look at them",
    ),
    "records.damaged": Cause(
        _N,
        "事实在本机存储上损坏，已单独搁置，其余照常上传：{detail}",
        "facts were damaged on this disk and set aside by name; the rest goes up: {detail}",
        "更换存储介质（SD 卡）；运行 xinguan journal verify；请平台核对被搁置的字节",
        "replace the disk (SD card); run: xinguan journal verify; have the platform look at the bytes set aside",
    ),
    "profile.well": Cause(_W, "配置与平台一致", "the configuration agrees with the profile"),
    "profile.unnamed": Cause(
        _N,
        "有通道未在平台档案中登记：{detail}",
        "a lane is not in the profile: {detail}",
        "请平台把该通道写入档案，或改正 terminal.toml",
        "have the platform add the lane to the profile, or correct terminal.toml",
    ),
    "profile.differs": Cause(
        _B,
        "配置与平台下发的档案不一致，以档案为准：{detail}",
        "the configuration says otherwise than the profile, which wins: {detail}",
        "改正 terminal.toml（xinguan config check），或请平台更正档案",
        "correct terminal.toml (xinguan config check), or have the platform correct the profile",
    ),
    "offers.well": Cause(_W, "可以发放", "what is offered here can be given"),
    "offers.barred": Cause(
        _B,
        "此处的优惠现在都不能发放：{detail}",
        "nothing that is offered here can be given now: {detail}",
        "offline_limit：检查网络，这些优惠离线不发放；list_too_old：联网同步名单，或用 xinguan lists import 导入",
        "offline_limit: look at the network, these benefits are not given offline; list_too_old: connect it, or bring"
        " the lists with: xinguan lists import",
    ),
    "entry.well": Cause(_W, "可以入场", "entry is open"),
    "entry.stopped": Cause(
        _B,
        "已停止入场，离场照常",
        "entry is stopped; everybody may leave",
        "由主管在员工屏恢复入场，或由平台恢复",
        "a supervisor lets it go on at the staff screen, or the platform does",
    ),
    "source.well": Cause(_W, "识读正常", "codes are read"),
    "source.starting": Cause(_N, "识读设备正在启动", "the reader is starting", "稍候", "wait a moment"),
    "source.down": Cause(
        _B,
        "识读设备异常：{detail}",
        "the lane does not read: {detail}",
        "检查识读设备的电源和连线；运行 xinguan doctor --sources",
        "look at the reader's power and cable; run: xinguan doctor --sources",
    ),
    "source.frozen": Cause(
        _B,
        "画面静止不动：{detail}",
        "the picture stands still: {detail}",
        "重启摄像头",
        "restart the camera",
    ),
    "source.dark": Cause(
        _N,
        "画面没有细节：{detail}",
        "the picture shows no detail: {detail}",
        "检查照明和镜头",
        "look at the light and the lens",
    ),
    "scans.well": Cause(_W, "没有丢失的扫码", "no scan was dropped"),
    "scans.dropped": Cause(
        _N,
        "有扫码未能识别，其后尚无成功识读：{detail}",
        "scans came in that are not understood, and none since that was: {detail}",
        "按 docs/scanner.md 检查扫码器的后缀和键盘布局；运行 xinguan doctor --sources",
        "check suffix and layout of the scanner (docs/scanner.md); run: xinguan doctor --sources",
    ),
    "gate.well": Cause(_W, "闸门正常", "the gate obeys"),
    "gate.not_actuated": Cause(
        _B,
        "闸门连续三次未动作：{detail}",
        "the gate did not open three times running: {detail}",
        "检查控制器的电源、网线和地址",
        "look at the controller's power, cable and address",
    ),
    **BESIDE,
}


def light(level: Level) -> str:
    """Return the light of a level, in both languages."""
    return {Level.WELL: "绿 green", Level.WARN: "黄 yellow", Level.BAD: "红 red"}[level]
