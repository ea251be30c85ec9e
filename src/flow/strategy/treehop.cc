// treehop: passages of a small corpus are retrieved in several hops, by vectors alone, and one
// model answers with them.
//
// Rule: the question's vector finds its `keep` nearest passages; every passage makes the query of
// the next hop (math/tree_hop.h: query - passage + gate); after `hops` layers, or when no branch
// survives, the chosen model is asked once, with the question and the passages in the order found.
// Passages nearer than `least` alone are taken, at every hop; without any the client's request goes
// as it is. No model is called between hops: retrieval costs (1 + (hops - 1) keep) scans of the
// corpus and is part of the router, the call is what is paid. Loses where questions need one
// passage or none (noise: a peer lost 3.4 points by retrieving at a median similarity of .167,
// hence `least`), and without trained `weights`: the identity is the formula, not a trained
// retriever; none are shipped. A call with passages is one message: what came before in the
// conversation is not sent. Paper: TreeHop (arXiv 2504.20114; request-routing.md 4.14): variant of,
// in a flow's first step; deviations in math/tree_hop.cc. Tests: treehop_test.cc,
// math/tree_hop_test.cc, flow/tree_hop_file_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/json.h"
#include "flow/plugin.h"
#include "flow/prompts.h"
#include "flow/tree_hop_file.h"
#include "record/gzip_reader.h"

namespace swy::flow {
namespace {

using route::Episode;
using route::Step;

constexpr std::size_t kMostPassages = 20'000;

struct Options {
  std::string passages;
  std::string encoder = "static_embedding";
  std::string weights;
  std::int64_t hops = 2;
  std::int64_t keep = 4;
  double least = 0.3;
  std::int64_t passage_bytes = 2'000;

  void bind(base::OptionBinder& b) {
    b.field("passages", passages, "JSON lines with text, plain or gzip; required");
    b.field("encoder", encoder, "of questions and passages; one that takes microseconds");
    b.field("weights", weights, "trained for that encoder; absent: the identity");
    b.field("hops", hops, {1, 5}, "layers of retrieval");
    b.field("keep", keep, {1, 20}, "passages a query finds, and a layer keeps");
    b.field("least", least, {-1, 1}, "cosine below which a passage is not taken");
    b.field("passage_bytes", passage_bytes, {16, 100'000}, "of a passage that is quoted");
  }
};

class TreeHop final : public route::Strategy {
 public:
  const route::Encoder* encoder = nullptr;  // of the plan that this is part of
  math::TreeHopWeights weights;
  math::TreeHopOptions search;
  std::size_t most = 0;
  std::vector<std::string> texts;
  math::Matrix vectors;
  std::vector<std::uint32_t> order;  // candidates by price

  [[nodiscard]] Step next(const Episode& e) const override {
    for (std::uint32_t i = 0; i < e.seen.size(); ++i) {
      if (!e.seen[i].failed)
        return route::AnswerWith{i, route::ReasonText("answered with what was found")};
    }
    const auto who = following(e);
    if (!who || e.calls_left == 0)
      return route::Abstain{route::ReasonText("no model gave an answer")};
    const std::vector<math::TreeHopHit> hits = retrieve(e.question);
    route::RunCalls run = run_one(*who, "no passage is near enough");
    if (hits.empty()) return run;
    std::vector<std::string> found;
    for (const math::TreeHopHit& h : hits) found.push_back(texts[h.passage]);
    run.calls[0].prompt = passages_prompt(e.question, found, most);
    run.why = route::ReasonText(fmt::format("{} passages in {} hops, nearest {:.3f}", hits.size(),
                                            hits.back().hop + 1, hits.front().score));
    return run;
  }

 private:
  [[nodiscard]] std::optional<std::uint32_t> following(const Episode& e) const {
    if (may_ask(e, e.chosen)) return e.chosen;
    for (const std::uint32_t c : order) {
      if (may_ask(e, c)) return c;
    }
    return std::nullopt;
  }
  [[nodiscard]] std::vector<math::TreeHopHit> retrieve(std::string_view question) const {
    std::vector<float> query(weights.dims);
    if (!encoder->encode({&question, 1}, query)) return {};
    return math::tree_hop(weights, vectors, query, search);
  }
};

// False: an error was reported.
bool read_passages(const std::string& path, base::Mark mark, route::BuildContext& ctx,
                   std::vector<std::string>& out) {
  const auto complain = [&](std::string message) {
    ctx.diag().error(mark, std::move(message));
    return false;
  };
  auto file = record::GzipReader::open(path);
  if (!file) return complain(file.error().message);
  base::JsonDoc doc;
  for (;;) {
    const auto line = file->next();
    if (!line) return complain(line.error().message);
    if (!*line) break;
    const auto row = doc.parse(**line);
    out.emplace_back(row ? row->string_or("text", "") : "");
    if (out.back().empty())
      return complain(fmt::format("{}: expected {{\"text\": ...}}", file->where()));
    if (out.size() > kMostPassages)
      return complain(fmt::format("{}: more than {} passages", path, kMostPassages));
  }
  return !out.empty() || complain(fmt::format("{} is empty", path));
}

bool encode_all(const Options& o, const base::Doc& node, route::BuildContext& ctx, TreeHop& made) {
  const auto id = ctx.encoder(o.encoder, mark_of(node, "encoder"));
  if (!id) return false;
  const route::Encoder& encoder = ctx.encoder(*id);
  const auto complain = [&](std::string_view key, std::string message) {
    ctx.diag().error(mark_of(node, key), std::move(message));
    return false;
  };
  if (!encoder.immediate())
    return complain("encoder", fmt::format("'{}' is too slow to be asked between two calls: take "
                                           "a static_embedding",
                                           o.encoder));
  made.encoder = &encoder;
  made.weights = math::TreeHopWeights::identity(encoder.dims());
  if (!o.weights.empty()) {
    auto read =
        load_tree_hop(std::filesystem::path(ctx.directory()) / o.weights, encoder.content_hash());
    if (!read) return complain("weights", read.error().message);
    if (read->dims != encoder.dims())
      return complain("weights", fmt::format("{}: of {} dimensions, the encoder has {}", o.weights,
                                             read->dims, encoder.dims()));
    made.weights = std::move(*read);
  }
  made.vectors.reset(made.texts.size(), encoder.dims());
  const std::vector<std::string_view> views(made.texts.begin(), made.texts.end());
  if (const auto done = encoder.encode(views, made.vectors.all()); !done)
    return complain("encoder", done.error().message);
  return true;
}

}  // namespace

std::unique_ptr<route::Strategy> make_treehop(const base::Doc& node, route::BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  if (o.passages.empty()) {
    ctx.diag().error(mark_of(node, "type"), "treehop needs passages: a file of JSON lines");
    return nullptr;
  }
  auto made = std::make_unique<TreeHop>();
  made->search = {static_cast<std::size_t>(o.hops), static_cast<std::size_t>(o.keep),
                  static_cast<float>(o.least)};
  made->most = static_cast<std::size_t>(o.passage_bytes);
  made->order = by_price(ctx);
  const std::string path = std::filesystem::path(ctx.directory()) / o.passages;
  if (!read_passages(path, mark_of(node, "passages"), ctx, made->texts)) return nullptr;
  if (!encode_all(o, node, ctx, *made)) return nullptr;
  return made;
}

}  // namespace swy::flow
