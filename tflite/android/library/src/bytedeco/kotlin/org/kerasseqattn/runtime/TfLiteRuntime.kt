package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import org.bytedeco.javacpp.BytePointer
import org.bytedeco.javacpp.Pointer
import org.bytedeco.tensorflowlite.BuiltinOpResolver
import org.bytedeco.tensorflowlite.FlatBufferModel
import org.bytedeco.tensorflowlite.Interpreter
import org.bytedeco.tensorflowlite.InterpreterBuilder
import org.bytedeco.tensorflowlite.SignatureRunner
import org.bytedeco.tensorflowlite.StringIntMap
import org.bytedeco.tensorflowlite.TfLiteTensor
import org.bytedeco.tensorflowlite.global.tensorflowlite as c

// JavaCPP throws OutOfMemoryError, after a second of collecting garbage, while the whole process has more than four times the
// largest heap in memory. Large models and pictures have, on a phone that is well.
private const val MOST_MEMORY = "org.bytedeco.javacpp.maxPhysicalBytes"

/** TensorFlow Lite by bytedeco, which Maven Central holds for phones and for Linux. */
object TfLiteRuntimes : Runtimes {
    init {
        if (System.getProperty(MOST_MEMORY) == null) System.setProperty(MOST_MEMORY, "0") // no limit
    }

    override val name = "TensorFlow Lite (bytedeco)"
    override val version by lazy {
        val said = c.TfLiteVersion().string
        checkNotNull(Version.of(said)) { "the runtime calls its release $said" }
    }

    override fun open(model: ByteBuffer, threads: Int): Runtime = TfLiteRuntime(model, threads)
}

// Numbers of TfLiteType.
private val TYPES = mapOf(
    1 to Type.FLOAT32, 2 to Type.INT32, 3 to Type.UINT8, 4 to Type.INT64, 6 to Type.BOOL, 7 to Type.INT16, 9 to Type.INT8,
)

/** The C++ API, since the C API does not find constants that lie behind the flatbuffer. XNNPACK is on. */
private class TfLiteRuntime(bytes: ByteBuffer, threads: Int) : Runtime {
    private class Part(val runner: SignatureRunner, val inputs: List<Tensor>, val outputs: List<Tensor>)

    private val memory = BytePointer(bytes) // keeps the buffer, which the model reads from
    private val model = FlatBufferModel.BuildFromBuffer(memory, bytes.capacity().toLong())
    private val resolver = BuiltinOpResolver()
    private val interpreter = Interpreter(null as Pointer?)
    private val parts: Map<String, Part>

    init {
        try {
            check(model != null && !model.isNull) { "the file is no model" }
            InterpreterBuilder(model, resolver).use {
                done("SetNumThreads", it.SetNumThreads(threads))
                done("InterpreterBuilder", it.apply(interpreter))
            }
            val keys = interpreter.signature_keys()
            parts = (0 until keys.size()).associate { keys[it].string.let { name -> name to part(name) } }
        } catch (error: Throwable) {
            close()
            throw error
        }
    }

    private fun part(name: String): Part {
        val runner = interpreter.GetSignatureRunner(name)
        done("AllocateTensors", runner.AllocateTensors())
        return Part(
            runner,
            tensors(interpreter.signature_inputs(name), runner::input_tensor),
            tensors(interpreter.signature_outputs(name), runner::output_tensor),
        )
    }

    private fun tensors(names: StringIntMap, tensor: (String) -> TfLiteTensor): List<Tensor> {
        val at = names.begin()
        return List(names.size().toInt()) {
            val name = at.first()
            at.increment()
            tensor(name).run {
                val type = checkNotNull(TYPES[type()]) { "the tensor $name has the type ${type()}" }
                Tensor(name, type, List(dims().size()) { dims().data(it) })
            }
        }
    }

    override fun signatures() = parts.keys.toList()

    override fun inputs(signature: String) = parts.getValue(signature).inputs

    override fun outputs(signature: String) = parts.getValue(signature).outputs

    override fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>) {
        val runner = parts.getValue(signature).runner
        for ((name, buffer) in inputs) done(
            "CopyFromBuffer", c.TfLiteTensorCopyFromBuffer(runner.input_tensor(name), pointer(buffer), buffer.capacity().toLong()),
        )
        done("Invoke", runner.Invoke())
        for ((name, buffer) in outputs) done(
            "CopyToBuffer", c.TfLiteTensorCopyToBuffer(runner.output_tensor(name), pointer(buffer), buffer.capacity().toLong()),
        )
    }

    /** The buffer's start: a pointer would begin at its position. */
    private fun pointer(buffer: ByteBuffer) = Pointer(buffer.duplicate().apply { clear() })

    override fun close() {
        interpreter.close()
        resolver.close()
        model?.close()
        memory.close()
    }

    private fun done(what: String, status: Int) = check(status == 0) { "$what ended with status $status" }
}
