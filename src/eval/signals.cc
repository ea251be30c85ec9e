// Trains and measures heads on every set. For each set: a head over n-grams alone, over the static
// embedding alone, over the encoder alone, and the whole one (n-grams and static embedding, then
// the encoder), each trained and calibrated on the set's training rows only. Cost: minutes; the
// encoder reads every text once. Test: signals_test.cc.
#include "eval/signals.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <thread>

#include "embed/builtin.h"
#include "embed/gram_index.h"
#include "embed/head_file.h"
#include "eval/signal_sets.h"
#include "eval/signals_served.h"
#include "learn/figures.h"
#include "switchyard/env.h"
#include "text/language.h"

namespace swy::eval {
namespace {

using learn::HeadUse;

struct Measured {
  const SignalSet& set;
  learn::EmbeddedTexts fixed, encoder;  // dims 0: not there
};

struct Way {
  std::string_view name;
  bool grams, fixed, encoder;
  HeadUse use;
};

void step(const SignalsOptions& o, const std::string& what) {
  if (o.on_step) o.on_step(what);
}

double time_of(const Way& way, const Measured& m, const learn::HeadFigures& f) {
  double us = f.cheap_us;
  if (way.fixed) us += m.fixed.median_us;
  return us + m.encoder.median_us * f.encoder_share;
}

Result<std::shared_ptr<const embed::TextHead>> make_head(const SignalsOptions& o, const Measured& m,
                                                         const Way& way) {
  learn::TrainData data{m.set.examples, {}, {}};
  if (way.fixed) data.static_embedding = m.fixed.view();
  if (way.encoder) data.encoder = m.encoder.view();
  learn::TrainOptions options;
  options.name = m.set.name;
  options.grams = way.grams;
  options.seed = o.seed;
  SWY_TRY(const embed::HeadData head, learn::train_head(data, m.set.train, options));
  return embed::TextHead::parse(embed::head_bytes(head), m.set.name,
                                {m.fixed.hash, m.encoder.hash});
}

Status measure(const SignalsOptions& o, const Measured& m, std::span<const Way> ways,
               SignalReport& report) {
  step(o, fmt::format("{}: {}", m.set.name, ways.front().name));
  SWY_TRY(const auto head, make_head(o, m, ways.front()));
  const learn::TrainData data{m.set.examples, m.fixed.view(), m.encoder.view()};
  for (const Way& way : ways) {
    SignalRow row;
    row.set = m.set.name;
    row.way = way.name;
    row.train = m.set.train.size();
    row.labels = m.set.examples.labels.size();
    row.figures = learn::score_head(*head, way.use, data, m.set.test);
    row.us = time_of(way, m, row.figures);
    row.head_bytes = head->memory_bytes();
    report.rows.push_back(std::move(row));
  }
  return {};
}

void keep_some(SignalSet& set, const SignalsOptions& o) {
  keep_rows(set, o.max_train, o.seed, set.train);
  keep_rows(set, o.max_test, o.seed, set.test);
  // Rows that are not used any more need no embedding.
  std::vector<bool> used(set.examples.rows.size());
  for (const std::uint32_t r : set.train) used[r] = true;
  for (const std::uint32_t r : set.test) used[r] = true;
  for (std::size_t r = 0; r < used.size(); ++r) {
    if (!used[r]) set.examples.rows[r].text.clear();
  }
}

// The head that comes with the program, on rows it has not learned from (tools/heads.py leaves out
// what is measured here).
Status measure_shipped(Measured& m, SignalReport& report) {
  const std::string shipped_static(embed::builtin_static()->content_hash());
  embed::HeadInputs given{shipped_static, m.encoder.hash};
  auto head = embed::builtin_head(m.set.shipped, given);
  if (!head && head.error().code == ErrorCode::kInvalidArgument) {  // of another encoder
    given.encoder_hash.clear();
    head = embed::builtin_head(m.set.shipped, given);
  }
  if (!head) return tl::unexpected(head.error());
  if ((*head)->uses_static() && m.fixed.hash != shipped_static) return {};
  learn::Examples examples = m.set.examples;  // with the head's own numbers of labels
  const auto labels = (*head)->labels();
  for (learn::Example& e : examples.rows) {
    for (std::uint32_t& label : e.labels) {
      const auto at = std::find(labels.begin(), labels.end(), m.set.examples.labels[label]);
      if (at == labels.end()) {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("{}: the shipped head does not know \"{}\"", m.set.name,
                                m.set.examples.labels[label]));
      }
      label = static_cast<std::uint32_t>(at - labels.begin());
    }
  }
  const learn::TrainData data{examples, m.fixed.view(), m.encoder.view()};
  std::vector<Way> ways = {{"shipped", true, (*head)->uses_static(), false, HeadUse::kCheap}};
  if ((*head)->has_encoder_stage()) {
    ways.push_back({"shipped, cascade", true, (*head)->uses_static(), true, HeadUse::kCascade});
  }
  for (const Way& way : ways) {
    SignalRow row{m.set.name, std::string(way.name), 0, labels.size(), {}, 0, 0};
    row.figures = learn::score_head(**head, way.use, data, m.set.test);
    row.us = time_of(way, m, row.figures);
    row.head_bytes = (*head)->memory_bytes();
    report.rows.push_back(std::move(row));
  }
  return {};
}

Status evaluate_set(const SignalsOptions& o, SignalSet set, SignalReport& report) {
  keep_some(set, o);
  Measured m{set, {}, {}};
  const auto texts = learn::texts_of(set.examples);
  if (o.static_embedding != nullptr) {
    SWY_TRY(m.fixed, o.static_embedding->embed(texts, {}));
    report.static_name = m.fixed.name, report.static_bytes = m.fixed.memory_bytes;
  }
  if (o.encoder != nullptr) {
    step(o, fmt::format("{}: {} texts through the encoder", set.name, texts.size()));
    SWY_TRY(m.encoder, o.encoder->embed(texts, {}));
    report.encoder_name = m.encoder.name, report.encoder_bytes = m.encoder.memory_bytes;
  }
  const bool fixed = m.fixed.dims != 0;
  if (!set.shipped.empty()) SWY_DO(measure_shipped(m, report));
  if (set.train.empty()) return {};
  const Way grams{"n-grams", true, false, false, HeadUse::kCheap};
  SWY_DO(measure(o, m, {&grams, 1}, report));
  if (fixed) {
    const Way way{"static", false, true, false, HeadUse::kCheap};
    SWY_DO(measure(o, m, {&way, 1}, report));
  }
  if (m.encoder.dims == 0) {
    const Way both{"n-grams + static", true, true, false, HeadUse::kCheap};
    return fixed ? measure(o, m, {&both, 1}, report) : Status{};
  }
  const Way alone{"encoder", false, false, true, HeadUse::kEncoder};
  SWY_DO(measure(o, m, {&alone, 1}, report));
  std::vector<Way> whole;
  if (fixed) whole.push_back({"n-grams + static", true, true, true, HeadUse::kCheap});
  whole.push_back({"all, always", true, fixed, true, HeadUse::kEncoder});
  whole.push_back({"cascade", true, fixed, true, HeadUse::kCascade});
  return measure(o, m, whole, report);
}

// ---- tools

class ToolScores {
 public:
  explicit ToolScores(const ToolSet& set) : set_(set) {}

