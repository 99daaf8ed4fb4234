plugins { alias(libs.plugins.android.application) }

// build/*.sh read these values too.
android {
    namespace = "org.kerasseqattn.app"
    compileSdk = 36
    defaultConfig {
        applicationId = "org.kerasseqattn.app"
        minSdk = 29
        targetSdk = 36
        versionCode = 1
        versionName = "0.1"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    sourceSets { getByName("main").assets.srcDir("../out/assets") } // models, which build/compile.sh lays there
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }
    compileOptions { sourceCompatibility = JavaVersion.VERSION_17; targetCompatibility = JavaVersion.VERSION_17 }
    androidResources { noCompress += "tflite" } // so that models can be mapped
    packaging { jniLibs { useLegacyPackaging = true } } // deflated: a third of the size to download
}

dependencies { implementation(project(":library")) }
