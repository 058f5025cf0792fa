"""The lines about light, sound and paper beside a lane; visitors are served whatever they say."""

from typing import Final

from edge.watch.told.cause import Cause, Level

_W, _N = Level.WELL, Level.WARN

BESIDE: Final[dict[str, Cause]] = {
    "light.well": Cause(_W, "信号灯正常", "the light obeys"),
    "light.silent": Cause(
        _N,
        "信号灯无法切换：{detail}",
        "the light cannot be switched: {detail}",
        "检查信号灯继电器板的电源和连线",
        "look at the power and cable of the light's relay board",
    ),
    "sound.well": Cause(_W, "语音正常", "sound is well"),
    "sound.silent": Cause(
        _N,
        "语音无法播放：{detail}",
        "sound cannot be played: {detail}",
        "检查音箱和 alsa-utils；命令见 terminal.toml 的 sound.command",
        "look at the loudspeaker and alsa-utils; the player is sound.command in terminal.toml",
    ),
    "printer.well": Cause(_W, "凭条打印机正常", "the receipt printer is well"),
    "printer.low": Cause(_N, "打印纸即将用完", "the receipt paper runs low", "备好新纸", "have a new roll at hand"),
    "printer.out": Cause(_N, "打印机缺纸", "the receipt printer has no paper", "装纸", "put paper in"),
    "printer.silent": Cause(
        _N,
        "凭条无法打印：{detail}",
        "slips cannot be printed: {detail}",
        "检查打印机的电源、连线和地址",
        "look at the printer's power, cable and address",
    ),
}
