// multimodal: what happened on prompts and images like these.
//
// Formula: t is the encoder's vector of the last user text; v what is known of the request's images
// without looking at them (how many, sides, aspect, bytes, bytes a pixel, detail asked for),
// standardised on the table's rows that have images and spread over t's dimensions by fixed random
// signs; f is their fusion (math/fusion.h), for a request without images t alone. Rows of the table
// are grouped by k-means of f; quality of m = m's mean in the nearest group, drawn to its mean over
// all rows by `shrink` pseudo-rows; evidence and variance as of that many rows. Cost: groups x
// dimensions. When it loses: where what is in the picture decides, which nothing here sees; without
// images `clusters` does the same with less. Source: MMR-Bench's k-means router with adaptive
// fusion; request-routing.md 4.9: variant of. Deviations: facts in place of CLIP's image vector;
// statistics of the table, never of what is asked; shrinkage. Tests: multimodal_test.cc,
// math/fusion_test.cc (known answer), text/image_facts_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "base/json.h"
#include "base/rng.h"
#include "math/cluster_map.h"
#include "math/fusion.h"
#include "record/gzip_reader.h"
#include "route/estimator/observed.h"
#include "text/image_facts.h"

namespace swy::route {
namespace {

constexpr std::size_t kFacts = 8;
constexpr std::size_t kMostImages = 16;  // of a request, that are looked at
constexpr std::size_t kBatch = 64;
constexpr float kCut = 4;
constexpr std::size_t kRounds = 30;

struct Options {
  TableOptions source;
  std::string images;
  std::string encoder = "static_embedding";
  std::int64_t clusters = 20;
  double shrink = 10;
  std::int64_t seed = 1;

  void bind(base::OptionBinder& b) {
    source.bind(b);
    b.field("images", images,
            "JSON lines: id of a row and images: list of width, height, bytes, detail");
    b.field("encoder", encoder, "of the texts");
    b.field("clusters", clusters, {.min = 1, .max = 1024}, "groups of k-means");
    b.field("shrink", shrink, {.min = 0, .max = 1e6},
            "pseudo-observations of every group at the model's mean over the whole table");
    b.field("seed", seed, {.min = 0, .max = 1e9}, "of k-means");
  }
};

struct Image {
  text::ImageFacts facts;
  int detail = 0;  // -1 low, 1 high
};
using Facts = std::array<float, kFacts>;

// What can be counted on some images; the sizes are means over those whose size is known.
Facts facts_of(std::span<const Image> images) {
  Facts f{};
  const auto log = [](double v) { return static_cast<float>(std::log1p(v)); };
  float sized = 0, weighed = 0, dense = 0;
  for (const Image& i : images) {
    const double w = i.facts.width, h = i.facts.height;
    const auto bytes = static_cast<double>(i.facts.bytes);
    if (w > 0 && h > 0) {
      sized += 1;
      f[1] += log(w);
      f[2] += log(h);
      f[3] += static_cast<float>(std::log(w / h));
    }
    if (bytes > 0) {
      weighed += 1;
      f[4] += log(bytes);
    }
    if (w > 0 && h > 0 && bytes > 0) {
      dense += 1;
      f[5] += static_cast<float>(std::log(bytes / (w * h)));
    }
    f[6] += static_cast<float>(i.detail);
  }
  for (std::size_t k = 1; k <= 3; ++k) f[k] = sized > 0 ? f[k] / sized : 0;
  f[4] = weighed > 0 ? f[4] / weighed : 0;
  f[5] = dense > 0 ? f[5] / dense : 0;
  const auto n = static_cast<float>(images.size());
  f[6] = n > 0 ? f[6] / n : 0;
  f[0] = log(static_cast<double>(images.size()));
  f[7] = n > 0 ? 1 - sized / n : 0;  // of unknown size
  return f;
}

int detail_of(std::string_view name) { return name == "high" ? 1 : name == "low" ? -1 : 0; }

// Facts of the images of every row, by id.
using ImageRows = std::map<std::string, Facts, std::less<>>;

// How facts become a vector as long as a text's.
struct ImageSpace {
  Facts mean{}, deviation{};
  std::vector<float> signs;  // kFacts x dims

