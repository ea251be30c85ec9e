// Estimators made of others: what they need together, and the same with one of them replaced.
//
// When to use: inside this module, for estimators that combine (blend, fallback, calibrated, a
// rule's list). Threading: immutable. Ownership: Parts shares its estimators; a BeliefBuffer
// belongs to the call that made it.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route {

class Parts {
 public:
  static constexpr std::size_t kMost = 16;
  explicit Parts(std::vector<std::shared_ptr<const Estimator>> parts) : parts_(std::move(parts)) {
    for (const auto& e : parts_) {
      for (const FactId id : e->needs()) {
        if (std::find(needs_.begin(), needs_.end(), id) == needs_.end()) needs_.push_back(id);
      }
      reads_live_ = reads_live_ || e->reads_live();
      version_ = version_ * 31 + e->version();
    }
  }
  // By configured or type name. nullopt: an error was reported, or there is none.
  static std::optional<Parts> named(std::span<const std::string> names, std::string_view owner,
                                    base::Mark mark, BuildContext& ctx) {
    std::vector<std::shared_ptr<const Estimator>> parts;
    if (names.size() > kMost) {
      ctx.diag().error(
          mark, std::string(owner) + ": of at most " + std::to_string(kMost) + " estimators");
      return std::nullopt;
    }
    for (const std::string& name : names) {
      auto part = ctx.estimator(base::Doc::scalar(name, mark));
      if (part == nullptr) return std::nullopt;
      parts.push_back(std::move(part));
    }
    if (!parts.empty()) return Parts(std::move(parts));
    ctx.diag().error(mark, std::string(owner) + ": say of which estimators");
    return std::nullopt;
  }

  // The same of one; without a name an error.
  static std::optional<Parts> one(const std::string& name, std::string_view owner, base::Mark mark,
                                  BuildContext& ctx) {
    return named(std::span(&name, name.empty() ? 0 : 1), owner, mark, ctx);
  }

  [[nodiscard]] std::span<const std::shared_ptr<const Estimator>> all() const { return parts_; }
  [[nodiscard]] std::span<const FactId> needs() const { return needs_; }
  [[nodiscard]] bool reads_live() const { return reads_live_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }
  // nullopt: `old` is nowhere in it.
  [[nodiscard]] std::optional<Parts> replaced(const Estimator* old,
                                              const std::shared_ptr<const Estimator>& fresh) const {
    auto parts = parts_;
    bool found = false;
    for (auto& e : parts) {
      auto inside = e.get() == old ? fresh : e->replace(old, fresh);
      if (inside == nullptr) continue;
      e = std::move(inside);
      found = true;
    }
    return found ? std::optional(Parts(std::move(parts))) : std::nullopt;
  }

 private:
  std::vector<std::shared_ptr<const Estimator>> parts_;
  std::vector<FactId> needs_;
  bool reads_live_ = false;
  std::uint64_t version_ = 0;
};

// The common part of an estimator `Self` that can be copied and takes over other Parts.
template <typename Self>
class Combined : public Estimator {
 public:
  [[nodiscard]] std::span<const FactId> needs() const override { return parts_.needs(); }
  [[nodiscard]] bool reads_live() const override { return parts_.reads_live(); }
  [[nodiscard]] std::uint64_t version() const override { return parts_.version(); }
  [[nodiscard]] std::shared_ptr<const Estimator> replace(
      const Estimator* old, const std::shared_ptr<const Estimator>& fresh) const override {
    auto parts = parts_.replaced(old, fresh);
    if (!parts) return nullptr;
    auto self = std::make_shared<Self>(static_cast<const Self&>(*this));
    self->parts_ = std::move(*parts);
    return self;
  }

 private:
  friend Self;  // the only one that may derive from it
  explicit Combined(Parts parts) : parts_(std::move(parts)) {}
  [[nodiscard]] const Parts& parts() const { return parts_; }
  Parts parts_;
};

// Working memory for one part's beliefs, all unknown; kept per thread, so that nothing is allocated
// after warm-up. Nests: each depth of combination has its own.
class BeliefBuffer {
 public:
  explicit BeliefBuffer(std::size_t n) {
    if (pool().size() == depth()) pool().emplace_back();
    pool()[depth()].assign(n, Belief{});
    all_ = pool()[depth()];  // a deeper one may move the vectors, but not what they hold
    ++depth();
  }
  ~BeliefBuffer() { --depth(); }
  BeliefBuffer(const BeliefBuffer&) = delete;
  BeliefBuffer& operator=(const BeliefBuffer&) = delete;
  [[nodiscard]] std::span<Belief> all() const { return all_; }

 private:
  static std::vector<std::vector<Belief>>& pool() {
    thread_local std::vector<std::vector<Belief>> pool;
    return pool;
  }
  static std::size_t& depth() {
    thread_local std::size_t depth = 0;
    return depth;
  }
  std::span<Belief> all_;
};

}  // namespace swy::route
