"""Trains a recipe in a process of its own, on as many logical CPU devices as asked for.

    python worker.py RECIPE.yaml OUT STRATEGY DEVICES [--resume]
"""

import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(recipe, out, strategy, devices, *flags):
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices))
    from keras_seqattn import training

    try:
        training.fit(training.read(recipe), out, strategy, resume="--resume" in flags, wait_s=60)
    except training.Preempted:
        sys.exit(training.EXIT_PREEMPTED)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
