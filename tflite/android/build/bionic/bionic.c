/*
 * What libtensorflowlite_jni.so of the .aar 2.16.1 (x86_64) asks of Android's C library, and glibc lacks or means
 * otherwise. loader.py gave the names with `android_` in front. Only tests load it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Android's standard streams are elements of an array. */
char __sF[3][152];

static FILE *stream_of(void *stream) {
    return stream == __sF[0] ? stdin : stream == __sF[1] ? stdout : stream == __sF[2] ? stderr : stream;
}

int android_vfprintf(void *stream, const char *format, va_list values) {
    return vfprintf(stream_of(stream), format, values);
}

int android_fprintf(void *stream, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int written = vfprintf(stream_of(stream), format, values);
    va_end(values);
    return written;
}

int android_fputc(int byte, void *stream) { return fputc(byte, stream_of(stream)); }

int android_fflush(void *stream) { return fflush(stream ? stream_of(stream) : NULL); }

int android_fileno(void *stream) { return fileno(stream_of(stream)); }

int android_fclose(void *stream) { return fclose(stream_of(stream)); }

size_t android_fwrite(const void *data, size_t size, size_t count, void *stream) {
    return fwrite(data, size, count, stream_of(stream));
}

/* The same questions have other numbers. */
long android_sysconf(int name) {
    switch (name) {
        case 0x27:
        case 0x28: return sysconf(_SC_PAGESIZE);
        case 0x60: return sysconf(_SC_NPROCESSORS_CONF);
        case 0x61: return sysconf(_SC_NPROCESSORS_ONLN);
    }
    fprintf(stderr, "bionic.c: sysconf(%d) has no answer yet\n", name);
    return -1;
}

/* glibc's own returns a text. */
int android_strerror_r(int number, char *text, size_t size) {
    return snprintf(text, size, "%s", strerror(number)) < 0;
}

/* Android looks in the caller's library too. So XNNPACK is found. */
void *android_dlsym(void *handle, const char *name) {
    void *found = dlsym(handle, name);
    Dl_info caller;
    if (found || handle != RTLD_DEFAULT || !dladdr(__builtin_return_address(0), &caller)) return found;
    void *library = dlopen(caller.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    return library ? dlsym(library, name) : NULL;
}

/* XNNPACK 2.16.1 asks for 16 bytes, and reads parameters by AVX-512 moves that need 64. */
void *android_memalign(size_t alignment, size_t size) { return memalign(alignment < 64 ? 64 : alignment, size); }

int *__errno(void) { return &errno; }

size_t __strlen_chk(const char *text, size_t size) {
    (void)size;
    return strlen(text);
}

/* Below API 20 the library leaves XNNPACK out. */
int __system_property_get(const char *name, char *value) {
    strcpy(value, strcmp(name, "ro.build.version.sdk") ? "" : "34");
    return (int)strlen(value);
}

void android_set_abort_message(const char *text) { fprintf(stderr, "%s\n", text); }

/* The log of a device. The library writes the same to stderr. */
int __android_log_vprint(int level, const char *tag, const char *format, va_list values) {
    (void)level, (void)tag, (void)format, (void)values;
    return 0;
}
