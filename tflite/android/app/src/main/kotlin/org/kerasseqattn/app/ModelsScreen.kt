package org.kerasseqattn.app

import android.text.format.Formatter
import android.view.View
import android.view.ViewGroup
import android.widget.ImageButton
import android.widget.TextView

/**
 * The list of models.
 *
 * @param openDocument starts the picker of files
 */
class ModelsScreen(page: View, private val store: Store, openDocument: () -> Unit) : Screen {
    private val context = page.context
    private val notices = Notices(page, store::cancel)
    private val models: ViewGroup = page.requireViewById(R.id.models)

    init {
        head(page, R.string.models) { store.show(Page.LOOK) }
        page.requireViewById<View>(R.id.models_open).setOnClickListener { openDocument() }
    }

    override fun show(state: State) {
        notices.show(state)
        models.rows(R.layout.models_row, state.entries) { bind(it) }
    }

    private fun View.bind(entry: Entry) {
        requireViewById<TextView>(R.id.row_name).show(breakable(entry.source.name))
        requireViewById<TextView>(R.id.row_line).show(line(entry))
        requireViewById<View>(R.id.row).setOnClickListener { store.choose(entry.source) }
        val remove = requireViewById<ImageButton>(R.id.row_remove)
        val copied = entry.source as? Source.Copied
        remove.isShown(copied != null)
        remove.contentDescription = context.getString(R.string.model_remove, entry.source.name)
        remove.setOnClickListener { copied?.let(store::remove) }
    }

    private fun line(entry: Entry): String? {
        val contract = entry.contract ?: return entry.problem?.rule
        val size = Formatter.formatShortFileSize(context, entry.bytes)
        return context.getString(R.string.model_line, context.getString(contract.kind.does), contract.precision, size)
    }
}
