#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fake_clock.h"
#include "record/log.h"
#include "record/log_reader.h"
#include "record/testing/faulty_files.h"
#include "record/testing/temp_dir.h"

namespace swy::record {
namespace {

std::string line(int i) { return fmt::format(R"({{"v":1,"n":{}}})", i); }

std::vector<std::string> all_lines(const std::string& dir, ScanReport* report = nullptr) {
  std::vector<std::string> out;
  const auto done = scan(dir, "req", [&](std::string_view text, const LogPlace&) {
    out.emplace_back(text);
    return true;
  });
  EXPECT_TRUE(done);
  if (done && report != nullptr) *report = *done;
  return out;
}

class LogWriterTest : public testing::Test {
 protected:
  std::unique_ptr<LogWriter> open(std::uint64_t rotate_bytes = 1U << 20U) {
    auto writer = LogWriter::open({dir, "req", 2, rotate_bytes}, clock, files);
    EXPECT_TRUE(writer) << writer.error().message;
    return *std::move(writer);
  }
  static ErrorCode code(const Status& s) { return s ? ErrorCode::kInternal : s.error().code; }

  TempDir temp;
  std::string dir = temp / "records";
  base::FakeClock clock;
  FaultyFiles files;
};

TEST_F(LogWriterTest, WritesEachLineWithOneWriteIntoAPrivateFileNamedByTime) {
  const auto writer = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->append(line(i)));
  EXPECT_EQ(files.writes, 3);
  EXPECT_EQ(writer->path(), fmt::format("{}/req-1700000000000-{}-2-0.jsonl", dir, ::getpid()));
  EXPECT_EQ(read_text(writer->path()), line(0) + "\n" + line(1) + "\n" + line(2) + "\n");
  struct stat st{};
  ASSERT_EQ(::stat(dir.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0700U);
  ASSERT_EQ(::stat(writer->path().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
}

TEST_F(LogWriterTest, BeginsANewFileAtTheSizeLimitAndAtEachStart) {
  {
    const auto writer = open(3 * (line(0).size() + 1));
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(writer->append(line(i)));
    ASSERT_TRUE(writer->append(std::string(500, ' ') +
                               line(7)));  // longer than the limit: a file of its own
  }
  EXPECT_EQ(log_files(dir, "req")->size(), 4U);
  const auto restarted = open();
  ASSERT_TRUE(restarted->append(
      line(8)));  // same pid, same millisecond: the name is taken, the next one is not
  EXPECT_EQ(log_files(dir, "req")->size(), 5U);
  EXPECT_EQ(all_lines(dir).size(), 8U);  // line 7 begins with spaces: not handed out
}

TEST_F(LogWriterTest, TakesAShortWriteBackAndGoesOnWhenThereIsSpace) {
  const auto writer = open();
  ASSERT_TRUE(writer->append(line(0)));
  const std::string path = writer->path();
  files.short_write = 5;
  EXPECT_EQ(code(writer->append(line(1))), ErrorCode::kExhausted);
  EXPECT_EQ(read_text(path), line(0) + "\n");
  files.write_error = ENOSPC;
  EXPECT_EQ(code(writer->append(line(2))), ErrorCode::kExhausted);
  files.write_error = 0;
  ASSERT_TRUE(writer->append(line(3)));
  EXPECT_EQ(read_text(path), line(0) + "\n" + line(3) + "\n");
  EXPECT_EQ(writer->dropped(), 2U);
  EXPECT_EQ(writer->appended(), 2U);
}

TEST_F(LogWriterTest, WritesTheLinesOfOneFlushTogether) {
  const auto writer = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->add(line(i)));
  EXPECT_EQ(files.writes, 0);
  EXPECT_EQ(writer->appended(), 0U) << "nothing is acknowledged before the flush";
  EXPECT_EQ(code(writer->add("a\nb")), ErrorCode::kInvalidArgument);
  writer->flush();
  writer->flush();
  EXPECT_EQ(files.writes, 1);
  EXPECT_EQ(writer->appended(), 3U);
  EXPECT_EQ(writer->dropped(), 1U);
  ASSERT_TRUE(writer->add(line(3)));
  ASSERT_TRUE(writer->append(line(4)));
  EXPECT_EQ(files.writes, 3) << "the answer of append() is about its own line";
  EXPECT_EQ(all_lines(dir),
            (std::vector<std::string>{line(0), line(1), line(2), line(3), line(4)}));
}

TEST_F(LogWriterTest, KeepsTheSizeLimitWithinOneFlush) {
  const auto writer = open(3 * (line(0).size() + 1));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(writer->add(line(i)));
  writer->flush();
  EXPECT_EQ(log_files(dir, "req")->size(), 3U);
  EXPECT_EQ(all_lines(dir).size(), 7U);
}

TEST_F(LogWriterTest, LosesOfAGroupOnlyTheLinesThatDoNotFit) {
  const auto writer = open();
  const std::size_t size = line(0).size() + 1;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(writer->add(line(i)));
  files.short_write = size + 3;  // and space for single lines afterwards
  writer->flush();
  EXPECT_EQ(writer->appended(), 4U);
  EXPECT_EQ(all_lines(dir), (std::vector<std::string>{line(0), line(1), line(2), line(3)}));

  for (int i = 4; i < 8; ++i) ASSERT_TRUE(writer->add(line(i)));
  files.write_error = ENOSPC;
  writer->flush();
  EXPECT_EQ(writer->dropped(), 4U);
  EXPECT_EQ(writer->last_error().code, ErrorCode::kExhausted);
  files.write_error = 0;
  ASSERT_TRUE(writer->append(line(8)));
  EXPECT_EQ(all_lines(dir).back(), line(8));
  EXPECT_EQ(all_lines(dir).size(), 5U);
}

TEST_F(LogWriterTest, LeavesNoLineTwiceWhenAGroupIsCutAndCannotBeTakenBack) {
  const auto writer = open();
  const std::size_t size = line(0).size() + 1;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->add(line(i)));
  files.short_write = size + 3;
  files.truncate_error = EIO;
  writer->flush();
  EXPECT_EQ(writer->appended(), 3U);
  ScanReport report;
  EXPECT_EQ(all_lines(dir, &report), (std::vector<std::string>{line(0), line(1), line(2)}));
  EXPECT_EQ(report.torn, 1U);
}

TEST_F(LogWriterTest, WritesAGroupAgainWhenItsFileWasDeleted) {
  const auto writer = open();
  ASSERT_TRUE(writer->append(line(0)));
  std::filesystem::remove(writer->path());
  for (int i = 1; i < 4; ++i) ASSERT_TRUE(writer->add(line(i)));
  writer->flush();
  EXPECT_EQ(all_lines(dir), (std::vector<std::string>{line(1), line(2), line(3)}));
}

TEST_F(LogWriterTest, LeavesAHalfLineItCannotTakeBackAsATornTail) {
  const auto writer = open();
  ASSERT_TRUE(writer->append(line(0)));
  const std::string torn = writer->path();
  files.short_write = 5;
  files.truncate_error = EIO;
  EXPECT_EQ(code(writer->append(line(1))), ErrorCode::kExhausted);
  ASSERT_TRUE(writer->append(line(2)));
  EXPECT_NE(writer->path(), torn);
  ScanReport report;
  EXPECT_EQ(all_lines(dir, &report), (std::vector<std::string>{line(0), line(2)}));
  EXPECT_EQ(report.torn, 1U);
  EXPECT_EQ(report.unreadable, 0U);
}

TEST_F(LogWriterTest, LeavesAFileThatReportsAnInputOutputErrorForANewOne) {
  const auto writer = open();
  ASSERT_TRUE(writer->append(line(0)));
  const std::string first = writer->path();
  files.write_error = EIO;
  const Status failed = writer->append(line(1));
  EXPECT_EQ(code(failed), ErrorCode::kIo);
  EXPECT_NE(failed.error().message.find(first), std::string::npos);
  files.write_error = 0;
  ASSERT_TRUE(writer->append(line(2)));
  EXPECT_NE(writer->path(), first);
}

TEST_F(LogWriterTest, SaysThatItCannotMakeAFileAndRecovers) {
  const auto writer = open();
  files.open_error = EROFS;
  EXPECT_EQ(code(writer->append(line(0))), ErrorCode::kIo);
  files.open_error = EMFILE;
  EXPECT_EQ(code(writer->append(line(1))), ErrorCode::kExhausted);
  files.open_error = 0;
  ASSERT_TRUE(writer->append(line(2)));
  EXPECT_EQ(writer->dropped(), 2U);
  EXPECT_EQ(all_lines(dir), std::vector<std::string>{line(2)});
}

TEST_F(LogWriterTest, NoticesThatItsDirectoryVanished) {
  const auto writer = open();
  ASSERT_TRUE(writer->append(line(0)));
  std::filesystem::remove_all(dir);
  ASSERT_TRUE(writer->append(line(1)));  // the directory could be made again
  EXPECT_EQ(all_lines(dir), std::vector<std::string>{line(1)});

  std::filesystem::remove_all(temp.path());
  EXPECT_EQ(code(writer->append(line(2))), ErrorCode::kIo);
  EXPECT_EQ(code(writer->append(line(3))), ErrorCode::kIo);
  std::filesystem::create_directory(temp.path());
  ASSERT_TRUE(writer->append(line(4)));
  EXPECT_EQ(all_lines(dir), std::vector<std::string>{line(4)});
  EXPECT_EQ(writer->dropped(), 2U);
}

TEST_F(LogWriterTest, RefusesToOpenWhereNoDirectoryCanBe) {
  write_text(temp / "file", "");
  const auto in_file = LogWriter::open({temp / "file/records", "req"}, clock);
  ASSERT_FALSE(in_file);
  EXPECT_EQ(in_file.error().code, ErrorCode::kIo);
  EXPECT_NE(in_file.error().message.find("file/records"), std::string::npos);
  EXPECT_FALSE(LogWriter::open({temp / "no/such/parent", "req"}, clock));
  EXPECT_FALSE(LogWriter::open({dir, "re/q"}, clock));
  EXPECT_FALSE(LogWriter::open({dir, ""}, clock));
}

TEST_F(LogWriterTest, RefusesLinesThatCannotBeARecord) {
  const auto writer = open();
  EXPECT_EQ(code(writer->append("{\"a\":1}\n{}")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(writer->append(std::string(kMaxLine, 'x'))), ErrorCode::kTooLarge);
  EXPECT_EQ(writer->dropped(), 2U);
  EXPECT_EQ(files.writes, 0);
}

// A real full disk as the process sees it: the kernel writes part of a line, then nothing.
TEST_F(LogWriterTest, SurvivesARealSizeLimitWithoutAHalfLine) {
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct sigaction ignore{};
  struct sigaction old{};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGXFSZ, &ignore, &old), 0);
  const auto writer = open();
  const std::size_t each = line(10).size() + 1;
  struct rlimit small = before;
  small.rlim_cur = 5 * each + each / 2;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<std::string> acknowledged;
  for (int i = 10; i < 20; ++i) {
    const Status s = writer->append(line(i));
    if (s) {
      acknowledged.push_back(line(i));
    } else {
      EXPECT_EQ(s.error().code, ErrorCode::kExhausted);
    }
  }
  const std::size_t size_when_full = std::filesystem::file_size(writer->path());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_EQ(::sigaction(SIGXFSZ, &old, nullptr), 0);
  EXPECT_EQ(acknowledged.size(), 5U);
  EXPECT_EQ(size_when_full, 5 * each);
  ASSERT_TRUE(writer->append(line(99)));
  acknowledged.push_back(line(99));
  ScanReport report;
  EXPECT_EQ(all_lines(dir, &report), acknowledged);
  EXPECT_EQ(report.torn + report.unreadable, 0U);
  EXPECT_EQ(writer->dropped(), 5U);
}

TEST_F(LogWriterTest, EveryAcknowledgedLineSurvivesKill9) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto writer = LogWriter::open({dir, "req", 0, 4096}, clock);
    for (int i = 0; writer && (*writer)->append(line(i)); ++i) {
      if (::write(pipe_fds[1], &i, sizeof i) != sizeof i) break;
    }
    ::_exit(1);
  }
  ::close(pipe_fds[1]);
  int acknowledged = -1;
  for (int i = 0; acknowledged < 2000 && ::read(pipe_fds[0], &i, sizeof i) == sizeof i;)
    acknowledged = i;
  ::kill(child, SIGKILL);
  for (int i = 0; ::read(pipe_fds[0], &i, sizeof i) == sizeof i;)
    acknowledged = i;  // told before it died
  ::close(pipe_fds[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_GE(acknowledged, 2000);
  const auto lines = all_lines(dir);
  // At most one line more than told: written, and killed before the pipe.
  EXPECT_GE(lines.size(), static_cast<std::size_t>(acknowledged) + 1);
  EXPECT_LE(lines.size(), static_cast<std::size_t>(acknowledged) + 2);
  ASSERT_GT(log_files(dir, "req")->size(), 1U);
}

TEST_F(LogWriterTest, SyncsEveryFileOnceAndReportsItsFailure) {
  const auto writer = open(3 * (line(0).size() + 1));
  ASSERT_TRUE(writer->sync());
  EXPECT_EQ(files.syncs, 0);  // nothing written yet
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(writer->append(line(i)));
  ASSERT_TRUE(writer->sync());
  EXPECT_EQ(files.syncs, 4);  // two full files, the present one, the directory
  ASSERT_TRUE(writer->sync());
  EXPECT_EQ(files.syncs, 4);  // nothing written since
  ASSERT_TRUE(writer->append(line(7)));
  ASSERT_TRUE(writer->sync());
  EXPECT_EQ(files.syncs, 5);  // the present one
  ASSERT_TRUE(writer->append(line(8)));
  files.sync_error = EIO;
  EXPECT_EQ(code(writer->sync()), ErrorCode::kIo);
}

TEST_F(LogWriterTest, HasTheDiskBeginOnEveryByteOnceInLargeSteps) {
  const std::string long_line(60 * 1024, 'x');
  const auto writer = open(std::uint64_t{1} << 30U);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(writer->append(long_line));
  off_t next = 0;
  for (const auto& [from, size] : files.write_outs) {
    EXPECT_EQ(from, next);
    EXPECT_GE(size, 256 * 1024);
    next = from + size;
  }
  EXPECT_EQ(files.write_outs.size(), 4U);
}

TEST_F(LogWriterTest, SyncsFromAnotherThreadWhileTheOwnerAppends) {
  auto writer = LogWriter::open({dir, "req", 0, 1024}, clock);
  ASSERT_TRUE(writer);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::thread control([&] {
    while (!stop) failures += (*writer)->sync() ? 0 : 1;
  });
  for (int i = 0; i < 5000; ++i) EXPECT_TRUE((*writer)->append(line(i)));
  stop = true;
  control.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(all_lines(dir).size(), 5000U);
}

}  // namespace
}  // namespace swy::record
