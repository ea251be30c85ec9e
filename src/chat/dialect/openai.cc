#include "chat/openai.h"

#include <bitset>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "chat/dialect/openai_fields.h"

namespace swy::chat {

struct RequestDoc::Impl {
  base::JsonDoc parser{kMaxDepth};
  Request request;
  std::string scratch;

  Decoded decode(std::string_view body);
};

namespace {

Decoded read_fields(Target& target, const base::Json& root) {
  std::bitset<kFieldCount> seen;
  for (base::JsonIter it(root); !it.done(); it.next()) {
    std::size_t number = 0;
    const Field* field = find_field(it.key(), number);
    if (field == nullptr) continue;
    if (seen.test(number)) return repeated(std::string(field->name));
    seen.set(number);
    if (auto d = field->read(target, field->name, it.value()); !d) return d;
  }
  if (target.request.model.empty()) return missing("model");
  if (target.request.messages.empty()) return missing("messages");
  return {};
}

}  // namespace

Decoded RequestDoc::Impl::decode(std::string_view body) {
  auto root = parser.parse(body);
  if (!root) {
    // Nested too deeply counts as unreadable too (400): a smaller body of the same shape would not
    // help.
    return tl::unexpected(RequestError{
        ErrorCode::kParse,
        "We could not read the JSON body of your request: " + root.error().message, "", ""});
  }
  if (!root->is_object()) {
    return tl::unexpected(RequestError{ErrorCode::kInvalidArgument,
                                       "The body of your request must be a JSON object.", "",
                                       "invalid_type"});
  }
  scratch.clear();
  Target target{request, scratch};
  return read_fields(target, *root);
}

RequestDoc::RequestDoc() : impl_(std::make_unique<Impl>()) {}
RequestDoc::~RequestDoc() = default;
RequestDoc::RequestDoc(RequestDoc&&) noexcept = default;
RequestDoc& RequestDoc::operator=(RequestDoc&&) noexcept = default;

tl::expected<void, RequestError> RequestDoc::decode(std::string_view body) {
  impl_->request.clear();
  auto decoded = impl_->decode(body);
  if (!decoded) impl_->request.clear();
  return decoded;
}

const Request& RequestDoc::request() const { return impl_->request; }

Result<std::string> splice_model(std::string_view body, std::string_view model) {
  const auto span = base::find_top_level(body, "model");
  if (span.count != 1) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the body has {} top-level \"model\" keys, one is needed", span.count));
  }
  std::string out;
  out.reserve(body.size() + model.size() + 2);
  out.append(body.substr(0, span.begin));
  base::append_json_string(out, model);
  out.append(body.substr(span.end));
  return out;
}

}  // namespace swy::chat
