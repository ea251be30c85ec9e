// config.json, modules.json, 1_Pooling/config.json and sentence_bert_config.json of a checkpoint.
//
// Sizes are bounded before anything is allocated by them; a setting that changes the result and is
// not done here is an error, never ignored. Checked by encoder_load_test.cc.
#include "embed/detail/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>

#include "base/json.h"

namespace swy::embed::detail {
namespace {

using base::Json;

constexpr std::size_t kMaxConfig = std::size_t{16} << 20U;

// One JSON file and what is asked of it; the first complaint is kept.
class Config {
 public:
  Config(std::string path, const Json& json) : path_(std::move(path)), json_(json) {}
  [[nodiscard]] const Json& json() const { return json_; }

  // The first of the names that is there, within [low, high].
  std::size_t size(std::initializer_list<std::string_view> names, std::size_t low, std::size_t high,
                   std::optional<std::size_t> fallback = std::nullopt) {
    for (const auto name : names) {
      const auto v = json_.find(name);
      if (!v || v->is_null()) continue;
      const auto n = v->as_integer();
      if (n && *n >= 0 && static_cast<std::size_t>(*n) >= low &&
          static_cast<std::size_t>(*n) <= high) {
        return static_cast<std::size_t>(*n);
      }
      complain(fmt::format("{} is not a number from {} to {}", name, low, high));
      return low;
    }
    if (!fallback) complain(fmt::format("no {}", *names.begin()));
    return fallback.value_or(low);
  }
  math::Activation activation(std::initializer_list<std::string_view> names) {
    for (const auto name : names) {
      const auto v = json_.find(name);
      if (!v) continue;
      const auto s = v->as_string().value_or("");
      if (s == "gelu") return math::Activation::kGelu;
      if (s == "gelu_new" || s == "gelu_pytorch_tanh" || s == "gelu_fast") {
        return math::Activation::kGeluTanh;
      }
      if (s == "relu") return math::Activation::kRelu;
      refuse(fmt::format("{} '{}' (gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu are done)",
                         name, s));
    }
    return math::Activation::kGelu;
  }
  void complain(std::string why) { set(ErrorCode::kInvalidArgument, std::move(why)); }
  void refuse(std::string why) { set(ErrorCode::kUnsupported, std::move(why)); }
  [[nodiscard]] Status status() const {
    if (!error_) return {};
    return tl::unexpected<Error>(*error_);
  }

