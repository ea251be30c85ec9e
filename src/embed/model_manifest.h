// Manifest: what a model in the store consists of, and which names are allowed there.
//
// When to use: reading or writing manifest.json, and before any name from outside becomes a path.
// Threading: values. Ownership: plain values.
//
// A model is called NAME or OWNER/NAME; its folder is NAME or OWNER--NAME. Neither part holds "--",
// so that the two spellings map one to one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::embed {

struct ModelFile {
  std::string path;  // below the model's folder, with '/'
  std::uint64_t size = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits
};

struct Manifest {
  std::string name;
  std::string source;    // URL of the model at its hub, or the folder it was taken from
  std::string revision;  // as asked for; "" for a folder
  std::string commit;    // what the hub says the revision was; may be ""
  std::string time;      // of the pull, UTC, ISO 8601
  std::vector<ModelFile> files;

  [[nodiscard]] const ModelFile* find(std::string_view path) const;  // null: not listed
  [[nodiscard]] std::uint64_t bytes() const;                         // of all files
};

inline constexpr std::string_view kManifestFile = "manifest.json";

std::string to_json(const Manifest& manifest);
// Strict: an unknown format, a name or path that is not allowed, a duplicate or a malformed hash is
// kParse.
Result<Manifest> parse_manifest(std::string_view text);

// Letters, digits, '.', '_', '-'; at most 96 of them a part. kInvalidArgument says what is wrong.
Status check_model_name(std::string_view name);
// A relative path that stays below its folder and hides nothing: no "..", no part that begins with
// a dot, printable ASCII without backslash, at most 8 parts; and not the manifest itself.
Status check_model_file(std::string_view path);
// 64 hexadecimal digits, in lower case afterwards; "" when it is not that.
std::string normal_sha256(std::string_view text);

std::string folder_of_model(std::string_view name);    // "a/b" -> "a--b". REQUIRES: an allowed name
std::string model_of_folder(std::string_view folder);  // the reverse

}  // namespace swy::embed
