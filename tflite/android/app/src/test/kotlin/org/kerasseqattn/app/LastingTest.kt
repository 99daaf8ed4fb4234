package org.kerasseqattn.app

import android.widget.EditText
import android.widget.SeekBar
import android.view.ViewGroup
import java.io.ByteArrayInputStream
import java.util.concurrent.CountDownLatch
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.PhoneTestRunner

/** Rotation and the end of the process lose nothing. */
@RunWith(PhoneTestRunner::class)
class LastingTest {
    private lateinit var phone: Phone

    @After
    fun close() = phone.close()

    @Test
    fun `rotation keeps the answer and the open model`() {
        phone = Phone().start(CLASSIFIER)
        phone.look(river())
        phone.store.strengthen(31)
        val (before, store) = phone.state to phone.store
        phone.rotate()
        assertSame(store, phone.store)
        assertEquals(before, phone.state)
        assertEquals(5, phone.view<ViewGroup>(R.id.answer_classes).childCount)
        assertEquals(31, phone.view<SeekBar>(R.id.attention_strength).progress)
    }

    @Test
    fun `rotation keeps running work`() {
        phone = Phone().start(CLASSIFIER)
        val (started, go) = CountDownLatch(1) to CountDownLatch(1)
        phone.touch(R.id.picture_choose)
        phone.answer(phone.document("slow") {
            started.countDown()
            go.await()
            ByteArrayInputStream(river())
        })
        started.await()
        phone.linger()
        val before = phone.activity
        Thread { go.countDown() }.start()
        phone.rotate()
        assertTrue(before !== phone.activity)
        assertEquals(5, (phone.state.saved.answer as Answer.Classes).classes.size)
        assertEquals(5, phone.view<ViewGroup>(R.id.answer_classes).childCount)
    }

    @Test
    fun `the end of the process keeps picture, answer and page`() {
        phone = Phone().start(CLASSIFIER)
        phone.look(river())
        phone.store.strengthen(31)
        phone.store.show(Page.ABOUT)
        val before = phone.state
        phone.die()
        assertEquals(before.saved, phone.state.saved)
        assertNotNull(phone.state.preview)
        assertEquals(before.model?.copy(openingMs = 0.0, selfTestMs = null), phone.state.model?.copy(openingMs = 0.0))
        phone.touch(R.id.back)
        assertEquals(5, phone.view<ViewGroup>(R.id.answer_classes).childCount)
    }

    @Test
    fun `the end of the process keeps text and translation`() {
        phone = Phone().start(TRANSLATOR)
        phone.view<EditText>(R.id.text).setText("Where is the station?")
        phone.touch(R.id.translate)
        phone.settle()
        val before = phone.state.saved
        phone.die()
        assertEquals(before, phone.state.saved)
        assertEquals("Where is the station?", phone.text(R.id.text))
        assertEquals((before.answer as Answer.Text).text, phone.text(R.id.answer_text))
    }

    @Test
    fun `a question that the end of the process cut off is asked again`() {
        phone = Phone().start(TRANSLATOR)
        phone.store.type("Where is the station?")
        phone.store.translate()
        phone.die()
        assertTrue((phone.state.saved.answer as Answer.Text).whole)
    }

    @Test
    fun `an open model closes with its activity`() {
        phone = Phone().start(CLASSIFIER)
        val worker = phone.store.worker.thread
        phone.close()
        assertTrue(worker.isShutdown)
    }
}