 private:
  void set(ErrorCode code, std::string why) {
    if (!error_) error_ = Error{code, path_ + ": " + why};
  }
  std::string path_;
  Json json_;
  std::optional<Error> error_;
};

bool is_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> f(std::fopen(path.c_str(), "rbe"),
                                                          &std::fclose);
  return f != nullptr;
}

struct FamilyName {
  std::string_view type;
  Family family;
  std::string_view name;
};
constexpr std::array kFamilies = {FamilyName{"bert", Family::kBert, "bert"},
                                  FamilyName{"roberta", Family::kRoberta, "roberta"},
                                  FamilyName{"xlm-roberta", Family::kRoberta, "roberta"},
                                  FamilyName{"camembert", Family::kRoberta, "roberta"},
                                  FamilyName{"distilbert", Family::kDistilbert, "distilbert"},
                                  FamilyName{"mpnet", Family::kMpnet, "mpnet"},
                                  FamilyName{"modernbert", Family::kModernbert, "modernbert"}};

void read_modern(Config& c, Spec& s) {
  s.activation = c.activation({"hidden_activation"});
  s.head_activation = c.activation({"classifier_activation"});
  s.eps = static_cast<float>(c.json().number_or("norm_eps", 1e-5));
  s.global_every = c.size({"global_attn_every_n_layers"}, 1, 1000, 3);
  s.reach = c.size({"local_attention"}, 2, 1'000'000, 128) / 2;
  s.theta_global = c.json().number_or("global_rope_theta", 160'000);
  s.theta_local = c.json().number_or("local_rope_theta", s.theta_global);
  // Newer files: rope_parameters by kind of layer.
  if (const auto ropes = c.json().find("rope_parameters")) {
    if (const auto r = ropes->find("full_attention")) {
      s.theta_global = r->number_or("rope_theta", s.theta_global);
    }
    if (const auto r = ropes->find("sliding_attention")) {
      s.theta_local = r->number_or("rope_theta", s.theta_local);
    }
  }
  const auto pooling = c.json().string_or("classifier_pooling", "cls");
  s.head_pools_mean = pooling == "mean";
  if (pooling != "cls" && pooling != "mean")
    c.refuse(fmt::format("classifier_pooling '{}'", pooling));
  if (!(s.theta_global > 1) || !(s.theta_local > 1)) c.complain("a rope theta is not above 1");
  for (const auto name : {"attention_bias", "mlp_bias", "norm_bias", "classifier_bias"}) {
    if (c.json().bool_or(name, false)) c.refuse(fmt::format("{} true", name));
  }
}

void read_head(Config& c, Spec& s) {
  std::string architecture;
  if (const auto list = c.json().find("architectures")) {
    list->each([&](const Json& v) {
      if (architecture.empty()) architecture = v.as_string().value_or("");
    });
  }
  if (architecture.ends_with("ForSequenceClassification")) s.head = Head::kSequence;
  if (architecture.ends_with("ForTokenClassification")) s.head = Head::kToken;
  for (const auto other : {"ForQuestionAnswering", "ForMultipleChoice", "ForCausalLM"}) {
    if (architecture.ends_with(other)) c.refuse(fmt::format("architecture '{}'", architecture));
  }
  const auto labels = c.json().find("id2label");
  if (!labels || labels->size() > 100'000) return;
  s.labels.resize(labels->size());
  labels->each_member([&](std::string_view key, const Json& v) {
    std::size_t i = 0;
    for (const char d : key) {
      i = d >= '0' && d <= '9' && i < s.labels.size() ? i * 10 + static_cast<std::size_t>(d - '0')
                                                      : s.labels.size();
    }
    if (i >= s.labels.size()) return c.complain(fmt::format("id2label: no index '{}'", key));
    s.labels[i] = v.as_string().value_or("");
  });
}

Status read_config(Spec& s) {
  const std::string path = s.folder + "/config.json";
  SWY_TRY(const std::string text, read_text_file(path));
  base::JsonDoc doc;
  auto json = doc.parse(text);
  if (!json) return fail_in(path, json.error());
  Config c(path, *json);
  const auto type = json->string_or("model_type", "");
  const auto family = std::find_if(kFamilies.begin(), kFamilies.end(),
                                   [&](const FamilyName& f) { return f.type == type; });
  if (family == kFamilies.end()) {
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("{}: model_type '{}' (bert, roberta, xlm-roberta, camembert, distilbert, "
                    "mpnet, modernbert are done)",
                    path, type));
  }
  s.family = family->family;
  s.architecture = family->name;
  s.hidden = c.size({"hidden_size", "dim"}, 1, 16'384);
  s.layers = c.size({"num_hidden_layers", "n_layers"}, 1, 256);
  s.heads = c.size({"num_attention_heads", "n_heads"}, 1, 256);
  s.intermediate = c.size({"intermediate_size", "hidden_dim"}, 1, 65'536);
  s.vocabulary = c.size({"vocab_size"}, 1, 10'000'000);
  s.positions = c.size({"max_position_embeddings"}, 1, 1'000'000, 512);
  s.types = c.size({"type_vocab_size"}, 0, 256, 0);
  s.eps = static_cast<float>(json->number_or("layer_norm_eps", 1e-12));
  if (s.hidden % s.heads != 0) c.complain("hidden_size is not a multiple of num_attention_heads");
  if (s.family == Family::kModernbert) {
    read_modern(c, s);
    if (s.hidden / s.heads % 2 != 0) c.complain("rotary positions need an even head size");
  } else {
    s.activation = c.activation({"hidden_act", "activation"});
    if (json->string_or("position_embedding_type", "absolute") != "absolute") {
      c.refuse("position_embedding_type other than absolute");
    }
  }
  if (s.family == Family::kRoberta || s.family == Family::kMpnet) {
    s.position_offset = c.size({"pad_token_id"}, 0, 10'000'000, 1) + 1;
    if (s.position_offset >= s.positions) c.complain("pad_token_id leaves no positions");
    s.positions -= std::min(s.position_offset, s.positions);
  }
  if (s.family == Family::kMpnet) {
    s.buckets = c.size({"relative_attention_num_buckets"}, 4, 4096, 32);
  }
  read_head(c, s);
  return c.status();
}

// Which of the pooling flags is set; anything but exactly one of the three is refused.
Status read_pooling(const std::string& path, Spec& s) {
  SWY_TRY(const std::string text, read_text_file(path));
  base::JsonDoc doc;
  auto json = doc.parse(text);
  if (!json) return fail_in(path, json.error());
  std::string mode;
  std::size_t set = 0;
  json->each_member([&](std::string_view key, const Json& v) {
    if (key.starts_with("pooling_mode_") && v.as_bool().value_or(false)) {
      mode = key;
      ++set;
    }
  });
  if (const auto named = json->string_or("pooling_mode", ""); !named.empty()) {
    mode = fmt::format("pooling_mode_{}{}", named, named == "cls" ? "_token" : "_tokens");
    set = 1;
  }
  if (set == 1 && mode == "pooling_mode_mean_tokens") {
    s.pooling = Pooling::kMean;
  } else if (set == 1 && mode == "pooling_mode_cls_token") {
    s.pooling = Pooling::kCls;
  } else if (set == 1 && mode == "pooling_mode_max_tokens") {
    s.pooling = Pooling::kMax;
  } else {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{}: pooling other than one of mean, cls, max", path));
  }
  return {};
}

struct Module {
  std::string type, path;
};

// The modules of a sentence encoder, in order; empty without modules.json.
Result<std::vector<Module>> read_modules(const std::string& folder) {
  std::vector<Module> modules;
  const std::string path = folder + "/modules.json";
  if (!is_file(path)) return modules;
  SWY_TRY(const std::string text, read_text_file(path));
  base::JsonDoc doc;
  auto json = doc.parse(text);
  if (!json) return fail_in(path, json.error());
  json->each([&](const Json& m) {
    const auto type = m.string_or("type", "");
    modules.push_back(
        {std::string(type.substr(type.rfind('.') + 1)), std::string(m.string_or("path", ""))});
  });
  for (const Module& m : modules) {
    if (m.path.starts_with('/') || m.path.find("..") != std::string::npos) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: path '{}' leads out of the folder", path, m.path));
    }
    if (m.type != "Transformer" && m.type != "Pooling" && m.type != "Normalize") {
      return fail(ErrorCode::kUnsupported, fmt::format("{}: module '{}'", path, m.type));
    }
  }
  return modules;
}

Status read_max_tokens(Spec& s) {
  s.max_tokens = s.positions;
  const std::string path = s.folder + "/sentence_bert_config.json";
  if (!is_file(path)) return {};
  SWY_TRY(const std::string text, read_text_file(path));
  base::JsonDoc doc;
  auto json = doc.parse(text);
  if (!json) return fail_in(path, json.error());
  const auto n = json->integer_or("max_seq_length", 0);
  if (n > 0) s.max_tokens = std::min(s.positions, static_cast<std::size_t>(n));
  return {};
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> f(std::fopen(path.c_str(), "rbe"),
                                                          &std::fclose);
  if (f == nullptr) {
    return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("{}: {}", path, std::strerror(errno)));
  }
  std::string text;
  std::array<char, 65'536> part{};
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), f.get())) {
    text.append(part.data(), n);
    if (text.size() > kMaxConfig) {
      return fail(ErrorCode::kTooLarge, fmt::format("{}: more than 16 MiB", path));
    }
  }
  if (std::ferror(f.get()) != 0) return fail(ErrorCode::kIo, path + ": cannot be read");
  return text;
}

Result<Spec> read_spec(const std::string& folder) {
  Spec s;
  SWY_TRY(const auto modules, read_modules(folder));
  s.folder = folder;
  s.normalize = modules.empty();
  for (const Module& m : modules) {
    const std::string at = m.path.empty() ? folder : folder + "/" + m.path;
    if (m.type == "Transformer") s.folder = at;
    if (m.type == "Pooling") SWY_DO(read_pooling(at + "/config.json", s));
    if (m.type == "Normalize") s.normalize = true;
  }
  SWY_DO(read_config(s));
  SWY_DO(read_max_tokens(s));
  return s;
}

}  // namespace swy::embed::detail