  // Adds `weight` times the cosine of rows to the scores of every question.
  void add_cosine(const learn::EmbeddedTexts& tools, const learn::EmbeddedTexts& questions,
                  float weight) {
    reset();
    for (std::size_t q = 0; q < set_.questions.size(); ++q) {
      const auto e = questions.view().row(q);
      for (std::size_t t = 0; t < set_.tools.size(); ++t) {
        const auto f = tools.view().row(t);
        float sum = 0;
        for (std::size_t d = 0; d < e.size(); ++d) sum += e[d] * f[d];
        at(q)[t] += weight * sum;
      }
    }
  }

  double add_grams() {  // microseconds a question
    reset();
    std::vector<std::string_view> texts;
    for (const Tool& tool : set_.tools) texts.push_back(tool.text);
    const embed::GramIndex index(texts);
    embed::Grams grams;
    std::vector<float> scores(texts.size());
    const std::int64_t start = system_clock().mono_ns();
    for (std::size_t q = 0; q < set_.questions.size(); ++q) {
      grams.read(set_.questions[q].text);
      index.scores(grams, scores);
      for (std::size_t t = 0; t < scores.size(); ++t) at(q)[t] += scores[t];
    }
    return static_cast<double>(system_clock().mono_ns() - start) / 1e3 /
           static_cast<double>(std::max<std::size_t>(set_.questions.size(), 1));
  }

  void clear() { scores_.clear(); }

