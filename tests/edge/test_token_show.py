import argparse
import json

import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ed25519

from central.register import minting
from credit.claims import Grant, Reservation
from edge.commands.token import show as token_show

NOW = 1_790_000_000
ISSUER = minting.issuer_key("wulong", b"\x01" * 32)
HOLDER = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)


def credential(**changes):
    claims = {
        "subject": b"subject-pseudonm",
        "tier": 4,
        "token_id": b"token-id",
        "iat": NOW - 3600,
        "exp": NOW + 86_400 * 30,
        "groups": [12, 300],
        "holder_key": HOLDER.public_key(),
        "status_index": 7,
    }
    return minting.mint_credential(ISSUER, minting.Credential(**{**claims, **changes}))


def bound(raw=None, **changes):
    raw = credential() if raw is None else raw
    return minting.to_text(minting.present(raw, HOLDER, **{"iat": NOW - 3, "nonce": b"nonce-01", **changes}))


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps([minting.public_entry(ISSUER, from_s=NOW - 9, until_s=NOW + 9)]))
    return path


@pytest.fixture
def xinguan(capsys):
    def command(*arguments):
        parser = argparse.ArgumentParser()
        token_show.add_arguments(parser)
        status = token_show.run(parser.parse_args(["show", "--at", str(NOW), *map(str, arguments)]))
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return command


def test_a_good_code_passes_every_step(xinguan, keys):
    status, lines, _ = xinguan(bound(audience="xiannvshan"), "--keys", keys, "--lang", "en")

    assert status == 0
    assert lines[0] == "a good token"
    assert [line.split()[:2] for line in lines[1:15]] == [["✓", str(step)] for step in range(1, 15)]
    assert "what the token says (verified)" in lines
    assert "  tier: 4" in lines
    assert "  presented: 2026-09-21 14:13:17Z (3 s ago)" in lines


def test_a_bare_token_has_no_presentation_to_check(xinguan, keys):
    reservation = Reservation(order=b"order-01", site="tiankeng", from_s=NOW, until_s=NOW + 9, heads=3)
    raw = credential(
        holder_key=None,
        max_uses=5,
        region=500156,
        id_check=True,
        test=True,
        grants=[Grant(code=9)],
        reservation=reservation,
    )
    status, lines, _ = xinguan(minting.to_text(raw), "--keys", keys, "--lang", "en", "--test")
    assert status == 0
    assert lines[13:15] == [
        "  · 13 the holder's signature holds: not checked",
        "  · 14 made just now, for this site: not checked",
    ]
    assert "  flags: id check, test" in lines
    assert "  reservation: tiankeng, 2026-09-21 14:13:20Z (0 s ago) ×3" in lines


def test_the_failing_step_says_why_and_what_is_behind_it_is_unproved(xinguan):
    status, lines, _ = xinguan(bound(), "--lang", "en")
    assert status == 1
    assert lines[0] == "not acceptable — unknown_key"
    assert lines[6] == (
        "  ✗  6 the issuer's key is in the trust list: failed — "
        "This terminal does not know who issued the code (unknown_key: no key of this kid)"
    )
    assert lines[7].startswith("  ·  7")
    assert lines[11] == "  ? 11 within its time of validity: looks right, but is unproved"
    assert "what the code says (unproved, for information only)" in lines


def test_everything_that_is_wrong_is_said_at_once(xinguan):
    text = bound(credential(exp=NOW - 1), iat=NOW - 60)
    _, lines, _ = xinguan(text, "--lang", "en")
    assert lines[11] == "  ✗ 11 within its time of validity: fails too — The code has expired (expired: after exp)"
    assert lines[14] == (
        "  ✗ 14 made just now, for this site: fails too — "
        "The code is more than 30 seconds old (stale_code: made more than 30 s ago)"
    )


def test_both_languages_stand_side_by_side(xinguan, keys):
    _, lines, _ = xinguan(bound(), "--keys", keys)
    assert lines[0] == "有效凭证 · a good token"
    _, lines, _ = xinguan(bound(), "--keys", keys, "--lang", "zh")
    assert lines[9] == "  ✓  9 签发方签名有效: 通过"


