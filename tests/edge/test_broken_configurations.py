"""Broken configurations: each says all that is wrong at once, in both languages, with file, key and mend."""

import os
import subprocess
import tomllib

import pytest
from cryptography import x509
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge.actuators.lines import Turns
from edge.actuators.making import make_gate
from edge.config import Config
from edge.settings.enrolled import problems, strangers
from edge.settings.reading import ConfigError, load, parse
from edge.terms import terms_of
from scanner.spec import parse_spec
from sync.wire.profiles import Lane, Profile
from tests.tools.shell import xinguan

GOOD = """\
[terminal]
data = "/var/lib/xinguan"

[platform]
url = "https://platform.example"
poll_s = 60

[api]
listen = "127.0.0.1:8470"

[[lanes]]
id = "A"
scene = "gate"
source = "serial:/dev/ttyUSB0#baud=9600"
grace_s = 10

[lanes.actuator]
kind = "modbus"
port = "tcp://192.168.1.50:502"
coil = 1

[[lanes]]
id = "B"
scene = "hotel"
source = "v4l2:0"
actuator = "file:/var/lib/openings.jsonl"

[[verifiers]]
name = "tickets"
url = "https://tickets.example/check"
"""
PROFILE = Profile(
    site="s",
    title={"zh": "站"},
    issuer="yunling",
    lanes=[Lane(id="A", scene="gate", ticket="adult"), Lane(id="B", scene="hotel")],
)
# What is changed → the key, and a word of what is said. The findings of a technician, in his order, and their kin.
BROKEN = {
    "a key misspelt": ("grace_s = 10", "grace = 10", "lanes[0]", "Did you mean grace_s?"),
    "a value of another kind": ("grace_s = 10", 'grace_s = "10"', "lanes[0].grace_s", "a whole number"),
    "a missing table": ('[terminal]\ndata = "/var/lib/xinguan"', "", "terminal", "is missing"),
    "no address": ("https://platform.example", "platform", "platform.url", "no web address"),
    "an address with half a bracket": ("https://platform.example", "https://[::1", "platform.url", "no web address"),
    "a port that is none": ("platform.example", "platform.example:99999", "platform.url", "no web address"),
    "http to elsewhere": ("https://platform.example", "http://platform.example", "platform.url", "https://"),
    "a query that has no effect": ("platform.example", "platform.example/?city=1", "platform.url", "no effect"),
    "a password in the address": ("//platform", "//bob:secret@platform", "platform.url", "a password"),
    "two lanes of one name": ('id = "B"', 'id = "A"', "lanes[1].id", "there twice"),
    "no lane id": ('id = "B"', 'id = "大门"', "lanes[1].id", "letters, digits"),
    "a scene misspelt": ('scene = "gate"', 'scene = "gaet"', "lanes[0].scene", 'Did you mean "gate"?'),
    "no scene": ('scene = "gate"', 'scene = "A Gate"', "lanes[0].scene", "is no scene"),
    "an intent that is none": ('id = "B"', 'id = "B"\nintent = "entr"', "lanes[1].intent", '"enter"'),
    "an unknown source": ('"v4l2:0"', '"camera:0"', "lanes[1].source", "v4l2:0"),
    "an unknown option": ("#baud=9600", "#bauds=9600", "lanes[0].source", "known: baud"),
    "a rate that no line has": ("#baud=9600", "#baud=12345", "lanes[0].source", "9600"),
    "a rate of a gate": ("coil = 1", "coil = 1\nbaud = 12345", "lanes[0].actuator.baud", "Write 9600"),
    "one camera for two lanes": (
        "serial:/dev/ttyUSB0#baud=9600",
        "v4l2:/dev/video0",
        "lanes[1].source",
        "is the same device as lanes[0].source",
    ),
    "a gate on the scanner's line": (
        "tcp://192.168.1.50:502",
        "serial:/dev/ttyUSB0",
        "lanes[0].actuator.port",
        "same device",
    ),
    "not TOML": ("[platform]", "[platform", "", "line 4, column 10"),
    "a rhythm of nothing": ("poll_s = 60", "poll_s = 0", "platform.poll_s", "0.1 to 86400"),
    "a number that is none": ("poll_s = 60", "poll_s = nan", "platform.poll_s", "is no number"),
    "the network without names": ('"127.0.0.1:8470"', '"0.0.0.0:8470"', "api.hosts", "Name the hosts"),
    "the network without TLS": ('"127.0.0.1:8470"', '"0.0.0.0:8470"', "api.tls_cert", "PEM files"),
    "half a certificate": ("[api]", '[api]\ntls_cert = "/c.pem"', "api.tls_key", "together"),
    "IPv6 without brackets": ('"127.0.0.1:8470"', '"::1:19471"', "api.listen", "[::1]:8470"),
    "a name to listen on": ('"127.0.0.1:8470"', '"localhost:1"', "api.listen", "127.0.0.1:8470"),
    "a port of figures that are none": ('"127.0.0.1:8470"', '"127.0.0.1:²²²"', "api.listen", "no address"),
    "a grace below nothing": ("grace_s = 10", "grace_s = -1", "lanes[0].grace_s", "0 to 60"),
    "a folder from where one stands": ('"/var/lib/xinguan"', '"data"', "terminal.data", "/var/lib/xinguan"),
    "a folder of the kernel": ('"/var/lib/xinguan"', '"/proc/self"', "terminal.data", "no place for data"),
    "openings into the kernel": ("/var/lib/openings.jsonl", "/proc/x", "lanes[1].actuator", "no file for openings"),
    "an unknown gate": ('"file:/var/lib/openings.jsonl"', '"gpio-banana"', "lanes[1].actuator", "file:PATH"),
    "an unknown kind of gate": ('"modbus"', '"modbuss"', "lanes[0].actuator.kind", "Write modbus"),
    "a gate's key misspelt": ("coil = 1", "coils = 1", "lanes[0].actuator", "Did you mean coil?"),
    "a verifier twice": (
        "[[verifiers]]",
        '[[verifiers]]\nname = "tickets"\nurl = "https://a.example"\n[[verifiers]]',
        "verifiers[1].name",
        "there twice",
    ),
    "a verifier's password": ("//tickets", "//bob:secret@tickets", "verifiers[0].url", "a password"),
    "a table that is a text": ('[api]\nlisten = "127.0.0.1:8470"', "", "", ""),
    "a line end within a text": ('"/var/lib/xinguan"', '"/var/lib\\nxinguan"', "terminal.data", "control characters"),
    "a nought within a path": ('"/var/lib/xinguan"', '"/var/lib\\u0000"', "terminal.data", "control characters"),
    "no lanes": (GOOD[GOOD.index("[[lanes]]") :], "", "lanes", "is missing"),
}
BROKEN["a table that is a text"] = ("[terminal]", 'api = "x"\n[terminal]', "api", "is no table")


