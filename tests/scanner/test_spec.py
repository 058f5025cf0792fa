import pytest

from scanner.spec import SpecError, parse_spec


@pytest.mark.parametrize(
    ("text", "kind", "target", "name"),
    [
        ("v4l2:0", "v4l2", "0", "v4l2:0"),
        ("v4l2:/dev/v4l/by-id/usb-cam", "v4l2", "/dev/v4l/by-id/usb-cam", "v4l2:/dev/v4l/by-id/usb-cam"),
        ("http://u:pw@cam:81/s?x=1#read_s=2", "http", "http://u:pw@cam:81/s?x=1", "http://cam:81/s"),
        ("rtsp://u:p@[::1]:554/live", "rtsp", "rtsp://u:p@[::1]:554/live", "rtsp://[::1]:554/live"),
        ("file:/a/b.mp4#loop=on", "file", "/a/b.mp4", "file:/a/b.mp4"),
        ("serial:/dev/ttyACM0#baud=9600&suffix=cr", "serial", "/dev/ttyACM0", "serial:/dev/ttyACM0"),
    ],
)
def test_sources_are_parsed_and_secrets_stay_out_of_the_name(text, kind, target, name):
    spec = parse_spec(text)

    assert (spec.kind, spec.target, spec.name) == (kind, target, name)


def test_options_have_types_and_defaults():
    spec = parse_spec("v4l2:0#width=1920&exposure=80")

    assert [spec.option(n) for n in ("width", "height", "exposure", "focus", "open_s")] == [1920, 720, 80, None, 5.0]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("", "v4l2:0"),
        ("/dev/video0", "v4l2:0"),
        ("ftp://x/", "rtsp://"),
        ("http:///nohost", "no host"),
        ("http://h:99999999/", "port"),
        ("v4l2:0#widht=3", "known: budget_ms"),
        ("v4l2:0#width=12.5", "whole number from 160"),
        ("v4l2:0#width=999999", "to 7680"),
        ("http://c/#read_s=nan", "seconds"),
        ("serial:/dev/x#suffix=cat", "one of cr"),
        ("serial:/dev/x#width=640", "not known for serial"),
        ("file:a\nb", "reads like"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_mend(text, mend):
    with pytest.raises(SpecError, match=mend):
        parse_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://viewer:se#cret@192.0.2.9/s",
        "rtsp://viewer:#secret@192.0.2.9/s",
        "http://viewer:sec/ret@cam/s",
        "http://viewer:s?ecret@cam/s",
        "http://viewer:secret#@cam/s",
        "https://viewer:1/secret@cam",
        "http://viewer@home:sec#ret@cam/s",
        "rtsp:viewer:secret@cam",
        "rtps://viewer:secret@cam/s",
        "rtsp://viewer:secret@cam:port/s",
        "rtsp://viewer:secret@[cam/s",
        "rtsp://viewer:secret@cam/s#bogus=secret@x",
    ],
)
def test_a_password_that_breaks_its_address_is_not_told(text):
    with pytest.raises(SpecError) as refused:
        parse_spec(text)

    assert not any(part in str(refused.value) for part in ("sec", "cret", "ret@"))


def test_a_hash_in_a_password_is_written_as_percent_23():
    with pytest.raises(SpecError, match="%23"):
        parse_spec("rtsp://viewer:aa#bb@192.0.2.9/s")

    assert parse_spec("rtsp://viewer:aa%23bb@192.0.2.9/s").target == "rtsp://viewer:aa%23bb@192.0.2.9/s"
    assert parse_spec("http://cam:8080/picture?size=1#read_s=2").name == "http://cam:8080/picture"
