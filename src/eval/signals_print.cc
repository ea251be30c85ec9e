// A SignalReport as a table for a terminal and as the page docs/guide/signals.md.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "eval/signals.h"

namespace swy::eval {
namespace {

std::string share(double v) { return std::isnan(v) ? "" : fmt::format("{:.1f} %", 100 * v); }
std::string three(double v) { return std::isnan(v) ? "" : fmt::format("{:.3f}", v); }
std::string micro(double us) {
  return us >= 1000 ? fmt::format("{:.1f} ms", us / 1000) : fmt::format("{:.1f} us", us);
}
std::string bytes(std::size_t n) {
  return n >= (1U << 20U) ? fmt::format("{:.1f} MiB", static_cast<double>(n) / (1U << 20U))
                          : fmt::format("{:.0f} KiB", static_cast<double>(n) / 1024);
}

using Cells = std::vector<std::string>;

const Cells kHead = {"set",      "labels", "rows",          "way",          "accuracy",
                     "macro F1", "ECE",    "ECE by chance", "OOS AUROC",    "encoder asked",
                     "time",     "head",   "kept",          "right of kept"};

Cells cells(const SignalRow& r) {
  const learn::HeadFigures& f = r.figures;
  return {r.set,
          fmt::format("{}", r.labels),
          fmt::format("{} / {}", r.train == 0 ? "-" : fmt::format("{}", r.train), f.rows),
          r.way,
          three(f.accuracy),
          three(f.macro_f1),
          three(f.ece),
          three(f.ece_chance),
          three(f.out_of_scope_auroc),
          share(f.encoder_share),
          micro(r.us),
          bytes(r.head_bytes),
          share(f.kept),
          three(f.kept_accuracy)};
}

const Cells kServedHead = {"signal", "measured on", "rows",          "classes", "accuracy", "F1",
                           "AUROC",  "ECE",         "ECE by chance", "time",    "memory"};
Cells cells(const ServedRow& r) {
  return {r.signal,
          r.set,
          fmt::format("{}", r.rows),
          fmt::format("{}", r.classes),
          three(r.accuracy),
          three(r.f1),
          three(r.auroc),
          three(r.ece),
          three(r.ece_chance),
          micro(r.us),
          bytes(r.memory)};
}

const Cells kToolHead = {"way",   "questions",       "tools", "recall@5",
                         "any@5", "none-fits AUROC", "time"};
Cells cells(const ToolRow& r) {
  return {r.way,
          fmt::format("{}", r.questions),
          fmt::format("{}", r.tools),
          three(r.recall5),
          three(r.any5),
          three(r.none_auroc),
          micro(r.us)};
}

template <typename Row>
std::string aligned(const Cells& head, const std::vector<Row>& rows) {
  std::vector<Cells> table = {head};
  for (const Row& r : rows) table.push_back(cells(r));
  std::vector<std::size_t> width(head.size(), 0);
  for (const Cells& row : table) {
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  }
  std::string out;
  for (const Cells& row : table) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], width[c]);
    out.append(line.substr(0, line.find_last_not_of(' ') + 1)).append("\n");
  }
  return out;
}

template <typename Row>
std::string markdown(const Cells& head, const std::vector<Row>& rows) {
  const auto line = [](const Cells& row) {
    std::string out = "|";
    for (const std::string& cell : row) out.append(" ").append(cell).append(" |");
    return out + "\n";
  };
  std::string out = line(head) + "|";
  for (std::size_t c = 0; c < head.size(); ++c) out += "---|";
  out += "\n";
  for (const Row& r : rows) out += line(cells(r));
  return out;
}

const SignalRow* find(const SignalReport& report, std::string_view set, std::string_view way) {
  for (const SignalRow& r : report.rows) {
    if (r.set == set && r.way == way) return &r;
  }
  return nullptr;
}

