package org.kerasseqattn.app

import org.kerasseqattn.Captioner
import org.kerasseqattn.ImageClassifier
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Options
import org.kerasseqattn.Translator
import org.kerasseqattn.Written
import org.kerasseqattn.contract.Contract
import org.kerasseqattn.picture.Picture

/** A model that is open, of any kind. */
sealed interface OpenModel : AutoCloseable {
    val contract: Contract

    /** Milliseconds of the self-test at opening, or none where it passed at an earlier one. */
    val selfTestMs: Double?

    /** Answers about pictures. */
    interface OfPictures : OpenModel {
        /** @param onWord takes the answer so far, after each word */
        fun answer(picture: Picture, onWord: ((Answer) -> Unit)? = null): Answer
    }

    /** Answers about texts. */
    interface OfTexts : OpenModel {
        fun answer(text: String, onWord: ((Answer) -> Unit)? = null): Answer
    }

    companion object {
        fun of(file: ModelFile, options: Options): OpenModel = when (file.contract.kind) {
            Kind.CLASSIFIER -> Classifying(ImageClassifier.open(file, options))
            Kind.CAPTIONER -> Captioning(Captioner.open(file, options))
            Kind.TRANSLATOR -> Translating(Translator.open(file, options))
        }
    }
}

private class Classifying(private val model: ImageClassifier) : OpenModel.OfPictures, AutoCloseable by model {
    override val contract get() = model.contract
    override val selfTestMs get() = model.selfTestMs

    override fun answer(picture: Picture, onWord: ((Answer) -> Unit)?): Answer {
        val seen = model.look(picture)
        return Answer.Classes(
            seen.categories.map { Share(it.label, it.score) },
            seen.attention?.let { Attention(it.rows, it.columns, it.shares.toList()) },
        )
    }
}

private class Captioning(private val model: Captioner) : OpenModel.OfPictures, AutoCloseable by model {
    override val contract get() = model.contract
    override val selfTestMs get() = model.selfTestMs

    override fun answer(picture: Picture, onWord: ((Answer) -> Unit)?) = model.write(picture, onWord = onWord.ofText()).answer()
}

private class Translating(private val model: Translator) : OpenModel.OfTexts, AutoCloseable by model {
    override val contract get() = model.contract
    override val selfTestMs get() = model.selfTestMs

    override fun answer(text: String, onWord: ((Answer) -> Unit)?) = model.write(text, onWord = onWord.ofText()).answer()
}

private fun ((Answer) -> Unit)?.ofText(): ((String) -> Unit)? =
    this?.let { tell -> { text -> tell(Answer.Text(text, emptyList(), 0, whole = false)) } }

private fun Written.answer() = Answer.Text(text, unknown, dropped, whole = true)
