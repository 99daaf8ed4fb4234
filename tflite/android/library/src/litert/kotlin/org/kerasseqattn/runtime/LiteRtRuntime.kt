package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite

/** LiteRT, and TensorFlow Lite before it: both have this class. */
object LiteRtRuntimes : Runtimes {
    override val name = "LiteRT"

    /** LiteRT counts its releases anew, but its library names one of TensorFlow Lite: 1.4.0 calls itself `2.20.0-dev0`. */
    override val version by lazy {
        val said = TensorFlowLite.runtimeVersion()
        checkNotNull(Version.of(said)) { "the runtime calls its release $said" }
    }

    override fun open(model: ByteBuffer, threads: Int): Runtime = LiteRtRuntime(model, threads)
}

private class LiteRtRuntime(model: ByteBuffer, threads: Int) : Runtime {
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(threads))

    override fun signatures() = interpreter.signatureKeys.toList()

    override fun inputs(signature: String) =
        interpreter.getSignatureInputs(signature).map { tensor(it, interpreter.getInputTensorFromSignature(it, signature)) }

    override fun outputs(signature: String) =
        interpreter.getSignatureOutputs(signature).map { tensor(it, interpreter.getOutputTensorFromSignature(it, signature)) }

    /** The tensor's own name is that in the graph. */
    private fun tensor(name: String, tensor: org.tensorflow.lite.Tensor) =
        Tensor(
            name,
            checkNotNull(Type.named(tensor.dataType().name)) { "the tensor $name has the type ${tensor.dataType()}" },
            tensor.shape().toList(),
        )

    override fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>) =
        interpreter.runSignature(inputs.mapValues { whole(it.value) }, outputs.mapValues { whole(it.value) }, signature)

    /** The interpreter heeds limits, fills from positions, and moves them. */
    private fun whole(buffer: ByteBuffer) = buffer.duplicate().order(ByteOrder.nativeOrder()).apply { clear() }

    override fun close() = interpreter.close()
}
