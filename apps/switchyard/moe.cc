// switchyard moe: run the assignment of a preset on a file of router scores, simulate a stream of
// batches, list the presets.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <numbers>

#include "base/json.h"
#include "base/rng.h"
#include "base/terminal.h"
#include "cli.h"
#include "moe/batch.h"
#include "moe/spec_text.h"
#include "moe_plot.h"
#include "score_file.h"

namespace swy::app {
namespace {

struct Options {
  std::string preset = "mixtral";
  std::string set;  // YAML over the preset
  std::string scores, tensor, bias;
  std::uint64_t seed = 1;
  bool training = false;
  bool json = false;
  // run
  std::uint32_t show = 16;
  std::uint32_t window = 8;
  // simulate
  std::uint32_t experts = 64, tokens = 512, steps = 200;
  double skew = 0.05;
  std::uint32_t turn = 0;
  std::string plot;
};

void add_spec(CLI::App& c, Options& o) {
  c.add_option("--preset", o.preset, "the rule of a known model or paper: `moe presets`")
      ->capture_default_str();
  c.add_option("--set", o.set, "fields over the preset: '{k: 4, cap: arrival}'");
  c.add_option("--tensor", o.tensor, "of a .safetensors file with several");
  c.add_option("--seed", o.seed, "of everything random")->capture_default_str();
  c.add_flag("--training", o.training, "with noise and random second choices");
  c.add_flag("--json", o.json, "one JSON object");
}

Result<moe::Spec> spec_of(const Options& o) {
  SWY_TRY(const moe::Spec start, moe::parse_spec("{preset: '" + o.preset + "'}"));
  return moe::parse_spec(o.set, start);
}

std::string trouble(const moe::Status& s) {
  switch (s.code) {
    case moe::Code::kOk:
      return "";
    case moe::Code::kTooShort:
      return fmt::format("{} is too short", s.what);
    case moe::Code::kBadSpec:
      return fmt::format("{} does not fit, by itself or to the number of experts", s.what);
    case moe::Code::kBadShape:
      return fmt::format("{} does not fit the scores", s.what);
    case moe::Code::kUnsupported:
      return fmt::format("not done: {}", s.what);
  }
  return "";
}

int complain_about(const Error& e) {
  return complain(e.code == ErrorCode::kNotFound ? kEnvironment : kUsage, e.message);
}

moe::Ctx context(const Options& o, std::vector<std::uint32_t>& ids, std::uint32_t rows) {
  moe::Ctx ctx;
  ctx.seed = o.seed;
  ctx.training = o.training;
  ids.resize(rows);
  for (std::uint32_t i = 0; i < rows; ++i) ids[i] = i;
  ctx.token_id = ids;  // for rules that hash: the row
  return ctx;
}

// ---- run

void write_metrics(base::JsonWriter& w, const moe::Metrics& m) {
  w.begin_object()
      .field("maxvio", m.maxvio)
      .field("cv2", m.cv2)
      .field("entropy", m.entropy)
      .field("drop_rate", m.drop_rate)
      .field("tls", m.tls)
      .field("cls", m.cls)
      .end_object();
}

template <typename Number>
void write_numbers(base::JsonWriter& w, const char* name, std::span<Number> numbers) {
  w.key(name).begin_array();
  for (const Number v : numbers) w.number(static_cast<double>(v));
  w.end_array();
}

std::string json_of(const moe::Spec& spec, const moe::Batch& batch, const Options& o) {
  std::string out;
  base::JsonWriter w(out);
  const moe::Assignment& a = batch.result();
  const moe::Shape shape = batch.shape();
  w.begin_object()
      .field("preset", o.preset)
      .field("spec", moe::to_text(spec))
      .field("tokens", shape.tokens)
      .field("experts", shape.experts)
      .field("nan_scores", a.nan_scores);
  w.key("assignment").begin_array();
  for (std::size_t t = 0; t < shape.tokens; ++t) {
    const std::size_t at = t * shape.kmax;
    w.begin_object();
    write_numbers(w, "experts", a.expert.subspan(at, shape.kmax));
    write_numbers(w, "weights", a.weight.subspan(at, shape.kmax));
    write_numbers(w, "slots", a.slot.subspan(at, shape.kmax));
    w.end_object();
  }
  w.end_array();
  write_numbers(w, "demand", a.demand.first(shape.experts));
  write_numbers(w, "kept", a.kept.first(shape.experts));
  write_metrics(w.key("metrics"), batch.measure(o.window));
  w.end_object();
  return out + "\n";
}

std::string row_text(const moe::Assignment& a, std::size_t at, std::uint32_t kmax) {
  std::string experts;
  std::string weights;
  for (std::uint32_t j = 0; j < kmax; ++j) {
    if (a.expert[at + j] < 0) continue;
    experts += fmt::format("{:>5}", a.expert[at + j]);
    weights += fmt::format("{:>8.4f}", static_cast<double>(a.weight[at + j]));
  }
  if (experts.empty()) return "nobody";
  return experts + "   " + weights;
}

void print_loads(const moe::Batch& batch, bool color) {
  const moe::Assignment& a = batch.result();
  const std::uint32_t experts = batch.shape().experts;
  const std::uint32_t most =
      std::max(1U, *std::max_element(a.demand.begin(), a.demand.begin() + experts));
  fmt::print("\n{}\n", base::styled(" expert  demand    kept", "bold", color));
  for (std::uint32_t e = 0; e < experts; ++e) {
    const auto bar = static_cast<std::size_t>(std::lround(40.0 * a.kept[e] / most));
    const auto lost = static_cast<std::size_t>(std::lround(40.0 * a.demand[e] / most)) - bar;
    fmt::print("{:>7} {:>7} {:>7}  {}{}\n", e, a.demand[e], a.kept[e], std::string(bar, '#'),
               base::styled(std::string(lost, '-'), "red", color));
  }
}

void print_run(const moe::Spec& spec, const moe::Batch& batch, const Options& o) {
  const bool color = base::color_on(1);
  const moe::Assignment& a = batch.result();
  const moe::Shape shape = batch.shape();
  fmt::print("{} tokens, {} experts, {}: {}\n", shape.tokens, shape.experts, o.preset,
             moe::to_text(spec, moe::Spec{}));
  if (a.nan_scores > 0) fmt::print("{} scores are NaN and count as the lowest\n", a.nan_scores);
  const std::uint32_t shown = std::min(o.show, shape.tokens);
  if (shown > 0) fmt::print("\n{}\n", base::styled("  token  experts   weights", "bold", color));
  for (std::uint32_t t = 0; t < shown; ++t)
    fmt::print("{:>7}  {}\n", t, row_text(a, std::size_t{t} * shape.kmax, shape.kmax));
  if (shown < shape.tokens) fmt::print("    ...  {} more (--show)\n", shape.tokens - shown);
  print_loads(batch, color);
  const moe::Metrics m = batch.measure(o.window);
  fmt::print(
      "\nmax violation {:.4f}   cv2 {:.4f}   entropy {:.4f}   dropped {:.4f}   TLS {:.4f}   CLS_{} "
      "{:.4f}\n",
      m.maxvio, m.cv2, m.entropy, m.drop_rate, m.tls, o.window, m.cls);
}

int run_file(const Options& o) {
  const auto spec = spec_of(o);
  if (!spec) return complain_about(spec.error());
  const auto file = read_scores(o.scores, o.tensor);
  if (!file) return complain_about(file.error());
  std::vector<float> bias;
  if (!o.bias.empty()) {
    auto row = read_row(o.bias, "");
    if (!row) return complain_about(row.error());
    if (row->size() != file->cols)
      return complain(
          kUsage, fmt::format("{}: {} numbers for {} experts", o.bias, row->size(), file->cols));
    bias = std::move(*row);
  }
  std::vector<std::uint32_t> ids;
  const moe::Ctx ctx = context(o, ids, file->rows);
  moe::State state;
  state.bias = bias;
  moe::Batch batch;
  if (const auto s = batch.assign(*spec, file->rows_at(0, file->rows), ctx, state); !s.ok())
    return complain(kUsage, trouble(s));
  if (o.json) {
    fmt::print("{}", json_of(*spec, batch, o));
  } else {
    print_run(*spec, batch, o);
  }
  return kOk;
}

// ---- simulate

double normal(base::Rng& rng) {
  const double radius = std::sqrt(-2 * std::log(1 - rng.uniform()));
  return radius * std::cos(2 * std::numbers::pi * rng.uniform());
}

// Batches of a file, or of a made-up stream: N(0, 1) less skew times the expert's place, which
// moves on by a quarter of the experts every `turn` steps.
class Stream {
 public:
  Stream(const Options& o, const ScoreFile* file) : o_(o), file_(file) {
    if (file != nullptr) {
      tokens_ = file->steps > 1 ? file->rows / file->steps : std::min(o.tokens, file->rows);
      steps_ = tokens_ == 0 ? 0 : file->rows / tokens_;
      experts_ = file->cols;
    } else {
      tokens_ = o.tokens, steps_ = o.steps, experts_ = o.experts;
    }
  }
  [[nodiscard]] std::uint32_t tokens() const { return tokens_; }
  [[nodiscard]] std::uint32_t steps() const { return steps_; }
  [[nodiscard]] std::uint32_t experts() const { return experts_; }
  moe::Scores batch(std::uint32_t step) {
    if (file_ != nullptr) return file_->rows_at(step * tokens_, tokens_);
    made_.resize(std::size_t{tokens_} * experts_);
    base::Rng rng(o_.seed, step, 0x30E);
    const std::uint32_t turned = o_.turn == 0 ? 0 : step / o_.turn * (experts_ / 4);
    for (std::size_t i = 0; i < made_.size(); ++i) {
      const auto place = (i % experts_ + turned) % experts_;
      made_[i] = static_cast<float>(normal(rng) - o_.skew * static_cast<double>(place));
    }
    return moe::Scores::f32(made_, tokens_, experts_);
  }

