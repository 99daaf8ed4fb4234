package org.kerasseqattn

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.picture.fit

private const val SIDE = 64
private const val BYTES = SIDE * SIDE * 3

class CaptionerTest {
    private val captions = objects("writing/captions.json")
    private val pixels = fixture("writing/pictures.rgb").readBytes()
    private val pictures = List(pixels.size / BYTES) { Picture(SIDE, SIDE, pixels.copyOfRange(it * BYTES, (it + 1) * BYTES)) }

    @Test
    fun `the loops in the file write Python's tokens`() = each { captioner, picture, width -> captioner.write(picture, width) }

    @Test
    fun `tokens one by one are Python's`() = each { captioner, picture, width -> captioner.write(picture, width) {} }

    private fun each(write: (Captioner, Picture, Int) -> Written) {
        WRITERS.parallelStream().forEach { precision ->
            Captioner.open(fixture("models/captioner_emoji.$precision.tflite"), Options(threads = 1)).use { captioner ->
                for (width in WIDTHS) {
                    val answers = Answers(precision, width)
                    for ((number, picture) in pictures.withIndex()) {
                        answers.check("picture $number", captions[number], write(captioner, picture, width))
                    }
                    answers.end(all = 100, few = if (precision == "float32") 0 else 3)
                }
            }
        }
    }

    @Test
    fun `the self-test's time is told`() = open("models/captioner_emoji.float32.tflite").use { assertTrue(checkNotNull(it.selfTestMs) > 0) }

    @Test
    fun `a picture of another size is brought to the size of the file`() {
        open("models/captioner_emoji.float32.tflite").use {
            val large = Picture(SIDE / 2, 2 * SIDE, pixels.copyOf(BYTES))
            val fitted = Picture(SIDE, SIDE, large.fit(SIDE, SIDE, 3))
            assertEquals(it.write(fitted), it.write(large))
            assertNotEquals(it.write(pictures[0]), it.write(large))
        }
    }

    @Test
    fun `a beam of another width is refused`() {
        open("models/captioner_emoji.float32.tflite").use {
            val error = assertThrows(EdgeException::class.java) { it.caption(pictures[0], beam = 3) }
            assertTrue(error.message, error.message!!.contains("--beam-width 3"))
        }
    }

    @Test
    fun `files of another kind are refused with what to use`() {
        for ((name, use) in mapOf("vit_eurosat" to "ImageClassifier", "translate_fra_eng" to "Translator")) {
            val error = assertThrows(EdgeException::class.java) { open("models/$name.float32.tflite") }
            assertTrue(error.message, error.message!!.contains("write about pictures") && error.fix.contains(use))
        }
    }

    @Test
    fun `a tokenizer of another vocabulary, or none, is refused at opening`() {
        val vocabulary = assertThrows(EdgeException::class.java) { open("writing/other_vocabulary.tflite") }
        assertEquals(1724 to 1709, vocabulary.received["tokenizer"] to vocabulary.received["vocab_size"])
        val none = assertThrows(EdgeException::class.java) { open("writing/no_tokenizer.tflite") }
        assertEquals(null to 1724, none.received["tokenizer"] to none.received["vocab_size"])
    }

    @Test
    fun `a file whose search has another width than its contract is refused at opening, and closed`() {
        val runtimes = WatchedRuntimes()
        val error = assertThrows(EdgeException::class.java) {
            Captioner.open(fixture("writing/other_width.tflite"), Options(runtimes = runtimes))
        }
        assertTrue(error.message, error.message!!.contains("[1, 4, 24]") && error.message!!.contains("[1, 3, 24]"))
        assertEquals(1, runtimes.closed.get())
    }

    private fun open(path: String) = Captioner.open(fixture(path), Options(threads = 1))
}
