"""Trains a recipe in a process of its own, on as many CPU devices as asked for.

    python worker.py RECIPE.yaml OUT STRATEGY DEVICES [--resume]
"""

import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(recipe, out, strategy, devices, *flags):
    if os.environ.get("KERAS_BACKEND") == "jax":
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    else:
        import tensorflow as tf

        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * int(devices))
    from keras_seqattn import training

    try:
        training.fit(training.read(recipe), out, strategy, resume="--resume" in flags, wait_s=60)
    except training.Preempted as stop:
        print(stop)
        sys.exit(stop.exit_code)
    except ValueError as error:
        print(error)
        sys.exit(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
