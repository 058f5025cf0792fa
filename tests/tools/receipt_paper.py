"""A receipt printer of paper and patience: it obeys the ESC/POS that we send, and its paper is a PNG or text.

    python tests/tools/receipt_paper.py SLIP.bin SLIP.png

It knows the commands of edge/actuators/paper/escpos.py and no others: an unknown one is an error, not a blank.
"""

import io
import sys
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
CHAR = 24  # dots of a wide character; a narrow one has half


def wide(char):
    """Return whether a printer takes a character for a wide one: it has two bytes, and none of ours has four."""
    count = len(char.encode("gb18030"))
    assert count < 4, f"{char!r} is no character of common printers"
    return count == 2


class Sheet:
    """Paper of so many columns, written from the top."""

    def __init__(self, columns):
        self.width = columns * CHAR // 2
        self.picture = Image.new("L", (self.width, 4000), 255)
        self.draw = ImageDraw.Draw(self.picture)
        self.y = 0
        self.lines, self.codes, self.cut = [], [], False
        self.module, self.stored = 3, ""

    def write(self, text, *, large, bold, centred):
        size = CHAR * (2 if large else 1)
        font = ImageFont.truetype(FONT, size)
        length = sum(size if wide(char) else size // 2 for char in text)
        assert length <= self.width, f"runs off the paper: {text!r}"
        x = (self.width - length) // 2 if centred else 0
        for char in text:
            self.draw.text((x, self.y - size // 6), char, font=font, fill=0, stroke_width=int(bold))
            x += size if wide(char) else size // 2
        self.lines.append(text)
        self.y += size + 6

    def obey(self, does, said):
        """Take one command about QR codes."""
        if does == b"C":
            self.module = said[0]
        elif does == b"P":
            self.stored = said[1:].decode()
        elif does == b"Q":
            self.code(self.stored, self.module)

    def code(self, text, module):
        out = io.BytesIO()
        segno.make(text, error="m", micro=False, boost_error=False).save(out, kind="png", scale=module, border=4)
        picture = Image.open(out).convert("L")
        assert picture.width <= self.width, "the code is wider than the paper"
        self.picture.paste(picture, ((self.width - picture.width) // 2, self.y))
        self.codes.append(text)
        self.y += picture.height + 6

    def png(self):
        out = io.BytesIO()
        self.picture.crop((0, 0, self.width, self.y + CHAR)).save(out, "png")
        return out.getvalue()


def printed(data, columns=32):
    """Return the sheet that these bytes print."""
    sheet, at, line = Sheet(columns), 0, bytearray()
    state = {"large": False, "bold": False, "centred": False}
    while at < len(data):
        two = data[at : at + 2]
        if data[at] == 0x0A:
            if line:
                sheet.write(line.decode("gb18030"), **state)
            line.clear()
            at += 1
        elif two in (b"\x1b@", b"\x1c&"):
            state = dict.fromkeys(state, False)
            at += 2
        elif two in (b"\x1ba", b"\x1bE", b"\x1d!"):
            state[{b"\x1ba": "centred", b"\x1bE": "bold", b"\x1d!": "large"}[two]] = data[at + 2] != 0
            at += 3
        elif two == b"\x1bd":
            at += 3
        elif two == b"\x1dV":
            sheet.cut = True
            at += 4
        elif data[at : at + 3] == b"\x1d(k":
            length = int.from_bytes(data[at + 3 : at + 5], "little")
            sheet.obey(data[at + 6 : at + 7], data[at + 7 : at + 5 + length])
            at += 5 + length
        elif data[at] < 0x20:
            raise ValueError(f"unknown command {data[at : at + 4].hex()} at {at}")
        else:
            line.append(data[at])
            at += 1
    return sheet


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(printed(Path(sys.argv[1]).read_bytes()).png())
