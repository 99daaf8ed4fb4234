package org.kerasseqattn.android

import com.sun.management.ThreadMXBean
import java.lang.management.ManagementFactory
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.ImageClassifier
import org.kerasseqattn.Options
import org.kerasseqattn.PhoneTestRunner
import org.kerasseqattn.fixture
import org.kerasseqattn.picture.noise

@RunWith(PhoneTestRunner::class)
class PicturesClassifiedTest {
    private val model = fixture("models/vit_eurosat.dynamic_wi8_afp32.tflite")

    @Test
    fun `eight threads get what one gets`() = ImageClassifier.open(model, Options(threads = 1)).use { classifier ->
        val pictures = List(8) { noise(61 + 10 * it, 97 - 10 * it) }
        val alone = pictures.map { classifier.classify(it) }
        val pool = Executors.newFixedThreadPool(8)
        try {
            val together = pool.invokeAll(pictures.map { Callable { List(6) { _ -> classifier.classify(it) } } }).map { it.get() }
            for ((index, answers) in together.withIndex()) for (answer in answers) assertEquals(alone[index], answer)
        } finally {
            pool.shutdown()
        }
    }

    @Test
    fun `a bitmap is classified as its picture`() = ImageClassifier.open(model, Options(threads = 1)).use { classifier ->
        val bitmap = bitmap(noise(89, 71))
        assertEquals(classifier.classify(picture(bitmap)), classifier.classify(bitmap))
    }

    @Test
    fun `the first call makes the buffers, later ones none`() = ImageClassifier.open(model, Options(threads = 1)).use { classifier ->
        val bean = ManagementFactory.getThreadMXBean() as ThreadMXBean
        val size = classifier.contract.inputs.single().tensor.buffer().capacity()
        val picture = noise(701, 499)
        val bitmap = bitmap(picture)
        for (call in listOf({ classifier.classify(picture) }, { classifier.classify(bitmap) })) {
            repeat(3) { call() }
            val before = bean.getThreadAllocatedBytes(Thread.currentThread().id)
            call()
            val made = bean.getThreadAllocatedBytes(Thread.currentThread().id) - before
            assertTrue("$made bytes", made < size)
        }
    }
}
