#include "embed/model_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/doc.h"
#include "base/hash.h"
#include "embed/model_files.h"
#include "embed/model_staging.h"

namespace swy::embed {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

// A store and a folder with a model, in a directory of their own.
class Store : public testing::Test {
 protected:
  Store() {
    std::string shape = (fs::temp_directory_path() / "swy-models-XXXXXX").string();
    dir_ = ::mkdtemp(shape.data());
    store_ = std::make_unique<ModelStore>((dir_ / "store").string());
    write(source() / "config.json", "{}");
    write(source() / "vocab.txt", "[PAD]\n");
    write(source() / "1_Pooling/config.json", "{\"mean\":true}");
    write(source() / "model.safetensors", "weights");
    write(source() / "pytorch_model.bin", "never taken");
  }
  ~Store() override { fs::remove_all(dir_); }

  [[nodiscard]] fs::path source() const { return dir_ / "source"; }
  [[nodiscard]] fs::path installed(const std::string& file = "") const {
    return fs::path(store_->folder("acme/small")) / file;
  }
  Result<Manifest> take(const TakeOptions& more = {}, Hashes expected = {}) {
    TakeOptions take = more;
    take.folder = source().string();
    StagingOptions options;
    options.name = "acme/small";
    options.expected = std::move(expected);
    return take_folder(*store_, std::move(options), take);
  }
  // "path state" of what is not ok.
  std::vector<std::string> wrong() {
    std::vector<std::string> out;
    const auto findings = store_->verify("acme/small");
    EXPECT_TRUE(findings) << findings.error().message;
    if (!findings) return out;
    for (const FileFinding& f : *findings) {
      if (f.state != FileState::kOk) out.push_back(f.path + " " + std::string(to_string(f.state)));
    }
    return out;
  }

  fs::path dir_;
  std::unique_ptr<ModelStore> store_;
};

TEST_F(Store, AFolderThatIsTakenIsListedVerifiedAndFound) {
  const auto manifest = take();
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->source, fs::canonical(source()).string());
  ASSERT_NE(manifest->find("model.safetensors"), nullptr);
  EXPECT_EQ(manifest->find("model.safetensors")->sha256, base::sha256_hex("weights"));
  EXPECT_EQ(manifest->find("pytorch_model.bin"), nullptr);
  EXPECT_TRUE(wrong().empty());
  EXPECT_EQ(store_->find("acme/small").value(), installed().lexically_normal().parent_path());
  const auto entries = store_->list();
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ(entries->front().name, "acme/small");
  EXPECT_EQ(entries->front().manifest->bytes(), manifest->bytes());
  EXPECT_EQ(base::read_file(installed("1_Pooling/config.json")).value(), "{\"mean\":true}");
}

TEST_F(Store, TamperedTruncatedMissingAndForeignFilesAreFound) {
  ASSERT_TRUE(take());
  write(installed("model.safetensors"), "weighty");  // the same size
  write(installed("vocab.txt"), "[PAD]");            // shorter
  fs::remove(installed("1_Pooling/config.json"));
  write(installed("1_Pooling/new.json"), "");
  fs::create_directory_symlink("/", installed("link"));
  fs::remove(installed("config.json"));
  fs::create_symlink(source() / "config.json", installed("config.json"));
  EXPECT_THAT(wrong(), ElementsAre("config.json changed", "vocab.txt changed",
                                   "1_Pooling/config.json missing", "model.safetensors changed",
                                   "1_Pooling/new.json extra", "link extra"));
  const auto found = store_->find("acme/small");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, HasSubstr("switchyard models verify acme/small"));
  ASSERT_TRUE(take());  // taking it again repairs it
  EXPECT_TRUE(wrong().empty());
}

TEST_F(Store, ADamagedManifestIsToldAndOtherModelsStay) {
  ASSERT_TRUE(take());
  const std::string good = base::read_file(installed("manifest.json")).value();
  const auto replaced = [&](std::string_view what, std::string_view by) {
    std::string text = good;
    text.replace(text.find(what), what.size(), by);
    return text;
  };
  const std::string first = base::sha256_hex("{}");
  for (const std::string& text :
       {std::string(), good.substr(0, good.size() / 2), std::string("[]"),
        replaced("\"format\":1", "\"format\":2"), replaced("acme/small", "acme/large"),
        replaced("\"config.json\"", "\"../../x\""), replaced("\"config.json\"", "\"/etc/passwd\""),
        replaced("\"config.json\"", "\"vocab.txt\""), replaced("\"size\":2", "\"size\":-2"),
        replaced(first, "00"), replaced("\"files\":[", "\"files\":3,\"x\":["),
        std::string(5 << 20, ' ')}) {
    write(installed("manifest.json"), text);
    const auto verified = store_->verify("acme/small");
    ASSERT_FALSE(verified) << text.substr(0, 200);
    EXPECT_EQ(verified.error().code, ErrorCode::kParse);
    EXPECT_THAT(verified.error().message, HasSubstr("manifest"));
    EXPECT_FALSE(store_->find("acme/small"));
    const auto entries = store_->list();
    ASSERT_TRUE(entries);
    ASSERT_EQ(entries->size(), 1U);
    EXPECT_FALSE(entries->front().manifest);
  }
}

