// Tables on disk as they are in memory, so that opening one is mapping it: a header, the names,
// then three sections: rows (48 bytes each), cells (24 bytes for each pair of row and model, row by
// row, because every reader wants the models of a row together), the text of ids and prompts. Pages
// are read when they are used and dropped when memory is short, so that a table larger than memory
// works.
//
// Everything is checked once at opening: the hash of the header and that of the content, and,
// because whoever changes a file can change its hashes, what could make a reader step outside or
// compute with nonsense: sizes, every row's references, every cell's flags (a byte that is no bool
// must not be read as one) and numbers. That reads the file once, at the speed of the disk; its
// pages are given back. Numbers are as the machine has them; a mark in the header tells another
// byte order. Writing goes to a neighbour that is renamed at the end. Cost: opening O(bytes), no
// allocation but names. Tests: outcome_container_test.cc (round trip, every damaged byte, cut off
// anywhere, forged).
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <type_traits>

#include "base/hash.h"
#include "base/json.h"
#include "record/outcome.h"

namespace swy::record {
namespace {

constexpr std::array<char, 8> kMagic{'S', 'W', 'Y', 'O', 'U', 'T', '0', '2'};
constexpr std::uint32_t kOrder = 0x01020304;
constexpr std::uint64_t kMostNames = 1U << 20U;
constexpr std::uint64_t kMostNameBytes = std::uint64_t{1} << 32U;

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t order = kOrder;
  std::uint32_t cell_bytes = sizeof(Cell);
  std::uint64_t rows = 0;
  std::array<std::uint32_t, 4> names{};  // models, datasets, domains, parts
  std::uint64_t name_bytes = 0;          // of the names section, padded to 8
  std::uint64_t text_bytes = 0;
  std::uint64_t content = 0;  // hash of all that follows the header
  std::uint64_t check = 0;    // sum over the words before, so that a damaged header is seen as one
};
static_assert(sizeof(Header) == 72 && std::is_trivially_copyable_v<Header>);
static_assert(sizeof(Cell) == 24 && offsetof(Cell, present) == 20 && offsetof(Cell, samples) == 23);

std::uint64_t check_of(const Header& h) {
  std::array<std::uint64_t, 8> words{};
  std::memcpy(words.data(), &h, sizeof(words));
  std::uint64_t sum = 0x9E3779B97F4A7C15ULL;
  for (const std::uint64_t w : words) sum = (sum ^ w) * 0xBF58476D1CE4E5B9ULL;
  return sum;
}

void write_known(base::JsonWriter& w, std::string_view name, float value) {
  if (!std::isnan(value)) w.field(name, static_cast<double>(value));
}

void append_row(const OutcomeTable& table, std::size_t i, std::string& line) {
  const OutcomeRow r = table.row(i);
  base::JsonWriter w(line);
  w.begin_object().field("id", r.id).field("dataset", r.dataset).field("domain", r.domain);
  if (!r.part.empty()) w.field("part", r.part);
  w.field("prompt", r.prompt);
  if (r.tools > 0) {
    w.key("tools").begin_array();
    for (std::uint32_t t = 0; t < r.tools; ++t) w.string("");
    w.end_array();
  }
  w.key("models").begin_object();
  for (std::size_t m = 0; m < table.models().size(); ++m) {
    const Cell& c = table.cell(i, m);
    if (!c.present) continue;
    w.key(table.models()[m]).begin_object();
    write_known(w, "score", c.quality);
    write_known(w, "tokens_in", c.tokens_in);
    write_known(w, "tokens_out", c.tokens_out);
    write_known(w, "cost", c.cost_usd);
    write_known(w, "latency", c.latency_s);
    if (c.samples > 1) w.field("samples", std::uint64_t{c.samples});
    if (c.missing) w.field("missing", true);
    if (c.estimated) w.field("est", true);
    w.end_object();
  }
  w.end_object().end_object();
  line += '\n';
}

// The content's hash: XXH3 of every kHashed bytes, seeded with that of the ones before.
constexpr std::size_t kHashed = std::size_t{1} << 22U;

std::uint64_t hash_of(std::span<const char> content) {
  std::uint64_t hash = 0;
  for (std::size_t at = 0; at < content.size(); at += kHashed) {
    const auto some = content.subspan(at, std::min(kHashed, content.size() - at));
    hash = base::hash64({some.data(), some.size()}, hash);
  }
  return hash;
}

// Writes the content and hashes it on the way.
class Writer {
 public:
  explicit Writer(std::ofstream& file) : file_(file) { held_.reserve(kHashed); }
  void put(const void* bytes, std::size_t size) {
    std::span<const char> left(static_cast<const char*>(bytes), size);
    while (!left.empty()) {
      const std::size_t n = std::min(left.size(), kHashed - held_.size());
      held_.insert(held_.end(), left.begin(), left.begin() + static_cast<std::ptrdiff_t>(n));
      left = left.subspan(n);
      if (held_.size() == kHashed) flush();
    }
  }
  std::uint64_t finish() {
    if (!held_.empty()) flush();
    return hash_;
  }

