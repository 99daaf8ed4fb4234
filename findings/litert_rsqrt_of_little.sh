#!/usr/bin/env bash
# Software: ai-edge-litert 2.3.0 on a CPU, with XNNPACK and without.
#
# Behaviour: RSQRT of 0 and of numbers near the least normal float gives NaN where XNNPACK
# computes the op, which is the default. LiteRT's own kernel gives infinity and 1e19.
#
# A reader expects: the same op of the same file gives the same numbers, or at least numbers,
# wherever it runs. Norms without an epsilon are where it shows.
#
# Seen, for 0, 1e-38 and 4:
#   default: [nan, nan, 0.5]
#   without XNNPACK: [inf, 1e+19, 0.5]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet ai-edge-litert==2.3.0 flatbuffers==25.12.19 || exit 2
cd "$folder"
cat > run.py <<'END'
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

number = schema.BuiltinOperator.RSQRT
graph = schema.SubGraphT(
    name="main", inputs=[0], outputs=[1],
    tensors=[schema.TensorT(name=name, shape=[3], type=0, buffer=0) for name in ("x", "y")],
    operators=[schema.OperatorT(opcodeIndex=0, inputs=[0], outputs=[1])])
model = schema.ModelT(
    version=3, description="", subgraphs=[graph], buffers=[schema.BufferT()],
    operatorCodes=[schema.OperatorCodeT(
        builtinCode=number, deprecatedBuiltinCode=number, version=1)])
builder = flatbuffers.Builder(0)
builder.Finish(model.Pack(builder), b"TFL3")
plain = {"experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
for name, options in (("default", {}), ("without XNNPACK", plain)):
    interpreter = Interpreter(model_content=bytes(builder.Output()), **options)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.array([0, 1e-38, 4], "float32"))
    interpreter.invoke()
    print(f"{name}: {[float(f'{value:.3g}') for value in interpreter.get_tensor(1)]}")
END
seen=$(venv/bin/python run.py)
echo "$seen"
if [ "$seen" != "default: [nan, nan, 0.5]
without XNNPACK: [inf, 1e+19, 0.5]" ]; then
    echo "changed: other results"
    exit 1
fi
