// Figures of a classifier on rows it has not seen.
//
// When to use: training reports and `switchyard eval signals`. Threading: pure functions.
// Ownership: nothing is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace swy::learn {

double accuracy(std::span<const std::uint32_t> truth, std::span<const std::uint32_t> said);
// Mean over the labels that occur in `truth` of 2TP / (2TP + FP + FN).
double macro_f1(std::span<const std::uint32_t> truth, std::span<const std::uint32_t> said,
                std::size_t labels);
// Expected calibration error: sum over bins of equal width of share * |mean confidence - share
// right|. Guo et al. 2017 (arXiv 1706.04599) with 15 bins.
double ece(std::span<const float> confidence, std::span<const std::uint8_t> right,
           std::size_t bins = 15);
// What ece() would be for probabilities that are exactly right, on so few rows: the value that 95
// of 100 draws stay under. An error below it says nothing against the calibration.
double ece_by_chance(std::span<const float> confidence, std::size_t bins = 15);
// Probability that a positive row scores higher than a negative one, ties counted half; 0.5 when
// there is only one kind.
double auroc(std::span<const float> score, std::span<const std::uint8_t> positive);

}  // namespace swy::learn
