// One file after the other. For each: GET from the hub with redirects followed by hand, since the
// token must not leave the hub's origin and the hub's own words (hash, size, commit) stand in the
// headers of its redirect, not of what lies behind it. A part that was begun goes on with Range if
// the hub still states the same version (hash, else a strong ETag); what the hub states to be
// complete here already is not fetched. Once the hub has named the commit, the rest is asked of
// that commit: a branch that moves meanwhile cannot mix two versions. Tests:
// tests/e2e/test_models*.py.
#include "model_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "base/terminal.h"
#include "embed/model_files.h"
#include "gateway/url.h"
#include "net/loop.h"
#include "wire/headers.h"

namespace swy::app {
namespace {

constexpr int kMaxRedirects = 8;
constexpr int kTries = 5;                        // per file
constexpr std::int64_t kFirstPause = 250;        // milliseconds, doubles
constexpr std::uint64_t kMaxFile = 64ULL << 30;  // bytes
constexpr std::uint64_t kMaxIndex = 64 << 20;    // of an index of shards
constexpr std::size_t kMaxTarget = 16 * 1024;    // signed URLs have one or two thousand
constexpr std::uint64_t kMaxDrained = 16 * 1024;
constexpr std::int64_t kSecond = 1000 * net::kMillisecond;

struct Place {
  http::Origin origin;
  std::string target;
};

// Letters, digits and what needs no escape in a path.
std::string escape(std::string_view text, bool keep_slash) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// Where a Location leads, seen from where it was sent. Dot segments are the server's to resolve.
Result<Place> follow(const Place& from, std::string_view location) {
  const auto bad = [&](std::string_view why) {
    return fail(ErrorCode::kProtocol, fmt::format("the hub redirects to \"{}\": {}",
                                                  base::fit_columns(location, 200), why));
  };
  location = location.substr(0, location.find('#'));
  const auto visible = [](char c) { return c > ' ' && c < '\x7f'; };
  if (location.empty() || location.size() > kMaxTarget ||
      !std::all_of(location.begin(), location.end(), visible))
    return bad("not a URL");
  Place to{from.origin, ""};
  if (location[0] == '/' && !location.starts_with("//")) {
    to.target = location;
    return to;
  }
  const std::size_t scheme = location.find("://");
  const bool absolute = scheme != std::string_view::npos &&
                        location.find_first_of("/?") > scheme;  // not inside a query
  if (!absolute && !location.starts_with("//")) {
    const std::string_view base = std::string_view(from.target).substr(0, from.target.find('?'));
    to.target.append(base.substr(0, base.rfind('/') + 1)).append(location);
    return to;
  }
  const std::string whole = absolute
                                ? std::string(location)
                                : (from.origin.tls ? "https:" : "http:") + std::string(location);
  const std::size_t begin = whole.find("//") + 2;
  const std::size_t end = std::min(whole.find_first_of("/?", begin), whole.size());
  const auto url = gateway::parse_url(whole.substr(0, end));
  if (!url) return bad(url.error().message);
  if (from.origin.tls && !url->origin.tls) return bad("away from https");
  to.origin = url->origin;
  to.target = whole.substr(end);
  if (to.target.empty() || to.target[0] != '/') to.target.insert(0, "/");
  return to;
}

// What the hub says of a file.
struct Stated {
  std::string sha256;
  std::optional<std::uint64_t> size;
  std::string tag;  // names this version of the file; "": nothing does
};

std::string_view strong_tag(std::optional<std::string_view> etag) {
  if (!etag || etag->starts_with("W/")) return "";
  if (etag->size() >= 2 && etag->front() == '"' && etag->back() == '"')
    return etag->substr(1, etag->size() - 2);
  return *etag;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// First byte and whole size of "bytes 5-9/10".
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};
std::optional<ContentRange> content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t dash = std::min(text.find('-'), text.size());
  const std::size_t slash = std::min(text.find('/'), text.size() - 1);
  const auto first = number(text.substr(0, dash));
  const auto size = number(text.substr(slash + 1));
  if (!first || !size) return std::nullopt;
  return ContentRange{*first, *size};
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool worth_another_try(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
         code == ErrorCode::kClosed;
}

class Puller {
 public:
  Puller(net::Loop& loop, const HubPull& pull, Place hub, embed::Staging& staging)
      : loop_(loop),
        pull_(pull),
        hub_(std::move(hub)),
        staging_(staging),
        revision_(pull.revision),
        clients_(loop, client_options(pull)) {}

