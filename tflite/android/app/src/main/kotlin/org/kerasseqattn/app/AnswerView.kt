package org.kerasseqattn.app

import android.view.View
import android.view.ViewGroup
import android.widget.TextView

/** The answer: classes with bars, or what was written so far. */
class AnswerView(page: View) : Screen {
    private val context = page.context
    private val card: View = page.requireViewById(R.id.answer)
    private val heading: TextView = page.requireViewById(R.id.answer_heading)
    private val classes: ViewGroup = page.requireViewById(R.id.answer_classes)
    private val text: TextView = page.requireViewById(R.id.answer_text)
    private val unknown: TextView = page.requireViewById(R.id.answer_unknown)
    private val dropped: TextView = page.requireViewById(R.id.answer_dropped)

    override fun show(state: State) {
        val answer = state.saved.answer
        val kind = state.saved.kind
        card.isShown(answer != null && kind != null)
        heading.show(kind?.let { context.getText(it.answers) })
        classes.rows(R.layout.look_class, (answer as? Answer.Classes)?.classes.orEmpty()) { bind(it) }
        val written = answer as? Answer.Text
        text.show(written?.let { if (it.whole && it.text.isEmpty()) context.getText(R.string.answer_nothing) else it.text })
        unknown.show(written?.unknown?.takeIf { it.isNotEmpty() }?.let { context.getString(R.string.unknown, it.joinToString()) })
        dropped.show(written?.dropped?.takeIf { it > 0 }?.let { context.resources.getQuantityString(R.plurals.dropped, it, it) })
    }

    private fun View.bind(each: Share) {
        val percent = context.percent(each.share)
        requireViewById<TextView>(R.id.class_label).show(each.label)
        requireViewById<TextView>(R.id.class_share).show(percent)
        requireViewById<BarView>(R.id.class_bar).share = each.share
        contentDescription = context.getString(R.string.class_share, each.label, percent)
    }
}
