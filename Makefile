# `make demo` and `make test` work in a fresh clone: they make .venv and install what is needed.
# `make test-oldest` does the same in .venv-oldest, with the lowest versions that requirements.txt allows.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
OLDEST := .venv-oldest
PAGE := .venv/.page
# One process a core, four at most; a file's tests stay in one, since they share what it makes.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile
# What `make demo` draws: the studies that take seconds.
STUDIES := saliency gradcam classes fooling segmentation explain style fast_style neurons embedding deepdream

.PHONY: demo page test test-slow test-page test-oldest lint submission autograder clean

demo: $(INSTALLED)
	@for study in $(STUDIES); do echo "== python -m studies $$study"; $(BIN)/python -m studies $$study || exit 1; done

# The page in the browser. `make page FLAGS="--host 0.0.0.0 --port 8000"`
page: $(PAGE)
	$(BIN)/python -m explorer $(FLAGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m slow

# The page, clicked through in a browser: it needs chromium, which the system's packages have.
test-page: $(PAGE)
	$(BIN)/python -m pytest tests/test_page.py tests/test_page_controls.py tests/test_page_in_browser.py

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest $(SIDE_BY_SIDE) -m "not slow"

lint: $(INSTALLED)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

submission:
	$(PYTHON) collect_submission.py

# What Gradescope runs. `make autograder POINTS=my_points.toml WEIGHTS=squeezenet1_1.pth`: both may be left out.
autograder: $(INSTALLED)
	$(BIN)/python -m course.pack $(if $(POINTS),--points $(POINTS)) $(if $(WEIGHTS),--weights $(WEIGHTS))

clean:
	rm -rf .venv $(OLDEST) visualization/*.png assignment_3_submission.zip assignment_3_autograder.zip

# The file marks a finished installation: an interrupted one starts again, a changed list is brought up to date.
$(INSTALLED): requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'Python 3.11 or newer is needed; set PYTHON=python3.x')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(PAGE): requirements-page.txt $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-page.txt
	@touch $@

# Each `name>=1.2` becomes `name==1.2.0.*`: the first release of 1.2, also where its number has a fourth part.
$(OLDEST)/.installed: requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else 'The lowest versions have wheels for Python 3.11 and 3.12; set PYTHON=python3.11')"
	$(PYTHON) -m venv $(OLDEST)
	sed -E 's/>=([0-9]+\.[0-9]+)$$/==\1.0.*/; s/>=([0-9.]+)$$/==\1.*/' requirements.txt > $(OLDEST)/lowest.txt
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check -r $(OLDEST)/lowest.txt
	@touch $@