  [[nodiscard]] ToolRow row(std::string_view way, double us) const {
    ToolRow out{std::string(way), 0, set_.tools.size(), 0, 0, 0, us};
    std::vector<float> best;
    std::vector<std::uint8_t> fits;
    for (std::size_t q = 0; q < set_.questions.size(); ++q) {
      const ToolQuestion& question = set_.questions[q];
      const std::span<const float> scores(scores_.data() + q * set_.tools.size(),
                                          set_.tools.size());
      const auto top = embed::top_scores(scores, 5);
      best.push_back(scores[top[0]]);
      fits.push_back(question.gold.empty() ? 0 : 1);
      if (question.gold.empty()) continue;
      double hits = 0;
      for (const std::uint32_t gold : question.gold) {
        hits += std::find(top.begin(), top.end(), gold) != top.end() ? 1 : 0;
      }
      ++out.questions;
      out.recall5 += hits / static_cast<double>(question.gold.size());
      out.any5 += hits > 0 ? 1 : 0;
    }
    out.none_auroc = learn::auroc(best, fits);
    if (out.questions == 0) return out;
    out.recall5 /= static_cast<double>(out.questions);
    out.any5 /= static_cast<double>(out.questions);
    return out;
  }

 private:
  void reset() { scores_.resize(set_.questions.size() * set_.tools.size(), 0); }
  float* at(std::size_t question) { return scores_.data() + question * set_.tools.size(); }
  const ToolSet& set_;
  std::vector<float> scores_;
};

Status evaluate_tools(const SignalsOptions& o, const ToolSet& set, SignalReport& report) {
  step(o, "tools");
  std::vector<std::string_view> tools, questions;
  for (const Tool& t : set.tools) tools.push_back(t.text);
  for (const ToolQuestion& q : set.questions) questions.push_back(q.text);
  ToolScores scores(set);
  const double grams_us = scores.add_grams();
  report.tools.push_back(scores.row("n-grams", grams_us));
  const auto both = [&](learn::TextEmbedder* embedder, std::string_view name) -> Status {
    if (embedder == nullptr) return {};
    SWY_TRY(const auto t, embedder->embed(tools, {}));
    SWY_TRY(const auto q, embedder->embed(questions, {}));
    scores.clear();
    scores.add_cosine(t, q, 1);
    report.tools.push_back(scores.row(name, q.median_us));
    scores.add_grams();  // equal weights: no knob to fit
    report.tools.push_back(scores.row(fmt::format("n-grams + {}", name), q.median_us + grams_us));
    return {};
  };
  SWY_DO(both(o.static_embedding, "static"));
  return both(o.encoder, "encoder");
}

// ---- languages: one everyday request in each, written for this table

struct Sample {
  std::string_view code, text;
};
constexpr Sample kSamples[] = {
    {"en", "Could you help me plan a cheap weekend trip for two people?"},
    {"en", "Explain why the sky turns red in the evening, please."},
    {"de", "Kannst du mir bitte erkl\u00e4ren, wie ich meine Steuererkl\u00e4rung abgebe?"},
    {"de", "Schreibe eine kurze Nachricht an meine Nachbarin wegen des L\u00e4rms."},
    {"fr", "Pourriez-vous m'aider \u00e0 r\u00e9diger une lettre de motivation ?"},
    {"fr", "Quelle est la diff\u00e9rence entre une maladie et un sympt\u00f4me ?"},
    {"es", "\u00bfC\u00f3mo puedo mejorar mi pronunciaci\u00f3n en dos semanas?"},
    {"es", "Necesito una receta sencilla para la cena de esta noche."},
    {"it", "Mi serve un consiglio su quale libro regalare a mia sorella."},
    {"it", "Quanto tempo ci vuole per imparare a suonare la chitarra?"},
    {"pt", "Voc\u00ea pode resumir este texto em tr\u00eas frases curtas?"},
    {"pt", "N\u00e3o consigo instalar o programa no meu computador antigo."},
    {"nl", "Kun je me uitleggen hoe ik deze fout in mijn programma oplos?"},
    {"pl", "Prosz\u0119 napisa\u0107 kr\u00f3tki wiersz o jesieni dla mojej c\u00f3rki."},
    {"ru",
     "\u041f\u043e\u043c\u043e\u0433\u0438\u0442\u0435 \u043c\u043d\u0435 \u0441\u043e\u0441"
     "\u0442\u0430\u0432\u0438\u0442\u044c \u043f\u043b\u0430\u043d \u0437\u0430\u043d"
     "\u044f\u0442\u0438\u0439 \u043d\u0430 \u043d\u0435\u0434\u0435\u043b\u044e."},
    {"zh",
     "\u8bf7\u5e2e\u6211\u5199\u4e00\u5c01\u611f\u8c22\u4fe1\u7ed9\u6211\u7684\u8001\u5e08"
     "\u3002"},
    {"ja",
     "\u6765\u9031\u306e\u4f1a\u8b70\u306e\u8b70\u984c\u3092\u8003\u3048\u3066\u304f\u3060"
     "\u3055\u3044\u3002"},
    {"ko",
     "\uc624\ub298 \uc800\ub141\uc5d0 \uba39\uc744 \ub9cc\ud55c \uc74c\uc2dd\uc744 \ucd94\ucc9c"
     "\ud574 \uc8fc\uc138\uc694."},
    {"tr", "Bana bu konuyu basit kelimelerle anlat\u0131r m\u0131s\u0131n l\u00fctfen?"},
    {"sv", "Kan du hj\u00e4lpa mig att skriva ett brev till min hyresv\u00e4rd?"},
    {"ar",
     "\u0647\u0644 \u064a\u0645\u0643\u0646\u0643 \u0645\u0633\u0627\u0639\u062f\u062a\u064a"
     " \u0641\u064a \u0643\u062a\u0627\u0628\u0629 \u0631\u0633\u0627\u0644\u0629\u061f"},
    {"hi",
     "\u0915\u0943\u092a\u092f\u093e \u092e\u0941\u091d\u0947 \u0907\u0938 \u092a\u093e\u0920"
     " \u0915\u093e \u0938\u093e\u0930 \u092c\u0924\u093e\u0907\u090f\u0964"},
};

void evaluate_language(SignalReport& report) {
  double right = 0;
  for (const Sample& s : kSamples) right += text::detect_language(s.text).code == s.code ? 1 : 0;
  report.language_samples = std::size(kSamples);
  std::set<std::string_view> codes;
  for (const Sample& s : kSamples) codes.insert(s.code);
  report.languages = codes.size();
  report.language_accuracy = right / static_cast<double>(std::size(kSamples));
}

// Times taken beside other work say little; the page must not hide that.
void note_load(SignalReport& report) {
  double load = 0;
  const auto cores = static_cast<double>(std::thread::hardware_concurrency());
  if (::getloadavg(&load, 1) != 1 || load <= cores) return;
  report.notes.push_back(
      fmt::format("times are too high: taken at a load of {:.1f} on {:.0f} cores", load, cores));
}

bool wanted(const SignalsOptions& o, std::string_view name) {
  return o.sets.empty() || std::find(o.sets.begin(), o.sets.end(), name) != o.sets.end();
}

}  // namespace

