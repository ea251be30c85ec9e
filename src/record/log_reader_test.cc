#include "record/log_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/fake_clock.h"
#include "record/log.h"
#include "record/record_id.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

constexpr std::int64_t kStartMs = 1'700'000'000'000;

std::string id_at(std::int64_t ms, std::uint64_t n = 0) {
  return std::string(make_record_id({ms, 0, 7, n}).view());
}
std::string rec(const std::string& id, std::size_t padding = 0) {
  return fmt::format(R"({{"v":1,"id":"{}","text":"{}"}})", id, std::string(padding, 'x'));
}
std::string name(std::int64_t ms, int worker) {
  return fmt::format("req-{:013}-77-{}-0.jsonl", ms, worker);
}

class LogReaderTest : public testing::Test {
 protected:
  void put(std::int64_t ms, int worker, std::string_view text) {
    write_text(temp / name(ms, worker), text);
  }
  std::vector<std::string> lines(ScanReport* report = nullptr) {
    std::vector<std::string> out;
    const auto done = scan(temp.path(), "req", [&](std::string_view text, const LogPlace& where) {
      out.push_back(fmt::format("{}:{}", where.line, text));
      return true;
    });
    EXPECT_TRUE(done);
    if (done && report != nullptr) *report = *done;
    return out;
  }
  TempDir temp;
};

TEST_F(LogReaderTest, ScansFilesInOrderAndCountsWhatItCannotUse) {
  put(kStartMs + 5, 0, "{\"n\":3}\nrubbish\n\n{\"n\":4}\n");
  put(kStartMs, 1, "{\"n\":1}\n{\"n\":2}\n{\"n\":99");
  write_text(temp / "req-notes.jsonl", "{\"n\":7}\n");
  write_text(temp / "request-1700000000000-1-1-0.jsonl", "{\"n\":8}\n");
  std::filesystem::create_directory(temp / name(kStartMs + 6, 0));
  ScanReport report;
  EXPECT_EQ(lines(&report),
            (std::vector<std::string>{"1:{\"n\":1}", "2:{\"n\":2}", "1:{\"n\":3}", "4:{\"n\":4}"}));
  EXPECT_EQ(report.files, 2U);
  EXPECT_EQ(report.lines, 4U);
  EXPECT_EQ(report.torn, 1U);
  EXPECT_EQ(report.unreadable, 2U);
  EXPECT_NE(report.first_trouble.find(":2: not a JSON object"), std::string::npos);
}

TEST_F(LogReaderTest, NeverTakesATornTailForARecordWhereverItIsCut) {
  const std::string whole = rec(id_at(kStartMs)) + "\n" + rec(id_at(kStartMs + 1)) + "\n";
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    put(kStartMs, 0, whole.substr(0, cut));
    ScanReport report;
    EXPECT_EQ(lines(&report).size(), cut >= first ? 1U : 0U) << cut;
    EXPECT_EQ(report.torn, cut == 0 || cut == first ? 0U : 1U) << cut;
    EXPECT_EQ(tail(temp.path(), "req", 5)->size(), cut >= first ? 1U : 0U) << cut;
    EXPECT_FALSE(find(temp.path(), "req", id_at(kStartMs + 1))) << cut;
  }
}

TEST_F(LogReaderTest, StopsWhenTheReceiverHasEnough) {
  put(kStartMs, 0, "{}\n{}\n{}\n");
  put(kStartMs + 1, 0, "{}\n");
  int seen = 0;
  const auto done =
      scan(temp.path(), "req", [&](std::string_view, const LogPlace&) { return ++seen < 2; });
  ASSERT_TRUE(done);
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(done->files, 1U);
}

