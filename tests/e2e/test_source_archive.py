"""The source distribution: whoever has it alone can build and check everything (finding A8)."""

import subprocess
import sys
import tarfile

import pytest

from tests.e2e.installing import ROOT

BUILD = "import sys; from setuptools.build_meta import build_sdist; print(build_sdist(sys.argv[1]))"
NOT_BUILT_FROM = {".gitignore"}

pytestmark = pytest.mark.e2e


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def test_it_holds_every_file_of_the_repository(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    out.mkdir()
    source.mkdir()
    subprocess.run(["tar", "-xC", source], input=git("archive", "HEAD"), check=True)
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=source, check=True, capture_output=True)

    (archive,) = out.glob("xinguan-*.tar.gz")
    with tarfile.open(archive) as packed:
        held = {name.partition("/")[2] for name in packed.getnames()}
    assert set(git("ls-tree", "-r", "--name-only", "HEAD").decode().splitlines()) - NOT_BUILT_FROM - held == set()