class Judge {
 public:
  void at_least(const std::string& what, double figure, double target) {
    if (std::isnan(figure)) return;
    say(figure >= target ? Verdict::Kind::kMet : Verdict::Kind::kMissed,
        fmt::format("{} {:.3f}, at least {:.3f} is wanted", what, figure, target));
  }
  void at_most(const std::string& what, double figure, double target) {
    say(figure <= target ? Verdict::Kind::kMet : Verdict::Kind::kMissed,
        fmt::format("{} {:.3f}, at most {:.3f} is wanted", what, figure, target));
  }
  void calibration(const std::string& what, double ece, double chance) {
    if (std::isnan(ece)) return;
    ++calibrated_;
    if (ece <= kMostEce) return;
    const bool few = ece <= chance;
    ++(few ? few_ : wrong_);
    say(few ? Verdict::Kind::kTooFewRows : Verdict::Kind::kMissed,
        fmt::format(
            "{}: calibration error {:.3f}, at most {:.3f} is wanted{}", what, ece, kMostEce,
            few ? fmt::format(" (perfect probabilities come to {:.3f} on so few rows)", chance)
                : ""));
  }
  std::vector<Verdict> all() && {
    if (calibrated_ != 0) {
      const auto kind = wrong_ == 0 ? Verdict::Kind::kMet : Verdict::Kind::kMissed;
      out_.insert(out_.begin(),
                  {kind, fmt::format("calibration error at most {:.3f} in {} of {} rows of the "
                                     "tables",
                                     kMostEce, calibrated_ - wrong_ - few_, calibrated_)});
    }
    return std::move(out_);
  }

 private:
  static constexpr double kMostEce = 0.03;
  void say(Verdict::Kind kind, std::string text) { out_.push_back({kind, std::move(text)}); }
  std::vector<Verdict> out_;
  std::size_t calibrated_ = 0, wrong_ = 0, few_ = 0;
};

void judge_cascade(const SignalReport& report, const SignalRow& r, Judge& judge) {
  judge.at_most(fmt::format("{}, cascade: share of encoder calls", r.set), r.figures.encoder_share,
                0.30);
  // The harder of two baselines: the encoder's linear head, and everything for every request.
  for (const char* way : {"encoder", "all, always"}) {
    const SignalRow* always = find(report, r.set, way);
    if (always == nullptr) continue;
    judge.at_least(fmt::format("{}, cascade: accuracy beside \"{}\"", r.set, way),
                   r.figures.accuracy, always->figures.accuracy - 0.01);
  }
}

void judge_sets(const SignalReport& report, Judge& judge) {
  if (const SignalRow* r = find(report, "clinc150", "encoder")) {
    judge.at_least("clinc150, encoder: accuracy in scope", r->figures.accuracy, 0.90);
    judge.at_least("clinc150, encoder: out-of-scope AUROC", r->figures.out_of_scope_auroc, 0.93);
  }
  if (const SignalRow* r = find(report, "clinc150", "static")) {
    judge.at_least("clinc150, static: accuracy in scope", r->figures.accuracy, 0.85);
  }
  if (const SignalRow* r = find(report, "mmlu_pro", "cascade")) {
    judge.at_least("mmlu_pro, cascade: macro F1", r->figures.macro_f1, 0.80);
  }
  for (const ServedRow& r : report.served) {
    if (r.signal == "pii" && std::isnan(r.accuracy)) {
      judge.at_least("pii: exact F1 of spans", r.f1, 0.90);
    }
  }
  double recall = -1;
  for (const ToolRow& r : report.tools) recall = std::max(recall, r.recall5);
  if (recall >= 0) judge.at_least("tools, best way: recall@5", recall, 0.85);
}

std::string_view name_of(Verdict::Kind kind) {
  if (kind == Verdict::Kind::kMet) return "met";
  return kind == Verdict::Kind::kMissed ? "missed" : "too few rows to tell";
}

}  // namespace

std::vector<Verdict> verdicts(const SignalReport& report) {
  Judge judge;
  judge_sets(report, judge);
  for (const SignalRow& r : report.rows) {
    if (r.way == "cascade") judge_cascade(report, r, judge);
  }
  for (const SignalRow& r : report.rows) {
    judge.calibration(fmt::format("{}, {}", r.set, r.way), r.figures.ece, r.figures.ece_chance);
  }
  for (const ServedRow& r : report.served) {
    judge.calibration(fmt::format("{} ({})", r.signal, r.set), r.ece, r.ece_chance);
  }
  return std::move(judge).all();
}

