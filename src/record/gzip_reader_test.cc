#include "record/gzip_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

void write_gzip(const std::string& path, const std::string& text) {
  gzFile f = gzopen(path.c_str(), "wb");
  ASSERT_NE(f, nullptr);
  ASSERT_EQ(gzwrite(f, text.data(), static_cast<unsigned>(text.size())),
            static_cast<int>(text.size()));
  ASSERT_EQ(gzclose(f), Z_OK);
}

struct Outcome {
  std::vector<std::string> lines;
  std::string error;
  ErrorCode code = ErrorCode::kInternal;
};

Outcome read_all(const std::string& path, std::size_t max_line = 1U << 20U) {
  Outcome out;
  auto reader = GzipReader::open(path, max_line);
  if (!reader) return {{}, reader.error().message, reader.error().code};
  for (;;) {
    const auto line = reader->next();
    if (!line) return {out.lines, line.error().message, line.error().code};
    if (!*line) return out;
    out.lines.emplace_back(**line);
  }
}

std::string many_lines() {
  std::string text;
  for (int i = 0; i < 50'000; ++i)
    text += "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 97), 'x') + "\n";
  return text;
}

TEST(GzipReader, GivesTheSameLinesPlainAndCompressed) {
  const TempDir temp;
  const std::string text = many_lines() + "\r\nwith return\r\nlast without newline";
  write_text(temp / "a.txt", text);
  write_gzip(temp / "a.txt.gz", text);
  const Outcome plain = read_all(temp / "a.txt");
  const Outcome packed = read_all(temp / "a.txt.gz");
  EXPECT_EQ(plain.error, "");
  EXPECT_EQ(packed.error, "");
  ASSERT_EQ(plain.lines.size(), 50'003U);
  EXPECT_EQ(plain.lines[50'001], "with return");
  EXPECT_EQ(plain.lines[50'002], "last without newline");
  EXPECT_EQ(plain.lines, packed.lines);
}

TEST(GzipReader, NumbersLinesAndTellsAnUnfinishedLast) {
  const TempDir temp;
  write_text(temp / "a", "one\n\ntwo");
  auto reader = GzipReader::open(temp / "a");
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->next()->value(), "one");
  EXPECT_EQ(reader->next()->value(), "");
  EXPECT_TRUE(reader->terminated());
  EXPECT_EQ(reader->next()->value(), "two");
  EXPECT_FALSE(reader->terminated());
  EXPECT_EQ(reader->where(), temp / "a" + ":3");
  EXPECT_EQ(*reader->next(), std::nullopt);
  EXPECT_EQ(*reader->next(), std::nullopt);
}

TEST(GzipReader, ReportsGzipThatIsCutOffAnywhere) {
  const TempDir temp;
  write_gzip(temp / "a.gz", "first line\nsecond line\n");
  const std::string whole = read_text(temp / "a.gz");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    write_text(temp / "cut.gz", whole.substr(0, cut));
    const Outcome out = read_all(temp / "cut.gz");
    EXPECT_EQ(out.code, ErrorCode::kParse) << cut << " of " << whole.size();
    EXPECT_NE(out.error, "") << cut;
  }
}

TEST(GzipReader, ReportsDamageInTheMiddle) {
  const TempDir temp;
  write_gzip(temp / "a.gz", many_lines());
  std::string bytes = read_text(temp / "a.gz");
  for (std::size_t i = 0; i < 8; ++i)
    bytes[bytes.size() / 2 + i] = static_cast<char>(~bytes[bytes.size() / 2 + i]);
  write_text(temp / "a.gz", bytes);
  EXPECT_EQ(read_all(temp / "a.gz").code, ErrorCode::kParse);
}

TEST(GzipReader, BoundsTheLine) {
  const TempDir temp;
  write_text(temp / "a", "short\n" + std::string(2'000'000, 'x') + "\nafter\n");
  const Outcome out = read_all(temp / "a", 1'000'000);
  EXPECT_EQ(out.lines, std::vector<std::string>{"short"});
  EXPECT_EQ(out.code, ErrorCode::kTooLarge);
  EXPECT_NE(out.error.find(":2:"), std::string::npos);
}

TEST(GzipReader, NamesAFileThatIsNotThere) {
  const Outcome out = read_all("/nonexistent/table.jsonl");
  EXPECT_EQ(out.code, ErrorCode::kNotFound);
  EXPECT_NE(out.error.find("/nonexistent/table.jsonl"), std::string::npos);
}

TEST(GzipReader, ReportsADirectory) { EXPECT_EQ(read_all(TempDir().path()).code, ErrorCode::kIo); }

}  // namespace
}  // namespace swy::record
