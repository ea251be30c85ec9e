#include "http/private/inbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace swy::http {

Inbox::~Inbox() {
  if (posted_) stream_.withdraw_read();
}

// Before a read: the buffer shrinks to its idle size when empty, doubles when the last read filled
// it, and otherwise just moves its bytes to the front.
void Inbox::make_room(Why why) {
  const std::size_t size = end_ - begin_;
  std::size_t wanted = std::max(capacity_, idle_size_);
  if (filled_ || size + idle_size_ / 2 > capacity_) {
    wanted = std::min(std::max(capacity_ * 2, idle_size_), max_size_);
  } else if (why == Why::kIdle && size == 0 && capacity_ > idle_size_) {
    wanted = idle_size_;
  }
  filled_ = false;
  if (wanted != capacity_) {
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (size > 0) std::memcpy(larger.get(), buffer_.get() + begin_, size);
    buffer_ = std::move(larger);
    capacity_ = wanted;
  } else if (begin_ > 0 && size > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, size);
  }
  begin_ = 0;
  end_ = size;
}

Inbox::Post Inbox::post(Why why) {
  if (posted_) return Post::kPosted;
  make_room(why);
  if (end_ == capacity_) return Post::kFull;
  op_.buffer = {buffer_.get() + end_, capacity_ - end_};
  op_.result = 0;
  op_.done = [](void* self) { static_cast<Inbox*>(self)->on_done(); };
  op_.context = this;
  posted_ = true;
  if (!stream_.start_read(op_)) return Post::kPosted;
  arrived();
  return Post::kArrived;
}

void Inbox::arrived() {
  posted_ = false;
  if (!op_.result) {
    error_ = std::move(op_.result).error();
  } else if (*op_.result == 0) {
    ended_cleanly_ = true;
    error_ = Error{ErrorCode::kClosed, "the peer closed the connection"};
  } else {
    filled_ = *op_.result == op_.buffer.size();
    end_ += *op_.result;
  }
}

void Inbox::on_done() {
  arrived();
  if (waiter_) {
    std::exchange(waiter_, {}).resume();
  } else if (news_ != nullptr) {
    news_(news_context_);
  }
}

void Inbox::listen() {
  while (!ended() && post(Why::kIdle) == Post::kArrived) {
  }
  if (ended() && news_ != nullptr) news_(news_context_);
}

}  // namespace swy::http