bool any_missed(const SignalReport& report) {
  const auto all = verdicts(report);
  return std::any_of(all.begin(), all.end(),
                     [](const Verdict& v) { return v.kind == Verdict::Kind::kMissed; });
}

std::string to_table(const SignalReport& report) {
  std::string out;
  if (!report.rows.empty()) out += aligned(kHead, report.rows);
  if (!report.served.empty()) out += "\n" + aligned(kServedHead, report.served);
  if (!report.tools.empty()) out += "\n" + aligned(kToolHead, report.tools);
  if (report.language_samples != 0) {
    out += fmt::format(
        "\nlanguage: {} of {} samples right\n",
        std::lround(report.language_accuracy * static_cast<double>(report.language_samples)),
        report.language_samples);
  }
  out += "\ntargets:\n";
  for (const Verdict& v : verdicts(report)) {
    out += fmt::format("  {:<8} {}\n",
                       v.kind == Verdict::Kind::kTooFewRows ? "few rows" : name_of(v.kind), v.text);
  }
  return out;
}

namespace {

constexpr std::string_view kIntroduction =
    R"(
Every head in the first table learned and was calibrated on the rows with `part: train` alone, except the shipped ones;
the figures are those of rows with `part: test` where the data folder has such rows, else of `part: dev`. A training row
whose question occurs among the measured rows was left out, for the shipped heads too.

- **n-grams**: words, word pairs and character 4-grams, linear. **static**: the static embedding alone, linear.
- **encoder**: the encoder's sentence embedding alone, linear, for every request.
- **all, always**: n-grams, static embedding and encoder together for every request.
- **cascade**: the cheap stage, and the encoder only where the cheap confidence is under the head's `unsure_below`.
- **shipped**: the head inside the program, with no encoder, and as cascade where an encoder is configured.
- **rows**: learned from / measured. **ECE**: calibration error of `confidence`, 15 bins. **ECE by chance**: what
  perfectly calibrated probabilities stay under in 95 of 100 draws of as many rows: an ECE below it says nothing against
  the calibration. **OOS AUROC**: the out-of-scope score. **time**: median of one request on one core, of the cascade
  the mean with its share of encoder calls. **head**: its memory. **kept**: share of requests without abstention at the
  head's own thresholds.

)";

constexpr std::string_view kSets = R"(
- `clinc150`, `banking77`, `snips`: intents. `sgd`: which service a turn of a dialogue is about, from the turn and the
  one before. `mmlu_pro`: category of an exam question with its options. `mmlu_subjects`: which of 57 subjects.
  `datasets`: which benchmark a prompt comes from.
- `vsr_domain`: a peer's questions, most of them without options, in the same 14 categories. Learned from exam questions
  with and without their options, from questions written for this project (50 topics a category) and from everyday
  requests as `other`; confidence is calibrated on questions without options. None of the peer's rows was learned from;
  some thirty had been read before the project's questions were written, and their topics were avoided.
- `sgd` and `vsr_domain` are measured on sources that training lacks (another hotel service, other people's questions),
  so their heads are calibrated half on rows whose service or data set the fit has not seen.
- `task`: what kind of work a prompt asks for, from the data set that it comes from; only the shipped head is measured.
)";

constexpr std::string_view kServed = R"(
## Other signals, as served

Each is compiled from its configuration and asked about one request after another.

- **F1**: of the positive class with two classes, macro F1 with more, of `pii` spans the exact one. **AUROC**: of the
  signal's value. **ECE**: of the confidence in its truth. A question counts as hard for `complexity` when fewer than half
  of the models that tried it were right.
- `needs_facts` and `complexity` read heads that learned from rows with `part: train` of the same tables, so these are
  figures for prompts of the same kinds; `needs_facts` on sentences written for this project is the check on others.
- `similarity`, `preference` and `knowledge` are what an operator writes: here ten intents of CLINC150, by examples and
  entries from its training rows and by descriptions written from the intents' names. A tenth of the other 140 intents'
  rows must be recognised as none of the ten. Their default thresholds were fitted on training rows.
