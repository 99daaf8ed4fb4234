package org.kerasseqattn

import java.nio.ByteBuffer
import java.util.concurrent.ConcurrentLinkedQueue
import org.kerasseqattn.contract.Contract
import org.kerasseqattn.contract.Input
import org.kerasseqattn.contract.Output
import org.kerasseqattn.contract.Signature
import org.kerasseqattn.picture.Fitter
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.picture.Rows
import org.kerasseqattn.picture.normalise
import org.kerasseqattn.runtime.Session
import org.kerasseqattn.runtime.Type
import org.kerasseqattn.runtime.floats

/** Where a model looked: shares of attention of a grid of patches, row by row. They sum to 1. */
class AttentionMap(val rows: Int, val columns: Int, val shares: FloatArray)

/** What a model says of a picture. */
class Classification(val categories: List<Category>, val attention: AttentionMap?)

/**
 * Names what is on pictures. Any number of threads may call it.
 *
 * Of a file with several signatures it takes the first that takes one picture at a time.
 *
 * ```kotlin
 * ImageClassifier.open(context.assets, "vit_eurosat.tflite").use { it.classify(bitmap, top = 5) }
 * ```
 */
class ImageClassifier private constructor(private val session: Session) : AutoCloseable {
    /** What the file says of itself. */
    val contract: Contract get() = session.file.contract

    /** Milliseconds of the self-test at opening, or none where an earlier one was remembered. */
    val selfTestMs: Double? get() = session.selfTestMs

    private val signature = signatureOfOne(session)
    private val image: Input
    private val answer: Output
    private val map: Output?
    private val inputs: Map<String, ByteBuffer>
    private val outputs: Map<String, ByteBuffer>
    private val fitters = ConcurrentLinkedQueue<Fitter>() // those that no thread uses now

    init {
        val seen = contract.of(signature)
        image = imageOf(session.file.name, seen)
        answer = answer(seen.outputs) ?: throw EdgeException(
            "The file must have an output with classes",
            mapOf("file" to session.file.name, "outputs" to contract.outputs.map { "${it.tensor.name}: ${it.content}" }),
            "open it as what it is, or export a classifier",
        )
        map = seen.outputs.find { it.content == "attention" && it.tensor.type == Type.FLOAT32 && it.tensor.shape.size == 3 }
        inputs = mapOf(image.tensor.name to image.tensor.buffer())
        outputs = listOfNotNull(answer, map).associate { it.tensor.name to it.tensor.buffer() }
    }

    /**
     * Names the likeliest classes, likeliest first.
     *
     * @param top how many
     * @throws EdgeException if `top` is below 1 or the classifier is closed
     * @throws java.util.concurrent.CancellationException if the thread was interrupted
     */
    fun classify(picture: Picture, top: Int = 5): List<Category> = look(picture, top).categories

    /** Names the likeliest classes and tells where the model looked, if the file was exported with attention. */
    fun look(picture: Picture, top: Int = 5): Classification = look(picture as Rows, top)

    internal fun look(rows: Rows, top: Int): Classification {
        if (top < 1) throw EdgeException("`top` must be at least 1", mapOf("top" to top), "pass 1, or leave it out")
        val fitter = fitters.poll() ?: image.tensor.shape.let { (_, height, width, channels) -> Fitter(width, height, channels) }
        try {
            return look(fitter.fit(rows), top)
        } finally {
            fitters.add(fitter)
        }
    }

    private fun look(pixels: ByteArray, top: Int) = session.owned {
        normalise(pixels, image, inputs.getValue(image.tensor.name))
        run(signature.name, inputs, outputs)
        val values = floats(answer.tensor, outputs.getValue(answer.tensor.name))
        Classification(
            named(probabilities(values, answer.content), answer.labels).take(top),
            map?.let { AttentionMap(it.tensor.shape[1], it.tensor.shape[2], floats(it.tensor, outputs.getValue(it.tensor.name))) },
        )
    }

    override fun close() = session.close()

    companion object : Opener<ImageClassifier>() {
        override fun open(file: ModelFile, options: Options) = Session(file, options).orClose(::ImageClassifier)
    }
}

/** The one input of a file that takes one picture. */
internal fun imageOf(file: ModelFile): Input = imageOf(file.name, file.contract)

private fun imageOf(name: String, contract: Contract) = contract.inputs.singleOrNull()?.takeIf(::isOnePicture) ?: throw EdgeException(
    "The file must take one picture of bytes or of 32-bit floats",
    mapOf("file" to name, "inputs" to contract.inputs.map { "${it.tensor.name}: ${it.content} ${it.tensor.type} ${it.tensor.shape}" }),
    "open it as what it is, or export a model of pictures for one example",
)

private fun isOnePicture(input: Input): Boolean = input.isImage && input.tensor.run {
    shape.size == 4 && shape.first() == 1 && shape.last() in listOf(1, 3) && type in listOf(Type.FLOAT32, Type.UINT8)
}

private fun signatureOfOne(session: Session): Signature {
    val contract = session.file.contract
    return contract.signatures.find { contract.of(it).inputs.all(::isOnePicture) } ?: session.main
}
