package org.kerasseqattn.bench

import com.sun.management.ThreadMXBean
import java.io.File
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.random.Random
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.ImageClassifier
import org.kerasseqattn.Options
import org.kerasseqattn.PhoneTestRunner
import org.kerasseqattn.android.classify
import org.kerasseqattn.android.picture
import org.kerasseqattn.contract.Input
import org.kerasseqattn.fixture
import org.kerasseqattn.named
import org.kerasseqattn.picture.Fitter
import org.kerasseqattn.picture.normalise
import org.kerasseqattn.probabilities
import org.kerasseqattn.runtime.Tensor
import org.kerasseqattn.runtime.Type

private const val RUNS = 30
private const val ROUNDS = 3
private const val CLASSES = 1000

/**
 * CPU time of a picture in our code, which is on one thread, beside that of Python, and what `classify` allocates. The decoders
 * are no code of ours: Android's, as Robolectric has it, and Pillow's.
 * `bench.sh PictureTime` runs it.
 */
@RunWith(PhoneTestRunner::class)
class PictureTime {
    private val bean = ManagementFactory.getThreadMXBean() as ThreadMXBean

    @Test
    fun print() {
        println("| picture | to | Kotlin, ms of CPU | its decoder | Python, ms of CPU | its decoder | Kotlin / Python | beyond decoders |")
        println("|---|---|---|---|---|---|---|---|")
        for (side in listOf(64, 224, 384)) {
            val path = File(System.getProperty("bench"), "megapixel.jpg")
            kotlinMs(path, side) // warms up
            val rounds = List(ROUNDS) { kotlinMs(path, side) to pythonMs(path, side) }
            val (kotlin, python) = median(rounds.map { it.first }) to median(rounds.map { it.second })
            val beyond = (kotlin.all - kotlin.decoder) / (python.all - python.decoder)
            println("| %s | %d x %d | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f |".format(
                path.name, side, side, kotlin.all, kotlin.decoder, python.all, python.decoder, kotlin.all / python.all, beyond))
        }
        printAllocations()
    }

    private class Ms(val all: Double, val decoder: Double)

    private fun median(rounds: List<Ms>) = Ms(median(rounds.map { it.all }), median(rounds.map { it.decoder }))

    private fun kotlinMs(path: File, side: Int): Ms {
        val file = path.readBytes()
        val input = Input(Tensor("image", Type.FLOAT32, listOf(1, side, side, 3)), "image", listOf(127.5f), listOf(127.5f))
        val buffer = ByteBuffer.allocateDirect(side * side * 12).order(ByteOrder.nativeOrder())
        val logits = Random(0).let { random -> FloatArray(CLASSES) { random.nextFloat() } }
        val labels = List(CLASSES) { "class $it" }
        val fitter = Fitter(side, side, 3)
        val times = List(RUNS) {
            val decoder = cpuMs { decoded(file).recycle() }
            val all = cpuMs {
                normalise(fitter.fit(picture(file)), input, buffer)
                named(probabilities(logits, "logits"), labels).take(5)
            }
            Ms(all, decoder)
        }
        return median(times)
    }

    private fun cpuMs(work: () -> Unit): Double {
        val start = bean.currentThreadCpuTime
        work()
        return (bean.currentThreadCpuTime - start) / 1e6
    }

    private fun pythonMs(path: File, side: Int): Ms {
        val command = listOf(System.getProperty("python"), System.getProperty("bench.python"), path.path, side, side, CLASSES, RUNS)
        return ProcessBuilder(command.map { it.toString() }).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            .inputStream.reader().readText().trim().split(' ').map { it.toDouble() }.let { (all, decoder) -> Ms(all, decoder) }
    }

    private fun printAllocations() {
        val bytes = File(System.getProperty("bench"), "megapixel.jpg").readBytes()
        val decoded = picture(bytes)
        val bitmap = android.graphics.BitmapFactory.decodeByteArray(bytes, 0, bytes.size)
        println("\n| call | bytes on the heap per call |\n|---|---|")
        ImageClassifier.open(fixture("models/vit_eurosat.dynamic_wi8_afp32.tflite"), Options(threads = 1)).use { classifier ->
            val size = classifier.contract.inputs.single().tensor
            println("| (the input: $size) | ${size.buffer().capacity()} |")
            val calls = mapOf(
                "classify(picture)" to { classifier.classify(decoded) },
                "classify(bitmap)" to { classifier.classify(bitmap) },
            )
            for ((name, call) in calls) {
                repeat(RUNS) { call() }
                val before = bean.getThreadAllocatedBytes(Thread.currentThread().id)
                repeat(RUNS) { call() }
                println("| $name | ${(bean.getThreadAllocatedBytes(Thread.currentThread().id) - before) / RUNS} |")
            }
        }
    }
}

private fun median(values: List<Double>) = values.sorted()[values.size / 2]
