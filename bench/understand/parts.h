// The parts of swy_understand (main.cc) and how all of them take time.
//
// Processor time of the process: other programs on the machine do not count, and a side that
// worked in several threads would pay for all of them. Each part prints JSON objects, one a line.
#pragma once

#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "embed/encoder.h"

namespace swy::bench {

inline double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The least time of `repeats` calls, after two that do not count.
template <typename F>
double least_seconds(int repeats, F f) {
  double least = 1e9;
  for (int i = -2; i < repeats; ++i) {
    const double start = cpu_seconds();
    f();
    if (i >= 0) least = std::min(least, cpu_seconds() - start);
  }
  return least;
}

// The same for n different pieces of work, each with its own least time: their sum. The pieces come
// in turn, so that each finds the caches as the others left them.
template <typename F>
double least_seconds_each(int repeats, std::size_t n, F f) {
  std::vector<double> least(n, 1e9);
  for (int i = -2; i < repeats; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      const double start = cpu_seconds();
      f(k);
      if (i >= 0) least[k] = std::min(least[k], cpu_seconds() - start);
    }
  }
  double sum = 0;
  for (const double s : least) sum += s;
  return sum;
}

// 101, 1000, 1001, ..., 102: what every side reads, so that their vectors can be compared.
std::vector<std::uint32_t> ids_of(std::size_t tokens);

// Texts of a file, each ended by a zero byte.
std::vector<std::string> texts_of(const std::string& path);

// 0 when it worked; else an exit status, after a message.
int measure_encoder(const std::string& folder, embed::Precision precision, int repeats);
int measure_memory(const std::string& folder, embed::Precision precision);
int measure_cheap(const std::string& folder, const std::string& prompts);
int measure_cascade(const std::string& folder, const std::string& prompts);

}  // namespace swy::bench
