"""Compiles one program for a TPU, in a process of its own: `python compilation.py ORDER`.

ORDER is a JSON file. It names the program (StableHLO, as JAX writes it), the topology with what
`get_topology_desc` takes beside its name, the number of devices, the compiler's options and the
file for the answer. Only JAX is imported, so that the process starts quickly.
"""

import json
import pathlib
import sys
import time


def main(order: str) -> None:
    """Compiles, and writes the compiler's figures and text, or its complaint."""
    told = json.loads(pathlib.Path(order).read_text(encoding="utf-8"))
    import jax.errors

    try:
        answer = compiled(**told["job"])
    except jax.errors.JaxRuntimeError as error:
        answer = {"error": str(error)}
    pathlib.Path(told["answer"]).write_text(json.dumps(answer), encoding="utf-8")


def compiled(program: str, topology: str, more: dict, count: int, options: dict) -> dict:
    """Returns the compiler's figures for one device, and the text of the compiled program."""
    import numpy as np
    from jax._src import compiler
    from jax._src.interpreters import mlir
    from jax._src.lib import _jax
    from jax._src.lib.mlir import ir
    from jax.experimental import topologies

    devices = topologies.get_topology_desc(
        platform="tpu", topology_name=topology, **more).devices[:count]
    began = time.monotonic()
    with mlir.make_ir_context():
        module = ir.Module.parse(pathlib.Path(program).read_bytes())
        executable = devices[0].client.compile(
            module, _jax.DeviceList(tuple(devices)), compiler.get_compile_options(
                num_replicas=1, num_partitions=count, env_options_overrides=options,
                device_assignment=np.array(devices).reshape(1, count)))
    seconds = time.monotonic() - began
    memory, cost = executable.get_compiled_memory_stats(), executable.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    return {
        "text": executable.hlo_modules()[0].to_string(), "seconds": seconds,
        "arguments": memory.argument_size_in_bytes, "outputs": memory.output_size_in_bytes,
        "aliased": memory.alias_size_in_bytes, "temporaries": memory.temp_size_in_bytes,
        "peak": memory.peak_memory_in_bytes, "code": memory.generated_code_size_in_bytes,
        "flops": cost["flops"], "bytes_accessed": cost["bytes accessed"]}


if __name__ == "__main__":
    sys.path.pop(0)   # the folder of this file: its neighbours are no libraries
    main(sys.argv[1])
