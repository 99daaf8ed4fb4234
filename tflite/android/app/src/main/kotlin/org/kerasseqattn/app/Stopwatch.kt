package org.kerasseqattn.app

import kotlin.math.ceil
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Options
import org.kerasseqattn.contract.Contract
import org.kerasseqattn.picture.Picture

private const val WARM_UPS = 3
private const val RUNS = 30
private const val MOST_THREADS = 4
private const val GREY = 128.toByte()

/** Milliseconds that `work` takes. */
inline fun milliseconds(work: () -> Unit): Double {
    val start = System.nanoTime()
    work()
    return (System.nanoTime() - start) / 1e6
}

/**
 * Measures how long one answer takes, with 1 to 4 threads: of a grey picture of the model's size, or of a text.
 *
 * Each number of threads opens the file anew. An interrupted thread ends the measurement.
 *
 * @param read reads the file, which is a part of the cold start
 * @param progress takes the share that is done, in [0, 1]
 */
fun latency(read: () -> ModelFile, text: String, progress: (Float) -> Unit): Latency {
    val steps = MOST_THREADS * (1 + WARM_UPS + RUNS)
    var done = 0
    fun step() = progress(++done / steps.toFloat())
    return Latency((1..MOST_THREADS).map { threads ->
        var opened: OpenModel? = null
        try {
            val cold = milliseconds { opened = OpenModel.of(read(), Options(threads)).also { it.once(text) } }
            val model = checkNotNull(opened)
            step()
            repeat(WARM_UPS) { model.once(text).also { step() } }
            val times = List(RUNS) { milliseconds { model.once(text) }.also { step() } }.sorted()
            Latency.Row(threads, RUNS, cold, percentile(times, 50), percentile(times, 90))
        } finally {
            opened?.close()
        }
    })
}

private fun OpenModel.once(text: String) {
    when (this) {
        is OpenModel.OfPictures -> answer(grey(contract))
        is OpenModel.OfTexts -> answer(text)
    }
}

private fun grey(contract: Contract): Picture {
    val (width, height) = contract.pictureSize
    return Picture(width, height, ByteArray(3 * width * height) { GREY })
}

/** Width and height of the picture that a model reads. */
val Contract.pictureSize: Pair<Int, Int> get() = inputs.first().tensor.shape.let { (_, height, width) -> width to height }

/** The smallest of the sorted values that at least `percent` of them do not exceed (nearest rank). */
internal fun percentile(sorted: List<Double>, percent: Int): Double = sorted[ceil(sorted.size * percent / 100.0).toInt() - 1]
