package org.kerasseqattn.app

import android.text.Editable
import android.text.TextWatcher
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.SeekBar
import android.widget.TextView

/**
 * The question: a picture with where the model looked, or a text. The answer is [AnswerView]'s.
 *
 * @param choosePicture starts the picker
 * @param takePhoto starts the camera app
 */
class LookScreen(private val page: View, private val store: Store, choosePicture: () -> Unit, takePhoto: () -> Unit) : Screen {
    private val context = page.context
    private val notices = Notices(page, store::cancel)
    private val answer = AnswerView(page)
    private val model: Button = page.requireViewById(R.id.model)
    private val ofPicture: ViewGroup = page.requireViewById(R.id.of_picture)
    private val empty: View = page.requireViewById(R.id.picture_empty)
    private val picture: HeatView = page.requireViewById(R.id.picture)
    private val attention: View = page.requireViewById(R.id.attention)
    private val least: TextView = page.requireViewById(R.id.attention_least)
    private val most: TextView = page.requireViewById(R.id.attention_most)
    private val strength: SeekBar = page.requireViewById(R.id.attention_strength)
    private val ofText: View = page.requireViewById(R.id.of_text)
    private val text: EditText = page.requireViewById(R.id.text)
    private var shown: Attention? = null

    init {
        model.setOnClickListener { store.show(Page.MODELS) }
        page.requireViewById<View>(R.id.about).setOnClickListener { store.show(Page.ABOUT) }
        page.requireViewById<View>(R.id.picture_choose).setOnClickListener { choosePicture() }
        page.requireViewById<View>(R.id.picture_take).setOnClickListener { takePhoto() }
        page.requireViewById<View>(R.id.translate).setOnClickListener { store.translate() }
        strength.setOnSeekBarChangeListener(onMove(store::strengthen))
        text.addTextChangedListener(onType(store::type))
    }

    override fun show(state: State) {
        val saved = state.saved
        notices.show(state)
        answer.show(state)
        val name = saved.model?.name
        model.show(name?.let(::breakable) ?: context.getText(R.string.model_none))
        model.contentDescription = name?.let { context.getString(R.string.model_choose, it) }
        page.requireViewById<View>(R.id.about).isShown(name != null)
        val readsText = saved.kind?.readsText == true
        ofPicture.isShown(!readsText)
        ofText.isShown(readsText)
        if (text.text.toString() != saved.text) {
            text.setText(saved.text)
            text.setSelection(saved.text.length)
        }
        empty.isShown(state.preview == null)
        picture.isShown(state.preview != null)
        picture.picture = state.preview
        show((saved.answer as? Answer.Classes)?.attention.takeIf { state.preview != null }, saved.strength)
    }

    private fun show(map: Attention?, percent: Int) {
        attention.isShown(map != null)
        strength.progress = percent
        picture.strength = percent / 100f
        if (map == shown && picture.contentDescription != null) return
        shown = map
        picture.heat = map?.let { colours(it, heatStops(context)) }
        picture.contentDescription = map?.let(::peak) ?: context.getText(R.string.picture)
        least.show(map?.let { context.getString(R.string.attention_least, context.percent(it.least)) })
        most.show(map?.let { context.getString(R.string.attention_most, context.percent(it.most)) })
    }

    private fun peak(map: Attention): String {
        val at = map.shares.indexOf(map.most)
        return context.getString(
            R.string.picture_attention, context.percent(map.most), at / map.columns + 1, map.rows, at % map.columns + 1, map.columns)
    }
}

private fun onMove(take: (Int) -> Unit) = object : SeekBar.OnSeekBarChangeListener {
    override fun onProgressChanged(bar: SeekBar, value: Int, byHand: Boolean) {
        if (byHand) take(value)
    }

    override fun onStartTrackingTouch(bar: SeekBar) = Unit

    override fun onStopTrackingTouch(bar: SeekBar) = Unit
}

private fun onType(take: (String) -> Unit) = object : TextWatcher {
    override fun afterTextChanged(text: Editable) = take(text.toString())

    override fun beforeTextChanged(text: CharSequence, start: Int, count: Int, after: Int) = Unit

    override fun onTextChanged(text: CharSequence, start: Int, before: Int, count: Int) = Unit
}
