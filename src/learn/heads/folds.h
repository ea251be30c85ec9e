// Which rows of a head's training data learn and which calibrate, in what rounds of fitting.
//
// When to use: by train_head() alone. Threading: pure. Ownership: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "learn/examples.h"
#include "learn/logistic.h"

namespace swy::learn {

// Rows are numbered by their place in the `rows` that make_rounds() was given.
struct Rounds {
  // One fit: learns from `learn`; gives the cases `judge`, places in `cases`, their scores.
  struct Round {
    std::vector<std::uint32_t> learn;
    std::vector<std::uint32_t> judge;
  };
  std::vector<std::uint32_t> cases;  // rows that calibrate; those with a group come twice
  std::vector<Round> rounds;
};

// Each row is a case of a round whose fit has seen neither it nor another row of its id: of five
// rounds, stratified by label, or when `split` of one that holds a fifth of the rows, by id. A row
// with a group is a case again where other groups have its label too: of a round that has seen no
// such row of its group. Auxiliary rows are never cases.
Rounds make_rounds(const Examples& examples, std::span<const std::uint32_t> rows,
                   const Targets& targets, bool split, std::uint64_t seed);

}  // namespace swy::learn
