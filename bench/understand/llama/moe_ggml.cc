// ggml's routing of a mixture of experts as llama.cpp builds it (softmax, top-k, gather, divide by the sum) on one thread:
// a line of JSON for every shape. Timed is ggml_graph_compute with a plan made once.
//   moe_ggml REPEATS
#include <ggml-cpu.h>
#include <ggml.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace {

struct Case {
  int experts, k;
};

double least_ns(const Case& c, int tokens, int repeats, bool full_sort) {
  const std::size_t room = std::size_t{64} * 1024 * 1024 + std::size_t{tokens} * c.experts * 64;
  ggml_context* g = ggml_init({room, nullptr, false});
  ggml_tensor* logits = ggml_new_tensor_2d(g, GGML_TYPE_F32, c.experts, tokens);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int i = 0; i < c.experts * tokens; ++i) static_cast<float*>(logits->data)[i] = normal(random);
  ggml_tensor* p = ggml_soft_max(g, logits);
  ggml_tensor* chosen = full_sort ? ggml_argsort_top_k(g, p, c.k) : ggml_top_k(g, p, c.k);
  ggml_tensor* w = ggml_get_rows(g, ggml_reshape_3d(g, p, 1, c.experts, tokens), chosen);
  w = ggml_reshape_2d(g, w, c.k, tokens);
  w = ggml_div(g, w, ggml_sum_rows(g, w));
  ggml_cgraph* graph = ggml_new_graph(g);
  ggml_build_forward_expand(graph, w);
  ggml_cplan plan = ggml_graph_plan(graph, 1, nullptr);
  std::vector<std::uint8_t> work(plan.work_size + 1);
  plan.work_data = work.data();
  double least = HUGE_VAL;
  for (int r = 0; r < repeats + 3; ++r) {
    const auto start = std::chrono::steady_clock::now();
    ggml_graph_compute(graph, &plan);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    if (r >= 3) least = std::min(least, took.count());
  }
  ggml_free(g);
  return least / tokens;
}

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::atoi(argv[1]) : 30;
  for (const Case& c : {Case{8, 2}, Case{64, 8}, Case{128, 8}, Case{384, 8}, Case{896, 16}}) {
    for (const int tokens : {1, 16, 512, 16384}) {
      const double ns = std::min(least_ns(c, tokens, repeats, false), least_ns(c, tokens, repeats, true));
      std::printf("{\"side\":\"ggml\",\"experts\":%d,\"k\":%d,\"tokens\":%d,\"ns\":%.2f}\n", c.experts, c.k, tokens, ns);
    }
  }
}
