"""Small `.tflite` files for tests: of a TensorFlow function, and of another precision."""

import pathlib
import shutil
import warnings

from ai_edge_quantizer import qtyping, quantizer, recipe

from keras_seqattn.edge import formats
from keras_seqattn.edge.contract.contract import describe
from keras_seqattn.edge.tflite import contract_in_file

Op = qtyping.TFLOperationName
PRODUCTS = (Op.FULLY_CONNECTED, Op.CONV_2D, Op.BATCH_MATMUL)
PRECISIONS = ("float32", "float16", "dynamic_wi8_afp32", "dynamic_wi4_afp32", "mixed_wi8_ai8",
              "static_wi8_ai8", "static_wi8_ai16")
FLOAT16 = qtyping.OpQuantizationConfig(
    weight_tensor_config=qtyping.TensorQuantizationConfig(
        num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
    compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True)


def write(path, function, contract=None, flex=False, **shapes):
    """Converts a function of named float32 inputs, `{name: shape}`, to a file."""
    import tensorflow as tf

    class Held(tf.Module):
        @tf.function(autograph=False, input_signature=[
            tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()])
        def run(self, *inputs):
            made = function(*inputs)
            return made if isinstance(made, dict) else {"y": made}

    folder = pathlib.Path(path).with_suffix(".saved")
    held = Held()
    tf.saved_model.save(held, str(folder), signatures={
        "serving_default": held.run.get_concrete_function()})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS] + (
        [tf.lite.OpsSet.SELECT_TF_OPS] if flex else [])
    pathlib.Path(path).write_bytes(converter.convert())
    return _with_contract(path, contract)


def quantise(source, path, precision, examples):
    """Writes a float32 file in another precision by AI Edge Quantizer's plain recipes."""
    if precision == "float32":
        shutil.copyfile(source, path)
        return _with_contract(path, {"precision": precision})
    made = quantizer.Quantizer(str(source))
    if precision == "float16":
        for op in (Op.FULLY_CONNECTED, Op.CONV_2D):
            made.update_quantization_recipe(
                ".*", op, op_config=FLOAT16, algorithm_key="float_casting")
    elif precision.startswith("dynamic"):
        made.load_quantization_recipe(getattr(recipe, precision)())
    elif precision == "mixed_wi8_ai8":
        made.load_quantization_recipe(recipe.dynamic_wi8_afp32())
        made.add_static_config(".*", Op.BATCH_MATMUL, activation_num_bits=8, weight_num_bits=8)
    else:
        for op in PRODUCTS:
            made.add_static_config(".*", op, weight_num_bits=8,
                                   activation_num_bits=int(precision.rpartition("ai")[2]))
    with warnings.catch_warnings():   # that keeping all tensors takes memory
        warnings.simplefilter("ignore", UserWarning)
        seen = None
        if made.need_calibration:
            count = len(next(iter(examples.values())))
            seen = made.calibrate({"serving_default": [
                {name: array[i:i + 1] for name, array in examples.items()}
                for i in range(count)]}, num_threads=2)
        made.quantize(seen).export_model(str(path), overwrite=True)
    return _with_contract(path, {"precision": precision})


def _with_contract(path, contract):
    if contract is not None:
        facts = describe(formats.of(path).session(path), name="tiny",
                         precision=contract["precision"])
        contract_in_file.write(path, {**facts, **contract})
    return path
