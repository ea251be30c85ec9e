#include "record/price_list.h"

#include <cmath>

#include "base/json.h"
#include "record/gzip_reader.h"

namespace swy::record {
namespace {

std::string fold(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

Result<PriceList> PriceList::load(const std::string& path) {
  SWY_TRY(GzipReader reader, GzipReader::open(path));
  std::string text;
  for (;;) {
    SWY_TRY(const auto line, reader.next());
    if (!line) break;
    text += *line;
    text += '\n';
    if (text.size() > (std::size_t{64} << 20U))
      return fail(ErrorCode::kTooLarge, path + ": a price list over 64 MiB");
  }
  auto list = parse(text);
  if (!list) return fail_in(path, std::move(list).error());
  return list;
}

Result<PriceList> PriceList::parse(std::string_view json) {
  base::JsonDoc doc;
  SWY_TRY(const base::Json root, doc.parse(json));
  if (!root.is_object())
    return fail(ErrorCode::kParse,
                "a price list is an object: {model: {in_per_mtok, out_per_mtok}}");
  PriceList list;
  std::string bad;
  root.each_member([&](std::string_view model, const base::Json& entry) {
    const Price price{entry.number_or("in_per_mtok", std::nan("")),
                      entry.number_or("out_per_mtok", std::nan(""))};
    if (!(price.in_per_mtok >= 0 && price.out_per_mtok >= 0)) {
      if (bad.empty()) bad = model;
      return;
    }
    list.exact_.emplace(model, price);
    list.folded_.emplace(fold(model), price);
  });
  if (!bad.empty()) {
    return fail(ErrorCode::kParse,
                "model \"" + bad + "\" needs in_per_mtok and out_per_mtok, numbers of at least 0");
  }
  return list;
}

std::optional<Price> PriceList::find(std::string_view model) const {
  const std::string name(model);
  if (const auto it = exact_.find(name); it != exact_.end()) return it->second;
  if (const auto it = folded_.find(fold(name)); it != folded_.end()) return it->second;
  return std::nullopt;
}

}  // namespace swy::record
