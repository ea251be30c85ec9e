// llama_embed MODEL.gguf REPEATS: time of one sentence embedding by llama.cpp on one thread, for
// the same ids and in the same lines of JSON as `swy_understand encoder` prints. Least processor
// time of the process over the repeats, after two that do not count, with its flash attention or
// without it, whichever is faster at that length.
#include <llama.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void quiet(ggml_log_level level, const char* text, void*) {
  if (level >= GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
}

llama_batch batch_of(int tokens) {
  llama_batch b = llama_batch_init(tokens, 0, 1);
  for (int i = 0; i < tokens; ++i) {
    b.token[i] = i == 0 ? 101 : i == tokens - 1 ? 102 : 999 + i;
    b.pos[i] = i;
    b.n_seq_id[i] = 1;
    b.seq_id[i][0] = 0;
    b.logits[i] = 1;
  }
  b.n_tokens = tokens;
  return b;
}

void print_vector(const std::vector<float>& x) {
  double norm = 0;
  for (const float v : x) norm += double{v} * v;
  const char* between = "";
  for (const float v : x) {
    std::printf("%s%.6f", between, v / std::sqrt(norm));
    between = ",";
  }
}

// The least time of a context for this length; prints nothing. Negative: it failed.
double measure(llama_model* model, int tokens, int repeats, llama_flash_attn_type flash,
               std::vector<float>& vector) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(tokens);
  params.n_threads = params.n_threads_batch = 1;
  params.embeddings = true;
  params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
  params.flash_attn_type = flash;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return -1;
  llama_batch batch = batch_of(tokens);
  double least = 1e9;
  for (int i = -2; i < repeats && least > 0; ++i) {
    const double start = cpu_seconds();
    const bool done = llama_encode(context, batch) == 0;
    const float* v = llama_get_embeddings_seq(context, 0);  // waits for the result
    if (i >= 0) least = std::min(least, cpu_seconds() - start);
    if (!done || v == nullptr) least = -1;
    if (v != nullptr) vector.assign(v, v + llama_model_n_embd(model));
  }
  llama_batch_free(batch);
  llama_free(context);
  return least;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  llama_log_set(quiet, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  for (const int tokens : {32, 128, 512}) {
    std::vector<float> vector;
    double least = 1e9;
    for (const auto flash : {LLAMA_FLASH_ATTN_TYPE_ENABLED, LLAMA_FLASH_ATTN_TYPE_DISABLED}) {
      least = std::min(least, measure(model, tokens, std::atoi(argv[2]), flash, vector));
    }
    if (least < 0) return 1;
    std::printf("{\"what\":\"encode\",\"tokens\":%d,\"ms\":%.4f,\"vector\":[", tokens, least * 1e3);
    print_vector(vector);
    std::printf("]}\n");
  }
  llama_model_free(model);
  return 0;
}
