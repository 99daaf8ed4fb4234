package org.kerasseqattn.app

import android.view.View
import android.widget.Button
import android.widget.ImageButton
import android.widget.ProgressBar
import android.widget.TextView
import kotlin.math.roundToInt

/** A page that shows states. */
interface Screen {
    fun show(state: State)
}

/** What every page has: the work that takes long, with its end, and the problem. */
class Notices(page: View, cancel: () -> Unit) : Screen {
    private val work: View = page.requireViewById(R.id.work)
    private val what: TextView = page.requireViewById(R.id.work_what)
    private val progress: ProgressBar = page.requireViewById(R.id.work_progress)
    private val problem: View = page.requireViewById(R.id.problem)
    private val rule: TextView = page.requireViewById(R.id.problem_rule)
    private val fix: TextView = page.requireViewById(R.id.problem_fix)
    private val details: TextView = page.requireViewById(R.id.problem_details)

    init {
        page.requireViewById<Button>(R.id.work_cancel).setOnClickListener { cancel() }
    }

    override fun show(state: State) {
        val slow = state.work?.takeIf { it.slow }
        work.isShown(slow != null)
        if (slow != null) {
            what.show(work.context.getText(slow.what))
            progress.isIndeterminate = slow.done == null
            progress.progress = ((slow.done ?: 0f) * progress.max).roundToInt()
        }
        val told = state.saved.problem
        problem.isShown(told != null)
        rule.show(told?.rule)
        fix.show(told?.fix)
        details.show(told?.details)
    }
}

/** The head of a page that leads back. */
fun head(page: View, title: Int, back: () -> Unit) {
    page.requireViewById<TextView>(R.id.title).setText(title)
    page.requireViewById<ImageButton>(R.id.back).setOnClickListener { back() }
}
