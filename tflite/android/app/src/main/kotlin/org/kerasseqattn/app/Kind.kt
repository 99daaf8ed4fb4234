package org.kerasseqattn.app

import org.kerasseqattn.contract.Contract

/** Kinds of models, by what they answer. */
enum class Kind(val does: Int, val answers: Int, val readsText: Boolean) {
    CLASSIFIER(R.string.kind_classifier, R.string.answer_classes, false),
    CAPTIONER(R.string.kind_captioner, R.string.answer_caption, false),
    TRANSLATOR(R.string.kind_translator, R.string.answer_translation, true),
}

/** The kind of model that a contract describes. */
val Contract.kind: Kind
    get() = when (writer?.source) {
        null -> Kind.CLASSIFIER
        "image" -> Kind.CAPTIONER
        else -> Kind.TRANSLATOR
    }
