// PluginLab: makes one signal or guard from its YAML, as the configuration would, and asks it about
// requests built by hand.
//
// When to use: tests of plug-in files. Threading: one thread. Ownership: Asked owns every text it
// was given; a Signal or Guard made here is independent of the lab, a Question borrows from it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "switchyard/registry.h"
#include "switchyard/route.h"

namespace swy::route {

#define ENCODER(name) \
  std::unique_ptr<Encoder> make_##name(const base::Doc& node, BuildContext& ctx);
#define SIGNAL(name) std::unique_ptr<Signal> make_##name(const base::Doc& node, BuildContext& ctx);
#define GUARD(name) std::unique_ptr<Guard> make_##name(const base::Doc& node, BuildContext& ctx);
#define ESTIMATOR(name)
#define POLICY(name)
#define STRATEGY(name)
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD

namespace testing {

// The built-in encoders, signals and guards only: what a lab needs.
inline Registry lab_registry() {
  Registry r;
#define ENCODER(name) r.add_encoder(#name, make_##name);
#define SIGNAL(name) r.add_signal(#name, make_##name);
#define GUARD(name) r.add_guard(#name, make_##name);
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD
#undef ESTIMATOR
#undef POLICY
#undef STRATEGY
  return r;
}

// A request and the circumstances around it.
class Asked {
 public:
  Asked() { work_.request = &request; }
  explicit Asked(std::string_view user_text) : Asked() { say(chat::Role::kUser, user_text); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  Asked& say(chat::Role role, std::string_view text, std::uint32_t tool_calls = 0) {
    const auto first = static_cast<std::uint32_t>(request.parts.size());
    request.parts.push_back({chat::PartKind::kText, keep(text)});
    request.messages.push_back({role, first, 1, tool_calls});
    return *this;
  }
  // Adds a part to the last message.
  Asked& attach(chat::PartKind kind) {
    request.parts.push_back({kind, {}});
    ++request.messages.back().parts;
    request.images += kind == chat::PartKind::kImage ? 1U : 0U;
    request.audios += kind == chat::PartKind::kAudio ? 1U : 0U;
    request.files += kind == chat::PartKind::kFile ? 1U : 0U;
    return *this;
  }
  Asked& tool(std::string_view name, std::string_view description = {}) {
    request.tools.push_back(keep(name));
    request.tool_descriptions.push_back(keep(description));
    return *this;
  }
  Asked& metadata(std::string_view key, std::string_view value) {
    request.metadata.emplace_back(keep(key), keep(value));
    return *this;
  }
  Asked& header(std::string_view name, std::string_view value) {
    headers_.push_back({keep(name), keep(value)});
    return *this;
  }
  Asked& max_tokens(std::int64_t n) {
    request.max_tokens = n;
    return *this;
  }
  // The prompt is taken to have so many tokens, whatever its text.
  Asked& tokens(std::int64_t n) {
    tokens_ = n;
    return *this;
  }
  Asked& role(std::string_view name) {
    work_.role = keep(name);
    return *this;
  }
  Asked& session(std::string_view id, ExpertId previous = kNoExpert) {
    work_.session = keep(id);
    work_.previous = previous;
    return *this;
  }

  // Starts a decision about this request.
  void begin(Scratch& scratch) {
    work_.headers = headers_;
    scratch.begin(work_, 0);
    if (tokens_ >= 0) scratch.reading.preset_tokens(tokens_);
  }

  chat::Request request;

 private:
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }
  std::deque<std::string> texts_;
  std::vector<Header> headers_;
  Work work_;
  std::int64_t tokens_ = -1;
};

class PluginLab final : public BuildContext {
 public:
  explicit PluginLab(std::vector<Card> cards = {}) : registry_(lab_registry()) {
    for (Card& c : cards) catalogue_.add(std::move(c));
  }

  // nullptr: errors() says why.
  std::unique_ptr<Signal> make_signal(std::string_view yaml) {
    return make(registry_.signals(), yaml);
  }
  std::unique_ptr<Guard> make_guard(std::string_view yaml) {
    return make(registry_.guards(), yaml);
  }
  // What the last make_... reported, with line and column in its YAML.
  [[nodiscard]] std::string errors() const { return diag_.to_text(); }

  // The options that a plug-in binds.
  template <typename T>
  std::vector<base::OptionInfo> options(Factory<T> factory) {
    base::ListBinder lister;
    lister_ = &lister;
    SWY_ASSERT(factory(base::Doc(), *this) == nullptr);
    lister_ = nullptr;
    return lister.all();
  }

