// llama.cpp natively: what the cores can do.
//
//   native MODEL THREADS PROMPT DECODE [LAYERS]   prints a sample a line, as peer.mjs does
//
// LAYERS are put on a GPU, if the build is for one; none unless given. LLAMA_LIBS names the folder of the backends; the fastest that the processor has is taken.

#include "ggml-backend.h"
#include "llama.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <sys/resource.h>
#include <vector>

static double seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] static void fail(const char *why) {
    std::fprintf(stderr, "native: %s\n", why);
    std::exit(1);
}

static void sample(const std::string &name, const char *unit, int threads, double value) {
    std::printf("{\"name\":\"%s\",\"backend\":\"native\",\"adapter\":\"%d threads\",\"unit\":\"%s\",\"value\":%.3f}\n",
                name.c_str(), threads, unit, value);
}

static void decode(llama_context *context, std::vector<llama_token> tokens) {
    if (llama_decode(context, llama_batch_get_one(tokens.data(), tokens.size()))) fail("decoding failed");
    llama_synchronize(context);
}

int main(int argc, char **argv) {
    const char *libs = std::getenv("LLAMA_LIBS");
    if (argc < 5 || argc > 6 || !libs) fail("usage: LLAMA_LIBS=FOLDER native MODEL THREADS PROMPT DECODE [LAYERS]");
    const int threads = std::atoi(argv[2]), prompt = std::atoi(argv[3]), count = std::atoi(argv[4]);
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
    }, nullptr);
    ggml_backend_load_all_from_path(libs);
    llama_backend_init();

    const int layers = argc > 5 ? std::atoi(argv[5]) : 0;
    // Without a card it would take the CPU in silence.
    if (layers > 0 && !ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_GPU)) fail("this build finds no GPU here");

    double start = seconds();
    auto params = llama_model_default_params();
    params.n_gpu_layers = layers;
    llama_model *model = llama_model_load_from_file(argv[1], params);
    if (!model) fail("the model cannot be loaded");
    auto settings = llama_context_default_params();
    settings.n_ctx = prompt + count + 64;
    settings.n_batch = std::max(prompt, 1);
    settings.n_threads = settings.n_threads_batch = threads;
    llama_context *context = llama_init_from_model(model, settings);
    if (!context) fail("the context cannot be made");
    sample("load", "ms", threads, (seconds() - start) * 1000);

    const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    std::mt19937 random;
    std::uniform_int_distribution<int> any(300, std::max(301, vocabulary / 2));
    std::vector<llama_token> tokens(prompt);
    const auto prefill = [&] {
        for (auto &token : tokens) token = any(random);
        llama_memory_clear(llama_get_memory(context), true);
        decode(context, tokens);
    };
    prefill();  // the first pass touches the weights
    start = seconds();
    prefill();
    sample("prefill " + std::to_string(prompt), "tok/s", threads, prompt / (seconds() - start));

    start = seconds();
    for (int i = 0; i < count; i++) {
        const float *logits = llama_get_logits_ith(context, -1);
        decode(context, {static_cast<llama_token>(std::max_element(logits, logits + vocabulary) - logits)});
    }
    sample("decode " + std::to_string(count) + " after " + std::to_string(prompt), "tok/s", threads, count / (seconds() - start));

    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    sample("memory", "MiB", threads, usage.ru_maxrss / 1024.0);
}