 private:
  void flush() {
    hash_ = base::hash64({held_.data(), held_.size()}, hash_);
    file_.write(held_.data(), static_cast<std::streamsize>(held_.size()));
    held_.clear();
  }
  std::ofstream& file_;
  std::vector<char> held_;
  std::uint64_t hash_ = 0;
};

Error damaged(const std::string& path, std::string_view what) {
  return Error{ErrorCode::kParse, fmt::format("{}: {}", path, what)};
}

// A mapped file; unmapped with the last table that uses it.
class File {
 public:
  static Result<std::shared_ptr<const File>> open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                  fmt::format("{}: {}", path, std::strerror(errno)));
    }
    struct stat status{};
    const bool sized = fstat(fd, &status) == 0 && status.st_size > 0;
    const auto size = sized ? static_cast<std::size_t>(status.st_size) : 0;
    void* at =
        size >= sizeof(Header) ? mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (at == MAP_FAILED) {
      if (size < sizeof(Header)) return tl::unexpected(damaged(path, "no outcome container"));
      return fail(ErrorCode::kIo, fmt::format("{}: cannot be mapped", path));
    }
    return std::shared_ptr<const File>(new File(static_cast<const char*>(at), size));
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { munmap(const_cast<char*>(bytes_), size_); }
  [[nodiscard]] std::span<const char> bytes() const { return {bytes_, size_}; }
  // Nothing of it is this process' memory until it is read again.
  void forget() const { (void)madvise(const_cast<char*>(bytes_), size_, MADV_DONTNEED); }

 private:
  File(const char* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  const char* bytes_;
  std::size_t size_;
};

// The next `count` names; false when they do not fit.
bool take_names(std::span<const char>& from, std::uint32_t count, std::vector<std::string>& out) {
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t size = 0;
    if (from.size() < sizeof(size)) return false;
    std::memcpy(&size, from.data(), sizeof(size));
    from = from.subspan(sizeof(size));
    if (from.size() < size) return false;
    out.emplace_back(from.data(), size);
    from = from.subspan(size);
  }
  return true;
}

}  // namespace

class OutcomeContainer {
 public:
  using Row = OutcomeTable::Row;
  using Text = OutcomeTable::Text;
  static_assert(sizeof(Row) == 48 && std::is_trivially_copyable_v<Row>);

  static Status write(const OutcomeTable& t, std::ofstream& file) {
    std::string names;
    Header header;
    header.rows = t.rows();
    const std::array lists{&t.models_, &t.datasets_, &t.domains_, &t.parts_};
    for (std::size_t i = 0; i < lists.size(); ++i) {
      header.names[i] = static_cast<std::uint32_t>(lists[i]->size());
      for (const std::string& name : *lists[i]) {
        const auto size = static_cast<std::uint32_t>(name.size());
        names.append(reinterpret_cast<const char*>(&size), sizeof(size));
        names += name;
      }
    }
    names.resize((names.size() + 7) / 8 * 8);
    header.name_bytes = names.size();
    header.text_bytes = t.all_text().size();
    file.write(reinterpret_cast<const char*>(&header), sizeof(header));
    Writer content(file);
    content.put(names.data(), names.size());
    for (const Row& r : t.all_rows()) {  // field by field: no byte of padding is left to chance
      std::array<char, sizeof(Row)> bytes{};
      put_text(r.id, bytes.data() + offsetof(Row, id));
      put_text(r.prompt, bytes.data() + offsetof(Row, prompt));
      const std::array<std::uint32_t, 4> rest{r.dataset, r.domain, r.part, r.tools};
      std::memcpy(bytes.data() + offsetof(Row, dataset), rest.data(), sizeof(rest));
      content.put(bytes.data(), bytes.size());
    }
    content.put(t.all_cells().data(), t.all_cells().size_bytes());
    content.put(t.all_text().data(), t.all_text().size());
    header.content = content.finish();
    header.check = check_of(header);
    file.seekp(0);
    file.write(reinterpret_cast<const char*>(&header), sizeof(header));
    file.close();
    return file ? Status{} : fail(ErrorCode::kIo, "cannot be written whole");
  }

