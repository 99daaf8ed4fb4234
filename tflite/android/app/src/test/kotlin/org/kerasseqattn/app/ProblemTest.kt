package org.kerasseqattn.app

import android.content.ContentProvider
import android.content.ContentValues
import android.database.Cursor
import android.net.Uri
import android.view.ViewGroup
import android.widget.TextView
import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.CountDownLatch
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.EdgeException
import org.kerasseqattn.PhoneTestRunner
import org.robolectric.shadows.ShadowContentResolver

/** Whatever comes in, the app says a sentence with a remedy, and goes on. */
@RunWith(PhoneTestRunner::class)
class ProblemTest {
    private val phone = Phone()

    @After
    fun close() = phone.close()

    private fun checkTold() {
        assertTrue(phone.shown(R.id.problem))
        val words = listOf(R.id.problem_rule, R.id.problem_fix).map(phone::text)
        assertTrue("$words", words.all { it.endsWith(".") && !it.endsWith("..") })
        assertFalse("$words", words.any { "Exception" in it || "null" in it })
    }

    private fun checkAlive() {
        phone.look(river())
        assertNull(phone.state.saved.problem)
        assertEquals(5, (phone.state.saved.answer as Answer.Classes).classes.size)
    }

    private fun open(bytes: ByteArray) {
        phone.touch(R.id.model)
        phone.touch(R.id.models_open)
        phone.answer(phone.document("other.tflite", bytes))
        phone.settle()
        checkTold()
        assertEquals(3, phone.state.entries.size)
        phone.touch(R.id.back)
        checkAlive()
    }

    @Test
    fun `a damaged model`() {
        phone.start()
        open(exported(CLASSIFIER).readBytes().also { it[it.size / 2] = (it[it.size / 2] + 1).toByte() })
    }

    @Test
    fun `half a model`() {
        phone.start()
        open(exported(CLASSIFIER).readBytes().run { copyOf(size / 2) })
    }

    @Test
    fun `a file that is no model`() {
        phone.start()
        open("no model".toByteArray())
    }

    @Test
    fun `an empty file`() {
        phone.start()
        open(ByteArray(0))
    }

    @Test
    fun `a model that became damaged is listed with its problem`() {
        File(phone.app.filesDir, "models/broken.tflite").apply { parentFile!!.mkdirs() }.writeText("no model")
        phone.start()
        checkAlive()
        phone.touch(R.id.model)
        val row = phone.view<ViewGroup>(R.id.models).getChildAt(3)
        assertTrue(row.requireViewById<TextView>(R.id.row_line).text.endsWith("."))
        row.requireViewById<ViewGroup>(R.id.row).performClick()
        phone.settle()
        checkTold()
        phone.look(river())
        assertEquals(CLASSIFIER, phone.state.saved.model?.name)
    }

    @Test
    fun `what is no picture`() {
        phone.start()
        phone.look("no picture".toByteArray())
        checkTold()
        checkAlive()
    }

    @Test
    fun `a provider that dies`() {
        phone.start()
        for (failure in listOf(IOException("gone"), SecurityException("no permission"), IllegalStateException("dead"))) {
            phone.touch(R.id.picture_choose)
            phone.answer(phone.document("dying") { throw failure })
            phone.settle()
            checkTold()
        }
        phone.touch(R.id.picture_choose)
        phone.answer(phone.document("half") {
            object : InputStream() {
                private val start = ByteArrayInputStream(river(), 0, 1000)

                override fun read() = start.read().also { if (it < 0) throw IOException("died") }
            }
        })
        phone.settle()
        checkTold()
        checkAlive()
    }

    @Test
    fun `a provider that dies when it is asked for a name`() {
        phone.start()
        ShadowContentResolver.registerProviderInternal("documents", Nameless())
        phone.touch(R.id.model)
        phone.touch(R.id.models_open)
        phone.answer(phone.document("other.tflite", exported(CLASSIFIER).readBytes()))
        phone.settle()
        assertNull(phone.state.saved.problem)
        assertEquals(4, phone.state.entries.size)
    }

    private class Nameless : ContentProvider() {
        override fun onCreate() = true
        override fun query(uri: Uri, columns: Array<String>?, where: String?, values: Array<String>?, order: String?): Cursor =
            throw SecurityException("no names")
        override fun getType(uri: Uri): String? = null
        override fun insert(uri: Uri, values: ContentValues?): Uri? = null
        override fun delete(uri: Uri, where: String?, values: Array<String>?) = 0
        override fun update(uri: Uri, new: ContentValues?, where: String?, values: Array<String>?) = 0
    }

    @Test
    fun `no model takes text`() {
        phone.start()
        val pictures = phone.state.entries.filter { it.contract?.kind?.readsText == false }
        val catalogue = Catalogue(phone.app, Inbox(phone.app))
        assertEquals(bundled(CAPTIONER), catalogue.fitting(pictures, bundled(CAPTIONER), readsText = null))
        assertThrows(EdgeException::class.java) { catalogue.fitting(pictures, bundled(CAPTIONER), readsText = true) }
    }

    @Test
    fun `a phone without space`() {
        phone.start()
        phone.touch(R.id.picture_choose)
        phone.answer(phone.document("large") { throw IOException("write failed: ENOSPC (No space left on device)") })
        phone.settle()
        checkTold()
        assertTrue(phone.app.getString(R.string.problem_space_rule) in phone.text(R.id.problem_rule))
        checkAlive()
    }

    @Test
    fun `long work shows itself, and can be cancelled`() {
        phone.start()
        val started = CountDownLatch(1)
        phone.touch(R.id.picture_choose)
        phone.answer(phone.document("slow") {
            started.countDown()
            CountDownLatch(1).await() // until it is interrupted
            ByteArrayInputStream(ByteArray(0))
        })
        started.await()
        assertFalse(phone.shown(R.id.work))
        phone.linger()
        assertTrue(phone.shown(R.id.work))
        assertEquals(phone.app.getString(R.string.work_look), phone.text(R.id.work_what))
        phone.touch(R.id.work_cancel)
        assertFalse(phone.shown(R.id.work))
        phone.settle()
        assertNull(phone.state.saved.problem)
        checkAlive()
    }

    @Test
    fun `an error of another kind is a sentence too`() {
        phone.start()
        phone.store.tell(OutOfMemoryError())
        phone.settle()
        checkTold()
        phone.store.tell(IllegalStateException())
        phone.settle()
        checkTold()
        assertNotNull(phone.state.saved.problem)
    }
}
