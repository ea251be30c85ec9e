#include "embed/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace swy::embed {
namespace {

std::string file_of(const std::string& header, std::size_t data) {
  std::string f(8, '\0');
  const std::uint64_t n = header.size();
  std::memcpy(f.data(), &n, 8);
  return f + header + std::string(data, '\0');
}

Result<Safetensors> parse(const std::string& file) {
  return Safetensors::parse(std::as_bytes(std::span(file)), "f.safetensors");
}

std::string error_of(const std::string& header, std::size_t data) {
  const std::string file = file_of(header, data);
  const auto r = parse(file);
  return r ? "" : r.error().message;
}

TEST(Safetensors, reads_tensors_and_metadata) {
  const std::string file = file_of(
      R"({"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
      R"("y":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})",
      28);
  const auto r = parse(file);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->tensors().size(), 2);
  EXPECT_EQ(r->metadata("a"), "b");
  EXPECT_EQ(r->metadata("b"), "");
  ASSERT_NE(r->find("x"), nullptr);
  EXPECT_EQ(r->find("x")->count, 6);
  EXPECT_EQ(r->find("z"), nullptr);
  EXPECT_TRUE(r->floats("x", std::vector<std::size_t>{2, 3}));
}

TEST(Safetensors, names_the_file_and_the_tensor_that_is_wrong) {
  const auto one = [](const char* what) {
    return error_of(std::string(R"({"x":{)") + what + "}}", 8);
  };
  EXPECT_EQ(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), "");
  const std::vector<std::pair<const char*, const char*>> bad = {
      {R"("dtype":"F99","shape":[2],"data_offsets":[0,8])", "unknown dtype 'F99'"},
      {R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", "needs 12 bytes"},
      {R"("dtype":"F32","shape":[2],"data_offsets":[0,16])", "truncated"},
      {R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", "are not sizes"},
      {R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", "are not sizes"},
      {R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])", "are not sizes"},
      {R"("dtype":"F32","shape":"2","data_offsets":[0,8])", "shape is not a list"},
      {R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8])", "are not sizes"},
      {R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])", "shape is not a list"},
      {R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", "leaves a hole"},
      {R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", "behind the last"}};
  for (const auto& [what, why] : bad) {
    const std::string message = one(what);
    EXPECT_NE(message.find(why), std::string::npos) << what << " -> " << message;
    EXPECT_EQ(message.rfind("f.safetensors: ", 0), 0) << message;
  }
  EXPECT_NE(error_of(R"({"x":{"dtype":"I8","shape":[8],"data_offsets":[0,8]},)"
                     R"("y":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}})",
                     8)
                .find("'y' overlaps"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"x":{"dtype":"I8","shape":[8],"data_offsets":[0,8]},)"
                     R"("x":{"dtype":"I8","shape":[8],"data_offsets":[8,16]}})",
                     16)
                .find("'x' is there twice"),
            std::string::npos);
}

TEST(Safetensors, refuses_headers_that_are_no_headers) {
  EXPECT_FALSE(parse("1234567"));
  EXPECT_FALSE(parse(std::string(8, '\xff')));
  EXPECT_FALSE(parse(file_of("", 0)));
  EXPECT_FALSE(parse(file_of("[1]", 0)));
  EXPECT_FALSE(parse(file_of("{\"x\":1}", 0)));
  EXPECT_TRUE(parse(file_of("{}", 0)));
  EXPECT_FALSE(parse(file_of("{}", 1)));
}

TEST(Safetensors, every_truncation_of_a_file_is_an_error) {
  const std::string file = file_of(R"({"x":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})", 8);
  for (std::size_t n = 0; n < file.size(); ++n) EXPECT_FALSE(parse(file.substr(0, n))) << n;
  EXPECT_TRUE(parse(file));
}

TEST(Safetensors, converts_halves_and_refuses_what_is_not_finite) {
  const std::uint16_t half[6] = {0x3C00, 0xC000, 0x0001, 0x8000, 0x7BFF, 0x3555};
  const std::uint16_t brain[2] = {0x3F80, 0xC0A0};
  const float floats[1] = {INFINITY};
  const std::vector<Tensor> tensors = {{"h", Dtype::kF16, {6}, 6, std::as_bytes(std::span(half))},
                                       {"b", Dtype::kBF16, {2}, 2, std::as_bytes(std::span(brain))},
                                       {"f", Dtype::kF32, {1}, 1, std::as_bytes(std::span(floats))},
                                       {"u", Dtype::kU16, {2}, 2, std::as_bytes(std::span(brain))}};
  const std::string path = std::filesystem::temp_directory_path() /
                           ("swy_safetensors_test" + std::to_string(::getpid()));
  ASSERT_TRUE(write_safetensors(path, tensors, {}));
  const auto r = Safetensors::open(path);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(*r->floats("h", std::vector<std::size_t>{6}),
            (std::vector<float>{1, -2, 0x1p-24F, -0.0F, 65504, 0x1.554p-2F}));
  EXPECT_EQ(*r->floats("b", std::vector<std::size_t>{2}), (std::vector<float>{1, -5}));
  EXPECT_NE(r->floats("f", std::vector<std::size_t>{1}).error().message.find("not finite"),
            std::string::npos);
  EXPECT_NE(r->floats("u", std::vector<std::size_t>{2}).error().message.find("is U16"),
            std::string::npos);
  EXPECT_NE(r->floats("h", std::vector<std::size_t>{2, 3}).error().message.find("[6]"),
            std::string::npos);
  EXPECT_EQ(r->floats("q", {}).error().code, ErrorCode::kNotFound);
  std::filesystem::remove(path);
  EXPECT_EQ(Safetensors::open(path).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Safetensors::open("/").error().code, ErrorCode::kParse);
  EXPECT_EQ(write_safetensors("/nowhere/at/all", {}, {}).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace swy::embed