- *Written for this project*: every second row of `tests/data/cues`, which the weights were not fitted on; `prior` is
  0.5 as in those rows. The other rows use the defaults.
- No shared set labels safety, feedback or modality. A peer's attacks: most of them ask for harmful or indecent content
  rather than to drop rules; that is what `safety` is for, so both are asked together as well.

)";

constexpr std::string_view kWhy = R"(
Why, where a calibration error is missed:

- The shipped `domain` head is calibrated for questions from elsewhere too, half and half: of those of `mmlu_pro`, most
  like what it learned from, it is right three points more often than it says. Calibrated on its own sources alone it
  was two points too sure of them and four to six too sure of others' questions (`vsr_domain`), which it is there for.
- `vsr_domain` with the encoder: 331 rows, on which 0.08 is what chance gives. Calibrated half on unseen sources, the
  cascade asks the encoder less often there than it may, and is 3 rows of 331 short of everything for every request.
- `jailbreak` on a peer's attacks: two thirds of what that peer blocks are indecent requests that attack no rule, 5 % of
  the rows without a cue, where the signal says 2 %. With `safety` beside it more of them are found.
)";

std::string verdict_list(const SignalReport& report) {
  std::string out = "\n## Targets\n\n";
  for (const Verdict& v : verdicts(report)) {
    out += fmt::format("- {}: {}\n", name_of(v.kind), v.text);
  }
  out += R"(
The cascade's accuracy is held against the encoder alone, and against everything for every request, less one point.
Tool recall is the best of the ways above. Settings of the trainer (folds, the cascade's allowed loss, the form of the
confidence curves, of `pii`'s too) were chosen while looking at `dev` rows, so figures on `dev` are somewhat kind; rows
of part `test` are the check. That `vsr_domain` learns first from questions without options was chosen after a look at
its figures, and of two ways to share out the shipped `domain` head's calibration rows the one that did better there was
kept, so these are somewhat kind too.
)";
  if (any_missed(report)) out += kWhy;
  if (!report.notes.empty()) out += "\n";
  for (const std::string& note : report.notes) out += "- " + note + "\n";
  return out;
}

}  // namespace

std::string to_markdown(const SignalReport& report) {
  std::string out = fmt::format(
      "# How well signals understand\n\nWritten by `switchyard eval signals{} --max-train {} "
      "--max-test {} --out docs/guide/signals.md`;\nrun it again after a change.\n",
      report.encoder_name.empty() ? "" : " --encoder FOLDER", report.max_train, report.max_test);
  out += kIntroduction;
  if (!report.encoder_name.empty()) {
    out += fmt::format("Encoder: {}, int8, {} in memory, first 128 tokens.\n", report.encoder_name,
                       bytes(report.encoder_bytes));
  }
  if (!report.static_name.empty()) {
    out += fmt::format("Static embedding: {}, {} in memory.\n", report.static_name,
                       bytes(report.static_bytes));
  }
  out += fmt::format(
      "At most {} rows of a set are learned from and {} measured, chosen by id. The {} took "
      "{:.1f} minutes.\n",
      report.max_train, report.max_test, report.kept.empty() ? "whole run" : "last run",
      report.seconds / 60);
  if (!report.kept.empty()) {
    out += "Kept from an earlier run, because nothing that they depend on has changed: " +
           report.kept + ".\n";
  }
  out += "\n" + markdown(kHead, report.rows);
  out += kSets;
  if (!report.served.empty()) out.append(kServed).append(markdown(kServedHead, report.served));
  if (!report.tools.empty()) {
    out +=
        "\n## Tool relevance\n\nWhich of all tools of the catalogue does the question need? "
        "Nothing is trained: cosine of idf-weighted n-grams of\nname, description and parameters; "
        "of embeddings; and the sum of both.\n\n" +
        markdown(kToolHead, report.tools);
  }
  if (report.language_samples != 0) {
    out += fmt::format(
        "\n## Language\n\nRight: {} of {} requests in {} languages, written for this table.\n",
        std::lround(report.language_accuracy * static_cast<double>(report.language_samples)),
        report.language_samples, report.languages);
  }
  return out + verdict_list(report);
}

}  // namespace swy::eval
