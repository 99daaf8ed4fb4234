package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ModelFile
import org.kerasseqattn.contract.Signature
import org.kerasseqattn.orClose

private const val OTHER = "take a newer runtime, or export with another precision"

/** A runtime that is given nothing it would misread, and whose every refusal is an [EdgeException]. */
internal class Guarded(private val file: ModelFile, private val runtimes: Runtimes, threads: Int) : Runtime {
    private val runtime = told("load the file") { runtimes.open(file.bytes, threads) }
    private val parts: Map<String, Signature> = runtime.orClose {
        told("tell the file's tensors") { it.signatures().associateWith { name -> Signature(name, it.inputs(name), it.outputs(name)) } }
    }

    override fun signatures() = parts.keys.toList()

    override fun inputs(signature: String) = part(signature).inputs

    override fun outputs(signature: String) = part(signature).outputs

    override fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>) {
        val part = part(signature)
        if (inputs.size < part.inputs.size) {
            throw EdgeException(
                "Each input must have a buffer",
                mapOf("file" to file.name, "signature" to signature, "buffers" to inputs.keys, "inputs" to part.inputs),
                "make one by Tensor.buffer()",
            )
        }
        inputs.forEach { (name, buffer) -> check(part.inputs, name, buffer) }
        outputs.forEach { (name, buffer) -> check(part.outputs, name, buffer) }
        told("run the file") { runtime.run(signature, inputs, outputs) }
    }

    override fun close() = told("free the file") { runtime.close() }

    fun part(signature: String): Signature = parts[signature] ?: throw EdgeException(
        "The file must have the signature",
        mapOf("file" to file.name, "signature" to signature, "signatures" to parts.keys), "name one of these",
    )

    /** Runtimes read a buffer in the wrong order of bytes without a word. */
    private fun check(tensors: List<Tensor>, name: String, buffer: ByteBuffer) {
        val tensor = tensors.find { it.name == name }
        if (tensor == null || !buffer.isDirect || buffer.order() != ByteOrder.nativeOrder() || buffer.capacity() != tensor.bytes) {
            throw EdgeException(
                "A buffer must be direct, in the machine's byte order and exactly as large as its tensor",
                mapOf(
                    "file" to file.name, "name" to name, "tensor" to tensor, "direct" to buffer.isDirect,
                    "order" to buffer.order(), "bytes" to buffer.capacity(),
                ),
                "make it by Tensor.buffer()",
            )
        }
    }

    private fun <T> told(what: String, work: () -> T): T = try {
        work()
    } catch (error: RuntimeException) {
        throw refused(what, error)
    } catch (error: LinkageError) { // no library for this processor
        throw refused(what, error)
    } catch (error: OutOfMemoryError) {
        throw refused(what, error, "close other models, or take a smaller one")
    }

    private fun refused(what: String, error: Throwable, fix: String = OTHER) = EdgeException(
        "The runtime must be able to $what",
        mapOf(
            "file" to file.name, "precision" to file.contract.precision, "runtime" to runtimes.name,
            "error" to (error.message ?: error.toString()),
        ),
        fix, error,
    )
}