TEST_F(Store, NamesThatLeaveTheStoreAreRefused) {
  for (const char* name : {"", ".", "..", "/", "a/", "/a", "a/b/c", "../a", "a/..", ".staging",
                           "a--b", "a b", "a\nb", "-a", "a/-b", "\xc3\xa9", "a..b"}) {
    EXPECT_FALSE(check_model_name(name)) << name;
    EXPECT_FALSE(store_->verify(name)) << name;
    EXPECT_FALSE(store_->find(name)) << name;
    StagingOptions options;
    options.name = name;
    EXPECT_FALSE(Staging::open(*store_, options)) << name;
  }
  EXPECT_FALSE(check_model_name(std::string(97, 'a')));
  for (const char* name : {"a", "a/b", "all-MiniLM-L6-v2", "owner/bge-small-en-v1.5", "_x/y_"})
    EXPECT_TRUE(check_model_name(name)) << name;
  EXPECT_EQ(folder_of_model("a/b-c"), "a--b-c");
  EXPECT_EQ(model_of_folder("a--b-c"), "a/b-c");
}

TEST_F(Store, FilesThatLeaveTheirFolderAreRefused) {
  for (const char* file : {"", "/x", "../x", "a/../x", "a//x", "a/", ".x", "a/.x", "a\\b", "a\nb",
                           "manifest.json", "a/b/c/d/e/f/g/h/i", "\x7f"}) {
    EXPECT_FALSE(check_model_file(file)) << file;
    EXPECT_FALSE(take({.folder = "", .only = {file}, .link = false})) << file;
  }
  EXPECT_TRUE(check_model_file("1_Pooling/config.json"));
  EXPECT_FALSE(fs::exists(installed()));
}

TEST_F(Store, WhatAnEncoderNeedsIsNamedWhenItIsNotThere) {
  const auto missing = [&](const char* file) {
    fs::rename(source() / file, dir_ / "away");
    const auto taken = take();
    fs::rename(dir_ / "away", source() / file);
    return taken ? std::string() : taken.error().message;
  };
  EXPECT_THAT(missing("config.json"), HasSubstr("no config.json"));
  EXPECT_THAT(missing("vocab.txt"), HasSubstr("no tokenizer"));
  EXPECT_THAT(missing("model.safetensors"), HasSubstr("no model.safetensors"));
  EXPECT_EQ(missing("1_Pooling/config.json"), "");
  EXPECT_THAT(take({.folder = "", .only = {"nothing"}, .link = false}).error().message,
              HasSubstr("no nothing"));
}

TEST_F(Store, ShardsComeWithTheirIndex) {
  const auto index = [](std::string_view shard) {
    return R"({"weight_map":{"a":"model-1.safetensors","b":")" + std::string(shard) + "\"}}";
  };
  const std::string name = "model.safetensors.index.json";
  fs::remove(source() / "model.safetensors");
  write(source() / "model-1.safetensors", "one");
  write(source() / "model-2.safetensors", "two");
  write(source() / name, index("model-2.safetensors"));
  const auto manifest = take();
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_NE(manifest->find("model-1.safetensors"), nullptr);
  EXPECT_NE(manifest->find("model-2.safetensors"), nullptr);
  EXPECT_NE(manifest->find(name), nullptr);
  for (const char* shard : {"../model-2.safetensors", "/etc/passwd", "model-2.bin", ""}) {
    write(source() / name, index(shard));
    EXPECT_FALSE(take()) << shard;
  }
  write(source() / name, index("model-3.safetensors"));
  EXPECT_THAT(take().error().message, HasSubstr("no model-3.safetensors"));
  for (const char* text : {"", "{}", "{\"weight_map\":{}}", "{\"weight_map\":{\"a\":1}}"}) {
    write(source() / name, text);
    EXPECT_FALSE(take()) << text;
  }
  EXPECT_TRUE(wrong().empty());  // what was there before stays whole
}

