package org.kerasseqattn

import java.util.concurrent.CancellationException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.Future
import kotlin.concurrent.thread
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

private const val MODEL = "models/translate_fra_eng.dynamic_wi8_afp32.tflite"

class TranslatorTest {
    private val sentences = objects("writing/translations.json")
    private val watched = WatchedRuntimes()
    private val opened = lazy { Translator.open(fixture(MODEL), Options(threads = 1, runtimes = watched)) }
    private val translator by opened

    @After
    fun close() {
        if (opened.isInitialized()) translator.close()
    }

    @Test
    fun `the loops in the file write Python's tokens`() = each { translator, text, width -> translator.write(text, width) }

    @Test
    fun `tokens one by one are Python's`() = each { translator, text, width -> translator.write(text, width) {} }

    private fun each(write: (Translator, String, Int) -> Written) {
        assertTrue("${sentences.size} sentences", sentences.size >= 200)
        WRITERS.parallelStream().forEach { precision ->
            Translator.open(fixture("models/translate_fra_eng.$precision.tflite"), Options(threads = 1)).use { translator ->
                for (width in WIDTHS) {
                    val answers = Answers(precision, width)
                    for (sentence in sentences) {
                        val written = write(translator, sentence.getString("text"), width)
                        answers.check(sentence.getString("text"), sentence, written)
                        assertEquals(sentence.texts("unknown"), written.unknown)
                        assertEquals(sentence.getInt("dropped"), written.dropped)
                    }
                    answers.end(all = sentences.size, few = if (precision == "float32") 0 else 7)
                }
            }
        }
    }

    @Test
    fun `the self-test's time is told`() = assertTrue(checkNotNull(translator.selfTestMs) > 0)

    @Test
    fun `a text without a word is answered by nothing, without a run`() {
        val before = translator.run { watched.runs.get() }
        for (text in listOf("", " ", "\t\r\n", "\u00a0\u3000\u0085")) for (width in WIDTHS) {
            assertEquals(Written("", emptyList(), 0f), translator.write(text, width))
            assertEquals("", translator.translate(text, width))
        }
        assertEquals(before, watched.runs.get())
    }

    @Test
    fun `a text of 10,000 characters is cut, and what was dropped is counted`() {
        val long = "Tom went home. ".repeat(667).take(10_000)
        val written = translator.write(long)
        assertTrue("${written.dropped}", written.dropped > 2_000)
        assertEquals(translator.translate(long.take(300)), written.text)
    }

    @Test
    fun `characters of another script are named as unknown`() {
        val written = translator.write("日本 Tom ロ")
        assertEquals(listOf("日", "本", "ロ"), written.unknown)
        assertTrue(written.tokens.isNotEmpty())
    }

    @Test
    fun `a beam of another width is refused, whatever the text`() {
        for (width in listOf(-1, 0, 2, 5)) for (text in listOf("", "Tom went home.")) {
            val error = assertThrows(EdgeException::class.java) { translator.write(text, width) }
            assertEquals(mapOf("beam" to width, "beam_width" to 4), error.received)
        }
    }

    @Test
    fun `the text so far grows word by word, and the last is the answer`() {
        for (sentence in sentences.take(17)) {
            val told = mutableListOf<String>()
            val written = translator.write(sentence.getString("text"), onWord = told::add)
            assertEquals(written.text, told.last())
            assertEquals(written.text.split(" ").size, told.size)
            for (text in told) assertTrue(text, written.text == text || written.text.startsWith("$text "))
        }
    }

    @Test
    fun `the last text of a beam search is the answer`() {
        val told = mutableListOf<String>()
        assertEquals(translator.translate("Where is the station?", 4), translator.write("Where is the station?", 4, told::add).text)
        assertEquals(translator.translate("Where is the station?", 4), told.last())
    }

    @Test
    fun `an interrupted thread ends at the next token, and the translator goes on`() {
        val expected = translator.translate("Where is the station?")
        for (width in WIDTHS) {
            var runs = 0
            assertThrows(CancellationException::class.java) {
                translator.write("Where is the station?", width) {
                    runs = watched.runs.get()
                    Thread.currentThread().interrupt()
                }
            }
            assertEquals(runs, watched.runs.get())
            assertFalse(Thread.currentThread().isInterrupted)
            assertEquals(expected, translator.write("Where is the station?") {}.text)
        }
    }

