"""An MJPEG camera that behaves as badly as it is told to: `python mjpegd.py PORT_FILE MODE…`, one mode per connection.

A real HTTP server on a real socket; the last mode stays. Modes: good, stall (headers, then nothing), silent (not even
headers), dribble (a byte each 20 ms), close (at once), garbage (parts that are no pictures, and noise between them),
noboundary, error (500), grow (changes its size), huge (a part without end), nolength (parts without a length).
"""

import socket
import sys
import threading
import time
from pathlib import Path

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=XX\r\n\r\n"
REST_S = 0.03


def part(picture, length=True):
    size = b"Content-Length: %d\r\n" % len(picture) if length else b""
    return b"--XX\r\nContent-Type: image/jpeg\r\n" + size + b"\r\n" + picture + b"\r\n"


def behave(mode, line, pictures):
    if mode == "silent":
        threading.Event().wait()
    if mode == "error":
        line.sendall(b"HTTP/1.0 500 Oops\r\nContent-Type: text/html\r\n\r\n<p>")
        return
    if mode == "noboundary":
        line.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>")
        return
    line.sendall(HEAD)
    if mode == "stall":
        threading.Event().wait()
    if mode == "close":
        return
    if mode == "dribble":
        for byte in part(pictures[0]):
            line.sendall(bytes([byte]))
            time.sleep(0.02)
    if mode == "huge":
        line.sendall(b"--XX\r\nContent-Type: image/jpeg\r\n\r\n")
        while True:
            line.sendall(b"\xff\xd8" + bytes(1 << 20))
    turn = 0
    while True:
        if mode == "garbage":
            line.sendall(
                b"\x00\xff noise --X \r\n\r\n" + part(b"no picture") + part(b"") + b"--XX\r\n" + part(pictures[0][:99])
            )
        line.sendall(part(pictures[turn // 3 % len(pictures) if mode == "grow" else 0], mode != "nolength"))
        turn += 1
        time.sleep(REST_S)


def serve(folder, modes):
    pictures = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    listener = socket.create_server(("127.0.0.1", 0))
    (folder / "port.new").write_text(str(listener.getsockname()[1]))
    (folder / "port.new").rename(folder / "port")
    count = 0
    while True:
        line, _ = listener.accept()
        mode = modes[min(count, len(modes) - 1)]
        count += 1
        threading.Thread(target=connection, args=(mode, line, pictures), daemon=True).start()


def connection(mode, line, pictures):
    try:
        with line:
            line.recv(4096)
            behave(mode, line, pictures)
    except OSError:
        return  # the scanner hung up, as it should


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
