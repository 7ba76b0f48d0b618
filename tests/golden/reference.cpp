// llama.cpp's tokens and logits on request; llama.mjs speaks to it.
//
//   reference dequantize IN OUT   writes the model with every weight as f32
//   reference serve MODEL [KV]    answers each line on stdin with one line on stdout:
//     vocabulary                  the bytes of every token, in hex, separated by spaces
//     tokenize HEX                the token ids of a text; names of control tokens in it are those tokens
//     adapter SCALE PATH          from here on the model has this LoRA adapter, and no other
//     logits ID ID …              the f32 logits after the last token, little-endian, in hex
//     states ID ID …              what the last norm makes of each token, f32, little-endian, in hex
//     logprobs ID ID …            the log-probability of each token but the first, given those before it
//
// KV is how keys and values are kept: `f32` (the default), without flash attention; or `f16`, with it, as llama.cpp does
// by itself. Activations are f32 where the weights are. LLAMA_LIBS names the folder of the backends.

#include "ggml-backend.h"
#include "llama.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

static constexpr int CONTEXT = 2048;
static constexpr int STEP = 512;

[[noreturn]] static void fail(const char *why) {
    std::fprintf(stderr, "reference: %s\n", why);
    std::exit(1);
}

static std::string hex(const void *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(2 * count);
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = static_cast<const unsigned char *>(bytes)[i];
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

static std::string unhex(const std::string &text) {
    std::string out;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    }
    return out;
}

struct Reference {
    llama_model *model;
    llama_context *context;
    const llama_vocab *vocab;
    // What the KV cache holds: questions about one prompt differ in their last tokens only.
    std::vector<llama_token> held;

    Reference(const char *path, bool exact) {
        auto params = llama_model_default_params();
        params.n_gpu_layers = 0;
        model = llama_model_load_from_file(path, params);
        if (!model) fail("the model cannot be loaded");
        auto settings = llama_context_default_params();
        settings.n_ctx = CONTEXT;
        settings.n_batch = STEP;
        settings.type_k = settings.type_v = exact ? GGML_TYPE_F32 : GGML_TYPE_F16;
        // Threads wait for each other by spinning: on a machine that does other things, one is the fastest.
        settings.n_threads = settings.n_threads_batch = 1;
        settings.flash_attn_type = exact ? LLAMA_FLASH_ATTN_TYPE_DISABLED : LLAMA_FLASH_ATTN_TYPE_AUTO;
        context = llama_init_from_model(model, settings);
        if (!context) fail("the context cannot be made");
        vocab = llama_model_get_vocab(model);
    }

    std::string adapt(float scale, const std::string &path) {
        llama_adapter_lora *adapter = llama_adapter_lora_init(model, path.c_str());
        if (!adapter || llama_set_adapters_lora(context, &adapter, 1, &scale)) fail("the adapter cannot be loaded");
        llama_memory_clear(llama_get_memory(context), true);
        held.clear();
        return path;
    }

    std::string vocabulary() const {
        std::string out;
        for (llama_token token = 0; token < llama_vocab_n_tokens(vocab); token++) {
            char piece[1024];
            int length = llama_token_to_piece(vocab, token, piece, sizeof piece, 0, true);
            if (length < 0) fail("a token is longer than the buffer");
            out += (token ? " " : "") + hex(piece, length);
        }
        return out;
    }

    std::string tokenize(const std::string &text) const {
        std::vector<llama_token> tokens(text.size() + 8);
        int count = llama_tokenize(vocab, text.data(), text.size(), tokens.data(), tokens.size(), true, true);
        if (count < 0) fail("a text has more tokens than bytes");
        std::string out;
        for (int i = 0; i < count; i++) out += (i ? " " : "") + std::to_string(tokens[i]);
        return out;
    }

    std::string logits(std::vector<llama_token> tokens) {
        if (tokens.empty() || tokens.size() > CONTEXT) fail("a prompt has no tokens, or too many");
        // The last token is always computed: its logits are what is asked for.
        size_t kept = 0;
        while (kept < held.size() && kept + 1 < tokens.size() && held[kept] == tokens[kept]) kept++;
        llama_memory_seq_rm(llama_get_memory(context), 0, kept, -1);
        for (size_t at = kept; at < tokens.size(); at += STEP) {
            int count = std::min<size_t>(STEP, tokens.size() - at);
            if (llama_decode(context, llama_batch_get_one(tokens.data() + at, count))) fail("decoding failed");
        }
        held = std::move(tokens);
        return hex(llama_get_logits_ith(context, -1), sizeof(float) * llama_vocab_n_tokens(vocab));
    }

