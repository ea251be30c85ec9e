// Tests: model_store_test.cc.
#include "embed/model_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/doc.h"
#include "base/hash.h"
#include "embed/detail/posix.h"

namespace swy::embed {
namespace {

namespace fs = std::filesystem;
using detail::Fd;
using detail::sys_fail;

constexpr std::uint64_t kMaxManifest = 4 << 20;
constexpr std::size_t kMaxEntries = 100'000;  // of a folder, looked at
constexpr int kLooks = 3;                     // at a model that is replaced while it is looked at
constexpr std::size_t kBlock = 1 << 20;       // read at a time

std::string from_env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<Manifest> read_manifest(const std::string& file, std::string_view name) {
  const auto damaged = [&](std::string_view why) {
    return fail(
        ErrorCode::kParse,
        fmt::format("{}: {}; pull {} again: switchyard models pull --help", file, why, name));
  };
  std::error_code ec;
  const std::uint64_t size = fs::file_size(file, ec);
  if (ec) return damaged("the manifest cannot be read");
  if (size > kMaxManifest) return damaged("the manifest is too large");
  const auto text = base::read_file(file);
  if (!text) return damaged(text.error().message);
  auto manifest = parse_manifest(*text);
  if (!manifest) return damaged("the manifest is damaged: " + manifest.error().message);
  if (manifest->name != name)
    return damaged(fmt::format("the manifest is of another model, {}", manifest->name));
  return manifest;
}

// lstat, so that a link counts as what it is. nullopt: it is as the manifest says.
std::optional<FileFinding> differs_in_size(const std::string& folder, const ModelFile& file) {
  struct stat s{};
  const std::string path = folder + "/" + file.path;
  if (::lstat(path.c_str(), &s) != 0) return FileFinding{file.path, FileState::kMissing, ""};
  if (!S_ISREG(s.st_mode)) return FileFinding{file.path, FileState::kChanged, "not a plain file"};
  if (static_cast<std::uint64_t>(s.st_size) != file.size)
    return FileFinding{file.path, FileState::kChanged,
                       fmt::format("{} bytes, not {}", s.st_size, file.size)};
  return std::nullopt;
}

FileFinding verify_file(const std::string& folder, const ModelFile& file) {
  if (auto finding = differs_in_size(folder, file)) return *finding;
  const auto now = hash_file(folder + "/" + file.path);
  if (!now) return {file.path, FileState::kChanged, now.error().message};
  if (now->sha256 != file.sha256)
    return {file.path, FileState::kChanged, fmt::format("sha256 is {}", now->sha256)};
  return {file.path, FileState::kOk, ""};
}

void find_extra(const std::string& folder, const Manifest& manifest,
                std::vector<FileFinding>& out) {
  std::error_code ec;
  std::vector<std::string> extra;
  std::size_t seen = 0;
  for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (++seen > kMaxEntries) break;
    const std::string path = it->path().lexically_relative(folder).generic_string();
    const bool folder_itself = it->is_directory(ec) && !it->is_symlink(ec);
    if (folder_itself || path == kManifestFile || manifest.find(path) != nullptr) continue;
    extra.push_back(path);
  }
  std::sort(extra.begin(), extra.end());
  for (std::string& path : extra) out.push_back({std::move(path), FileState::kExtra, ""});
}

// Which folder it is: a pull puts another one in its place.
ino_t identity(const std::string& folder) {
  struct stat s{};
  return ::stat(folder.c_str(), &s) == 0 ? s.st_ino : 0;
}

}  // namespace

std::string_view to_string(FileState state) {
  switch (state) {
    case FileState::kOk:
      return "ok";
    case FileState::kChanged:
      return "changed";
    case FileState::kMissing:
      return "missing";
    case FileState::kExtra:
      break;
  }
  return "extra";
}

Result<ModelStore> ModelStore::from_environment() {
  std::error_code ec;
  if (const std::string own = from_env("SWITCHYARD_MODELS"); !own.empty()) {
    const fs::path root = fs::absolute(own, ec);
    return ModelStore(ec ? own : root.lexically_normal().string());
  }
  // The base directory specification says that a relative one is to be ignored.
  if (const std::string cache = from_env("XDG_CACHE_HOME"); !cache.empty() && cache[0] == '/')
    return ModelStore(cache + "/switchyard/models");
  if (const std::string home = from_env("HOME"); !home.empty())
    return ModelStore(home + "/.cache/switchyard/models");
  return fail(ErrorCode::kNotFound,
              "no place for models: set SWITCHYARD_MODELS to a folder (HOME is not set either)");
}