TEST_F(LogReaderTest, SaysThatTheDirectoryIsNotThere) {
  EXPECT_EQ(log_files(temp / "none", "req").error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(tail(temp / "none", "req", 3));
  EXPECT_EQ(tail(temp.path(), "req", 3)->size(), 0U);
}

TEST_F(LogReaderTest, FindsARecordByItsId) {
  std::string a;
  std::string b;
  for (int i = 0; i < 100; ++i) a += rec(id_at(kStartMs + i), 40) + "\n";
  for (int i = 100; i < 200; ++i) b += rec(id_at(kStartMs + i), 40) + "\n";
  put(kStartMs, 0, a);
  put(kStartMs + 100, 0, b);
  for (const int i : {0, 57, 99, 100, 199}) {
    const auto found = find(temp.path(), "req", id_at(kStartMs + i));
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(*found, rec(id_at(kStartMs + i), 40));
  }
  EXPECT_EQ(find(temp.path(), "req", id_at(kStartMs + 200)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find(temp.path(), "req", "rec_1").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(find(temp.path(), "other", id_at(kStartMs)).error().code, ErrorCode::kNotFound);
}

TEST_F(LogReaderTest, LooksOnlyIntoFilesWhoseTimeCanHoldTheId) {
  constexpr std::int64_t kHour = 3'600'000;
  put(kStartMs, 0,
      rec(id_at(kStartMs - kHour + 1)) + "\n" + rec(id_at(kStartMs - kHour - 1)) + "\n");
  EXPECT_TRUE(find(temp.path(), "req",
                   id_at(kStartMs - kHour + 1)));  // a long request, recorded at its end
  EXPECT_FALSE(find(temp.path(), "req", id_at(kStartMs - kHour - 1)));
}

TEST_F(LogReaderTest, FindsOnlyTheRecordsOwnId) {
  const std::string id = id_at(kStartMs + 1);
  const std::string nested =
      fmt::format(R"({{"v":1,"id":"{}","body":{{"id":"{}"}}}})", id_at(kStartMs), id);
  const std::string quoted =
      fmt::format(R"({{"v":1,"id":"{}","body":"\"id\":\"{}\""}})", id_at(kStartMs), id);
  put(kStartMs, 0, nested + "\n" + quoted + "\n");
  EXPECT_FALSE(find(temp.path(), "req", id));
  put(kStartMs, 1, nested + "\n" + quoted + "\n" + rec(id) + "\n");
  EXPECT_EQ(find(temp.path(), "req", id).value_or(""), rec(id));
}

TEST_F(LogReaderTest, FindsAnIdAcrossTheEdgeOfABlock) {
  constexpr std::size_t kBlock = 1U << 20U;
  const std::string before = rec(id_at(kStartMs));
  const std::string wanted = rec(id_at(kStartMs + 1), 200'000);
  for (std::size_t shift = 0; shift < 60; shift += 3) {
    const std::size_t padding = kBlock - before.size() - 1 - shift;
    const std::string text =
        rec(id_at(kStartMs), padding) + "\n" + wanted + "\n" + rec(id_at(kStartMs + 2)) + "\n";
    put(kStartMs, 0, text);
    EXPECT_EQ(find(temp.path(), "req", id_at(kStartMs + 1)).value_or(""), wanted) << shift;
    EXPECT_TRUE(find(temp.path(), "req", id_at(kStartMs + 2))) << shift;
  }
}

TEST_F(LogReaderTest, TailMergesTheWorkersByTime) {
  std::string even;
  std::string odd;
  std::vector<std::string> all;
  for (int i = 0; i < 40; ++i) {
    all.push_back(rec(id_at(kStartMs + i), i == 38 ? 200'000 : 3));
    (i % 2 == 0 ? even : odd) += all.back() + "\n";
  }
  put(kStartMs, 0, even + "{\"v\":1,\"id\":");
  put(kStartMs, 1, odd);
  for (const std::size_t n : {0U, 1U, 2U, 7U, 40U, 100U}) {
    const auto got = tail(temp.path(), "req", n);
    ASSERT_TRUE(got);
    const auto k = static_cast<std::ptrdiff_t>(std::min<std::size_t>(n, all.size()));
    EXPECT_EQ(*got, std::vector<std::string>(all.end() - k, all.end())) << n;
  }
}

TEST_F(LogReaderTest, ReadsWholeRecordsWhileAWriterAppends) {
  const base::FakeClock clock;
  auto writer = LogWriter::open({temp.path(), "req", 0, 200'000}, clock);
  ASSERT_TRUE(writer);
  constexpr int kLines = 4000;
  std::atomic<int> written{0};
  std::thread owner([&] {
    for (int i = 0; i < kLines; ++i) {
      if ((*writer)->append(rec(id_at(kStartMs + i), static_cast<std::size_t>(i) % 3000)))
        written = i + 1;
    }
  });
  for (bool last = false; !last;) {
    const int before = written;
    last = before == kLines;
    ScanReport report;
    const auto seen = lines(&report);
    EXPECT_GE(seen.size(), static_cast<std::size_t>(before));
    EXPECT_EQ(report.unreadable, 0U);
    if (before > 0) {
      EXPECT_TRUE(find(temp.path(), "req", id_at(kStartMs + before - 1)));
      EXPECT_GE(tail(temp.path(), "req", 1)->front(),
                rec(id_at(kStartMs + before - 1)).substr(0, 40));
    }
  }
  owner.join();
}

}  // namespace
}  // namespace swy::record