Result<SignalReport> evaluate_signals(const SignalsOptions& options) {
  SignalReport report;
  const std::int64_t start = system_clock().mono_ns();
  const SignalFolders folders{options.train_data.empty() ? options.data : options.train_data,
                              options.data, options.written};
  for (const std::string_view name : signal_set_names()) {
    if (!wanted(options, name)) {
      report.notes.push_back(fmt::format("{} was not measured: not asked for", name));
      continue;
    }
    step(options, std::string(name));
    auto set = load_signal_set(name, folders);
    if (!set && set.error().code == ErrorCode::kNotFound) {
      report.notes.push_back(fmt::format("{} is left out: {}", name, set.error().message));
      continue;
    }
    if (!set) return tl::unexpected(set.error());
    SWY_DO(evaluate_set(options, std::move(*set), report));
  }
  if (wanted(options, "tools")) {
    const auto tools = load_tools(options.data);
    if (tools) {
      SWY_DO(evaluate_tools(options, *tools, report));
    } else {
      report.notes.push_back("tools are left out: " + tools.error().message);
    }
  }
  if (wanted(options, "language")) evaluate_language(report);
  if (wanted(options, "served")) {
    step(options, "served");
    SWY_DO(evaluate_served(options, report));
  }
  note_load(report);
  report.max_train = options.max_train, report.max_test = options.max_test;
  report.seconds = static_cast<double>(system_clock().mono_ns() - start) / 1e9;
  if (report.rows.empty() && report.tools.empty() && report.served.empty() &&
      report.language_samples == 0) {
    return fail(ErrorCode::kNotFound, options.data + " holds none of the sets asked for");
  }
  return report;
}

}  // namespace swy::eval