std::string ModelStore::folder(std::string_view name) const {
  return root_ + "/" + folder_of_model(name);
}

Result<std::vector<ModelStore::Entry>> ModelStore::list() const {
  std::vector<std::string> names;
  std::error_code ec;
  for (fs::directory_iterator it(root_, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = model_of_folder(it->path().filename().string());
    std::error_code not_there;
    if (names.size() < kMaxEntries && check_model_name(name) &&
        fs::exists(it->path() / kManifestFile, not_there))
      names.push_back(name);
  }
  if (ec && ec != std::errc::no_such_file_or_directory) return sys_fail("list", root_, ec.value());
  std::sort(names.begin(), names.end());
  std::vector<Entry> out;
  for (const std::string& name : names)
    out.push_back({name, read_manifest(folder(name) + "/manifest.json", name)});
  return out;
}

Result<Manifest> ModelStore::manifest(std::string_view name) const {
  SWY_DO(check_model_name(name));
  std::error_code ec;
  const std::string file = folder(name) + "/manifest.json";
  if (fs::exists(file, ec)) return read_manifest(file, name);
  std::vector<std::string> known;
  if (auto entries = list()) {
    for (Entry& e : *entries) known.push_back(std::move(e.name));
  }
  const std::string_view how = name.find('/') == std::string_view::npos
                                   ? "switchyard models pull --from FOLDER --name {0}"
                                   : "switchyard models pull {0}";
  return fail(ErrorCode::kNotFound,
              fmt::format("no model {} in {} ({} gets it){}", name, root_,
                          fmt::format(fmt::runtime(how), name), base::did_you_mean(name, known)));
}

Result<std::vector<FileFinding>> ModelStore::verify(std::string_view name) const {
  SWY_DO(check_model_name(name));
  for (int left = kLooks;;) {
    const ino_t before = identity(folder(name));
    SWY_TRY(const Manifest m, manifest(name));
    std::vector<FileFinding> out;
    for (const ModelFile& f : m.files) out.push_back(verify_file(folder(name), f));
    find_extra(folder(name), m, out);
    if (--left == 0 || identity(folder(name)) == before) return out;
  }
}

Result<std::string> ModelStore::find(std::string_view name) const {
  SWY_TRY(const Manifest m, manifest(name));
  for (const ModelFile& f : m.files) {
    if (const auto finding = differs_in_size(folder(name), f))
      return fail(ErrorCode::kParse,
                  fmt::format("model {}: {} is {}; look with: switchyard models verify {}", name,
                              f.path, to_string(finding->state), name));
  }
  return folder(name);
}

Result<std::string> resolve_model_path(std::string_view path, std::string_view directory) {
  constexpr std::string_view kPrefix = "model:";
  if (path.starts_with(kPrefix)) {
    SWY_TRY(const ModelStore store, ModelStore::from_environment());
    return store.find(path.substr(kPrefix.size()));
  }
  return (fs::path(directory) / fs::path(path)).lexically_normal().string();
}

Result<ModelFile> hash_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.ok()) return sys_fail("open", path, errno);
  struct stat s{};
  if (::fstat(fd.get(), &s) != 0) return sys_fail("look at", path, errno);
  if (!S_ISREG(s.st_mode)) return fail(ErrorCode::kIo, path + " is not a plain file");
  const auto block = std::make_unique_for_overwrite<char[]>(kBlock);
  base::Sha256 hash;
  ModelFile out{path, 0, ""};
  for (;;) {
    const ssize_t n = ::read(fd.get(), block.get(), kBlock);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("read", path, errno);
    if (n == 0) break;
    hash.update({block.get(), static_cast<std::size_t>(n)});
    out.size += static_cast<std::uint64_t>(n);
  }
  out.sha256 = hash.hex();
  return out;
}

}  // namespace swy::embed
