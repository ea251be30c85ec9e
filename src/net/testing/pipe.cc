#include "net/testing/pipe.h"

#include <algorithm>
#include <string>

namespace swy::net::testing {
namespace {

class PipeEnd;

// One direction.
struct Channel {
  std::string bytes;
  bool closed = false;  // no more bytes will be written
  bool broken = false;  // nobody will read
  PipeEnd* reader = nullptr;
  PipeEnd* writer = nullptr;
};

// Completions are posted to the loop, as the contract of Stream wants; `alive` tells a late one
// that its end is gone.
class PipeEnd final : public Stream {
 public:
  PipeEnd(Loop& loop, const PipeOptions& options, std::shared_ptr<Channel> in,
          std::shared_ptr<Channel> out)
      : loop_(loop),
        options_(options),
        in_(std::move(in)),
        out_(std::move(out)),
        read_deadline_([](void* s) { static_cast<PipeEnd*>(s)->stop_read(ErrorCode::kTimeout); },
                       this),
        write_deadline_([](void* s) { static_cast<PipeEnd*>(s)->stop_write(ErrorCode::kTimeout); },
                        this) {
    in_->reader = this;
    out_->writer = this;
  }
  ~PipeEnd() override {
    close();
    in_->reader = nullptr;
    out_->writer = nullptr;
  }
  PipeEnd(const PipeEnd&) = delete;
  PipeEnd& operator=(const PipeEnd&) = delete;

  bool start_read(ReadOp& op) override {
    if (try_read(op)) return true;
    read_ = &op;
    return false;
  }
  bool start_write(WriteOp& op) override {
    if (try_write(op)) return true;
    write_ = &op;
    write_deadline_.arm(loop_, loop_.after(stall_ns_));
    return false;
  }
  void withdraw_read() noexcept override { read_ = nullptr; }
  void withdraw_write() noexcept override { write_ = nullptr; }
  void set_read_deadline(std::int64_t due_ns) override { read_deadline_.arm(loop_, due_ns); }
  void set_write_stall(std::int64_t ns) override { stall_ns_ = ns; }
  void cancel() override {
    stop_read(ErrorCode::kCancelled);
    stop_write(ErrorCode::kCancelled);
  }
  void shutdown_write() override {
    out_->closed = true;
    wake(out_->reader);
  }
  void close() override {
    shutdown_write();
    in_->broken = true;
    wake(in_->writer);
    cancel();
    closed_ = true;
  }
  [[nodiscard]] std::string peer() const override { return "pipe"; }
  [[nodiscard]] std::string local() const override { return "pipe"; }

 private:
  bool try_read(ReadOp& op) {
    if (closed_) {
      op.result = fail(ErrorCode::kClosed, "the pipe is closed");
      return true;
    }
    if (in_->bytes.empty()) {
      op.result = std::size_t{0};
      return in_->closed;
    }
    const std::size_t n = std::min({in_->bytes.size(), op.buffer.size(), options_.max_read});
    std::copy_n(in_->bytes.begin(), n, op.buffer.begin());
    in_->bytes.erase(0, n);
    op.result = n;
    wake(in_->writer);
    return true;
  }
  bool try_write(WriteOp& op) {
    if (closed_ || out_->broken || out_->closed) {
      op.result = fail(ErrorCode::kClosed, "nobody reads the pipe");
      return true;
    }
    while (!op.empty() && out_->bytes.size() < options_.capacity) {
      const std::size_t n = std::min(options_.capacity - out_->bytes.size(), op.pieces[0].size());
      out_->bytes.append(op.pieces[0].substr(0, n));
      op.consume(n);
      wake(out_->reader);
    }
    return op.empty();
  }
  void stop_read(ErrorCode why) {
    if (read_ == nullptr) return;
    read_->result = fail(why, "the operation was stopped");
    read_stopped_ = true;
    wake(this);
  }
  void stop_write(ErrorCode why) {
    if (write_ == nullptr) return;
    write_->result = fail(why, "the operation was stopped");
    write_stopped_ = true;
    wake(this);
  }
  static void wake(PipeEnd* end) {
    if (end == nullptr) return;
    end->loop_.post([end, alive = std::weak_ptr<bool>(end->alive_)] {
      if (!alive.expired()) end->progress(alive);
    });
  }
  void progress(const std::weak_ptr<bool>& alive) {
    if (read_ != nullptr && (std::exchange(read_stopped_, false) || try_read(*read_))) {
      ReadOp& op = *std::exchange(read_, nullptr);
      op.done(op.context);
    }
    if (alive.expired()) return;
    if (write_ != nullptr && (std::exchange(write_stopped_, false) || try_write(*write_))) {
      WriteOp& op = *std::exchange(write_, nullptr);
      op.done(op.context);
    }
  }

  Loop& loop_;
  PipeOptions options_;
  std::shared_ptr<Channel> in_;
  std::shared_ptr<Channel> out_;
  ReadOp* read_ = nullptr;
  WriteOp* write_ = nullptr;
  bool read_stopped_ = false;
  bool write_stopped_ = false;
  bool closed_ = false;
  std::int64_t stall_ns_ = 0;
  Deadline read_deadline_;
  Deadline write_deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_pipe(Loop& loop,
                                                                      const PipeOptions& options) {
  auto there = std::make_shared<Channel>();
  auto back = std::make_shared<Channel>();
  return {std::make_unique<PipeEnd>(loop, options, back, there),
          std::make_unique<PipeEnd>(loop, options, there, back)};
}

}  // namespace swy::net::testing