 private:
  const Options& o_;
  const ScoreFile* file_;
  std::uint32_t tokens_ = 0, steps_ = 0, experts_ = 0;
  std::vector<float> made_;
};

Result<MoeTrace> simulate_stream(const Options& o, const moe::Spec& spec, Stream& stream) {
  MoeTrace trace;
  trace.experts = stream.experts();
  trace.title = fmt::format("{}: {}", o.preset, moe::to_text(spec, moe::Spec{}));
  moe::StateMemory memory(spec, stream.experts());
  moe::Batch batch;
  std::vector<std::uint32_t> ids;
  moe::Ctx ctx = context(o, ids, stream.tokens());
  base::Progress progress("moe simulate", stream.steps());
  for (std::uint32_t step = 0; step < stream.steps(); ++step) {
    ctx.step = step;
    const moe::Scores scores = stream.batch(step);
    moe::State state = memory.view();
    auto status = batch.assign(spec, scores, ctx, state);
    if (status.ok() && spec.update != moe::Update::kNone)
      status = batch.update(spec, scores, ctx, state);
    if (!status.ok()) return fail(ErrorCode::kInvalidArgument, trouble(status));
    memory.take(state);
    const moe::Metrics m = batch.measure(o.window);
    trace.maxvio.push_back(m.maxvio);
    trace.dropped.push_back(m.drop_rate);
    const auto demand = batch.result().demand.first(stream.experts());
    trace.demand.insert(trace.demand.end(), demand.begin(), demand.end());
    progress.advance();
  }
  trace.bias = memory.bias;
  return trace;
}

double mean_of(std::span<const double> v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return v.empty() ? 0 : sum / static_cast<double>(v.size());
}

void print_trace(const MoeTrace& t, const Stream& stream) {
  fmt::print("{}\n{} steps of {} tokens, {} experts\n\n", t.title, stream.steps(), stream.tokens(),
             t.experts);
  fmt::print("{}\n",
             base::styled("          steps  max violation   dropped", "bold", base::color_on(1)));
  const std::size_t n = t.maxvio.size();
  const std::size_t parts = std::min<std::size_t>(10, n);
  for (std::size_t k = 0; k < parts; ++k) {
    const std::size_t from = k * n / parts;
    const std::size_t to = (k + 1) * n / parts;
    fmt::print("{:>7} to {:>4}  {:>13.4f}  {:>8.4f}\n", from, to - 1,
               mean_of(std::span(t.maxvio).subspan(from, to - from)),
               mean_of(std::span(t.dropped).subspan(from, to - from)));
  }
}

std::string json_of(const MoeTrace& t, const Stream& stream, const moe::Spec& spec) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("spec", moe::to_text(spec))
      .field("steps", stream.steps())
      .field("tokens", stream.tokens())
      .field("experts", t.experts);
  write_numbers(w, "maxvio", std::span(t.maxvio));
  write_numbers(w, "drop_rate", std::span(t.dropped));
  write_numbers(w, "bias", std::span(t.bias));
  w.key("demand").begin_array();
  for (std::size_t s = 0; s < t.maxvio.size(); ++s) {
    w.begin_array();
    for (std::uint32_t e = 0; e < t.experts; ++e) w.integer(t.demand[s * t.experts + e]);
    w.end_array();
  }
  w.end_array().end_object();
  return out + "\n";
}

int simulate(const Options& o) {
  const auto spec = spec_of(o);
  if (!spec) return complain_about(spec.error());
  std::optional<ScoreFile> file;
  if (!o.scores.empty()) {
    auto read = read_scores(o.scores, o.tensor);
    if (!read) return complain_about(read.error());
    file = std::move(*read);
  }
  Stream stream(o, file ? &*file : nullptr);
  if (stream.steps() == 0) return complain(kUsage, "no tokens: nothing to simulate");
  const auto trace = simulate_stream(o, *spec, stream);
  if (!trace) return complain_about(trace.error());
  if (o.json) {
    fmt::print("{}", json_of(*trace, stream, *spec));
  } else {
    print_trace(*trace, stream);
  }
  if (o.plot.empty()) return kOk;
  std::ofstream out(o.plot, std::ios::binary);
  out << to_svg(*trace);
  out.close();
  if (!out) return complain(kEnvironment, "cannot write " + o.plot);
  fmt::print(stderr, "wrote {}\n", o.plot);
  return kOk;
}

int list_presets() {
  for (const moe::Preset& p : moe::presets())
    fmt::print("{:<16} {}\n{:<16} {}\n", p.name, moe::to_text(p.spec, moe::Spec{}), "", p.source);
  fmt::print("\nFields that are not named are as in {}\n", moe::to_text(moe::Spec{}));
  return kOk;
}

}  // namespace