def test_chinese_alone_is_chinese_all_through(xinguan, keys):
    reservation = Reservation(order=b"order-01", site="天坑", from_s=NOW, until_s=NOW + 9, heads=3)
    raw = credential(reservation=reservation, id_check=True, test=True)
    _, lines, _ = xinguan(bound(raw, challenge=b"A7"), "--keys", keys, "--test", "--lang", "zh")
    assert lines[0] == "有效凭证"
    for said in (
        "  对象: 个人（化名不显示）",
        "  标记: 需核对身份证件、测试凭证",
        "  持有人密钥: 有",
        "  应答挑战: 有",
        "  预约: 天坑, 2026-09-21 14:13:20Z（0 秒前） ×3",
        "  到期: 2026-10-21 14:13:20Z（30 天后）",
    ):
        assert said in lines
    _, lines, _ = xinguan(bound(credential(exp=NOW - 1)), "--keys", keys, "--lang", "zh")
    assert lines[11] == "  ✗ 11 在有效期内: 未通过 — 信用码已过期 (expired: after exp)"


def test_a_code_cannot_write_the_terminal(xinguan):
    reservation = Reservation(order=b"order-01", site="\x1b[2J\u202e\n  ✓ 14", from_s=NOW, until_s=NOW + 9, heads=3)
    text = bound(credential(reservation=reservation), audience="\x1b]0;x\x07\r")
    _, lines, _ = xinguan(text, "--lang", "en")
    out = "\n".join(lines)
    assert "\x1b" not in out
    assert "  for site: \\x1b]0;x\\x07\\r" in lines
    assert any(line.startswith("  reservation: \\x1b[2J\\u202e\\n  ✓ 14, 2026") for line in lines)


def test_another_site_is_wrong(xinguan, keys):
    status, lines, _ = xinguan(bound(audience="tiankeng"), "--keys", keys, "--site", "xiannvshan", "--lang", "en")
    assert (status, lines[0]) == (1, "not acceptable — wrong_audience")


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "hello",
        "https://example.cn/pay",
        "XG1:",
        "XG1:%%%",
        "XG1:" + "0" * 700,
        "\ud800",
        "x" * 5000,
        "a\0b",
        "中文",
    ],
)
def test_it_works_on_garbage(xinguan, garbage):
    status, lines, _ = xinguan("--", garbage)
    assert status == 1
    assert lines[0].startswith("不能接受 · not acceptable — ")
    assert len(lines) == 15


@pytest.mark.parametrize("cut", range(4, 400, 37))
def test_it_works_on_half_a_code(xinguan, keys, cut):
    status, lines, _ = xinguan(bound()[:cut], "--keys", keys)
    assert (status, lines[0]) == (1, "不能接受 · not acceptable — damaged_code")


def test_times_beyond_the_calendar_are_told_in_seconds(xinguan):
    _, lines, _ = xinguan(bound(credential(exp=2**53 - 1)), "--lang", "en")
    assert any(line.startswith("  expires: 9007199254740991 s (") for line in lines)


def test_nothing_secret_is_printed(xinguan, keys):
    text = bound()
    _, lines, _ = xinguan(text, "--keys", keys)
    out = "\n".join(lines)
    for secret in ("subject-pseudonm", b"subject-pseudonm".hex(), b"token-id".hex(), b"nonce-01".hex(), text[4:30]):
        assert secret not in out


def test_a_picture_is_read_first(xinguan, keys, tmp_path):
    picture = tmp_path / "code.png"
    segno.make(bound(), error="l").save(str(picture), scale=4)
    status, lines, _ = xinguan(picture, "--keys", keys, "--lang", "en")
    assert (status, lines[0]) == (0, "a good token")
    assert "a good token" in token_show.show(str(picture), keys, now=NOW)


def test_a_picture_without_code_and_a_file_that_is_no_picture_say_so(xinguan, tmp_path):
    (tmp_path / "no.png").write_bytes(b"not a picture")
    status, lines, err = xinguan(tmp_path / "no.png")
    assert (status, lines) == (2, [])
    assert "no code in this picture" in err


def test_bad_key_files_are_named(xinguan, tmp_path):
    (tmp_path / "keys.json").write_text("{}")
    for name, why in (("keys.json", "array of keys"), ("none.json", "No such file")):
        status, _, err = xinguan("XG1:", "--keys", tmp_path / name)
        assert status == 2
        assert why in err


def test_a_code_may_come_on_standard_input(xinguan, keys, monkeypatch):
    import io

    def given(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        return xinguan("-", "--keys", keys)[0]

    assert given(bound().encode() + b"\n") == 0
    assert given(b"XG1:\xff\xfe\x80") == 1
    assert given(b"XG1:" + b"0" * 10_000_000) == 1


def test_a_picture_that_takes_too_long_is_given_up(xinguan, tmp_path, monkeypatch):
    (tmp_path / "slow.png").write_bytes(b"")
    monkeypatch.setattr(token_show, "SCAN_TIMEOUT_S", 0)
    status, _, err = xinguan(tmp_path / "slow.png")
    assert status == 2
    assert "took more than 0 s" in err
