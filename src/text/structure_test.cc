#include "text/structure.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/rng.h"

namespace swy::text {
namespace {

TEST(Structure, CountsLinesWordsSentencesAndQuestions) {
  const Structure s =
      analyse("Hello there. How are you? I am 42!\n\nSee https://example.org/a?b=c for more");
  EXPECT_EQ(s.lines, 2U);
  EXPECT_EQ(s.sentences, 4U);
  EXPECT_EQ(s.questions, 1U);
  EXPECT_EQ(s.urls, 1U);
  EXPECT_EQ(s.digits, 2U);
  EXPECT_EQ(s.upper_case, 4U);
  EXPECT_EQ(analyse("one two  three").words, 3U);
  EXPECT_EQ(analyse("重置 a").words, 3U);
  EXPECT_EQ(analyse("这样好吗？").questions, 1U);
}

TEST(Structure, OfNothingIsNothing) {
  for (const std::string_view t : {"", " ", "\n\n\n", "\t \r\n"}) {
    const Structure s = analyse(t);
    EXPECT_EQ(s.lines, 0U);
    EXPECT_EQ(s.words, 0U);
    EXPECT_EQ(s.sentences, 0U);
    EXPECT_FALSE(s.has_code);
    EXPECT_FALSE(s.has_math);
    EXPECT_FALSE(s.has_table);
    EXPECT_FALSE(s.is_json);
    EXPECT_EQ(s.digit_share(), 0.0F);
  }
}

TEST(Structure, SeesFencedAndUnfencedCode) {
  const Structure fenced = analyse("What does this do?\n```py\nx = 1\ny = 2\n```\n");
  EXPECT_EQ(fenced.code_fences, 1U);
  EXPECT_EQ(fenced.fenced_lines, 2U);
  EXPECT_TRUE(fenced.has_code);
  for (const std::string_view code :
       {"Why does this fail?\ndef f(xs):\n    return [x + 1 for x in xs]\nassert f([1]) == [2]",
        "#include <vector>\nint main() {\n  std::vector<int> v;\n  return v.size();\n}",
        "function add(a, b) {\n  return a + b;\n}",
        "SELECT name, total FROM orders WHERE total > 100;",
        "fix it:\nconst x = items.map(i => i.id);\nconsole.log(x);"}) {
    EXPECT_TRUE(analyse(code).has_code) << code << " " << analyse(code).has_code.confidence;
  }
}

TEST(Structure, ProseIsNoCodeNoMathematicsNoTable) {
  for (const std::string_view prose :
       {"Please book me a table for two (or three) at eight; we may be late.",
        "From my point of view, let us import fewer goods and return what we can.",
        "if I pay $5 now and $10 later, is that okay?",
        "What is the class of 2020 doing - and/or planning - these days?",
        "Write a short story about a function of society; make it funny :)",
        "My favourites are apples, pears, plums, and cherries."}) {
    const Structure s = analyse(prose);
    EXPECT_FALSE(s.has_code) << prose << s.has_code.confidence;
    EXPECT_FALSE(s.has_math) << prose << s.has_math.confidence;
    EXPECT_FALSE(s.has_table) << prose;
  }
}

TEST(Structure, SeesMathematics) {
  for (const std::string_view math :
       {"Find \\frac{1}{2} + \\sqrt{3}.", "Let $f(x) = x^2 + 1$. What is $f(3)$?",
        "Solve 3x + 5 = 20 for x, where y = 2x - 1",
        "Compute the integral of the polynomial and evaluate the derivative at 3.",
        "Tom has 5 apples and buys 7 more. How many apples does he have now?"}) {
    EXPECT_TRUE(analyse(math).has_math) << math << " " << analyse(math).has_math.confidence;
  }
  const Structure s = analyse("Let $x$ and $$y^2$$ be \\alpha");
  EXPECT_EQ(s.dollar_math, 2U);
  EXPECT_EQ(s.latex_commands, 1U);
}

TEST(Structure, SeesTables) {
  const Structure md = analyse("| a | b |\n|---|---|\n| 1 | 2 |\n");
  EXPECT_EQ(md.table_rows, 3U);
  EXPECT_TRUE(md.has_table);
  EXPECT_TRUE(analyse("name,age,city\nann,31,rome\nbob,25,oslo\n").has_table);
  EXPECT_TRUE(analyse("a\tb\tc\n1\t2\t3\n4\t5\t6").has_table);
  EXPECT_FALSE(analyse("a | b\nnothing else").has_table);
}

TEST(Structure, SeesListsHeadingsAndInlineCode) {
  const Structure s = analyse(
      "# Title\n- one\n* two\n3. three\n4) four\n\xE2\x80\xA2 five\nuse `git log` and `ls`\n-no "
      "3.5 item");
  EXPECT_EQ(s.headings, 1U);
  EXPECT_EQ(s.list_items, 5U);
  EXPECT_EQ(s.inline_code, 2U);
}

TEST(Structure, SeesJson) {
  EXPECT_TRUE(analyse(" {\"a\": [1, 2], \"b\": \"x\"}\n").is_json);
  EXPECT_TRUE(analyse("[{\"a\": 1}]").is_json);
  EXPECT_FALSE(analyse("[see note]").is_json);
  EXPECT_FALSE(analyse("{\"a\": 1} is what I sent").is_json);
}

TEST(Structure, IsTotalAndBoundedOnAnyBytes) {
  base::Rng rng(9, 9, 9);
  constexpr std::string_view kMarks = "`$|\\\n{}()[]=+-*/<>.,;:?! ab1\t\xC3\xE2\xFF_^#~\"";
  for (int round = 0; round < 5000; ++round) {
    std::string s(rng.below(120), '\0');
    for (char& c : s)
      c = round % 2 == 0 ? kMarks[rng.below(kMarks.size())]
                         : static_cast<char>(static_cast<unsigned char>(rng.below(256)));
    const Structure r = analyse(s);
    for (const Likely& l : {r.has_code, r.has_math, r.has_table, r.is_json}) {
      ASSERT_TRUE(l.confidence >= 0 && l.confidence <= 1) << "round " << round;
    }
    ASSERT_LE(r.letters + r.digits, r.code_points);
    ASSERT_LE(r.code_points, s.size());
  }
  EXPECT_EQ(analyse(std::string(kMaxStructureBytes * 2, 'a')).bytes, kMaxStructureBytes);
}

TEST(Structure, TakesTimeLinearInHostileText) {
  for (const char c : {'`', '$', '\\', '|', '=', '(', '\n', ',', '"'}) {
    std::string s(kMaxStructureBytes, c);
    EXPECT_EQ(analyse(s).bytes, kMaxStructureBytes);
    for (std::size_t i = 0; i < s.size(); i += 2) s[i] = '1';
    EXPECT_EQ(analyse(s).bytes, kMaxStructureBytes);
  }
}

// Labelled prompts outside of the repository; SWY_DATA names their folder.
std::vector<std::string> prompts(const std::string& file, std::string_view key) {
  std::vector<std::string> out;
  const char* root = std::getenv("SWY_DATA");
  const std::string path =
      std::string(root == nullptr ? SWY_SOURCE_DIR "/shared/data" : root) + "/" + file;
  gzFile in = gzopen(path.c_str(), "rb");
  if (in == nullptr) return out;
  std::string line;
  std::vector<char> buf(1 << 16U);
  while (gzgets(in, buf.data(), static_cast<int>(buf.size())) != nullptr) {
    line += buf.data();
    if (line.empty() || line.back() != '\n') continue;
    base::JsonDoc doc;
    if (const auto row = doc.parse(line)) out.emplace_back(row->string_or(key, ""));
    line.clear();
  }
  gzclose(in);
  return out;
}

double share(const std::vector<std::string>& texts, Likely Structure::* what) {
  std::size_t n = 0;
  for (const std::string& t : texts) n += (analyse(t).*what).value() ? 1 : 0;
  return static_cast<double>(n) / static_cast<double>(texts.size());
}

TEST(Structure, SeparatesTheLabelledSets) {
  const auto crux = prompts("zeroeval/zeroeval-crux.jsonl.gz", "prompt");
  if (crux.empty()) GTEST_SKIP() << "the labelled prompts are not here";
  const auto math = prompts("zeroeval/zeroeval-math-l5.jsonl.gz", "prompt");
  const auto gsm = prompts("zeroeval/zeroeval-gsm.jsonl.gz", "prompt");
  const auto clinc = prompts("intents/clinc150.jsonl.gz", "text");
  const auto banking = prompts("intents/banking77.jsonl.gz", "text");
  EXPECT_GT(share(crux, &Structure::has_code), 0.99);
  EXPECT_LT(share(gsm, &Structure::has_code), 0.005);
  EXPECT_LT(share(clinc, &Structure::has_code), 0.002);
  EXPECT_GT(share(math, &Structure::has_math), 0.85);
  EXPECT_GT(share(gsm, &Structure::has_math), 0.70);
  EXPECT_LT(share(clinc, &Structure::has_math), 0.005);
  EXPECT_LT(share(banking, &Structure::has_math), 0.005);
}

}  // namespace
}  // namespace swy::text