  void fit(std::span<const Facts> rows, std::size_t dims) {
    for (std::size_t k = 0; k < kFacts; ++k) {
      double sum = 0, square = 0;
      for (const Facts& f : rows) {
        sum += static_cast<double>(f[k]);
        square += static_cast<double>(f[k]) * static_cast<double>(f[k]);
      }
      const auto n = static_cast<double>(std::max<std::size_t>(rows.size(), 1));
      const double variance = square / n - sum / n * (sum / n);
      mean[k] = static_cast<float>(sum / n);
      deviation[k] = variance > 1e-9 ? static_cast<float>(std::sqrt(variance)) : 0.0F;
    }
    // 1 / sqrt(facts dims): facts at one deviation give a vector of about norm 1.
    const float unit = 1 / std::sqrt(static_cast<float>(kFacts * dims));
    base::Rng rng(kFacts, dims, 0x494D);
    for (std::size_t i = 0; i < kFacts * dims; ++i)
      signs.push_back(rng.below(2) == 0 ? unit : -unit);
  }
  void place(const Facts& f, std::span<float> out) const {
    std::fill(out.begin(), out.end(), 0.0F);
    for (std::size_t k = 0; k < kFacts; ++k) {
      const float z =
          deviation[k] > 0 ? std::clamp((f[k] - mean[k]) / deviation[k], -kCut, kCut) : 0.0F;
      for (std::size_t d = 0; d < out.size(); ++d) out[d] += z * signs[k * out.size() + d];
    }
  }
};

class Multimodal final : public Estimator {
 public:
  Multimodal(Observed past, EncodingKey key) : past_(std::move(past)), key_(key) {}

  ImageRows rows;  // what evaluation asks about by id
  ImageSpace space;
  math::Fusion fusion;
  math::ClusterMap map;
  std::vector<double> evidence;  // models x groups
  double shrink = 0;
  std::uint64_t known = 0;

  void estimate(const Question& q, std::span<Belief> out) const override {
    const Encoding* e = q.reading.encoding(key_);
    if (e == nullptr || e->state != Encoding::State::kReady) return;
    thread_local std::vector<float> v, f, share;
    thread_local std::vector<double> quality;
    v.assign(map.dims, 0.0F);
    f.resize(map.dims);
    share.resize(map.groups);
    quality.resize(map.outputs);
    if (const auto facts = facts_for(q)) space.place(*facts, v);
    fusion.fuse(e->values, v, f);
    map.shares(f, share);
    map.predict(f, quality);
    const auto group =
        static_cast<std::size_t>(std::max_element(share.begin(), share.end()) - share.begin());
    const std::uint32_t excluded = past_.find(q.work().exclude_row);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const ObservedModel* model = past_.of(q.candidates[i]);
      if (model == nullptr || q.masked(i)) continue;
      const std::size_t m = past_.index_of(*model);
      Belief& b = out[i];
      b.quality = std::clamp(quality[m], 0.0, 1.0);
      b.evidence = evidence[m * map.groups + group];
      b.quality_var = b.quality * (1 - b.quality) / (b.evidence + shrink + 1);
      believe_calls(q, i, mean_calls(*model, excluded), b);
    }
  }
  [[nodiscard]] std::uint64_t version() const override { return known; }

 private:
  // Of the request's images; of a row asked about by its text alone, what the file said. nullopt:
  // there are none.
  [[nodiscard]] std::optional<Facts> facts_for(const Question& q) const {
    std::array<Image, kMostImages> images;
    std::size_t n = 0;
    for (const chat::Part& p : q.reading.request().parts) {
      if (p.kind != chat::PartKind::kImage || n == kMostImages) continue;
      images[n++] = {text::image_facts(p.source), detail_of(p.detail)};
    }
    if (n > 0) return facts_of(std::span(images).first(n));
    const auto row = rows.find(q.work().exclude_row);
    return row == rows.end() ? std::nullopt : std::optional(row->second);
  }

