package org.kerasseqattn.app

import android.view.View
import android.view.ViewGroup
import android.widget.TextView

/**
 * What the open file is, and how fast this phone runs it.
 *
 * @param share hands the latency test's JSON to another app
 */
class AboutScreen(page: View, private val store: Store, share: (String) -> Unit) : Screen {
    private val context = page.context
    private val notices = Notices(page, store::cancel)
    private val closed: View = page.requireViewById(R.id.about_closed)
    private val facts: ViewGroup = page.requireViewById(R.id.about_facts)
    private val latency: View = page.requireViewById(R.id.latency)
    private val rows: ViewGroup = page.requireViewById(R.id.latency_rows)
    private val measure: View = page.requireViewById(R.id.latency_measure)
    private val send: View = page.requireViewById(R.id.latency_share)

    init {
        head(page, R.string.about) { store.show(Page.LOOK) }
        measure.setOnClickListener { store.measure() }
        send.setOnClickListener {
            val (model, times) = store.state.run { model to saved.latency }
            if (model != null && times != null) share(json(model, times))
        }
    }

    override fun show(state: State) {
        notices.show(state)
        val model = state.model
        val times = state.saved.latency
        closed.isShown(model == null)
        facts.isShown(model != null)
        latency.isShown(model != null)
        facts.rows(R.layout.about_fact, model?.let { context.facts(it) }.orEmpty()) { bind(it) }
        rows.isShown(times != null)
        rows.rows(R.layout.about_fact, times?.rows.orEmpty()) { bind(it) }
        measure.isEnabled = state.work == null
        send.isShown(times != null)
    }

    private fun View.bind(fact: Fact) = bind(context.getText(fact.name), fact.value)

    private fun View.bind(row: Latency.Row) = bind(
        context.resources.getQuantityString(R.plurals.latency_threads, row.threads, row.threads),
        context.getString(R.string.latency_row, context.duration(row.p50Ms), context.duration(row.p90Ms), context.duration(row.coldMs)),
    )

    private fun View.bind(name: CharSequence, value: CharSequence) {
        requireViewById<TextView>(R.id.fact_name).show(name)
        requireViewById<TextView>(R.id.fact_value).show(value)
    }
}