TEST_F(Store, AHashThatIsAskedForMustHold) {
  ASSERT_TRUE(take({}, {{"model.safetensors", base::sha256_hex("weights")}}));
  write(source() / "model.safetensors", "other");
  const auto refused = take({}, {{"model.safetensors", base::sha256_hex("weights")}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kProtocol);
  EXPECT_THAT(refused.error().message, HasSubstr(base::sha256_hex("other")));
  EXPECT_EQ(base::read_file(installed("model.safetensors")).value(), "weights");
  EXPECT_THAT(take({}, {{"unknown.bin", base::sha256_hex("")}}).error().message,
              HasSubstr("unknown.bin"));
  EXPECT_EQ(normal_sha256(std::string(64, 'A')), std::string(64, 'a'));
  EXPECT_EQ(normal_sha256(std::string(64, 'g')), "");
  EXPECT_EQ(normal_sha256("ab"), "");
}

TEST_F(Store, ALinkSharesTheBytesAndACopyDoesNot) {
  const auto inode = [](const fs::path& path) {
    struct stat s{};
    EXPECT_EQ(::stat(path.c_str(), &s), 0);
    return s.st_ino;
  };
  ASSERT_TRUE(take());
  EXPECT_NE(inode(installed("model.safetensors")), inode(source() / "model.safetensors"));
  ASSERT_TRUE(take({.folder = "", .only = {}, .link = true}));
  EXPECT_EQ(inode(installed("model.safetensors")), inode(source() / "model.safetensors"));
  EXPECT_TRUE(wrong().empty());
}

StagingOptions hub_options(std::string source = "http://hub/acme/small") {
  StagingOptions o;
  o.name = "acme/small";
  o.source = std::move(source);
  o.revision = "main";
  return o;
}

TEST_F(Store, APartOutlivesItsProcessAndGoesOn) {
  {
    auto staging = Staging::open(*store_, hub_options()).value();
    ASSERT_TRUE(staging->begin_part("config.json", "v1"));
    ASSERT_TRUE(staging->append("{\"a\""));
  }
  EXPECT_FALSE(fs::exists(installed()));
  EXPECT_TRUE(store_->list()->empty());
  auto staging = Staging::open(*store_, hub_options()).value();
  EXPECT_EQ(staging->part_size("config.json"), 4U);
  EXPECT_EQ(staging->tag("config.json"), "v1");
  ASSERT_TRUE(staging->continue_part("config.json"));
  ASSERT_TRUE(staging->append(":1}"));
  ASSERT_TRUE(staging->finish("config.json", base::sha256_hex("{\"a\":1}")));
  const auto manifest = staging->commit("abc");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->commit, "abc");
  EXPECT_EQ(base::read_file(installed("config.json")).value(), "{\"a\":1}");
  EXPECT_TRUE(wrong().empty());
}

TEST_F(Store, PartsOfAnotherSourceAreDropped) {
  {
    auto staging = Staging::open(*store_, hub_options()).value();
    ASSERT_TRUE(staging->begin_part("config.json", "v1"));
    ASSERT_TRUE(staging->append("{"));
  }
  auto staging = Staging::open(*store_, hub_options("http://elsewhere/acme/small")).value();
  EXPECT_EQ(staging->part_size("config.json"), 0U);
}

TEST_F(Store, AFinishedFileIsKeptForItsTagOnly) {
  const auto finished = [&](std::string_view text) {
    auto staging = Staging::open(*store_, hub_options()).value();
    EXPECT_TRUE(staging->begin_part("config.json", "v1"));
    EXPECT_TRUE(staging->append(text));
    EXPECT_TRUE(staging->finish("config.json", ""));
  };
  finished("{}");
  auto staging = Staging::open(*store_, hub_options()).value();
  EXPECT_FALSE(staging->keep("config.json", "v2", "").value());
  EXPECT_FALSE(staging->keep("config.json", "", "").value());
  EXPECT_TRUE(staging->keep("config.json", "v1", base::sha256_hex("{}")).value());
  staging.reset();
  staging = Staging::open(*store_, hub_options()).value();
  EXPECT_FALSE(staging->keep("config.json", "v1", base::sha256_hex("other")).value());
  staging.reset();
  finished("{}");
  staging = Staging::open(*store_, hub_options()).value();
  ASSERT_TRUE(staging->begin_part("config.json", "v2"));  // a newer one that is never completed
  EXPECT_FALSE(staging->keep("config.json", "v2", "").value());
}

