// RE2, kept behind this file. Logging is off: errors come back as values. When the automaton of a
// set runs out of its memory (RE2 then cannot answer), the patterns are tried one by one, so that
// the answer never depends on the memory limit. Test: regex_test.cc.
#include "text/regex.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <utility>

namespace swy::text {
namespace {

re2::RE2::Options to_re2(const RegexOptions& o) {
  re2::RE2::Options r;
  r.set_log_errors(false);
  r.set_case_sensitive(!o.ignore_case);
  r.set_max_mem(o.max_memory);
  return r;
}

std::string wrapped(std::string_view pattern, const RegexOptions& o) {
  if (!o.whole_words) return std::string(pattern);
  return "\\b(?:" + std::string(pattern) + ")\\b";
}

re2::StringPiece piece(std::string_view s) { return {s.data(), s.size()}; }

Error describe(std::string_view pattern, const re2::RE2& re) {
  std::string message = "pattern \"" + std::string(pattern) + "\": " + re.error();
  const std::string& part = re.error_arg();
  const std::size_t at = part.empty() ? std::string_view::npos : pattern.find(part);
  if (at != std::string_view::npos) message += " (at byte " + std::to_string(at) + ")";
  const bool big = re.error_code() == re2::RE2::ErrorPatternTooLarge;
  return {big ? ErrorCode::kTooLarge : ErrorCode::kInvalidArgument, std::move(message)};
}

// The pattern is compiled alone first: wrapping "a)(b" in a group would make it well-formed.
Result<std::unique_ptr<re2::RE2>> compile_one(std::string_view pattern,
                                              const RegexOptions& options) {
  if (pattern.size() > kMaxPatternBytes) {
    return fail(ErrorCode::kTooLarge,
                "a pattern is longer than " + std::to_string(kMaxPatternBytes) + " bytes");
  }
  auto re = std::make_unique<re2::RE2>(piece(pattern), to_re2(options));
  if (!re->ok()) return tl::unexpected<Error>(describe(pattern, *re));
  if (options.whole_words) {
    re = std::make_unique<re2::RE2>(wrapped(pattern, options), to_re2(options));
    if (!re->ok()) return tl::unexpected<Error>(describe(pattern, *re));
  }
  return re;
}

}  // namespace

struct Regex::Impl {
  std::unique_ptr<re2::RE2> re;
};

Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Result<Regex> Regex::compile(std::string_view pattern, RegexOptions options) {
  SWY_TRY(auto re, compile_one(pattern, options));
  auto impl = std::make_unique<Impl>();
  impl->re = std::move(re);
  return Regex(std::move(impl));
}

bool Regex::matches(std::string_view text) const {
  return impl_->re->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

std::optional<RegexMatch> Regex::find(std::string_view text) const {
  re2::StringPiece m;
  if (!impl_->re->Match(piece(text), 0, text.size(), re2::RE2::UNANCHORED, &m, 1))
    return std::nullopt;
  const auto begin = static_cast<std::size_t>(m.data() - text.data());
  return RegexMatch{begin, begin + m.size()};
}

std::size_t Regex::count(std::string_view text, std::size_t stop_at) const {
  std::size_t n = 0;
  std::size_t from = 0;
  re2::StringPiece m;
  while (n < stop_at && from <= text.size() &&
         impl_->re->Match(piece(text), from, text.size(), re2::RE2::UNANCHORED, &m, 1)) {
    ++n;
    const auto end = static_cast<std::size_t>(m.data() - text.data()) + m.size();
    from = m.empty() ? end + 1 : end;
  }
  return n;
}

struct RegexSet::Impl {
  explicit Impl(const re2::RE2::Options& options) : set(options, re2::RE2::UNANCHORED) {}
  re2::RE2::Set set;
  std::vector<std::unique_ptr<re2::RE2>> each;
};

RegexSet::RegexSet(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RegexSet::~RegexSet() = default;
RegexSet::RegexSet(RegexSet&&) noexcept = default;
RegexSet& RegexSet::operator=(RegexSet&&) noexcept = default;

Result<RegexSet> RegexSet::compile(std::span<const std::string> patterns, RegexOptions options) {
  auto impl = std::make_unique<Impl>(to_re2(options));
  for (const std::string& p : patterns) {
    SWY_TRY(auto re, compile_one(p, options));
    std::string error;
    if (impl->set.Add(wrapped(p, options), &error) < 0) {
      return fail(ErrorCode::kInvalidArgument,
                  std::string("pattern \"").append(p).append("\": ").append(error));
    }
    impl->each.push_back(std::move(re));
  }
  if (!patterns.empty() && !impl->set.Compile()) {
    return fail(ErrorCode::kTooLarge, "the patterns together need more than max_memory");
  }
  return RegexSet(std::move(impl));
}

bool RegexSet::matches_any(std::string_view text) const {
  if (impl_->each.empty()) return false;
  re2::RE2::Set::ErrorInfo error{};
  if (impl_->set.Match(piece(text), nullptr, &error)) return true;
  if (error.kind == re2::RE2::Set::kNoError) return false;
  return std::any_of(impl_->each.begin(), impl_->each.end(),
                     [&](const auto& re) { return re2::RE2::PartialMatch(piece(text), *re); });
}

bool RegexSet::matching(std::string_view text, std::vector<std::uint32_t>& out) const {
  out.clear();
  if (impl_->each.empty()) return false;
  std::vector<int> hits;
  re2::RE2::Set::ErrorInfo error{};
  if (impl_->set.Match(piece(text), &hits, &error)) {
    for (const int h : hits) out.push_back(static_cast<std::uint32_t>(h));
    std::sort(out.begin(), out.end());
  } else if (error.kind != re2::RE2::Set::kNoError) {
    for (std::size_t i = 0; i < impl_->each.size(); ++i) {
      if (re2::RE2::PartialMatch(piece(text), *impl_->each[i]))
        out.push_back(static_cast<std::uint32_t>(i));
    }
  }
  return !out.empty();
}

std::size_t RegexSet::size() const { return impl_->each.size(); }

}  // namespace swy::text
