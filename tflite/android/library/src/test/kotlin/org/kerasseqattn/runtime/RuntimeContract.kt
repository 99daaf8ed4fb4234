package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.CancellationException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.Future
import kotlin.concurrent.thread
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.Category
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ImageClassifier
import org.kerasseqattn.Kinds
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Options
import org.kerasseqattn.fixture
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.refusal

private val PRECISIONS = JSONObject(fixture("labels/tolerances.json").readText()).run { keySet().sorted().associateWith(::getDouble) }
private const val CLOSE = 1e-5f // of float32, summed in another order
private const val CLASSES = 10
private const val SIDE = 64
private const val PIXELS = 3 * SIDE * SIDE // bytes
private const val PARTS = 2

/**
 * What every runtime must do, so that the library need not know which it has.
 *
 * @property refused precisions of `vit_eurosat` that it is too old for, each with words of the refusal
 */
abstract class RuntimeContract(private val runtimes: Runtimes, private val refused: Map<String, String>) {
    private val options = Options(threads = 1, runtimes = runtimes)

    private fun open(name: String) = Session(Kinds.file(name), options)

    @Test
    fun `small files of every kind compute what Python computes`() {
        for (name in Kinds.names) open(name).use { session ->
            for ((said, expected) in Kinds.outputs(name)) {
                val signature = said.ifEmpty { session.main.name }
                val contract = session.file.contract
                val seen = if (said.isEmpty()) contract else contract.of(contract.signatures.first { it.name == said })
                val outputs = session.outputs(signature).associate { it.name to it.buffer() }
                session.run(signature, seen.inputs.associate { it.tensor.name to goldenInput(it) }, outputs)
                for (output in seen.outputs) {
                    val found = floats(output.tensor, outputs.getValue(output.tensor.name))
                    assertArrayEquals("$name $signature", expected.getValue(output.tensor.name), found, CLOSE)
                }
            }
        }
    }

    @Test
    fun `pictures get the labels that Python gives them`() {
        for (name in Kinds.classifiers) ImageClassifier.open(Kinds.file(name), options).use { classifier ->
            val found = classifier.classify(Kinds.picture)
            assertEquals(name, Kinds.categories(name).map { it.first }, found.map { it.label })
            for ((expected, each) in Kinds.categories(name).zip(found)) assertEquals(name, expected.second, each.score.toDouble(), 1e-5)
        }
    }

    @Test
    fun `files that write give their golden tokens`() {
        for (name in listOf("captioner_emoji.float32", "translate_fra_eng.float32")) {
            Session(ModelFile.of(fixture("models/$name.tflite")), options).use { assertEquals("greedy", it.main.name) }
        }
    }

    @Test
    fun `files of other precisions are refused, and say why`() {
        for ((precision, words) in refused) {
            val said = refusal { classifier(precision).close() }
            assertTrue(said, words in said)
            assertTrue(said, "precision=\"$precision\"" in said)
        }
    }

    @Test
    fun `500 pictures have the label that Python gives them, in each precision`() {
        val bytes = fixture("labels/images").readBytes()
        val images = List(bytes.size / PIXELS) { Picture(SIDE, SIDE, bytes.copyOfRange(it * PIXELS, (it + 1) * PIXELS)) }
        assertEquals(500, images.size)
        for (precision in PRECISIONS.keys - refused.keys) {
            // Each core has a part: LiteRT 2.16.1 takes 7 times as long for static int8 as for float32.
            val unequal = inThreads(PARTS) { part -> unequal(precision, images, part until images.size step PARTS) }.sum()
            println("${runtimes.name} ${runtimes.version}, $precision: $unequal of ${images.size} labels unequal")
        }
    }

    /** Number of labels that differ from Python's; their scores may do so by the precision's tolerance at most. */
    private fun unequal(precision: String, images: List<Picture>, part: IntProgression): Int = classifier(precision).use { classifier ->
        val expected = ByteBuffer.wrap(fixture("labels/$precision").readBytes()).order(ByteOrder.nativeOrder()).asFloatBuffer()
        part.count { i ->
            val found = classifier.classify(images[i], 1).single().index
            val shares = FloatArray(CLASSES) { expected.get(i * CLASSES + it) }
            val gap = shares.max() - shares[found]
            assertTrue("$precision, image $i: Python's scores differ by $gap", gap <= PRECISIONS.getValue(precision))
            gap > 0
        }
    }

    private fun classifier(precision: String) = ImageClassifier.open(fixture("models/vit_eurosat.$precision.tflite"), options)

    @Test
    fun `the attention map's shares sum to 1`() = classifier("float32").use {
        val map = checkNotNull(it.look(Kinds.picture).attention)
        assertEquals(listOf(8, 8), listOf(map.rows, map.columns))
        assertEquals(1f, map.shares.sum(), 1e-4f)
    }