TEST_F(Store, AWrongHashLeavesNothing) {
  auto staging = Staging::open(*store_, hub_options()).value();
  ASSERT_TRUE(staging->begin_part("model.safetensors", "v1"));
  ASSERT_TRUE(staging->append("evil"));
  const auto done = staging->finish("model.safetensors", base::sha256_hex("good"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kProtocol);
  EXPECT_EQ(staging->part_size("model.safetensors"), 0U);
}

TEST_F(Store, WhatIsInstalledIsReusedByItsHashUnlessItWasTamperedWith) {
  ASSERT_TRUE(take());
  const std::string hash = base::sha256_hex("weights");
  {
    auto staging = Staging::open(*store_, hub_options()).value();
    EXPECT_FALSE(staging->reuse("model.safetensors", base::sha256_hex("x")).value());
    EXPECT_FALSE(staging->reuse("other.safetensors", hash).value());
    EXPECT_TRUE(staging->reuse("model.safetensors", hash).value());
    ASSERT_TRUE(staging->commit(""));
  }
  EXPECT_FALSE(fs::exists(installed("config.json")));  // not of the new version
  write(installed("model.safetensors"), "weighty");
  auto staging = Staging::open(*store_, hub_options()).value();
  EXPECT_FALSE(staging->reuse("model.safetensors", hash).value());
}

TEST_F(Store, OfTwoPullsAtOnceTheSecondWaits) {
  auto first = Staging::open(*store_, hub_options()).value();
  ASSERT_TRUE(first->begin_part("config.json", "v1"));
  ASSERT_TRUE(first->append("{}"));
  std::thread second([&] {
    StagingOptions options = hub_options();
    // The first one ends only when the second is known to wait.
    options.waiting = [&] {
      EXPECT_TRUE(first->finish("config.json", ""));
      EXPECT_TRUE(first->commit("one"));
      first.reset();
    };
    auto staging = Staging::open(*store_, options).value();
    EXPECT_TRUE(staging->begin_part("config.json", "v2"));
    EXPECT_TRUE(staging->append("{ }"));
    EXPECT_TRUE(staging->finish("config.json", ""));
    EXPECT_TRUE(staging->commit("two"));
  });
  second.join();
  EXPECT_EQ(store_->manifest("acme/small")->commit, "two");
  EXPECT_TRUE(wrong().empty());
}

TEST_F(Store, AStoreThatCannotBeWrittenIsAnError) {
  write(dir_ / "file", "");
  const ModelStore store((dir_ / "file" / "store").string());
  EXPECT_FALSE(Staging::open(store, hub_options()));
  EXPECT_FALSE(store.list().has_value() && !store.list()->empty());
}

// Environment variables for a scope.
class Environment {
 public:
  Environment(std::initializer_list<std::pair<const char*, std::string>> values) {
    for (const auto& [name, value] : values) {
      const char* old = std::getenv(name);
      old_.emplace_back(name, old == nullptr ? std::nullopt : std::optional<std::string>(old));
      set(name, value);
    }
  }
  ~Environment() {
    for (const auto& [name, value] : old_) set(name, value.value_or(""));
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void set(const char* name, const std::string& value) {
    if (value.empty()) {
      ::unsetenv(name);
    } else {
      ::setenv(name, value.c_str(), 1);
    }
  }
  std::vector<std::pair<const char*, std::optional<std::string>>> old_;
};

TEST_F(Store, TheEnvironmentSaysWhereTheStoreIs) {
  const auto root = [](const char* own, const char* cache, const char* home) {
    const Environment e{{"SWITCHYARD_MODELS", own}, {"XDG_CACHE_HOME", cache}, {"HOME", home}};
    const auto store = ModelStore::from_environment();
    return store ? store->root() : store.error().message;
  };
  EXPECT_EQ(root("/m", "/c", "/h"), "/m");
  EXPECT_EQ(root("m", "/c", "/h"), (fs::current_path() / "m").string());
  EXPECT_EQ(root("", "/c", "/h"), "/c/switchyard/models");
  EXPECT_EQ(root("", "relative", "/h"), "/h/.cache/switchyard/models");
  EXPECT_THAT(root("", "", ""), HasSubstr("SWITCHYARD_MODELS"));
}

TEST_F(Store, AConfigurationNamesAModelOrAPath) {
  ASSERT_TRUE(take());
  const Environment e{{"SWITCHYARD_MODELS", store_->root()}};
  EXPECT_EQ(resolve_model_path("model:acme/small", "/etc/sw").value(),
            store_->folder("acme/small"));
  EXPECT_EQ(resolve_model_path("minilm", "/etc/sw").value(), "/etc/sw/minilm");
  EXPECT_EQ(resolve_model_path("../minilm", "/etc/sw").value(), "/etc/minilm");
  EXPECT_EQ(resolve_model_path("/opt/minilm", "/etc/sw").value(), "/opt/minilm");
  const auto unknown = resolve_model_path("model:acme/smal", "/etc/sw");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().message, HasSubstr("did you mean acme/small"));
  EXPECT_THAT(unknown.error().message, HasSubstr("switchyard models pull acme/smal"));
  EXPECT_FALSE(resolve_model_path("model:../../etc", "/etc/sw"));
}

}  // namespace
}  // namespace swy::embed