    // Computes the first `wanted` tokens with an output for each; `read` is told of the steps, by their first token.
    template <typename Read>
    void each(const std::vector<llama_token> &tokens, size_t wanted, Read read) {
        if (tokens.size() > CONTEXT) fail("a text has too many tokens");
        llama_memory_clear(llama_get_memory(context), true);
        held.clear();
        for (size_t at = 0; at < wanted; at += STEP) {
            int count = std::min<size_t>(STEP, wanted - at);
            llama_batch batch = llama_batch_init(count, 0, 1);
            for (int i = 0; i < count; i++) {
                batch.token[i] = tokens[at + i];
                batch.pos[i] = at + i;
                batch.n_seq_id[i] = 1;
                batch.seq_id[i][0] = 0;
                batch.logits[i] = true;
            }
            batch.n_tokens = count;
            if (llama_decode(context, batch)) fail("decoding failed");
            read(at, count);
            llama_batch_free(batch);
        }
    }

    std::string states(const std::vector<llama_token> &tokens) {
        std::string out;
        llama_set_embeddings(context, true);
        each(tokens, tokens.size(), [&](size_t, int count) {
            for (int i = 0; i < count; i++) {
                out += hex(llama_get_embeddings_ith(context, i), sizeof(float) * llama_model_n_embd(model));
            }
        });
        llama_set_embeddings(context, false);
        return out;
    }

    std::string logprobs(const std::vector<llama_token> &tokens) {
        const int size = llama_vocab_n_tokens(vocab);
        std::string out;
        each(tokens, tokens.empty() ? 0 : tokens.size() - 1, [&](size_t at, int count) {
            for (int i = 0; i < count; i++) {
                const float *logits = llama_get_logits_ith(context, i);
                double most = *std::max_element(logits, logits + size), sum = 0;
                for (int j = 0; j < size; j++) sum += std::exp(logits[j] - most);
                char text[32];
                std::snprintf(text, sizeof text, "%s%.6f", at + i ? " " : "", logits[tokens[at + i + 1]] - most - std::log(sum));
                out += text;
            }
        });
        return out;
    }
};

static int dequantize(const char *in, const char *out) {
    auto params = llama_model_quantize_default_params();
    params.ftype = LLAMA_FTYPE_ALL_F32;
    params.allow_requantize = true;
    return static_cast<int>(llama_model_quantize(in, out, &params));
}

static int serve(const char *path, bool exact) {
    Reference reference(path, exact);
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string what;
        words >> what;
        if (what == "vocabulary") {
            std::cout << reference.vocabulary() << std::endl;
        } else if (what == "tokenize") {
            std::string text;
            words >> text;
            std::cout << reference.tokenize(unhex(text)) << std::endl;
        } else if (what == "adapter") {
            float scale = 1;
            std::string path;
            words >> scale >> path;
            std::cout << reference.adapt(scale, path) << std::endl;
        } else if (what == "logits") {
            std::vector<llama_token> tokens;
            for (llama_token token; words >> token;) tokens.push_back(token);
            std::cout << reference.logits(std::move(tokens)) << std::endl;
        } else if (what == "states") {
            std::vector<llama_token> tokens;
            for (llama_token token; words >> token;) tokens.push_back(token);
            std::cout << reference.states(tokens) << std::endl;
        } else if (what == "logprobs") {
            std::vector<llama_token> tokens;
            for (llama_token token; words >> token;) tokens.push_back(token);
            std::cout << reference.logprobs(tokens) << std::endl;
        } else {
            fail("unknown request");
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    const std::string command = argc > 2 ? argv[1] : "";
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
    }, nullptr);
    const char *libs = std::getenv("LLAMA_LIBS");
    if (!libs) fail("LLAMA_LIBS names no folder of backends");
    ggml_backend_load_all_from_path(libs);
    llama_backend_init();
    if (command == "dequantize" && argc == 4) return dequantize(argv[2], argv[3]);
    const std::string kv = argc > 3 ? argv[3] : "f32";
    if (command == "serve" && argc <= 4 && (kv == "f32" || kv == "f16")) return serve(argv[2], kv == "f32");
    fail("usage: reference dequantize IN OUT | reference serve MODEL [f32|f16]");
}
