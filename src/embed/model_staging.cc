// Every step leaves something that the next run can use or throw away: bytes go to a part, a
// complete part is made durable before it gets its name, and the folder of all files appears by one
// rename (an exchange, where there was one before). Tests: model_store_test.cc,
// tests/e2e/test_models*.py.
#include "embed/model_staging.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "base/doc.h"
#include "embed/detail/posix.h"
#include "embed/model_files.h"
#include "switchyard/env.h"

namespace swy::embed {
namespace {

namespace fs = std::filesystem;
using detail::Fd;
using detail::sys_fail;

constexpr std::uint64_t kMaxIndex = 64 << 20;  // of an index of shards

Status make_folder(const fs::path& path) {
  std::error_code ec;
  fs::create_directories(path, ec);
  return ec ? Status(sys_fail("make", path.string(), ec.value())) : Status();
}

Status write_all(int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// A file or a folder.
Status make_durable(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return sys_fail("open", path, errno);
  return ::fsync(fd.get()) == 0 ? Status() : Status(sys_fail("sync", path, errno));
}

Status write_file(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd.ok()) return sys_fail("create", path, errno);
  return write_all(fd.get(), text, path);
}

std::string utc_now() {
  const std::time_t now = static_cast<std::time_t>(system_clock().wall_us() / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

std::string read_or_empty(const std::string& path) {
  std::error_code ec;
  if (!fs::is_regular_file(path, ec) || fs::file_size(path, ec) > 4096) return "";
  return base::read_file(path).value_or("");
}

}  // namespace

struct Staging::Impl {
  Impl(const ModelStore& s, StagingOptions o) : store(s), options(std::move(o)) {}

  const ModelStore store;
  const StagingOptions options;
  const std::string root = store.root() + "/.staging/" + folder_of_model(options.name);
  Fd lock;
  Fd part;
  std::string part_path;
  std::vector<ModelFile> done;

  [[nodiscard]] std::string files(std::string_view file = "") const {
    return fmt::format("{}/files/{}", root, file);
  }
  [[nodiscard]] std::string parts(std::string_view file, std::string_view suffix) const {
    return fmt::format("{}/parts/{}{}", root, file, suffix);
  }
  [[nodiscard]] bool as_expected(const ModelFile& f, std::string_view stated) const {
    const auto expected = options.expected.find(f.path);
    return (stated.empty() || stated == f.sha256) &&
           (expected == options.expected.end() || expected->second == f.sha256);
  }

  Status take_lock();
  Status prepare();
  Result<ModelFile> settle(std::string_view file, std::string_view stated);
  Status open_part(std::string_view file, int flags);
  Status prune() const;
  Status sync_folders() const;
  Status publish() const;
};

Staging::Staging(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Staging::~Staging() = default;

Result<std::unique_ptr<Staging>> Staging::open(const ModelStore& store, StagingOptions options) {
  SWY_DO(check_model_name(options.name));
  std::unique_ptr<Impl> impl(new Impl(store, std::move(options)));
  SWY_DO(impl->take_lock());
  SWY_DO(impl->prepare());
  return std::unique_ptr<Staging>(new Staging(std::move(impl)));
}

// The file stays for ever: removing it would let two processes hold locks of the same name.
Status Staging::Impl::take_lock() {
  SWY_DO(make_folder(store.root() + "/.staging"));
  const std::string path = root + ".lock";
  lock = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock.ok()) return sys_fail("create", path, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (options.waiting) options.waiting();
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return sys_fail("lock", path, errno);
  }
  return {};
}

Status Staging::Impl::prepare() {
  const std::string note = root + "/source";
  std::error_code ec;
  const std::string version = options.source + "\n" + options.revision;
  if (read_or_empty(note) != version) {
    fs::remove_all(root, ec);
    if (ec) return sys_fail("remove", root, ec.value());
  }
  SWY_DO(make_folder(root + "/files"));
  SWY_DO(make_folder(root + "/parts"));
  return write_file(note, version);
}

std::uint64_t Staging::part_size(std::string_view file) const {
  std::error_code ec;
  const auto size = fs::file_size(impl_->parts(file, ".part"), ec);
  return ec ? 0 : size;
}

std::string Staging::tag(std::string_view file) const {
  return read_or_empty(impl_->parts(file, ".tag"));
}

Status Staging::Impl::open_part(std::string_view file, int flags) {
  part_path = parts(file, ".part");
  part = Fd(::open(part_path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666));
  return part.ok() ? Status() : Status(sys_fail("create", part_path, errno));
}

Status Staging::begin_part(std::string_view file, std::string_view tag) {
  SWY_DO(check_model_file(file));
  drop_part(file);
  std::error_code ec;  // an older version must not be taken for the one of this tag
  fs::remove(impl_->files(file), ec);
  const std::string tag_path = impl_->parts(file, ".tag");
  SWY_DO(make_folder(fs::path(tag_path).parent_path()));
  SWY_DO(write_file(tag_path, tag));  // before the first byte, or those would be of no version
  return impl_->open_part(file, O_CREAT | O_EXCL);
}

Status Staging::continue_part(std::string_view file) { return impl_->open_part(file, 0); }

Status Staging::append(std::string_view bytes) {
  return write_all(impl_->part.get(), bytes, impl_->part_path);
}

void Staging::drop_part(std::string_view file) {
  impl_->part = Fd();
  std::error_code ec;  // what stays makes O_EXCL fail
  fs::remove(impl_->parts(file, ".part"), ec);
  fs::remove(impl_->parts(file, ".tag"), ec);
}

Result<ModelFile> Staging::finish(std::string_view file, std::string_view stated) {
  impl_->part = Fd();
  const std::string from = impl_->parts(file, ".part");
  const std::string to = impl_->files(file);
  SWY_TRY(ModelFile facts, hash_file(from));
  facts.path = file;
  if (!impl_->as_expected(facts, stated)) {
    const auto expected = impl_->options.expected.find(file);
    const bool ours = expected != impl_->options.expected.end() && expected->second != facts.sha256;
    drop_part(file);
    return fail(ErrorCode::kProtocol,
                fmt::format("{}: its sha256 is {}, but {} says {}; nothing was installed", file,
                            facts.sha256, ours ? "--sha256" : "the hub",
                            ours ? std::string_view(expected->second) : stated));
  }
  SWY_DO(make_durable(from));
  SWY_DO(make_folder(fs::path(to).parent_path()));
  if (std::rename(from.c_str(), to.c_str()) != 0) return sys_fail("create", to, errno);
  impl_->done.push_back(facts);
  return facts;
}

// A file that lies in place: counted if it is what it should be, else removed (kProtocol).
Result<ModelFile> Staging::Impl::settle(std::string_view file, std::string_view stated) {
  const std::string path = files(file);
  SWY_TRY(ModelFile facts, hash_file(path));
  facts.path = file;
  if (!as_expected(facts, stated)) {
    std::error_code ec;
    fs::remove(path, ec);
    return fail(
        ErrorCode::kProtocol,
        fmt::format("{}: its sha256 is {}, which is not the expected one", file, facts.sha256));
  }
  done.push_back(facts);
  return facts;
}

Result<bool> Staging::keep(std::string_view file, std::string_view tag, std::string_view stated) {
  std::error_code ec;
  if (tag.empty() || this->tag(file) != tag || !fs::exists(impl_->files(file), ec)) return false;
  const auto kept = impl_->settle(file, stated);
  if (!kept && kept.error().code != ErrorCode::kProtocol)
    return tl::unexpected<Error>(kept.error());
  return kept.has_value();
}

Result<bool> Staging::reuse(std::string_view file, std::string_view sha256) {
  const auto installed = impl_->store.manifest(impl_->options.name);
  const ModelFile* known = installed ? installed->find(file) : nullptr;
  if (sha256.empty() || known == nullptr || known->sha256 != sha256) return false;
  const std::string from = impl_->store.folder(impl_->options.name) + "/" + std::string(file);
  const auto now = hash_file(from);
  if (!now || now->sha256 != sha256) return false;
  SWY_DO(take(file, from, true));
  return true;
}

Result<ModelFile> Staging::take(std::string_view file, const std::string& from, bool link) {
  SWY_DO(check_model_file(file));
  const std::string to = impl_->files(file);
  SWY_DO(make_folder(fs::path(to).parent_path()));
  drop_part(file);
  std::error_code ec;
  fs::remove(to, ec);
  if (link) fs::create_hard_link(from, to, ec);
  if (!link || ec) {
    fs::copy_file(from, to, ec);
    if (ec) return sys_fail("copy", from, ec.value());
    SWY_DO(make_durable(to));
  }
  return impl_->settle(file, "");
}

Result<std::string> Staging::read(std::string_view file, std::uint64_t most) const {
  const std::string path = impl_->files(file);
  std::error_code ec;
  if (fs::file_size(path, ec) > most || ec)
    return fail(ErrorCode::kTooLarge, fmt::format("{} is larger than {} bytes", file, most));
  return base::read_file(path);
}

Result<Manifest> Staging::commit(std::string_view commit) {
  const StagingOptions& o = impl_->options;
  Manifest manifest{.name = o.name,
                    .source = o.source,
                    .revision = o.revision,
                    .commit = std::string(commit),
                    .time = utc_now(),
                    .files = impl_->done};
  for (const auto& [file, hash] : impl_->options.expected) {
    if (manifest.find(file) == nullptr)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("--sha256 names {}, which is not among the model's files", file));
  }
  SWY_DO(impl_->prune());
  SWY_DO(write_file(impl_->files(kManifestFile), to_json(manifest)));
  SWY_DO(make_durable(impl_->files(kManifestFile)));
  SWY_DO(impl_->sync_folders());
  SWY_DO(impl_->publish());
  return manifest;
}

// What an earlier run finished and this one does not want.
Status Staging::Impl::prune() const {
  std::error_code ec;
  std::vector<fs::path> extra;
  for (fs::recursive_directory_iterator it(files(), ec), end; !ec && it != end; it.increment(ec)) {
    const std::string path = it->path().lexically_relative(files()).generic_string();
    const bool wanted = std::any_of(done.begin(), done.end(), [&](const ModelFile& f) {
      return f.path == path || f.path.starts_with(path + "/");
    });
    if (!wanted) extra.push_back(it->path());
  }
  for (const fs::path& path : extra) {
    if (!ec) fs::remove_all(path, ec);
  }
  return ec ? Status(sys_fail("clean", files(), ec.value())) : Status();
}

Status Staging::Impl::sync_folders() const {
  std::error_code ec;
  std::vector<std::string> folders{files()};
  for (fs::recursive_directory_iterator it(files(), ec), end; !ec && it != end; it.increment(ec)) {
    if (it->is_directory(ec)) folders.push_back(it->path().string());
  }
  if (ec) return sys_fail("list", files(), ec.value());
  for (const std::string& folder : folders) SWY_DO(make_durable(folder));
  return {};
}

Status Staging::Impl::publish() const {
  const std::string from = root + "/files";
  const std::string to = store.folder(options.name);
  std::error_code ec;
  if (!fs::exists(to, ec)) {
    if (std::rename(from.c_str(), to.c_str()) != 0) return sys_fail("create", to, errno);
  } else if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0) {
    // A file system that cannot exchange: for a moment there is no model.
    if (errno != EINVAL && errno != ENOSYS) return sys_fail("replace", to, errno);
    const std::string old = root + "/old";
    fs::remove_all(old, ec);
    if (std::rename(to.c_str(), old.c_str()) != 0 || std::rename(from.c_str(), to.c_str()) != 0)
      return sys_fail("replace", to, errno);
  }
  SWY_DO(make_durable(store.root()));
  fs::remove_all(root, ec);  // the model is in place; what stays here is cleaned by the next pull
  return {};
}

Result<Manifest> take_folder(const ModelStore& store, StagingOptions staging,
                             const TakeOptions& options) {
  std::error_code ec;
  const fs::path folder = fs::canonical(options.folder, ec);
  if (ec || !fs::is_directory(folder, ec))
    return fail(ErrorCode::kNotFound, fmt::format("{} is not a folder", options.folder));
  staging.source = folder.string();
  SWY_TRY(const auto place, Staging::open(store, std::move(staging)));
  FileQuest quest(options.only);
  for (;;) {
    auto wanted = quest.next();
    if (!wanted) return fail_in(folder.string(), std::move(wanted).error());
    if (!*wanted) break;
    const std::string& file = **wanted;
    const fs::path from = fs::canonical(folder / file, ec);  // caches of hubs are full of links
    if (ec || !fs::is_regular_file(from, ec)) {
      quest.absent();
      continue;
    }
    SWY_DO(place->take(file, from.string(), options.link));
    std::string text;
    if (quest.wants_text()) {
      SWY_TRY(text, place->read(file, kMaxIndex));
    }
    SWY_DO(quest.found(text));
  }
  return place->commit("");
}

}  // namespace swy::embed
