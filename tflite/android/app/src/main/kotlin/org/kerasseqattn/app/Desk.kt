package org.kerasseqattn.app

import android.content.Context
import android.graphics.Bitmap
import android.net.Uri
import java.io.File
import java.util.concurrent.CancellationException
import org.kerasseqattn.Options
import org.kerasseqattn.android.PassedTests
import org.kerasseqattn.android.picture
import org.kerasseqattn.picture.Picture

private const val PREVIEW = 1080 // pixels of the longer side

/** What the worker's thread works at: it has one model open at a time. Call it from that thread alone. */
class Desk(private val context: Context) {
    private val inbox = Inbox(context)
    private val catalogue = Catalogue(context, inbox)
    private val options = Options(memory = PassedTests(context))
    private var model: OpenModel? = null
    private var description: Description? = null

    /** Every model, as found on the first call or after a change. */
    var entries: List<Entry>? = null
        get() = field ?: catalogue.entries().also {
            if (Thread.currentThread().isInterrupted) throw CancellationException() // files that were not read look damaged
            field = it
        }
        private set

    fun copyPicture(uri: Uri): File = inbox.picture(uri)

    /** Copies a model and checks it. A file that cannot be used leaves no copy. */
    fun copyModel(uri: Uri): Source {
        val file = inbox.model(uri)
        try {
            OpenModel.of(catalogue.read(Source.Copied(file)), options).close()
            close()
            return Source.Copied(inbox.keep(file)).also { entries = null }
        } finally {
            file.delete()
        }
    }

    fun remove(source: Source.Copied) {
        if (description?.source == source) close()
        catalogue.remove(source)
        entries = null
    }

    /** Opens the chosen model, or one that fits better, unless it is open already. */
    fun open(chosen: Source?, readsText: Boolean?): Description {
        val source = catalogue.fitting(entries.orEmpty(), chosen, readsText)
        description?.takeIf { it.source == source }?.let { return it }
        close()
        lateinit var about: Description
        val time = milliseconds {
            val file = catalogue.read(source)
            val opened = OpenModel.of(file, options).also { model = it }
            about = Description(
                source, file.contract, file.bytes.capacity().toLong(), file.sha256, options.runtimes.name, "${options.runtimes.version}",
                opened.selfTestMs, openingMs = 0.0,
            )
        }
        return about.copy(openingMs = time).also { description = it }
    }

    fun answer(picture: File, onWord: (Answer) -> Unit): Answer {
        val model = model as OpenModel.OfPictures
        val (width, height) = model.contract.pictureSize
        return model.answer(picture(context.contentResolver, Uri.fromFile(picture), width, height), onWord)
    }

    fun answer(text: String, onWord: (Answer) -> Unit): Answer {
        if (text.isBlank()) throw context.refusal(R.string.problem_text_rule, R.string.problem_text_fix)
        return (model as OpenModel.OfTexts).answer(text, onWord)
    }

    /** The picture as the model sees it, small enough for a screen. */
    fun preview(picture: File): Bitmap {
        val full = bitmap(picture(context.contentResolver, Uri.fromFile(picture), PREVIEW, PREVIEW))
        val scale = PREVIEW.toFloat() / maxOf(full.width, full.height)
        if (scale >= 1) return full
        fun scaled(pixels: Int) = (pixels * scale).toInt().coerceAtLeast(1)
        return Bitmap.createScaledBitmap(full, scaled(full.width), scaled(full.height), true)
    }

    fun measure(source: Source, text: String, progress: (Float) -> Unit): Latency =
        latency({ catalogue.read(source) }, text.ifBlank { context.getString(R.string.example) }, progress)

    fun close() {
        model?.close()
        model = null
        description = null
    }
}

private fun bitmap(picture: Picture): Bitmap {
    val row = IntArray(picture.width)
    val bitmap = Bitmap.createBitmap(picture.width, picture.height, Bitmap.Config.ARGB_8888)
    for (y in 0 until picture.height) {
        for (x in row.indices) {
            val at = 3 * (y * picture.width + x)
            fun channel(i: Int) = picture.rgb[at + i].toInt() and 255
            row[x] = (255 shl 24) or (channel(0) shl 16) or (channel(1) shl 8) or channel(2)
        }
        bitmap.setPixels(row, 0, row.size, 0, y, row.size, 1)
    }
    return bitmap
}