    @Test
    fun `a callback may translate, and may fail`() {
        val expected = translator.translate("Where is the station?")
        val inner = translator.translate("Tom lost his dog.", 4)
        val outer = translator.write("Where is the station?") { assertEquals(inner, translator.write("Tom lost his dog.", 4) {}.text) }
        assertEquals(expected, outer.text)
        val error = assertThrows(IllegalStateException::class.java) { translator.write("Where is the station?") { error("full") } }
        assertEquals("full", error.message)
        assertEquals(expected, translator.write("Where is the station?") {}.text)
    }

    @Test
    fun `a callback that closes the translator ends the call at the next token`() {
        val error = assertThrows(EdgeException::class.java) { translator.write("Where is the station?") { translator.close() } }
        assertEquals("The model must be open", error.rule)
        assertEquals(1, watched.closed.get())
    }

    @Test
    fun `a closed translator refuses, and closing twice does nothing`() {
        repeat(2) { translator.close() }
        for (onWord in listOf<((String) -> Unit)?>(null, {})) {
            assertThrows(EdgeException::class.java) { translator.write("Where is the station?", onWord = onWord) }
        }
        assertEquals(1, watched.closed.get())
    }

    @Test
    fun `eight threads get the right answers, by loops and by tokens`() {
        val chosen = sentences.take(8).map { it.getString("text") }
        val expected = chosen.associateWith { text -> WIDTHS.map { translator.translate(text, it) } }
        inThreads(8) { number ->
            for (round in 0 until 6) {
                val text = chosen[(number + round) % 8]
                val width = (number + round) % 2
                val written = translator.write(text, WIDTHS[width], if (round % 3 == 0) null else { _ -> })
                assertEquals(expected.getValue(text)[width], written.text)
            }
        }.forEach { it.get() }
    }

    @Test
    fun `closing while others write gives each a right answer or an exception`() {
        val expected = translator.translate("Where is the station?")
        val written = CountDownLatch(5)
        val ended = inThreads(4) { number ->
            assertThrows(EdgeException::class.java) {
                while (true) {
                    assertEquals(expected, translator.write("Where is the station?", onWord = if (number % 2 == 0) null else { _ -> }).text)
                    written.countDown()
                }
            }
        }
        written.await()
        translator.close()
        for (each in ended) assertEquals("The model must be open", each.get().rule)
        assertEquals(1, watched.closed.get())
    }

    @Test
    fun `closing waits for the run that is under way`() {
        lateinit var slow: Translator
        var closing: Thread? = null
        val runtimes = WatchedRuntimes { signature ->
            if (signature == "decode_step" && closing == null) {
                closing = thread { slow.close() }
                while (closing!!.state != Thread.State.WAITING) Thread.yield()
            }
        }
        slow = Translator.open(fixture(MODEL), Options(threads = 1, runtimes = runtimes))
        assertThrows(EdgeException::class.java) { slow.write("Where is the station?") {} }
        closing!!.join()
        assertEquals(1, runtimes.closed.get())
    }

    @Test
    fun `files of another kind are refused with what to use`() {
        val kinds = mapOf("vit_eurosat" to "ImageClassifier", "captioner_emoji" to "Captioner")
        for ((name, use) in kinds) {
            val runtimes = WatchedRuntimes()
            val error = assertThrows(EdgeException::class.java) {
                Translator.open(fixture("models/$name.dynamic_wi8_afp32.tflite"), Options(runtimes = runtimes))
            }
            assertTrue(error.message, error.message!!.contains("write about text") && error.fix.contains(use))
            assertEquals(0, runtimes.runs.get())
        }
    }

    private fun <T> inThreads(count: Int, work: (Int) -> T): List<Future<T>> {
        val threads = Executors.newFixedThreadPool(count)
        return (0 until count).map { threads.submit<T> { work(it) } }.also { threads.shutdown() }
    }
}