  base::Task<Result<embed::Manifest>> run();

 private:
  enum class Got : std::uint8_t { kFile, kNothing, kAgain };

  static http::ClientOptions client_options(const HubPull& pull) {
    http::ClientOptions o;
    o.connect_timeout_ns = std::min(pull.silence_s, 20) * kSecond;
    o.first_byte_timeout_ns = pull.silence_s * kSecond;
    o.body_timeout_ns = pull.silence_s * kSecond;
    o.tls.ca_file = pull.ca_file;
    return o;
  }

  base::Task<Result<bool>> fetch(std::string file);
  base::Task<Result<Got>> attempt(std::string file);
  base::Task<Result<const wire::ResponseHead*>> ask(std::string file);
  base::Task<> drain(const wire::ResponseHead& head);
  base::Task<Result<Got>> receive(std::string file, const wire::ResponseHead* head);
  base::Task<Status> receive_body(std::string file, std::uint64_t have, std::uint64_t size);
  void listen_to_hub(const wire::ResponseHead& head);
  [[nodiscard]] Error refused(std::string_view file, const wire::ResponseHead& head) const;
  [[nodiscard]] wire::Headers headers(const Place& to, std::string_view file) const;
  [[nodiscard]] bool may_continue(std::string_view file) const {
    return fresh_ != file && staging_.part_size(file) > 0 && !staging_.tag(file).empty();
  }

  net::Loop& loop_;
  const HubPull& pull_;
  Place hub_;
  embed::Staging& staging_;
  std::string revision_;
  std::string commit_;
  Stated stated_;      // of the file in hand
  std::string fresh_;  // this file is fetched from its beginning
  bool reached_ = false;
  http::ClientPool clients_;
  std::unique_ptr<http::Call> call_;
};

base::Task<Result<embed::Manifest>> Puller::run() {
  embed::FileQuest quest(pull_.files);
  for (;;) {
    const auto wanted = quest.next();
    if (!wanted) {
      Error error = wanted.error();
      if (error.code == ErrorCode::kNotFound)
        error.message = fmt::format("{} at revision {}: {}; is the name right, and is it a model?",
                                    pull_.name, pull_.revision, error.message);
      co_return tl::unexpected<Error>(std::move(error));
    }
    if (!*wanted) break;
    auto got = co_await fetch(**wanted);
    // Hashing may have taken seconds, and deadlines count from the beginning of a turn.
    co_await loop_.sleep_for(net::kMillisecond);
    if (!got) co_return tl::unexpected<Error>(std::move(got).error());
    if (!*got) {
      quest.absent();
      continue;
    }
    std::string text;
    if (quest.wants_text()) {
      SWY_CO_TRY(text, staging_.read(**wanted, kMaxIndex));
    }
    SWY_CO_DO(quest.found(text));
  }
  co_return staging_.commit(commit_);
}

// false: the hub has no such file.
base::Task<Result<bool>> Puller::fetch(std::string file) {
  std::int64_t pause = kFirstPause;
  fresh_.clear();
  for (int left = kTries;;) {
    auto got = co_await attempt(file);
    call_.reset();
    --left;
    if (got && *got == Got::kAgain) {
      if (left > 0) continue;
      co_return fail(ErrorCode::kProtocol, fmt::format("{}: the hub changes its mind", file));
    }
    if (got) co_return *got == Got::kFile;
    Error error = got.error();
    if (!worth_another_try(error.code)) co_return tl::unexpected<Error>(std::move(error));
    if (left == 0 || !reached_) {
      error.message =
          fmt::format("{}: {}; the same command goes on from here", file, error.message);
      co_return tl::unexpected<Error>(std::move(error));
    }
    co_await loop_.sleep_for(pause * net::kMillisecond);
    pause *= 2;
  }
}

wire::Headers Puller::headers(const Place& to, std::string_view file) const {
  wire::Headers h;
  h.add("user-agent", "switchyard/" SWY_VERSION);
  h.add("accept", "*/*");
  h.add("accept-encoding", "identity");
  if (!pull_.token.empty() && to.origin == hub_.origin)
    h.add("authorization", "Bearer " + pull_.token);
  if (may_continue(file)) h.add("range", fmt::format("bytes={}-", staging_.part_size(file)));
  return h;
}

// Only the hub itself is believed.
void Puller::listen_to_hub(const wire::ResponseHead& head) {
  const auto commit = head.headers.find("x-repo-commit");
  if (commit_.empty() && commit && is_commit(*commit)) {
    commit_ = *commit;
    revision_ = commit_;
  }
  const auto linked = head.headers.find("x-linked-etag");
  const std::string_view etag = strong_tag(linked ? linked : head.headers.find("etag"));
  if (linked || stated_.tag.empty()) {
    stated_.tag = etag;
    stated_.sha256 = embed::normal_sha256(etag);
  }
  if (const auto size = head.headers.find("x-linked-size")) stated_.size = number(*size);
}

// A short body that nobody wants is read, so that the connection serves the next request.
base::Task<> Puller::drain(const wire::ResponseHead& head) {
  if (head.content_length.value_or(UINT64_MAX) > kMaxDrained) co_return;
  for (;;) {
    const auto piece = co_await call_->read_body();
    if (!piece || piece->empty()) co_return;
  }
}

// The head of the response that is no redirect; call_ has its body.
base::Task<Result<const wire::ResponseHead*>> Puller::ask(std::string file) {
  Place to = hub_;
  to.target +=
      fmt::format("/{}/resolve/{}/{}", pull_.name, escape(revision_, false), escape(file, true));
  stated_ = {};
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    const wire::Headers h = headers(to, file);
    call_ = std::make_unique<http::Call>(clients_);
    const http::OutRequest request{.target = to.target, .headers = &h};
    auto head = co_await call_->start(to.origin, request);
    if (!head)
      co_return fail_in((to.origin.tls ? "https://" : "http://") + to.origin.host,
                        std::move(head).error());
    reached_ = true;
    if (to.origin == hub_.origin) {
      listen_to_hub(**head);
    } else if (stated_.tag.empty()) {
      stated_.tag = strong_tag((*head)->headers.find("etag"));
    }
    const int status = (*head)->status;
    const auto location = (*head)->headers.find("location");
    const bool redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!redirect || !location) co_return *head;
    SWY_CO_TRY(to, follow(to, *location));
    co_await drain(**head);
  }
  co_return fail(ErrorCode::kProtocol,
                 fmt::format("{}: more than {} redirects", file, kMaxRedirects));
}