def broken(name):
    old, new, key, said = BROKEN[name]
    text = GOOD.replace(old, new, 1)
    if name == "a table that is a text":
        text = text.replace('[api]\nlisten = "127.0.0.1:8470"', "")
    return text, key, said


def told(error):
    return [(one.key, str(one)) for one in error.problems]


def test_the_good_file_is_good():
    config = parse(GOOD, "t.toml")

    assert [lane.id for lane in config.lanes] == ["A", "B"]
    assert problems(config.lanes, PROFILE) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_names_key_and_mend_in_both_languages(name):
    text, key, said = broken(name)

    with pytest.raises(ConfigError) as caught:
        parse(text, "t.toml")

    assert all(line.startswith("t.toml: ") for line in str(caught.value).splitlines())
    assert [text for at, text in told(caught.value) if at == key and said in text], told(caught.value)
    for one in caught.value.problems:
        assert any("\u4e00" <= letter <= "\u9fff" for letter in one.zh + one.mend_zh), one
        assert one.en
        assert one.mend_en
    assert "secret" not in str(caught.value)


def test_all_that_is_wrong_is_said_at_once():
    text = GOOD
    changes = ("http to elsewhere", "a key misspelt", "no lane id", "a rate that no line has", "a verifier's password")
    for name in changes:
        old, new, *_ = BROKEN[name]
        text = text.replace(old, new, 1)

    with pytest.raises(ConfigError) as caught:
        parse(text, "t.toml")

    keys = [key for key, _text in told(caught.value)]
    assert sorted(keys) == ["lanes[0]", "lanes[0].source", "lanes[1].id", "platform.url", "verifiers[0].url"]


