package org.kerasseqattn.app

import android.content.Context
import android.net.Uri
import android.os.Handler
import android.os.Looper
import java.io.File

private const val SLOW_MS = 300L
private const val LONGEST_TEXT = 100_000

/**
 * Holds the state and changes it; activities come and go.
 *
 * Call it from the main thread. What takes time runs on the worker's thread, one job at a time: a new one cancels the
 * one that runs.
 */
class Store(private val context: Context, saved: Saved?) {
    private val main = Handler(Looper.getMainLooper())
    private val desk = Desk(context)
    internal val worker = Worker()

    /** Told of every state, the present one first. */
    var watcher: ((State) -> Unit)? = null
        set(value) {
            field = value
            value?.invoke(state)
        }

    var state = State(saved ?: Saved())
        private set(value) {
            field = value
            watcher?.invoke(value)
        }

    init {
        val first = state.saved
        start(R.string.work_open) {
            val model = open(first.model, null)
            show(first.picture)
            if (first.asked) answer(first, model)
        }
    }

    fun show(page: Page) = save { copy(page = page, problem = null) }

    fun strengthen(strength: Int) = save { copy(strength = strength) }

    /** Keeps what is typed. What is longer than a saved state may be, is refused. */
    fun type(text: String) {
        if (text == state.saved.text) return
        save { copy(text = text.take(LONGEST_TEXT)) }
        if (text.length > LONGEST_TEXT) {
            tell(context.refusal(R.string.problem_long_rule, R.string.problem_long_fix, mapOf("characters" to text.length)))
        }
    }

    fun tell(error: Throwable) = save { copy(problem = context.problem(error)) }

    /** Takes another model, and asks it about the picture that is there. */
    fun choose(source: Source) {
        val now = state.saved
        start(R.string.work_open) { take(source, now) }
    }

    /** Copies a model from a document, and takes it. */
    fun openModel(document: Uri) {
        val now = state.saved
        start(R.string.work_copy) { take(desk.copyModel(document), now) }
    }

    fun remove(source: Source.Copied) = start(R.string.work_open) {
        desk.remove(source)
        open(null, null)
    }

    /** Takes a picture of another app, and asks about it. */
    fun look(picture: Uri) {
        save { copy(page = Page.LOOK) }
        val now = state.saved
        start(R.string.work_look) {
            val copy = desk.copyPicture(picture)
            update { copy(saved = saved.copy(picture = copy, asked = true, answer = null), preview = null) }
            now.picture?.delete()
            show(copy)
            answer(now.copy(picture = copy), open(now.model, readsText = false))
        }
    }

    fun translate() {
        save { copy(page = Page.LOOK, asked = true, answer = null) }
        val now = state.saved
        start(R.string.work_write) { answer(now, open(now.model, readsText = true)) }
    }

    fun measure() {
        val now = state.saved
        val source = now.model ?: return
        save { copy(latency = null) }
        start(R.string.work_measure) {
            val latency = desk.measure(source, now.text) { share -> update { copy(work = work?.copy(done = share)) } }
            update { copy(saved = saved.copy(latency = latency)) }
        }
    }

    fun cancel() {
        worker.cancel()
        state = state.copy(work = null, saved = state.saved.copy(asked = false))
    }

    /** @param finished whether nobody will come back for the picture */
    fun close(finished: Boolean) {
        main.removeCallbacksAndMessages(null)
        val picture = state.saved.picture
        worker.close {
            desk.close()
            if (finished) picture?.delete()
        }
    }

    private fun save(change: Saved.() -> Saved) {
        state = state.copy(saved = state.saved.change())
    }

    private fun start(what: Int, job: Job.() -> Unit) {
        val work = Work(what)
        state = state.copy(work = work, saved = state.saved.copy(problem = null))
        main.removeCallbacksAndMessages(null)
        main.postDelayed({ state = state.copy(work = state.work?.copy(slow = true)) }, SLOW_MS)
        worker.start({ tell -> Job(tell).job() }) { error ->
            state = state.copy(work = null, saved = state.saved.copy(asked = false))
            if (error != null) tell(error)
        }
    }

    /** The steps of jobs, on the worker's thread. */
    private inner class Job(private val tell: (() -> Unit) -> Unit) {
        fun update(change: State.() -> State) = tell { state = state.change() }

        fun open(chosen: Source?, readsText: Boolean?): Description {
            val entries = desk.entries.orEmpty()
            update { copy(entries = entries) }
            val model = desk.open(chosen, readsText)
            update { copy(model = model, saved = saved.copy(model = model.source, kind = model.contract.kind)) }
            return model
        }

        fun take(source: Source, now: Saved) {
            update { copy(saved = saved.copy(page = Page.LOOK, model = source, answer = null, latency = null)) }
            val model = open(source, null)
            if (!model.contract.kind.readsText) answer(now, model)
        }

        fun show(picture: File?) {
            val preview = desk.preview(picture ?: return)
            update { copy(preview = preview) }
        }

        fun answer(question: Saved, model: Description) {
            fun put(answer: Answer) = update { copy(saved = saved.copy(answer = answer)) }
            val answer = when {
                model.contract.kind.readsText -> desk.answer(question.text, ::put)
                else -> desk.answer(question.picture ?: return, ::put)
            }
            put(answer)
        }
    }
}
