#include "embed/pool.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fake_clock.h"

namespace swy::embed {
namespace {

const std::string kGolden = SWY_SOURCE_DIR "/tests/golden/encoders/";

std::shared_ptr<const Encoder> encoder(const std::string& name) {
  auto e = Encoder::load(kGolden + name);
  EXPECT_TRUE(e);
  return *e;
}

using Answered = Result<std::vector<float>>;

// A job whose answer comes through a future.
Pool::Job job(std::string text, std::future<Answered>& future) {
  auto promise = std::make_shared<std::promise<Answered>>();
  future = promise->get_future();
  Pool::Job j;
  j.text = std::move(text);
  j.done = [promise](Answered a) { promise->set_value(std::move(a)); };
  return j;
}

// Keeps the pool's only thread busy until it is released.
class Plug {
 public:
  explicit Plug(Pool& pool) {
    Pool::Job j;
    j.done = [this](const Answered&) {
      in_.set_value();
      out_.get_future().wait();
    };
    EXPECT_TRUE(pool.submit(std::move(j)));
    in_.get_future().wait();
  }
  void release() { out_.set_value(); }

 private:
  std::promise<void> in_, out_;
};

TEST(Pool, answers_with_the_encoders_own_numbers) {
  const auto e = encoder("bert_sequence");
  PoolOptions o;
  o.threads = 3;
  Pool pool(e, o);
  std::vector<std::future<Answered>> futures(60);
  for (std::size_t i = 0; i < futures.size(); ++i) {
    auto j = job(std::string(i % 7, 'a'), futures[i]);
    j.what = i % 2 == 0 ? Pool::What::kEmbed : Pool::What::kClassify;
    ASSERT_TRUE(pool.submit(std::move(j)));
  }
  Workspace ws;
  for (std::size_t i = 0; i < futures.size(); ++i) {
    const auto got = futures[i].get();
    ASSERT_TRUE(got);
    Matrix want;
    const std::string text(i % 7, 'a');
    const std::string_view view = text;
    if (i % 2 == 0) {
      e->embed({&view, 1}, ws, want);
    } else {
      ASSERT_TRUE(e->classify({&view, 1}, ws, want));
    }
    EXPECT_EQ(*got, std::vector<float>(want.all().begin(), want.all().end()));
  }
  EXPECT_EQ(pool.stats().done, 60);
  EXPECT_EQ(pool.stats().accepted, 60);
}

TEST(Pool, takes_what_waits_as_one_batch) {
  Pool pool(encoder("bert_embed"), {});
  Plug plug(pool);
  std::vector<std::future<Answered>> futures(16);
  for (auto& f : futures) ASSERT_TRUE(pool.submit(job("the cat", f)));
  EXPECT_EQ(pool.stats().waiting, 16);
  plug.release();
  for (auto& f : futures) EXPECT_TRUE(f.get());
  EXPECT_EQ(pool.stats().runs, 2);  // the plug and the batch
}

TEST(Pool, refuses_at_once_when_the_queue_is_full) {
  PoolOptions o;
  o.queue = 2;
  Pool pool(encoder("bert_embed"), o);
  Plug plug(pool);
  std::vector<std::future<Answered>> futures(3);
  EXPECT_TRUE(pool.submit(job("a", futures[0])));
  EXPECT_TRUE(pool.submit(job("b", futures[1])));
  const Status full = pool.submit(job("c", futures[2]));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(pool.stats().refused, 1);
  plug.release();
  EXPECT_TRUE(futures[0].get());
  EXPECT_TRUE(futures[1].get());
}

TEST(Pool, drops_and_counts_jobs_whose_deadline_has_passed) {
  base::FakeClock clock;  // set before the thread reads it: the plug orders the two
  PoolOptions o;
  Pool pool(encoder("bert_embed"), o, clock);
  Plug plug(pool);
  std::vector<std::future<Answered>> futures(2);
  auto late = job("late", futures[0]);
  late.deadline_ns = clock.mono_ns() + 1000;
  auto in_time = job("in time", futures[1]);
  in_time.deadline_ns = clock.mono_ns() + 1'000'000'000;
  ASSERT_TRUE(pool.submit(std::move(late)));
  ASSERT_TRUE(pool.submit(std::move(in_time)));
  clock.advance_us(1);
  plug.release();
  EXPECT_EQ(futures[0].get().error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(futures[1].get());
  EXPECT_EQ(pool.stats().expired, 1);
}

TEST(Pool, answers_on_the_thread_that_post_leads_to) {
  Pool pool(encoder("bert_embed"), {});
  std::promise<std::function<void()>> posted;
  std::thread::id where;
  Pool::Job j;
  j.text = "the cat";
  j.done = [&where](const Answered& a) {
    EXPECT_TRUE(a);
    where = std::this_thread::get_id();
  };
  j.post = [&posted](std::function<void()> f) { posted.set_value(std::move(f)); };
  ASSERT_TRUE(pool.submit(std::move(j)));
  posted.get_future().get()();
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(Pool, cancels_what_waits_when_it_goes) {
  std::vector<std::future<Answered>> futures(2);
  std::thread release;
  {
    Pool pool(encoder("bert_embed"), {});
    auto plug = std::make_shared<Plug>(pool);
    for (auto& f : futures) ASSERT_TRUE(pool.submit(job("a", f)));
    release = std::thread([plug, &futures] {
      futures[1].wait();  // answered by the destructor before it joins
      plug->release();
    });
  }
  release.join();
  for (auto& f : futures) EXPECT_EQ(f.get().error().code, ErrorCode::kCancelled);
}

TEST(Pool, refuses_a_head_that_is_not_there) {
  Pool pool(encoder("bert_embed"), {});
  std::future<Answered> future;
  auto j = job("a", future);
  j.what = Pool::What::kClassify;
  EXPECT_EQ(pool.submit(std::move(j)).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace swy::embed
