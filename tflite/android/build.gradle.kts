plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
}

layout.buildDirectory = file("out/gradle") // build/ holds the build that needs no Google repository