  static Fact ask(const Signal& signal, Asked& asked) {
    Scratch scratch;
    asked.begin(scratch);
    Reading* reading = &scratch.reading;
    Fact fact;
    signal.compute({&reading, 1}, {&fact, 1});
    return fact;
  }
  static Fact ask(const Signal& signal, std::string_view user_text) {
    Asked asked(user_text);
    return ask(signal, asked);
  }
  // The same for a signal of this lab that may want encodings.
  Fact ask_encoded(const Signal& signal, Asked& asked) const {
    Scratch scratch;
    asked.begin(scratch);
    Reading* reading = &scratch.reading;
    for (;;) {
      Fact fact;
      signal.compute({&reading, 1}, {&fact, 1});
      if (!encode_wanted(*reading)) return fact;
    }
  }
  // False: nothing was wanted.
  bool encode_wanted(Reading& reading) const {
    const auto wanted = reading.wanted();
    for (const EncodingKey key : wanted) {
      std::vector<float> values(encoders_[key.encoder].second->dims());
      const std::string_view text = reading.text(key.scope);
      const bool ok = encoders_[key.encoder].second->encode({&text, 1}, values).has_value();
      reading.provide(key, ok ? Encoding::State::kReady : Encoding::State::kFailed, values);
    }
    return !wanted.empty();
  }
  Fact ask_encoded(const Signal& signal, std::string_view user_text) const {
    Asked asked(user_text);
    return ask_encoded(signal, asked);
  }
  Verdict check(const Guard& guard, Asked& asked, ExpertId expert = 0) const {
    Scratch scratch;
    asked.begin(scratch);
    const Question q{catalogue_, scratch.reading, {&expert, 1}, {}, scratch};
    return guard.check(q, 0);
  }

  base::Diagnostics& diag() override { return diag_; }
  const Catalogue& catalogue() override { return catalogue_; }
  const Registry& registry() override { return registry_; }
  const std::string& directory() override { return directory_; }
  // Two signals are configured, by these names: what they say is up to the test.
  std::optional<FactId> signal(std::string_view name) override {
    if (name == "personal") return FactId{0};
    if (name == "attack") return FactId{1};
    return std::nullopt;
  }
  std::vector<std::string> signal_names() override { return {"personal", "attack"}; }
  // By type name: an encoder with its default options.
  std::optional<std::uint16_t> encoder(std::string_view name, base::Mark mark) override {
    for (std::size_t i = 0; i < encoders_.size(); ++i) {
      if (encoders_[i].first == name) return static_cast<std::uint16_t>(i);
    }
    const auto found = registry_.encoders().find(name);
    if (found == registry_.encoders().end()) {
      diag_.error(mark, "unknown encoder '" + std::string(name) + "'");
      return std::nullopt;
    }
    auto made = found->second(base::Doc::scalar(std::string(name), mark), *this);
    if (made == nullptr) return std::nullopt;
    encoders_.emplace_back(name, std::move(made));
    return static_cast<std::uint16_t>(encoders_.size() - 1);
  }
  const Encoder& encoder(std::uint16_t id) override { return *encoders_[id].second; }
  std::shared_ptr<const Estimator> estimator(const base::Doc& /*node*/) override { return nullptr; }
  std::unique_ptr<Policy> policy(const base::Doc& /*node*/) override { return nullptr; }
  std::span<const ExpertId> candidates() override { return {}; }
  Status believe(const chat::Request& /*request*/, std::string_view /*exclude_row*/,
                 std::int64_t /*tokens_in*/, std::span<Belief> /*out*/) override {
    return fail(ErrorCode::kUnsupported, "a lab has no estimators");
  }
  Status believe(const Estimator& /*estimator*/, std::span<const ExpertId> /*candidates*/,
                 const chat::Request& /*request*/, std::string_view /*exclude_row*/,
                 std::int64_t /*tokens_in*/, std::span<Belief> /*out*/) override {
    return fail(ErrorCode::kUnsupported, "a lab has no estimators");
  }

 private:
  template <typename Makers>
  auto make(const Makers& makers, std::string_view yaml)
      -> decltype(makers.begin()->second(std::declval<const base::Doc&>(),
                                         std::declval<BuildContext&>())) {
    diag_ = base::Diagnostics("lab");
    const auto doc = base::parse_yaml(yaml, diag_);
    if (!doc) return nullptr;
    const base::Doc* type = doc->find("type");
    const auto found = makers.find(type != nullptr ? std::string_view(type->text()) : "");
    SWY_ASSERT(found != makers.end());
    auto made = found->second(*doc, *this);
    SWY_ASSERT((made != nullptr) == diag_.ok());
    return made;
  }

  std::vector<std::pair<std::string, std::unique_ptr<Encoder>>> encoders_;
  base::Diagnostics diag_;
  Catalogue catalogue_;
  Registry registry_;
  std::string directory_ = ".";
};

}  // namespace testing
}  // namespace swy::route
