import pytest

from edge.settings.reading import ConfigError, load, parse

GOOD = """
[terminal]
data = "/var/lib/xinguan"
[platform]
url = "https://platform.example"
[[lanes]]
id = "A"
scene = "gate"
source = "http://127.0.0.1:1/stream"
"""


def test_a_small_file_is_enough():
    config = parse(GOOD, "t.toml")

    assert config.listen == ("127.0.0.1", 8470)
    assert config.lanes[0].grace_s == 10


@pytest.mark.parametrize(
    ("change", "key", "mend"),
    [
        (('data = "/var/lib/xinguan"', ""), "terminal", "Add it"),
        (("[[lanes]]", "[[lane]]"), "'lane'", "Remove it or correct its spelling"),
        (
            ('scene = "gate"', 'scene = "gate"\ngrace = 3'),
            "lanes[0]",
            "unknown key 'grace'. Remove it or correct its spelling. Did you mean grace_s?",
        ),
        (("https://platform.example", "http://platform.example"), "platform.url", "https://"),
        (("https://platform.example", "ftp://x"), "platform.url", "Write https://"),
        (('scene = "gate"', 'scene = "gate"\ngrace_s = "10"'), "lanes[0].grace_s", "Write a whole number"),
        (('scene = "gate"', 'scene = "gate"\ngrace_s = 99'), "lanes[0].grace_s", "0 to 60"),
        (("http://127.0.0.1:1/stream", "bogus:/dev/nothing"), "lanes[0].source", "v4l2:0"),
        (('scene = "gate"', 'scene = "gate"\nactuator = "gpio-banana"'), "lanes[0].actuator", "file:PATH"),
        (('scene = "gate"', 'scene = "gate"\nactuator = "http://10.0.0.9/open"'), "lanes[0].actuator", "https://"),
        (('id = "A"', 'id = "A B"'), "lanes[0].id", "letters"),
        (("[terminal]", "[terminal"), "not TOML", "Mend that line"),
        (("[[lanes]]", '[api]\nlisten = "0.0.0.0:8470"\n[[lanes]]'), "api.hosts", "Name the hosts"),
        (("[[lanes]]", '[api]\nlisten = "nowhere"\n[[lanes]]'), "api.listen", "127.0.0.1:8470"),
        (
            ("[[lanes]]", '[api]\nlisten = "0.0.0.0:8470"\nhosts = ["kiosk.example"]\n[[lanes]]'),
            "api.tls_cert",
            "tls_key",
        ),
        (("[platform]", "answer_s = 1.0\n[platform]"), "terminal.answer_s", "0.1 to 0.9"),
        (("[[lanes]]", "[api]\npresents_per_s = 0\n[[lanes]]"), "api.presents_per_s", "0.1 to 10000"),
    ],
)
def test_an_error_names_file_key_and_mend(change, key, mend):
    text = GOOD.replace(*change)

    with pytest.raises(ConfigError) as caught:
        parse(text, "t.toml")

    message = str(caught.value)
    assert message.startswith("t.toml")
    assert key in message
    assert mend in message


def test_two_lanes_of_one_name_are_an_error():
    with pytest.raises(ConfigError, match="there twice"):
        parse(GOOD + '[[lanes]]\nid = "A"\nscene = "gate"\n', "t.toml")


def test_a_missing_file_says_how_to_name_another(tmp_path):
    with pytest.raises(ConfigError, match="--config"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_no_text_says_so(tmp_path):
    path = tmp_path / "t.toml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)
