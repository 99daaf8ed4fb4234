package org.kerasseqattn.app

import android.graphics.Bitmap
import java.io.File
import java.io.Serializable
import org.kerasseqattn.contract.Contract

/** The pages of the app. */
enum class Page { LOOK, MODELS, ABOUT }

/** What the screen shows. */
data class State(
    val saved: Saved = Saved(),
    val entries: List<Entry> = emptyList(),
    val model: Description? = null,
    val preview: Bitmap? = null,
    val work: Work? = null,
)

/**
 * The part of the state that outlives the process.
 *
 * @property model the chosen model; none until the first is found
 * @property kind its kind, once it was open
 * @property picture a copy of the chosen picture in a folder of this app
 * @property asked whether the answer is still to come
 * @property strength of the colours of attention, in per cent
 */
data class Saved(
    val page: Page = Page.LOOK,
    val model: Source? = null,
    val kind: Kind? = null,
    val picture: File? = null,
    val text: String = "",
    val asked: Boolean = false,
    val answer: Answer? = null,
    val latency: Latency? = null,
    val strength: Int = 60,
    val problem: Problem? = null,
) : Serializable

/** Where a model lies. */
sealed interface Source : Serializable {
    val name: String

    /** Among the assets of the app. */
    data class Bundled(val asset: String) : Source {
        override val name get() = asset.substringAfterLast('/').removeSuffix(SUFFIX)
    }

    /** In a folder of this app, copied from a document. */
    data class Copied(val file: File) : Source {
        override val name get() = file.name.removeSuffix(SUFFIX)
    }
}

const val SUFFIX = ".tflite"

/** A model of the list: what it says of itself, or why it cannot be used. */
data class Entry(val source: Source, val bytes: Long, val contract: Contract?, val problem: Problem?)

/**
 * A model that is open.
 *
 * @property selfTestMs milliseconds of the self-test, or none where it passed at an earlier opening
 * @property openingMs milliseconds of checking, loading and self-test
 */
data class Description(
    val source: Source,
    val contract: Contract,
    val bytes: Long,
    val sha256: String,
    val runtime: String,
    val release: String,
    val selfTestMs: Double?,
    val openingMs: Double,
)

/** What a model said. */
sealed interface Answer : Serializable {
    data class Classes(val classes: List<Share>, val attention: Attention?) : Answer

    /** @property whole whether the last word is written */
    data class Text(val text: String, val unknown: List<String>, val dropped: Int, val whole: Boolean) : Answer
}

/** A class and its probability. */
data class Share(val label: String, val share: Float) : Serializable

/** Shares of attention of a grid of patches, row by row. */
data class Attention(val rows: Int, val columns: Int, val shares: List<Float>) : Serializable {
    val least: Float get() = shares.min()
    val most: Float get() = shares.max()
}

/** Times of one answer, in milliseconds. */
data class Latency(val rows: List<Row>) : Serializable {
    data class Row(val threads: Int, val runs: Int, val coldMs: Double, val p50Ms: Double, val p90Ms: Double) : Serializable
}

/**
 * What the worker does.
 *
 * @property what a sentence, as a string resource
 * @property done share in [0, 1], where it is known
 * @property slow whether it takes so long that the screen must say so
 */
data class Work(val what: Int, val done: Float? = null, val slow: Boolean = false)

/** An error in words: what is wrong, what to do, and what came in. */
data class Problem(val rule: String, val fix: String, val details: String) : Serializable
