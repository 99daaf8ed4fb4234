# make demo | web | android | check | test | test-jax (no TensorFlow) | test-tpu (its compiler) | lint | bench | arm-smoke | clean.
# PYTHON picks the interpreter.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo web android android-test android-apk android-lint check test test-jax test-tpu lint bench arm-smoke clean

demo: .venv/installed
	$(BIN)/seqattn demo --out runs/demo --overwrite

web: .venv/installed
	cd tflite/web && npm ci && npm run build
	$(BIN)/seqattn export vit_eurosat --attention --out tflite/web/dist/vit_eurosat.tflite
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory tflite/web/dist 8000

# What the JVM tests are held against is made anew when a source of it is newer.
ANDROID_FIXTURES := tflite/android/out/fixtures/made
$(ANDROID_FIXTURES): .venv/installed $(shell find keras_seqattn models tflite/android/build/fixtures -type f ! -name '*.pyc')
	$(BIN)/python tflite/android/build/fixtures
	touch $@

android: $(ANDROID_FIXTURES)
	tflite/android/build/compile.sh
	$(MAKE) -j 2 --output-sync android-test android-apk android-lint
	tflite/android/build/check.sh

# After compile.sh, in any order.
android-test android-apk android-lint:
	tflite/android/build/$(@:android-%=%).sh

arm-smoke: .venv/installed
	PYTHON=$(BIN)/python tflite/arm/smoke.sh

# What a change needs before it is committed: linters, and the tests of the files that changed.
check: lint
	$(BIN)/pytest -n 2 --dist loadfile $$($(BIN)/python tests/changed.py)

test: lint
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python benchmarks/attention.py
	$(BIN)/python benchmarks/input_pipeline.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/checkpoints.py
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/inspection.py
	$(BIN)/python benchmarks/load.py
	$(BIN)/pip install --quiet --editable '.[all,bench]'
	$(BIN)/python benchmarks/edge_latency.py
	$(BIN)/python benchmarks/edge_accuracy.py
	$(BIN)/python benchmarks/export_cost.py
	$(BIN)/python benchmarks/recurrent.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/decoding.py --batch 8
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/parallelism.py

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[all]'
	touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet --editable '.[all,test]'
	touch $@

# What JAX can do differently: arithmetic, loops, gradients, sharding. Reading files is the same everywhere, and a model is
# made of layers. Fewer optimisations halve the time of compiling, of which these tests are made.
JAX_TESTS := tests/layers tests/decoding tests/checkpoints/weights tests/test_borrowed.py tests/test_recurrence.py \
    $(patsubst %,tests/models/test_%.py,vision_transformer pixel_gpt encoder_decoder image_captioner sequence) \
    tests/inspection/test_attention.py tests/inspection/test_gradient.py keras_seqattn/layers keras_seqattn/decoding \
    tests/data/test_batches.py tests/data/test_augment.py tests/training/devices/test_strategy.py \
    tests/training/tasks/test_scan.py tests/training/tasks/test_rematerialisation.py
# The TPU's own compiler, which needs no TPU: kernels and steps of small models, on Linux on x86-64.
TPU_TESTS := tests/kernels keras_seqattn/kernels tests/training/doctor keras_seqattn/training/doctor \
    tests/training/devices/test_layouts.py tests/cli/test_doctor.py
ON_JAX := KERAS_BACKEND=jax JAX_PLATFORMS=cpu .venv-jax/bin/pytest -n 2 --dist loadfile

test-jax: .venv-jax/installed
	JAX_DISABLE_MOST_OPTIMIZATIONS=1 $(ON_JAX) $(JAX_TESTS)

test-tpu: .venv-jax/installed
	$(ON_JAX) $(TPU_TESTS) --ignore tests/training/doctor/test_diagnosis.py -k 'not exits_with_1'

.venv-jax/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/pip install --quiet --editable '.[tpu]' pillow pydantic pytest pytest-xdist pyyaml rich safetensors \
	    'typer>=0.16' typing_extensions
	touch $@

clean:
	rm -rf .venv .venv-jax runs build *.egg-info .pytest_cache .ruff_cache .import_linter_cache
