// What runs before any transformer: tokeniser, static embedding, the signals that read text, and
// the head's cheap stage with the encoder behind it.
//
// Signals are made from their configuration and asked on a fresh reading of each prompt, as
// decide() does. "All" asks every one of them on the same reading, which is where they share work.
// The cascade is that of the head `domain`: the static embedding and the cheap stage of every text,
// then the encoder (tokeniser included) where the head is unsure.
#include <fmt/format.h>

#include <numeric>

#include "bench/understand/parts.h"
#include "embed/builtin.h"
#include "route/testing/plugin_lab.h"
#include "text/tokenizer.h"

namespace swy::bench {
namespace {

constexpr int kRepeats = 40;

constexpr std::string_view kSignals[] = {
    "{ type: keyword, any: [python, javascript, compiler, 'stack trace'] }",
    "{ type: fuzzy, any: [password reset, cancel my subscription] }",
    "{ type: context, above: 9 }",
    "{ type: language, any: [en, de] }",
    "{ type: structure, feature: code }",
    "{ type: conversation, feature: turns, above: 3 }",
    "{ type: tools, declared: [search, browse] }",
    "{ type: metadata, key: team, equals: [red, blue] }",
    "{ type: role, any: [admin, user] }",
    "{ type: session }",
    "{ type: pii }",
    "{ type: jailbreak }",
    "{ type: safety }",
    "{ type: feedback }",
    "{ type: needs_facts }",
    "{ type: modality }",
    "{ type: language_quality }",
    "{ type: prefix }",
    "{ type: complexity }",
    "{ type: domain }",
    "{ type: task }",
};

void measure_tokenizer(const text::Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  text::Encoding out;
  std::size_t bytes = 0;
  std::size_t tokens = 0;
  for (const std::string& t : texts) bytes += t.size();
  const double seconds = least_seconds(kRepeats, [&] {
    tokens = 0;
    for (const std::string& t : texts) {
      tokenizer.encode(t, {}, out);
      tokens += out.ids.size();
    }
  });
  fmt::print("{{\"what\":\"tokenize\",\"bytes\":{},\"tokens\":{},\"mb_per_s\":{:.2f}}}\n", bytes,
             tokens, static_cast<double>(bytes) / seconds / 1e6);
}

void measure_static() {
  const auto table = embed::builtin_static();
  std::vector<float> out(table->dims());
  // Spread over the table, as real texts are; not one warm corner of it.
  std::vector<std::vector<std::uint32_t>> texts(100, std::vector<std::uint32_t>(100));
  std::uint32_t id = 1;
  for (auto& ids : texts) {
    for (auto& i : ids) i = 1000 + (id = (id * 7919 + 13) % 28'000);
  }
  const double seconds = least_seconds(kRepeats, [&] {
    for (const auto& ids : texts) table->embed_ids(ids, out);
  });
  fmt::print("{{\"what\":\"static\",\"tokens\":100,\"us\":{:.3f}}}\n", seconds * 1e6 / 100);
}

int measure_signals(const std::vector<std::string>& texts) {
  route::testing::PluginLab lab;
  std::vector<std::unique_ptr<route::Signal>> signals;
  for (const std::string_view yaml : kSignals) {
    signals.push_back(lab.make_signal(yaml));
    if (signals.back() == nullptr) {
      fmt::print(stderr, "{}: {}\n", yaml, lab.errors());
      return 1;
    }
  }
  std::deque<route::testing::Asked> asked;
  for (const std::string& t : texts) {
    asked.emplace_back(t).role("user").session("s").metadata("team", "red").tool("search");
  }
  route::Scratch scratch;
  route::Reading* reading = &scratch.reading;
  const auto ask = [&](std::size_t i, std::span<const std::unique_ptr<route::Signal>> some) {
    asked[i].begin(scratch);
    for (const auto& s : some) {
      route::Fact fact;
      s->compute({&reading, 1}, {&fact, 1});
    }
  };
  const double n = static_cast<double>(texts.size());
  const double all =
      least_seconds_each(kRepeats, texts.size(), [&](std::size_t i) { ask(i, signals); }) / n;
  std::string each;
  for (std::size_t k = 0; k < signals.size(); ++k) {
    // Some take nanoseconds: the clock is read once for all prompts.
    const double alone = least_seconds(kRepeats, [&] {
      for (std::size_t i = 0; i < texts.size(); ++i) ask(i, {&signals[k], 1});
    });
    const std::string_view yaml = kSignals[k].substr(8);
    each += fmt::format("{}\"{}\":{:.2f}", k == 0 ? "" : ",",
                        yaml.substr(0, yaml.find_first_of(", ")), alone / n * 1e6);
  }
  fmt::print("{{\"what\":\"signals\",\"count\":{},\"all_us\":{:.2f},\"alone_us\":{{{}}}}}\n",
             signals.size(), all * 1e6, each);
  return 0;
}

struct Cascade {
  std::shared_ptr<const embed::Encoder> encoder;
  std::shared_ptr<const embed::StaticEmbedding> table;
  std::shared_ptr<const embed::TextHead> head;
  embed::StaticScratch scratch;
  embed::Grams grams;
  embed::HeadScore score;
  embed::Workspace ws;
  embed::Matrix rows;
  std::vector<float> vector;

  void cheap(std::string_view text) {
    table->embed(text, scratch, vector);
    grams.read(text);
    head->cheap({&grams, vector}, score);
  }
  void run(std::string_view text, bool ask) {
    cheap(text);
    if (!ask) return;
    encoder->embed({&text, 1}, ws, rows);
    head->refine(rows.row(0), score);
  }
};

}  // namespace

int measure_cheap(const std::string& folder, const std::string& prompts) {
  const auto texts = texts_of(prompts);
  const auto tokenizer = text::Tokenizer::load(folder);
  if (!tokenizer || texts.empty()) {
    fmt::print(stderr, "{}\n", tokenizer ? "no texts in " + prompts : tokenizer.error().message);
    return 1;
  }
  measure_tokenizer(**tokenizer, texts);
  measure_static();
  return measure_signals(texts);
}

int measure_cascade(const std::string& folder, const std::string& prompts) {
  const auto texts = texts_of(prompts);
  const auto encoder = embed::Encoder::load(folder);
  if (!encoder || texts.empty()) {
    fmt::print(stderr, "{}\n", encoder ? "no texts in " + prompts : encoder.error().message);
    return 1;
  }
  Cascade c;
  c.encoder = *encoder;
  c.table = embed::builtin_static();
  c.vector.resize(c.table->dims());
  const auto head = embed::builtin_head(
      "domain", {std::string(c.table->content_hash()), c.encoder->info().content_hash});
  if (!head || !(*head)->has_encoder_stage()) {
    fmt::print(stderr, "the head 'domain' has no stage for this encoder\n");
    return 1;
  }
  c.head = *head;
  std::vector<float> confidence;
  std::size_t tokens = 0;
  text::Encoding encoding;
  for (const std::string& t : texts) {
    c.cheap(t);
    confidence.push_back(c.score.confidence);
    c.encoder->tokenizer().encode(t, {}, encoding);
    tokens += encoding.ids.size();
  }
  std::vector<std::size_t> least_sure(texts.size());
  std::iota(least_sure.begin(), least_sure.end(), std::size_t{0});
  std::stable_sort(least_sure.begin(), least_sure.end(),
                   [&](std::size_t a, std::size_t b) { return confidence[a] < confidence[b]; });
  const auto n = static_cast<double>(texts.size());
  const auto report = [&](std::string_view when, std::size_t asked) {
    std::vector<bool> ask(texts.size());
    for (std::size_t i = 0; i < asked; ++i) ask[least_sure[i]] = true;
    const double seconds =
        least_seconds_each(10, texts.size(), [&](std::size_t i) { c.run(texts[i], ask[i]); });
    fmt::print(
        "{{\"what\":\"cascade\",\"when\":\"{}\",\"texts\":{},\"tokens\":{:.1f},\"share\":{:.3f},"
        "\"mean_us\":{:.2f}}}\n",
        when, texts.size(), static_cast<double>(tokens) / n, static_cast<double>(asked) / n,
        seconds * 1e6 / n);
  };
  const auto unsure = std::count_if(confidence.begin(), confidence.end(),
                                    [&](float x) { return x < c.head->unsure_below(); });
  report("never", 0);
  report("head", static_cast<std::size_t>(unsure));
  report("most", static_cast<std::size_t>(0.3 * n));
  report("always", texts.size());
  return 0;
}

}  // namespace swy::bench
