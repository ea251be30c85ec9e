#include "upstream/answers.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace swy::upstream {
namespace {

class Answers : public testing::Test {
 protected:
  Answers() {
    std::filesystem::create_directories(dir_);
    write(
        "one.jsonl",
        R"({"id":"a","prompt":"What  is\n2+2?","models":{"m":{"correct":1,"tokens_in":9,"tokens_out":3},"n":{"correct":0}}}
{"id":"b","prompt":"What is 2+2?","models":{"m":{"correct":1,"tokens_in":8,"tokens_out":2}}}
{"id":"c","prompt":"only here","models":{"m":{"correct":1}}}
)");
    write("one.responses.jsonl", R"({"id":"a","responses":{"m":"four, a","n":"five"}}
{"id":"b","responses":{"m":"four, b"}}
)");
    write("two.jsonl",
          R"({"id":"d","prompt":"only here","models":{"z":{"correct":1,"tokens_out":5}}}
)");
  }
  ~Answers() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }
  Result<AnswerBook> load() {
    const std::vector<std::string> paths{dir_.string()};
    return AnswerBook::load(paths);
  }
  std::filesystem::path dir_ =
      std::filesystem::path(testing::TempDir()) / ("answers_" + std::to_string(::getpid()));
};

TEST_F(Answers, are_found_by_the_exact_prompt_first_and_then_with_space_folded) {
  const auto book = load();
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->find("What is 2+2?", "m").text, "four, b");
  EXPECT_EQ(book->find("What  is\n2+2?", "m").text, "four, a");
  EXPECT_EQ(book->find(" What is\t2+2?\n", "m").id, "a");  // both fold to it: the smaller id
  EXPECT_EQ(book->find("What is 2+3?", "m").id, "");
  EXPECT_EQ(book->rows(), 4u);
}

TEST_F(Answers, come_from_the_row_that_knows_the_model) {
  const auto book = load();
  ASSERT_TRUE(book);
  EXPECT_EQ(book->find("What is 2+2?", "n").text, "five");
  EXPECT_EQ(book->find("What is 2+2?", "m").tokens_in, 8);
  EXPECT_EQ(book->find("only here", "z").tokens_out, 5);
  EXPECT_EQ(book->find("only here", "z").text, std::nullopt);
  EXPECT_EQ(book->find("only here", "m").id, "c");
  EXPECT_EQ(book->find("only here", "m").tokens_out, std::nullopt);
  EXPECT_EQ(book->models(), (std::vector<std::string>{"m", "n", "z"}));
  EXPECT_TRUE(book->has_model("z"));
  EXPECT_FALSE(book->has_model("y"));
}

TEST_F(Answers, of_a_missing_or_broken_file_are_an_error_that_names_it) {
  const std::vector<std::string> nowhere{(dir_ / "nowhere.jsonl").string()};
  const auto missing = AnswerBook::load(nowhere);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("nowhere.jsonl"), std::string::npos);
  write("two.responses.jsonl", "{");
  const auto broken = load();
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("two.responses.jsonl:1"), std::string::npos);
}

}  // namespace
}  // namespace swy::upstream
