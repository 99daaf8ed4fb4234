package org.kerasseqattn.app

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.MediaStore
import android.widget.FrameLayout
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher

/** Shows the pages, and talks to other apps. */
class MainActivity : Activity() {
    private enum class Request { PICTURE, PHOTO, MODEL }

    internal lateinit var store: Store
    private lateinit var root: FrameLayout
    private var page: Page? = null
    private var screen: Screen? = null
    private var back: OnBackInvokedCallback? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        root = FrameLayout(this)
        setContentView(root)
        keepClear(window, root)
        @Suppress("DEPRECATION") // AndroidX alone has another
        val kept = lastNonConfigurationInstance as Store?
        store = kept ?: Store(applicationContext, state?.saved())
        if (kept == null && state == null) take(intent)
        store.watcher = ::show
    }

    override fun onNewIntent(intent: Intent) = take(intent)

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.put(store.state.saved)
    }

    @Deprecated("AndroidX alone has another")
    override fun onRetainNonConfigurationInstance() = store

    override fun onDestroy() {
        store.watcher = null
        if (!isChangingConfigurations) store.close(isFinishing)
        super.onDestroy()
    }

    @Deprecated("AndroidX alone has another")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        if (result != RESULT_OK) return
        when (Request.entries.getOrNull(request)) {
            Request.PICTURE -> data?.data?.let(store::look)
            Request.PHOTO -> store.look(PhotoProvider.uri(this))
            Request.MODEL -> data?.data?.let(store::openModel)
            null -> Unit
        }
    }

    /** Before Android 13; later ones call what [leadBack] registers. */
    @Deprecated("Before Android 13")
    @Suppress("DEPRECATION", "GestureBackNavigation")
    override fun onBackPressed() {
        if (page == Page.LOOK) super.onBackPressed() else store.show(Page.LOOK)
    }

    private fun show(state: State) {
        if (state.saved.page != page) turn(state.saved.page)
        screen?.show(state)
    }

    private fun turn(to: Page) {
        page = to
        root.removeAllViews()
        val view = layoutInflater.inflate(
            when (to) {
                Page.LOOK -> R.layout.look
                Page.MODELS -> R.layout.models
                Page.ABOUT -> R.layout.about
            },
            root, false,
        )
        screen = when (to) {
            Page.LOOK -> LookScreen(view, store, ::choosePicture, ::takePhoto)
            Page.MODELS -> ModelsScreen(view, store, ::chooseModel)
            Page.ABOUT -> AboutScreen(view, store, ::share)
        }
        root.addView(view)
        leadBack(to != Page.LOOK)
    }

    private fun leadBack(on: Boolean) {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU) return
        back?.let(onBackInvokedDispatcher::unregisterOnBackInvokedCallback)
        back = if (on) OnBackInvokedCallback { store.show(Page.LOOK) } else null
        back?.let { onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, it) }
    }

    /** What another app shares. */
    private fun take(intent: Intent) {
        if (intent.action != Intent.ACTION_SEND) return
        @Suppress("DEPRECATION") // the typed one is of Android 13
        val picture = intent.getParcelableExtra<Uri>(Intent.EXTRA_STREAM)
        val text = intent.getStringExtra(Intent.EXTRA_TEXT)
        when {
            picture != null -> store.look(picture)
            text != null -> {
                store.type(text)
                store.translate()
            }
        }
    }

    private fun choosePicture() {
        val newest = Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU
        ask(Request.PICTURE, if (newest) Intent(MediaStore.ACTION_PICK_IMAGES).setType("image/*") else document("image/*"))
    }

    private fun takePhoto() {
        val photo = Intent(MediaStore.ACTION_IMAGE_CAPTURE).putExtra(MediaStore.EXTRA_OUTPUT, PhotoProvider.uri(this))
        ask(Request.PHOTO, photo.addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION))
    }

    private fun chooseModel() = ask(Request.MODEL, document("*/*"))

    private fun document(type: String) = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(type)

    private fun share(json: String) {
        startActivity(Intent.createChooser(Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, json), null))
    }

    private fun ask(request: Request, intent: Intent) = try {
        @Suppress("DEPRECATION") // AndroidX alone has another
        startActivityForResult(intent, request.ordinal)
    } catch (error: ActivityNotFoundException) {
        store.tell(refusal(R.string.problem_app_rule, R.string.problem_app_fix, cause = error))
    }
}