Error Puller::refused(std::string_view file, const wire::ResponseHead& head) const {
  std::string said = fmt::format("the hub answers {}", head.status);
  for (const char* name : {"x-error-code", "x-error-message"}) {
    if (const auto text = head.headers.find(name)) said += ", " + base::fit_columns(*text, 200);
  }
  if (head.status == 401 || head.status == 403) {
    said += pull_.token.empty()
                ? ": no such model, or it needs a token: set HF_TOKEN to one that may read it"
                : ": no such model, or the token in HF_TOKEN may not read it";
    return {head.status == 401 ? ErrorCode::kUnauthorized : ErrorCode::kForbidden,
            fmt::format("{}/{}: {}", pull_.name, file, said)};
  }
  const bool later = head.status >= 500 || head.status == 429 || head.status == 408;
  return {later ? ErrorCode::kUnavailable : ErrorCode::kProtocol,
          fmt::format("{}/{}: {}", pull_.name, file, said)};
}

base::Task<Result<Puller::Got>> Puller::attempt(std::string file) {
  auto head = co_await ask(file);
  if (!head) co_return tl::unexpected<Error>(std::move(head).error());
  const int status = (*head)->status;
  if (status != 200 && status != 206) co_await drain(**head);
  if (status == 404) {
    const auto code = (*head)->headers.find("x-error-code");
    if (code && (*code == "RevisionNotFound" || *code == "RepoNotFound"))
      co_return fail(ErrorCode::kNotFound, fmt::format("{} at revision {}: the hub answers {}",
                                                       pull_.name, pull_.revision, *code));
    co_return Got::kNothing;
  }
  if (status == 416) {  // what is here is not the beginning of what is there
    staging_.drop_part(file);
    fresh_ = file;
    co_return Got::kAgain;
  }
  if (status != 200 && status != 206) co_return tl::unexpected<Error>(refused(file, **head));
  SWY_CO_TRY(const bool kept, staging_.keep(file, stated_.tag, stated_.sha256));
  if (kept) co_return Got::kFile;
  SWY_CO_TRY(const bool reused, staging_.reuse(file, stated_.sha256));
  if (reused) co_return Got::kFile;
  co_return co_await receive(std::move(file), *head);
}

