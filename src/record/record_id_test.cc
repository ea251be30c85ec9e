#include "record/record_id.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/fake_clock.h"

namespace swy::record {
namespace {

TEST(RecordId, GivesBackThePartsItWasMadeOf) {
  const RecordIdParts parts{1'763'000'123'456, 1023, 0xAB'CDEF'0123, 0x3FFF'FFFF};
  const RecordId id = make_record_id(parts);
  EXPECT_EQ(id.view().size(), kRecordIdSize);
  const auto back = parse_record_id(id.view());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->time_ms, parts.time_ms);
  EXPECT_EQ(back->worker, parts.worker);
  EXPECT_EQ(back->salt, parts.salt);
  EXPECT_EQ(back->sequence, parts.sequence);
}

TEST(RecordId, IsAKnownText) {
  EXPECT_EQ(make_record_id({0x1'0000'0000, 33, 1, 2}).view(), "rec_00040000001100000001000002");
}

TEST(RecordId, SortsByTimeAsText) {
  base::FakeClock clock;
  RecordIds ids(clock, 3, ~0ULL);
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    clock.advance_us(i % 7 * 500);
    const std::string id(ids.next().view());
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(RecordId, IsUniqueAcrossWorkersAndRestartsInTheSameMillisecond) {
  const base::FakeClock clock;
  std::set<std::string> seen;
  for (const std::uint64_t salt : {random_salt(), random_salt()}) {
    for (unsigned worker = 0; worker < 4; ++worker) {
      RecordIds ids(clock, worker, salt);
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(seen.emplace(ids.next().view()).second);
    }
  }
}

TEST(RecordId, RefusesTextsOfAnotherShape) {
  const std::string good(make_record_id({1, 2, 3, 4}).view());
  EXPECT_TRUE(parse_record_id(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_FALSE(parse_record_id(good.substr(0, cut)));
  EXPECT_FALSE(parse_record_id(good + "0"));
  for (const char c : {'i', 'l', 'o', 'u', 'A', '"', '\0', '/'}) {
    std::string bad = good;
    bad[7] = c;
    EXPECT_FALSE(parse_record_id(bad)) << c;
  }
  std::string late = good;
  late[4] = 'z';  // more than 48 bits of time
  EXPECT_FALSE(parse_record_id(late));
}

}  // namespace
}  // namespace swy::record