def test_a_lane_that_stands_elsewhere_in_the_profile_is_told():
    text = GOOD.replace('id = "A"', 'id = "C"').replace('"hotel"', '"shop"')

    found = problems(parse(text, "t.toml").lanes, PROFILE)

    assert [(one.key, one.mend_en) for one in found] == [
        ("lanes[0].id", "Write one of A, B"),
        ("lanes[1].scene", 'Write scene = "hotel", or ask the platform to change it'),
    ]


class TestFiles:
    """What the file is on this machine, and what it names there."""

    def told(self, path):
        with pytest.raises(ConfigError) as caught:
            load(path)
        return str(caught.value)

    def written(self, tmp_path, old, new):
        (tmp_path / "openings").mkdir(exist_ok=True)
        text = GOOD.replace("/var/lib/openings", f"{tmp_path}/openings/lines").replace(old, new)
        path = tmp_path / "t.toml"
        path.write_text(text)
        return path

    def test_a_file_from_windows_is_read(self, tmp_path):
        path = self.written(tmp_path, "/var/lib/xinguan", str(tmp_path))
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

        assert load(path).lanes[1].scene == "hotel"

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"", "is missing"),
            ("通道".encode("gbk"), "UTF-8"),
            (b"x" * 300_000, "longer"),
            (b"a=" + b"[" * 5000, "TOML"),
        ],
        ids=["empty", "GBK", "too long", "too deep"],
    )
    def test_bytes_that_are_no_configuration(self, tmp_path, raw, said):
        path = tmp_path / "t.toml"
        path.write_bytes(raw)

        assert said in self.told(path)

    def test_what_is_no_plain_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")

        assert "Name a plain file" in self.told(tmp_path / "pipe")
        assert "Name a plain file" in self.told(tmp_path) or "cannot be read" in self.told(tmp_path)
        assert "--config" in self.told(tmp_path / "none")

    @pytest.mark.parametrize("content", [None, "no certificate", ""], ids=["absent", "text", "empty"])
    def test_a_ca_that_is_none(self, tmp_path, content):
        if content is not None:
            (tmp_path / "ca.pem").write_text(content)
        path = self.written(tmp_path, "poll_s = 60", f'ca = "{tmp_path}/ca.pem"')

        assert "platform.ca: " in self.told(path)
        assert "private CA" in self.told(path)

    @pytest.mark.parametrize("part", ["secret_headers.X-Key", "login.password_file"])
    def test_a_secret_that_is_not_there(self, tmp_path, part):
        secret = (
            'secret_headers = {X-Key = "/none"}' if "X-Key" in part else 'login = {user = "u", password_file = "/no"}'
        )
        gate = f'actuator = {{kind = "http", url = "https://c.example/", {secret}}}'
        path = self.written(tmp_path, f'actuator = "file:{tmp_path}/openings/lines.jsonl"', gate)

        assert f"lanes[1].actuator.{part}: " in self.told(path)

    def test_data_that_is_a_file(self, tmp_path):
        path = self.written(tmp_path, "/var/lib/xinguan", "/etc/passwd")

        assert "terminal.data: " in self.told(path)

    def test_openings_in_a_folder_that_is_not_there(self, tmp_path):
        path = self.written(tmp_path, f"{tmp_path}/openings/", "/nowhere/")

        assert "lanes[1].actuator: " in self.told(path)

    def test_a_key_that_does_not_belong_to_the_certificate(self, tmp_path, certificate_of):
        one, other = certificate_of("one"), certificate_of("other")
        path = self.written(tmp_path, "[api]", f'[api]\ntls_cert = "{one[0]}"\ntls_key = "{other[1]}"')

        assert "the key that belongs to it" in self.told(path)


