"""A camera for the real child to look at."""

import socket
import threading
from typing import Self


class Film:
    """An MJPEG camera that shows frames in a loop, from `with` to its end."""

    def __init__(self, frames: list[bytes], fps: float) -> None:
        self._frames, self._fps = frames, fps
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._serve)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # accept() returns
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return  # the film is over
            self._threads.append(threading.Thread(target=self._play, args=(line,)))
            self._threads[-1].start()

    def _play(self, line: socket.socket) -> None:
        try:
            line.recv(4096)
            line.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=B\r\n\r\n")
            n = 0
            while not self._over.wait(1 / self._fps):
                picture = self._frames[n % len(self._frames)]
                line.sendall(b"--B\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture + b"\r\n")
                n += 1
        except OSError:
            line.close()  # the child went away