    @Test
    fun `positions of buffers do not matter, and stay`() = open("logits").use { session ->
        val input = goldenInput(session.file.contract.inputs.single())
        val tensor = session.main.outputs.single()
        val output = tensor.buffer()
        val found = List(2) {
            input.position(5).limit(8)
            output.position(3).limit(4)
            session.run(session.main.name, mapOf("images" to input), mapOf(tensor.name to output))
            assertEquals(listOf(5, 8, 3, 4), listOf(input.position(), input.limit(), output.position(), output.limit()))
            floats(tensor, output)
        }
        val expected = Kinds.outputs("logits").values.single().values.single()
        found.forEach { assertArrayEquals(expected, it, CLOSE) }
    }

    @Test
    fun `buffers that would be misread are refused`() = open("two_inputs").use { session ->
        val inputs = session.file.contract.inputs.associate { it.tensor.name to goldenInput(it) }
        val outputs = session.main.outputs.associate { it.name to it.buffer() }
        val size = inputs.getValue("left").capacity()
        val bad = listOf(
            inputs + ("left" to ByteBuffer.allocateDirect(size)),
            inputs + ("left" to ByteBuffer.allocate(size).order(ByteOrder.nativeOrder())),
            inputs + ("left" to ByteBuffer.allocateDirect(size + 4).order(ByteOrder.nativeOrder())),
            inputs + ("middle" to inputs.getValue("left")),
            inputs - "left",
        )
        bad.forEach { each -> refusal { session.run(session.main.name, each, outputs) } }
        assertTrue("signatures=" in refusal { session.run("other", inputs, outputs) })
        session.run(session.main.name, inputs, outputs)
    }

    @Test
    fun `eight threads get right answers`() {
        val alone = classifier("float32").use { classifier -> List(8) { classifier.classify(picture(it)) } }
        classifier("float32").use { classifier ->
            val wrong = inThreads(8) { each -> (0 until 15).count { classifier.classify(picture(each)) != alone[each] } }
            assertEquals(List(8) { 0 }, wrong)
        }
    }

    @Test
    fun `closing while threads run lets them finish or refuses them`() {
        val classifier = classifier("float32")
        val alone = List(4) { classifier.classify(picture(it)) }
        val started = CountDownLatch(4)
        val closer = thread { started.await(); classifier.close() }
        val answers = inThreads(4) { each ->
            val found = mutableListOf<List<Category>>()
            try {
                while (true) {
                    found += classifier.classify(picture(each))
                    if (found.size == 1) started.countDown()
                }
            } catch (error: EdgeException) {
                assertEquals("The model must be open", error.rule)
            }
            found.all { it == alone[each] } && found.isNotEmpty()
        }
        closer.join()
        assertEquals(List(4) { true }, answers)
    }

    @Test
    fun `closing amid its own work takes effect at the work's end`() {
        val session = open("logits")
        session.owned {
            session.close()
            run(session.main.name, session.file.contract.inputs.associate { it.tensor.name to goldenInput(it) }, emptyMap())
        }
        assertTrue("must be open" in refusal { session.owned { } })
    }

    @Test
    fun `closing twice does nothing, and calling after closing is refused`() {
        val session = open("logits")
        session.close()
        session.close()
        assertTrue("must be open" in refusal { session.run(session.main.name, emptyMap(), emptyMap()) })
    }

    @Test
    fun `two models at once do not meddle`() {
        val alone = classifier("float32").use { it.classify(picture(3)) }
        classifier("float32").use { first ->
            classifier("float16").use { second ->
                second.classify(picture(5))
                assertEquals(alone, first.classify(picture(3)))
            }
            assertEquals(alone, first.classify(picture(3)))
        }
    }

    @Test
    fun `an interrupted thread is cancelled, and may be used again`() = classifier("float32").use { classifier ->
        Thread.currentThread().interrupt()
        assertThrows(CancellationException::class.java) { classifier.classify(picture(1)) }
        assertFalse(Thread.currentThread().isInterrupted)
        assertEquals(5, classifier.classify(picture(1)).size)
    }

    @Test
    fun `opening and closing 200 times keeps the process's memory`() {
        val file = ModelFile.of(fixture("models/vit_eurosat.float32.tflite"))
        fun grown(times: Int): Long {
            val before = residentKiB()
            repeat(times) { Session(file, options).close() }
            return residentKiB() - before
        }
        grown(20)
        val grown = grown(200)
        assertTrue("grown by $grown KiB", grown < 64 * 1024) // of weights alone that stayed there would be 200 · 2.6 MB
    }

    private fun residentKiB(): Long {
        System.gc()
        return java.io.File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }.filter(Char::isDigit).toLong()
    }

    private fun picture(seed: Int) = Picture(SIDE, SIDE, ByteArray(PIXELS) { (it * (2 * seed + 3) % 251).toByte() })

    private fun <T> inThreads(count: Int, work: (Int) -> T): List<T> {
        val pool = Executors.newFixedThreadPool(count)
        return try {
            List<Future<T>>(count) { pool.submit<T> { work(it) } }.map { it.get() }
        } finally {
            pool.shutdownNow()
        }
    }
}
