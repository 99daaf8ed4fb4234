plugins { alias(libs.plugins.android.library) }

android {
    namespace = "org.kerasseqattn"
    compileSdk = 36
    defaultConfig {
        minSdk = 29
        consumerProguardFiles("consumer-rules.pro")
    }
    sourceSets { getByName("main").kotlin.srcDir("src/litert/kotlin") }
    compileOptions { sourceCompatibility = JavaVersion.VERSION_17; targetCompatibility = JavaVersion.VERSION_17 }
}

dependencies { implementation(libs.litert) }
