// Which terms (hashed words, windows of a text's form) the rows of every group have, and how much
// better the best of the groups explains a text's terms than all rows together do.
//
// Formula: score = max over groups g of sum over the text's terms t of ln(P_g(t) / P(t)), over the
// root of how many terms there are; P(t) = (rows that have it + 0.3) / rows, P_g(t) = (rows of g
// that have it + 20 P(t)) / (rows of g + 20). It is 0 for a text of nothing. A text of a kind that
// no group is of is explained by none of them better than by the mixture. Cost: groups that have
// the term, by term. When it loses: groups that use the same terms. Source: naive Bayes with
// Dirichlet smoothing (Zhai and Lafferty 2004); the ratio to the background as in Ren et al. 2019
// (arXiv 1906.02845). When to use: inside this folder. Threading: filled by one thread, then
// finish()ed and immutable. Ownership: owns its table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/estimator/gaussian_groups.h"
#include "route/estimator/weight_file.h"

namespace swy::route {

class GroupTerms {
 public:
  // REQUIRES: terms > 0. A term is a number below `terms`.
  GroupTerms(std::size_t terms, std::size_t groups);
  // One row of `group`; a term that repeats counts once.
  void add(std::span<const std::uint32_t> row, std::size_t group);
  void finish();  // nothing is added afterwards
  // REQUIRES: finished. A term that repeats counts as often.
  [[nodiscard]] double score(std::span<const std::uint32_t> text, Left left = {}) const;
  void write(const std::string& name, WeightFile& out) const;
  static Result<GroupTerms> read(const std::string& name, const WeightFile& in, std::size_t terms,
                                 std::size_t groups);

 private:
  void make_dense();
  void add_gains(std::span<const std::uint32_t> text, std::span<float> sum) const;
  struct Entry {
    std::uint32_t term, group, rows;
    float gain;  // of the score, over a group that has it in no row
  };

  std::vector<std::uint32_t> size_;   // rows by group
  std::vector<std::uint32_t> start_;  // by term, into entries_
  std::vector<Entry> entries_;        // by term, then group
  // Of terms that many groups have: the gains of all groups, one after the other.
  static constexpr std::uint32_t kSparse = 0xFFFFFFFF;
  std::vector<std::uint32_t> dense_at_;  // by term, into dense_
  std::vector<float> dense_;
  double rows_ = 0;
};

// The terms of a text's form: windows of five of what is left when runs of small letters, of
// capital letters and of digits are one letter each and whatever is not ASCII is one sign; of its
// first 2,000 bytes. Numbers below kFormTerms.
inline constexpr std::size_t kFormTerms = std::size_t{1} << 16U;
void form_terms(std::string_view text, std::vector<std::uint32_t>& out);

}  // namespace swy::route
