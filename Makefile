# One line a target; each makes what it needs. `PYTHON=python3.13 make test` picks another interpreter.
PYTHON ?= python3
# Whatever is started here is compiled once and kept beside its source: without, each process compiles all of it again.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: setup demo test processes cover lint ill town seeds e2e bench clients docs lock deb tarball
setup: ; @PYTHON=$(PYTHON) sh tests/tools/setup.sh dev
demo: ; @PYTHON=$(PYTHON) sh tests/tools/setup.sh demo && .venv/bin/python -I -m edge.cli demo $(ARGS)
test: setup ; sh tests/tools/in_memory.sh .venv/bin/python -m pytest --ignore tests/ill --ignore tests/town --ignore tests/processes --ignore tests/browser --ignore tests/update -n 3 --dist worksteal -m "not e2e and not root and not look" --durations 10 $(ARGS)
processes: setup ; sh tests/tools/in_memory.sh .venv/bin/python -m pytest tests/processes tests/browser tests/update -n 2 --dist worksteal -m "not e2e and not root and not look" --durations 5 $(ARGS)
cover: ; @$(MAKE) test ARGS="--cov --cov-report=term:skip-covered $(ARGS)"
ill: setup ; .venv/bin/python -m pytest tests/ill $(if $(filter 0,$(shell id -u)),,-m "not root") --durations 5 $(ARGS)
town: setup ; .venv/bin/python -m pytest tests/town -n 2 --dist worksteal -m "not e2e" --durations 5 $(ARGS)
seeds: setup ; nice -n 15 .venv/bin/python tests/town/seeds.py $(or $(ARGS),--until 20000 --faults)
lint: setup ; .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/mypy requirements/*.py && .venv/bin/lint-imports
e2e: setup ; .venv/bin/python -m pytest -m "e2e or root" $(if $(SCENE),tests/e2e -k test_$(SCENE)_ -s -q --no-header,) $(ARGS)$(if $(SCENE),, && XINGUAN_FAILOVERS=20,5,5 .venv/bin/python -m pytest tests/town/test_failover.py -q -s)
bench: setup ; @for b in bench/[a-z]*.py; do .venv/bin/python -P $$b || exit 1; done
clients: ; @PYTHON=$(PYTHON) sh tests/tools/setup.sh clients && .venv/bin/python tests/clients/play.py $(ARGS)
docs: setup ; .venv/bin/python docs/make.py
lock: setup ; .venv/bin/python requirements/lock.py $(ARGS)
deb: setup ; .venv/bin/python systemd/packaging/build.py deb $(ARGS)
tarball: setup ; .venv/bin/python systemd/packaging/build.py tarball $(ARGS)
.PHONY: look picture
look: setup ; sh tests/tools/in_memory.sh .venv/bin/python -m pytest tests/look -n 2 --dist loadgroup -m look -q --no-header --durations 5 $(ARGS)
picture: setup ; .venv/bin/python tests/tools/take_picture.py docs/pictures/demo.png