void add_moe(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c =
      app.add_subcommand("moe", "Assign tokens to experts by the rule of any known model");
  c->require_subcommand(1);
  CLI::App* run = c->add_subcommand("run", "The assignment of a file of router scores");
  run->add_option("scores", o->scores, "a .npy or .safetensors file: tokens x experts")->required();
  add_spec(*run, *o);
  run->add_option("--bias", o->bias, "a file of one row: added to the scores for selection");
  run->add_option("--show", o->show, "tokens to print")->capture_default_str();
  run->add_option("--window", o->window, "tokens of CLS")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  run->footer("\nExample: switchyard moe run logits.npy --preset deepseek-v3 --set '{groups: 4}'");
  run->callback([o, &exit_code] { exit_code = run_file(*o); });
  CLI::App* sim = c->add_subcommand(
      "simulate", "A stream of batches, the rule's state updated after each; loads over time");
  sim->add_option("scores", o->scores,
                  "a file: its steps, or batches of --tokens; left out: made up");
  add_spec(*sim, *o);
  const auto size = CLI::Range(1, 1 << 22);
  sim->add_option("--experts", o->experts, "made up")->capture_default_str()->check(size);
  sim->add_option("--tokens", o->tokens, "of a batch")->capture_default_str()->check(size);
  sim->add_option("--steps", o->steps, "batches, made up")->capture_default_str()->check(size);
  sim->add_option("--skew", o->skew, "logits fall by this from expert to expert")
      ->capture_default_str();
  sim->add_option("--turn", o->turn,
                  "steps after which other experts are the wanted ones; 0: never")
      ->capture_default_str();
  sim->add_option("--plot", o->plot, "an SVG file: the load of every expert at every step");
  sim->footer(
      "\nExample: switchyard moe simulate --preset deepseek-v3 --set '{update: bias_sign}' --plot "
      "loads.svg");
  sim->callback([o, &exit_code] { exit_code = simulate(*o); });
  CLI::App* presets = c->add_subcommand("presets", "The rules that have a name");
  presets->callback([&exit_code] { exit_code = list_presets(); });
}

}  // namespace swy::app