@pytest.fixture
def certificate_of(tmp_path):
    def made(name):
        cert, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*words, "-subj", f"/CN={name}", "-keyout", key, "-out", cert], check=True, capture_output=True)
        assert x509.load_pem_x509_certificate(cert.read_bytes())
        return cert, key

    return made


VALUES = st.recursive(
    st.one_of(
        st.sampled_from(
            ["", "A", "B", "gate", "hotel", "serial:/dev/ttyUSB0", "file:/x", "http://[", "https://u:p@h/", "tcp://a:1"]
        ),
        st.text(max_size=12),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.booleans(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=4,
)


def paths(value, at=()):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from paths(inner, (*at, name))


def written(value):
    """Return TOML text of a value: inline, so that anything can stand anywhere."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(str(name))} = {written(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return repr(value)


@st.composite
def mutants(draw):
    """A good file with a few values changed, removed, added or doubled."""
    document = tomllib.loads(GOOD)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([path for path in paths(document) if path]))
        holder = document
        for name in way:
            holder = holder[name]
        match draw(st.sampled_from(["change", "remove", "add", "double"])):
            case "change":
                holder[last] = draw(VALUES)
            case "remove":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[draw(st.text(max_size=8))] = draw(VALUES)
            case _ if isinstance(holder, list):
                holder.append(holder[last])
    return "\n".join(f"{written(name)} = {written(value)}" for name, value in document.items())


def judged(text):
    """Return the configuration, or None when it was refused in the way that refusals are written."""
    try:
        config = parse(text, "t.toml")
    except ConfigError as error:
        refused = error
    else:
        assert isinstance(config, Config)
        return config
    assert refused.problems
    assert all(one.zh and one.en and one.mend_zh and one.mend_en for one in refused.problems)
    return None


def never_a_wrong_lane(config):
    assert len({lane.id for lane in config.lanes}) == len(config.lanes) > 0
    for lane in config.lanes:
        assert lane.source is None or parse_spec(lane.source)
        make_gate(lane.actuator, Turns())
    known = {lane.id: lane.scene for lane in PROFILE.lanes}
    if not strangers(config.lanes, PROFILE):
        assert all(terms_of(lane, PROFILE).scene == known[lane.id] for lane in config.lanes)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutants())
def test_a_changed_file_is_right_or_refused_in_words(text):
    config = judged(text)

    if config is not None:
        never_a_wrong_lane(config)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_file_with_wrong_letters_is_right_or_refused_in_words(data):
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 4))
        put = data.draw(st.text(alphabet='"[]{}=#.\n\\ab01é中\x00', max_size=3))
        text = text[:at] + put + text[at + cut :]

    config = judged(text)

    if config is not None:
        never_a_wrong_lane(config)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"a = " + b"9" * 5000)
def test_any_bytes_are_refused_in_words(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(raw)

    with pytest.raises(ConfigError):
        load(path)


def test_the_command_says_all_of_it_and_ends_with_78(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text(GOOD.replace("https://platform", "http://platform").replace('"gate"', '"gaet"'))

    done = xinguan("config", "check", "--config", path)

    assert done.returncode == 78
    assert "platform.url: http:// 只允许用于本机。请写 https:// · " in done.stderr
    assert 'Did you mean "gate"?' in done.stderr
    assert "Traceback" not in done.stderr