  static Result<OutcomeTable> open(const std::string& path) {
    SWY_TRY(const auto file, File::open(path));
    const std::span<const char> all = file->bytes();
    Header h;
    std::memcpy(&h, all.data(), sizeof(h));
    if (!std::equal(kMagic.begin(), kMagic.end() - 2, h.magic.begin()))
      return tl::unexpected(damaged(path, "no outcome container"));
    if (h.magic != kMagic) {
      return tl::unexpected(
          damaged(path, "an outcome container of another version; import it again"));
    }
    if (h.order != kOrder || h.cell_bytes != sizeof(Cell)) {
      return tl::unexpected(
          damaged(path, "an outcome container of another kind of machine; import it again here"));
    }
    if (h.check != check_of(h) || !sizes_fit(h, all.size()))
      return tl::unexpected(damaged(path, "a damaged or cut off outcome container"));
    if (const std::uint64_t found = hash_of(all.subspan(sizeof(h))); found != h.content) {
      return tl::unexpected(damaged(path, fmt::format("damaged: its content has the hash {}, it "
                                                      "says {}",
                                                      base::hex64(found), base::hex64(h.content))));
    }
    OutcomeTable t;
    auto names = all.subspan(sizeof(h), h.name_bytes);
    if (!take_names(names, h.names[0], t.models_) || !take_names(names, h.names[1], t.datasets_) ||
        !take_names(names, h.names[2], t.domains_) || !take_names(names, h.names[3], t.parts_))
      return tl::unexpected(damaged(path, "damaged names"));
    const char* at = all.data() + sizeof(h) + h.name_bytes;
    auto mapping = std::make_shared<OutcomeTable::Mapping>();
    mapping->rows = {reinterpret_cast<const Row*>(at), h.rows};
    at += mapping->rows.size_bytes();
    mapping->cells = {reinterpret_cast<const Cell*>(at), h.rows * h.names[0]};
    at += mapping->cells.size_bytes();
    mapping->text = {at, h.text_bytes};
    mapping->file = file;
    if (!rows_sound(*mapping, h) || !cells_sound(mapping->cells))
      return tl::unexpected(damaged(path, "damaged rows"));
    file->forget();
    t.mapping_ = std::move(mapping);
    t.report_.files = 1;
    t.report_.lines = h.rows;
    return t;
  }

 private:
  static void put_text(const Text& t, char* to) {
    std::memcpy(to + offsetof(Text, begin), &t.begin, sizeof(t.begin));
    std::memcpy(to + offsetof(Text, size), &t.size, sizeof(t.size));
  }

  // No product below can overflow: each factor is bounded by the size of the file first.
  static bool sizes_fit(const Header& h, std::uint64_t size) {
    std::uint64_t names = 0;
    for (const std::uint32_t n : h.names) names += n;
    if (names > kMostNames || h.name_bytes > kMostNameBytes || h.name_bytes % 8 != 0) return false;
    std::uint64_t left = size - sizeof(Header);
    if (h.name_bytes > left) return false;
    left -= h.name_bytes;
    if (h.rows > left / sizeof(Row)) return false;
    left -= h.rows * sizeof(Row);
    if (h.names[0] > 0 && h.rows > left / sizeof(Cell) / h.names[0]) return false;
    left -= h.rows * h.names[0] * sizeof(Cell);
    return left == h.text_bytes;
  }

  static bool rows_sound(const OutcomeTable::Mapping& m, const Header& h) {
    const auto inside = [&](const Text& t) {
      return t.begin <= h.text_bytes && t.size <= h.text_bytes - t.begin;
    };
    for (const Row& r : m.rows) {
      if (!inside(r.id) || !inside(r.prompt) || r.dataset >= h.names[1] || r.domain >= h.names[2] ||
          r.part >= h.names[3])
        return false;
    }
    return true;
  }

  // Flags are 0 or 1, qualities in [0, 1] and amounts not negative, or unknown.
  static bool cells_sound(std::span<const Cell> cells) {
    const char* at = reinterpret_cast<const char*>(cells.data());
    unsigned flags = 0;  // all bytes that are read as bool, together
    bool sound = true;
    for (std::size_t i = 0; i < cells.size(); ++i, at += sizeof(Cell)) {
      for (std::size_t f = offsetof(Cell, present); f < offsetof(Cell, samples); ++f)
        flags |= static_cast<unsigned char>(at[f]);
      std::array<float, 5> v{};  // not through a Cell, whose flags may be no bools
      std::memcpy(v.data(), at, sizeof(v));
      sound = sound && !(v[0] > 1);
      for (const float x : v) sound = sound && !(x < 0) && !std::isinf(x);
    }
    return flags <= 1 && sound;
  }
};

Status save_outcomes(const OutcomeTable& table, const std::string& path) {
  const std::string beside = path + ".part";
  std::ofstream file(beside, std::ios::binary | std::ios::trunc);
  Status done;
  if (path.ends_with(".swt")) {
    done = OutcomeContainer::write(table, file);
  } else {
    std::string line;
    for (std::size_t i = 0; i < table.rows() && file; ++i) {
      line.clear();
      append_row(table, i, line);
      file << line;
    }
    file.close();
    if (!file) done = fail(ErrorCode::kIo, "cannot be written whole");
  }
  if (done && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  const std::string why = done ? std::strerror(errno) : done.error().message;
  std::remove(beside.c_str());
  return fail(ErrorCode::kIo, fmt::format("{}: {}", path, why));
}

Result<OutcomeTable> map_outcomes(const std::string& path) { return OutcomeContainer::open(path); }

}  // namespace swy::record
