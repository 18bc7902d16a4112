# Each target does its own set-up in .venv. The work is in scripts/dev.py, which runs without make, too:
# python3 scripts/dev.py TARGET
PYTHON ?= python3

.PHONY: demo test check torchvision page bench docs setup

demo test check torchvision page bench docs setup:
	@$(PYTHON) scripts/dev.py $@ $(ARGS)
