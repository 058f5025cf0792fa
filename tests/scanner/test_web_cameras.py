"""Cameras on the network as they are built: odd heads, logins, redirects, single pictures; and dead pictures."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path

import cv2
import numpy as np
import pytest

from scanner.child.digest import Challenge, Login, challenge_of
from scanner.child.jpegs import JpegCutter, TooLargeError
from scanner.child.mjpeg import CameraError, MjpegGrabber
from scanner.child.sight import COVERED, FROZEN, Sight
from scanner.health import State
from scanner.sources import open_source
from scanner.spec import parse_spec

CASES = Path(__file__).parent.parent / "cases"
MULTI = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=f\r\n\r\n"
THUMBNAIL = b"\xff\xd8\xff\xdb\x00\x04\x00\x00\xff\xd9"


@pytest.fixture
def picture(jpeg):
    return jpeg("WEB")


@contextmanager
def camera(*answers):
    """A camera that gives `answers`, one a connection, the last again and again; yields its port and what it heard.

    An answer is bytes, or a function of (request, line) that writes itself.
    """
    heard, listener = [], socket.create_server(("127.0.0.1", 0))

    def serve():
        count = 0
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                request = line.recv(8192)
                heard.append(request)
                answer = answers[min(count, len(answers) - 1)]
                count += 1
                try:
                    if callable(answer):
                        answer(request, line)
                    else:
                        line.sendall(answer)
                        line.shutdown(socket.SHUT_WR)
                        line.recv(1)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def grabbed(port, *, user="", path="/s", count=1, options="#open_s=2&read_s=2"):
    grabber = MjpegGrabber(parse_spec(f"http://{user}127.0.0.1:{port}{path}{options}"))
    try:
        grabber.open()
        return [grabber.grab() for _ in range(count)]
    finally:
        grabber.close()


def shapes(planes):
    return [plane.shape for plane in planes]


ODD = {
    "heads end in LF": MULTI + b"--f\nContent-Type: image/jpeg\n\n<J>\n" * 3,
    "a length of zero": MULTI + b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n<J>\r\n" * 3,
    "a length too short": MULTI + b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 99\r\n\r\n<J>\r\n" * 3,
    "a length too long": MULTI + b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: 99999\r\n\r\n<J>\r\n" * 3,
    "no boundary named": MULTI.replace(b"; boundary=f", b"") + b"--f\r\n\r\n<J>\r\n" * 3,
    "a boundary never named": MULTI + b"--other\r\n\r\n<J>\r\n" * 3,
    "a boundary without dashes": MULTI + b"f\r\nContent-Type: image/jpeg\r\n\r\n<J>\r\n" * 3,
    "a head before the boundary": MULTI + b"Content-Type: image/jpeg\r\n\r\n<J>\r\n" * 3,
    "no status line": b"Content-Type: multipart/x-mixed-replace;boundary=f\r\n\r\n--f\r\n\r\n<J>\r\n",
    "no head at all": b"--f\r\nContent-Type: image/jpeg\r\n\r\n<J>\r\n" * 2,
    "pictures and nothing else": b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n<J><J>",
    "named as text": MULTI.replace(b"multipart/x-mixed-replace", b"text/plain") + b"--f\r\n\r\n<J>\r\n" * 2,
    "named as nothing": b"HTTP/1.1 200 OK\r\nServer: c\r\n\r\n--f\r\n\r\n<J>\r\n",
    "a space before the colon": MULTI.replace(b"Type:", b"Type :") + b"--f\r\n\r\n<J>\r\n",
    "a whole length of zero": MULTI.replace(b"200 OK\r\n", b"200 OK\r\nContent-Length: 0\r\n") + b"--f\r\n\r\n<J>\r\n",
    "a whole length too short": MULTI.replace(b"200 OK\r\n", b"200 OK\r\nContent-Length: 500\r\n")
    + b"--f\r\n\r\n<J>\r\n",
    "chunked by its head alone": MULTI.replace(b"OK\r\n", b"OK\r\nTransfer-Encoding: chunked\r\n")
    + b"--f\r\n\r\n<J>\r\n",
    "a head without end": MULTI.replace(b"OK\r\n", b"OK\r\nX: " + b"a" * 70_000 + b"\r\n") + b"--f\r\n\r\n<J>\r\n",
    "a hundred members and more": MULTI.replace(b"OK\r\n", b"OK\r\n" + b"X: a\r\n" * 120) + b"--f\r\n\r\n<J>\r\n",
    "another protocol": MULTI.replace(b"HTTP/1.0", b"HTTP/2.0").replace(b"HTTP/1.1", b"HTTP/2.0")
    + b"--f\r\n\r\n<J>\r\n",
    "a part of it": MULTI.replace(b"200 OK", b"206 Partial Content") + b"--f\r\n\r\n<J>\r\n",
    "LF only everywhere": MULTI.replace(b"\r\n", b"\n") + b"--f\nContent-Type: image/jpeg\n\n<J>\n",
}


@pytest.mark.parametrize("name", sorted(ODD))
def test_pictures_are_found_whatever_stands_between_them(name, picture):
    with camera(ODD[name].replace(b"<J>", picture)) as (port, _):
        assert shapes(grabbed(port)) == [(720, 1280)]


@pytest.mark.parametrize("name", ["mjpeg-lf-only.http", "mjpeg-zero-length.http"])
async def test_the_cases_are_read_through_the_child(name, picture, clock):
    head, part = (CASES / name).read_bytes().replace(b"<JPEG>", picture).split(b"--f", 1)

    def endless(_request, line):
        line.sendall(head)
        while True:
            line.sendall(b"--f" + part)

    with camera(endless) as (port, _):
        async with open_source(f"http://127.0.0.1:{port}/s", clock=clock) as source, asyncio.timeout(20):
            assert (await anext(aiter(source))).text == "WEB"


def with_digest(line_401, check):
    """A camera that asks for Digest: 401 first, then `check` of the Authorization header decides."""

    def answer(request, line):
        head = next((one for one in request.split(b"\r\n") if one.lower().startswith(b"authorization:")), b"")
        line.sendall(ODD["heads end in LF"].replace(b"<J>", check.picture) if check(head.decode()) else line_401)
        line.shutdown(socket.SHUT_WR)
        line.recv(1)

    return answer


class Digest:
    """Checks as RFC 7616 says, by its own arithmetic."""

    def __init__(self, picture, qop):
        self.picture, self.qop = picture, qop

    def __call__(self, header):
        if not header.lower().startswith("authorization: digest "):
            return False
        said = {
            name.strip().lower(): value.strip().strip('"')
            for name, value in (part.split("=", 1) for part in header[22:].split(","))
        }
        first = md5(b"viewer:cam:a#b", usedforsecurity=False).hexdigest()
        second = md5(b"GET:/s?x=1", usedforsecurity=False).hexdigest()
        middle = f"{said['nc']}:{said['cnonce']}:auth:" if self.qop else ""
        expected = md5(f"{first}:abc:{middle}{second}".encode(), usedforsecurity=False).hexdigest()
        return said["response"] == expected and said["uri"] == "/s?x=1" and said["username"] == "viewer"


@pytest.mark.parametrize("qop", [True, False])
def test_a_camera_that_asks_for_digest_gets_it_and_never_the_password(qop, picture):
    challenge = (CASES / "mjpeg-digest.http").read_bytes()
    if not qop:
        challenge = challenge.replace(b', qop="auth"', b"")
    with camera(with_digest(challenge, Digest(picture, qop))) as (port, heard):
        assert shapes(grabbed(port, user="viewer:a%23b@", path="/s?x=1")) == [(720, 1280)]

    assert b"uthorization" not in heard[0]
    assert not any(b"Basic" in request or b"a#b" in request for request in heard)


def test_basic_is_given_where_it_alone_is_asked_for_and_a_wrong_password_is_told_without_it(picture):
    ask = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="cam"\r\nContent-Length: 0\r\n\r\n'
    with camera(ask, ODD["heads end in LF"].replace(b"<J>", picture)) as (port, heard):
        grabbed(port, user="u:p@")
    assert b"Basic dTpw" in heard[1]

    with camera(ask) as (port, _), pytest.raises(CameraError) as refused:
        grabbed(port, user="viewer:secret@")
    assert "password" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_stronger_digest_is_chosen():
    offered = [
        'Basic realm="c", Digest realm="c", nonce="1", qop="auth,auth-int"',
        'Digest nonce="2", algorithm=SHA-256',
    ]

    assert challenge_of(offered).parts["nonce"] == "2"
    assert challenge_of(offered[:1]).parts == {"realm": "c", "nonce": "1", "qop": "auth,auth-int"}
    assert challenge_of(['Digest nonce="3", algorithm=SHA-512-256', "Negotiate x"]) is None


def test_digest_is_computed_as_in_rfc_7616():
    parts = {"realm": "http-auth@example.org", "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "qop": "auth"}
    parts |= {"algorithm": "SHA-256", "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"}
    said = Login("Mufasa", "Circle of Life").answer(
        Challenge("digest", parts),
        method="GET",
        uri="/dir/index.html",
        count=1,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )

    assert "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" in said


def moved(location):
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def test_one_redirect_within_the_host_is_followed(picture):
    with camera(moved("/really?x=2"), ODD["heads end in LF"].replace(b"<J>", picture)) as (port, heard):
        assert shapes(grabbed(port)) == [(720, 1280)]
    assert heard[1].startswith(b"GET /really?x=2 ")


@pytest.mark.parametrize("location", ["http://192.0.2.7/s", "//localhost/s", "", "ftp://127.0.0.1/s"])
def test_a_redirect_elsewhere_is_not_followed_and_a_password_goes_nowhere(location):
    with camera(moved(location)) as (port, heard), pytest.raises(CameraError, match="sends to"):
        grabbed(port, user="u:p@")
    assert len(heard) == 1


def test_a_ring_of_redirects_ends():
    with camera(moved("/s")) as (port, heard), pytest.raises(CameraError, match="302"):
        grabbed(port)
    assert len(heard) == 2


def still(picture, keep):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n" % len(picture)
    head += b"Connection: close\r\n\r\n" if not keep else b"\r\n"

    def answer(request, line):
        while request:
            line.sendall(head + picture)
            if not keep:
                return
            request = line.recv(8192)

    return answer


@pytest.mark.parametrize("keep", [True, False])
def test_an_address_of_single_pictures_is_asked_again_and_again(keep, picture):
    with camera(still(picture, keep)) as (port, heard):
        assert shapes(grabbed(port, count=4)) == [(720, 1280)] * 4
    assert len(heard) == (1 if keep else 4)


def test_a_kept_connection_that_the_camera_drops_costs_no_picture(picture):
    def once(_request, line):
        line.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture
        )

    with camera(once) as (port, _):
        assert shapes(grabbed(port, count=3)) == [(720, 1280)] * 3


def test_a_web_page_is_no_camera():
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"
    with camera(page) as (port, _), pytest.raises(CameraError, match="expected pictures"):
        grabbed(port)


class TestCutting:
    def test_pictures_are_whole_however_their_bytes_arrive(self, picture):
        stream = b"noise\xff\xd8" + picture + b"\r\n--f\r\n\r\n" + picture * 2 + b"\xff"
        for size in (1, 2, 3, 97, 4096, len(stream)):
            cutter = JpegCutter()
            found = [one for at in range(0, len(stream), size) for one in cutter.feed(stream[at : at + size])]
            assert found == [picture] * 3

    def test_a_thumbnail_inside_a_picture_is_no_end(self, picture):
        exif = b"\xff\xe1" + (2 + len(THUMBNAIL)).to_bytes(2, "big") + THUMBNAIL
        whole = picture[:2] + exif + picture[2:]

        assert list(JpegCutter().feed(whole + picture)) == [whole, picture]

    def test_a_torn_picture_costs_itself_alone(self, picture):
        for cut in (3, 20, 99, 300, len(picture) // 2, len(picture) - 1):
            assert list(JpegCutter().feed(picture[:cut] + b"\r\n--f\r\n\r\n" + picture + picture))[-1] == picture

    def test_progressive_pictures_have_many_scans(self):
        noise = np.random.default_rng(3).integers(0, 255, (64, 64), np.uint8)
        progressive = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[
            1
        ]

        assert list(JpegCutter().feed(progressive.tobytes() * 2)) == [progressive.tobytes()] * 2

    def test_a_picture_without_end_is_bounded(self):
        cutter = JpegCutter()
        head = b"\xff\xd8\xff\xda\x00\x02"
        with pytest.raises(TooLargeError):
            for _ in range(20):
                list(cutter.feed(head + bytes(1 << 20)))
                head = b""


class TestSight:
    def noisy(self, seed, level=120):
        return np.random.default_rng(seed).normal(level, 4, (96, 128)).clip(0, 255).astype(np.uint8)

    def test_one_and_the_same_picture_is_a_camera_that_hangs(self):
        sight, frame = Sight(), self.noisy(1)
        for n in range(151):
            assert not sight.note
            sight.look(frame, n / 15)
        assert sight.note == FROZEN
        sight.look(self.noisy(2), 11)
        assert not sight.note

    def test_a_still_scene_before_a_living_camera_is_well(self):
        sight = Sight()
        for n in range(300):
            sight.look(self.noisy(n), n / 15)
        assert not sight.note

    @pytest.mark.parametrize(("level", "word"), [(0, "black"), (2, "black"), (254, "blank")])
    def test_a_picture_in_one_shade_is_a_covered_lens(self, level, word):
        sight = Sight()
        for n in range(160):
            frame = np.full((96, 128), level, np.uint8)
            frame[n % 96, n % 128] = level + 1
            sight.look(frame, n / 15)
        assert sight.note == COVERED.format(word)


@pytest.mark.timeout(60)
async def test_a_frozen_camera_is_not_ready_and_says_why(picture, clock):
    def endless(_request, line):
        line.sendall(MULTI)
        while True:
            line.sendall(b"--f\r\n\r\n" + picture + b"\r\n")
            threading.Event().wait(1 / 15)

    with camera(endless) as (port, _):
        async with open_source(f"http://127.0.0.1:{port}/s", clock=clock) as source, asyncio.timeout(40):
            while not source.health.ready:
                await asyncio.sleep(0.05)
            while source.health.ready:
                await asyncio.sleep(0.05)
            assert source.health.state is State.STALLED
            assert source.health.note == FROZEN
