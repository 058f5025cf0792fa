"""A small RTSP camera: `python rtspd.py FOLDER` streams FOLDER/*.jpg as RTP/JPEG (RFC 2435) over the RTSP connection.

Real enough for FFMPEG: OPTIONS, DESCRIBE, SETUP (interleaved TCP only), PLAY. Writes its port to FOLDER/port.
"""

import itertools
import socket
import struct
import sys
import threading
import time
from pathlib import Path

SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
PACKET = 1400
FPS = 15


def dissect(jpeg):
    """Return width, height, the quantisation tables and the scan of a baseline 4:2:0 JPEG."""
    at, tables, size = 2, b"", None
    while True:
        marker, length = struct.unpack(">HH", jpeg[at : at + 4])
        body = jpeg[at + 4 : at + 2 + length]
        if marker == 0xFFDB:
            while body:
                tables, body = tables + body[1:65], body[65:]
        elif marker == 0xFFC0:
            height, width = struct.unpack(">HH", body[1:5])
            assert body[7] == 0x22, "4:2:0 wanted"
            size = width, height
        at += 2 + length
        if marker == 0xFFDA:
            return *size, tables, jpeg[at:-2]


def packets(jpeg, number, stamp):
    width, height, tables, scan = dissect(jpeg)
    offset = 0
    while offset < len(scan):
        chunk = scan[offset : offset + PACKET]
        last = offset + len(chunk) == len(scan)
        rtp = struct.pack(">BBHII", 0x80, 26 | (0x80 if last else 0), next(number) & 0xFFFF, stamp, 7)
        head = struct.pack(">IBBBB", offset, 1, 255, width // 8, height // 8)
        quant = struct.pack(">BBH", 0, 0, len(tables)) + tables if offset == 0 else b""
        yield rtp + head + quant + chunk
        offset += len(chunk)


def stream(line, pictures):
    number = itertools.count()
    for n in itertools.count():
        for packet in packets(pictures[n // 3 % len(pictures)], number, n * 90_000 // FPS):
            line.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
        time.sleep(1 / FPS)


def talk(line, pictures, port):
    try:
        with line:
            held = b""
            while True:
                while b"\r\n\r\n" not in held:
                    data = line.recv(4096)
                    if not data:
                        return
                    held += data
                request, held = held.split(b"\r\n\r\n", 1)
                method = request.split(b" ", 1)[0]
                cseq = next(row for row in request.split(b"\r\n") if row.lower().startswith(b"cseq"))
                answer = b"RTSP/1.0 200 OK\r\n" + cseq + b"\r\n"
                body = b""
                if method == b"OPTIONS":
                    answer += b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
                elif method == b"DESCRIBE":
                    body = SDP
                    answer += f"Content-Base: rtsp://127.0.0.1:{port}/s/\r\nContent-Type: application/sdp\r\n".encode()
                    answer += b"Content-Length: %d\r\n" % len(SDP)
                else:
                    answer += b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                line.sendall(answer + b"\r\n" + body)
                if method == b"PLAY":
                    stream(line, pictures)
    except OSError:
        return  # the scanner hung up


def serve(folder):
    pictures = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    fixed = folder / "fixed-port"
    listener = socket.create_server(("127.0.0.1", int(fixed.read_text()) if fixed.exists() else 0))
    port = listener.getsockname()[1]
    (folder / "port.new").write_text(str(port))
    (folder / "port.new").rename(folder / "port")
    while True:
        line, _ = listener.accept()
        threading.Thread(target=talk, args=(line, pictures, port), daemon=True).start()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
