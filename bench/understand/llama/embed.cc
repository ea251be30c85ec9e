// llama_embed MODEL.gguf REPEATS: time of one sentence embedding by llama.cpp on one thread, for
// the same ids and in the same lines of JSON as `swy_understand encoder` prints. Least processor
// time of the process over the repeats, after two that do not count.
#include <llama.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

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

void print_vector(const float* v, int n) {
  double norm = 0;
  for (int i = 0; i < n; ++i) norm += double{v[i]} * v[i];
  for (int i = 0; i < n; ++i) std::printf("%s%.6f", i == 0 ? "" : ",", v[i] / std::sqrt(norm));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  llama_log_set(quiet, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 512;
  params.n_threads = params.n_threads_batch = 1;
  params.embeddings = true;
  params.pooling_type = LLAMA_POOLING_TYPE_MEAN;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return 1;
  for (const int tokens : {32, 128, 512}) {
    llama_batch batch = batch_of(tokens);
    double least = 1e9;
    for (int i = -2; i < std::atoi(argv[2]); ++i) {
      const double start = cpu_seconds();
      if (llama_encode(context, batch) != 0) return 1;
      if (llama_get_embeddings_seq(context, 0) == nullptr) return 1;  // waits for the result
      if (i >= 0) least = std::min(least, cpu_seconds() - start);
    }
    std::printf("{\"what\":\"encode\",\"tokens\":%d,\"ms\":%.4f,\"vector\":[", tokens, least * 1e3);
    print_vector(llama_get_embeddings_seq(context, 0), llama_model_n_embd(model));
    std::printf("]}\n");
    llama_batch_free(batch);
  }
  llama_free(context);
  llama_model_free(model);
  return 0;
}
