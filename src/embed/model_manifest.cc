// Tests: model_store_test.cc.
#include "embed/model_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"

namespace swy::embed {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::size_t kMaxFiles = 4096;  // the largest sharded checkpoints have a few hundred
constexpr std::size_t kMaxPart = 96;     // what hubs allow
constexpr std::size_t kMaxPath = 512;
constexpr std::ptrdiff_t kMaxDepth = 8;

bool letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool good_part(std::string_view part) {
  const auto allowed = [](char c) {
    return letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  };
  return !part.empty() && part.size() <= kMaxPart && part[0] != '.' && part[0] != '-' &&
         part.find("--") == std::string_view::npos && part.find("..") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), allowed);
}

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::kParse, std::string(why));
}

Result<ModelFile> parse_file(const base::Json& node) {
  ModelFile f;
  f.path = node.string_or("path", "");
  if (Status s = check_model_file(f.path); !s) return bad(s.error().message);
  const std::int64_t size = node.integer_or("size", -1);
  if (size < 0) return bad(fmt::format("{}: no size", f.path));
  f.size = static_cast<std::uint64_t>(size);
  f.sha256 = normal_sha256(node.string_or("sha256", ""));
  if (f.sha256.empty()) return bad(fmt::format("{}: no sha256", f.path));
  return f;
}

}  // namespace

const ModelFile* Manifest::find(std::string_view path) const {
  const auto at =
      std::find_if(files.begin(), files.end(), [&](const ModelFile& f) { return f.path == path; });
  return at == files.end() ? nullptr : &*at;
}

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const ModelFile& f : files) sum += f.size;
  return sum;
}

std::string to_json(const Manifest& m) {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("format", kFormat).field("name", m.name).field("source", m.source);
  w.field("revision", m.revision).field("commit", m.commit).field("time", m.time);
  w.key("files").begin_array();
  for (const ModelFile& f : m.files) {
    w.begin_object().field("path", f.path).field("size", f.size);
    w.field("sha256", f.sha256).end_object();
  }
  w.end_array().end_object();
  out += '\n';
  return out;
}

Result<Manifest> parse_manifest(std::string_view text) {
  base::JsonDoc doc(8);
  SWY_TRY(const base::Json root, doc.parse(text));
  if (!root.is_object()) return bad("not an object");
  const std::int64_t format = root.integer_or("format", 0);
  if (format != kFormat)
    return bad(fmt::format("format {} is not known, only {} is", format, kFormat));
  Manifest m;
  m.name = root.string_or("name", "");
  if (Status s = check_model_name(m.name); !s) return bad(s.error().message);
  m.source = root.string_or("source", "");
  m.revision = root.string_or("revision", "");
  m.commit = root.string_or("commit", "");
  m.time = root.string_or("time", "");
  const auto files = root.find("files");
  if (!files || !files->is_array() || files->size() == 0) return bad("it lists no files");
  if (files->size() > kMaxFiles) return bad("it lists too many files");
  std::set<std::string, std::less<>> seen;
  for (base::JsonIter it(*files); !it.done(); it.next()) {
    SWY_TRY(ModelFile f, parse_file(it.value()));
    if (!seen.insert(f.path).second) return bad(fmt::format("it lists {} twice", f.path));
    m.files.push_back(std::move(f));
  }
  return m;
}

Status check_model_name(std::string_view name) {
  const std::size_t slash = name.find('/');
  const bool good = good_part(name.substr(0, slash)) &&
                    (slash == std::string_view::npos || good_part(name.substr(slash + 1)));
  if (good) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not a name of a model: NAME or OWNER/NAME of letters, digits, "
                          "'.', '_' and '-', without \"--\" and \"..\"",
                          name));
}

Status check_model_file(std::string_view path) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is not a file of a model: {}", path, why));
  };
  if (path.empty() || path.size() > kMaxPath) return refuse("empty or too long");
  if (path == kManifestFile) return refuse("the store writes that one itself");
  const auto printable = [](char c) { return c >= ' ' && c <= '~' && c != '\\'; };
  if (!std::all_of(path.begin(), path.end(), printable))
    return refuse("only printable ASCII without backslash");
  if (std::count(path.begin(), path.end(), '/') >= kMaxDepth) return refuse("too deep");
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part[0] == '.')
      return refuse("no part of it may be empty or begin with a dot");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

std::string normal_sha256(std::string_view text) {
  if (text.size() != 64) return "";
  std::string out;
  for (const char c : text) {
    const char low = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((low < '0' || low > '9') && (low < 'a' || low > 'f')) return "";
    out += low;
  }
  return out;
}

std::string folder_of_model(std::string_view name) {
  std::string out(name);
  if (const std::size_t slash = out.find('/'); slash != std::string::npos)
    out.replace(slash, 1, "--");
  return out;
}

std::string model_of_folder(std::string_view folder) {
  std::string out(folder);
  if (const std::size_t dashes = out.find("--"); dashes != std::string::npos)
    out.replace(dashes, 2, "/");
  return out;
}

}  // namespace swy::embed
