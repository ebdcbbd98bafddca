# `make demo` and `make test` work in a fresh clone: they make .venv and install what is needed.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SCRIPTS := class_visualization saliency_visualization gradcam_visualization segmentation_visualization \
  explain_folder fooling_visualization style_transfer fast_style_transfer neuron_visualization \
  embedding_visualization deepdream

.PHONY: demo test lint submission clean

demo: $(INSTALLED)
	@for script in $(SCRIPTS); do echo "== $$script.py"; $(BIN)/python $$script.py || exit 1; done

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

submission:
	$(PYTHON) collect_submission.py

clean:
	rm -rf .venv visualization/*.png assignment_3_submission.zip

# The file marks a finished installation: an interrupted one starts again, a changed list is brought up to date.
$(INSTALLED): requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'Python 3.11 or newer is needed; set PYTHON=python3.x')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