// The head says that a body comes: the whole file (200) or its rest (206).
base::Task<Result<Puller::Got>> Puller::receive(std::string file, const wire::ResponseHead* head) {
  std::uint64_t have = 0;
  std::optional<std::uint64_t> size = head->content_length;
  if (head->status == 206) {
    have = staging_.part_size(file);
    const auto range = content_range(head->headers.find("content-range").value_or(""));
    const bool fits = range && range->first == have && stated_.tag == staging_.tag(file);
    if (!fits || !may_continue(file)) {
      fresh_ = file;
      co_return Got::kAgain;
    }
    size = range->size;
    SWY_CO_DO(staging_.continue_part(file));
  } else {
    SWY_CO_DO(staging_.begin_part(file, stated_.tag));
  }
  if (stated_.size && size && *stated_.size != *size) {
    staging_.drop_part(file);
    co_return fail(ErrorCode::kProtocol, fmt::format("{}: the hub states {} bytes, but {} come",
                                                     file, *stated_.size, *size));
  }
  if (!size) size = stated_.size;
  SWY_CO_DO(co_await receive_body(file, have, size.value_or(0)));
  if (size && staging_.part_size(file) != *size) {
    const std::uint64_t came = staging_.part_size(file);
    staging_.drop_part(file);
    co_return fail(ErrorCode::kProtocol,
                   fmt::format("{}: {} bytes came, not {}", file, came, *size));
  }
  const auto done = staging_.finish(file, stated_.sha256);
  if (done) co_return Got::kFile;
  if (have == 0 || done.error().code != ErrorCode::kProtocol)
    co_return tl::unexpected<Error>(done.error());
  fresh_ = file;  // the two halves did not fit
  co_return Got::kAgain;
}

// size: 0 when it is not known.
base::Task<Status> Puller::receive_body(std::string file, std::uint64_t have, std::uint64_t size) {
  base::Progress bar(file + " (KiB)", size / 1024);
  for (std::uint64_t total = have, shown = 0;;) {
    auto piece = co_await call_->read_body();
    if (!piece) co_return tl::unexpected<Error>(std::move(piece).error());
    if (piece->empty()) co_return Status();
    total += piece->size();
    if (total > (size == 0 ? kMaxFile : size)) {
      staging_.drop_part(file);
      co_return fail(ErrorCode::kProtocol, fmt::format("{}: more bytes than stated", file));
    }
    SWY_CO_DO(staging_.append(*piece));
    for (; shown < total / 1024; ++shown) bar.advance();
  }
}

Status check_revision(std::string_view revision) {
  const bool good = !revision.empty() && revision.size() <= 200 &&
                    revision.find("..") == std::string_view::npos &&
                    std::all_of(revision.begin(), revision.end(),
                                [](char c) { return c > ' ' && c < '\x7f' && c != '\\'; });
  return good ? Status()
              : Status(fail(
                    ErrorCode::kInvalidArgument,
                    fmt::format("\"{}\" is not a revision: a branch, tag or commit", revision)));
}

base::Task<> run_then_stop(Puller& puller, net::Loop& loop, Result<embed::Manifest>& out) {
  out = co_await puller.run();
  loop.stop();
}

}  // namespace

Result<embed::Manifest> pull_from_hub(const embed::ModelStore& store, const HubPull& pull) {
  SWY_DO(embed::check_model_name(pull.name));
  if (pull.name.find('/') == std::string::npos)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a model at a hub is called OWNER/NAME, not \"{}\"", pull.name));
  SWY_DO(check_revision(pull.revision));
  SWY_TRY(const gateway::Url hub, gateway::parse_url(pull.hub));
  embed::StagingOptions options;
  options.name = pull.name;
  options.source = fmt::format("{}/{}", pull.hub, pull.name);
  options.revision = pull.revision;
  options.expected = pull.expected;
  options.waiting = [&] {
    fmt::print(stderr, "switchyard: waiting for another pull of {} to end\n", pull.name);
  };
  SWY_TRY(const auto staging, embed::Staging::open(store, std::move(options)));
  net::Loop loop;
  Result<embed::Manifest> out = fail(ErrorCode::kCancelled, "the pull was cancelled");
  Puller puller(loop, pull, {hub.origin, hub.path}, *staging);
  loop.spawn(run_then_stop(puller, loop, out));
  loop.run();
  return out;
}

}  // namespace swy::app
