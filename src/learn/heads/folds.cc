// Folds by id, and folds by group: cross-validation that leaves a group (a data set, a service, a
// site) out tells how sure a head may be of texts of a kind that it has not learned from, which
// folds by row never ask. Half of the cases of grouped rows are such. When it loses: groups that
// differ less, or more, than those to come. Test: train_head_test.cc.
#include "learn/heads/folds.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace swy::learn {
namespace {

constexpr std::uint32_t kFolds = 5;
constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::uint64_t kFoldSalt = 0x666F6C64ULL;  // "fold": apart from the held-out split

struct Given {
  const Examples& examples;
  std::span<const std::uint32_t> rows;
  const Targets& targets;

  [[nodiscard]] const Example& row(std::uint32_t i) const { return examples.rows[rows[i]]; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(rows.size()); }
};

// Rows of one id share a fold.
std::vector<std::uint32_t> folds_by_id(const Given& g, bool split, std::uint64_t seed) {
  std::vector<std::uint32_t> fold;
  std::vector<std::uint32_t> seen(g.examples.labels.size() + 1, 0);
  std::unordered_map<std::string_view, std::uint32_t> of_id;
  for (std::uint32_t i = 0; i < g.size(); ++i) {
    const Example& example = g.row(i);
    if (const auto known = of_id.find(example.id); known != of_id.end()) {
      fold.push_back(known->second);
    } else if (split) {
      fold.push_back(
          static_cast<std::uint32_t>(split_point(example.id, seed ^ kFoldSalt) * kFolds));
    } else {
      const auto labels = g.targets.of(i);
      const std::size_t stratum = labels.empty() ? g.examples.labels.size() : labels[0];
      fold.push_back(seen[stratum]++ % kFolds);
    }
    of_id.emplace(example.id, fold.back());
  }
  return fold;
}

// Groups that share a label fall into different folds as far as there are some. kNone: no group, or
// no other group has a label of the row.
std::vector<std::uint32_t> folds_by_group(const Given& g) {
  std::vector<std::string_view> order;
  std::map<std::string_view, std::set<std::uint32_t>> labels_of;
  for (std::uint32_t i = 0; i < g.size(); ++i) {
    const std::string_view group = g.row(i).group;
    if (group.empty()) continue;
    if (!labels_of.contains(group)) order.push_back(group);
    const auto labels = g.targets.of(i);
    labels_of[group].insert(labels.begin(), labels.end());
  }
  std::map<std::string_view, std::uint32_t> fold_of;
  std::vector<std::uint32_t> groups_with(g.examples.labels.size(), 0);
  for (const std::string_view group : order) {
    std::uint32_t before = 0;
    for (const std::uint32_t label : labels_of[group]) {
      before = std::max(before, groups_with[label]++);
    }
    fold_of[group] = before % kFolds;
  }
  std::vector<std::uint32_t> fold;
  for (std::uint32_t i = 0; i < g.size(); ++i) {
    const std::string_view group = g.row(i).group;
    const auto labels = g.targets.of(i);
    const bool known =
        !group.empty() && std::any_of(labels.begin(), labels.end(),
                                      [&](std::uint32_t label) { return groups_with[label] > 1; });
    fold.push_back(known ? fold_of[group] : kNone);
  }
  return fold;
}

// Appends the rounds of `folds` folds: each judges the rows of its fold that may be cases and
// learns from all rows but those of its fold and others of their ids.
void add_rounds(const Given& g, std::span<const std::uint32_t> fold, std::uint32_t folds,
                Rounds& out) {
  std::vector<Rounds::Round> rounds(folds);
  std::vector<std::unordered_set<std::string_view>> held_out(folds);
  for (std::uint32_t i = 0; i < g.size(); ++i) {
    if (fold[i] >= folds) continue;
    held_out[fold[i]].insert(g.row(i).id);
    if (g.row(i).auxiliary) continue;
    rounds[fold[i]].judge.push_back(static_cast<std::uint32_t>(out.cases.size()));
    out.cases.push_back(i);
  }
  for (std::uint32_t f = 0; f < folds; ++f) {
    if (rounds[f].judge.empty()) continue;
    for (std::uint32_t i = 0; i < g.size(); ++i) {
      if (!held_out[f].contains(g.row(i).id)) rounds[f].learn.push_back(i);
    }
    out.rounds.push_back(std::move(rounds[f]));
  }
}

}  // namespace

Rounds make_rounds(const Examples& examples, std::span<const std::uint32_t> rows,
                   const Targets& targets, bool split, std::uint64_t seed) {
  const Given g{examples, rows, targets};
  Rounds out;
  add_rounds(g, folds_by_id(g, split, seed), split ? 1 : kFolds, out);
  add_rounds(g, folds_by_group(g), kFolds, out);
  return out;
}

}  // namespace swy::learn