  Observed past_;
  EncodingKey key_;
};

// false: an error was reported.
bool read_images(const std::string& path, base::Mark mark, BuildContext& ctx, ImageRows& out) {
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
    if (!*line) return true;
    const auto row = doc.parse(**line);
    const std::string id(row ? row->string_or("id", "") : "");
    const auto list = row ? row->find("images") : std::nullopt;
    if (id.empty() || !list || !list->is_array())
      return complain(
          fmt::format("{}: expected {{\"id\": ..., \"images\": [...]}}", file->where()));
    std::vector<Image> images;
    bool sound = true;
    list->each([&](const base::Json& j) {
      const auto count = [&](std::string_view name, double most) {
        const double v = j.is_object() ? j.number_or(name, 0) : -1;
        sound = sound && v >= 0 && v <= most;
        return sound ? v : 0;
      };
      Image i;
      i.facts.width = static_cast<std::uint32_t>(count("width", 1e6));
      i.facts.height = static_cast<std::uint32_t>(count("height", 1e6));
      i.facts.bytes = static_cast<std::uint64_t>(count("bytes", 1e12));
      i.detail = j.is_object() ? detail_of(j.string_or("detail", "")) : 0;
      if (images.size() < kMostImages) images.push_back(i);
    });
    if (!sound) return complain(fmt::format("{}: an image's numbers are not", file->where()));
    if (!images.empty()) out[id] = facts_of(images);
  }
}

// Vectors of the texts and of the images of all rows. false: an error was reported.
struct Rows {
  std::vector<std::string> ids, prompts;
};
bool fuse_rows(const Rows& rows, const Encoder& encoder, base::Mark mark, BuildContext& ctx,
               Multimodal& made, math::Matrix& fused) {
  const std::size_t n = rows.ids.size();
  const std::size_t dims = encoder.dims();
  math::Matrix texts(n, dims), images(n, dims);
  std::vector<std::string_view> batch;
  for (std::size_t i = 0; i < n; i += kBatch) {
    const std::size_t m = std::min(kBatch, n - i);
    batch.assign(rows.prompts.begin() + static_cast<std::ptrdiff_t>(i),
                 rows.prompts.begin() + static_cast<std::ptrdiff_t>(i + m));
    if (const auto done = encoder.encode(batch, texts.all().subspan(i * dims, m * dims)); !done) {
      ctx.diag().error(mark, done.error().message);
      return false;
    }
  }
  std::vector<Facts> facts;
  for (const std::string& id : rows.ids) {
    const auto found = made.rows.find(id);
    if (found != made.rows.end()) facts.push_back(found->second);
  }
  made.space.fit(facts, dims);
  for (std::size_t i = 0; i < n; ++i) {
    const auto found = made.rows.find(rows.ids[i]);
    if (found != made.rows.end()) made.space.place(found->second, images.row(i));
  }
  made.fusion = math::fit_fusion(texts, images);
  fused.reset(n, dims);
  for (std::size_t i = 0; i < n; ++i) made.fusion.fuse(texts.row(i), images.row(i), fused.row(i));
  return true;
}

}  // namespace

std::unique_ptr<Estimator> make_multimodal(const base::Doc& node, BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  const std::size_t before = ctx.diag().errors();
  Rows rows;
  auto past =
      Observed::load(o.source, "multimodal", node.mark(), ctx, [&](const record::OutcomeRow& row) {
        rows.ids.emplace_back(row.id);
        rows.prompts.emplace_back(row.prompt);
      });
  const auto encoder = ctx.encoder(o.encoder, base::mark_of(node, "encoder"));
  if (ctx.diag().errors() != before || !encoder) return nullptr;
  if (!past || rows.ids.empty()) return std::make_unique<Unlearned>();
  const auto quality = past->qualities();
  const std::uint64_t version = past->version();
  auto made =
      std::make_unique<Multimodal>(std::move(*past), EncodingKey{*encoder, chat::Scope::kLastUser});
  const std::string path =
      o.images.empty() ? "" : std::filesystem::path(ctx.directory()) / o.images;
  if (!path.empty() && !read_images(path, base::mark_of(node, "images"), ctx, made->rows))
    return nullptr;
  math::Matrix fused;
  if (!fuse_rows(rows, ctx.encoder(*encoder), node.mark(), ctx, *made, fused)) return nullptr;
  const auto group = math::dense_k_means(fused, static_cast<std::size_t>(o.clusters), kRounds,
                                         static_cast<std::uint64_t>(o.seed));
  made->map = math::nearest_centre_map(fused, quality, group, o.shrink);
  made->shrink = o.shrink;
  made->known = version;
  made->evidence.assign(made->map.outputs * made->map.groups, 0.0);
  for (std::size_t m = 0; m < quality.size(); ++m) {
    for (std::size_t i = 0; i < group.size(); ++i)
      made->evidence[m * made->map.groups + group[i]] += std::isnan(quality[m][i]) ? 0 : 1;
  }
  return made;
}

}  // namespace swy::route
